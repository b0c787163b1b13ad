"""AsianOdds as a place to bet."""

import re
from collections.abc import Sequence
from datetime import datetime

import structlog
from cachetools import FIFOCache

from keter.clock import Clock
from keter.domain.order_calls import (
    OrderRequest,
    PlaceAnswer,
    PlacementQuote,
    PlaceResult,
    QuoteRequest,
)
from keter.domain.tickets import AccountSnapshot, Ticket
from keter.venues.asianodds.client import NO_ROWS, NOT_FOUND, Client
from keter.venues.asianodds.lenient_json import read_fields
from keter.venues.asianodds.limits import CAPABILITY
from keter.venues.asianodds.placement import (
    REFERENCE_PREFIX,
    classify,
    classify_failure,
    info_body,
    place_body,
    read_quotes,
)
from keter.venues.asianodds.selections import Intended, IntendedOf
from keter.venues.asianodds.tickets import read_tickets
from keter.venues.asianodds.transport import CallFailedError
from keter.venues.asianodds.wire import Answer, BrokenAnswerError
from keter.venues.base import VenueSessionError

_log = structlog.get_logger(__name__)
_REMEMBERED = 5_000
_CURRENCY = re.compile("[A-Z]{3}")


class AsianOddsVenue:
    """``Bookmaker`` over one account.

    ``intended`` returns the selection behind one of our references, for the rare ticket whose
    handicap sign is in doubt. Without it the bets placed by this object are remembered.
    """

    capability = CAPABILITY

    def __init__(
        self,
        client: Client,
        clock: Clock,
        *,
        placement_timeout_s: int = 20,
        intended: IntendedOf | None = None,
    ) -> None:
        self._client = client
        self._clock = clock
        self._placement_timeout_s = placement_timeout_s
        self._placed: FIFOCache[str, Intended] = FIFOCache(_REMEMBERED)
        self._intended = intended

    async def quote(self, request: QuoteRequest) -> Sequence[PlacementQuote]:
        """Return one quote per book that answered.

        Raises VenueError if the venue cannot be asked, ValueError for a request that cannot be
        written.
        """
        answer = await self._client.placement_info(info_body(request, self._placement_timeout_s))
        return read_quotes(answer, request.market)

    async def place(self, request: OrderRequest) -> PlaceAnswer:
        """Send ``request`` once.

        Raises ValueError, before anything is sent, for one that cannot be written.
        """
        body = place_body(request)
        self._placed[request.reference] = (request.market, request.outcome)
        try:
            reply = await self._client.place_once(body)
        except VenueSessionError as e:
            return PlaceAnswer(PlaceResult.NOT_SENT, e.kind, e.detail)
        except CallFailedError as e:
            return classify_failure(e)
        placement = classify(reply, request.reference)
        _log.info(
            "placement",
            reference=request.reference,
            result=placement.result.value,
            kind=placement.kind,
        )
        return placement

    async def bet(self, reference: str) -> Sequence[Ticket]:
        """Return all tickets with our reference; empty while the venue knows none.

        Raises VenueError.
        """
        answer = await self._client.bets_by_reference(REFERENCE_PREFIX + reference)
        if answer.code in {NOT_FOUND, NO_ROWS}:
            return ()
        return read_tickets(answer, self._clock.now(), self._intent)

    async def bets(self) -> Sequence[Ticket]:
        """Return the newest 150 tickets, running and not. Raises VenueError."""
        return read_tickets(await self._client.bets(), self._clock.now(), self._intent)

    async def account(self) -> AccountSnapshot:
        """Return the account as the venue shows it now. Raises VenueError."""
        answer = await self._client.account_summary()
        return read_account(answer, self._client.account, self._clock.now())

    async def aclose(self) -> None:
        await self._client.aclose()

    def _intent(self, reference: str) -> Intended | None:
        known = self._placed.get(reference)
        return known if known is not None or self._intended is None else self._intended(reference)


def read_account(answer: Answer, account: str, now: datetime) -> AccountSnapshot:
    """Return the account of a GetAccountSummary answer.

    Raises BrokenAnswerError if credit or outstanding is missing or beyond its bound: a guess would
    be money.
    """
    found = read_fields(answer.result)
    credit, outstanding = found.minor("Credit"), found.minor("Outstanding")
    if credit is None or outstanding is None:
        raise BrokenAnswerError("bad_account", "no credit or outstanding amount")
    currency = found.text("CreditCurrency", "OutstandingCurrency").upper()
    return AccountSnapshot(
        account=account,
        currency=currency if _CURRENCY.fullmatch(currency) else "",
        credit_minor=credit,
        outstanding_minor=outstanding,
        pnl_today_minor=found.minor("TodayPnL") or 0,
        pnl_yesterday_minor=found.minor("YesterdayPnL") or 0,
        fetched_at=now,
    )
