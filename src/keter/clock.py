"""Time and randomness, injected so that decisions can be replayed."""

import secrets
import time
from collections.abc import Callable
from datetime import UTC, datetime, tzinfo
from typing import Protocol

Ids = Callable[[], str]


class Clock(Protocol):
    """Where a process gets its time from."""

    def now(self) -> datetime:
        """Wall-clock time, aware, UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds on a clock that never goes back; only differences mean anything."""
        ...


class SystemClock:
    """The machine's own clocks."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()


class ManualClock:
    """A clock that stands until it is moved; for replay and tests."""

    def __init__(self, start: datetime) -> None:
        self._now = start
        self._monotonic_s = 0.0

    def now(self) -> datetime:
        return self._now

    def monotonic(self) -> float:
        return self._monotonic_s

    def set(self, moment: datetime) -> None:
        """Move to ``moment``; the monotonic clock follows forward moves only."""
        self._monotonic_s += max((moment - self._now).total_seconds(), 0.0)
        self._now = moment


def random_id() -> str:
    """128 random bits as 32 hex digits: trace ids, lock tokens, incarnations."""
    return secrets.token_hex(16)


def day_of(moment: datetime, zone: tzinfo) -> str:
    """Return the ISO date of ``moment`` in ``zone``: the betting day that it belongs to."""
    return moment.astimezone(zone).date().isoformat()


def to_ms(moment: datetime) -> int:
    """Milliseconds since the epoch."""
    return round(moment.timestamp() * 1000)


def from_ms(milliseconds: int) -> datetime:
    """The aware UTC time of ``milliseconds`` since the epoch.

    Raises OverflowError, OSError or ValueError when the number is no representable time.
    """
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
