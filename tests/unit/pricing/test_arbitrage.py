"""Arbitrage, back against lay, and middles."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keter.domain.market_kinds import Outcome
from keter.errors import IncompleteMarketError, InvalidOddsError
from keter.pricing.arbitrage import TotalsLeg, arbitrage, back_lay, middle, round_to_unit
from keter.pricing.goals import poisson


def exactly(*values: str | int) -> tuple[Fraction, ...]:
    return tuple(Fraction(value) for value in values)


price = st.decimals("1.05", "20", places=2).map(str)


rate = st.sampled_from(["0", "0.02", "0.05"])


@given(st.lists(price, min_size=2, max_size=4), rate)
def test_exact_arbitrage_stakes_return_alike_in_every_outcome(
    odds: list[str], commission: str
) -> None:
    made = arbitrage(odds, 1000, commission=[commission] * len(odds))
    assert len({stake * e for stake, e in zip(made.stakes, made.effective_odds, strict=True)}) == 1
    assert sum(made.stakes) == made.total == 1000
    assert made.is_arb == (made.booksum < 1) == (made.roi > 0)
    assert made.worst_profit == min(
        s * e - sum(made.rounded) for s, e in zip(made.rounded, made.effective_odds, strict=True)
    )


def test_the_reference_arbitrages() -> None:
    two = arbitrage(["2.10", "2.05"], 1000, unit=1)
    assert two.rounded == exactly(494, 506)
    assert two.profits == exactly("37.4", "37.3")
    three = arbitrage(["2.60", "3.60", "3.40"], 500)
    assert [float(s) for s in three.rounded] == [201.05, 145.2, 153.75]
    assert three.worst_profit == Fraction("22.72")
    limited = arbitrage(["2.15", "2.02"], 2000, limits=["300", None], unit=5)
    assert float(limited.total) == pytest.approx(619.3069306931)
    assert limited.profits == exactly(25, "26.4")


def test_coarse_units_can_turn_an_arbitrage_into_a_loss_and_it_says_so() -> None:
    made = arbitrage(["2.02", "2.02"], 5, unit=5, rounding="up")
    assert made.is_arb
    small = arbitrage(["1.50", "3.10"], 10, unit=5)
    assert small.is_arb
    assert small.worst_profit < 0


def test_lists_that_do_not_match_are_no_market() -> None:
    with pytest.raises(IncompleteMarketError):
        arbitrage(["2.1", "2.1"], 10, commission=[0])
    with pytest.raises(IncompleteMarketError):
        arbitrage(["2.1", "2.1"], 10, limits=[1, 2, 3])
    with pytest.raises(IncompleteMarketError):
        arbitrage(["2.1"], 10)
    with pytest.raises(IncompleteMarketError):
        arbitrage(["2.1", None], 10)  # type: ignore[list-item]  # it must refuse it by name
    with pytest.raises(InvalidOddsError):
        arbitrage(["2.1", "1"], 10)
    with pytest.raises(InvalidOddsError):
        arbitrage(["2.1", "2.1"], 10, commission=[1, 0])


def test_rounding_has_three_directions() -> None:
    assert [round_to_unit(Fraction("2.5"), 1, how) for how in ("half_up", "down", "up")] == [
        3,
        2,
        3,
    ]
    with pytest.raises(ValueError, match="sideways"):
        round_to_unit(Fraction(1), 1, "sideways")
    with pytest.raises(ValueError, match="round to 0"):
        round_to_unit(Fraction(1), 0)


@given(price, price, rate)
def test_back_and_lay_pay_alike_both_ways(back: str, lay: str, commission: str) -> None:
    made = back_lay(100, back, lay, commission)
    if_back_wins = 100 * (Fraction(back) - 1) - made.liability
    assert if_back_wins == made.profit
    assert made.is_arb == (made.profit > 0)


def test_a_middle_wins_twice_between_its_lines() -> None:
    row = poisson(2.7, 30)
    made = middle(
        TotalsLeg(Outcome.OVER, "2.5", "2.05", 100),
        TotalsLeg(Outcome.UNDER, "3.5", "2.00", 100),
        row,
    )
    assert [made.profit_by_total[n] for n in range(5)] == [0, 0, 0, 205, 5]
    assert made.worst == 0
    assert made.p_middle == pytest.approx(row[3])
    assert made.ev == pytest.approx(
        sum(p * float(made.profit_by_total[n]) for n, p in enumerate(row))
    )
