"""Commitments for tests, and the profit of one by the settlement that books money."""

from fractions import Fraction
from typing import Any

from hypothesis import strategies as st

from keter.domain.commitments import Commitment
from keter.domain.market_kinds import OUTCOMES, MarketKind, Outcome
from keter.domain.markets import Market
from keter.domain.order_states import Side
from keter.domain.positions import positions
from keter.domain.settlement import result_halves, unit_profit
from keter.domain.sports import FULL_TIME, HALF_TIME
from tests.kit.settling import settle

FT, HT = FULL_TIME, HALF_TIME
RESULT, WINNER = Market(FT, MarketKind.ONE_X_TWO, None), Market(FT, MarketKind.MONEY_LINE, None)


def total(goals: float, period: str = FT) -> Market:
    return Market(period, MarketKind.OVER_UNDER, round(4 * goals))


def handicap(goals: float, period: str = FT) -> Market:
    return Market(period, MarketKind.ASIAN_HANDICAP, round(4 * goals))


def commitment(market: Market, outcome: Outcome, stake: int = 1000, **other: Any) -> Commitment:
    return Commitment(market, outcome, stake, **({"odds": "2.10", "account": "v:a"} | other))


def filled(market: Market, outcome: Outcome, stake: int = 1000, **other: Any) -> Commitment:
    return commitment(market, outcome, stake, filled=True, **other)


def loss(*held: Commitment) -> int:
    """Return the worst case of commitments of one event."""
    return sum(position.loss for position in positions(held))


@st.composite
def commitments(
    draw: st.DrawFn,
    /,
    *,
    periods: tuple[str, ...] = (FT,),
    kinds: tuple[MarketKind, ...] = tuple(MarketKind),
    handicaps: tuple[int, int] = (-22, 22),
    totals: tuple[int, int] = (1, 26),
    in_play: bool = False,
    sport: str = "fb",
    **fixed: Any,
) -> Commitment:
    """Draw a commitment whose profits are whole minor units at every result."""
    kind = draw(st.sampled_from(kinds))
    lines = {MarketKind.ASIAN_HANDICAP: handicaps, MarketKind.OVER_UNDER: totals}.get(kind)
    line_q = draw(st.integers(*lines)) if lines else None
    drawn = {
        "side": draw(st.sampled_from(Side)),
        "odds": draw(st.decimals("1.05", "6", places=2).map(str)),
        "filled": draw(st.booleans()),
        "start": draw(st.none() | st.tuples(st.integers(0, 3), st.integers(0, 3)))
        if in_play
        else None,
    }
    market = Market(draw(st.sampled_from(periods)), kind, line_q, sport)
    stake = 200 * draw(st.integers(1, 100))
    return commitment(market, draw(st.sampled_from(OUTCOMES[kind])), stake, **(drawn | fixed))


def settled(one: Commitment, score: tuple[int, int]) -> int:
    """Return the profit that settlement books at a score of football.

    A layer's is the backer's loss.
    """
    booked = settle(
        one.market,
        one.outcome,
        final=score,
        half_time=score,
        score_at_bet=one.start,
        odds=one.odds,
        stake_minor=one.stake_minor,
    ).profit_minor
    return booked if one.side is Side.BACK else -booked


def exact_profit(one: Commitment, score: tuple[int, int]) -> Fraction:
    """Return the profit at a score, not rounded."""
    halves = result_halves(one.market, one.outcome, *score, start=one.start or (0, 0))
    profit = unit_profit(halves, one.odds) * one.stake_minor
    return profit if one.side is Side.BACK else -profit
