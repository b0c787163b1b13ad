"""AsianOdds as a place to bet."""

from collections import OrderedDict
from collections.abc import Sequence
from datetime import date

import structlog

from keter.clock import Clock
from keter.domain.markets import Market, Outcome, Phase
from keter.domain.orders import Placement, PlacementQuote, PlaceOrder, PlaceOutcome, QuoteRequest
from keter.domain.tickets import AccountSnapshot, Ticket
from keter.venues.asianodds.account import (
    BetHistory,
    Bookie,
    League,
    MatchName,
    Sport,
    StatementDay,
    UserInformation,
    read_account,
    read_bookies,
    read_history,
    read_leagues,
    read_matches,
    read_sports,
    read_statement,
    read_user_information,
)
from keter.venues.asianodds.client import NO_ROWS, NOT_FOUND, Client
from keter.venues.asianodds.limits import CAPABILITY
from keter.venues.asianodds.placement import (
    REFERENCE_PREFIX,
    classify,
    classify_failure,
    info_body,
    place_body,
    read_quotes,
)
from keter.venues.asianodds.tickets import Intended, IntendedOf, read_tickets
from keter.venues.asianodds.transport import CallFailedError
from keter.venues.base import VenueSessionError

_log = structlog.get_logger(__name__)
_REMEMBERED = 5_000


class AsianOddsVenue:
    """``BetVenue`` over one account.

    ``intended`` tells the selection behind a reference of ours, for the rare ticket whose handicap
    sign is in doubt; without it the orders placed by this object are remembered.
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
        self._client, self._clock = client, clock
        self._placement_timeout_s = placement_timeout_s
        self._placed: OrderedDict[str, Intended] = OrderedDict()
        self._intended = intended

    async def quote(self, request: QuoteRequest) -> Sequence[PlacementQuote]:
        """Raise VenueError when the venue cannot be asked, ValueError for a request that cannot be
        written.
        """
        answer = await self._client.placement_info(info_body(request, self._placement_timeout_s))
        return read_quotes(answer, request.market)

    async def place(self, order: PlaceOrder) -> Placement:
        """Send ``order`` once.

        Raises ValueError, before anything is sent, for an order that cannot be written.
        """
        body = place_body(order)
        self._remember(order.reference, (order.market, order.side))
        try:
            reply = await self._client.place_once(body)
        except VenueSessionError as e:
            return Placement(PlaceOutcome.NOT_SENT, e.kind, e.detail)
        except CallFailedError as e:
            return classify_failure(e)
        placement = classify(reply, order.reference)
        _log.info(
            "placement",
            reference=order.reference,
            outcome=placement.outcome.value,
            kind=placement.kind,
        )
        return placement

    async def bet(self, reference: str) -> Sequence[Ticket]:
        answer = await self._client.bets_by_reference(REFERENCE_PREFIX + reference)
        if answer.code in {NOT_FOUND, NO_ROWS}:
            return ()
        return read_tickets(answer, self._clock.now(), self._intent)

    async def bets(self) -> Sequence[Ticket]:
        """The newest 150, running and not."""
        return read_tickets(await self._client.bets(), self._clock.now(), self._intent)

    async def running_bets(self) -> Sequence[Ticket]:
        """The newest 50 that are not settled."""
        return read_tickets(await self._client.running_bets(), self._clock.now(), self._intent)

    async def settled_bets(self) -> Sequence[Ticket]:
        """The newest 100 that are not running."""
        return read_tickets(await self._client.non_running_bets(), self._clock.now(), self._intent)

    async def account(self) -> AccountSnapshot:
        return read_account(
            await self._client.account_summary(), self._client.account, self._clock.now()
        )

    async def history(self, day: date, *, bookies: str = "") -> BetHistory:
        """All bets of a day of the venue's (its time zone is not public)."""
        answer = await self._client.bet_history(day, bookies=bookies)
        return read_history(answer, self._clock.now(), self._intent)

    async def statement(self, first: date, last: date) -> list[StatementDay]:
        return read_statement(await self._client.history_statement(first, last))

    async def sports(self) -> list[Sport]:
        return read_sports(await self._client.sports())

    async def leagues(self, phase: Phase, *, sport: int | None = None) -> list[League]:
        return read_leagues(await self._client.leagues(phase, sport=sport))

    async def matches(self, phase: Phase, *, sport: int | None = None) -> list[MatchName]:
        return read_matches(await self._client.matches(phase, sport=sport))

    async def bookies(self) -> list[Bookie]:
        return read_bookies(await self._client.bookies())

    async def user_information(self) -> UserInformation:
        return read_user_information(await self._client.user_information())

    async def logout(self) -> str:
        """End the session at the venue; returns what it said. For the session's owner only."""
        return await self._client.logout()

    async def aclose(self) -> None:
        await self._client.aclose()

    def _remember(self, reference: str, selection: tuple[Market, Outcome]) -> None:
        self._placed[reference] = selection
        while len(self._placed) > _REMEMBERED:
            self._placed.popitem(last=False)

    def _intent(self, reference: str) -> Intended | None:
        known = self._placed.get(reference)
        return known if known is not None or self._intended is None else self._intended(reference)
