"""What a set of bets pays in each outcome: netting is in the vector, the worst case is its minimum.

Exact.

``keter.domain.exposure`` caps real stakes in minor units; this is the library's general form, with
lays, exchange orders and commission, for any set of outcomes or the score grid.
"""

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from fractions import Fraction
from typing import NamedTuple

from keter.domain.markets import Market, Outcome
from keter.domain.odds import OddsValue, exact, to_decimal
from keter.domain.settlement import Goals, result_halves, unit_profit

GRID_GOALS = 9
Pnl = dict[str, Fraction]


class Direction(StrEnum):
    BACK = "back"
    LAY = "lay"


class Position(NamedTuple):
    """A matched bet or an open order on one or more outcomes together, at decimal odds; the stake
    is the backer's.
    """

    direction: Direction
    selection: frozenset[str]
    odds: OddsValue
    stake: OddsValue


class LineStake(NamedTuple):
    """A stake on a selection of a match; ``start`` is the score from which an in-play handicap
    counts.
    """

    market: Market
    side: Outcome
    odds: OddsValue
    stake: OddsValue
    start: Goals = (0, 0)


def outcome_pnl(outcomes: Sequence[str], positions: Iterable[Position]) -> Pnl:
    """Profit in each outcome before commission.

    Raises InvalidOddsError; ValueError for an unknown outcome or stake.
    """
    pnl = dict.fromkeys(outcomes, Fraction(0))
    for position in positions:
        for outcome, amount in _contribution(outcomes, position).items():
            pnl[outcome] += amount
    return pnl


def net_of_commission(pnl: Mapping[str, Fraction], commission: OddsValue) -> Pnl:
    """Commission is charged on the market's net winnings: positions are netted first."""
    rate = exact(commission)
    return {
        outcome: amount * (1 - rate) if amount > 0 else amount for outcome, amount in pnl.items()
    }


def with_orders(
    outcomes: Sequence[str], pnl: Mapping[str, Fraction], orders: Iterable[Position]
) -> Pnl:
    """The vector with open orders counted only where they hurt: any part of them may be matched."""
    worst = dict(pnl)
    for order in orders:
        for outcome, amount in _contribution(outcomes, order).items():
            worst[outcome] += min(amount, Fraction(0))
    return worst


def worst_case_loss(pnl: Mapping[str, Fraction]) -> Fraction:
    """The largest loss as a positive number, 0 when no outcome loses."""
    return max(Fraction(0), -min(pnl.values()))


def score_pnl(bets: Sequence[LineStake], goals: int = GRID_GOALS) -> dict[Goals, Fraction]:
    """Profit at every score from 0-0 to ``goals - 1`` each, settled as a venue would.

    Raises InvalidOddsError; ValueError for a side the market does not have.
    """
    stakes = [(bet, exact(bet.stake), str(to_decimal(bet.odds, "decimal"))) for bet in bets]
    return {
        (home, away): sum(
            (
                stake
                * unit_profit(
                    result_halves(bet.market, bet.side, home, away, start=bet.start), odds
                )
                for bet, stake, odds in stakes
            ),
            Fraction(0),
        )
        for home in range(goals)
        for away in range(goals)
    }


def covers_every_score(bets: Sequence[LineStake], goals: int = GRID_GOALS) -> bool:
    """Whether no score leaves a loss: the test of an arbitrage, push states included."""
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
