"""The logins of one process: who holds which cookie, and until when."""

import hashlib
import secrets
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from keter.clock import Clock
from keter.dashboard.routes import Principal, Role

IDLE = timedelta(minutes=30)
ABSOLUTE = timedelta(hours=12)
PROOF_LASTS = timedelta(minutes=5)
MAX_SESSIONS = 50


@dataclass(frozen=True, slots=True)
class Session:
    """One login. ``proved_at`` is when its password was typed last."""

    role: Role
    started_at: datetime
    seen_at: datetime
    proved_at: datetime

    def is_over(self, now: datetime) -> bool:
        """Return whether it has been unused or open for too long."""
        return now - self.seen_at >= IDLE or now - self.started_at >= ABSOLUTE


class Sessions:
    """Sessions by a digest of their token, so that memory holds nothing that opens one.

    A restart ends them all. A session ends when it is unused for IDLE, or older than ABSOLUTE.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._sessions: dict[str, Session] = {}

    def begin(self, role: Role) -> str:
        """Return the token of a new session. Beyond MAX_SESSIONS the least used one ends."""
        now = self._clock.now()
        token = secrets.token_urlsafe(32)
        if len(self._sessions) >= MAX_SESSIONS:
            del self._sessions[min(self._sessions, key=lambda key: self._sessions[key].seen_at)]
        self._sessions[_key(token)] = Session(role, now, now, now)
        return token

    def find(self, token: str | None, *, poll: bool) -> Principal | None:
        """Return whose session it is; None when it is missing, unknown or over.

        Without ``poll`` the session counts as used just now.
        """
        key = _key(token) if token else ""
        session = self._sessions.get(key)
        if session is None:
            return None
        now = self._clock.now()
        if session.is_over(now):
            del self._sessions[key]
            return None
        if not poll:
            self._sessions[key] = replace(session, seen_at=now)
        return Principal(session.role.value, session.role, key)

    def alive(self, key: str) -> bool:
        """Return whether the session goes on; asking does not count as use."""
        session = self._sessions.get(key)
        return session is not None and not session.is_over(self._clock.now())

    def ends_at(self, key: str) -> tuple[datetime, datetime] | None:
        """Return when the session ends if nothing is done, and when in any case.

        Return None for a session that does not exist, as without a password.
        """
        session = self._sessions.get(key)
        if session is None:
            return None
        last = session.started_at + ABSOLUTE
        return min(session.seen_at + IDLE, last), last

    def end(self, key: str) -> bool:
        """End the session and return whether there was one."""
        return self._sessions.pop(key, None) is not None

    def proved(self, key: str) -> bool:
        """Return whether the password was typed within the last five minutes."""
        session = self._sessions.get(key)
        return session is not None and self._clock.now() - session.proved_at < PROOF_LASTS

    def note_proof(self, key: str) -> None:
        """Note that the password was typed just now."""
        session = self._sessions.get(key)
        if session is not None:
            self._sessions[key] = replace(session, proved_at=self._clock.now())


def _key(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
