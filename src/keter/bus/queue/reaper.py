"""Maintenance of the queues: return the items of dead workers, count, read dead letters."""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from keter.bus.connection import Bus
from keter.bus.queue.pipe import OF_ACCOUNT, STAMP, queue_for, queues_of, reap
from keter.clock import from_ms

MOST_STRIKES = 3
GONE = -2  # what PTTL answers for a key that does not exist


class QueueFacts(msgspec.Struct, frozen=True):
    """The state of one queue.

    ``oldest_age_s`` is None when nothing waits; ``consumers`` counts workers with a live lease.
    """

    depth: int
    in_flight: int
    oldest_age_s: float | None
    consumers: int
    dead: int


class DeadLetter(msgspec.Struct, frozen=True):
    """An item that no worker could handle, unchanged."""

    at: datetime
    worker: str
    error: str
    key: str
    payload: bytes


class Reaper:
    """Return the items of incarnations whose lease has expired to their queues.

    Any worker may run it, any number at a time: each script checks for itself.

    With ``lease_ttl_s``, a lease with more than twice that left is cut to it, because the server's
    clock was set back. A live owner renews it; a dead one's expires.
    """

    def __init__(
        self,
        bus: Bus,
        *,
        queues: Sequence[str],
        strikes: int = MOST_STRIKES,
        lease_ttl_s: float | None = None,
    ) -> None:
        self._bus = bus
        self._strikes = strikes
        self._queues = queues
        self._lease_ms = None if lease_ttl_s is None else round(lease_ttl_s * 1000)

    async def run_once(self) -> int:
        """Check every queue once; return the number of items put back or declared dead."""
        return sum([await self._queue(queue) for queue in self._queues])

    async def _queue(self, queue: str) -> int:
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
            moved += await self._reclaim_late(queue, [name.decode() for name in tombs])
        return moved

    async def _without_lease(self, queue: str, incarnations: list[str]) -> list[str]:
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

    async def _reclaim_late(self, queue: str, tombs: list[str]) -> int:
        """Reclaim items that a client claimed after it was reaped: its command was delayed."""
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


async def depths(bus: Bus, accounts: Sequence[str]) -> dict[str, QueueFacts]:
    """Return the state of each queue of a run on these accounts, by its name for people.

    An only account is not in that name.
    """
    now_ms = await bus.now_ms()
    found = {queue: await _facts(bus, queue, now_ms) for queue in queues_of(accounts)}
    if len(accounts) == 1:
        own = {kind.value: found.pop(queue_for(kind, accounts[0])) for kind in OF_ACCOUNT}
        found |= own
    return found


async def _facts(bus: Bus, queue: str, now_ms: int) -> QueueFacts:
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


async def read_dead(bus: Bus, queue: str, limit: int = 50) -> list[DeadLetter]:
    """Return the newest dead letters of a queue, newest first."""
    raw = await bus.redis.read_list(bus.keys.queue(queue).dead, -limit, -1)
    return [_letter(entry) for entry in reversed(raw)]


def _letter(entry: bytes) -> DeadLetter:
    at, worker, error, key, payload = entry.split(b"\n", 4)
    return DeadLetter(from_ms(int(at)), worker.decode(), error.decode(), key.decode(), payload)
