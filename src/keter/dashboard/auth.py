"""Who is calling: passwords, a second factor, sessions, and what slows guessing down.

Without DASH_PASSWORD_HASH every caller on this machine is the operator, as with the command line; other machines cannot
reach the console then (``preflight.check_bind``).
"""

import asyncio
import base64
import binascii
import hashlib
import hmac
import secrets
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from ipaddress import ip_address, ip_network
from typing import NoReturn
from weakref import WeakValueDictionary

import structlog
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError, VerifyMismatchError

from keter.clock import Clock
from keter.dashboard.errors import ApiError
from keter.dashboard.table import Principal, Role
from keter.errors import ConfigurationError, UsageError
from keter.setting_groups import DashboardSettings

log = structlog.get_logger(__name__)
COOKIE = "__Host-sid"
IDLE = timedelta(minutes=30)
ABSOLUTE = timedelta(hours=12)
PROOF_LASTS = timedelta(minutes=5)
MAX_SESSIONS = 50
MAX_WAITING = 20  # logins that wait for their turn at the hash, all addresses together
MAX_REMEMBERED = 10_000
MAX_DELAY_S = 900.0
ALERT_AFTER = 5
TOTP_STEP_S = 30
SHORTEST_TOTP_BYTES = 10
MIN_PASSWORD = 15
_COMMON = ("correcthorsebatterystaple", "abcdefghijklmnopqrstuvwxyz", "abcdefghijklm", "qwertyuiop", "asdfghjkl", "zxcvbnm",
           "administrator", "1234567890", "123456789", "password", "passw0rd", "placeholder", "changeme", "replaceme",
           "letmein", "iloveyou", "welcome", "example", "secret", "admin", "keter")  # fmt: skip


def hash_password(password: str) -> str:
    """The argon2id hash for DASH_PASSWORD_HASH. Raises UsageError when the password would be guessed."""
    if len(password) < MIN_PASSWORD:
        raise UsageError(f"the password needs at least {MIN_PASSWORD} characters; a sentence is fine")
    rest = "".join(letter for letter in password.lower() if letter.isalnum())
    for word in _COMMON:
        rest = rest.replace(word, "")
    if len(rest) <= MIN_PASSWORD // 2 or len(set(password)) < MIN_PASSWORD // 2:
        raise UsageError("the password is made of what everybody tries first; take words that nobody would guess")
    return PasswordHasher().hash(password)


def totp(secret: str, counter: int) -> str:
    """The six digits of RFC 6238 (SHA-1) for a time step. Raises ConfigurationError for a bad ``secret``."""
    try:
        key = base64.b32decode(secret.upper() + "=" * (-len(secret) % 8))
    except (binascii.Error, ValueError) as e:
        raise ConfigurationError("DASH_TOTP_SECRET is not base32") from e
    if len(key) < SHORTEST_TOTP_BYTES:
        raise ConfigurationError(f"DASH_TOTP_SECRET needs at least {SHORTEST_TOTP_BYTES * 8 // 5} characters of base32")
    digest = hmac.new(key, struct.pack(">Q", counter), hashlib.sha1).digest()
    offset = digest[-1] & 15
    number = struct.unpack(">I", digest[offset : offset + 4])[0] & 0x7FFFFFFF
    return f"{number % 1_000_000:06d}"


@dataclass(frozen=True, slots=True)
class Session:
    role: Role
    started_at: datetime
    seen_at: datetime
    proved_at: datetime


@dataclass(frozen=True, slots=True)
class Failures:
    count: int
    last_s: float


class Backoff:
    """1 s after the first failure, doubling to 15 minutes, per user and address; never for ever."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._failures: dict[tuple[str, str], Failures] = {}

    def wait_s(self, user: str, address: str) -> float:
        failures = self._failures.get((user, origin(address)))
        if failures is None:
            return 0.0
        delay = min(MAX_DELAY_S, 2.0 ** (failures.count - 1))
        return max(0.0, failures.last_s + delay - self._clock.monotonic())

    def failed(self, user: str, address: str) -> int:
        """Notes a failure; returns how many there were in a row."""
        at = self._clock.monotonic()
        kept = {key: f for key, f in self._failures.items() if at - f.last_s < 4 * MAX_DELAY_S}
        key = (user, origin(address))
        failures = kept.pop(key, Failures(0, at))
        while len(kept) >= MAX_REMEMBERED:
            del kept[next(iter(kept))]
        self._failures = kept | {key: Failures(failures.count + 1, at)}
        return failures.count + 1

    def succeeded(self, user: str, address: str) -> None:
        self._failures.pop((user, origin(address)), None)

    def worst(self, within_s: float) -> tuple[str, int] | None:
        """The address with most failures in a row, of those that failed within the last ``within_s``."""
        since = self._clock.monotonic() - within_s
        found = [(address, f.count) for (_, address), f in self._failures.items() if f.last_s >= since]
        return max(found, key=lambda entry: entry[1], default=None)


class Doorman:
    """Checks passwords and keeps the sessions of one process; a restart logs everybody out."""

    def __init__(self, settings: DashboardSettings, clock: Clock) -> None:
        self._hashes = {
            Role.OPERATOR: settings.dash_password_hash.get_secret_value(),
            Role.VIEWER: settings.dash_viewer_password_hash.get_secret_value(),
        }
        for hashed in filter(None, self._hashes.values()):
            if not hashed.startswith("$argon2id$"):
                raise ConfigurationError("DASH_PASSWORD_HASH must be an argon2id hash; make one with `keter config password`")
        if self._hashes[Role.VIEWER] and not self._hashes[Role.OPERATOR]:
            raise ConfigurationError("DASH_VIEWER_PASSWORD_HASH needs DASH_PASSWORD_HASH beside it")
        self._totp = settings.dash_totp_secret.get_secret_value()
        if self._totp:
            totp(self._totp, 0)
        self._used_step = -1
        self._clock = clock
        self._sessions: dict[str, Session] = {}
        self._two_at_once = asyncio.Semaphore(2)
        self._turns: WeakValueDictionary[tuple[str, str], asyncio.Lock] = WeakValueDictionary()
        self._waiting = 0
        self.backoff = Backoff(clock)

    @property
    def locked(self) -> bool:
        """Whether a password is configured."""
        return bool(self._hashes[Role.OPERATOR])

    @property
    def has_viewer(self) -> bool:
        return bool(self._hashes[Role.VIEWER])

    @property
    def has_totp(self) -> bool:
        return bool(self._totp)

    def who(self, token: str | None, *, poll: bool = False) -> Principal | None:
        """The caller behind a cookie, None when it is missing, unknown, idle for 30 minutes or older than 12 hours.

        A ``poll``, which a page makes by itself, does not keep the session awake.
        """
        if not self.locked:
            return Principal("operator", Role.OPERATOR)
        key = _key(token) if token else ""
        session = self._sessions.get(key)
        if session is None:
            return None
        now = self._clock.now()
        if now - session.seen_at >= IDLE or now - session.started_at >= ABSOLUTE:
            del self._sessions[key]
            return None
        if not poll:
            self._sessions[key] = replace(session, seen_at=now)
        return Principal(session.role.value, session.role, key)

    def alive(self, principal: Principal) -> bool:
        """Whether the session still stands; a look that does not keep it awake."""
        if not self.locked:
            return True
        session = self._sessions.get(principal.session)
        now = self._clock.now()
        return session is not None and now - session.seen_at < IDLE and now - session.started_at < ABSOLUTE

    def ends_at(self, principal: Principal) -> tuple[datetime, datetime] | None:
        """When the login ends if nothing is done, and when in any case; None without a password."""
        session = self._sessions.get(principal.session)
        if session is None:
            return None
        last = session.started_at + ABSOLUTE
        return min(session.seen_at + IDLE, last), last

    async def login(self, user: str, password: str, code: str | None, address: str) -> str:
        """A new session's token. Raises ApiError 401, or 429 while the back-off lasts."""
        async with self._turn(user, address):
            await self._check(user, password, address)
            if self._totp and not self._take_code(code or ""):
                self._refuse(user, address)
        self.backoff.succeeded(user, address)
        now = self._clock.now()
        token = secrets.token_urlsafe(32)
        if len(self._sessions) >= MAX_SESSIONS:
            del self._sessions[min(self._sessions, key=lambda key: self._sessions[key].seen_at)]
        self._sessions[_key(token)] = Session(Role(user), now, now, now)
        log.info("logged_in", user=user, address=address)
        return token

    def logout(self, principal: Principal) -> None:
        if self._sessions.pop(principal.session, None) is not None:
            log.info("logged_out", user=principal.name)

    def proved(self, principal: Principal) -> bool:
        """Whether the password was typed within the last five minutes."""
        session = self._sessions.get(principal.session)
        return session is not None and self._clock.now() - session.proved_at < PROOF_LASTS

    async def prove(self, principal: Principal, password: str, address: str) -> None:
        """Checks the password once more. Raises like ``login``."""
        async with self._turn(principal.role.value, address):
            await self._check(principal.role.value, password, address)
        self.backoff.succeeded(principal.role.value, address)
        session = self._sessions.get(principal.session)
        if session is not None:
            self._sessions[principal.session] = replace(session, proved_at=self._clock.now())

    @asynccontextmanager
    async def _turn(self, user: str, address: str) -> AsyncIterator[None]:
        """One try at a time per user and address, so that tries sent at once wait for each other's back-off.

        Raises ApiError 429 while that lasts, and when too many wait.
        """
        if self._waiting >= MAX_WAITING:
            raise ApiError(429, "slow_down", "too many logins at once; try again", retry_after_s=1)
        lock = self._turns.setdefault((_known(user), origin(address)), asyncio.Lock())
        self._waiting += 1
        try:
            async with lock:
                wait_s = self.backoff.wait_s(_known(user), address)
                if wait_s > 0:
                    raise ApiError(429, "slow_down", f"too many failures; wait {wait_s:.0f} s", retry_after_s=wait_s)
                yield
        finally:
            self._waiting -= 1

    async def _check(self, user: str, password: str, address: str) -> None:
        hashed = self._hashes.get(Role(user), "") if _known(user) else ""
        async with self._two_at_once:
            matches = await asyncio.to_thread(_verify, hashed or self._hashes[Role.OPERATOR], password)
        if not matches or not hashed:
            self._refuse(user, address)

    def _refuse(self, user: str, address: str) -> NoReturn:
        """Notes a failure and raises it, without a word on what was wrong."""
        count = self.backoff.failed(_known(user), address)
        log.warning("login_failed", user=_known(user) or "no such user", address=address, in_a_row=count)
        raise ApiError(401, "wrong_login", "user, password or code is wrong")

    def _take_code(self, code: str) -> bool:
        """One step of clock difference either way; a code is good once."""
        step = int(self._clock.now().timestamp()) // TOTP_STEP_S
        for candidate in (step, step - 1, step + 1):
            if candidate > self._used_step and hmac.compare_digest(totp(self._totp, candidate), code):
                self._used_step = candidate
                return True
        return False


def origin(address: str) -> str:
    """Whom failures are counted against: an IPv4 address, or the network of 64 bits that one IPv6 customer has."""
    try:
        found = ip_address(address)
    except ValueError:
        return "unknown"
    mapped = found.ipv4_mapped if found.version == 6 else None
    return str(mapped or found) if found.version == 4 or mapped else str(ip_network((found, 64), strict=False))


def _known(user: str) -> str:
    """The user, or empty for every name that is none: made-up ones share one memory of failures."""
    return user if user in set(Role) else ""


def _key(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _verify(hashed: str, password: str) -> bool:
    try:
        return PasswordHasher().verify(hashed, password)
    except VerifyMismatchError:
        return False
    except (VerificationError, InvalidHashError) as e:
        raise ConfigurationError("DASH_PASSWORD_HASH is not a valid argon2id hash") from e
