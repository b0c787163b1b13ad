"""Brings ledger, venue and risk book to agree, pass after pass.

One pass copies final scores and reads the venue's list once. It brings every open bet to where the
venue says it is. Tickets that are not ours become exposure, and the risk book is audited against
the ledger. What the list does not explain is asked for singly, in turn and within the query budget.
Nothing here ever sends a bet.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

import structlog

from keter.context import Context
from keter.domain.order_states import FINAL, OrderState
from keter.domain.orders import Order
from keter.domain.tickets import Ticket
from keter.execution.reconcile.alarms import Alarms
from keter.execution.reconcile.final_bets import FinalBets
from keter.execution.reconcile.foreign_tickets import ForeignTickets
from keter.execution.reconcile.lookups import FinalScores, Lookups
from keter.execution.reconcile.order_updates import OrderUpdater
from keter.execution.reconcile.query_budget import QueryBudget, choose, overdue
from keter.execution.reconcile.risk_updates import ExposureAudit, ResultsSincePause, RiskUpdater
from keter.execution.reconcile.tickets import OrderUpdate, by_reference, is_whole, read_tickets
from keter.execution.reconcile.uncertainty import NotFound, Uncertainty
from keter.execution.reconcile.unreadable_rows import UnreadableRows
from keter.ledger import Ledger, ticket_key
from keter.venues.base import Bookmaker, VenueError

log = structlog.get_logger(__name__)
AT_VENUE = frozenset({OrderState.OPEN, OrderState.FILLED, OrderState.UNKNOWN})
MAY_SHOW = AT_VENUE | {
    OrderState.SENDING
}  # a ticket may be listed before the router has its answer


@dataclass(frozen=True, slots=True)
class Pass:
    """The bets open after a pass.

    It is ``complete`` when every bet of uncertain outcome was asked for within its bound.
    """

    open_orders: Sequence[Order]
    complete: bool


@dataclass(frozen=True, slots=True)
class Unclear:
    """A bet that the list does not explain.

    ``shown`` are its tickets there: none, or perhaps not all.
    """

    bet: Order
    shown: Sequence[Ticket]

    @property
    def doubtful(self) -> bool:
        """Whether the outcome is uncertain: not of a running bet too old for the list."""
        return bool(self.shown) or self.bet.state is not OrderState.FILLED


class Reconciler:
    """One account's comparison.

    ``apart_s`` is how long passes are apart while a bet is undecided.
    """

    def __init__(
        self,
        context: Context,
        ledger: Ledger,
        venue: Bookmaker,
        account: str,
        budget: QueryBudget,
        results: ResultsSincePause,
        apart_s: float,
    ) -> None:
        self._context = context
        self._ledger = ledger
        self._venue = venue
        self._account = account
        self._mode = context.account.mode
        self._budget = budget
        self._apart_s = apart_s
        self._began = self._asked_at = context.clock.now()
        alarms = Alarms(context.bus, ledger, context.account.key)
        self._not_found = NotFound(context.settings.router)
        self._unreadable = UnreadableRows(context, ledger, alarms)
        refuse = self._unreadable.refuse
        self._uncertain = Uncertainty(context, ledger, alarms)
        self._lookups = Lookups(context, venue, self._unreadable, self._uncertain)
        self._scores = FinalScores(context, ledger)
        self.risk = RiskUpdater(context, ledger, results)
        self._audit = ExposureAudit(context, ledger, self.risk)
        from_score = venue.capability.handicap_from_score_at_bet
        self._updater = OrderUpdater(
            context, ledger, alarms, self.risk, refuse, from_score_at_bet=from_score
        )
        form = venue.capability.reference_form
        self._foreign = ForeignTickets(context, ledger, alarms, account, refuse, form)
        self._final_bets = FinalBets(
            context, ledger, self._updater, self._foreign, self._unreadable, self._lookups, budget
        )

    async def run(self) -> Pass | None:
        """Make one pass, whose list is paid for; None if the list could not be read.

        Raises ledger and bus errors.
        """
        await self._scores.copy(await self._open_bets())
        self._asked_at = self._context.clock.now()
        try:
            tickets = self._unreadable.take(await self._venue.bets())
        except VenueError as e:
            self._context.heart.count("venue_errors")
            log.warning("bet_list_failed", kind=e.kind, detail=e.detail[:200])
            return None
        late = await self._compare(by_reference(tickets))
        await self._audit.run()
        still_open = await self._open_bets()
        references = frozenset(bet.intent.reference for bet in still_open)
        await self._unreadable.report(self._foreign, references)
        await self._uncertain.learn(still_open)
        await self._uncertain.watch(still_open)
        if late:
            log.warning("bets_not_asked_in_time", late=len(late), intent_id=late[0])
        return Pass(still_open, complete=not late)

    async def _open_bets(self) -> Sequence[Order]:
        return await self._ledger.orders.open_orders(self._mode, self._account)

    async def _compare(self, listed: dict[str, list[Ticket]]) -> list[str]:
        """Compare every bet with its tickets, which are taken out of ``listed``.

        Return the bets of uncertain outcome that have waited too long for their question.
        """
        unclear: dict[str, Unclear] = {}
        open_orders = await self._open_bets()
        await self._uncertain.learn(open_orders)
        for found in open_orders:
            bet = await self._after_silence(found)
            shown = listed.pop(bet.intent.reference, None)
            if bet.intent.reference in self._unreadable.listed:
                # The venue knows the bet, whatever its row says.
                self._not_found.forget(bet.intent.intent_id)
            elif shown is not None and bet.state in MAY_SHOW:
                if not await self._see(bet, shown):
                    unclear[bet.intent.intent_id] = Unclear(bet, shown)
            elif bet.state in AT_VENUE:
                unclear[bet.intent.intent_id] = Unclear(bet, ())
        keys = (ticket_key(ticket) for tickets in listed.values() for ticket in tickets)
        late = await self._ask_in_turn(unclear, self._unreadable.keys.union(keys))
        await self._final_bets.compare(listed, self._asked_at)
        return late

    async def _after_silence(self, bet: Order) -> Order:
        """Make a bet UNKNOWN that is SENDING for longer than any call can take.

        The router that left it is gone.
        """
        limit = timedelta(seconds=self._context.settings.router.exec_lock_ttl_s)
        if bet.state is OrderState.SENDING and self._context.clock.now() - bet.updated_at > limit:
            return await self._updater.mark_unknown(bet, "router_silent")
        return bet

    async def _see(self, bet: Order, tickets: Sequence[Ticket]) -> bool:
        """Apply what the list shows; False if that may be a part only.

        That is so if a booked ticket is missing, or if the bet ends with less than its stake. What
        the list left out may be the rest of it, so the bet itself must be asked for.
        """
        update = read_tickets(bet, tickets, self._context.settings.router)
        short = sum(ticket.stake_minor for ticket in tickets) < bet.intent.stake_minor
        if not is_whole(bet, tickets) or (update.state in FINAL and short):
            self._not_found.forget(bet.intent.intent_id)
            return False
        await self._apply(bet, update, tickets)
        return True

    async def _apply(self, bet: Order, update: OrderUpdate, tickets: Sequence[Ticket]) -> None:
        self._not_found.forget(bet.intent.intent_id)
        if update.state is not OrderState.REFUSED or not await self._more_may_come(bet, tickets):
            await self._updater.apply(bet, update, tickets)

    async def _more_may_come(self, bet: Order, tickets: Sequence[Ticket]) -> bool:
        """Return whether the bet may have a ticket that is not shown yet.

        It was sent to more books than have refused it, and not long ago.
        """
        waited = self._context.clock.now() - self._uncertain.since(bet)
        if waited.total_seconds() >= self._context.settings.router.unknown_error_s:
            return False
        trail = await self._ledger.orders.trail(bet.intent.intent_id)
        sent = [step for step in trail if step.target is OrderState.SENDING]
        prices = sent[-1].evidence.get("prices") if sent else None
        return isinstance(prices, list) and len(tickets) < len(prices)

    async def _ask_in_turn(
        self, unclear: Mapping[str, Unclear], listed: frozenset[str]
    ) -> list[str]:
        """Ask for what the list does not explain, as far as the budget goes.

        What has waited longest comes first. Return what has waited too long.
        """
        bets = self._uncertain.waiting([(one.bet, one.doubtful) for one in unclear.values()])
        waiting = bets + await self._foreign.unlisted(listed)
        for key in choose(waiting, await self._budget.left(), self._budget.size):
            if not await self._budget.take():
                break
            if not await self._foreign.ask_for(self._venue.bet, key):
                await self._ask_for(unclear[key])
            waiting = [one for one in waiting if one.key != key]
        return overdue(
            waiting, self._context.clock.now(), self._began, self._budget.size, self._apart_s
        )

    async def _ask_for(self, one: Unclear) -> None:
        asked = await self._lookups.ask(one.bet)
        if asked is None:
            return  # a later pass asks again
        tickets = asked or one.shown
        if tickets:
            update = read_tickets(one.bet, tickets, self._context.settings.router)
            await self._apply(one.bet, update, tickets)
        else:
            await self._denied(one.bet)

    async def _denied(self, bet: Order) -> None:
        """Note that the venue does not know a bet that it should or may know."""
        intent_id, now = bet.intent.intent_id, self._context.clock.now()
        since = self._uncertain.since(bet)
        denials = self._not_found.note(intent_id, now)
        answered = bet.state is OrderState.OPEN or await self._was_answered(intent_id)
        if not self._not_found.believed(intent_id, unknown_since=since, answered=answered, at=now):
            return
        if bet.state is OrderState.FILLED:
            sentence = "the venue does not know a bet that it had accepted"
            await self._updater.complain(bet, "record", sentence, now)
            return
        self._not_found.forget(intent_id)
        if bet.state is OrderState.OPEN:
            await self._updater.mark_unknown(bet, "vanished")
        else:
            await self._updater.never_placed(bet, denials, since)

    async def _was_answered(self, intent_id: str) -> bool:
        """Return whether the placement was answered, if only with an error."""
        trail = await self._ledger.orders.trail(intent_id)
        steps = [step for step in trail if step.target is OrderState.UNKNOWN]
        return bool(steps) and steps[-1].evidence.get("code") is not None
