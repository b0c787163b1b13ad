"""Who is calling: passwords, a second factor, sessions, and waits that slow guessing down.

Without DASH_PASSWORD_HASH every caller on this machine is the operator, as with the command line.
Other machines cannot reach the console then (``preflight.check_bind``).
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn
from weakref import WeakValueDictionary

import structlog

from keter.clock import Clock
from keter.dashboard.devices import Devices
from keter.dashboard.errors import ApiError
from keter.dashboard.login_backoff import LoginBackoff, origin
from keter.dashboard.passwords import verify_password
from keter.dashboard.routes import Principal, Role
from keter.dashboard.second_factor import SecondFactor, UsedCodes, step_of
from keter.dashboard.sessions import Sessions
from keter.errors import ConfigurationError
from keter.setting_groups import DashboardSettings
from keter.system.addresses import is_loopback
from keter.trust import viewer_fault

log = structlog.get_logger(__name__)
COOKIE = "__Host-sid"
# Logins of one queue that wait for the hash.
MAX_WAITING = 20
ALERT_AFTER = 5


class HashQueue:
    """Computes one password hash at a time for callers of one kind.

    So no kind waits for another. A hash takes 64 MB while it is computed.
    """

    def __init__(self, most_waiting: int) -> None:
        self.hashing = asyncio.Semaphore(1)
        self.waiting = 0
        self.most_waiting = most_waiting


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try to log in, as far as failures are counted.

    ``apart`` names a known browser or a session, which is counted by itself.
    """

    user: str
    address: str
    apart: str = ""

    @property
    def counted(self) -> tuple[str, str, str]:
        """The key of the back-off: made-up names share one memory of failures."""
        return _known_name(self.user), self.address, self.apart


class Authenticator:
    """Checks passwords and codes, and knows the sessions of one process.

    A restart logs everybody out. ``folder`` keeps what must outlive it: spent codes, and the key of
    known browsers.
    """

    def __init__(
        self, settings: DashboardSettings, clock: Clock, folder: Path | None = None
    ) -> None:
        self._hashes = {
            Role.OPERATOR: settings.dash_password_hash.get_secret_value(),
            Role.VIEWER: settings.dash_viewer_password_hash.get_secret_value(),
        }
        _check_hashes(self._hashes)
        self._clock = clock
        self._factors = _factors(settings, UsedCodes(folder, step_of(clock)), clock)
        self._viewer_off = viewer_fault(settings)
        if self._viewer_off:
            log.warning("viewer_login_off", reason=self._viewer_off)
        self.devices = Devices(
            folder, {role.value: hashed for role, hashed in self._hashes.items()}, clock
        )
        self.sessions = Sessions(clock)
        self._locks: WeakValueDictionary[Attempt, asyncio.Lock] = WeakValueDictionary()
        self._known_queue = HashQueue(MAX_WAITING)
        self._local_queue = HashQueue(MAX_WAITING)
        self._remote_queue = HashQueue(MAX_WAITING)
        self.backoff = LoginBackoff(clock)

    @property
    def has_password(self) -> bool:
        """Whether a password is configured."""
        return bool(self._hashes[Role.OPERATOR])

    @property
    def has_viewer(self) -> bool:
        return bool(self._hashes[Role.VIEWER]) and not self._viewer_off

    @property
    def has_totp(self) -> bool:
        """Whether some login asks for a code."""
        return bool(self._factors)

    def asks_code(self, role: Role) -> bool:
        """Return whether this login, and its proofs, ask for a code."""
        return role in self._factors

    def who(self, token: str | None, *, poll: bool = False) -> Principal | None:
        """Return the caller behind a cookie; None when its session is missing or over.

        A ``poll``, which a page makes by itself, does not keep the session awake.
        """
        if not self.has_password:
            return Principal("operator", Role.OPERATOR)
        return self.sessions.find(token, poll=poll)

    def alive(self, principal: Principal) -> bool:
        """Return whether the session goes on; asking does not keep it awake."""
        return not self.has_password or self.sessions.alive(principal.session)

    async def login(
        self, user: str, password: str, code: str | None, address: str, device: str | None = None
    ) -> str:
        """Return the token of a new session.

        ``device`` is the cookie of a browser that logged in before, if it has one. Raises ApiError
        401, or 429 while the back-off lasts.
        """
        attempt = Attempt(user, address, self.devices.known(device, user))
        await self._check_all(attempt, password, code)
        token = self.sessions.begin(Role(user))
        log.info("logged_in", user=user, address=address)
        return token

    def logout(self, principal: Principal) -> None:
        if self.sessions.end(principal.session):
            log.info("logged_out", user=principal.name)

    async def prove(
        self, principal: Principal, password: str, code: str | None, address: str
    ) -> None:
        """Check password and code of a session once more.

        Failures of others do not count: who has the session is no stranger. Raises as ``login``
        does.
        """
        await self._check_all(
            Attempt(principal.role.value, address, session_source(principal)), password, code
        )
        self.sessions.note_proof(principal.session)

    def check_code(self, who: str, code: str) -> None:
        """Check the operator's code alone, from a channel that must not carry the password.

        ``who`` names the sender. Raises ApiError 401, 429.
        """
        attempt = Attempt(Role.OPERATOR.value, who, who)
        self._check_wait(attempt)
        if not self._factor_holds(attempt, code):
            self._refuse(attempt)
        self.backoff.succeeded(*attempt.counted)

    async def _check_all(self, attempt: Attempt, password: str, code: str | None) -> None:
        async with self._one_at_a_time(attempt) as queue:
            await self._check(attempt, password, queue)
            if not self._factor_holds(attempt, code):
                self._refuse(attempt)
        self.backoff.succeeded(*attempt.counted)

    @asynccontextmanager
    async def _one_at_a_time(self, attempt: Attempt) -> AsyncIterator[HashQueue]:
        """Let one try at a time through per account and origin; yield the queue for its hash.

        Tries that were sent at once so wait for each other's back-off. Raises ApiError 429 while
        that lasts, and when too many wait.
        """
        queue = self._queue_of(attempt)
        if queue.waiting >= queue.most_waiting:
            raise ApiError(429, "slow_down", "too many logins at once; try again", retry_after_s=1)
        user, address, apart = attempt.counted
        lock = self._locks.setdefault(Attempt(user, origin(address), apart), asyncio.Lock())
        queue.waiting += 1
        try:
            async with lock:
                self._check_wait(attempt)
                yield queue
        finally:
            queue.waiting -= 1

    def _queue_of(self, attempt: Attempt) -> HashQueue:
        if attempt.apart:
            return self._known_queue
        return self._local_queue if is_loopback(attempt.address) else self._remote_queue

    def _check_wait(self, attempt: Attempt) -> None:
        wait_s = self.backoff.wait_s(*attempt.counted)
        if wait_s > 0:
            raise ApiError(
                429, "slow_down", f"too many failures; wait {wait_s:.0f} s", retry_after_s=wait_s
            )

    async def _check(self, attempt: Attempt, password: str, queue: HashQueue) -> None:
        hashed = self._hashes.get(Role(attempt.user), "") if _known_name(attempt.user) else ""
        if self._viewer_off and attempt.user == Role.VIEWER.value:
            hashed = ""
        async with queue.hashing:
            matches = await asyncio.to_thread(
                verify_password, hashed or self._hashes[Role.OPERATOR], password
            )
        if not matches or not hashed:
            self._refuse(attempt)

    def _factor_holds(self, attempt: Attempt, code: str | None) -> bool:
        factor = self._factors.get(Role(attempt.user))
        return factor is None or factor.take(code or "")

    def _refuse(self, attempt: Attempt) -> NoReturn:
        """Count a failure and raise ApiError 401, without a word on what was wrong."""
        count = self.backoff.failed(*attempt.counted)
        log.warning(
            "login_failed",
            user=_known_name(attempt.user) or "no such user",
            address=attempt.address,
            in_a_row=count,
        )
        raise ApiError(401, "wrong_login", "user, password or code is wrong")


def _check_hashes(hashes: Mapping[Role, str]) -> None:
    for hashed in filter(None, hashes.values()):
        if not hashed.startswith("$argon2id$"):
            raise ConfigurationError(
                "DASH_PASSWORD_HASH must be an argon2id hash; make one with `keter config password`"
            )
    if hashes[Role.VIEWER] and not hashes[Role.OPERATOR]:
        raise ConfigurationError("DASH_VIEWER_PASSWORD_HASH needs DASH_PASSWORD_HASH beside it")


def session_source(principal: Principal) -> str:
    """Return the key under which a session's proofs are counted, apart from its address."""
    return f"session {principal.session}"


def _factors(
    settings: DashboardSettings, used: UsedCodes, clock: Clock
) -> dict[Role, SecondFactor]:
    """Return the second factor of each account that has one.

    Each has its own: a viewer must not be able to make the operator's codes.
    """
    found = {
        Role.OPERATOR: settings.dash_totp_secret,
        Role.VIEWER: settings.dash_viewer_totp_secret,
    }
    texts = {role: secret.get_secret_value() for role, secret in found.items()}
    return {
        role: SecondFactor(role.value, text, used, clock) for role, text in texts.items() if text
    }


def _known_name(user: str) -> str:
    """Return the user, or empty for a name that is no account."""
    return user if user in set(Role) else ""
