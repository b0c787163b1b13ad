"""Sums over bets: the betting day as the guard needs it, and the money strip of the console."""

from datetime import date, datetime, time, timedelta, tzinfo

import msgspec
from sqlalchemy import ColumnElement, func, select
from sqlalchemy.engine import Connection

from keter.domain.bets import OPEN, SETTLED, BetState
from keter.domain.exposure import DayRisk
from keter.domain.streaks import LOSSES, WINS, losing_streak
from keter.domain.trading import ExecutionMode
from keter.ledger.database import unindexed
from keter.ledger.schema import OPEN_NOW, bets

# States in which money is, was or may be at the venue.
STAKED = OPEN - {BetState.INTENDED, BetState.QUOTED} | SETTLED
# Rows looked at, pushes and void bets among them; far above any LOSING_STREAK_LIMIT.
_LONGEST_STREAK = 400


class MoneySummary(msgspec.Struct, frozen=True):
    """A betting day.

    ``pnl_minor`` and ``settled`` are the day's; open figures are as of now.

    ``outstanding_minor`` is the stake of every bet that may be at the venue, unknown ones included;
    where the venue has not yet told its stake, the intended one counts. ``states`` counts the bets
    made on the day.
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


def day_bounds(day: str, zone: tzinfo) -> tuple[datetime, datetime]:
    """First moment of the day and of the next one, in ``zone``.

    Raises ValueError for no ISO date.
    """
    first = date.fromisoformat(day)
    return datetime.combine(first, time(), zone), datetime.combine(
        first + timedelta(days=1), time(), zone
    )


def at_risk() -> ColumnElement[int]:
    return func.coalesce(
        func.sum(func.coalesce(func.nullif(bets.c.placed_stake_minor, 0), bets.c.stake_minor)), 0
    )


def _in(states: frozenset[BetState]) -> list[str]:
    return sorted(state.value for state in states)


def _states(states: frozenset[BetState]) -> ColumnElement[bool]:
    """A condition beside one of time, whose index is the one to use."""
    return unindexed(bets.c.state).in_(_in(states))


def read_day_risk(connection: Connection, day: str, mode: ExecutionMode, zone: tzinfo) -> DayRisk:
    start, end = day_bounds(day, zone)
    ours = bets.c.mode == mode.value
    settled = (bets.c.settled_at >= start) & (bets.c.settled_at < end) & _states(SETTLED)
    made = (bets.c.created_at >= start) & (bets.c.created_at < end) & _states(STAKED)
    pnl = connection.execute(
        select(func.coalesce(func.sum(bets.c.pnl_minor), 0)).where(ours, settled)
    ).scalar_one()
    staked, count = connection.execute(select(at_risk(), func.count()).where(ours, made)).one()
    streak = losing_streak(state for _, state in read_results(connection, mode, end=end))
    return DayRisk(day, int(pnl), int(staked), streak, int(count))


def read_results(
    connection: Connection,
    mode: ExecutionMode,
    *,
    end: datetime | None = None,
    since: datetime | None = None,
) -> list[tuple[str, BetState]]:
    """The bets settled before ``end`` and after ``since`` with their states, the newest
    ``_LONGEST_STREAK``, newest first.
    """
    query = select(bets.c.intent_id, bets.c.state).where(
        bets.c.mode == mode.value, _states(SETTLED)
    )
    if end is not None:
        query = query.where(bets.c.settled_at < end)
    if since is not None:
        query = query.where(bets.c.settled_at > since)
    query = query.order_by(bets.c.settled_at.desc(), bets.c.intent_id.desc()).limit(_LONGEST_STREAK)
    return [(intent_id, BetState(state)) for intent_id, state in connection.execute(query)]


def read_summary(
    connection: Connection, mode: ExecutionMode, day: str, zone: tzinfo
) -> MoneySummary:
    start, end = day_bounds(day, zone)
    ours = bets.c.mode == mode.value
    risk = read_day_risk(connection, day, mode, zone)
    settled = (bets.c.settled_at >= start) & (bets.c.settled_at < end)
    ended = _counts(connection, ours & settled & _states(SETTLED))
    made = _counts(connection, ours & (bets.c.created_at >= start) & (bets.c.created_at < end))
    standing = STAKED & OPEN
    open_query = select(at_risk(), func.count()).where(
        ours, OPEN_NOW, bets.c.state.in_(_in(standing))
    )
    unknown_query = select(at_risk(), func.count()).where(
        ours, OPEN_NOW, bets.c.state == BetState.UNKNOWN.value
    )
    outstanding, count = connection.execute(open_query).one()
    unknown_stake, unknown = connection.execute(unknown_query).one()
    return MoneySummary(
        day=day,
        pnl_minor=risk.pnl_minor,
        settled=sum(ended.values()),
        won=sum(ended.get(state.value, 0) for state in WINS),
        lost=sum(ended.get(state.value, 0) for state in LOSSES),
        staked_minor=risk.staked_minor,
        open=int(count),
        outstanding_minor=int(outstanding),
        unknown=int(unknown),
        unknown_stake_minor=int(unknown_stake),
        states=made,
    )


def _counts(connection: Connection, condition: ColumnElement[bool]) -> dict[str, int]:
    # Grouped by the column itself, SQLite would read the index of states, all of it.
    state = unindexed(bets.c.state)
    query = select(state, func.count()).where(condition).group_by(state)
    return {state: int(count) for state, count in connection.execute(query)}


def read_pnl(
    connection: Connection, mode: ExecutionMode, since: datetime
) -> list[tuple[datetime, int]]:
    query = select(bets.c.settled_at, bets.c.pnl_minor).where(
        bets.c.mode == mode.value, bets.c.settled_at >= since, _states(SETTLED)
    )
    found = connection.execute(query.order_by(bets.c.settled_at, bets.c.intent_id))
    return [(settled_at, pnl_minor or 0) for settled_at, pnl_minor in found]
