"""Sums over bets: the betting day as the guard needs it, and the summary of the console.

Each is of one mode and one account; an account None means all accounts of the mode.
"""

from datetime import datetime, tzinfo

import msgspec
from sqlalchemy import ColumnElement, case, func, select
from sqlalchemy.engine import Connection

from keter.domain.days import day_bounds
from keter.domain.exposure import DayRisk
from keter.domain.order_states import SETTLED, OrderState
from keter.domain.streaks import LOSSES, WINS, losing_streak
from keter.domain.trading import ExecutionMode
from keter.ledger.order_queries import MAYBE_AT_VENUE, STAKED, orders_of, state_names
from keter.ledger.order_schema import OPEN_NOW, STOPPED, orders
from keter.ledger.statements import unindexed

# Rows that are read, pushes and void bets among them; far above any LOSING_STREAK_LIMIT.
_LONGEST_STREAK = 400
# A part is filled and the venue can still fill the rest.
_RESTING_PARTLY = frozenset({OrderState.PARTLY_FILLED, OrderState.CANCELLING})


class MoneySummary(msgspec.Struct, frozen=True):
    """The sums of a betting day; amounts in minor units.

    ``pnl_minor``, ``settled``, ``won`` and ``lost`` are of the bets settled on the day.
    ``staked_minor`` and ``states`` are of the bets created on the day. The other fields are as of
    now.

    ``outstanding_minor`` is the stake of every bet that may be at the venue, unknown ones included.
    Where the venue has not reported a stake, the intended one counts.
    """

    day: str
    pnl_minor: int
    settled: int
    won: int
    lost: int
    staked_minor: int
    open: int
    outstanding_minor: int
    unknown: int
    unknown_stake_minor: int
    states: dict[str, int]


def at_risk() -> ColumnElement[int]:
    """Return the SQL sum of stakes: what stands of the order and what may still be filled.

    Where the venue has not reported a stake, the intended one counts, less what has ended.
    """
    placed, known = orders.c.placed_stake_minor, orders.c.state
    rest = (
        orders.c.stake_minor
        - orders.c.voided_minor
        - orders.c.cancelled_minor
        - orders.c.lapsed_minor
    )
    stake = case(
        (known.in_(state_names(STOPPED)), placed),
        (known.in_(state_names(_RESTING_PARTLY)), rest),
        else_=func.coalesce(func.nullif(placed, 0), rest),
    )
    return func.coalesce(func.sum(stake), 0)


def _staked() -> ColumnElement[bool]:
    """Return the condition that money is, was or may be at the venue."""
    nothing = unindexed(orders.c.state).in_(state_names(STOPPED)) & (
        orders.c.placed_stake_minor == 0
    )
    return _in_states(STAKED) & ~nothing


def _in_states(states: frozenset[OrderState]) -> ColumnElement[bool]:
    # It stands beside a condition of time, whose index is the best.
    return unindexed(orders.c.state).in_(state_names(states))


def read_day_risk(
    connection: Connection, mode: ExecutionMode, account: str | None, day: str, zone: tzinfo
) -> DayRisk:
    """Return the day's settled profit, stakes and bets, and the losing streak at its end.

    Raises ValueError if ``day`` is not an ISO date.
    """
    start, end = day_bounds(day, zone)
    ours = orders_of(mode, account)
    settled = (orders.c.settled_at >= start) & (orders.c.settled_at < end) & _in_states(SETTLED)
    made = (orders.c.created_at >= start) & (orders.c.created_at < end) & _staked()
    pnl = connection.execute(
        select(func.coalesce(func.sum(orders.c.pnl_minor), 0)).where(ours, settled)
    ).scalar_one()
    staked, count = connection.execute(select(at_risk(), func.count()).where(ours, made)).one()
    streak = losing_streak(state for _, state in read_results(connection, mode, account, end=end))
    return DayRisk(day, int(pnl), int(staked), streak, int(count))


def read_results(
    connection: Connection,
    mode: ExecutionMode,
    account: str | None,
    *,
    end: datetime | None = None,
    since: datetime | None = None,
) -> list[tuple[str, OrderState]]:
    """Return (intent id, state) of bets settled before ``end`` and after ``since``.

    The newest come first, ``_LONGEST_STREAK`` of them at most.
    """
    query = select(orders.c.intent_id, orders.c.state).where(
        orders_of(mode, account), _in_states(SETTLED)
    )
    if end is not None:
        query = query.where(orders.c.settled_at < end)
    if since is not None:
        query = query.where(orders.c.settled_at > since)
    query = query.order_by(orders.c.settled_at.desc(), orders.c.intent_id.desc()).limit(
        _LONGEST_STREAK
    )
    return [(intent_id, OrderState(state)) for intent_id, state in connection.execute(query)]


def read_summary(
    connection: Connection, mode: ExecutionMode, account: str | None, day: str, zone: tzinfo
) -> MoneySummary:
    """Return the sums of a betting day. Raises ValueError if ``day`` is not an ISO date."""
    start, end = day_bounds(day, zone)
    ours = orders_of(mode, account)
    risk = read_day_risk(connection, mode, account, day, zone)
    settled = (orders.c.settled_at >= start) & (orders.c.settled_at < end)
    ended = _counts(connection, ours & settled & _in_states(SETTLED))
    made = _counts(connection, ours & (orders.c.created_at >= start) & (orders.c.created_at < end))
    outstanding, count = _open_stakes(connection, ours, MAYBE_AT_VENUE)
    unknown_stake, unknown = _open_stakes(connection, ours, frozenset({OrderState.UNKNOWN}))
    return MoneySummary(
        day=day,
        pnl_minor=risk.pnl_minor,
        settled=sum(ended.values()),
        won=sum(ended.get(state.value, 0) for state in WINS),
        lost=sum(ended.get(state.value, 0) for state in LOSSES),
        staked_minor=risk.staked_minor,
        open=count,
        outstanding_minor=outstanding,
        unknown=unknown,
        unknown_stake_minor=unknown_stake,
        states=made,
    )


def _open_stakes(
    connection: Connection, ours: ColumnElement[bool], states: frozenset[OrderState]
) -> tuple[int, int]:
    """Return the stakes and the number of our open bets in these states."""
    query = select(at_risk(), func.count()).where(
        ours, OPEN_NOW, orders.c.state.in_(state_names(states))
    )
    stake, count = connection.execute(query).one()
    return int(stake), int(count)


def _counts(connection: Connection, condition: ColumnElement[bool]) -> dict[str, int]:
    # If it were grouped by the column itself, SQLite would read the whole index of states.
    state = unindexed(orders.c.state)
    query = select(state, func.count()).where(condition).group_by(state)
    return {state: int(count) for state, count in connection.execute(query)}


def read_pnl(
    connection: Connection, mode: ExecutionMode, account: str | None, since: datetime
) -> list[tuple[datetime, int]]:
    """Return (time, profit in minor units) of the bets settled since ``since``, oldest first."""
    query = select(orders.c.settled_at, orders.c.pnl_minor).where(
        orders_of(mode, account), orders.c.settled_at >= since, _in_states(SETTLED)
    )
    found = connection.execute(query.order_by(orders.c.settled_at, orders.c.intent_id))
    return [(settled_at, pnl_minor or 0) for settled_at, pnl_minor in found]
