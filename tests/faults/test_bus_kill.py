"""Workers that are killed or frozen, and a Redis that dies: nothing is lost, nothing is handed on
twice.

Every message has a key of its own, so that conflation hides nothing; each must come out downstream
exactly once.
"""

import asyncio
import os
import random
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from subprocess import PIPE

import pytest

from keter.bus.connection import Bus, connect
from keter.bus.errors import BusRefusedError, ConnectionLostError
from keter.bus.queue import Output, Pipe, QueueName, Reaper, depths, queues_of, read_dead
from keter.errors import UnavailableError
from tests.kit.bus_worker import POINTS
from tests.kit.execution import ACCOUNT
from tests.kit.support import ROOT, RedisServer, eventually

RAW, VALIDATED = QueueName.RAW, QueueName.VALIDATED
LEASE_S = 1.0
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL and SIGSTOP are POSIX's")


class Child:
    """A worker process and what it said."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.said: list[str] = []
        self._reader = asyncio.create_task(self._read())

    async def _read(self) -> None:
        assert self.process.stdout is not None
        while line := await self.process.stdout.readline():
            self.said.append(line.decode().strip())

    async def reach(self, point: str) -> None:
        """Lets it walk on until it stands at ``point``."""
        seen = 0
        while True:
            heard = partial(self._heard_more_than, seen)
            await eventually(heard, timeout_s=15)
            assert len(self.said) > seen, (
                f"it ended with {self.process.returncode} before {point!r}: {self.said}"
            )
            if self.said[seen] == point:
                return
            seen += 1
            self.go()

    def _heard_more_than(self, seen: int) -> bool:
        return len(self.said) > seen or self.process.returncode is not None

    def go(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(b"\n")

    def go_until(self, word: str) -> bool:
        """Lets it walk one point further unless it has said ``word``."""
        self.go()
        return word in self.said

    def send(self, what: signal.Signals) -> None:
        self.process.send_signal(what)

    async def end(self) -> None:
        if self.process.returncode is None:
            with suppress(ProcessLookupError):
                self.process.send_signal(signal.SIGCONT)
            assert self.process.stdin is not None
            self.process.stdin.close()
            try:
                await asyncio.wait_for(self.process.wait(), 8)
            except TimeoutError:
                self.process.kill()
                await self.process.wait()
        self._reader.cancel()


async def hire(
    url: str, name: str, *, mode: str = "run", claim: int = 4, lease_s: float = LEASE_S
) -> Child:
    """Start a worker in a process of its own; the test ends it."""
    command = [sys.executable, "-m", "tests.kit.bus_worker"]
    process = await asyncio.create_subprocess_exec(
        *command,
        *(url, name, str(lease_s), str(claim), mode),
        stdin=PIPE,
        stdout=PIPE,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": "."},
    )
    return Child(process)


@asynccontextmanager
async def child(
    url: str, name: str, *, mode: str = "walk", claim: int = 4, lease_s: float = LEASE_S
) -> AsyncIterator[Child]:
    """Start a worker in a process of its own, and end it with the block."""
    started = await hire(url, name, mode=mode, claim=claim, lease_s=lease_s)
    try:
        yield started
    finally:
        await started.end()


async def push(bus: Bus, n: int, first: int = 0) -> None:
    pipe = Pipe(bus, source=None, worker="p", lease_ttl_s=5)
    await pipe.step(outputs=[Output(RAW, f"m{i}", b"%d" % i) for i in range(first, first + n)])


class Sink:
    """Takes everything that arrives downstream and counts it."""

    def __init__(self, bus: Bus) -> None:
        self._pipe = Pipe(bus, source=VALIDATED, worker="sink", lease_ttl_s=60)
        self.counts: Counter[str] = Counter()

    async def open(self) -> "Sink":
        await self._pipe.open()
        return self

    async def reopen(self) -> None:
        await self._pipe.reopen()

    async def take(self) -> int:
        items = await self._pipe.step(claim=64)
        while items:
            await self._pipe.step(done=len(items))
            self.counts.update(item.key for item in items)
            items = await self._pipe.step(claim=64)
        return len(self.counts)


async def finish_with_another(url: str, bus: Bus, sink: Sink, n: int) -> None:
    """Let a healthy worker do what is left."""
    async with child(url, "other", mode="run"):

        async def all_out() -> bool:
            return await sink.take() == n

        await eventually(all_out, timeout_s=20)
    facts = (await depths(bus, [ACCOUNT]))[RAW]
    assert (facts.depth, facts.in_flight, facts.dead) == (0, 0, 0)
    assert set(sink.counts.values()) == {1}, (
        f"handed on twice: {[key for key, n in sink.counts.items() if n > 1]}"
    )


@pytest.mark.parametrize("point", POINTS)
async def test_a_worker_killed_at_any_step_loses_and_repeats_nothing(
    point: str, bus: Bus, redis_url: str
) -> None:
    sink = await Sink(bus).open()
    await push(bus, 6)
    async with child(redis_url, "victim") as victim:
        await victim.reach(point)
        victim.send(signal.SIGKILL)
        assert await victim.process.wait() == -signal.SIGKILL, "no fault was injected"
    await finish_with_another(redis_url, bus, sink, 6)


@pytest.mark.parametrize("point", POINTS)
async def test_a_worker_frozen_past_its_lease_is_refused_when_it_wakes_up(
    point: str, bus: Bus, redis_url: str
) -> None:
    sink = await Sink(bus).open()
    await push(bus, 6)
    async with child(redis_url, "sleeper") as sleeper:
        await sleeper.reach(point)
        sleeper.send(signal.SIGSTOP)
        reaper = Reaper(bus, queues=queues_of([ACCOUNT]))
        lease = [key async for key in bus.redis.scan_iter(match="pipe:raw:lease:sleeper.*")]
        assert len(lease) == 1

        async def lease_is_over() -> bool:
            await reaper.run_once()
            return not await bus.redis.exists(lease[0])

        await eventually(lease_is_over, timeout_s=5)
        await finish_with_another(redis_url, bus, sink, 6)
        sleeper.send(signal.SIGCONT)
        await eventually(partial(sleeper.go_until, "lost LeaseLostError"), timeout_s=10)
    await sink.take()
    assert set(sink.counts.values()) == {1}, "what the sleeper did late was taken for good"


async def test_a_worker_killed_three_times_by_one_item_is_freed_of_it(
    bus: Bus, redis_url: str
) -> None:
    """Three strikes: the item that was in hand each time is dead, the others go on."""
    sink = await Sink(bus).open()
    await push(bus, 3)
    killed = 0
    while killed < 5:
        async with child(redis_url, f"victim{killed}", claim=8, lease_s=0.3) as victim:
            await victim.reach("claimed")
            if await bus.redis.sismember(bus.keys.queue(RAW).inflight, "m0"):
                victim.send(signal.SIGKILL)
                await victim.process.wait()
                killed += 1
            else:
                break
        await eventually(Reaper(bus, queues=queues_of([ACCOUNT])).run_once, timeout_s=5)
    assert killed == 3
    assert [letter.key for letter in await read_dead(bus, RAW)] == ["m0"]
    async with child(redis_url, "healthy", mode="run"):

        async def both_out() -> bool:
            return await sink.take() == 2

        await eventually(both_out, timeout_s=20)
    assert sink.counts == {"m1": 1, "m2": 1}


async def test_a_poisoned_item_is_buried_and_the_worker_process_goes_on(
    bus: Bus, redis_url: str
) -> None:
    sink = await Sink(bus).open()
    pipe = Pipe(bus, source=None, worker="p", lease_ttl_s=5)
    payloads = [b"1", b"poison", b"2", b"poison", b"3"]
    await pipe.step(outputs=[Output(RAW, f"m{i}", payload) for i, payload in enumerate(payloads)])
    async with child(redis_url, "worker", mode="run") as worker:

        async def three_out() -> bool:
            return await sink.take() == 3

        await eventually(three_out, timeout_s=20)
        assert worker.process.returncode is None
    assert sorted(letter.key for letter in await read_dead(bus, RAW)) == ["m1", "m3"]


async def test_redis_killed_with_work_in_hand_comes_back_with_everything() -> None:
    """The append-only file brings queue, hands and leases back; the worker starts a new
    incarnation.
    """
    server = RedisServer("--appendfsync", "always")
    try:
        bus = await connect(server.url)
        sink = await Sink(bus).open()
        await push(bus, 20)
        async with child(server.url, "worker", lease_s=2.0) as worker:
            await worker.reach("done")
            server.kill()
            worker.go()
            await eventually(lambda: "lost ConnectionLostError" in worker.said)
            server.start()
            await _insist(sink.reopen)

            async def all_out() -> bool:
                worker.go()
                return await sink.take() == 20

            await eventually(all_out, timeout_s=20)
        assert set(sink.counts.values()) == {1}
        await bus.aclose()
    finally:
        server.close()


@pytest.mark.timeout(180)
@pytest.mark.parametrize("seed", [1, 2])
async def test_a_storm_of_faults_loses_and_repeats_nothing(seed: int) -> None:
    """Four workers under seeded kills, freezes, cut connections and one death of Redis; every
    message comes out once.
    """
    server = RedisServer("--appendfsync", "always")
    rng = random.Random(seed)
    total, faults = 400, Counter[str]()
    bus = await connect(server.url)
    sink = await Sink(bus).open()
    try:
        async with asyncio.timeout(120):
            crew = [await hire(server.url, f"w{n}") for n in range(4)]
            hired = len(crew)
            for wave in range(20):
                await _insist(partial(push, bus, total // 20, first=wave * (total // 20)))
                victim = rng.randrange(len(crew))
                fault = rng.choice(["kill", "freeze", "cut", "none"]) if wave != 10 else "redis"
                faults[fault] += 1
                if fault == "kill":
                    crew[victim].send(signal.SIGKILL)
                    await crew[victim].end()
                    crew[victim] = await hire(server.url, f"w{hired}")
                    hired += 1
                elif fault == "freeze":
                    crew[victim].send(signal.SIGSTOP)
                    asyncio.get_running_loop().call_later(
                        rng.uniform(0.5, 2.0), crew[victim].send, signal.SIGCONT
                    )
                elif fault == "cut":
                    await _insist(
                        lambda: bus.redis.execute_command(
                            "CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"
                        )
                    )
                elif fault == "redis":
                    server.kill()
                    server.start()
                await _insist(sink.take, sink)
            await _settle(bus, sink, total)
            for worker in crew:
                await worker.end()
    finally:
        await bus.aclose()
        server.close()
    faults.pop("none", None)
    assert sum(faults.values()) >= 10, f"hardly any fault was injected: {faults}"
    assert faults["redis"] == 1
    assert len(sink.counts) == total, f"lost: {total - len(sink.counts)}"
    assert set(sink.counts.values()) == {1}, "some were handed on twice"


async def _insist(work: Callable[[], Awaitable[object]], sink: Sink | None = None) -> None:
    """Repeats what is idempotent until Redis has answered; a sink that lost its connection starts
    again.
    """
    while True:
        try:
            await work()
        except (ConnectionLostError, BusRefusedError, UnavailableError):
            await asyncio.sleep(0.02)
            if sink is not None:
                with suppress(ConnectionLostError):
                    await sink.reopen()
        else:
            return


async def _settle(bus: Bus, sink: Sink, total: int) -> None:
    async def quiet() -> bool:
        await _insist(sink.take, sink)
        return len(sink.counts) == total

    await eventually(quiet, timeout_s=40, every_s=0.1)
    facts = (await depths(bus, [ACCOUNT]))[RAW]
    assert (facts.depth, facts.in_flight, facts.dead) == (0, 0, 0)
