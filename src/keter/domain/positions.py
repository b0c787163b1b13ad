"""The one exposure model: what the fills and open orders of an event may lose together.

A position is a profit-and-loss figure per cell of the event's outcome space.

* Filled parts net, at any prices: a win of one covers the loss of another in the same cell.
* The open part of an order counts only in the cells where it loses. So each cell holds the worst
  of every subset and part of the open orders that may still be filled.
* An order whose placement or cancel has an unknown outcome counts as open.
* Commission is taken from the net winnings of a pool: one account's market, as on Betfair.
* Amounts are whole minor units, and each rounding goes against us.

Periods, and fills under different rules on void bets, never cover each other: their worst cases are
added. A sure gain is no cover either, because it may be made void: each part costs at least 0.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import accumulate
from operator import add
from typing import NamedTuple

from keter.domain.commitments import (
    Commitment,
    amounts,
    commission_of,
    rate_of,
)
from keter.domain.market_kinds import Outcome
from keter.domain.markets import Market
from keter.domain.outcome_space import (
    WINNERS,
    WINNERS_ORDER,
    Axis,
    Space,
    Span,
    axis_of,
    results_along,
    spans,
    totals_with,
)
from keter.domain.sports_scores import Pair

_Selection = tuple[Market, Outcome]


class Cell(NamedTuple):
    """Outcomes alike to every held market; ``winner`` is None where the margin fixes it."""

    winner: Outcome | None
    margin: Span
    total: Span


class Position(NamedTuple):
    """The profit or loss of one period, in minor units of the risk currency.

    A market depends on one axis, so the figure of a cell is the sum of one figure per axis.
    """

    period: str
    rules: str
    space: Space
    margins: tuple[Span, ...]
    totals: tuple[Span, ...]
    by_winner: tuple[int, ...]
    by_margin: tuple[int, ...]
    by_total: tuple[int, ...]

    @property
    def loss(self) -> int:
        """The largest loss in any cell as a positive number, 0 if none loses.

        A winner that the margin does not fix is a part of its own, which covers no other part.
        """
        # Of a tennis match that a player gives up, the money line may stand while handicaps and
        # totals are void (Pinnacle), or the other way round where those are decided (Bodog).
        pairs = totals_with(self.margins, self.totals)
        by_total = self.by_total
        least = min(
            of_margin + min([by_total[at] for at in with_it])
            for of_margin, with_it in zip(self.by_margin, pairs, strict=True)
        )
        return max(0, -least) + max(0, -min(self.by_winner))

    def cells(self) -> Iterator[tuple[Cell, int]]:
        """Yield every cell that has a possible score, with its figure."""
        apart = self.space.winner_apart
        winners = WINNERS_ORDER if apart else (None,)
        pairs = totals_with(self.margins, self.totals)
        for winner, of_winner in zip(winners, self.by_winner, strict=True):
            for margin, of_margin, with_it in zip(self.margins, self.by_margin, pairs, strict=True):
                for at in with_it:
                    figure = of_winner + of_margin + self.by_total[at]
                    yield Cell(winner, margin, self.totals[at]), figure

    def at(self, score: Pair, winner: Outcome | None = None) -> int:
        """Return the figure at a score; ``winner`` is needed where the margin does not fix it.

        Raises ValueError for a winner that is missing or not asked for, and an impossible draw.
        """
        if (winner is not None) != self.space.winner_apart or winner is Outcome.DRAW:
            raise ValueError(f"the winner is {'needed' if winner is None else 'not asked for'}")
        of_winner = self.by_winner[WINNERS_ORDER.index(winner) if winner else 0]
        home, away = score
        if home == away and self.period in self.space.drawless:
            raise ValueError(f"{self.period} cannot end level, not at {home}-{away}")
        of_margin = self.by_margin[_index(self.margins, home - away)]
        return of_winner + of_margin + self.by_total[_index(self.totals, home + away)]


class _Pool:
    """The bets of one account whose net winnings bear one commission, along one axis."""

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
        """Whether nothing but the sum counts: no commission, and the risk currency itself."""
        return self._commissions == {"0"} and self._rates == {"1"}

    def step(self, steps: list[int], axis: Axis, leasts: list[int]) -> None:
        """Add to ``steps`` by how much the profit changes where each range begins.

        A selection has three results at most, so it costs three steps and not one for each range.
        """
        for (market, outcome), table in self._tables.items():
            before = 0
            for least, halves in results_along(market, outcome, axis):
                figure = table[halves + 2]
                steps[bisect_left(leasts, least)] += figure - before
                before = figure

    def kept(self, figures: Iterable[int]) -> list[int]:
        """Return net profits after commission and in the risk currency."""
        # Terms that differ within a pool are one term that has changed: the worst one counts.
        rates = [rate_of(rate) for rate in self._rates]
        kept, least, most = 1 - max(map(commission_of, self._commissions)), min(rates), max(rates)
        return [
            _floor(_floor(figure, kept), least) if figure > 0 else _floor(figure, most)
            for figure in figures
        ]


def positions(commitments: Iterable[Commitment], space: Space) -> list[Position]:
    """Return the positions of ONE event: one for each period and each set of rules.

    Commitments without a market are in none of them. Raises ValueError for several events.
    """
    parts: dict[tuple[str, str], list[tuple[_Selection, Commitment]]] = {}
    events = set()
    for one in commitments:
        events.add(one.event_uid)
        market, outcome = one.whole_match_market, one.outcome
        if market is not None and outcome is not None:
            parts.setdefault((market.period, one.rules), []).append(((market, outcome), one))
    if len(events) > 1:
        raise ValueError(f"a position is of one event, not of {sorted(events)}")
    return [_position(period, rules, held, space) for (period, rules), held in parts.items()]


def worst_case(commitments: Iterable[Commitment], space: Space) -> int:
    """Return the largest loss in minor units of the risk currency on ONE event, 0 if none.

    Raises ValueError for several events.
    """
    held = list(commitments)
    lost = sum(-_floor(-one.liability_minor, rate_of(one.rate)) for one in held if not one.market)
    return lost + sum(position.loss for position in positions(held, space))


def worst_case_by(
    commitments: Iterable[Commitment],
    label: Callable[[Commitment], str],
    spaces: Mapping[str, Space],
) -> dict[str, int]:
    """Return, for each label, the sum of the worst cases of its events.

    A label is an event, league, day, strategy or account; one label for all is the sum in all.
    Only commitments of the same label net. ``spaces`` has the outcome space of each event. Raises
    ValueError for an event without one.
    """
    groups: dict[str, dict[str, list[Commitment]]] = {}
    for one in commitments:
        if one.event_uid not in spaces:
            raise ValueError(f"no outcome space is known for {one.event_uid}")
        groups.setdefault(label(one), {}).setdefault(one.event_uid, []).append(one)
    return {
        name: sum(worst_case(held, spaces[event_uid]) for event_uid, held in events.items())
        for name, events in groups.items()
    }


def _position(
    period: str, rules: str, held: list[tuple[_Selection, Commitment]], space: Space
) -> Position:
    axes = {market: axis_of(market, space) for market in {market for (market, _), _ in held}}
    pools: dict[Axis, dict[tuple[str, str | Market | None], _Pool]] = {axis: {} for axis in Axis}
    for selection, one in held:
        # A pool over two axes is split, which never makes a loss too small: apart, a loss on one
        # axis no longer reduces the winnings on the other that bear the commission.
        of_axis = pools[axes[selection[0]]]
        key = one.account, one.pool or one.market
        pool = of_axis.get(key)
        if pool is None:
            pool = of_axis[key] = _Pool()
        pool.add(selection, one)
    drawless = period in space.drawless
    margins, totals = (
        spans((market for market, of in axes.items() if of is axis), axis, drawless=drawless)
        for axis in (Axis.MARGIN, Axis.TOTAL)
    )
    by_winner, by_margin, by_total = (
        _along(pools[axis].values(), axis, ranges)
        for axis, ranges in (
            (Axis.WINNER, WINNERS if space.winner_apart else ()),
            (Axis.MARGIN, margins),
            (Axis.TOTAL, totals),
        )
    )
    return Position(period, rules, space, margins, totals, by_winner or (0,), by_margin, by_total)


def _along(pools: Iterable[_Pool], axis: Axis, ranges: tuple[Span, ...]) -> tuple[int, ...]:
    """Return the profit of all pools together in each range of an axis."""
    leasts = [span.least for span in ranges]
    plain, columns = [0] * len(ranges), []
    for pool in pools:
        steps = plain if pool.is_plain else [0] * len(ranges)
        pool.step(steps, axis, leasts)
        if not pool.is_plain:
            columns.append(pool.kept(accumulate(steps)))
    return tuple(map(sum, zip(accumulate(plain), *columns, strict=True)))


def _index(ranges: tuple[Span, ...], point: int) -> int:
    return bisect_right(ranges, (point, float("inf"))) - 1


def _floor(minor: int, factor: Fraction) -> int:
    return minor * factor.numerator // factor.denominator
