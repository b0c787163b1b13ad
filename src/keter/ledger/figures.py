"""Sums over the whole ledger, for whoever watches from outside: bets by state, money, and how the
closing price judged.
"""

from collections.abc import Iterable
from datetime import datetime, tzinfo
from math import isfinite

import msgspec
from sqlalchemy import select
from sqlalchemy.engine import Connection

from keter.domain.bets import OPEN, SETTLED, BetState
from keter.domain.exposure import DayRisk
from keter.domain.trading import ExecutionMode
from keter.ledger.bets import entries_of
from keter.ledger.database import unindexed
from keter.ledger.schema import OPEN_NOW, bets, transitions
from keter.ledger.sums import STAKED, at_risk, read_day_risk
from keter.ledger.totals import BETS, read_totals

LAST_PLACEMENTS = 20
# A placement that has come to something: what is still being sent tells nothing yet.
ANSWERED = SETTLED | {BetState.PENDING, BetState.RUNNING, BetState.REFUSED, BetState.UNKNOWN}


class ClosingLine(msgspec.Struct, frozen=True):
    """The mean closing line value of ``bets`` bets; None without any."""

    bets: int
    mean: float | None


class Figures(msgspec.Struct, frozen=True):
    """One execution mode's bets.

    Money in minor units; ``states`` counts every bet there ever was by the state it is in.

    ``refused`` is how many of the newest ``placements`` (LAST_PLACEMENTS at most) were refused.
    ``clv_mean`` is a ratio over the ``clv_bets`` settled in the asked span whose closing price is
    known; None without any. ``unknown_since`` is when the bet that has been unknown for longest
    became so.
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


def read_figures(
    connection: Connection,
    mode: ExecutionMode,
    day: str,
    zone: tzinfo,
    clv_since: datetime,
    closing: ClosingLine | None,
) -> Figures:
    """``closing`` is what ``read_closing`` found lately; None asks again.

    Raises ValueError for no ISO date.
    """
    ours = bets.c.mode == mode.value
    found = read_totals(connection, BETS, mode.value)
    standing = select(at_risk()).where(ours, OPEN_NOW, bets.c.state.in_(sorted(STAKED & OPEN)))
    in_doubt = select(bets.c.intent_id).where(
        ours, OPEN_NOW, bets.c.state == BetState.UNKNOWN.value
    )
    since = [
        row.at for row in connection.execute(entries_of(transitions.c.intent_id.in_(in_doubt)))
    ]
    newest = select(bets.c.state).where(ours, unindexed(bets.c.state).in_(sorted(ANSWERED)))
    placements = list(
        connection.execute(
            newest.order_by(bets.c.created_at.desc()).limit(LAST_PLACEMENTS)
        ).scalars()
    )
    line = closing if closing is not None else read_closing(connection, mode, clv_since)
    return Figures(
        day=read_day_risk(connection, day, mode, zone),
        states={one.state: one.number for one in found},
        profit_minor=sum(one.pnl_minor for one in found if BetState(one.state) in SETTLED),
        outstanding_minor=int(connection.execute(standing).scalar_one()),
        unknown_since=min(since, default=None),
        placements=len(placements),
        refused=placements.count(BetState.REFUSED.value),
        clv_bets=line.bets,
        clv_mean=line.mean,
    )


def read_closing(connection: Connection, mode: ExecutionMode, since: datetime) -> ClosingLine:
    """Read every bet settled since then, so it is a question for now and then."""
    settled = select(bets.c.odds, bets.c.closing_fair_odds).where(
        bets.c.mode == mode.value,
        bets.c.settled_at >= since,
        unindexed(bets.c.state).in_(sorted(SETTLED)),
        bets.c.closing_fair_odds.is_not(None),
    )
    values = closing_values((odds, closing) for odds, closing in connection.execute(settled))
    return ClosingLine(len(values), sum(values) / len(values) if values else None)


def closing_values(prices: Iterable[tuple[str | None, float | None]]) -> list[float]:
    """``odds / fair closing odds - 1`` of each (odds in the venue's spelling, closing price); what
    is no price is left out.
    """
    found = []
    for odds, closing in prices:
        try:
            value = float(odds or "") / float(closing or 0) - 1
        except (ValueError, ZeroDivisionError):
            continue
        if isfinite(value):
            found.append(value)
    return found
