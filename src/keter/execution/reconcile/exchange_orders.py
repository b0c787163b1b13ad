"""Brings ledger, exchange and risk book to agree, pass after pass.

One pass reads the exchange's list once and takes every order to where the exchange has it: fills,
cancels, lapses, results. Orders that are not ours become exposure. What the list does not explain
is asked for singly, in turn and within the query budget. A cancel without a clear answer is handed
to the router again. Nothing here ever places an order.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import structlog

from keter.context import Context
from keter.domain.order_events import NoClearAnswer, OrderEvent
from keter.domain.order_life import OrderConflictError
from keter.domain.order_reconciling import Absent, VenueOrder, VenueView, mismatches, reconcile
from keter.domain.order_states import ENDED, IN_DOUBT, NEVER_PLACED, RESTING, OrderState
from keter.domain.orders import Order
from keter.errors import IllegalTransitionError
from keter.execution.order_records import OrderRecords
from keter.execution.reconcile.alarms import Alarms
from keter.execution.reconcile.foreign_orders import ForeignOrders
from keter.execution.reconcile.order_consequences import OrderConsequences
from keter.execution.reconcile.query_budget import QueryBudget, Waiting, choose, overdue
from keter.execution.reconcile.reconciler import Pass
from keter.execution.reconcile.repeated_cancels import RepeatedCancels
from keter.execution.reconcile.risk_updates import ExposureAudit, ResultsSincePause, RiskUpdater
from keter.execution.reconcile.uncertainty import Uncertainty
from keter.ledger import Ledger
from keter.venues.base import Exchange, VenueError

log = structlog.get_logger(__name__)
VENUE = "venue"  # the cause of what is done because the exchange shows it


class ExchangeReconciler:
    """One account's comparison with an exchange.

    ``apart_s`` is how long passes are apart while an order is undecided.
    """

    def __init__(
        self,
        context: Context,
        ledger: Ledger,
        exchange: Exchange,
        account: str,
        budget: QueryBudget,
        results: ResultsSincePause,
        apart_s: float,
    ) -> None:
        self._context = context
        self._ledger = ledger
        self._exchange = exchange
        self._account = account
        self._budget = budget
        self._apart_s = apart_s
        self._began = context.clock.now()
        alarms = Alarms(context.bus, ledger, account)
        self.risk = RiskUpdater(context, ledger, results)
        self._audit = ExposureAudit(context, ledger, self.risk)
        self._uncertain = Uncertainty(context, ledger, alarms)
        self._records = OrderRecords(ledger, context.worker, context.clock)
        self._consequences = OrderConsequences(context, ledger, alarms, self.risk)
        self._repeated = RepeatedCancels(context, account)
        self._foreign = ForeignOrders(context, ledger, alarms, exchange, account)

    async def run(self) -> Pass | None:
        """Make one pass, whose list is paid for; None if the list could not be read.

        Raises ledger and bus errors.
        """
        asked_at = self._context.clock.now()
        try:
            # A list may name an order twice; both say the same, or the later one more.
            listed = {row.reference: row for row in await self._exchange.orders()}
        except VenueError as e:
            self._context.heart.count("venue_errors")
            log.warning("order_list_failed", kind=e.kind, detail=e.detail[:200])
            return None
        late = await self._compare(listed, asked_at)
        await self._foreign.report()
        await self._audit.run()
        still_open = await self._open_orders()
        await self._uncertain.learn(still_open)
        await self._uncertain.watch(still_open)
        await self._repeated.ask(still_open)
        if late:
            log.warning("orders_not_asked_in_time", late=len(late), intent_id=late[0])
        return Pass(still_open, complete=not late)

    async def _open_orders(self) -> Sequence[Order]:
        return await self._ledger.orders.open_orders(self._context.account.mode, self._account)

    async def _compare(self, listed: dict[str, VenueOrder], asked_at: datetime) -> list[str]:
        """Compare every order with its row; return those that waited too long for a question."""
        unclear: dict[str, Order] = {}
        open_orders = await self._open_orders()
        await self._uncertain.learn(open_orders)
        for found in open_orders:
            order = await self._after_silence(found)
            row = listed.pop(order.intent.reference, None)
            if row is not None:
                order = await self._see(order, row)
            if not _explained(order, row, asked_at):
                unclear[order.intent.intent_id] = order
        # An order is in the ledger before it is placed. So the ledger, asked after the list was
        # read, knows every order of the list that is ours, also one made at this very moment.
        for order in await self._ledger.orders.by_references(sorted(listed)):
            # Late fills of what had ended, and regrades.
            await self._see(order, listed[order.intent.reference])
            if _lives(order, listed[order.intent.reference], asked_at):
                # Its place in the list counts as exposure; asked for itself, it raises an alert.
                unclear[order.intent.intent_id] = order
            else:
                del listed[order.intent.reference]
        return await self._ask_in_turn(unclear, await self._foreign.see(listed.values()))

    async def _after_silence(self, order: Order) -> Order:
        """Make an order UNKNOWN that is SENDING for longer than any call can take.

        The router that left it is gone.
        """
        limit = timedelta(seconds=self._context.settings.router.exec_lock_ttl_s)
        silent = self._context.clock.now() - order.updated_at > limit
        if order.state is OrderState.SENDING and silent:
            cause = "router_silent"
            return await self._applied(order, (NoClearAnswer(cause),), cause, {})
        return order

    async def _see(self, order: Order, view: VenueView) -> Order:
        """Take the order to where the view has it, and return it as it is then."""
        events = reconcile(order, view)
        return await self._applied(order, events, VENUE, _evidence(events, view))

    async def _applied(
        self,
        order: Order,
        events: Sequence[OrderEvent],
        cause: str,
        evidence: Mapping[str, object],
    ) -> Order:
        if not events:
            return order
        try:
            after = await self._records.add(order, events, cause, evidence)
        except (OrderConflictError, IllegalTransitionError) as e:
            # What was decided is about the past: the router, or we ourselves, were quicker.
            log.info("order_moved_meanwhile", **order.intent.names, error=str(e))
            return await self._ledger.orders.get(order.intent.intent_id)
        if after.state is not order.state:
            log.info(
                "order_moved",
                **order.intent.names,
                source=order.state.value,
                target=after.state.value,
            )
        await self._consequences.follow(order, after)
        return after

    async def _ask_in_turn(
        self, unclear: Mapping[str, Order], foreign: Sequence[Waiting]
    ) -> list[str]:
        """Ask for what the list does not explain, as far as the budget goes.

        What has waited longest comes first. Return what has waited too long.
        """
        orders = self._uncertain.waiting([(one, _doubtful(one)) for one in unclear.values()])
        waiting = [*orders, *foreign]
        for key in choose(waiting, await self._budget.left(), self._budget.size):
            if not await self._budget.take():
                break
            if not await self._foreign.ask_for(key):
                await self._ask_for(unclear[key])
            waiting = [one for one in waiting if one.key != key]
        return overdue(
            waiting, self._context.clock.now(), self._began, self._budget.size, self._apart_s
        )

    async def _ask_for(self, order: Order) -> None:
        self._context.heart.count("lookups")
        await self._uncertain.note_query(order)
        asked_at = self._context.clock.now()
        try:
            view = await self._exchange.order(order.intent.reference)
        except VenueError as e:
            self._context.heart.count("venue_errors")
            log.warning("lookup_failed", **order.intent.names, kind=e.kind, detail=e.detail[:200])
            return  # a later pass asks again
        after = await self._see(order, view)
        if order.updated_at <= asked_at:
            await self._consequences.complain(after, mismatches(after, view))


def _explained(order: Order, row: VenueOrder | None, asked_at: datetime) -> bool:
    """Return whether the list says all that there is to know of an order."""
    if order.state is OrderState.SENDING:
        return True  # the router still waits for its answer
    if row is None:
        return order.state not in RESTING | IN_DOUBT | ENDED
    # A list that is older than our last news shows differences that are none.
    older = order.updated_at > asked_at
    # A list may lag behind a cancel whose answer was lost: the order itself is asked for.
    clear = order.state not in {OrderState.UNKNOWN, OrderState.CANCELLING}
    return clear and (older or not mismatches(order, row))


def _lives(order: Order, row: VenueOrder, asked_at: datetime) -> bool:
    """Return whether the exchange has an order that was believed never placed."""
    return (
        order.state in NEVER_PLACED
        and order.updated_at <= asked_at
        and not row.refused
        and bool(row.resting_minor or row.matched_minor)
    )


def _doubtful(order: Order) -> bool:
    """Return whether more of it may be filled; else only its result is awaited."""
    return bool(order.resting_minor or order.in_doubt_minor or order.awaited_minor)


def _evidence(events: Sequence[OrderEvent], view: VenueView) -> dict[str, object]:
    """Return what is kept of a view as JSON values."""
    names: dict[str, object] = {"events": [type(event).__name__ for event in events]}
    if isinstance(view, Absent):
        return {**names, "absent": view.reason}
    return {
        **names,
        "venue_order_id": view.venue_order_id,
        "matched_minor": view.matched_minor,
        "resting_minor": view.resting_minor,
        "cancelled_minor": view.cancelled_minor,
        "lapsed_minor": view.lapsed_minor,
        "voided_minor": view.voided_minor,
        "pnl_minor": view.pnl_minor,
    }
