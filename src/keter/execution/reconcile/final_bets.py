"""Tickets of the list that belong to no open bet: those of final bets, and those that are not ours.

A final bet may be regraded by the venue, or live on against what the ledger holds.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from keter.context import Context
from keter.domain.order_states import FINAL, SETTLED
from keter.domain.orders import Order
from keter.domain.tickets import Ticket
from keter.execution.reconcile.foreign_tickets import ForeignTickets
from keter.execution.reconcile.lookups import Lookups
from keter.execution.reconcile.order_updates import OrderUpdater
from keter.execution.reconcile.query_budget import QueryBudget
from keter.execution.reconcile.tickets import (
    OrderUpdate,
    contradicts,
    digest,
    is_whole,
    read_tickets,
)
from keter.execution.reconcile.unreadable_rows import UnreadableRows
from keter.ledger import Ledger


class FinalBets:
    """Compares what a list shows of final bets; what it showed the last time is skipped."""

    def __init__(
        self,
        context: Context,
        ledger: Ledger,
        updater: OrderUpdater,
        foreign: ForeignTickets,
        unreadable: UnreadableRows,
        lookups: Lookups,
        budget: QueryBudget,
    ) -> None:
        self._context = context
        self._ledger = ledger
        self._updater = updater
        self._foreign = foreign
        self._unreadable = unreadable
        self._lookups = lookups
        self._budget = budget
        self._digests: dict[str, tuple[object, ...]] = {}

    async def compare(self, listed: Mapping[str, list[Ticket]], asked_at: datetime) -> None:
        """Compare the tickets of each reference; the list was asked for at ``asked_at``.

        Raises ledger and bus errors.
        """
        digests = {name: digest(tickets, asked_at) for name, tickets in listed.items()}
        fresh = [name for name, seen in digests.items() if self._digests.get(name) != seen]
        ours = {bet.intent.reference: bet for bet in await self._ledger.orders.by_references(fresh)}
        for reference in fresh:
            bet = ours.get(reference)
            if bet is None:
                await self._foreign.see(listed[reference])
            elif reference in self._unreadable.listed:
                continue
            elif bet.state in FINAL and not await self._compare(bet, listed[reference]):
                del digests[reference]  # a later pass compares again
        self._digests = digests
        await self._foreign.report()

    async def _compare(self, bet: Order, tickets: Sequence[Ticket]) -> bool:
        """Apply a regrade; return False if the venue could not be asked for the bet itself.

        A refused bet that lives after all, or a settled one that runs, is confirmed first.
        """
        router = self._context.settings.router
        update = read_tickets(bet, tickets, router)
        contradicted = contradicts(bet.state, update.state)
        # Of a settled bet in several tickets the list may show only the younger ones.
        if contradicted or (bet.state in SETTLED and not is_whole(bet, tickets)):
            asked = await self._lookups.ask(bet) if await self._budget.take() else None
            if asked is None:
                return False
            if contradicted:
                await self._contradicted(bet, update, asked)
                return True
            if not asked or not is_whole(bet, asked):
                return True
            tickets, update = asked, read_tickets(bet, asked, router)
        await self._updater.apply(bet, update, tickets)
        return True

    async def _contradicted(self, bet: Order, listed: OrderUpdate, asked: Sequence[Ticket]) -> None:
        """Raise an alert for a final bet that the list shows open, if its own tickets do too."""
        if not asked:
            return
        confirmed = read_tickets(bet, asked, self._context.settings.router)
        if not contradicts(bet.state, confirmed.state):
            return
        sentence = f"it is {listed.state} there and {bet.state} here"
        await self._updater.complain(bet, "state", sentence, self._context.clock.now())
        if bet.state not in SETTLED:
            await self._foreign.see(asked)
