"""Odds formats convert exactly and refuse what lies outside their domain."""

from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keter.domain.odds import (
    OddsFormat,
    StakeConvention,
    StakeMeaning,
    convert,
    opposing,
    stake_meaning,
)
from keter.errors import InvalidOddsError

prices = st.fractions(min_value=Fraction(1001, 1000), max_value=1000, max_denominator=10_000)
formats = st.sampled_from(list(OddsFormat))


@pytest.mark.parametrize(
    ("value", "source", "decimal"),
    [
        ("0.85", "malay", "37/20"),
        ("-0.95", "malay", "39/19"),
        ("-0.98", "malay", "99/49"),
        ("1.20", "indonesian", "11/5"),
        ("-1.25", "indonesian", "9/5"),
        ("-110", "american", "21/11"),
        (150, "american", "5/2"),
        ("0.91", "hongkong", "191/100"),
        ("10/11", "fractional", "21/11"),
        (Decimal("0.4"), "implied", "5/2"),
        (1.91, "decimal", "191/100"),
    ],
)
def test_each_format_decodes_to_the_exact_decimal(
    value: str | int | float | Decimal, source: str, decimal: str
) -> None:
    assert convert(value, source, "decimal") == Fraction(decimal)


@pytest.mark.parametrize("name", ["HK", "Hong Kong", "hong_kong", "Hong-Kong", "hongkong"])
def test_a_format_goes_by_any_spelling_of_its_name(name: str) -> None:
    assert convert("0.91", name, "EU") == Fraction("1.91")
    with pytest.raises(InvalidOddsError, match="unknown odds format 'Klingon'"):
        convert(2, "Klingon")


@pytest.mark.parametrize(
    ("source", "value"), [("malay", -1), ("indonesian", -1), ("american", -100), ("american", 100)]
)
def test_even_money_is_read_with_either_sign_and_written_as_the_positive_one(
    source: str, value: int
) -> None:
    assert convert(value, source, "decimal") == 2
    assert convert(2, "decimal", source) == abs(value)


@given(prices, formats, formats)
def test_a_price_survives_any_chain_of_formats(
    price: Fraction, there: OddsFormat, further: OddsFormat
) -> None:
    assert (
        convert(convert(convert(price, "decimal", there), there, further), further, "decimal")
        == price
    )


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("malay", "0"),
        ("malay", "1.05"),
        ("indonesian", "0.9"),
        ("indonesian", "-0.5"),
        ("american", "50"),
        ("american", "-99"),
        ("hongkong", "0"),
        ("fractional", "-1/2"),
        ("fractional", "1/0"),
        ("implied", "1"),
        ("decimal", "1"),
        ("decimal", "nan"),
        ("decimal", float("inf")),
        ("decimal", True),
        ("decimal", "evens"),
        ("decimal", None),
        ("roman", "2"),
    ],
)
def test_what_is_no_price_of_its_format_is_refused_by_name(source: str, value: str) -> None:
    with pytest.raises(InvalidOddsError):
        convert(value, source, "decimal")


def test_a_negative_quote_is_staked_to_win_or_at_risk_as_the_venue_states() -> None:
    assert stake_meaning("-0.95", "malay", 100) == StakeMeaning(Fraction(95), Fraction(100))
    assert stake_meaning("-1.25", "indonesian", 100) == StakeMeaning(Fraction(125), Fraction(100))
    assert stake_meaning("-110", "american", 100) == StakeMeaning(Fraction(110), Fraction(100))
    assert stake_meaning("-0.5", "malay", 100, StakeConvention.RISK) == StakeMeaning(
        Fraction(100), Fraction(200)
    )


@given(
    prices,
    st.sampled_from([OddsFormat.MALAY, OddsFormat.INDONESIAN, OddsFormat.AMERICAN]),
    st.sampled_from(StakeConvention),
)
def test_risk_and_winnings_always_stand_in_the_ratio_of_the_price(
    price: Fraction, source: OddsFormat, convention: StakeConvention
) -> None:
    risk, to_win = stake_meaning(convert(price, "decimal", source), source, 100, convention)
    assert to_win / risk == price - 1
    assert 100 in (risk, to_win)


def test_a_negative_stake_is_refused() -> None:
    with pytest.raises(ValueError, match="negative"):
        stake_meaning("0.9", "malay", -1)


@given(prices)
def test_the_opposing_price_leaves_no_margin_and_mirrors_back(price: Fraction) -> None:
    assert 1 / price + 1 / opposing(price) == 1
    assert opposing(opposing(price)) == price


def test_american_prices_mirror_by_their_sign() -> None:
    assert opposing(-110, "american") == 110
    assert opposing(100, "american") == opposing(-100, "american") == 100


def test_numbers_of_numpy_are_the_numbers_they_show() -> None:
    assert convert(np.float64(2.05), "decimal", "hongkong") == Fraction(105, 100)
    assert convert(np.float32(1.9), "decimal", "hongkong") == Fraction(9, 10)  # type: ignore[arg-type]  # numpy's own
    exact_int = convert(np.int64(150), "american", "decimal")  # type: ignore[arg-type]  # numpy's own
    assert exact_int == Fraction(5, 2)
    assert type(exact_int.numerator) is int


@pytest.mark.parametrize("value", ["1e9999999", "-1E+4000", Decimal("1e-5000"), [1.9], b"2", {}])
def test_numbers_of_absurd_size_and_no_numbers_are_refused_at_once(value: object) -> None:
    with pytest.raises(InvalidOddsError):
        convert(value, "decimal", "malay")  # type: ignore[arg-type]  # it must refuse it by name


def test_format_names_may_be_written_in_capitals() -> None:
    assert convert("-0.95", "Malay", "DECIMAL") == Fraction(39, 19)
