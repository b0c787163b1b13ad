"""The ports to what all processes of an account share.

``keter.bus.state.sessions`` keeps it in Redis.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Protocol

import msgspec

from keter.domain.markets import Event


class Session(msgspec.Struct, frozen=True):
    """A registered login.

    ``token`` and ``key`` are secrets and never shown. ``url`` is the root of every call.
    """

    token: str
    key: str
    url: str
    at: datetime

    def __repr__(self) -> str:
        return f"Session(url={self.url!r}, at={self.at!r})"


class SessionStore(Protocol):
    """Where the owner of an account's session leaves it for the others."""

    async def read(self, account: str) -> Session | None:
        """Return the account's session; None if there is none that can be read."""
        ...

    async def write(self, account: str, session: Session) -> None:
        """Replace the account's session."""
        ...

    async def drop(self, account: str, token: str) -> None:
        """Remove the session if ``token`` is still its token: a newer one stays."""
        ...


class ThrottleStore(Protocol):
    """One clock, over all processes, for calls that the venue limits per account."""

    async def take(self, account: str, name: str, interval_s: float) -> float:
        """Return 0 if the call may be made, and count it; else the seconds until it may."""
        ...


class FixtureStore(Protocol):
    """Which event each match id stands for, over restarts: so a uid once given is kept."""

    async def load(self, account: str) -> dict[int, Event]:
        """Return every event known, by match id."""
        ...

    async def save(self, account: str, fixtures: Mapping[int, Event | None]) -> None:
        """Add and replace events by match id; None removes one."""
        ...
