"""What the sandbox bookmaker costs: time of its world, size and time of its feed, memory, and calls
per second over HTTP.

Run: python -m benchmarks.sandbox_feed [--seconds 300] [--fixtures 2000] [--calls 300]

``world`` is processor time per second of the default scenario, unseen; ``feed`` the wall time of
one GetFeeds answer built in process, as JSON bytes before compression; ``http`` whole calls by one
client on loopback, both ends in this process. Memory is the resident size of a fresh ``python -m
keter.venues.asianodds.simulator`` process, at once and after a while of its default world.
"""

import argparse
import asyncio
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

import aiohttp
import orjson
import psutil

from keter.venues.asianodds.simulator.board import Board, MarketType, rows_json
from keter.venues.asianodds.simulator.config import DEMO_ACCOUNT, MarketConfig, SandboxConfig
from keter.venues.asianodds.simulator.market import Market
from keter.venues.asianodds.simulator.server import Sandbox

START_MS = 1_771_200_000_000


def world(seconds: int) -> None:
    begun = time.process_time()
    board = Board(300_000)
    market = Market(SandboxConfig(), start_ms=START_MS, board=board)
    started = time.process_time()
    print(
        f"world: start {1000 * (started - begun):.0f} ms; {len(market.listings)} fixtures,"
        f" {len(board.rows)} rows"
    )
    for second in range(1, seconds + 1):
        market.advance(START_MS + second * 1000)
    spent = time.process_time() - started
    print(
        f"world: {1000 * spent / seconds:.2f} ms per second ({100 * spent / seconds:.2f} % of a"
        f" core); {len(board.rows)} rows"
    )


def _timed(call: Callable[[], bytes], rounds: int = 5) -> tuple[float, int]:
    times = []
    for _ in range(rounds):
        begun = time.perf_counter()
        size = len(call())
        times.append(time.perf_counter() - begun)
    return min(times), size


def feed(fixtures: int) -> None:
    board = Board(300_000)
    config = SandboxConfig(market=MarketConfig(today_fixtures=fixtures, early_fixtures=0))
    market = Market(config, start_ms=START_MS, board=board)

    def full() -> bytes:
        return orjson.dumps(rows_json(board.changed(MarketType.TODAY, -1), "00", None))

    begun = time.perf_counter()
    size = len(full())
    cold = time.perf_counter() - begun
    warm, _ = _timed(full)
    rows = sum(1 for _ in board.changed(MarketType.TODAY, -1))
    print(
        f"feed: {rows} Today rows of {fixtures} matches, 8 books: {size / 2**20:.1f} MB, first"
        f" {1000 * cold:.0f} ms, unchanged {1000 * warm:.1f} ms"
    )
    since = board.cursor()
    market.advance(START_MS + 10_000)
    begun = time.perf_counter()
    delta = orjson.dumps(rows_json(board.changed(MarketType.TODAY, since), "00", None))
    print(
        f"feed: what changed in 10 s: {len(delta) / 2**10:.0f} kB in"
        f" {1000 * (time.perf_counter() - begun):.1f} ms"
    )


async def http(calls: int) -> None:
    async with (
        Sandbox(SandboxConfig(feed_interval_scale=0, delay_scale=0)) as sandbox,
        aiohttp.ClientSession() as client,
    ):
        headers = {"Accept": "application/json"}

        async def get(method: str, **query: str) -> bytes:
            async with client.get(
                f"{sandbox.url}/{method}", params=query, headers=headers
            ) as response:
                return await response.read()

        answer = orjson.loads(
            await get("Login", username=DEMO_ACCOUNT.user, password=DEMO_ACCOUNT.password_md5)
        )
        headers |= {"AOToken": answer["Result"]["Token"], "AOKey": answer["Result"]["Key"]}
        await get("Register", username=DEMO_ACCOUNT.user)
        for name, query in (
            ("GetAccountSummary", {}),
            ("GetFeeds", {"marketTypeId": "1", "oddsFormat": "00", "since": "1"}),
        ):
            times = []
            for _ in range(calls):
                begun = time.perf_counter()
                size = len(await get(name, **query))
                times.append(1000 * (time.perf_counter() - begun))
            cuts = statistics.quantiles(times, n=100)
            print(
                f"http: {name} {size / 1024:.1f} kB: median {cuts[49]:.2f} ms, 99th"
                f" {cuts[98]:.2f} ms"
            )


def memory(seconds: float) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "keter.venues.asianodds.simulator"], stdout=subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        process.stdout.readline()
        watched = psutil.Process(process.pid)
        first = watched.memory_info().rss
        time.sleep(seconds)
        cpu = sum(watched.cpu_times()[:2])
        print(
            f"memory: {first / 2**20:.0f} MB at start, {watched.memory_info().rss / 2**20:.0f} MB"
            f" after {seconds:.0f} s; {cpu:.1f} s of processor time since its birth"
        )
    finally:
        process.terminate()
        process.wait(10)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=300)
    parser.add_argument("--fixtures", type=int, default=2000)
    parser.add_argument("--calls", type=int, default=300)
    parser.add_argument("--memory-seconds", type=float, default=60)
    options = parser.parse_args()
    world(options.seconds)
    feed(options.fixtures)
    asyncio.run(http(options.calls))
    memory(options.memory_seconds)


if __name__ == "__main__":
    main()
