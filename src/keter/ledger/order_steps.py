"""Changes to orders, each within one transaction of its caller.

This is the only module that writes the states of orders. Each change adds a row to ``transitions``.
"""

from datetime import datetime
from typing import Any

import msgspec
from msgspec.structs import replace
from sqlalchemy import delete, insert, select, update
from sqlalchemy.engine import Connection

from keter.domain.order_events import Fill
from keter.domain.order_states import FINAL, OrderState, check_step
from keter.domain.orders import Intent, Order, Transition
from keter.domain.trading import ExecutionMode
from keter.errors import IllegalTransitionError
from keter.ledger import rows
from keter.ledger.errors import NotInLedgerError, SelectionOpenError
from keter.ledger.fences import check_fence, take_fence
from keter.ledger.order_queries import holder_of, read_orders
from keter.ledger.order_schema import OPEN_NOW, fills, orders, transitions

# What a new owner makes of an intent that an earlier owner left in a state.
_ENDS_OF_UNFINISHED = (
    (OrderState.INTENDED, OrderState.SKIPPED),
    (OrderState.QUOTED, OrderState.SKIPPED),
    (OrderState.SENDING, OrderState.UNKNOWN),
)


class OrderChanges(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a step learned about an order. None leaves a field as it is; no field is ever cleared.

    ``fills`` replaces all fills: a bookmaker's answer holds every ticket of a bet.
    """

    fills: tuple[Fill, ...] | None = None
    pnl_minor: int | None = None
    reason: str | None = None
    score_at_bet: tuple[int, int] | None = None
    settled_at: datetime | None = None
    closing_fair_odds: float | None = None

    def known(self) -> dict[str, Any]:
        """Return the fields that are not None, by their names in ``Order``."""
        return {
            name: value
            for name in self.__struct_fields__
            if (value := getattr(self, name)) is not None
        }


class Takeover(msgspec.Struct, frozen=True):
    """A new owner's fencing number and the unfinished intents of earlier owners that it ended."""

    fence: int
    skipped: tuple[Order, ...]
    unknown: tuple[Order, ...]


def create(connection: Connection, intent: Intent, worker: str) -> Order:
    """Insert the intent.

    Raises FencedError if the account has a newer owner, SelectionOpenError if an order that is not
    final stands on the selection. A constraint of the table holds against others who write at once.
    """
    check_fence(connection, intent.account, intent.mode, intent.fence)
    holder = holder_of(connection, intent)
    if holder is not None:
        raise SelectionOpenError(f"{intent.event_uid} {intent.selection_id}", holder)
    order = Order(intent, OrderState.INTENDED, intent.created_at)
    connection.execute(insert(orders).values(rows.from_order(order)))
    first = Transition(
        intent.intent_id, None, OrderState.INTENDED, intent.created_at, "intent", worker
    )
    connection.execute(insert(transitions).values(rows.from_transition(first)))
    return order


def take_step(
    connection: Connection,
    step: Transition,
    changes: OrderChanges,
    fence: int | None = None,
    expected: OrderState | None = None,
) -> Order:
    """Move an order to the step's target; the step's ``source`` is set from the order.

    Raises NotInLedgerError, FencedError if ``fence`` is old, and IllegalTransitionError if the
    order is not in ``expected`` or the step is not legal.
    """
    before = _locked(connection, step.intent_id)
    if fence is not None:
        check_fence(connection, before.intent.account, before.intent.mode, fence)
    if expected is not None and before.state is not expected:
        raise IllegalTransitionError(f"the order is {before.state} by now, not {expected}")
    check_step(before.state, step.target)
    return _write(connection, before, step, _changed(before, changes, step))


def amend(
    connection: Connection,
    intent_id: str,
    changes: OrderChanges,
    at: datetime,
    cause: str,
    worker: str,
    evidence: dict[str, object],
) -> Order:
    """Correct what is known of an order without a change of state.

    Raises NotInLedgerError, and IllegalTransitionError for fills of another stake of a final order.
    """
    before = _locked(connection, intent_id)
    correction = Transition(intent_id, None, before.state, at, cause, worker, evidence)
    after = _changed(before, changes, correction)
    if before.state in FINAL and after.standing_minor != before.standing_minor:
        raise IllegalTransitionError(f"the stake of a {before.state} order does not change")
    return _write(connection, before, correction, after)


def record(
    connection: Connection,
    before: Order,
    after: Order,
    step: Transition,
    fence: int | None,
) -> Order:
    """Write ``after`` over ``before``; the step's time is that of ``after``.

    Raises NotInLedgerError, and FencedError if ``fence`` is old. Raises IllegalTransitionError if
    the ledger holds another order than ``before``, the step is not legal, or a fill would be lost.
    """
    stored = _locked(connection, step.intent_id)
    if fence is not None:
        check_fence(connection, stored.intent.account, stored.intent.mode, fence)
    if stored != before:
        raise IllegalTransitionError(
            f"the order {step.intent_id} has changed since it was read; it is {stored.state} by now"
        )
    if after.intent != before.intent:
        raise IllegalTransitionError(f"the intent {step.intent_id} does not change")
    if not set(before.fills) <= set(after.fills):
        raise IllegalTransitionError(f"the order {step.intent_id} does not lose fills")
    if after.state is not before.state:
        check_step(before.state, after.state)
    return _write(connection, before, step, after)


def take_over(
    connection: Connection, account: str, mode: ExecutionMode, at: datetime, worker: str
) -> Takeover:
    """Issue a new fencing number and end the unfinished intents of earlier owners."""
    fence = take_fence(connection, account, mode, at, worker)
    ended: dict[OrderState, list[Order]] = {OrderState.SKIPPED: [], OrderState.UNKNOWN: []}
    for source, target in _ENDS_OF_UNFINISHED:
        evidence: dict[str, object] = {"found": source.value, "fence": fence}
        for intent_id in _in_state(connection, account, mode, source):
            step = Transition(intent_id, None, target, at, "router_died", worker, evidence)
            ended[target].append(take_step(connection, step, OrderChanges(reason="router_died")))
    return Takeover(fence, tuple(ended[OrderState.SKIPPED]), tuple(ended[OrderState.UNKNOWN]))


def _in_state(
    connection: Connection, account: str, mode: ExecutionMode, state: OrderState
) -> list[str]:
    query = select(orders.c.intent_id).where(
        OPEN_NOW,
        orders.c.account == account,
        orders.c.mode == mode.value,
        orders.c.state == state.value,
    )
    return list(connection.execute(query).scalars())


def _locked(connection: Connection, intent_id: str) -> Order:
    query = select(orders).where(orders.c.intent_id == intent_id).with_for_update()
    found = read_orders(connection, query)
    if not found:
        raise NotInLedgerError(f"no intent {intent_id}")
    return found[0]


def _changed(before: Order, changes: OrderChanges, step: Transition) -> Order:
    return replace(before, state=step.target, updated_at=step.at, **changes.known())


def _write(connection: Connection, before: Order, step: Transition, after: Order) -> Order:
    """Write the order, its fills and the step."""
    values = rows.outcome_columns(after)
    connection.execute(update(orders).where(orders.c.intent_id == step.intent_id).values(values))
    if after.fills != before.fills:
        connection.execute(delete(fills).where(fills.c.intent_id == step.intent_id))
        if after.fills:
            connection.execute(insert(fills), rows.from_fills(after))
    taken = replace(step, source=before.state)
    connection.execute(insert(transitions).values(rows.from_transition(taken)))
    return after
