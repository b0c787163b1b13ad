"""Sums over the whole ledger, for whoever watches from outside: bets by state, money, and how the closing price judged."""

from collections.abc import Iterable
from datetime import datetime, tzinfo
from math import isfinite

import msgspec
from sqlalchemy import func, select
from sqlalchemy.engine import Connection

from keter.domain.bets import OPEN, SETTLED, BetState
from keter.domain.exposure import DayRisk
from keter.domain.trading import ExecutionMode
from keter.ledger.schema import bets
from keter.ledger.sums import STAKED, at_risk, read_day_risk

LAST_PLACEMENTS = 20
# A placement that has come to something: what is still being sent tells nothing yet.
ANSWERED = SETTLED | {BetState.PENDING, BetState.RUNNING, BetState.REFUSED, BetState.UNKNOWN}


class Figures(msgspec.Struct, frozen=True):
    """One execution mode's bets. Money in minor units; ``states`` counts every bet there ever was by the state it is in.

    ``refused`` is how many of the newest ``placements`` (LAST_PLACEMENTS at most) were refused. ``clv_mean`` is a ratio over
    the ``clv_bets`` settled in the asked span whose closing price is known; None without any. ``unknown_since`` is the oldest
    unknown bet's last step.
    """

    day: DayRisk
    states: dict[str, int]
    profit_minor: int
    outstanding_minor: int
    unknown_since: datetime | None
    placements: int
    refused: int
    clv_bets: int
    clv_mean: float | None


def read_figures(connection: Connection, mode: ExecutionMode, day: str, zone: tzinfo, clv_since: datetime) -> Figures:
    """Raises ValueError for no ISO date."""
    ours = bets.c.mode == mode.value
    by_state = select(bets.c.state, func.count(), func.coalesce(func.sum(bets.c.pnl_minor), 0), at_risk()).where(ours)
    found = connection.execute(by_state.group_by(bets.c.state)).all()
    unknown = select(func.min(bets.c.updated_at)).where(ours, bets.c.state == BetState.UNKNOWN.value)
    newest = select(bets.c.state).where(ours, bets.c.state.in_(sorted(ANSWERED)))
    placements = list(connection.execute(newest.order_by(bets.c.created_at.desc()).limit(LAST_PLACEMENTS)).scalars())
    settled = select(bets.c.odds, bets.c.closing_fair_odds).where(
        ours, bets.c.settled_at >= clv_since, bets.c.state.in_(sorted(SETTLED)), bets.c.closing_fair_odds.is_not(None)
    )
    values = closing_values((odds, closing) for odds, closing in connection.execute(settled))
    return Figures(
        day=read_day_risk(connection, day, mode, zone),
        states={state: int(count) for state, count, _, _ in found},
        profit_minor=sum(int(pnl) for state, _, pnl, _ in found if BetState(state) in SETTLED),
        outstanding_minor=sum(int(stake) for state, _, _, stake in found if BetState(state) in STAKED & OPEN),
        unknown_since=connection.execute(unknown).scalar_one(),
        placements=len(placements),
        refused=placements.count(BetState.REFUSED.value),
        clv_bets=len(values),
        clv_mean=sum(values) / len(values) if values else None,
    )


def closing_values(prices: Iterable[tuple[str | None, float | None]]) -> list[float]:
    """``odds / fair closing odds - 1`` of each (odds in the venue's spelling, closing price); what is no price is left out."""
    found = []
    for odds, closing in prices:
        try:
            value = float(odds or "") / float(closing or 0) - 1
        except (ValueError, ZeroDivisionError):
            continue
        if isfinite(value):
            found.append(value)
    return found
