"""Time and randomness, injected so that decisions can be replayed."""

import secrets
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Protocol

Ids = Callable[[], str]


class Clock(Protocol):
    """Where a process gets its time from."""

    def now(self) -> datetime:
        """Return the wall-clock time, aware, in UTC."""
        ...

    def monotonic(self) -> float:
        """Return seconds on a clock that never goes back. Only differences mean anything."""
        ...


class SystemClock:
    """The machine's own clocks."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()


class ManualClock:
    """A clock that moves only when it is set, for replay and tests."""

    def __init__(self, start: datetime) -> None:
        self._now = start
        self._monotonic_s = 0.0

    def now(self) -> datetime:
        return self._now

    def monotonic(self) -> float:
        return self._monotonic_s

    def set(self, moment: datetime) -> None:
        """Move to ``moment``. The monotonic clock follows forward moves only."""
        self._monotonic_s += max((moment - self._now).total_seconds(), 0.0)
        self._now = moment


def random_id() -> str:
    """Return 128 random bits as 32 hex digits, for trace ids, lock tokens and incarnations."""
    return secrets.token_hex(16)


def to_ms(moment: datetime) -> int:
    """Return the milliseconds since the epoch, rounded."""
    return round(moment.timestamp() * 1000)


def from_ms(milliseconds: int) -> datetime:
    """Return the aware UTC time of ``milliseconds`` since the epoch.

    Raises OverflowError, OSError or ValueError for a number that is no representable time.
    """
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
