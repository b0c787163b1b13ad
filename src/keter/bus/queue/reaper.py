"""Looking after the queues: returning what dead workers hold, counting, reading dead letters."""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from keter.bus.connection import Bus
from keter.bus.queue.pipe import STAMP, QueueName, reap
from keter.clock import from_ms

MOST_STRIKES = 3
GONE = -2  # what PTTL says of a key that is not there


class QueueFacts(msgspec.Struct, frozen=True):
    """One queue at a glance.

    ``oldest_age_s`` is None when nothing waits; ``consumers`` are workers with a live lease.
    """

    depth: int
    in_flight: int
    oldest_age_s: float | None
    consumers: int
    dead: int


class DeadLetter(msgspec.Struct, frozen=True):
    """An item nobody could handle, as it was."""

    at: datetime
    worker: str
    error: str
    key: str
    payload: bytes


class Reaper:
    """Returns what silent incarnations hold.

    Any worker may run it, any number at a time: each script checks for itself.

    With ``lease_ttl_s`` a lease that has more than twice that left is cut to it: the server's clock
    was set back. An owner that lives renews it, a dead one's ends.
    """

    def __init__(
        self,
        bus: Bus,
        *,
        strikes: int = MOST_STRIKES,
        queues: Sequence[QueueName] = tuple(QueueName),
        lease_ttl_s: float | None = None,
    ) -> None:
        self._bus = bus
        self._strikes = strikes
        self._queues = queues
        self._lease_ms = None if lease_ttl_s is None else round(lease_ttl_s * 1000)

    async def run_once(self) -> int:
        """Look at every queue once; the number of items put back or declared dead."""
        return sum([await self._queue(queue) for queue in self._queues])

    async def _queue(self, queue: QueueName) -> int:
        keys = self._bus.keys.queue(queue)
        async with self._bus.redis.batch() as batch:
            batch.zrange(keys.workers, 0, -1)
            batch.zrange(keys.tombs, 0, -1)
            workers, tombs = await batch.execute()
        moved = 0
        for incarnation in await self._without_lease(queue, [name.decode() for name in workers]):
            back, dead = await reap(self._bus, queue, incarnation, own=False, strikes=self._strikes)
            moved += max(back, 0) + dead
        if tombs:
            moved += await self._look_after(queue, [name.decode() for name in tombs])
        return moved

    async def _without_lease(self, queue: QueueName, incarnations: list[str]) -> list[str]:
        if not incarnations:
            return []
        leases = [self._bus.keys.queue(queue).lease(incarnation) for incarnation in incarnations]
        async with self._bus.redis.batch() as batch:
            for lease in leases:
                batch.pttl(lease)
            left = await batch.execute()
        for lease, left_ms in zip(leases, left, strict=True):
            if self._lease_ms is not None and left_ms > 2 * self._lease_ms:
                await self._bus.redis.execute_command("PEXPIRE", lease, self._lease_ms)
        return [name for name, left_ms in zip(incarnations, left, strict=True) if left_ms == GONE]

    async def _look_after(self, queue: QueueName, tombs: list[str]) -> int:
        """A frozen client's last command may still arrive after its burial."""
        keys = self._bus.keys.queue(queue)
        moved = 0
        async with self._bus.redis.batch() as batch:
            for incarnation in tombs:
                batch.exists(keys.processing(incarnation))
            found = await batch.execute()
        for incarnation, holds in zip(tombs, found, strict=True):
            if holds:
                back, dead = await reap(
                    self._bus, queue, incarnation, own=True, strikes=self._strikes
                )
                moved += back + dead
        await self._bus.redis.zremrangebyscore(keys.tombs, "-inf", await self._bus.now_ms())
        return moved


async def depths(bus: Bus) -> dict[QueueName, QueueFacts]:
    """Every queue at a glance."""
    now_ms = await bus.now_ms()
    return {queue: await _facts(bus, queue, now_ms) for queue in QueueName}


async def _facts(bus: Bus, queue: QueueName, now_ms: int) -> QueueFacts:
    keys = bus.keys.queue(queue)
    async with bus.redis.batch() as batch:
        batch.llen(keys.list)
        batch.scard(keys.inflight)
        batch.lindex(keys.list, 0)
        batch.zrange(keys.workers, 0, -1)
        batch.llen(keys.dead)
        depth, in_flight, head, workers, dead = await batch.execute()
    consumers = (
        await bus.redis.exists(*[keys.lease(name.decode()) for name in workers]) if workers else 0
    )
    oldest = max(now_ms - int(head[: STAMP - 1]), 0) / 1000 if head else None
    return QueueFacts(depth, in_flight, oldest, consumers, dead)


async def read_dead(bus: Bus, queue: QueueName, limit: int = 50) -> list[DeadLetter]:
    """The newest dead letters of a queue, newest first."""
    raw = await bus.redis.read_list(bus.keys.queue(queue).dead, -limit, -1)
    return [_letter(entry) for entry in reversed(raw)]


async def clear_dead(bus: Bus, queue: QueueName) -> int:
    """Forgets the dead letters of a queue; how many there were."""
    async with bus.redis.batch(atomic=True) as batch:
        batch.llen(bus.keys.queue(queue).dead)
        batch.delete(bus.keys.queue(queue).dead)
        return int((await batch.execute())[0])


def _letter(entry: bytes) -> DeadLetter:
    at, worker, error, key, payload = entry.split(b"\n", 4)
    return DeadLetter(from_ms(int(at)), worker.decode(), error.decode(), key.decode(), payload)
