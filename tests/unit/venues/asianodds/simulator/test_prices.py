"""The sandbox's probabilities, prices and spellings."""

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keter.venues.asianodds.simulator import chance
from keter.venues.asianodds.simulator.wording import (
    bookie_odds,
    favoured,
    line_range,
    odds_text,
    parse_bookie_prices,
    parse_odds,
    starts_on,
)

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


@pytest.mark.parametrize(
    ("quarters", "text"),
    [
        (0, "0.0"),
        (1, "0-0.5"),
        (-2, "0.5"),
        (3, "0.5-1"),
        (-3, "0.5-1"),
        (4, "1.0"),
        (11, "2.5-3"),
        (10, "2.5"),
    ],
)
def test_lines_are_spelt_unsigned_and_quarter_lines_as_ranges(quarters: int, text: str) -> None:
    assert line_range(quarters) == text


def test_the_favoured_side_carries_the_sign() -> None:
    assert [favoured(line_q) for line_q in (-3, 0, 3)] == [1, 0, 2]


@pytest.mark.parametrize(
    ("milli", "eu", "hk", "my"),
    [
        (1530, "1.530", "0.530", "0.530"),
        (2370, "2.370", "1.370", "-0.730"),
        (2000, "2.000", "1.000", "1.000"),
    ],
)
def test_odds_are_written_in_each_format(milli: int, eu: str, hk: str, my: str) -> None:
    assert (odds_text(milli, "00"), odds_text(milli, "HK"), odds_text(milli, "MY")) == (eu, hk, my)


@given(st.integers(1005, 30_000), st.sampled_from(["00", "HK"]))
def test_decimal_and_hong_kong_prices_survive_the_way_there_and_back(
    milli: int, odds_format: str
) -> None:
    assert parse_odds(odds_text(milli, odds_format), odds_format) == milli


@given(st.integers(1005, 3000))
def test_malay_prices_survive_but_for_their_rounding(milli: int) -> None:
    assert parse_odds(odds_text(milli, "MY"), "MY") == pytest.approx(milli, abs=3)


@pytest.mark.parametrize("text", ["", "abc", "NaN", "Infinity", "0", "1.0"])
def test_what_is_no_price_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a price"):
        parse_odds(text, "00")


def test_the_odds_string_ends_with_the_best_of_each_side() -> None:
    prices = {"PIN": (1934, 1970), "SIN": (1950, 1950), "SBO": (None, 1900)}
    assert (
        bookie_odds(prices, "00")
        == "PIN=1.934,1.970;SIN=1.950,1.950;SBO=,1.900;BEST=SIN 1.950,PIN 1.970"
    )
    assert bookie_odds({}, "00") == ""


def test_a_placement_names_books_with_colons_and_commas() -> None:
    assert parse_bookie_prices("PIN:1.97,ibc:2.03", "00") == {"PIN": 1970, "IBC": 2030}
    with pytest.raises(ValueError, match="CODE:price"):
        parse_bookie_prices("1.97", "00")


def test_the_start_is_written_as_the_vendor_writes_it() -> None:
    assert starts_on(1771218000000) == "02/16/2026 05:00:00.000 AM"
    assert starts_on(1771261200123) == "02/16/2026 05:00:00.123 PM"
    assert starts_on(1771200000000) == "02/16/2026 12:00:00.000 AM"
