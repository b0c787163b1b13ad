"""How the venue writes lines, odds and times."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keter.venues.asianodds.simulator.wording import (
    bookie_odds,
    favoured,
    in_game_minutes,
    line_range,
    odds_text,
    parse_bookie_prices,
    parse_odds,
    starts_on,
)
from keter.venues.simulation.match import MatchClock


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


@pytest.mark.parametrize(
    ("minute", "code"),
    [
        (-1, 0),
        (0, 60),
        (30, 90),
        (46, 106),
        (50, 107),
        (62, 120),
        (92, 150),
        (110, 168),
        (200, 169),
    ],
)
def test_minutes_are_written_with_the_half_and_stay_during_the_break(
    minute: int, code: int
) -> None:
    clock = MatchClock(0, speed=30.0, added=(2, 4))
    assert in_game_minutes(clock, round(minute * 60_000 / 30)) == code
