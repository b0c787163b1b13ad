"""What the client needs others to remember, shared by all processes of an account. Redis-backed in ``keter.bus.sessions``."""

from datetime import datetime
from typing import Protocol

import msgspec


class Session(msgspec.Struct, frozen=True):
    """A registered login. ``token`` and ``key`` are secrets and never shown; ``url`` is the root of every call."""

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


class LocalStores:
    """Both stores in memory, for a single process: tests, ``keter doctor``, tools."""

    def __init__(self, monotonic: "Monotonic") -> None:
        self._monotonic = monotonic
        self._sessions: dict[str, Session] = {}
        self._free_at: dict[tuple[str, str], float] = {}

    async def read(self, account: str) -> Session | None:
        return self._sessions.get(account)

    async def write(self, account: str, session: Session) -> None:
        self._sessions[account] = session

    async def drop(self, account: str, token: str) -> None:
        known = self._sessions.get(account)
        if known is not None and known.token == token:
            del self._sessions[account]

    async def take(self, account: str, name: str, interval_s: float) -> float:
        now = self._monotonic()
        free_at = self._free_at.get((account, name), now)
        if free_at > now:
            return free_at - now
        self._free_at[account, name] = now + interval_s
        return 0.0


class Monotonic(Protocol):
    def __call__(self) -> float: ...
