"""Who is logged in: tokens, their expiry, the feed's throttles and delta cursors. Pure."""

import random
from dataclasses import dataclass, field

from keter.venues.asianodds.simulator.config import FEED_INTERVAL_S, AccountConfig, ProtocolConfig

_TOKEN_DIGITS = 28
_GRACE = 0.98  # of an interval is enough: a client's clock and ours differ a little
_NEVER_MS = -(10**15)


class SessionGoneError(Exception):
    """The token is unknown, expired, replaced, unregistered or used from another address."""


class ThrottledError(Exception):
    """The feed was asked too often."""


@dataclass(slots=True)
class Session:
    """One login. ``seen`` are the (sport, market type) feeds read in it, which placements need."""

    user: str
    token: str
    key: str
    ip: str
    logged_in_ms: int
    last_ms: int
    registered: bool = False
    seen: set[tuple[int, int]] = field(default_factory=set)


@dataclass(slots=True)
class Cursor:
    """Up to which stamp an account has received one sport and market type, and when."""

    stamp_ms: int
    at_ms: int


class Sessions:
    """Sessions, at most one per account.

    Cursors and throttles belong to the account and outlive its session.
    """

    def __init__(
        self,
        accounts: tuple[AccountConfig, ...],
        protocol: ProtocolConfig,
        feed_interval_scale: float,
        seed: int,
    ) -> None:
        self.accounts = {account.user.upper(): account for account in accounts}
        self._protocol, self._scale = protocol, feed_interval_scale
        self._rng = random.Random(f"{seed}:tokens")  # noqa: S311 - tokens of play money; repeatable
        self._by_user: dict[str, Session] = {}
        self._by_token: dict[str, Session] = {}
        self._cursors: dict[tuple[str, int, int], Cursor] = {}
        self._granted: dict[tuple[str, int], int] = {}
        self.keepalives_too_often = 0

    def login(self, user: str, password_md5: str, ip: str, now_ms: int) -> Session | None:
        """Open a session, which ends the account's other one; None if credentials are wrong."""
        account = self.accounts.get(user.upper())
        if account is None or account.password_md5 != password_md5:
            return None
        self.kill(user)
        token = "".join(self._rng.choice("0123456789") for _ in range(_TOKEN_DIGITS))
        session = Session(
            account.user.upper(), token, f"{self._rng.getrandbits(128):032x}", ip, now_ms, now_ms
        )
        self._by_user[session.user] = self._by_token[token] = session
        return session

    def register(self, user: str, token: str, key: str, ip: str, now_ms: int) -> bool:
        """Register a login; return False, and end it, if something about it is wrong.

        Token, key, user and address must be those of the login, which must be young enough.
        """
        session = self._by_token.get(token)
        if session is None:
            return False
        young = now_ms - session.logged_in_ms <= self._protocol.register_within_s * 1000
        if not young or session.key != key or session.ip != ip or session.user != user.upper():
            self.kill(session.user)
            return False
        session.registered, session.last_ms = True, now_ms
        return True

    def use(self, token: str, ip: str, now_ms: int) -> Session:
        """Return the session of a token and keep it alive. Raises SessionGoneError."""
        session = self._by_token.get(token)
        if session is None or not session.registered:
            raise SessionGoneError
        if session.ip != ip or now_ms - session.last_ms > self._protocol.idle_expiry_s * 1000:
            self.kill(session.user)
            raise SessionGoneError
        session.last_ms = now_ms
        return session

    def kill(self, user: str) -> None:
        """End the account's session, as another login would."""
        session = self._by_user.pop(user.upper(), None)
        if session is not None:
            del self._by_token[session.token]

    def user_of(self, token: str) -> str:
        """Return the account of a token; empty if it is nobody's."""
        session = self._by_token.get(token)
        return session.user if session else ""

    def keep_alive(self, session: Session, now_ms: int) -> None:
        """Note an IsLoggedIn; the venue asks for at least a minute between two."""
        key = (session.user, -1)
        if now_ms - self._granted.get(key, _NEVER_MS) < self._protocol.keepalive_floor_s * 1000:
            self.keepalives_too_often += 1
        self._granted[key] = now_ms

    def throttle(self, user: str, market_type: int, now_ms: int) -> None:
        """Raise ThrottledError if the account read this market type too recently.

        The sport does not matter.
        """
        key = (user, market_type)
        wait_ms = FEED_INTERVAL_S[market_type] * self._scale * 1000 * _GRACE
        if now_ms - self._granted.get(key, _NEVER_MS) < wait_ms:
            raise ThrottledError
        self._granted[key] = now_ms

    def since(self, user: str, sport: int, market_type: int, asked: int | None, now_ms: int) -> int:
        """Return the stamp after which rows are to be sent; -1 means all of them."""
        if asked is not None and (asked != 0 or self._protocol.since_zero == "full"):
            return asked or -1
        cursor = self._cursors.get((user, sport, market_type))
        if cursor is None or now_ms - cursor.at_ms > self._protocol.cursor_idle_s * 1000:
            return -1
        return cursor.stamp_ms

    def note_sent(
        self, session: Session, sport: int, market_type: int, stamp_ms: int, now_ms: int
    ) -> None:
        """Note that the account has received everything up to ``stamp_ms``."""
        session.seen.add((sport, market_type))
        self._cursors[session.user, sport, market_type] = Cursor(stamp_ms, now_ms)
