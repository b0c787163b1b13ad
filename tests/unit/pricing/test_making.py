"""Making a market: two-sided quotes, inventory skew and spread."""

from math import inf, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keter.errors import IncompleteMarketError, InvalidOddsError, NoSolutionError
from keter.pricing.making import (
    hold,
    must_pull,
    quotes,
    reservation_exponential,
    reservation_log,
    stoikov_spread,
    two_sided,
)


@given(st.floats(1.2, 6), st.floats(1.2, 6), st.floats(1, 500), st.floats(1, 500))
def test_copying_two_sides_is_zero_sum_with_the_takers(
    a: float, b: float, on_a: float, on_b: float
) -> None:
    made = two_sided(a, b, on_a, on_b)
    assert made.pnl_if_a == pytest.approx(on_b - on_a * (a - 1))
    assert made.worst == min(made.pnl_if_a, made.pnl_if_b)
    balanced = two_sided(a, b, made.balanced_ratio * on_b, on_b)
    assert balanced.pnl_if_a == pytest.approx(balanced.pnl_if_b, abs=1e-6)
    turnover = made.balanced_ratio * on_b + on_b
    assert balanced.pnl_if_a / turnover == pytest.approx(hold([a, b]), abs=1e-9)


def test_quotes_carry_their_margin_and_are_pulled_when_the_price_moves() -> None:
    made = quotes([0.5, 0.3, 0.2], 0.05)
    assert sum(1 / odds for odds in made) == pytest.approx(1.05)
    assert must_pull(0.5, 0.514, 0.05, 1, 5)
    assert must_pull(0.5, 0.5, 0.05, 6, 5)
    assert not must_pull(0.5, 0.51, 0.05, 1, 5)
    with pytest.raises(InvalidOddsError):
        quotes([0.99, 0.01], 0.05)


def test_inventory_skews_the_quotes_as_in_the_reference() -> None:
    assert reservation_exponential([0.5, 0.5], [100, -100], 0.002) == pytest.approx(
        (0.4013123399, 0.5986876601), abs=1e-9
    )
    assert reservation_log([0.5, 0.5], [100, -100], 5000) == pytest.approx((0.49, 0.51))
    assert reservation_exponential([0.45, 0.27, 0.28], [-120, 80, 40], 0.001) == pytest.approx(
        (0.4946916485, 0.2430115595, 0.2622967920), abs=1e-9
    )


@given(st.floats(0.05, 0.95), st.floats(-500, 500))
def test_an_even_inventory_moves_nothing(p: float, held: float) -> None:
    assert reservation_exponential([p, 1 - p], [held, held], 0.01) == pytest.approx((p, 1 - p))
    assert reservation_log([p, 1 - p], [held, held], 5000) == pytest.approx((p, 1 - p))


def test_making_refuses_what_makes_no_sense() -> None:
    with pytest.raises(InvalidOddsError):
        reservation_log([0.5, 0.5], [-5000, 0], 5000)
    with pytest.raises(IncompleteMarketError):
        reservation_exponential([0.5, 0.5], [1], 0.1)
    for pnl, gamma in (([nan, 0], 0.1), ([1, 0], inf), ([inf, 0], 0.1)):
        with pytest.raises(InvalidOddsError):
            reservation_exponential([0.5, 0.5], pnl, gamma)
    with pytest.raises(NoSolutionError):
        reservation_exponential([0.5, 0.5], [-1e6, 0], 1)
    with pytest.raises(InvalidOddsError):
        reservation_exponential([0.5, 0.6], [1, 1], 0.1)
    with pytest.raises(InvalidOddsError):
        stoikov_spread(0, 1, 1)
    with pytest.raises(InvalidOddsError):
        stoikov_spread(inf, 1, 1)
    with pytest.raises(InvalidOddsError):
        two_sided(1.0, 2.0, 1, 1)
    with pytest.raises(InvalidOddsError):
        two_sided(2.0, 2.0, nan, 1)


def test_the_stoikov_spread_of_the_reference() -> None:
    made = stoikov_spread(0.1, 1.5, 0.25)
    assert made == pytest.approx((0.6578852114, 0.025), abs=1e-9)
