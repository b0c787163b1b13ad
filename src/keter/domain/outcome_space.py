"""The outcome space of one count of an event: the cells that the held lines cut out of it.

A market depends on one axis only: the margin or the total of what is counted. Counts are whole
numbers from 0, so not every margin goes with every total:

* the total is at least as large as the margin, and
* both are odd or both are even.

A cell is a range of margins with a range of totals in which no held market changes its result.
Only cells with a possible score count. So the cells hold exactly the figures of a grid of all
scores, of any size. A basketball total needs no larger grid than one of football.
"""

from collections.abc import Iterable
from enum import StrEnum
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

from keter.domain.market_kinds import MarketKind, Outcome
from keter.domain.markets import Market
from keter.domain.settlement import result_halves
from keter.domain.sports import OutcomeSpace, Unit

# Beyond every line that a market may have (markets.py allows 1000 goals), so no result changes.
ENDLESS = 1 << 20


class Axis(StrEnum):
    """The dimension of the outcome space that a market depends on."""

    MARGIN = "margin"
    TOTAL = "total"


class Span(NamedTuple):
    """A range of whole numbers, both ends included, in which no held market changes its result."""

    least: int
    most: int


class Count(NamedTuple):
    """What one score decides: a period of a sport, or one unit of it where units are apart."""

    sport: str
    period: str
    unit: Unit | None


@lru_cache(maxsize=4096)
def count_of(market: Market) -> Count:
    """Return the count on which a market's result depends. Markets of one count may net."""
    apart = market.of.outcome_space is OutcomeSpace.WINNER_MARGIN_AND_TOTAL
    return Count(market.sport, market.period, market.unit if apart else None)


def axis_of(market: Market) -> Axis:
    """Return the axis of its count that a market's result depends on."""
    return Axis.TOTAL if market.family is MarketKind.OVER_UNDER else Axis.MARGIN


def spans(markets: Iterable[Market], axis: Axis) -> tuple[Span, ...]:
    """Return the ranges of an axis in which no market of that axis changes its result."""
    # A game that is stopped may end level even where overtime is played until somebody leads, and
    # its bets may stand. So level is a possible result of every count.
    least = 0 if axis is Axis.TOTAL else -ENDLESS
    starts = {start for market in markets for start in _starts(market) if start > least}
    edges = [least, *sorted(starts), ENDLESS + 1]
    return tuple(Span(low, high - 1) for low, high in pairwise(edges))


@lru_cache(maxsize=4096)
def results_along(market: Market, outcome: Outcome) -> tuple[tuple[int, int], ...]:
    """Return the ranges in which a back has one result: where each begins, and the result.

    The result is in half stakes (-2 to 2). Raises ValueError for an outcome that the market does
    not have.
    """
    # One side of each score is 0: only the margin, or only the total, matters.
    return tuple(
        (
            least,
            result_halves(market, outcome, least, 0)
            if least >= 0
            else result_halves(market, outcome, 0, -least),
        )
        for least, _ in spans([market], axis_of(market))
    )


@lru_cache(maxsize=1024)
def totals_with(margins: tuple[Span, ...], totals: tuple[Span, ...]) -> tuple[tuple[int, ...], ...]:
    """Return, for each range of margins, the indexes of the ranges of totals that go with it."""
    most = [(_most_total(total, 0), _most_total(total, 1)) for total in totals]
    least = [(_least_margin(margin, 0), _least_margin(margin, 1)) for margin in margins]
    return tuple(
        tuple(at for at, (even, odd) in enumerate(most) if low_even <= even or low_odd <= odd)
        for low_even, low_odd in least
    )


@lru_cache(maxsize=4096)
def _starts(market: Market) -> tuple[int, ...]:
    """Return the first whole numbers of the ranges that a market's line begins."""
    line_q = market.line_q or 0
    # The point, in quarters, at which the line is met: a handicap is the home line.
    meets = line_q if market.family is MarketKind.OVER_UNDER else -line_q
    nearest, distance = divmod(meets + 1, 4)
    # Within a quarter of a whole number the line is pushed or half lost there: a range of its own.
    return (nearest, nearest + 1) if distance <= 2 else (nearest + 1,)


def _least_margin(margin: Span, parity: int) -> int:
    """Return the least size of a margin of a parity, or more than any total if there is none."""
    low, high = margin
    nearest = min(max(0, low), high)
    fits = (
        abs(point)
        for point in (nearest - 1, nearest, nearest + 1)
        if low <= point <= high and point % 2 == parity
    )
    return min(fits, default=2 * ENDLESS)


def _most_total(total: Span, parity: int) -> int:
    """Return the largest total of a parity, or -1 if there is none."""
    if total.most % 2 == parity:
        return total.most
    return total.most - 1 if total.most > total.least else -1
