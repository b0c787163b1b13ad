"""Moving prices from one line to another, and handicaps from 1X2."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keter.domain.market_kinds import MarketKind, Outcome
from keter.domain.markets import Market
from keter.domain.sports import FULL_TIME
from keter.errors import NoSolutionError
from keter.pricing.goals import (
    GoalModel,
    chances,
    home_draw_away,
)
from keter.pricing.lines import (
    extra_edge_points,
    handicap_chances,
    handicap_odds,
    interpolate,
    move_handicap,
    move_total,
)

FT = FULL_TIME


AH, OU = MarketKind.ASIAN_HANDICAP, MarketKind.OVER_UNDER


means = st.floats(0.2, 3.5)


def test_handicaps_up_to_half_a_goal_follow_from_the_result_alone() -> None:
    odds = handicap_odds(0.45, 0.27, 0.28)
    expected = {
        -2: 2.2222222222,
        -1: 1.9222222222,
        0: 1.6222222222,
        1: 1.4786324786,
        2: 1.3888888889,
    }
    assert odds == pytest.approx(expected, abs=1e-9)
    assert handicap_chances(0.45, 0.27, 0.28, 1, Outcome.AWAY) == handicap_chances(
        0.28, 0.27, 0.45, -1
    )


@given(means, means, st.integers(-4, 4))
def test_handicaps_from_the_result_agree_with_the_model_behind_it(
    lam: float, mu: float, line_q: int
) -> None:
    model = GoalModel(lam, mu)
    made = handicap_chances(*home_draw_away(model), line_q)
    assert made == pytest.approx(chances(model, Market(FT, AH, line_q), Outcome.HOME), abs=1e-7)


def test_wide_handicaps_are_not_priced_from_the_result() -> None:
    assert handicap_chances(0.45, 0.27, 0.28, -3).fair_odds == pytest.approx(2.6553923343, abs=1e-7)
    with pytest.raises(NoSolutionError):
        handicap_chances(0.45, 0.27, 0.28, -5)


def test_a_price_moves_two_quarter_steps_and_no_more() -> None:
    assert move_total(0.52, 10, 9) == pytest.approx(1 / 1.691030017, abs=1e-8)
    assert move_total(0.52, 10, 10) == pytest.approx(0.52)
    assert move_handicap(0.5, -2, -2, 2.6) == pytest.approx(0.5, abs=1e-9)
    with pytest.raises(NoSolutionError):
        move_total(0.5, 10, 13)
    with pytest.raises(NoSolutionError):
        move_handicap(0.5, -1, -4, 2.6)
    with pytest.raises(NoSolutionError):
        interpolate(0, 0.5, 8, 0.7, 4)


@given(
    st.floats(1.2, 4.5), st.floats(0.3, 0.7), st.integers(-6, 6), st.sampled_from([-2, -1, 1, 2])
)
def test_moving_a_handicap_there_and_back_returns_the_price(
    total: float, p: float, line_q: int, steps: int
) -> None:
    try:
        moved = move_handicap(p, line_q, line_q + steps, total)
        back = move_handicap(moved, line_q + steps, line_q, total)
    except NoSolutionError:
        return
    assert back == pytest.approx(p, abs=1e-7)
    assert (moved - p) * steps > 0


def test_between_two_quoted_lines_the_logit_is_straight() -> None:
    assert interpolate(-2, 0.5, 0, 0.5, -1) == pytest.approx(0.5)
    assert interpolate(-2, 0.45, 0, 0.55, -1) == pytest.approx(0.5)
    with pytest.raises(NoSolutionError):
        interpolate(-2, 0.45, 0, 0.55, 1)


def test_a_moved_price_asks_for_more_edge() -> None:
    assert [extra_edge_points(steps) for steps in (0, 1, 2)] == pytest.approx([0, 0.5, 0.8])
