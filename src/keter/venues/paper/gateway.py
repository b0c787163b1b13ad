"""DRY's bookmaker: asks the real venue for prices, keeps its own book in the ledger, settles it
from real results.

Each placement is one commit, so that death at any moment leaves a bet placed or not placed, and
``bet`` tells which.
"""

import random
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal

import msgspec

from keter.clock import Clock, Ids, random_id
from keter.domain.bets import Bet, BetState
from keter.domain.feed import EventScore
from keter.domain.markets import Phase
from keter.domain.money import to_minor
from keter.domain.orders import Placement, PlacementQuote, PlaceOrder, PlaceOutcome, QuoteRequest
from keter.domain.settlement import Settlement, settle
from keter.domain.signals import approved_signal
from keter.domain.tickets import AccountSnapshot, Ticket, TicketStatus
from keter.domain.trading import ExecutionMode
from keter.ledger import Ledger, LedgerUnavailableError, PaperTicket
from keter.settings import Settings
from keter.venues.base import BetVenue
from keter.venues.paper.behaviour import LEARNED_FROM, learned
from keter.venues.paper.fill_model import draw_fill
from keter.venues.paper.settings import PaperSettings

LISTED = timedelta(days=3)  # how far back ``bets`` lists what is settled
RESULT_DEADLINE = timedelta(hours=36)  # after kick-off; a bet whose result never came is void


class PaperGateway:
    """A ``BetVenue``.

    ``prices`` is the real venue; ``account`` names the account that would have been used.
    """

    def __init__(
        self,
        prices: BetVenue,
        ledger: Ledger,
        settings: Settings,
        *,
        account: str,
        clock: Clock,
        rng: random.Random | None = None,
        ids: Ids = random_id,
    ) -> None:
        self._prices = prices
        self._ledger = ledger
        self._settings = settings
        self._account = account
        self._clock = clock
        self._rng = rng or random.Random()  # noqa: S311 - imagined fills are no secret
        self._ids = ids
        self._maxima: dict[str, int] = {}
        self._paper: PaperSettings | None = None
        self.capability = msgspec.structs.replace(
            prices.capability,
            can_cancel=False,
            can_replace=False,
            reference_unique_s=0.0,
            asynchronous_acceptance=True,
        )

    async def quote(self, request: QuoteRequest) -> Sequence[PlacementQuote]:
        quotes = await self._prices.quote(request)
        self._maxima = {quote.book: quote.maximum_minor for quote in quotes if not quote.rejected}
        return quotes

    async def place(self, order: PlaceOrder) -> Placement:
        """Draws the bet's fate and writes it down; the answer only says that it was sent."""
        try:
            bet = await self._ledger.intents.by_reference(order.reference)
        except LedgerUnavailableError as e:
            return Placement(PlaceOutcome.NOT_SENT, "ledger", str(e))
        if bet is None:
            return Placement(
                PlaceOutcome.NOT_SENT, "no_intent", "the ledger has no intent with this reference"
            )
        try:
            await self._ledger.paper.add(self._tickets(order, bet, await self._parameters()))
        except LedgerUnavailableError as e:
            return Placement(PlaceOutcome.UNKNOWN, "ledger", str(e))
        return Placement(PlaceOutcome.SENT, "sent")

    async def _parameters(self) -> PaperSettings:
        """The configured rates, or those of the ledger's own LIVE history when it is long enough;
        read once.
        """
        if self._paper is None:
            facts = await self._ledger.placements(
                ExecutionMode.LIVE, self._clock.now() - LEARNED_FROM
            )
            self._paper = learned(self._settings.paper, facts)
        return self._paper

    def _tickets(self, order: PlaceOrder, bet: Bet, paper: PaperSettings) -> list[PaperTicket]:
        tickets, left = [], order.stake_minor
        for position, (book, text) in enumerate(order.prices, start=1):
            last = position == len(order.prices)
            part = left if last else min(left, self._maxima.get(book, left))
            if part > 0:
                tickets.append(self._ticket(order, bet, paper, (book, text), part))
                left -= part
        return tickets

    def _ticket(
        self,
        order: PlaceOrder,
        bet: Bet,
        paper: PaperSettings,
        price: tuple[str, str],
        stake_minor: int,
    ) -> PaperTicket:
        book, text = price
        now, intent = self._clock.now(), bet.intent
        limit_pct = self._settings.router.slippage_limit_pct(float(text))
        fate = draw_fill(text, limit_pct, paper, self._rng)
        return PaperTicket(
            ticket_id=self._ids(),
            account=self._account,
            reference=order.reference,
            book=book,
            odds=fate.odds,
            stake_minor=stake_minor,
            event_uid=intent.event_uid,
            league=intent.league,
            home=intent.home,
            away=intent.away,
            kickoff=intent.kickoff,
            market=order.market,
            side=order.side,
            placed_at=now,
            decided_at=now + timedelta(seconds=fate.delay_s),
            refused=fate.refused,
            message=fate.message,
            score_at_bet=_score_at_bet(intent.signal),
        )

    async def bet(self, reference: str) -> Sequence[Ticket]:
        await self._settle_due()
        return await self._shown(await self._ledger.paper.by_reference(self._account, reference))

    async def bets(self) -> Sequence[Ticket]:
        await self._settle_due()
        return await self._shown(
            await self._ledger.paper.since(self._account, self._clock.now() - LISTED)
        )

    async def account(self) -> AccountSnapshot:
        """The bankroll, less what is at stake, plus what was won."""
        await self._settle_due()
        now = self._clock.now()
        today = now.astimezone(self._settings.mode.zone).replace(
            hour=0, minute=0, second=0, microsecond=0
        )
        sums = await self._ledger.paper.sums(self._account, now, today, today - timedelta(days=1))
        bankroll = to_minor(self._settings.stake.bankroll)
        return AccountSnapshot(
            account=self._account,
            currency=self._settings.mode.account_currency,
            credit_minor=bankroll + sums.pnl_minor - sums.outstanding_minor,
            outstanding_minor=sums.outstanding_minor,
            pnl_today_minor=sums.pnl_today_minor,
            pnl_yesterday_minor=sums.pnl_yesterday_minor,
            fetched_at=now,
        )

    async def aclose(self) -> None:
        await self._prices.aclose()

    async def _settle_due(self) -> None:
        """Settles every accepted ticket whose event has a result.

        Two processes doing it at once write the same.
        """
        now = self._clock.now()
        waiting = await self._ledger.paper.unsettled(self._account, now)
        results = await self._results(waiting)
        for ticket in waiting:
            outcome = self._outcome(ticket, results.get(ticket.ticket_id), now)
            if outcome is not None:
                await self._ledger.paper.settle(
                    ticket.ticket_id, result=outcome.state, pnl_minor=outcome.profit_minor, at=now
                )

    async def _results(self, tickets: Sequence[PaperTicket]) -> dict[str, EventScore]:
        """By ticket: the final score of its event."""
        found = await self._ledger.results.many([ticket.event_uid for ticket in tickets])
        return {
            ticket.ticket_id: result
            for ticket in tickets
            if (result := found.get(ticket.event_uid)) is not None
            and result.decides(kickoff=ticket.kickoff, made_at=ticket.placed_at)
        }

    def _outcome(
        self, ticket: PaperTicket, result: EventScore | None, now: datetime
    ) -> Settlement | None:
        if result is None:
            overdue = now > ticket.kickoff + RESULT_DEADLINE
            return Settlement(BetState.VOID, 0) if overdue else None
        counts_from = ticket.score_at_bet if self.capability.handicap_from_score_at_bet else None
        try:
            return settle(
                ticket.market,
                ticket.side,
                final=(result.score.home, result.score.away),
                half_time=result.half_time,
                score_at_bet=counts_from,
                odds=Decimal(ticket.odds),
                stake_minor=ticket.stake_minor,
            )
        except ValueError:  # a half-time bet on an event whose half-time score nobody saw
            return Settlement(BetState.VOID, 0)

    async def _shown(self, tickets: Sequence[PaperTicket]) -> list[Ticket]:
        now = self._clock.now()
        results = await self._results(tickets)
        return [_as_venue_ticket(ticket, results.get(ticket.ticket_id), now) for ticket in tickets]


def _score_at_bet(signal: bytes) -> tuple[int, int] | None:
    approved = approved_signal(signal)
    update = approved.signal.update if approved is not None else None
    if update is None or update.phase is not Phase.LIVE or update.score is None:
        return None
    return update.score.home, update.score.away


def _status(ticket: PaperTicket, now: datetime) -> TicketStatus:
    if now < ticket.decided_at:
        return TicketStatus.PENDING
    if ticket.refused:
        return TicketStatus.REFUSED
    if ticket.result is None:
        return TicketStatus.RUNNING
    return TicketStatus.VOID if ticket.result is BetState.VOID else TicketStatus.SETTLED


def _as_venue_ticket(ticket: PaperTicket, result: EventScore | None, now: datetime) -> Ticket:
    settled = ticket.result is not None and result is not None
    return Ticket(
        reference=ticket.reference,
        ticket_id=ticket.ticket_id,
        book=ticket.book,
        status=_status(ticket, now),
        odds=ticket.odds,
        stake_minor=ticket.stake_minor,
        pnl_minor=ticket.pnl_minor or 0,
        placed_at=ticket.placed_at,
        market=ticket.market,
        side=ticket.side,
        home=ticket.home,
        away=ticket.away,
        league=ticket.league,
        kickoff=ticket.kickoff,
        result=None if ticket.result is None else ticket.result.value,
        score_at_bet=ticket.score_at_bet,
        final_score=(result.score.home, result.score.away)
        if settled and result is not None
        else None,
        half_time_score=result.half_time if settled and result is not None else None,
        message=ticket.message if ticket.refused and now >= ticket.decided_at else "",
    )
