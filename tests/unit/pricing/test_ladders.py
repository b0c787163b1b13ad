"""The price ladders of exchanges."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keter.pricing.ladders import Ladder, betdaq, betfair, prophetx


def exactly(*values: str | int) -> tuple[Fraction, ...]:
    return tuple(Fraction(value) for value in values)


@pytest.mark.parametrize(
    ("value", "up", "down"),
    [("2.01", "2.02", "2"), ("3.03", "3.05", "3"), ("7.3", "7.4", "7.2"), ("1.005", "1.01", None)],
)
def test_betfair_prices_round_to_the_ladder(value: str, up: str, down: str | None) -> None:
    ladder = betfair()
    assert ladder.up(value) == Fraction(up)
    assert ladder.down(value) == (None if down is None else Fraction(down))
    assert not ladder.contains(value)


def test_the_published_ladders_have_their_published_size() -> None:
    assert len(betfair()) == 350
    assert (betfair().prices[0], betfair().prices[-1]) == exactly("1.01", 1000)
    american = prophetx()
    assert len(american) == 291
    assert sum(label > 0 for label in american.labels) == 146
    assert (american.prices[0], american.prices[-1]) == exactly("1.01", 101)
    assert betdaq().prices[-1] == 1000
    assert betdaq().contains("2.01")


def test_prophetx_rounds_in_decimal_order_and_writes_american() -> None:
    ladder = prophetx()
    assert (ladder.up("1.909"), ladder.down("1.909")) == exactly(-110, -111)
    assert (ladder.up("2.21"), ladder.down("2.21")) == exactly(122, 120)
    assert ladder.up("2.00") == ladder.down("2.00") == 100
    assert -100 not in ladder.labels


@given(st.sampled_from([betfair(), betdaq(), prophetx()]), st.data())
def test_steps_along_a_ladder_are_counted_and_reversed(ladder: Ladder, data: st.DataObject) -> None:
    here = data.draw(st.integers(0, len(ladder) - 1))
    there = data.draw(st.integers(0, len(ladder) - 1))
    start = ladder.prices[here]
    assert ladder.move(start, there - here) == ladder.labels[there]
    assert ladder.ticks_between(start, ladder.prices[there]) == there - here
    assert ladder.up(start) == ladder.down(start) == ladder.labels[here]


def test_ladders_refuse_what_is_not_on_them_and_end_in_none() -> None:
    assert betfair().move("1.01", -1) is betfair().move("1000", 1) is None
    for refused in (
        lambda: betfair().move("2.01", 1),
        lambda: betfair().ticks_between("2", "2.01"),
    ):
        with pytest.raises(ValueError, match=r"2\.01"):
            refused()
    with pytest.raises(ValueError, match="rise"):
        Ladder([Fraction(2), Fraction(2)])
