"""Value with pushes and half results."""

from math import inf, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keter.domain.market_kinds import MarketKind, Outcome
from keter.domain.markets import Market
from keter.domain.sports import FULL_TIME
from keter.errors import InvalidOddsError
from keter.pricing.goals import (
    GoalModel,
    chances,
)
from keter.pricing.value import Chances, expected_value, variance

FT = FULL_TIME


AH, OU = MarketKind.ASIAN_HANDICAP, MarketKind.OVER_UNDER


def test_the_reference_bets_are_worth_what_it_says() -> None:
    model = GoalModel(1.55, 1.20)
    level = chances(model, Market(FT, AH, -1), Outcome.HOME)
    assert level.by_name() == pytest.approx(
        {"win": 0.4541103672, "half_loss": 0.2509842476, "loss": 0.2949053852}, abs=1e-9
    )
    assert level.fair_odds == pytest.approx(1.9257606508, abs=1e-8)
    assert expected_value(level, 2.15) == pytest.approx(0.1018294132, abs=1e-9)
    assert variance(level, 2.15) == pytest.approx(0.9478431783, abs=1e-9)
    over = chances(model, Market(FT, OU, 11), Outcome.OVER)
    assert expected_value(over, 2.10) == pytest.approx(-0.0329298893, abs=1e-9)
    assert over.effective_p == pytest.approx(0.458555802, abs=1e-9)


masses = st.lists(st.floats(0.01, 1), min_size=5, max_size=5).map(
    lambda w: Chances(*[x / sum(w) for x in w])
)


@given(masses, st.floats(1.01, 50))
def test_value_is_the_mean_profit_and_zero_at_fair_odds(made: Chances, odds: float) -> None:
    mean = sum(q * r for q, r in zip(made, made.returns(odds), strict=True))
    assert expected_value(made, odds) == pytest.approx(mean, abs=1e-9)
    assert expected_value(made, made.fair_odds) == pytest.approx(0, abs=1e-9)
    assert expected_value(made, odds) == pytest.approx(
        made.action * (made.effective_p * odds - 1), abs=1e-9
    )


def test_value_takes_a_chance_names_or_results_and_commission() -> None:
    assert expected_value(0.5, 2.1) == pytest.approx(0.05)
    assert expected_value({"win": 0.45, "push": 0.25}, 1.95) == pytest.approx(0.45 * 0.95 - 0.3)
    assert expected_value(0.5, 2.1, commission=0.05) == pytest.approx(0.5 * 1.1 * 0.95 - 0.5)
    assert Chances(0, push=0.4, loss=0.6).fair_odds == inf


@pytest.mark.parametrize(
    "chance", [1.2, -0.1, nan, {"win": 0.9, "loss": 0.3}, {"victory": 1.0}, Chances(0.5, loss=0.6)]
)
def test_what_are_no_chances_are_refused(chance: object) -> None:
    with pytest.raises(InvalidOddsError):
        expected_value(chance, 2.0)  # type: ignore[arg-type]  # the point of the test


@pytest.mark.parametrize(("odds", "commission"), [(1.0, 0), (inf, 0), (2.0, 1), (2.0, -0.1)])
def test_impossible_terms_are_refused(odds: float, commission: float) -> None:
    with pytest.raises(InvalidOddsError):
        expected_value(0.5, odds, commission=commission)
