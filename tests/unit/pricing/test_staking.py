"""Kelly in every form meets its first-order condition; stakes are rounded down and dropped."""

from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keter.domain.market_kinds import MarketKind, Outcome
from keter.domain.markets import Market
from keter.domain.sports import FULL_TIME
from keter.errors import InvalidOddsError, NoSolutionError
from keter.pricing.goals import GoalModel
from keter.pricing.joint import LineBet, kelly_joint, maximise_growth
from keter.pricing.staking import (
    capped,
    drawdown,
    fixed_stake,
    growth,
    kelly,
    kelly_exclusive,
    kelly_independent,
    kelly_lay,
    playable,
    proportional_stake,
    scaled,
)
from keter.pricing.value import Chances

FT = FULL_TIME
chance = st.floats(0.02, 0.98)
prices = st.floats(1.05, 30)


@pytest.mark.parametrize(
    ("chances", "odds", "fraction"),
    [
        (0.55, 2.00, 0.1),
        (0.40, 2.70, 0.0470588235),
        (0.50, 1.95, 0.0),
        ({"win": 0.45, "push": 0.25, "loss": 0.30}, 1.95, 0.1789473684),
        ({"win": 0.46, "half_loss": 0.27, "loss": 0.27}, 2.10, 0.1159985128),
        ({"win": 0.30, "half_win": 0.24, "loss": 0.46}, 2.40, 0.1127463788),
    ],
)
def test_the_reference_table_of_full_kelly(
    chances: float | dict[str, float], odds: float, fraction: float
) -> None:
    assert kelly(chances, odds) == pytest.approx(fraction, abs=1e-10)


results = st.lists(st.floats(0.01, 1), min_size=5, max_size=5).map(
    lambda w: Chances(*[x / sum(w) for x in w])
)


@given(results, prices)
def test_kelly_meets_its_first_order_condition(made: Chances, odds: float) -> None:
    f = kelly(made, odds)
    slope = sum(q * r / (1 + f * r) for q, r in zip(made, made.returns(odds), strict=True))
    assert 0 <= f < 1
    assert slope == pytest.approx(0, abs=1e-6) if f > 0 else slope <= 1e-12


@given(chance, prices, st.floats(0, 1))
def test_no_other_fraction_grows_faster(p: float, odds: float, other: float) -> None:
    best = kelly(p, odds)
    assert growth(p, odds, best) >= growth(p, odds, min(other, 0.999)) - 1e-12


def test_fractions_caps_and_commission_apply() -> None:
    assert kelly(0.55, 2.0, fraction=0.25) == pytest.approx(0.025)
    assert kelly(0.55, 2.0, cap=0.02) == 0.02
    assert kelly(0.55, 2.0, commission=0.05) == pytest.approx((0.55 * 0.95 - 0.45) / 0.95)


def test_a_lay_is_a_back_of_the_complement() -> None:
    lay = kelly_lay(0.45, 2.0)
    assert lay.liability == pytest.approx(0.1)
    assert lay.stake == pytest.approx(0.1)
    assert kelly_lay(0.5, 2.0, commission=0.05).liability == 0
    with pytest.raises(InvalidOddsError):
        kelly_lay(0.5, 1.0)


def test_a_bet_that_cannot_lose_all_has_a_fraction_only_where_growth_turns_early() -> None:
    # 0.55 / (1 + 1.1 f) = 0.25 / (1 - 0.5 f)
    assert kelly({"win": 0.5, "half_loss": 0.5}, 2.1) == pytest.approx(0.3 / 0.55)
    assert kelly({"half_win": 0.6, "half_loss": 0.4}, 2.0) == pytest.approx(0.4)
    with pytest.raises(NoSolutionError):
        kelly({"win": 0.9, "half_loss": 0.1}, 2.0)


@pytest.mark.parametrize(
    "part", [{"fraction": -1}, {"fraction": float("nan")}, {"cap": -0.1}, {"cap": float("nan")}]
)
def test_no_part_of_kelly_and_no_cap_is_negative_or_not_a_number(part: dict[str, float]) -> None:
    with pytest.raises(InvalidOddsError):
        kelly(0.6, 2.1, **part)


def test_exclusive_outcomes_as_in_the_reference() -> None:
    made = kelly_exclusive([0.50, 0.28, 0.22], [2.08, 3.60, 3.90])
    assert made.fractions == pytest.approx((0.0619469027, 0.0269026549, 0), abs=1e-9)
    assert made.reserve_rate == pytest.approx(0.9111504425, abs=1e-9)
    assert made.growth == pytest.approx(0.0013710479, abs=1e-9)


@given(
    st.lists(st.floats(0.1, 1), min_size=2, max_size=4),
    st.lists(st.floats(0.93, 1.04), min_size=4, max_size=4),
)
def test_exclusive_kelly_agrees_with_the_general_maximiser(
    weights: list[float], edges: list[float]
) -> None:
    p = [w / sum(weights) for w in weights]
    odds = [max(edge / x, 1.02) for edge, x in zip(edges, p, strict=False)]
    made = kelly_exclusive(p, odds)
    assert all(f >= 0 for f in made.fractions)
    returns = np.diag(odds) - 1
    assert made.growth == pytest.approx(maximise_growth(returns, np.array(p)).growth, abs=1e-7)


def test_an_underround_market_takes_the_whole_bankroll() -> None:
    made = kelly_exclusive([0.5, 0.5], [2.2, 2.2])
    assert (made.fractions, made.reserve_rate) == ((0.5, 0.5), 0)
    assert made.growth == pytest.approx(np.log(1.1))
    with pytest.raises(InvalidOddsError):
        kelly_exclusive([0.7, 0.7], [2.2, 2.2])


@given(st.floats(0.5, 0.95))
def test_two_even_money_bets_follow_the_closed_form(p: float) -> None:
    q = 1 - p
    assert kelly_independent(p, 2.0) == pytest.approx(
        (p * p - q * q) / (2 * (p * p + q * q)), abs=1e-9
    )


def test_one_independent_bet_is_plain_kelly() -> None:
    assert kelly_independent(0.4, 2.7, 1) == pytest.approx(kelly(0.4, 2.7))
    assert kelly_independent(0.4, 2.7, 3) < kelly(0.4, 2.7)
    assert kelly_independent(0.4, 2.0) == 0


def lines(*bets: tuple[MarketKind, int | None, Outcome, float]) -> list[LineBet]:
    return [
        LineBet(Market(FT, kind, line_q), outcome, odds) for kind, line_q, outcome, odds in bets
    ]


AH, OU, RESULT = MarketKind.ASIAN_HANDICAP, MarketKind.OVER_UNDER, MarketKind.ONE_X_TWO


def test_two_lines_of_a_match_are_staked_together_as_in_the_reference() -> None:
    bets = lines((AH, -1, Outcome.HOME, 2.05), (OU, 10, Outcome.OVER, 2.15))
    made = kelly_joint(GoalModel(1.6, 1.1), bets)
    assert made.fractions == pytest.approx((0.14345, 0.05989), abs=2e-5)
    assert made.growth == pytest.approx(0.01175861, abs=1e-8)


def test_two_names_for_one_bet_share_its_budget() -> None:
    made = kelly_joint(
        GoalModel(1.6, 1.1), lines((AH, -2, Outcome.HOME, 2.2), (RESULT, None, Outcome.HOME, 2.2))
    )
    assert sum(made.fractions) == pytest.approx(0.06422, abs=2e-5)
    assert made.fractions[0] == made.fractions[1]


def test_joint_stakes_keep_to_their_caps_and_drop_what_has_no_value() -> None:
    bets = lines(
        (AH, -1, Outcome.HOME, 2.05),
        (OU, 10, Outcome.OVER, 2.15),
        (RESULT, None, Outcome.AWAY, 1.5),
    )
    made = kelly_joint(GoalModel(1.6, 1.1), bets, cap=0.1, cap_per_bet=0.06)
    assert made.fractions[2] == 0
    assert max(made.fractions) <= 0.06
    assert sum(made.fractions) <= 0.1 + 1e-9
    assert kelly_joint(GoalModel(1.6, 1.1), []).fractions == ()
    with pytest.raises(InvalidOddsError):
        kelly_joint(GoalModel(1.6, 1.1), bets, cap=2)


@given(st.floats(0.52, 0.7), st.floats(1.9, 2.4))
def test_jointly_a_single_bet_is_plain_kelly(p: float, odds: float) -> None:
    made = maximise_growth(np.array([[odds - 1], [-1.0]]), np.array([p, 1 - p]))
    assert made.fractions[0] == pytest.approx(kelly(p, odds), abs=1e-5)


def test_drawdowns_as_in_the_reference() -> None:
    assert [drawdown(c).p_ever_below for c in (1, 0.5, 0.25)] == pytest.approx(
        [0.5, 0.125, 0.0078125]
    )
    assert drawdown(0.5).p_double_before_half == pytest.approx(0.8888888889)
    assert drawdown(0.25).growth_relative_to_full == pytest.approx(0.4375)
    assert drawdown(2).p_ever_below == drawdown(3).p_ever_below == 1
    for bad in ((0, 0.5), (1, 0), (1, 1.5)):
        with pytest.raises(InvalidOddsError):
            drawdown(*bad)


def test_stakes_round_down_and_are_dropped_below_the_minimum() -> None:
    assert playable(Decimal("12.99"), 500, 100) == 1200
    assert playable(Decimal("4.99"), 500) == 0
    assert playable(Decimal(-3), 0) == 0


def test_fixed_proportional_and_scaled_stakes() -> None:
    assert fixed_stake(Decimal(10)) == 10
    assert fixed_stake(Decimal(10), Decimal(3)) == 5
    assert proportional_stake(Decimal(10), Decimal("0.1"), Decimal("0.05"), Decimal(3)) == 20
    assert proportional_stake(Decimal(10), Decimal("0.5"), Decimal("0.05"), Decimal(3)) == 30
    assert proportional_stake(Decimal(10), Decimal("-0.1"), Decimal("0.05"), Decimal(3)) == 0
    assert proportional_stake(Decimal(3), Decimal(5), Decimal(3)) == 5, "no digit is lost"
    assert proportional_stake(Decimal(10), Decimal("0.5"), Decimal("0.05")) == 100, "no cap"
    assert scaled([0.1, 0.3], 0.2) == pytest.approx((0.05, 0.15))
    assert scaled([0.1], 0.2) == (0.1,)
    assert (capped(0.05, 0.02, 0.03), capped(0.05, -1.0), capped(0.05)) == (0.02, 0, 0.05)
