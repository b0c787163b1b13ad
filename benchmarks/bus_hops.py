"""How many messages per second one worker moves through one hop, as a ratio to a naive reliable hop
of the same run.

The naive hop is BLMOVE to a processing list, then a script that pushes to the next list and removes
by value: two round trips per message. The pipe takes and gives whole batches in one. Payloads are
600 bytes; rounds alternate, medians are compared.

    python -m benchmarks.bus_hops [--messages 2000] [--rounds 5] [--appendonly]
"""

import argparse
import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable

from tests.kit.support import RedisServer

from keter.bus.connection import Bus, connect
from keter.bus.queue import Output, Pipe, QueueName

PAYLOAD = b"x" * 600
BATCHES = (1, 16, 64)
NAIVE_ACK = "redis.call('RPUSH', KEYS[2], ARGV[1]) return redis.call('LREM', KEYS[1], 1, ARGV[1])"


async def naive(bus: Bus, messages: int) -> float:
    """Seconds for all messages."""
    payloads = [b"%08d" % n + PAYLOAD[8:] for n in range(messages)]
    await bus.redis.delete("src", "busy", "dst")
    for start in range(0, messages, 500):
        await bus.redis.rpush("src", *payloads[start : start + 500])
    sha = await bus.redis.execute_command("SCRIPT LOAD", NAIVE_ACK)
    began = time.perf_counter()
    for _ in range(messages):
        item = await bus.redis.execute_command("BLMOVE", "src", "busy", "LEFT", "RIGHT", 1)
        await bus.redis.execute_command("EVALSHA", sha, 2, "busy", "dst", item)
    took = time.perf_counter() - began
    assert await bus.redis.llen("dst") == messages
    return took


async def conflating(bus: Bus, messages: int, batch: int) -> float:
    """Seconds for all messages."""
    await bus.redis.flushall()
    producer = Pipe(bus, source=None, worker="p", lease_ttl_s=60)
    await producer.step(
        outputs=[Output(QueueName.RAW, f"market-{n}", PAYLOAD) for n in range(messages)]
    )
    pipe = Pipe(bus, source=QueueName.RAW, worker="w", lease_ttl_s=60)
    await pipe.open()
    began = time.perf_counter()
    items = await pipe.step(claim=batch)
    while items:
        outputs = [Output(QueueName.VALIDATED, item.key, item.payload) for item in items]
        items = await pipe.step(done=len(items), outputs=outputs, claim=batch)
    took = time.perf_counter() - began
    assert await bus.redis.llen(bus.keys.queue("validated").list) == messages
    return took


async def main(messages: int, rounds: int, url: str) -> None:
    bus = await connect(url)
    ways: dict[str, Callable[[], Awaitable[float]]] = {
        "naive BLMOVE + LREM": lambda: naive(bus, messages)
    }
    for batch in BATCHES:
        ways[f"conflating pipe, batch {batch}"] = lambda batch=batch: conflating(
            bus, messages, batch
        )  # type: ignore[misc]  # bound at once
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            times[name].append(await way())
    base = statistics.median(times["naive BLMOVE + LREM"])
    print(
        f"{messages} messages of {len(PAYLOAD)} bytes, one hop, one worker, median of {rounds}"
        " rounds"
    )
    for name, took in times.items():
        median = statistics.median(took)
        spread = f"{messages / max(took):,.0f} to {messages / min(took):,.0f}"
        print(
            f"{name:28} {messages / median:>10,.0f} messages/s  {base / median:5.1f} x   ({spread})"
        )
    await bus.aclose()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--messages", type=int, default=2_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument(
        "--appendonly", action="store_true", help="with the append-only file, fsync every second"
    )
    arguments = parser.parse_args()
    server = RedisServer("--appendonly", "yes" if arguments.appendonly else "no")
    try:
        asyncio.run(main(arguments.messages, arguments.rounds, server.url))
    finally:
        server.close()
