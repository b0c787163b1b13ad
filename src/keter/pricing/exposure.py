"""What a set of bets pays in each outcome, in exact fractions.

The vector of profits nets all bets; the worst case is its minimum. ``keter.domain.exposure`` caps
real stakes in minor units. This is the general form, with lays, exchange orders and commission, for
any set of outcomes or the score grid.
"""

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from fractions import Fraction
from typing import NamedTuple

from keter.domain.market_kinds import Outcome
from keter.domain.markets import Market
from keter.domain.odds import OddsValue, exact, to_decimal
from keter.domain.settlement import result_halves, unit_profit
from keter.domain.sports_scores import Pair

GRID_GOALS = 9
Pnl = dict[str, Fraction]


class Direction(StrEnum):
    """Whether a position bets on its outcomes (back) or against them (lay)."""

    BACK = "back"
    LAY = "lay"


class Position(NamedTuple):
    """A matched bet or an open order on one or more outcomes together, at decimal odds.

    ``stake`` is the backer's, also of a lay.
    """

    direction: Direction
    selection: frozenset[str]
    odds: OddsValue
    stake: OddsValue


class LineStake(NamedTuple):
    """A stake on a selection of a match.

    ``start`` is the score from which an in-play handicap counts.
    """

    market: Market
    outcome: Outcome
    odds: OddsValue
    stake: OddsValue
    start: Pair = (0, 0)


def outcome_pnl(outcomes: Sequence[str], positions: Iterable[Position]) -> Pnl:
    """Return the profit in each outcome before commission.

    Raises InvalidOddsError, and ValueError for an unknown outcome or a negative stake.
    """
    pnl = dict.fromkeys(outcomes, Fraction(0))
    for position in positions:
        for outcome, amount in _contribution(outcomes, position).items():
            pnl[outcome] += amount
    return pnl


def net_of_commission(pnl: Mapping[str, Fraction], commission: OddsValue) -> Pnl:
    """Return the profits after commission on the market's net winnings.

    ``pnl`` is of all positions together: they are netted first.
    """
    rate = exact(commission)
    return {
        outcome: amount * (1 - rate) if amount > 0 else amount for outcome, amount in pnl.items()
    }


def with_orders(
    outcomes: Sequence[str], pnl: Mapping[str, Fraction], orders: Iterable[Position]
) -> Pnl:
    """Return the profits with each open order counted only in outcomes where it loses.

    Any part of an order may be matched, so its winnings do not count.
    """
    worst = dict(pnl)
    for order in orders:
        for outcome, amount in _contribution(outcomes, order).items():
            worst[outcome] += min(amount, Fraction(0))
    return worst


def worst_case_loss(pnl: Mapping[str, Fraction]) -> Fraction:
    """Return the largest loss as a positive number, 0 if no outcome loses."""
    return max(Fraction(0), -min(pnl.values()))


def score_pnl(bets: Sequence[LineStake], goals: int = GRID_GOALS) -> dict[Pair, Fraction]:
    """Return the profit at every score from 0-0 to ``goals - 1`` each, settled as a venue would.

    Raises InvalidOddsError, and ValueError for a side that the market does not have.
    """
    stakes = [(bet, exact(bet.stake), str(to_decimal(bet.odds, "decimal"))) for bet in bets]
    return {
        (home, away): sum(
            (
                stake
                * unit_profit(
                    result_halves(bet.market, bet.outcome, home, away, start=bet.start), odds
                )
                for bet, stake, odds in stakes
            ),
            Fraction(0),
        )
        for home in range(goals)
        for away in range(goals)
    }


def covers_every_score(bets: Sequence[LineStake], goals: int = GRID_GOALS) -> bool:
    """Return whether no score leaves a loss: the test of an arbitrage, pushes included."""
    return min(score_pnl(bets, goals).values()) >= 0


def _contribution(outcomes: Sequence[str], position: Position) -> Pnl:
    stake, net = exact(position.stake), to_decimal(position.odds, "decimal") - 1
    if unknown := position.selection - set(outcomes):
        raise ValueError(f"no outcomes of this market: {sorted(unknown)}")
    if stake < 0:
        raise ValueError(f"a stake cannot be negative: {position.stake}")
    sign = 1 if position.direction is Direction.BACK else -1
    return {
        outcome: sign * (stake * net if outcome in position.selection else -stake)
        for outcome in outcomes
    }
