"""The service's methods: every call of sections 3 to 5 of the protocol, with session, retries and
throttles around it.

Reads are repeated: once with a fresh session when the session was refused, a few times with growing
pauses when the trouble may pass. A failure of no particular kind may be a lost session too:
IsLoggedIn tells, asked once a minute at most. ``place`` is sent once, whatever happens. Errors are
``VenueError`` with a stable kind; none shows a token or an address.
"""

import asyncio
from collections.abc import Callable, Mapping
from datetime import date, datetime

import msgspec

from keter.clock import Clock
from keter.domain.markets import Phase
from keter.venues.asianodds.limits import FEED_INTERVAL_S
from keter.venues.asianodds.normalise import MARKET_TYPE_OF_PHASE
from keter.venues.asianodds.session import THROTTLED, Sessions, Sleep, is_logged_in, may_ask
from keter.venues.asianodds.stores import Session, ThrottleStore
from keter.venues.asianodds.transport import Reply, Transport
from keter.venues.asianodds.wire import Answer, read_answer
from keter.venues.base import (
    VenueRejectedError,
    VenueSessionError,
    VenueThrottledError,
    VenueTransientError,
)

NO_ROWS, NOT_FOUND = 300, -200
_SESSION_STATUS = frozenset({401, 403})
_SESSION_CODES = frozenset({-4, -403})
_ATTEMPTS = 3
_FIRST_BACKOFF_S = 0.5
_KEEP_ALIVE_AFTER_S = 120.0
_PLACEMENT_MARGIN_S = 10.0


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
        self._transport, self._sessions, self._throttles, self._clock = (
            transport,
            sessions,
            throttles,
            clock,
        )
        self._timeout_s, self._placement_timeout_s, self._sleep = (
            timeout_s,
            placement_timeout_s,
            sleep,
        )
        self._last_call = clock.monotonic()

    async def aclose(self) -> None:
        await self._sessions.aclose()
        await self._transport.aclose()

    # the feed

    async def feed_wait_s(self, phase: Phase) -> float:
        """0 when the feed of ``phase`` may be asked for now, which takes the turn; else the seconds
        until it may.

        The venue counts calls per market type and account, over all sports and processes.
        """
        return await self._throttles.take(
            self.account, f"feed:{phase.value}", self.feed_interval_s[phase]
        )

    async def feed(
        self, phase: Phase, since: int, *, sport: int | None = None, bookies: str = "ALL"
    ) -> FeedAnswer:
        """What changed after ``since``.

        Asked once: the feed has its own rhythm. Raises VenueError.
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

    async def sports(self) -> Answer:
        return await self._read("GetSports")

    async def leagues(
        self,
        phase: Phase,
        *,
        sport: int | None = None,
        bookies: str = "ALL",
        since: int | None = None,
    ) -> Answer:
        return await self._read("GetLeagues", _listing(phase, sport, bookies, since))

    async def matches(
        self,
        phase: Phase,
        *,
        sport: int | None = None,
        bookies: str = "ALL",
        leagues: str = "ALL",
        since: int | None = None,
    ) -> Answer:
        return await self._read(
            "GetMatches", {**_listing(phase, sport, bookies, since), "leagues": leagues}
        )

    # placements

    async def placement_info(self, body: bytes) -> Answer:
        """Prices and limits of a selection now; the venue waits for books as long as ``body``
        asks.
        """
        return await self._read(
            "GetPlacementInfo", body=body, timeout_s=self._placement_timeout_s + _PLACEMENT_MARGIN_S
        )

    async def place_once(self, body: bytes) -> Reply:
        """Send a placement, once.

        Raises VenueSessionError before anything is sent, CallFailedError when no answer came.
        """
        session = await self._sessions.current(patient=False)
        return await self._send(
            session, "PlaceBet", None, body, self._placement_timeout_s + _PLACEMENT_MARGIN_S
        )

    # bets and account

    async def bets(self) -> Answer:
        """At most 150 bets, running and not."""
        return await self._read("GetBets", fine=NO_ROWS)

    async def running_bets(self) -> Answer:
        """At most 50."""
        return await self._read("GetRunningBets", fine=NO_ROWS)

    async def non_running_bets(self) -> Answer:
        """At most 100."""
        return await self._read("GetNonRunningBets", fine=NO_ROWS)

    async def bets_by_reference(self, reference: str) -> Answer:
        """All tickets of a reference as the venue writes it; ``NOT_FOUND`` or ``NO_ROWS`` when it
        knows none (yet).
        """
        return await self._read("GetBetByReference", {"betReference": reference}, fine=NOT_FOUND)

    async def account_summary(self) -> Answer:
        return await self._read("GetAccountSummary")

    async def history_statement(
        self, first: date, last: date, *, bookies: str = "", hide_transactions: bool = True
    ) -> Answer:
        query = {"from": _us(first), "to": _us(last), "bookies": bookies}
        return await self._read(
            "GetHistoryStatement",
            {**query, "shouldHideTransactionData": str(hide_transactions).lower()},
        )

    async def bet_history(self, day: date, *, bookies: str = "") -> Answer:
        query = {"date": _us(day), "bookies": bookies} if bookies else {"date": _us(day)}
        return await self._read("GetBetHistorySummary", query, fine=NO_ROWS)

    async def bookies(self) -> Answer:
        return await self._read("GetBookies")

    async def user_information(self) -> Answer:
        return await self._read("GetUserInformation")

    # the session

    async def keep_alive(self) -> None:
        """Asks IsLoggedIn after two idle minutes, never twice a minute; a session that is gone is
        replaced.
        """
        if self._clock.monotonic() - self._last_call < _KEEP_ALIVE_AFTER_S:
            return
        if not await may_ask(self._throttles, self.account):
            return
        session = await self._sessions.current()
        if not await is_logged_in(self._transport, session, self._timeout_s):
            await self._sessions.lost(session)
        self._last_call = self._clock.monotonic()

    async def logout(self) -> str:
        """End the session at the venue; returns what it said."""
        return (await self._read("Logout", attempts=1)).text

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
        """An answer with code 0, positive, or ``fine``.

        Raises VenueError when no attempt brings one.
        """
        renewed = False
        attempt = 1
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
                elif isinstance(e, VenueSessionError) or attempt >= attempts:
                    raise
                else:
                    await self._sleep(_FIRST_BACKOFF_S * 2 ** (attempt - 1))
                    attempt += 1

    async def _has_ended(self, session: Session, error: VenueTransientError) -> bool:
        """Whether ``error`` was the session's end.

        Where it does not say what it was, the venue is asked, if it may be.
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
    """The answer of a read when it is good: code 0, positive or ``fine``.

    Raises the VenueError that fits otherwise.
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


def _listing(phase: Phase, sport: int | None, bookies: str, since: int | None) -> dict[str, str]:
    query = {"marketTypeId": str(MARKET_TYPE_OF_PHASE[phase]), "bookies": bookies}
    if sport is not None:
        query["sportsType"] = str(sport)
    if since is not None:
        query["since"] = str(since)
    return query


def _us(day: date) -> str:
    return f"{day:%m/%d/%Y}"
