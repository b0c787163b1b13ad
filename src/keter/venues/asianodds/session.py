"""Staying logged in: one owner per account, everybody else follows.

The venue allows one session per account, so exactly one process logs in: the holder of the
account's ingest lease. It leaves token and address in the ``SessionStore``. A follower whose
session is refused waits for a newer one there and never logs in.

The owner replaces a lost session at once, one attempt at a time. If sessions keep ending young,
somebody else is using the account. Attempts are then spaced 5, 10, 20, 40, 60 s apart, so that two
programs do not log each other out without end.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol

from keter.backoff import Backoff
from keter.clock import Clock
from keter.venues.asianodds.login import Login, is_logged_in, may_ask
from keter.venues.asianodds.session_hosts import SessionHosts, check_host
from keter.venues.asianodds.stores import Session, SessionStore, ThrottleStore
from keter.venues.asianodds.transport import Transport
from keter.venues.base import VenueRejectedError, VenueSessionError, VenueTransientError

Sleep = Callable[[float], Awaitable[None]]
YOUNG_S = 120.0
_BEFORE_REGISTER_S = 3.0
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 5.0, 60.0
_FOLLOW_EVERY_S = 0.25


class Sessions(Protocol):
    """Where the client gets its session from, and reports one that was refused."""

    async def current(self, *, wait: bool = True) -> Session:
        """Return a session to call with.

        Raises VenueSessionError if there is none; at once unless ``wait``.
        """
        ...

    async def lost(self, failed: Session) -> None:
        """Return when ``failed`` has been replaced.

        Raises VenueSessionError if a new session is not to be had soon.
        """
        ...

    async def aclose(self) -> None: ...


class SessionFollower:
    """Uses the session that the owner left in the store; waits up to ``wait_s`` for it."""

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
        self._account = account
        self._store = store
        self._clock = clock
        self._hosts = hosts
        self._wait_s = wait_s
        self._sleep = sleep

    async def current(self, *, wait: bool = True) -> Session:
        return await self._newer("", self._wait_s if wait else 0.0)

    async def lost(self, failed: Session) -> None:
        await self._newer(failed.token, self._wait_s)

    async def aclose(self) -> None:
        """Do nothing: the session is the owner's."""

    async def _newer(self, old_token: str, wait_s: float) -> Session:
        """Return a session with another token than ``old_token``.

        Raises VenueSessionError if none comes within ``wait_s``, or LIVE must not use it.
        """
        deadline = self._clock.monotonic() + wait_s
        while True:
            session = await self._store.read(self._account)
            if session is not None and session.token != old_token:
                # In DRY the owner has warned already.
                if self._hosts.strict:
                    check_host(self._hosts, session.url, VenueSessionError)
                return session
            if self._clock.monotonic() >= deadline:
                raise VenueSessionError(
                    "no_session", "the session's owner has not provided a working one"
                )
            await self._sleep(_FOLLOW_EVERY_S)


class SessionOwner:
    """Logs in, registers, leaves the session in the store, and replaces it if it is lost."""

    def __init__(
        self,
        account: str,
        login: Login,
        transport: Transport,
        store: SessionStore,
        clock: Clock,
        *,
        throttles: ThrottleStore,
        hosts: SessionHosts,
        timeout_s: float = 15.0,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._login = login
        self._account = account
        self._transport = transport
        self._store = store
        self._clock = clock
        self._throttles = throttles
        self._hosts = hosts
        self._timeout_s = timeout_s
        self._sleep = sleep
        self._lock = asyncio.Lock()
        self._session: Session | None = None
        self._began = 0.0
        # Sessions in a row that ended young or could not be had.
        self._short_lives = 0
        self._pauses = Backoff(_FIRST_PAUSE_S, _LONGEST_PAUSE_S)
        self._not_before = 0.0
        self.logins = 0

    async def current(self, *, wait: bool = True) -> Session:
        if self._session is not None:
            return self._session
        if not wait:
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
        """Leave the session to a successor.

        The store has it, and the venue's time-out ends it if nobody comes.
        """

    def _note_short_life(self) -> None:
        """Count a session that ended young, and set when the next login may be."""
        now = self._clock.monotonic()
        self._short_lives = self._short_lives + 1 if now - self._began < YOUNG_S else 0
        self._space_logins(now)

    def _space_logins(self, now: float) -> None:
        """Set when the next login may be: at once after the first short life, later after more."""
        if self._short_lives > 1:
            self._not_before = now + self._pauses.pause_s(self._short_lives - 1)

    async def _adopted(self) -> Session | None:
        """Return the session that a predecessor left, if it still works; else None.

        It is taken unasked if the venue was asked within the last minute.
        """
        session = await self._store.read(self._account)
        if session is None:
            return None
        try:
            check_host(self._hosts, session.url, VenueTransientError)
            asked = await may_ask(self._throttles, self._account)
            if asked and not await is_logged_in(self._transport, session, self._timeout_s):
                return None
        except VenueTransientError:
            return None
        self._began = self._clock.monotonic()
        return session

    async def _logged_in(self) -> Session:
        """Log in and return the new session.

        Raises VenueSessionError while logins are spaced, and the errors of the login.
        """
        wait_s = self._not_before - self._clock.monotonic()
        if wait_s > 0:
            raise VenueSessionError(
                "session_contested",
                f"the account is in use elsewhere; next login in {wait_s:.0f} s",
            )
        try:
            session = await self._login_and_register()
        except (VenueSessionError, VenueRejectedError):
            self._short_lives += 1
            self._space_logins(self._clock.monotonic())
            raise
        await self._store.write(self._account, session)
        self._began = self._clock.monotonic()
        self.logins += 1
        return session

    async def _login_and_register(self) -> Session:
        """Register right after the login; if that fails, log in again and wait before registering.

        A login whose registration failed is spent. The venue needs a moment to know a new one
        everywhere.
        """
        for pause_s in (0.0, _BEFORE_REGISTER_S):
            session = await self._login.new_session()
            if pause_s:
                await self._sleep(pause_s)
            if await self._login.register(session):
                return session
        raise VenueSessionError(
            "register_refused", "the venue accepts the login but not its registration"
        )
