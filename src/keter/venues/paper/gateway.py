"""The bookmaker of DRY: prices from the real venue, bets in a book of its own in the ledger.

Bets are settled from real results. Each placement is one commit, so a process that dies at any
moment leaves a bet placed or not placed, and ``bet`` says which.
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta, tzinfo

import msgspec

from keter.clock import Clock, Ids, random_id
from keter.domain.feed import EventScore
from keter.domain.order_calls import (
    OrderRequest,
    PlaceAnswer,
    PlacementQuote,
    PlaceResult,
    QuoteRequest,
)
from keter.domain.orders import Intent, Order
from keter.domain.placements import PaperTicket
from keter.domain.tickets import AccountSnapshot, Ticket
from keter.domain.trading import ExecutionMode
from keter.errors import UnavailableError
from keter.venues.base import Bookmaker
from keter.venues.paper.behaviour import LEARNED_FROM, learned
from keter.venues.paper.fill_model import draw_fill
from keter.venues.paper.settings import PaperSettings
from keter.venues.paper.stores import PaperLedger
from keter.venues.paper.tickets import as_venue_ticket, score_at_bet, settlement_of

# How far back ``bets`` lists settled tickets.
LISTED = timedelta(days=3)


@dataclass(frozen=True, slots=True)
class PaperAccount:
    """The account whose place the gateway takes.

    ``name`` is the real account's. ``zone`` is that of the betting day. ``slippage_limit_pct``
    returns for decimal odds how much worse a fill may be, in per cent of them.
    """

    name: str
    bankroll_minor: int
    currency: str
    zone: tzinfo
    slippage_limit_pct: Callable[[float], float]


class PaperGateway:
    """A ``Bookmaker`` around ``prices``, the real venue. Bets never leave this machine."""

    def __init__(
        self,
        prices: Bookmaker,
        ledger: PaperLedger,
        settings: PaperSettings,
        account: PaperAccount,
        *,
        clock: Clock,
        rng: random.Random | None = None,
        ids: Ids = random_id,
    ) -> None:
        self._prices = prices
        self._ledger = ledger
        self._settings = settings
        self._account = account
        self._clock = clock
        self._rng = rng or random.Random()  # noqa: S311 - simulated fills are no secret
        self._ids = ids
        self._maxima: dict[str, int] = {}
        self._learned: PaperSettings | None = None
        self.capability = msgspec.structs.replace(prices.capability, can_cancel=False)

    async def quote(self, request: QuoteRequest) -> Sequence[PlacementQuote]:
        """Return the real venue's quotes. Raises VenueError."""
        quotes = await self._prices.quote(request)
        self._maxima = {quote.book: quote.maximum_minor for quote in quotes if not quote.rejected}
        return quotes

    async def place(self, order: OrderRequest) -> PlaceAnswer:
        """Draw the fill of ``order`` and store it; the answer only says that it was sent.

        Never raises: a ledger that fails is NOT_SENT before the write, UNKNOWN after it began.
        """
        try:
            bet = await self._ledger.orders.by_reference(order.reference)
        except UnavailableError as e:
            return PlaceAnswer(PlaceResult.NOT_SENT, "ledger", str(e))
        if bet is None:
            return PlaceAnswer(
                PlaceResult.NOT_SENT, "no_intent", "the ledger has no intent with this reference"
            )
        try:
            await self._ledger.paper.add(self._tickets(order, bet, await self._parameters()))
        except UnavailableError as e:
            return PlaceAnswer(PlaceResult.UNKNOWN, "ledger", str(e))
        return PlaceAnswer(PlaceResult.ACCEPTED, "sent")

    async def _parameters(self) -> PaperSettings:
        """Return the configured rates, or those of LIVE history when it is long enough.

        The history is read once.
        """
        if self._learned is None:
            # Of all accounts: how a book answers does not depend on whose bet it is.
            facts = await self._ledger.placements(
                ExecutionMode.LIVE, None, self._clock.now() - LEARNED_FROM
            )
            self._learned = learned(self._settings, facts)
        return self._learned

    def _tickets(self, order: OrderRequest, bet: Order, paper: PaperSettings) -> list[PaperTicket]:
        """Return one ticket per book; each takes at most its maximum, the last one the rest."""
        tickets, left = [], order.stake_minor
        for position, (book, text) in enumerate(order.prices, start=1):
            last = position == len(order.prices)
            part = left if last else min(left, self._maxima.get(book, left))
            if part > 0:
                tickets.append(self._ticket(order, bet.intent, paper, (book, text), part))
                left -= part
        return tickets

    def _ticket(
        self,
        order: OrderRequest,
        intent: Intent,
        paper: PaperSettings,
        price: tuple[str, str],
        stake_minor: int,
    ) -> PaperTicket:
        book, text = price
        now = self._clock.now()
        fill = draw_fill(text, self._account.slippage_limit_pct(float(text)), paper, self._rng)
        return PaperTicket(
            ticket_id=self._ids(),
            account=self._account.name,
            reference=order.reference,
            book=book,
            odds=fill.odds,
            stake_minor=stake_minor,
            event_uid=intent.event_uid,
            league=intent.league,
            home=intent.home,
            away=intent.away,
            kickoff=intent.kickoff,
            market=order.market,
            outcome=order.outcome,
            placed_at=now,
            decided_at=now + timedelta(seconds=fill.delay_s),
            refused=fill.refused,
            message=fill.message,
            score_at_bet=score_at_bet(intent.signal),
        )

    async def bet(self, reference: str) -> Sequence[Ticket]:
        """Return the tickets of a placement. Raises UnavailableError."""
        await self._settle_due()
        found = await self._ledger.paper.by_reference(self._account.name, reference)
        return await self._as_venue_tickets(found)

    async def bets(self) -> Sequence[Ticket]:
        """Return open tickets and those settled lately. Raises UnavailableError."""
        await self._settle_due()
        since = self._clock.now() - LISTED
        return await self._as_venue_tickets(
            await self._ledger.paper.since(self._account.name, since)
        )

    async def account(self) -> AccountSnapshot:
        """Return the account: the credit is the bankroll plus profit less open stakes.

        Raises UnavailableError.
        """
        await self._settle_due()
        now = self._clock.now()
        today = now.astimezone(self._account.zone).replace(
            hour=0, minute=0, second=0, microsecond=0
        )
        yesterday = today - timedelta(days=1)
        sums = await self._ledger.paper.sums(self._account.name, now, today, yesterday)
        return AccountSnapshot(
            account=self._account.name,
            currency=self._account.currency,
            credit_minor=self._account.bankroll_minor + sums.pnl_minor - sums.outstanding_minor,
            outstanding_minor=sums.outstanding_minor,
            pnl_today_minor=sums.pnl_today_minor,
            pnl_yesterday_minor=sums.pnl_yesterday_minor,
            fetched_at=now,
        )

    async def aclose(self) -> None:
        await self._prices.aclose()

    async def _settle_due(self) -> None:
        """Settle every accepted ticket whose event has a result.

        Two processes that do it at once write the same.
        """
        now = self._clock.now()
        waiting = await self._ledger.paper.unsettled(self._account.name, now)
        results = await self._results(waiting)
        for ticket in waiting:
            settled = settlement_of(
                ticket,
                results.get(ticket.ticket_id),
                now,
                from_score_at_bet=self.capability.handicap_from_score_at_bet,
            )
            if settled is not None:
                await self._ledger.paper.settle(
                    ticket.ticket_id, result=settled.state, pnl_minor=settled.profit_minor, at=now
                )

    async def _results(self, tickets: Sequence[PaperTicket]) -> dict[str, EventScore]:
        """Return by ticket id the final score of its event, where there is one."""
        found = await self._ledger.results.many([ticket.event_uid for ticket in tickets])
        return {
            ticket.ticket_id: result
            for ticket in tickets
            if (result := found.get(ticket.event_uid)) is not None
            and result.decides(kickoff=ticket.kickoff, made_at=ticket.placed_at)
        }

    async def _as_venue_tickets(self, tickets: Sequence[PaperTicket]) -> list[Ticket]:
        now = self._clock.now()
        results = await self._results(tickets)
        return [as_venue_ticket(ticket, results.get(ticket.ticket_id), now) for ticket in tickets]
