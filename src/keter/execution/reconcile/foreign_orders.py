"""Orders at an exchange that the ledger does not know.

They are by hand, another program's, or another Keter's. Each is taken as a ticket, and counts as a
foreign ticket at a bookmaker does.
"""

from collections.abc import Iterable, Sequence

from keter.context import Context
from keter.domain.commitments import is_price
from keter.domain.order_reconciling import Absent, VenueOrder
from keter.domain.order_states import Side
from keter.domain.sports import FOOTBALL
from keter.domain.tickets import Ticket, TicketStatus
from keter.execution.reconcile.alarms import Alarms
from keter.execution.reconcile.foreign_tickets import OPEN, ForeignTickets
from keter.execution.reconcile.query_budget import Waiting
from keter.execution.reconcile.unreadable_rows import UnreadableRows
from keter.ledger import Ledger, ticket_key
from keter.venues.base import Exchange


class ForeignOrders:
    """The account's orders that are not ours. ``see`` begins a pass, ``report`` ends it."""

    def __init__(
        self, context: Context, ledger: Ledger, alarms: Alarms, exchange: Exchange, account: str
    ) -> None:
        self._exchange = exchange
        self._unreadable = UnreadableRows(context, ledger, alarms)
        form = exchange.capability.reference_form
        self._tickets = ForeignTickets(
            context, ledger, alarms, account, self._unreadable.refuse, form
        )
        self._seen: dict[str, Ticket] = {}

    async def see(self, orders: Iterable[VenueOrder]) -> list[Waiting]:
        """Note the foreign orders of a list; return those that it shows no more, to ask for.

        What the last list showed alike is skipped. Raises ledger and bus errors.
        """
        shown = {ticket_key(ticket): ticket for ticket in map(self._ticket, orders)}
        readable = self._unreadable.take(shown.values())
        await self._tickets.see(
            [ticket for ticket in readable if self._seen.get(ticket_key(ticket)) != ticket]
        )
        self._seen = shown
        return await self._tickets.unlisted(frozenset(shown))

    async def ask_for(self, key: str) -> bool:
        """Ask for an order that the list shows no more; False if ``key`` is none of them."""
        return await self._tickets.ask_for(self._ask, key)

    async def report(self) -> None:
        """Keep the alerts. Raises ledger and bus errors."""
        await self._unreadable.report(self._tickets, frozenset())
        await self._tickets.report()

    async def _ask(self, reference: str) -> Sequence[Ticket]:
        view = await self._exchange.order(reference)
        return [] if isinstance(view, Absent) else [self._ticket(view)]

    def _ticket(self, order: VenueOrder) -> Ticket:
        return ticket_of(order, self._exchange.capability.venue)


def ticket_of(order: VenueOrder, venue: str) -> Ticket:
    """Return an order as a ticket: what may be lost by it is never less than by the order.

    While a part rests, all of it is pending at the limit, the worst price that it may have.
    """
    status = _status(order)
    price = order.price
    if status is not TicketStatus.PENDING and order.average_price is not None:
        price = order.average_price
    odds = "" if price is None else format(price, "f")
    # What a lay may lose is known by its price only.
    is_known = order.side is Side.BACK or status not in OPEN or is_price(odds)
    standing = order.matched_minor + order.resting_minor
    event = order.event
    return Ticket(
        reference=order.reference,
        ticket_id=order.venue_order_id,
        book=venue,
        status=status,
        odds=odds,
        stake_minor=standing if status in OPEN else order.size_minor,
        pnl_minor=order.pnl_minor or 0,
        placed_at=order.placed_at,
        # Without its event a market could cover one of another event.
        market=order.market if event else None,
        outcome=order.outcome if event else None,
        home=event.home if event else "",
        away=event.away if event else "",
        league=event.league if event else "",
        kickoff=event.kickoff if event else None,
        sport=event.sport if event else FOOTBALL.code,
        result=order.result,
        message=order.refused,
        unreadable="" if is_known else "a lay without a price",
        stake_known=is_known,
        side=order.side,
    )


def _status(order: VenueOrder) -> TicketStatus:
    if order.refused:
        return TicketStatus.REFUSED
    if order.resting_minor:
        return TicketStatus.PENDING
    if order.result is not None:
        return TicketStatus.SETTLED
    # Nothing stands of what was cancelled, has lapsed or was voided.
    return TicketStatus.RUNNING if order.matched_minor else TicketStatus.VOID
