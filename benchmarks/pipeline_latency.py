"""How long from the arrival of a feed answer to the DRY bet that it caused, through all real
processes, leg by leg.

Redis, sandbox and seven worker processes run on this machine; the sandbox's market moves and its
books answer without delay, so that what is measured is ours. A feed answer brings many markets at
once and the router bets one at a time: later bets of an answer wait for earlier ones, which is part
of the figure. The first answers bring every market there is, so their bets are told apart from
those of the running market. Times are also given as ratios to a bare Redis round trip of the same
run.

    python -m benchmarks.pipeline_latency [--bets 60] [--limit-s 240]
"""

import argparse
import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.kit.support import ROOT, RedisServer

from keter.bus.codec import decode
from keter.bus.connection import Bus, connect
from keter.bus.telemetry.heartbeats import Heartbeat, read_heartbeats
from keter.clock import SystemClock
from keter.domain.order_states import OrderState
from keter.domain.orders import Order
from keter.domain.signals import ApprovedSignal
from keter.domain.trading import ExecutionMode
from keter.ledger import Ledger, OrderFilter
from keter.opening.stores import open_settings_ledger
from keter.settings import load_settings
from keter.venues.asianodds.simulator.config import AccountConfig, MarketConfig, SandboxConfig
from keter.venues.asianodds.simulator.server import Sandbox

PROCESSES = ("ingest", "validator", "edge", "guard", "router", "tracker", "recorder")
ROOMY = {
    "THROTTLE_BETS": "10000",
    "MAX_EXPOSURE_LEAGUE": "999999",
    "MAX_EXPOSURE_DAY": "999999",
    "MAX_EXPOSURE_TOTAL": "999999",
    "MAX_EXPOSURE_EVENT": "999999",
    "MAX_BETS_PER_EVENT": "50",
    "COOLDOWN_EVENT_SEC": "0",
    "BANKROLL": "9999999",
    "DAILY_LOSS_LIMIT_UNITS": "99999",
    "LOSING_STREAK_LIMIT": "999",
    "MIN_EV_PCT": "2",
}
PINGS = 2000
FIRST_S = 15.0


@contextmanager
def worker(
    name: str, environment: dict[str, str], folder: Path
) -> Iterator[subprocess.Popen[bytes]]:
    with (folder / f"{name}.out").open("wb") as log:
        child = subprocess.Popen(
            [sys.executable, "-m", "keter", "run", name],
            env={**os.environ, **environment},
            cwd=ROOT,
            stdout=log,
            stderr=log,
        )
    try:
        yield child
    finally:
        child.terminate()
        try:
            child.wait(10)
        except subprocess.TimeoutExpired:
            child.kill()


async def round_trip_s(bus: Bus) -> float:
    """Median of bare PINGs."""
    times = []
    for _ in range(PINGS):
        began = time.perf_counter()
        await bus.redis.execute_command("PING")
        times.append(time.perf_counter() - began)
    return statistics.median(times)


async def orders_of(ledger: Ledger) -> list[Order]:
    return await ledger.orders.list_orders(OrderFilter(mode=ExecutionMode.DRY), limit=100_000)


def parted(bets: Sequence[Order]) -> tuple[list[Order], list[Order]]:
    """Bets from the first answers, and from the market as it runs."""
    if not bets:
        return [], []
    answers = {
        bet.intent.intent_id: decode(ApprovedSignal, bet.intent.signal).signal.update.received_at
        for bet in bets
    }
    begun = min(answers.values())
    first = [
        bet for bet in bets if (answers[bet.intent.intent_id] - begun).total_seconds() < FIRST_S
    ]
    return first, [bet for bet in bets if bet not in first]


async def legs(ledger: Ledger, bets: Sequence[Order]) -> dict[str, list[float]]:
    """Seconds from the arrival of the feed answer to each step of each bet."""
    found: dict[str, list[float]] = {
        name: [] for name in ("edge confirmed", "guard approved", "intent committed", "bet sent")
    }
    for bet in bets:
        approved = decode(ApprovedSignal, bet.intent.signal)
        answer = approved.signal.update.received_at
        sent = [
            step.at
            for step in await ledger.orders.trail(bet.intent.intent_id)
            if step.target is OrderState.SENDING
        ]
        if not sent:
            continue
        for name, at in (
            ("edge confirmed", approved.signal.confirmed_at),
            ("guard approved", approved.approved_at),
            ("intent committed", bet.intent.created_at),
            ("bet sent", sent[0]),
        ):
            found[name].append((at - answer).total_seconds())
    return found


def report(title: str, found: dict[str, list[float]], ping_s: float) -> None:
    print(
        f"{title:<22}{'bets':>6}{'median ms':>12}{'p99 ms':>10}{'max ms':>10}"
        f"{'median / round trip':>22}"
    )
    for name, times in found.items():
        if not times:
            continue
        ranked = sorted(times)
        p99 = ranked[min(len(ranked) - 1, round(0.99 * (len(ranked) - 1)))]
        median = statistics.median(ranked)
        row = (
            f"{name:<22}{len(ranked):>6}{1000 * median:>12.1f}{1000 * p99:>10.1f}"
            f"{1000 * ranked[-1]:>10.1f}"
        )
        print(f"{row}{median / ping_s:>22.0f}")


def report_work(beats: Sequence[Heartbeat]) -> None:
    """Report what an item costs each worker and how long it waited, by heartbeat histograms."""
    print(f"{'worker':<12}{'items':>8}{'mean ms an item':>18}{'mean ms waited':>16}")
    for beat in beats:
        work, wait = beat.histograms.get("handle"), beat.histograms.get("wait")
        if work is not None and wait is not None and work.count:
            line = f"{beat.worker:<12}{work.count:>8}{1000 * work.sum_s / work.count:>18.2f}"
            print(f"{line}{1000 * wait.sum_s / wait.count:>16.1f}")


async def main(wanted: int, limit_s: float) -> None:
    server = RedisServer()
    config = SandboxConfig(
        delay_scale=0,
        accounts=(AccountConfig("demo", "demo-pass"),),
        market=MarketConfig(news_every_s=1.0, today_fixtures=60),
    )
    try:
        with tempfile.TemporaryDirectory(prefix="keter-bench-") as name:
            folder = Path(name)
            async with Sandbox(config) as sandbox:
                environment = {
                    "DATA_DIR": name,
                    "HALT_FILE": f"{name}/HALT",
                    "REDIS_URL": server.url,
                    "AO_BASE_URL": sandbox.url,
                    "AO_USER": "demo",
                    "AO_PASS": "demo-pass",
                    **ROOMY,
                }
                ledger = await open_settings_ledger(
                    load_settings(None, environment), clock=SystemClock()
                )
                bus = await connect(server.url)
                with ExitStack() as stack:
                    for process in PROCESSES:
                        stack.enter_context(worker(process, environment, folder))
                    deadline = time.monotonic() + limit_s
                    while (
                        len(parted(await orders_of(ledger))[1]) < wanted
                        and time.monotonic() < deadline
                    ):
                        await asyncio.sleep(0.5)
                    ping_s = await round_trip_s(bus)
                    beats = await read_heartbeats(bus)
                first, running = [
                    await legs(ledger, bets) for bets in parted(await orders_of(ledger))
                ]
                await bus.aclose()
                await ledger.aclose()
                if not running["bet sent"]:
                    raise SystemExit(
                        f"no bet was sent from the running market within {limit_s:g} s"
                    )
                print(f"bare Redis round trip: median {1e6 * ping_s:.0f} us of {PINGS}")
                report("first answers to", first, ping_s)
                report("later answers to", running, ping_s)
                report_work(beats)
    finally:
        server.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bets", type=int, default=60)
    parser.add_argument("--limit-s", type=float, default=240)
    options = parser.parse_args()
    asyncio.run(main(options.bets, options.limit_s))
