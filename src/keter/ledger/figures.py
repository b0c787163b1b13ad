"""Sums over the whole ledger for monitoring: bets by state, money, closing line value.

Each is of one mode and one account; an account None means all accounts of the mode.
"""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime, tzinfo
from math import isfinite

import msgspec
from sqlalchemy import ColumnElement, select
from sqlalchemy.engine import Connection

from keter.domain.exposure import DayRisk
from keter.domain.order_states import ANSWERED, SETTLED, OrderState
from keter.domain.trading import ExecutionMode
from keter.ledger.order_queries import MAYBE_AT_VENUE, entries_of, orders_of
from keter.ledger.order_schema import OPEN_NOW, orders, transitions
from keter.ledger.statements import unindexed
from keter.ledger.sums import at_risk, read_day_risk
from keter.ledger.totals import read_order_totals

LAST_PLACEMENTS = 20
# States of a placement that the venue has answered or that ended in doubt; SENDING is too early.


class ClosingLine(msgspec.Struct, frozen=True):
    """The mean closing line value of ``bets`` bets, as a ratio; None without bets."""

    bets: int
    mean: float | None


class Figures(msgspec.Struct, frozen=True):
    """Sums over all bets of an account in one mode; amounts in minor units.

    ``states`` counts all these bets by their state. ``unknown_since`` is when the bet that has
    been UNKNOWN for longest entered that state.

    ``placements`` is the number of the newest answered placements, LAST_PLACEMENTS at most.
    ``refused`` of them were refused.

    ``clv_mean`` is a ratio, the mean of ``clv_bets`` bets with a known closing price; None without
    any.
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
    account: str | None,
    day: str,
    zone: tzinfo,
    clv_since: datetime,
    closing: ClosingLine | None,
) -> Figures:
    """Return the sums; the day's are of the betting day ``day``, an ISO date in ``zone``.

    ``closing`` is an earlier result of ``read_closing``; None reads it again, for ``clv_since``.

    Raises ValueError if ``day`` is not an ISO date.
    """
    ours = orders_of(mode, account)
    found = read_order_totals(connection, mode, account)
    states: Counter[str] = Counter()
    for one in found:
        states[one.state] += one.number
    at_venue = select(at_risk()).where(ours, OPEN_NOW, orders.c.state.in_(sorted(MAYBE_AT_VENUE)))
    placements = _newest_placements(connection, ours)
    line = closing if closing is not None else read_closing(connection, mode, account, clv_since)
    return Figures(
        day=read_day_risk(connection, mode, account, day, zone),
        states=dict(states),
        profit_minor=sum(one.pnl_minor for one in found if OrderState(one.state) in SETTLED),
        outstanding_minor=int(connection.execute(at_venue).scalar_one()),
        unknown_since=_unknown_since(connection, ours),
        placements=len(placements),
        refused=placements.count(OrderState.REFUSED.value),
        clv_bets=line.bets,
        clv_mean=line.mean,
    )


def _unknown_since(connection: Connection, ours: ColumnElement[bool]) -> datetime | None:
    unknown = select(orders.c.intent_id).where(
        ours, OPEN_NOW, orders.c.state == OrderState.UNKNOWN.value
    )
    entries = connection.execute(entries_of(transitions.c.intent_id.in_(unknown)))
    return min((row.at for row in entries), default=None)


def _newest_placements(connection: Connection, ours: ColumnElement[bool]) -> list[str]:
    """Return the states of our newest answered placements."""
    newest = select(orders.c.state).where(ours, unindexed(orders.c.state).in_(sorted(ANSWERED)))
    newest = newest.order_by(orders.c.created_at.desc()).limit(LAST_PLACEMENTS)
    return list(connection.execute(newest).scalars())


def read_closing(
    connection: Connection, mode: ExecutionMode, account: str | None, since: datetime
) -> ClosingLine:
    """Return the mean closing line value of the bets settled since ``since``.

    It reads every one of these bets, so it is not for every scrape.
    """
    settled = select(orders.c.odds, orders.c.closing_fair_odds).where(
        orders_of(mode, account),
        orders.c.settled_at >= since,
        unindexed(orders.c.state).in_(sorted(SETTLED)),
        orders.c.closing_fair_odds.is_not(None),
    )
    values = closing_values((odds, closing) for odds, closing in connection.execute(settled))
    return ClosingLine(len(values), sum(values) / len(values) if values else None)


def closing_values(prices: Iterable[tuple[str | None, float | None]]) -> list[float]:
    """Return ``odds / fair closing odds - 1`` of each (odds as the venue's text, closing odds).

    A pair in which one is no price is left out.
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
