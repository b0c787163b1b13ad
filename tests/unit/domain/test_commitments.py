"""A commitment knows its amounts; an order is its fills and what may still be filled."""

from fractions import Fraction

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keter.domain.commitments import Commitment, amounts, with_fills
from keter.domain.market_kinds import MarketKind, Outcome
from keter.domain.markets import Market
from keter.domain.order_states import Side
from keter.domain.sports import FULL_TIME
from keter.errors import InvalidOddsError
from tests.kit.commitments import RESULT, commitment, handicap, total


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
    assert commitment(RESULT, Outcome.HOME, 100, odds="3.50", side=Side.LAY).liability_minor == 250
    assert commitment(RESULT, Outcome.HOME, 100, odds="3.50").liability_minor == 100


def test_an_order_filled_at_several_prices_is_its_fills_and_the_open_rest() -> None:
    order = commitment(RESULT, Outcome.HOME, 1000, odds="2.10")
    parts = with_fills(order, [(300, "2.12"), (200, "2.10")], may_still_fill=True)
    assert [(one.stake_minor, one.odds, one.filled) for one in parts] == [
        (300, "2.12", True),
        (200, "2.10", True),
        (500, "2.10", False),
    ]
    assert with_fills(order, [(300, "2.12")], may_still_fill=False) == parts[:1]
    assert with_fills(order, [(1000, "2.10")], may_still_fill=True)[0].filled
    assert len(with_fills(order, [(1000, "2.10")], may_still_fill=True)) == 1


def test_an_order_without_a_known_fill_is_open_as_a_whole() -> None:
    order = commitment(RESULT, Outcome.HOME)
    assert with_fills(order, [], may_still_fill=True) == [order]
    assert with_fills(order, [], may_still_fill=False) == []


def test_more_filled_than_ordered_is_refused() -> None:
    with pytest.raises(ValueError, match="1100 filled of an order of 1000"):
        with_fills(commitment(RESULT, Outcome.HOME), [(1100, "2.1")], may_still_fill=True)


def test_an_in_play_handicap_becomes_the_whole_matchs_and_others_stay() -> None:
    in_play = commitment(handicap(-0.5), Outcome.HOME, start=(2, 1))
    assert in_play.whole_match_market == handicap(-1.5)
    over = commitment(total(2.5), Outcome.OVER, start=(2, 1))
    assert over.whole_match_market == total(2.5)
    assert commitment(handicap(-0.5), Outcome.HOME).whole_match_market == handicap(-0.5)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"stake": -1}, "a stake"),
        ({"stake": 1.5}, "a stake"),
        ({"stake": True}, "a stake"),
        ({"odds": "1.00"}, "outside"),
        ({"odds": "nan"}, "finite"),
        ({"commission": "1"}, "commission"),
        ({"commission": "-0.01"}, "commission"),
        ({"rate": "0"}, "rate"),
    ],
)
def test_an_impossible_commitment_is_refused(wrong: dict[str, object], message: str) -> None:
    with pytest.raises((ValueError, InvalidOddsError), match=message):
        commitment(RESULT, Outcome.HOME, **wrong)  # type: ignore[arg-type]  # wrong on purpose


def test_a_market_has_an_outcome_of_its_own() -> None:
    with pytest.raises(ValueError, match="has no draw"):
        commitment(Market(FULL_TIME, MarketKind.MONEY_LINE), Outcome.DRAW)
    with pytest.raises(ValueError, match="both"):
        commitment(RESULT, None)


def test_it_comes_back_from_json_as_it_went() -> None:
    one = commitment(handicap(-0.25), Outcome.AWAY, start=(1, 0), commission="0.02", rate="1.17")
    assert msgspec.json.decode(msgspec.json.encode(one), type=Commitment) == one
