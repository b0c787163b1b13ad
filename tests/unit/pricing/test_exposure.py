"""What a set of bets pays in each outcome, with lays, orders and commission."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keter.domain.market_kinds import MarketKind, Outcome
from keter.domain.markets import Market
from keter.domain.sports import FULL_TIME
from keter.pricing.exposure import (
    Direction,
    LineStake,
    Position,
    covers_every_score,
    net_of_commission,
    outcome_pnl,
    score_pnl,
    with_orders,
    worst_case_loss,
)

FT = FULL_TIME


def exactly(*values: str | int) -> tuple[Fraction, ...]:
    return tuple(Fraction(value) for value in values)


price = st.decimals("1.05", "20", places=2).map(str)


OUTCOMES = ("H", "D", "A")


positions = st.builds(
    Position,
    direction=st.sampled_from(Direction),
    selection=st.sets(st.sampled_from(OUTCOMES), min_size=1, max_size=2).map(frozenset),
    odds=price,
    stake=st.integers(0, 500),
)


@given(st.lists(positions, max_size=6), st.lists(positions, max_size=4))
def test_open_orders_never_make_a_book_look_better(
    matched: list[Position], orders: list[Position]
) -> None:
    pnl = outcome_pnl(OUTCOMES, matched)
    loaded = with_orders(OUTCOMES, pnl, orders)
    assert all(loaded[outcome] <= pnl[outcome] for outcome in OUTCOMES)
    assert worst_case_loss(loaded) >= worst_case_loss(pnl) >= 0
    for order in orders:
        filled = outcome_pnl(OUTCOMES, [*matched, order])
        assert worst_case_loss(filled) <= worst_case_loss(loaded)


@given(positions)
def test_a_back_and_a_lay_of_the_same_terms_cancel(position: Position) -> None:
    other = Direction.LAY if position.direction is Direction.BACK else Direction.BACK
    pnl = outcome_pnl(OUTCOMES, [position, position._replace(direction=other)])
    assert set(pnl.values()) == {0}


def test_commission_is_taken_from_the_net_winnings_of_the_market() -> None:
    bets = [
        Position(Direction.BACK, frozenset("H"), "2.50", 100),
        Position(Direction.LAY, frozenset("H"), "2.30", 80),
        Position(Direction.BACK, frozenset("D"), "3.6", 20),
    ]
    gross = outcome_pnl(OUTCOMES, bets)
    assert gross == {"H": 26, "D": 32, "A": -40}
    assert net_of_commission(gross, "0.02") == {
        "H": Fraction("25.48"),
        "D": Fraction("31.36"),
        "A": -40,
    }
    assert worst_case_loss(gross) == 40
    with pytest.raises(ValueError, match="X"):
        outcome_pnl(OUTCOMES, [Position(Direction.BACK, frozenset("X"), 2, 1)])
    with pytest.raises(ValueError, match="negative"):
        outcome_pnl(OUTCOMES, [Position(Direction.BACK, frozenset("H"), 2, -1)])


def test_bets_on_two_lines_net_score_by_score() -> None:
    market = Market(FT, MarketKind.ASIAN_HANDICAP, -1)
    bets = [
        LineStake(market, Outcome.HOME, "2.05", 100),
        LineStake(market, Outcome.AWAY, "1.92", 105),
    ]
    pnl = score_pnl(bets)
    assert (min(pnl.values()), max(pnl.values())) == exactly("-3.4", 0)
    assert (pnl[0, 0], pnl[1, 0], pnl[0, 1]) == exactly("-1.7", 0, "-3.4")


def test_an_arbitrage_by_name_may_leak_in_a_push_state() -> None:
    home = LineStake(Market(FT, MarketKind.ASIAN_HANDICAP, 0), Outcome.HOME, "2.10", 100)
    away = LineStake(Market(FT, MarketKind.ASIAN_HANDICAP, 0), Outcome.AWAY, "2.10", 100)
    lost = LineStake(Market(FT, MarketKind.ASIAN_HANDICAP, -2), Outcome.HOME, "2.10", 100)
    assert covers_every_score([home, away])
    assert not covers_every_score([lost, away])
