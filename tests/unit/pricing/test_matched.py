"""Matched bets: the lay of every kind of offer, and the ranking of offers."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keter.errors import InvalidOddsError
from keter.pricing.matched import (
    is_inverted,
    liquidity_floor,
    matched_bet,
    offer_score,
    profits_with_lay,
)

price = st.decimals("1.05", "20", places=2).map(str)


rate = st.sampled_from(["0", "0.02", "0.05"])


@given(st.sampled_from(["qualifying", "snr", "sr"]), price, price, rate)
def test_the_equalising_lay_pays_alike_and_any_other_is_worse_one_way(
    kind: str, back: str, lay: str, commission: str
) -> None:
    made = matched_bet(kind, 25, back, lay, commission)
    assert made.profits.back_wins == made.profits.lay_wins
    for factor in (Fraction(9, 10), Fraction(11, 10)):
        other = profits_with_lay(kind, 25, back, lay, made.lay_stake * factor, commission)
        assert other.worst < made.profits.worst
        assert (other.back_wins > other.lay_wins) == (factor < 1)


@given(price, price, rate)
def test_the_break_even_anchors_of_a_qualifier_break_even(
    back: str, lay: str, commission: str
) -> None:
    made = matched_bet("qualifying", 10, back, lay, commission)
    assert made.breakeven_lay_wins is not None
    assert made.breakeven_back_wins is not None
    assert (
        profits_with_lay("qualifying", 10, back, lay, made.breakeven_lay_wins, commission).lay_wins
        == 0
    )
    assert (
        profits_with_lay(
            "qualifying", 10, back, lay, made.breakeven_back_wins, commission
        ).back_wins
        == 0
    )


def test_the_reference_matched_bets() -> None:
    qualifier = matched_bet("qualifying", 10, "2.00", "2.04", "0.02")
    assert float(qualifier.lay_stake) == pytest.approx(9.9009900990)
    assert qualifier.rounded_lay == Fraction("9.9")
    assert float(qualifier.profits.worst) == pytest.approx(-0.297029703)
    assert matched_bet("qualifying", 100, "2.20", "2.12", "0.02").is_arb
    assert float(matched_bet("snr", 50, "3.00", "3.05", "0.05").retention or 0) == pytest.approx(
        0.6333333333
    )
    assert float(matched_bet("sr", 20, "4.00", "4.20", "0.02").retention or 0) == pytest.approx(
        0.9377990431
    )
    with pytest.raises(InvalidOddsError):
        matched_bet("snr", 0, "3", "3.1")
    with pytest.raises(ValueError, match="gift"):
        matched_bet("gift", 1, "3", "3.1")


def test_the_offer_score_is_clamped_where_it_would_diverge() -> None:
    assert float(offer_score(25, "0.85", 90, "0.78")) == pytest.approx(0.2549019608)
    assert float(offer_score(10, "0.50", 1440, "0.80", "0.5")) == pytest.approx(0.0055555556)
    assert offer_score(10, 0, 60, "0.75") == Fraction("12.5")
    assert offer_score(10, "-3", 60, "0.75") == Fraction("12.5")
    assert offer_score(10, "0.4", -5, "0.8") == offer_score(10, "0.4", 0, "0.8") == 0
    assert offer_score(10, 1, "0.2", 2, 7) == offer_score(10, 1, 1, 1, 1)
    assert liquidity_floor(50, 200) == Fraction(1, 4)
    assert liquidity_floor(500, 200) == liquidity_floor(0, 0) == 1


@pytest.mark.parametrize(
    ("back", "lay", "inverted"),
    [("4.0", "3.79", True), ("4.0", "3.80", False), ("2.0", "1.90", False)],
)
def test_the_inversion_guard_is_strict_and_exact(back: str, lay: str, inverted: bool) -> None:
    assert is_inverted(back, lay) is inverted
