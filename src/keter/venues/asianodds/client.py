"""The methods of the service: sections 3 to 5 of the protocol, with session, retries and throttles.

A read is repeated once with a fresh session if the session was refused. It is repeated a few times
with growing pauses if the trouble may pass. A failure of no particular kind may be a lost session
too, so IsLoggedIn is asked, once a minute at most. ``place_once`` is sent once, whatever happens.
Errors are ``VenueError`` with a stable kind. None shows a token or an address.
"""

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime

import msgspec

from keter.backoff import Backoff
from keter.clock import Clock
from keter.domain.markets import Phase
from keter.domain.order_calls import PLACEMENT_MARGIN_S
from keter.venues.asianodds.limits import FEED_INTERVAL_S
from keter.venues.asianodds.login import THROTTLED, is_logged_in, may_ask
from keter.venues.asianodds.normalise import MARKET_TYPE_OF_PHASE
from keter.venues.asianodds.session import Sessions, Sleep
from keter.venues.asianodds.stores import Session, ThrottleStore
from keter.venues.asianodds.transport import Reply, Transport
from keter.venues.asianodds.wire import Answer, read_answer
from keter.venues.base import (
    VenueRejectedError,
    VenueSessionError,
    VenueThrottledError,
    VenueTransientError,
)

# Codes of good answers: the list is empty; the reference is not known (yet).
NO_ROWS, NOT_FOUND = 300, -200
_SESSION_STATUS = frozenset({401, 403})
_SESSION_CODES = frozenset({-4, -403})
_ATTEMPTS = 3
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.5, 1.0
_KEEP_ALIVE_AFTER_S = 120.0


class FeedAnswer(msgspec.Struct, frozen=True):
    """A good answer of GetFeeds and its times; ``answer.body`` is what came."""

    answer: Answer
    requested_at: datetime
    received_at: datetime


class Client:
    """One account's connection. Safe for concurrent callers; close it."""

    def __init__(
        self,
        account: str,
        transport: Transport,
        sessions: Sessions,
        throttles: ThrottleStore,
        clock: Clock,
        *,
        timeout_s: float = 15.0,
        placement_timeout_s: int = 20,
        feed_interval_s: Mapping[Phase, float] = FEED_INTERVAL_S,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self.account = account
        self.feed_interval_s = dict(feed_interval_s)
        self._transport = transport
        self._sessions = sessions
        self._throttles = throttles
        self._clock = clock
        self._timeout_s = timeout_s
        self._placement_s = placement_timeout_s + PLACEMENT_MARGIN_S
        self._sleep = sleep
        self._last_call = clock.monotonic()

    async def aclose(self) -> None:
        await self._sessions.aclose()
        await self._transport.aclose()

    # the feed

    async def feed_wait_s(self, phase: Phase) -> float:
        """Return the seconds until the feed of ``phase`` may be asked for.

        0 means now, and takes the turn. The venue counts calls per market type and account, over
        all sports and processes.
        """
        return await self._throttles.take(
            self.account, f"feed:{phase.value}", self.feed_interval_s[phase]
        )

    async def feed(
        self, phase: Phase, since: int, *, sport: int | None = None, bookies: str = "ALL"
    ) -> FeedAnswer:
        """Return what changed after the cursor ``since``. Raises VenueError.

        It is asked once, not repeated: the feed is polled at its own interval anyway.
        """
        query = {
            "marketTypeId": str(MARKET_TYPE_OF_PHASE[phase]),
            "bookies": bookies,
            "leagues": "ALL",
            "oddsFormat": "00",
        }
        if sport is not None:
            query["sportsType"] = str(sport)
        requested_at = self._clock.now()
        answer = await self._read("GetFeeds", {**query, "since": str(since)}, attempts=1)
        return FeedAnswer(answer, requested_at, self._clock.now())

    # placements

    async def placement_info(self, body: bytes) -> Answer:
        """Return prices and limits of a selection now.

        The venue waits for books as long as ``body`` asks. Raises VenueError.
        """
        return await self._read("GetPlacementInfo", body=body, timeout_s=self._placement_s)

    async def place_once(self, body: bytes) -> Reply:
        """Send a placement, once.

        Raises VenueSessionError before anything is sent, CallFailedError when no answer came.
        """
        session = await self._sessions.current(wait=False)
        return await self._send(session, "PlaceBet", None, body, self._placement_s)

    # bets and account

    async def bets(self) -> Answer:
        """Return at most 150 bets, running and not."""
        return await self._read("GetBets", fine=NO_ROWS)

    async def bets_by_reference(self, reference: str) -> Answer:
        """Return all tickets of a reference, given as the venue writes it.

        The code is ``NOT_FOUND`` or ``NO_ROWS`` while the venue knows none; it may know some later.
        """
        return await self._read("GetBetByReference", {"betReference": reference}, fine=NOT_FOUND)

    async def account_summary(self) -> Answer:
        return await self._read("GetAccountSummary")

    # the session

    async def keep_alive(self) -> None:
        """Ask IsLoggedIn after two idle minutes, never twice a minute.

        A session that is gone is replaced. Raises VenueTransientError.
        """
        if self._clock.monotonic() - self._last_call < _KEEP_ALIVE_AFTER_S:
            return
        if not await may_ask(self._throttles, self.account):
            return
        session = await self._sessions.current()
        if not await is_logged_in(self._transport, session, self._timeout_s):
            await self._sessions.lost(session)
        self._last_call = self._clock.monotonic()

    # how calls are made

    async def _read(
        self,
        method: str,
        query: Mapping[str, str] | None = None,
        *,
        body: bytes | None = None,
        timeout_s: float | None = None,
        attempts: int = _ATTEMPTS,
        fine: int = 0,
    ) -> Answer:
        """Return an answer whose code is 0, positive or ``fine``.

        Raises VenueError if no attempt brings one.
        """
        renewed = False
        pauses = Backoff(_FIRST_PAUSE_S, _LONGEST_PAUSE_S)
        while True:
            session = await self._sessions.current()
            try:
                reply = await self._send(session, method, query, body, timeout_s or self._timeout_s)
                return checked(reply, fine, lambda: self._interval(query))
            except VenueThrottledError:
                raise
            except VenueTransientError as e:
                if not renewed and await self._has_ended(session, e):
                    renewed = True
                    await self._sessions.lost(session)
                elif isinstance(e, VenueSessionError) or pauses.failures + 1 >= attempts:
                    raise
                else:
                    await self._sleep(pauses.next())

    async def _has_ended(self, session: Session, error: VenueTransientError) -> bool:
        """Return whether ``error`` means that the session has ended.

        If the error does not say what it was, the venue is asked, as far as the throttle allows.
        """
        if isinstance(error, VenueSessionError):
            return True
        if error.kind != "code_-1" or not await may_ask(self._throttles, self.account):
            return False
        try:
            return not await is_logged_in(self._transport, session, self._timeout_s)
        except VenueTransientError:
            return False

    def _interval(self, query: Mapping[str, str] | None) -> float:
        """Return the seconds that a throttled call of this kind must wait."""
        kind = (query or {}).get("marketTypeId")
        by_type = {
            str(MARKET_TYPE_OF_PHASE[phase]): interval
            for phase, interval in self.feed_interval_s.items()
        }
        return by_type.get(kind or "", max(self.feed_interval_s.values()))

    async def _send(
        self,
        session: Session,
        method: str,
        query: Mapping[str, str] | None,
        body: bytes | None,
        timeout_s: float,
    ) -> Reply:
        reply = await self._transport.send(
            "GET" if body is None else "POST",
            f"{session.url}/{method}",
            timeout_s=timeout_s,
            headers={"AOToken": session.token},
            params=query,
            json=body,
        )
        self._last_call = self._clock.monotonic()
        return reply


def checked(reply: Reply, fine: int, interval_s: Callable[[], float]) -> Answer:
    """Return the answer of a read if it is good: code 0, positive or ``fine``.

    Raises the VenueError that fits otherwise. ``interval_s`` returns how long to wait when
    throttled.
    """
    if reply.status in _SESSION_STATUS:
        raise VenueSessionError(f"http_{reply.status}", "the venue does not know the session")
    if reply.status == 429:
        raise VenueThrottledError("HTTP 429", interval_s())
    if reply.status in {404, 405}:
        raise VenueRejectedError(
            f"http_{reply.status}", "there is no such service at this address; check AO_BASE_URL"
        )
    if reply.status != 200:
        raise VenueTransientError(f"http_{reply.status}", "the venue did not answer the question")
    answer = read_answer(reply.body)
    if abs(answer.code) == THROTTLED:
        raise VenueThrottledError(answer.text or f"code {answer.code}", interval_s())
    if answer.speaks_of_session or answer.code in _SESSION_CODES:
        raise VenueSessionError(f"code_{answer.code}", answer.text)
    if answer.code < 0 and answer.code != fine:
        kind_of = "maintenance" if "maintenance" in answer.text.lower() else f"code_{answer.code}"
        raise VenueTransientError(kind_of, answer.text)
    return answer
