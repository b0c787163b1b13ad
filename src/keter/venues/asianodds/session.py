"""Logging in and staying in: one owner per account, everybody else follows.

The venue allows one session per account, so exactly one process (the holder of the account's ingest
lease) logs in; it leaves token and address in the ``SessionStore``. A follower whose session is
refused waits for a newer one there and never logs in.

The owner replaces a lost session at once, one attempt at a time. When sessions keep dying young,
somebody else is using the account: attempts are then spaced 5, 10, 20, 40, 60 s apart, so that two
programs do not log each other out for ever.
"""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol
from urllib.parse import urlsplit, urlunsplit

import structlog

from keter.clock import Clock
from keter.venues.asianodds.lenient_json import read_fields
from keter.venues.asianodds.session_hosts import SessionHosts
from keter.venues.asianodds.stores import Session, SessionStore, ThrottleStore
from keter.venues.asianodds.transport import Transport
from keter.venues.asianodds.wire import Answer, read_answer
from keter.venues.base import (
    VenueError,
    VenueRejectedError,
    VenueSessionError,
    VenueThrottledError,
    VenueTransientError,
)

log = structlog.get_logger(__name__)
Sleep = Callable[[float], Awaitable[None]]
YOUNG_S = 120.0
_KEEP_ALIVE_FLOOR_S = 60.0
THROTTLED = 810  # of either sign
_BEFORE_REGISTER_S = 3.0
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 5.0, 60.0
_FOLLOW_EVERY_S = 0.25


class Sessions(Protocol):
    """Where the client gets its session from, and whom it tells when that is refused."""

    async def current(self, *, patient: bool = True) -> Session:
        """A session to call with. Raises VenueSessionError; at once when not ``patient``."""
        ...

    async def lost(self, failed: Session) -> None:
        """Return when ``failed`` has been replaced.

        Raises VenueSessionError when that is not to be had soon.
        """
        ...

    async def aclose(self) -> None: ...


class SessionFollower:
    """Uses what the owner left in the store; waits up to ``wait_s`` for it."""

    def __init__(
        self,
        account: str,
        store: SessionStore,
        clock: Clock,
        *,
        hosts: SessionHosts,
        wait_s: float = 15.0,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._account, self._store, self._clock, self._hosts = account, store, clock, hosts
        self._wait_s, self._sleep = wait_s, sleep

    async def current(self, *, patient: bool = True) -> Session:
        return await self._newer("", self._wait_s if patient else 0.0)

    async def lost(self, failed: Session) -> None:
        await self._newer(failed.token, self._wait_s)

    async def aclose(self) -> None:
        """Nothing to give back: the session is the owner's."""

    async def _newer(self, old_token: str, wait_s: float) -> Session:
        deadline = self._clock.monotonic() + wait_s
        while True:
            session = await self._store.read(self._account)
            if session is not None and session.token != old_token:
                if self._hosts.strict:  # in DRY the owner has warned already
                    _check_host(self._hosts, session.url, VenueSessionError)
                return session
            if self._clock.monotonic() >= deadline:
                raise VenueSessionError(
                    "no_session", "the session's owner has not provided a working one"
                )
            await self._sleep(_FOLLOW_EVERY_S)


class SessionOwner:
    """Logs in, registers, leaves the session in the store, replaces it when it is lost."""

    def __init__(
        self,
        account: str,
        password: str,
        base_url: str,
        transport: Transport,
        store: SessionStore,
        clock: Clock,
        *,
        throttles: ThrottleStore,
        hosts: SessionHosts,
        timeout_s: float = 15.0,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._account, self._base_url = account, base_url
        # The protocol's own choice; it is the password as far as anybody else is concerned.
        self._password_md5 = hashlib.md5(password.encode(), usedforsecurity=False).hexdigest()
        self._transport, self._store, self._clock, self._throttles = (
            transport,
            store,
            clock,
            throttles,
        )
        self._timeout_s, self._sleep, self._hosts = timeout_s, sleep, hosts
        self._lock = asyncio.Lock()
        self._session: Session | None = None
        self._began = 0.0
        self._deaths = 0
        self._not_before = 0.0
        self.logins = 0

    async def current(self, *, patient: bool = True) -> Session:
        if self._session is not None:
            return self._session
        if not patient:
            raise VenueSessionError("no_session", "not logged in")
        async with self._lock:
            if self._session is None:
                self._session = await self._adopted() or await self._logged_in()
            return self._session

    async def lost(self, failed: Session) -> None:
        async with self._lock:
            if self._session is not None and self._session.token != failed.token:
                return
            self._session = None
            await self._store.drop(self._account, failed.token)
            self._note_short_life()
            self._session = await self._logged_in()

    async def aclose(self) -> None:
        """Leaves the session to a successor: the store has it, and the venue's time-out ends it if
        nobody comes.
        """

    def _note_short_life(self) -> None:
        """Count a death at a young age and sets when the next login may be."""
        now = self._clock.monotonic()
        self._deaths = self._deaths + 1 if now - self._began < YOUNG_S else 0
        self._pause(now)

    def _pause(self, now: float) -> None:
        if self._deaths > 1:
            self._not_before = now + min(_FIRST_PAUSE_S * 2 ** (self._deaths - 2), _LONGEST_PAUSE_S)

    async def _adopted(self) -> Session | None:
        """The session a predecessor left, if it still works; unasked when the venue has just been
        asked.
        """
        session = await self._store.read(self._account)
        if session is None:
            return None
        try:
            _check_host(self._hosts, session.url, VenueTransientError)
            asked = await may_ask(self._throttles, self._account)
            if asked and not await is_logged_in(self._transport, session, self._timeout_s):
                return None
        except VenueTransientError:
            return None
        self._began = self._clock.monotonic()
        return session

    async def _logged_in(self) -> Session:
        wait_s = self._not_before - self._clock.monotonic()
        if wait_s > 0:
            raise VenueSessionError(
                "session_contested",
                f"the account is in use elsewhere; next login in {wait_s:.0f} s",
            )
        try:
            session = await self._login_and_register()
        except (VenueSessionError, VenueRejectedError):
            self._deaths += 1
            self._pause(self._clock.monotonic())
            raise
        await self._store.write(self._account, session)
        self._began = self._clock.monotonic()
        self.logins += 1
        return session

    async def _login_and_register(self) -> Session:
        """Register right after the login; where that fails, the login is spent, and the next is
        given time to get about.
        """
        for pause_s in (0.0, _BEFORE_REGISTER_S):
            session = await self._login()
            if pause_s:
                await self._sleep(pause_s)
            if await self._register(session):
                return session
        raise VenueSessionError(
            "register_refused", "the venue accepts the login but not its registration"
        )

    async def _login(self) -> Session:
        query = {"username": self._account, "password": self._password_md5}
        answer = await _get(
            self._transport, f"{self._base_url}/Login", self._timeout_s, params=query
        )
        found = read_fields(answer.result)
        token, key, url = found.text("Token"), found.text("Key"), found.text("Url")
        if answer.code != 0 or not token or not found.flag("SuccessfulLogin"):
            raise _why_refused(answer)
        root = _session_root(url, self._base_url)
        _check_host(self._hosts, root, VenueRejectedError)
        return Session(token, key, root, self._clock.now())

    async def _register(self, session: Session) -> bool:
        headers = {"AOToken": session.token, "AOKey": session.key}
        query = {"username": self._account}
        answer = await _get(
            self._transport,
            f"{session.url}/Register",
            self._timeout_s,
            params=query,
            headers=headers,
        )
        return answer.code == 0 and read_fields(answer.result).flag("Success")


async def may_ask(throttles: ThrottleStore, account: str) -> bool:
    """Whether IsLoggedIn may be called now, which takes the turn: the venue wants a minute between
    two.
    """
    return await throttles.take(account, "is_logged_in", _KEEP_ALIVE_FLOOR_S) == 0


async def is_logged_in(transport: Transport, session: Session, timeout_s: float) -> bool:
    """Asks the venue whether the session lives, which keeps it alive.

    Raises VenueTransientError when it cannot be asked.
    """
    reply = await transport.send(
        "GET", f"{session.url}/IsLoggedIn", timeout_s=timeout_s, headers={"AOToken": session.token}
    )
    if reply.status in {401, 403}:
        return False
    _check_status(reply.status)
    answer = read_answer(reply.body)
    if abs(answer.code) == THROTTLED:
        raise VenueThrottledError(answer.text or f"code {answer.code}", _KEEP_ALIVE_FLOOR_S)
    state = read_fields(answer.result)
    return answer.code >= 0 and (state.flag("CurrentlyLoggedIn") or state.flag("SuccessfulLogin"))


async def _get(
    transport: Transport,
    url: str,
    timeout_s: float,
    *,
    params: Mapping[str, str],
    headers: Mapping[str, str] | None = None,
) -> Answer:
    reply = await transport.send("GET", url, timeout_s=timeout_s, params=params, headers=headers)
    if reply.status in {404, 405}:
        raise VenueRejectedError(
            f"http_{reply.status}", "there is no such service at this address; check AO_BASE_URL"
        )
    _check_status(reply.status)
    return read_answer(reply.body)


def _why_refused(answer: Answer) -> VenueError:
    """Only a general failure (or a success that is none) is about the credentials; other codes and
    maintenance pass.
    """
    if "maintenance" in answer.text.lower():
        return VenueTransientError("maintenance", answer.text)
    if answer.code not in {0, -1}:
        return VenueTransientError(
            f"code_{answer.code}", answer.text or "the venue did not log us in"
        )
    return VenueRejectedError(
        "login_refused", f"{answer.text or 'no reason given'}; check AO_USER and AO_PASS"
    )


def _check_status(status: int) -> None:
    if status != 200:
        raise VenueTransientError(f"http_{status}", "the venue did not answer the login")


def _check_host(hosts: SessionHosts, url: str, kind: type[VenueError]) -> None:
    """Raise ``kind`` when LIVE must not take the session to ``url``; DRY is warned only."""
    fault = hosts.fault(url)
    if fault is None:
        return
    if hosts.strict:
        raise kind("session_host", fault)
    log.warning("session_host", problem=fault)


def _session_root(url: str, base_url: str) -> str:
    """Where the session lives. An encrypted login is never followed by a plain-text session."""
    try:
        parts, base = urlsplit(url), urlsplit(base_url)
    except ValueError:  # brackets that are no address, characters that turn into a slash
        raise VenueTransientError("bad_session_url", "the login gave no usable address") from None
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username:
        raise VenueTransientError("bad_session_url", "the login gave no usable address")
    if base.scheme == "https" and parts.scheme == "http":
        parts = parts._replace(scheme="https")
    return urlunsplit(parts._replace(query="", fragment="")).rstrip("/")
