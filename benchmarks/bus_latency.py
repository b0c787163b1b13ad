"""How long a message takes through the pipeline's hops at a low rate: median and 99th percentile,
against a bare PING.

A message goes through five queues. Between them are four processes that wait on the bell, as
workers do; this process sends and receives. A busy machine shows in the 99th percentile of PING.

    python -m benchmarks.bus_latency [--messages 300] [--per-second 20]
"""

import argparse
import asyncio
import multiprocessing
import statistics
import time
from itertools import pairwise
from typing import cast

from tests.kit.support import RedisServer

from keter.bus.connection import Bus, connect
from keter.bus.queue import Output, Pipe, QueueName

PAYLOAD = b"x" * 580
CHAIN = [
    cast("QueueName", f"hop{n}") for n in range(1, 6)
]  # the pipeline itself has only four queues


async def hop(url: str, source: QueueName, target: QueueName) -> None:
    """Move items on until the one whose key is ``end``."""
    bus = await connect(url)
    pipe = Pipe(bus, source=source, worker=f"after-{source}", lease_ttl_s=60)
    await pipe.open()
    done, outputs, over = 0, list[Output](), False
    while not over:
        items = await pipe.step(done=done, outputs=outputs, claim=64)
        done, outputs = len(items), [Output(target, item.key, item.payload) for item in items]
        over = any(item.key == "end" for item in items)
        if not items:
            await pipe.wait()
    await pipe.step(done=done, outputs=outputs)
    await pipe.close()
    await bus.aclose()


def run_hop(url: str, source: QueueName, target: QueueName) -> None:
    asyncio.run(hop(url, source, target))


async def receive(pipe: Pipe, took_ms: list[float]) -> None:
    """Take what arrives and notes how long it was under way."""
    while True:
        items = await pipe.step(claim=64)
        now = time.perf_counter_ns()
        for item in items:
            if item.key == "end":
                await pipe.step(done=len(items))
                return
            took_ms.append((now - int(item.payload.partition(b"|")[0])) / 1e6)
        await pipe.step(done=len(items))
        if not items:
            await pipe.wait()


async def send(bus: Bus, messages: int, per_second: float) -> None:
    producer = Pipe(bus, source=None, worker="ingest", lease_ttl_s=60)
    for n in range(messages):
        payload = b"%d|" % time.perf_counter_ns() + PAYLOAD
        await producer.step(outputs=[Output(CHAIN[0], f"market-{n}", payload)])
        await asyncio.sleep(1 / per_second)
    await producer.step(outputs=[Output(CHAIN[0], "end", b"")])


async def ping(bus: Bus, n: int) -> list[float]:
    took_ms = []
    for _ in range(n):
        began = time.perf_counter_ns()
        await bus.redis.execute_command("PING")
        took_ms.append((time.perf_counter_ns() - began) / 1e6)
    return took_ms


def line(name: str, took_ms: list[float], base: float) -> str:
    ordered = sorted(took_ms)
    p99 = ordered[min(int(len(ordered) * 0.99), len(ordered) - 1)]
    median = statistics.median(ordered)
    return (
        f"{name:34} median {median:7.3f} ms ({median / base:5.1f} x)   p99 {p99:7.3f} ms  "
        f" n={len(ordered)}"
    )


async def main(url: str, messages: int, per_second: float) -> None:
    bus = await connect(url)
    sink = Pipe(bus, source=CHAIN[-1], worker="router", lease_ttl_s=60)
    await sink.open()
    pings = await ping(bus, 2_000)
    hops_ms: list[float] = []
    await asyncio.gather(send(bus, messages, per_second), receive(sink, hops_ms))
    base = statistics.median(pings)
    print(
        f"{messages} messages, {per_second:g} per second, four processes between sender and"
        " receiver"
    )
    print(line("one PING", pings, base))
    print(line("five hops", hops_ms, base))
    await bus.aclose()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--messages", type=int, default=300)
    parser.add_argument("--per-second", type=float, default=20)
    arguments = parser.parse_args()
    server = RedisServer()
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=run_hop, args=(server.url, a, b)) for a, b in pairwise(CHAIN)]
    try:
        for worker in workers:
            worker.start()
        asyncio.run(main(server.url, arguments.messages, arguments.per_second))
        for worker in workers:
            worker.join(5)
    finally:
        for worker in workers:
            if worker.is_alive():
                worker.kill()
        server.close()
