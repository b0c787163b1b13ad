"""A lock that lives while its owner works: renewed by a task, and known to be ours for at least so
many seconds.
"""

import asyncio
import contextlib
from types import TracebackType
from typing import Protocol, Self

from keter.bus.errors import BusRefusedError, ConnectionLostError
from keter.bus.locks import RENEWALS_PER_TTL, Held, Locks
from keter.clock import Clock
from keter.system.tasks import end_tasks


class Guarded(Protocol):
    """What a placement needs of the lock on its selection."""

    async def left_s(self) -> float:
        """Seconds it is ours for sure, as Redis sees it; 0 when it is not."""
        ...

    def left_by_clock_s(self) -> float:
        """The same by our own clock alone, for the moment when there is no time to ask.

        Counts while we are frozen.
        """
        ...


class SelectionLock:
    """One held lock. Use as a context manager: renewal ends and the lock is given back."""

    def __init__(self, locks: Locks, held: Held, clock: Clock, asked: float) -> None:
        self._locks = locks
        self._held = held
        self._clock = clock
        self._until = asked + held.ttl_s
        self._keeper: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._keeper = asyncio.create_task(self._keep(), name=f"lock {self._held.key}")
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._keeper is not None:
            await end_tasks(self._keeper)
        with contextlib.suppress(ConnectionLostError, BusRefusedError):  # it then ends by itself
            await self._locks.release(self._held)

    async def _keep(self) -> None:
        while True:
            await asyncio.sleep(self._held.ttl_s / RENEWALS_PER_TTL)
            asked = self._clock.monotonic()
            with contextlib.suppress(ConnectionLostError, BusRefusedError):
                if not await self._locks.renew(self._held):
                    self._until = asked
                    return
                self._until = asked + self._held.ttl_s

    async def left_s(self) -> float:
        return min(await self._locks.remaining_s(self._held), self.left_by_clock_s())

    def left_by_clock_s(self) -> float:
        return max(self._until - self._clock.monotonic(), 0.0)


async def lock_selection(
    locks: Locks, key: str, ttl_s: float, clock: Clock
) -> SelectionLock | None:
    """Take the lock, or None while somebody else holds it. Raises the bus's errors."""
    asked = clock.monotonic()
    held = await locks.acquire(key, ttl_s)
    return SelectionLock(locks, held, clock, asked) if held is not None else None
