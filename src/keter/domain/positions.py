"""The arithmetic of the exposure model: what the fills and open orders of an event may lose.

A position is a profit-and-loss figure per cell of the event's outcome space.

* Filled parts net, at any prices: a win of one covers the loss of another in the same cell.
* The open part of an order counts only in the cells where it loses. So each cell holds the worst
  of every subset and part of the open orders that may still be filled.
* An order whose placement or cancel has an unknown outcome counts as open.
* Commission is taken from the net winnings of one account's market, as on Betfair.
* Amounts are whole minor units, and each rounding goes against us.

Counts never cover each other: their worst cases are added. A sure gain of one is no cover for
another either, because it may be made void: each count costs at least 0.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate
from operator import add
from typing import NamedTuple

from keter.domain.commitments import (
    Commitment,
    amounts,
    commission_of,
    rate_of,
    rounded_down,
)
from keter.domain.market_kinds import Outcome
from keter.domain.markets import Market
from keter.domain.outcome_space import (
    Axis,
    Count,
    Span,
    axis_of,
    count_of,
    results_along,
    spans,
    totals_with,
)
from keter.domain.sports_scores import Pair

_Selection = tuple[Market, Outcome]


class Cell(NamedTuple):
    """Scores alike to every held market."""

    margin: Span
    total: Span


class Position(NamedTuple):
    """The profit or loss of one count, in minor units.

    A market depends on one axis, so the figure of a cell is the sum of one figure per axis.
    """

    of: Count
    margins: tuple[Span, ...]
    totals: tuple[Span, ...]
    by_margin: tuple[int, ...]
    by_total: tuple[int, ...]

    @property
    def loss(self) -> int:
        """The largest loss in any cell as a positive number, 0 if none loses."""
        pairs = totals_with(self.margins, self.totals)
        by_total = self.by_total
        least = min(
            of_margin + min([by_total[at] for at in with_it])
            for of_margin, with_it in zip(self.by_margin, pairs, strict=True)
        )
        if self.of.unit is not None:
            # A total may be void while a handicap stands: baseball called in its fifth inning.
            least = min(least, *self.by_margin, *by_total)
        return max(0, -least)

    def cells(self) -> Iterator[tuple[Cell, int]]:
        """Yield every cell that has a possible score, with its figure."""
        pairs = totals_with(self.margins, self.totals)
        for margin, of_margin, with_it in zip(self.margins, self.by_margin, pairs, strict=True):
            for at in with_it:
                yield Cell(margin, self.totals[at]), of_margin + self.by_total[at]

    def at(self, score: Pair) -> int:
        """Return the figure where the count ends at ``score``."""
        home, away = score
        of_margin = self.by_margin[_index(self.margins, home - away)]
        return of_margin + self.by_total[_index(self.totals, home + away)]


class _Pool:
    """The bets of one account on one market, whose net winnings bear one commission."""

    def __init__(self) -> None:
        # Fills and open parts of a selection add up result by result, before any cell is looked at.
        self._tables: dict[_Selection, list[int]] = {}
        # As text: to compare fractions for each fill would take longer than all else.
        self._commissions: set[str] = set()
        self._rates: set[str] = set()

    def add(self, selection: _Selection, one: Commitment) -> None:
        """Add a commitment; of one that is not filled only the losses."""
        figures: Sequence[int] = amounts(one.side, one.odds, one.stake_minor)
        if not one.filled:
            figures = [min(0, figure) for figure in figures]
        table = self._tables.get(selection)
        self._tables[selection] = list(map(add, table, figures)) if table else list(figures)
        self._commissions.add(one.commission)
        self._rates.add(one.rate)

    @property
    def is_plain(self) -> bool:
        """Whether nothing but the sum counts: no commission, and the currency of the sum."""
        return self._commissions == {"0"} and self._rates == {"1"}

    def step(self, steps: list[int], leasts: list[int]) -> None:
        """Add to ``steps`` by how much the profit changes where each range begins.

        A selection has three results at most, so it costs three steps and not one for each range.
        """
        for (market, outcome), table in self._tables.items():
            before = 0
            for least, halves in results_along(market, outcome):
                figure = table[halves + 2]
                steps[bisect_left(leasts, least)] += figure - before
                before = figure

    def kept(self, figures: Iterable[int]) -> list[int]:
        """Return net profits after commission and in the currency of the sum."""
        # Terms that differ within a market are one term that has changed: the worst one counts.
        rates = [rate_of(rate) for rate in self._rates]
        kept, least, most = 1 - max(map(commission_of, self._commissions)), min(rates), max(rates)
        return [
            rounded_down(rounded_down(figure, kept), least)
            if figure > 0
            else rounded_down(figure, most)
            for figure in figures
        ]


def positions(commitments: Iterable[Commitment]) -> list[Position]:
    """Return the positions of ONE event: one for each count."""
    counts: dict[Count, list[tuple[_Selection, Commitment]]] = {}
    for one in commitments:
        market = one.whole_match_market
        selection = market, one.outcome
        counts.setdefault(count_of(market), []).append((selection, one))
    return [_position(count, held) for count, held in counts.items()]


def _position(count: Count, held: list[tuple[_Selection, Commitment]]) -> Position:
    axes = {market: axis_of(market) for market in {market for (market, _), _ in held}}
    pools: dict[Axis, dict[tuple[str, Market], _Pool]] = {axis: {} for axis in Axis}
    for selection, one in held:
        of_axis = pools[axes[selection[0]]]
        key = one.account, one.market
        pool = of_axis.get(key)
        if pool is None:
            pool = of_axis[key] = _Pool()
        pool.add(selection, one)
    margins, totals = (
        spans((market for market, of in axes.items() if of is axis), axis)
        for axis in (Axis.MARGIN, Axis.TOTAL)
    )
    by_margin = _along(pools[Axis.MARGIN].values(), margins)
    by_total = _along(pools[Axis.TOTAL].values(), totals)
    return Position(count, margins, totals, by_margin, by_total)


def _along(pools: Iterable[_Pool], ranges: tuple[Span, ...]) -> tuple[int, ...]:
    """Return the profit of all pools together in each range of an axis."""
    leasts = [span.least for span in ranges]
    plain, columns = [0] * len(ranges), []
    for pool in pools:
        steps = plain if pool.is_plain else [0] * len(ranges)
        pool.step(steps, leasts)
        if not pool.is_plain:
            columns.append(pool.kept(accumulate(steps)))
    return tuple(map(sum, zip(accumulate(plain), *columns, strict=True)))


def _index(ranges: tuple[Span, ...], point: int) -> int:
    return bisect_right(ranges, (point, float("inf"))) - 1
