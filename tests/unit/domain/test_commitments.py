"""Amounts of a commitment are rounded against us."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keter.domain.commitments import (
    amounts,
    commission_of,
    is_price,
    liability_minor,
    rate_of,
)
from keter.domain.market_kinds import Outcome
from keter.domain.markets import parse_market
from keter.domain.order_states import Side
from keter.errors import InvalidOddsError
from tests.kit.commitments import commitment, handicap, total


@given(st.sampled_from(Side), st.decimals("1.01", "1000", places=3), st.integers(0, 10**9))
def test_no_amount_is_above_the_exact_one_nor_a_cent_below(
    side: Side, odds: object, stake: int
) -> None:
    net = Fraction(str(odds)) - 1
    for halves, amount in zip(range(-2, 3), amounts(side, str(odds), stake), strict=True):
        exactly = stake * Fraction(halves, 2) * (net if halves > 0 else 1)
        exactly = exactly if side is Side.BACK else -exactly
        assert amount <= exactly < amount + 1


def test_a_lay_is_the_backers_profit_turned_round() -> None:
    assert amounts(Side.BACK, "3.50", 100) == (-100, -50, 0, 125, 250)
    assert amounts(Side.LAY, "3.50", 100) == (100, 50, 0, -125, -250)
    assert liability_minor(Side.LAY, "3.50", 100) == 250
    assert liability_minor(Side.BACK, "3.50", 100) == 100


def test_an_in_play_handicap_becomes_the_whole_matchs_and_others_stay() -> None:
    in_play = commitment(handicap(-0.5), Outcome.HOME, start=(2, 1))
    assert in_play.whole_match_market == handicap(-1.5)
    over = commitment(total(2.5), Outcome.OVER, start=(2, 1))
    assert over.whole_match_market == total(2.5)
    assert commitment(handicap(-0.5), Outcome.HOME).whole_match_market == handicap(-0.5)


def test_a_handicap_in_play_of_another_sport_counts_the_whole_match() -> None:
    line = parse_market("bb", "ot.ah.-4.5")
    assert commitment(line, Outcome.HOME, start=(50, 40)).whole_match_market == line


@pytest.mark.parametrize(
    ("stake", "odds", "message"),
    [
        (-1, "2", "a stake"),
        (1.5, "2", "a stake"),
        (True, "2", "a stake"),
        (100, "1.00", "outside"),
        (100, "nan", "finite"),
    ],
)
def test_an_impossible_amount_is_refused(stake: object, odds: str, message: str) -> None:
    with pytest.raises((ValueError, InvalidOddsError), match=message):
        amounts(Side.BACK, odds, stake)


def test_impossible_terms_are_refused() -> None:
    for wrong in ("1", "-0.01"):
        with pytest.raises(ValueError, match="commission"):
            commission_of(wrong)
    with pytest.raises(ValueError, match="rate"):
        rate_of("0")


def test_what_is_no_price_is_known_as_none() -> None:
    known = [is_price(text) for text in ("2.10", "7/2", "1.00", "", "-110", "abc")]
    assert known == [True, True, False, False, False, False]
