"""Probabilities from goal intensities, and prices from probabilities."""

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keter.venues.simulation import chance

INTENSITY = st.integers(5, 400)


def brute_force(home_centi: int, away_centi: int, line_q: int) -> float:
    """Effective probability that home covers, summed over the score grid."""
    won = lost = 0.0
    for home, away in itertools.product(range(30), repeat=2):
        mass = math.prod(
            math.exp(-centi / 100) * (centi / 100) ** goals / math.factorial(goals)
            for centi, goals in ((home_centi, home), (away_centi, away))
        )
        for leg in (line_q, line_q) if line_q % 2 == 0 else (line_q - 1, line_q + 1):
            margin = 4 * (home - away) + leg
            won += mass / 2 * (margin > 0)
            lost += mass / 2 * (margin < 0)
    return won / (won + lost)


@pytest.mark.parametrize("line_q", range(-9, 10))
def test_a_handicap_is_priced_as_the_score_grid_says(line_q: int) -> None:
    assert chance.home_covers(155, 120, line_q) == pytest.approx(
        brute_force(155, 120, line_q), abs=1e-6
    )


def test_the_reference_vector_is_met() -> None:
    """betting-math.md section 3: lambda 1.55 and 1.20."""
    home, away, draw = chance.three_way(155, 120)
    assert home == pytest.approx(0.4541103672, abs=1e-7)
    assert away == pytest.approx(0.2949053852, abs=1e-7)
    assert draw == pytest.approx(0.2509842476, abs=1e-7)
    assert chance.home_covers(155, 120, -1) == pytest.approx(1 / 1.9257606508, abs=1e-6)


@given(INTENSITY, INTENSITY, st.integers(-12, 12))
def test_both_sides_of_a_handicap_make_one(home: int, away: int, line_q: int) -> None:
    assert chance.home_covers(home, away, line_q) + chance.home_covers(
        away, home, -line_q
    ) == pytest.approx(1, abs=1e-6)


@given(INTENSITY, st.integers(1, 20))
def test_a_higher_goal_line_is_harder_to_beat(centi: int, line_q: int) -> None:
    assert chance.goes_over(centi, line_q) >= chance.goes_over(centi, line_q + 1) - 1e-9


@given(st.floats(0.05, 0.95), st.floats(0.005, 0.04))
def test_a_book_never_sells_below_its_margin(probability: float, margin: float) -> None:
    booksum = sum(1000 / milli for milli in chance.two_way(probability, margin))
    assert 1 + margin - 1e-9 <= booksum <= 1 + margin + 0.003


@given(INTENSITY, INTENSITY, st.integers(-3, 3))
def test_three_way_chances_make_one(home: int, away: int, lead: int) -> None:
    assert sum(chance.three_way(home, away, lead)) == pytest.approx(1, abs=1e-9)
