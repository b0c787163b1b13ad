"""The lock on a selection: a task renews it, and its owner knows for how long it surely holds."""

import asyncio
import contextlib
from types import TracebackType
from typing import Self

from keter.bus.errors import BusRefusedError, ConnectionLostError
from keter.bus.locks import RENEWALS_PER_TTL, Held, Locks
from keter.clock import Clock
from keter.system.tasks import end_tasks, sleep


class SelectionLock:
    """One held lock, used as a context manager: at its end renewal stops and the lock is released.

    ``asked`` is the monotonic time right before it was taken.
    """

    def __init__(self, locks: Locks, held: Held, clock: Clock, asked: float) -> None:
        self._locks = locks
        self._held = held
        self._clock = clock
        self._until = asked + held.ttl_s
        self._renewal: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._renewal = asyncio.create_task(self._keep(), name=f"lock {self._held.key}")
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._renewal is not None:
            await end_tasks(self._renewal)
        # A lock that cannot be released ends by itself.
        with contextlib.suppress(ConnectionLostError, BusRefusedError):
            await self._locks.release(self._held)

    async def _keep(self) -> None:
        while True:
            await sleep(self._held.ttl_s / RENEWALS_PER_TTL)
            asked = self._clock.monotonic()
            with contextlib.suppress(ConnectionLostError, BusRefusedError):
                if not await self._locks.renew(self._held):
                    self._until = asked
                    return
                self._until = asked + self._held.ttl_s

    async def left_s(self) -> float:
        """Return for how many seconds the lock is surely ours, by Redis and by our clock."""
        return min(await self._locks.remaining_s(self._held), self.left_by_clock_s())

    def left_by_clock_s(self) -> float:
        """Return the same by our own clock alone."""
        return max(self._until - self._clock.monotonic(), 0.0)


async def lock_selection(
    locks: Locks, key: str, ttl_s: float, clock: Clock
) -> SelectionLock | None:
    """Take the lock; None while another owner holds it. Raises the bus's errors."""
    asked = clock.monotonic()
    held = await locks.acquire(key, ttl_s)
    return SelectionLock(locks, held, clock, asked) if held is not None else None
