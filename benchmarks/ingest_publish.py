"""What it costs ingest to publish a full snapshot: 2,000 matches at 8 books into odds:latest and
the raw queue of a real Redis.

Run: python -m benchmarks.ingest_publish [--matches 2000] [--books 8]

``publish`` is the time until Redis holds everything, also as a ratio to a bare round trip of the
same run; ``lag`` the longest time in which the event loop could do nothing else. Memory: what this
process grows to, and what Redis holds then.
"""

import argparse
import asyncio
import statistics
import tempfile
import time
from pathlib import Path

import psutil
from benchmarks.feed_snapshot import snapshot
from tests.kit.asianodds_payloads import NOW, feed_body
from tests.kit.support import RedisServer
from tests.kit.workbench import context_on, opened, settings_for

from keter.bus.connection import Bus
from keter.domain.feed import FeedUpdate
from keter.domain.markets import Phase
from keter.processes.publisher import Publisher
from keter.venues.asianodds.state import FeedState
from keter.venues.asianodds.wire import read_answer, read_feed

MB = 1e6
PINGS = 2000


def answer(matches: int, books: int) -> FeedUpdate:
    """Return the snapshot as the price source hands it on."""
    body = feed_body(*snapshot(matches, books))
    feed = read_feed(read_answer(body))
    merged = FeedState().merge(feed, Phase.TODAY, NOW, fresh=True)
    return FeedUpdate(
        Phase.TODAY,
        merged.changed,
        merged.removed,
        merged.scores,
        NOW,
        NOW,
        len(body),
        0.0,
        merged.known_markets,
    )


async def longest_lag_s(stop: asyncio.Event) -> float:
    longest = 0.0
    while not stop.is_set():
        began = time.perf_counter()
        await asyncio.sleep(0)
        longest = max(longest, time.perf_counter() - began)
    return longest


async def round_trip_s(bus: Bus) -> float:
    times = []
    for _ in range(PINGS):
        began = time.perf_counter()
        await bus.redis.execute_command("PING")
        times.append(time.perf_counter() - began)
    return statistics.median(times)


async def main(matches: int, books: int) -> None:
    update = answer(matches, books)
    server = RedisServer()
    try:
        with tempfile.TemporaryDirectory(prefix="keter-bench-") as folder:
            async with opened(server.url) as bus:
                publisher = Publisher(context_on(bus, settings_for(Path(folder)), "ingest"))
                ping_s = await round_trip_s(bus)
                before = psutil.Process().memory_info().rss
                stop = asyncio.Event()
                lag = asyncio.create_task(longest_lag_s(stop))
                began = time.perf_counter()
                await publisher.publish(update, NOW)
                took = time.perf_counter() - began
                stop.set()
                grown = psutil.Process().memory_info().rss - before
                held = psutil.Process(server.pid).memory_info().rss
        print(f"{matches} matches, {books} books, {len(update.changed)} markets")
        print(
            f"publish {took:.2f} s, {1e6 * took / len(update.changed):.0f} us a market,"
            f" {took / ping_s:.0f} bare round trips"
        )
        print(f"longest lag of the event loop {1000 * await lag:.0f} ms")
        print(f"memory: ingest +{grown / MB:.0f} MB, Redis {held / MB:.0f} MB in all")
    finally:
        server.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--matches", type=int, default=2000)
    parser.add_argument("--books", type=int, default=8)
    options = parser.parse_args()
    asyncio.run(main(options.matches, options.books))
