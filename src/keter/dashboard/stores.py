"""Whether Redis and the ledger take writes: tried, and remembered since when they do not."""

import asyncio
from dataclasses import dataclass
from datetime import datetime

from keter.bus.connection import Bus
from keter.bus.telemetry.writing import RedisTrouble, try_write
from keter.clock import Clock
from keter.ledger.writing import LedgerTrouble, WriteProbe

# A younger look is answered again: who asks more often costs nothing.
FRESH_S = 1.0

_REDIS = {
    RedisTrouble.AWAY: "Redis does not answer",
    RedisTrouble.READ_ONLY: "Redis is read-only (a replica)",
    RedisTrouble.FULL: "Redis is out of memory and takes no writes",
    RedisTrouble.CANNOT_SAVE: "Redis cannot save to its disk and takes no writes",
    RedisTrouble.DENIED: "Redis denies us the right to write",
    RedisTrouble.REFUSING: "Redis refuses to write",
}
_LEDGER = {
    LedgerTrouble.AWAY: "the ledger's database does not answer",
    LedgerTrouble.LOCKED: "another program keeps the ledger locked for writing",
    LedgerTrouble.READ_ONLY: "the ledger can be read only",
    LedgerTrouble.DISK_FULL: "the disk of the ledger is full",
}


@dataclass(frozen=True, slots=True)
class StoreTrouble:
    """A store that takes no writes: since when, and what it said."""

    kind: RedisTrouble | LedgerTrouble
    since: datetime
    detail: str


@dataclass(frozen=True, slots=True)
class StoreHealth:
    """Both stores at one moment; None where a write was taken."""

    at: datetime
    redis: StoreTrouble | None = None
    ledger: StoreTrouble | None = None

    def lasting(self, trouble: StoreTrouble | None, seconds: float) -> bool:
        """Return whether ``trouble`` has lasted for ``seconds``."""
        return trouble is not None and (self.at - trouble.since).total_seconds() >= seconds


class Stores:
    """Tries both stores, one per dashboard. However many ask at once, one try runs at a time."""

    def __init__(self, bus: Bus, ledger: WriteProbe, clock: Clock) -> None:
        self._bus = bus
        self._ledger = ledger
        self._clock = clock
        self._one_at_a_time = asyncio.Lock()
        self._health: StoreHealth | None = None
        self._looked_s = 0.0

    async def look(self) -> StoreHealth:
        """Write into both, each within its deadline, and return what came of it.

        Raises none of their errors: they are the answer.
        """
        async with self._one_at_a_time:
            if self._health is None or self._clock.monotonic() - self._looked_s >= FRESH_S:
                redis, ledger = await asyncio.gather(try_write(self._bus), self._ledger.try_write())
                self._health, self._looked_s = self._judged(redis, ledger), self._clock.monotonic()
            return self._health

    @property
    def latest(self) -> StoreHealth | None:
        """What the newest look found, without a new look."""
        return self._health

    def _judged(
        self, redis: tuple[RedisTrouble, str] | None, ledger: tuple[LedgerTrouble, str] | None
    ) -> StoreHealth:
        """Return the health.

        A trouble that goes on keeps its beginning, also where the store gives another reason.
        """
        now, before = self._clock.now(), self._health or StoreHealth(self._clock.now())
        return StoreHealth(
            now,
            StoreTrouble(
                redis[0], _begun(before.redis, now), f"{_REDIS[redis[0]]}: {redis[1].rstrip('.')}"
            )
            if redis
            else None,
            StoreTrouble(
                ledger[0],
                _begun(before.ledger, now),
                f"{_LEDGER[ledger[0]]}: {ledger[1].rstrip('.')}",
            )
            if ledger
            else None,
        )

    async def aclose(self) -> None:
        await self._ledger.aclose()


def _begun(before: StoreTrouble | None, now: datetime) -> datetime:
    return before.since if before is not None else now
