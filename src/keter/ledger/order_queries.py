"""Queries over orders and their transitions; the repository is in ``keter.ledger.orders``."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Select, and_, func, or_, select
from sqlalchemy.engine import Connection, Row

from keter.domain.order_states import NOT_FINAL, NOT_SENT, SETTLED, OrderState
from keter.domain.orders import Intent, Order
from keter.domain.trading import ExecutionMode
from keter.ledger import rows
from keter.ledger.order_schema import ALWAYS_OPEN, OPEN_NOW, fills, orders, transitions
from keter.ledger.statements import unindexed

MAYBE_AT_VENUE = NOT_FINAL - NOT_SENT
# States in which money is, was or may be at the venue.
STAKED = MAYBE_AT_VENUE | SETTLED
FILLS_AT_A_TIME = 500  # orders whose fills one query reads; databases limit its parameters


class OrderFilter(msgspec.Struct, frozen=True):
    """Conditions on a list of orders; None means no condition.

    ``since`` (included) and ``until`` (excluded) bound ``created_at``. ``settled_since`` is
    included.
    """

    mode: ExecutionMode | None = None
    states: frozenset[OrderState] | None = None
    account: str | None = None
    event_uid: str | None = None
    trace_id: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    settled_since: datetime | None = None


def state_names(states: Iterable[OrderState]) -> list[str]:
    """Return the states as the column holds them, sorted so that statements do not vary."""
    return sorted(state.value for state in states)


def orders_of(mode: ExecutionMode, account: str | None) -> ColumnElement[bool]:
    """Return the condition that an order is the account's in this mode; None means of any."""
    of_mode = orders.c.mode == mode.value
    return of_mode if account is None else and_(of_mode, orders.c.account == account)


def read_orders(connection: Connection, query: Select[Any]) -> list[Order]:
    """Return the orders that a query of the table ``orders`` finds, with their fills."""
    found = connection.execute(query).all()
    # Only an order with fills has names of them, so most orders cost no second look.
    filled = [row.intent_id for row in found if row.ticket_id is not None]
    of: dict[str, list[Row[Any]]] = {}
    for start in range(0, len(filled), FILLS_AT_A_TIME):
        ids = filled[start : start + FILLS_AT_A_TIME]
        own = select(fills).where(fills.c.intent_id.in_(ids))
        for row in connection.execute(own.order_by(fills.c.intent_id, fills.c.position)):
            of.setdefault(row.intent_id, []).append(row)
    return [rows.to_order(row, of.get(row.intent_id, ())) for row in found]


def read_open(connection: Connection, mode: ExecutionMode, account: str | None) -> list[Order]:
    """Return every order that is not final, oldest first; None means those of all accounts."""
    query = select(orders).where(orders_of(mode, account), OPEN_NOW)
    return read_orders(connection, query.order_by(orders.c.created_at))


def holder_of(connection: Connection, intent: Intent) -> str | None:
    """Return the id of the intent that holds the selection for this strategy and side, or None.

    An intent of the same decision is no other: that decision is a duplicate.
    """
    same = (
        orders_of(intent.mode, intent.account),
        orders.c.strategy == intent.strategy,
        orders.c.event_uid == intent.event_uid,
        orders.c.selection_id == intent.selection_id,
        orders.c.side == intent.side.value,
        orders.c.decision_id != intent.decision_id,
    )
    return connection.execute(select(orders.c.intent_id).where(*same, OPEN_NOW)).scalar()


def entries_of(condition: ColumnElement[bool]) -> Select[tuple[str, datetime]]:
    """Return the query for (intent id, time) at which each order entered its present state.

    ``condition`` is one on transitions and chooses the orders.
    """
    # A row whose source and target are equal is a correction, not a step.
    stepped = or_(transitions.c.source.is_(None), transitions.c.source != transitions.c.target)
    # The newest by row number, because a clock may be set back.
    newest = (
        select(func.max(transitions.c.id))
        .where(condition, stepped)
        .group_by(transitions.c.intent_id)
    )
    return select(transitions.c.intent_id, transitions.c.at).where(transitions.c.id.in_(newest))


def conditions_of(chosen: OrderFilter) -> list[ColumnElement[bool]]:
    """Return the filter as SQL conditions, written so that the best index is used."""
    narrow = {"event_uid": chosen.event_uid, "trace_id": chosen.trace_id}
    conditions: list[ColumnElement[bool]] = [
        orders.c[name] == value for name, value in narrow.items() if value is not None
    ]
    if chosen.mode is not None:
        # An event or a trace has few orders: its index is the best.
        mode = unindexed(orders.c.mode) if conditions else orders.c.mode
        conditions.append(mode == chosen.mode.value)
    if chosen.account is not None:
        conditions.append(orders.c.account == chosen.account)
    if chosen.states is not None:
        conditions += _in_states(chosen.states)
    if chosen.since is not None:
        conditions.append(orders.c.created_at >= chosen.since)
    if chosen.until is not None:
        conditions.append(orders.c.created_at < chosen.until)
    if chosen.settled_since is not None:
        conditions.append(orders.c.settled_at >= chosen.settled_since)
    return conditions


def _in_states(states: frozenset[OrderState]) -> list[ColumnElement[bool]]:
    names = state_names(states)
    if states <= ALWAYS_OPEN:
        return [OPEN_NOW, orders.c.state.in_(names)]
    if len(states) == 1:
        # The index of mode, state and time yields the newest of one state at once.
        return [orders.c.state.in_(names)]
    # Most orders are in final states: reading the newest of all finds enough of them soon.
    return [unindexed(orders.c.state).in_(names)]
