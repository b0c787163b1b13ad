"""What the client needs others to remember, shared by all processes of an account.

Redis-backed in ``keter.bus.state.sessions``.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Protocol

import msgspec

from keter.domain.markets import Event


class Session(msgspec.Struct, frozen=True):
    """A registered login.

    ``token`` and ``key`` are secrets and never shown; ``url`` is the root of every call.
    """

    token: str
    key: str
    url: str
    at: datetime

    def __repr__(self) -> str:
        return f"Session(url={self.url!r}, at={self.at!r})"


class SessionStore(Protocol):
    """Where the owner of an account's session leaves it for the others."""

    async def read(self, account: str) -> Session | None: ...

    async def write(self, account: str, session: Session) -> None: ...

    async def drop(self, account: str, token: str) -> None:
        """Forgets the session if ``token`` is still its token."""
        ...


class ThrottleStore(Protocol):
    """One clock for calls that the venue limits per account."""

    async def take(self, account: str, name: str, interval_s: float) -> float:
        """0 when the call may be made (and is counted), else the seconds until it may."""
        ...


class FixtureStore(Protocol):
    """Which event each match id stands for, kept over restarts: a uid once given is never given up
    for another date.
    """

    async def load(self, account: str) -> dict[int, Event]: ...

    async def save(self, account: str, fixtures: Mapping[int, Event | None]) -> None:
        """Add and replaces; None removes."""
        ...
