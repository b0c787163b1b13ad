"""Tasks that renew a lock or a lease end when they are told to, even where a library swallows a
cancellation.
"""

import asyncio
import contextlib
from typing import Any

from keter.bus.locks import Held
from keter.clock import SystemClock
from keter.execution.selection_lock import SelectionLock


class Swallowing:
    """Locks whose renewal swallows the first cancellation, as asyncio.wait_for does before Python
    3.12.
    """

    def __init__(self) -> None:
        self.renewing = asyncio.Event()
        self.released = False

    async def renew(self, _held: Held) -> bool:
        if not self.renewing.is_set():
            self.renewing.set()
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(60)
        return True

    async def release(self, _held: Held) -> bool:
        self.released = True
        return True


async def test_a_lock_is_given_back_although_its_renewal_swallows_a_cancellation() -> None:
    locks: Any = Swallowing()
    held, clock = Held("exec_lock:e:s", "token", 1, ttl_s=0.03), SystemClock()
    async with asyncio.timeout(5):
        async with SelectionLock(locks, held, clock, clock.monotonic()):
            await locks.renewing.wait()
    assert locks.released
