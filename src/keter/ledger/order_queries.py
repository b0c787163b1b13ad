"""Queries over bets and their transitions; the repository is in ``keter.ledger.orders``."""

from collections.abc import Iterable
from datetime import datetime

import msgspec
from sqlalchemy import ColumnElement, Select, and_, func, or_, select
from sqlalchemy.engine import Connection

from keter.domain.order_states import NOT_FINAL, NOT_SENT, SETTLED, OrderState
from keter.domain.orders import Order
from keter.domain.trading import ExecutionMode
from keter.ledger import rows
from keter.ledger.schema import OPEN_NOW, bets, transitions
from keter.ledger.statements import unindexed

MAYBE_AT_VENUE = NOT_FINAL - NOT_SENT
# States in which money is, was or may be at the venue.
STAKED = MAYBE_AT_VENUE | SETTLED


class OrderFilter(msgspec.Struct, frozen=True):
    """Conditions on a list of bets; None means no condition.

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
    """Return the condition that a bet is the account's in this mode; None means any account's."""
    of_mode = bets.c.mode == mode.value
    return of_mode if account is None else and_(of_mode, bets.c.account == account)


def read_open(connection: Connection, mode: ExecutionMode, account: str | None) -> list[Order]:
    """Return every bet that is not final, oldest first; None means those of all accounts."""
    query = select(bets).where(orders_of(mode, account), OPEN_NOW)
    return [rows.to_order(row) for row in connection.execute(query.order_by(bets.c.created_at))]


def entries_of(condition: ColumnElement[bool]) -> Select[tuple[str, datetime]]:
    """Return the query for (intent id, time) at which each bet entered its present state.

    ``condition`` is one on transitions and chooses the bets.
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
        bets.c[name] == value for name, value in narrow.items() if value is not None
    ]
    if chosen.mode is not None:
        # An event or a trace has few bets: its index is the best.
        mode = unindexed(bets.c.mode) if conditions else bets.c.mode
        conditions.append(mode == chosen.mode.value)
    if chosen.account is not None:
        conditions.append(bets.c.account == chosen.account)
    if chosen.states is not None:
        conditions += _in_states(chosen.states)
    if chosen.since is not None:
        conditions.append(bets.c.created_at >= chosen.since)
    if chosen.until is not None:
        conditions.append(bets.c.created_at < chosen.until)
    if chosen.settled_since is not None:
        conditions.append(bets.c.settled_at >= chosen.settled_since)
    return conditions


def _in_states(states: frozenset[OrderState]) -> list[ColumnElement[bool]]:
    names = state_names(states)
    if states <= NOT_FINAL:
        return [OPEN_NOW, bets.c.state.in_(names)]
    if len(states) == 1:
        # The index of mode, state and time yields the newest of one state at once.
        return [bets.c.state.in_(names)]
    # Most bets are in final states: reading the newest of all bets finds enough of them soon.
    return [unindexed(bets.c.state).in_(names)]
