"""Money is exact, or an error."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keter.domain.money import floor_to_minor, money_text, round_to_minor, to_decimal, to_minor

amounts = st.integers(-(10**12), 10**12)


@given(amounts)
def test_minor_units_survive_the_way_out_and_back(minor: int) -> None:
    assert to_minor(to_decimal(minor)) == minor
    assert to_minor(money_text(minor)) == minor


@pytest.mark.parametrize("bad", ["0.001", "NaN", "Infinity", "-Infinity", "ten", "", "1,5"])
def test_what_is_no_whole_number_of_cents_is_refused(bad: str) -> None:
    with pytest.raises(ValueError, match="not an amount"):
        to_minor(bad)


@pytest.mark.parametrize(
    ("amount", "minor"),
    [("0.005", 1), ("-0.005", -1), ("0.0049", 0), ("4.625", 463), ("-4.625", -463)],
)
def test_booking_rounds_half_cents_away_from_zero(amount: str, minor: int) -> None:
    assert round_to_minor(Decimal(amount)) == minor


@given(st.decimals(0, 10**6, places=6), st.integers(1, 10_000))
def test_a_stake_is_never_rounded_up(amount: Decimal, unit_minor: int) -> None:
    stake = floor_to_minor(amount, unit_minor)
    assert stake % unit_minor == 0
    assert stake <= amount * 100 < stake + unit_minor
