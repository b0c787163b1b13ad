"""Value with pushes, the goal models, and moving from one line to another."""

from itertools import pairwise
from math import inf, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keter.domain.markets import Market, MarketKind, Outcome, Period
from keter.errors import InvalidOddsError, NoSolutionError
from keter.pricing.goals import (
    GoalModel,
    chances,
    fit_home_away,
    fit_home_away_total,
    fit_total,
    home_draw_away,
    margin_p,
    score_grid,
    total_chances,
)
from keter.pricing.lines import (
    extra_edge_points,
    handicap_chances,
    handicap_odds,
    interpolate,
    move_handicap,
    move_total,
)
from keter.pricing.value import Chances, expected_value, variance

FT = Period.FULL_TIME
AH, OU = MarketKind.ASIAN_HANDICAP, MarketKind.OVER_UNDER
means = st.floats(0.2, 3.5)


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


@given(means, means, st.floats(-0.12, 0.08))
def test_a_score_grid_is_a_distribution_with_the_poisson_total(
    lam: float, mu: float, rho: float
) -> None:
    grid = score_grid(GoalModel(lam, mu, rho))
    assert sum(map(sum, grid)) == pytest.approx(1, abs=1e-12)
    assert min(map(min, grid)) >= 0
    over = chances(GoalModel(lam, mu, rho), Market(FT, OU, 10), Outcome.OVER)
    assert over.win == pytest.approx(total_chances(lam + mu, 10).win, abs=1e-9)


@given(means, means, st.integers(-12, 12))
def test_both_sides_of_a_line_share_the_action(lam: float, mu: float, line_q: int) -> None:
    model, market = GoalModel(lam, mu), Market(FT, AH, line_q)
    home, away = chances(model, market, Outcome.HOME), chances(model, market, Outcome.AWAY)
    assert home.win_mass == pytest.approx(away.loss_mass, abs=1e-12)
    assert home.effective_p + away.effective_p == pytest.approx(1, abs=1e-12)


@given(means, means)
def test_more_start_is_never_worse(lam: float, mu: float) -> None:
    ladder = [
        chances(GoalModel(lam, mu), Market(FT, AH, q), Outcome.HOME).effective_p
        for q in range(-8, 9)
    ]
    assert all(left <= right + 1e-12 for left, right in pairwise(ladder))


@given(means, means)
def test_a_poisson_model_is_found_again_from_its_result_chances(lam: float, mu: float) -> None:
    home, draw, away = home_draw_away(GoalModel(lam, mu))
    found = fit_home_away(home, away)
    assert (found.home, found.away) == pytest.approx((lam, mu), abs=1e-7)
    assert margin_p(found, 0) == pytest.approx(draw, abs=1e-9)


@given(means, means, st.floats(-0.12, 0.05))
def test_dixon_coles_is_found_again_from_home_away_and_over(
    lam: float, mu: float, rho: float
) -> None:
    model = GoalModel(lam, mu, rho)
    home, _, away = home_draw_away(model)
    over = total_chances(lam + mu, 10).win
    assert fit_home_away_total(home, away, over) == pytest.approx(model, abs=1e-6)


@given(st.floats(0.05, 0.95), st.integers(1, 24))
def test_the_poisson_mean_of_a_total_prices_it_back(p: float, line_q: int) -> None:
    assert total_chances(fit_total(p, line_q), line_q).effective_p == pytest.approx(p, abs=1e-10)


def test_the_reference_inversions() -> None:
    assert fit_home_away(0.45, 0.28)[:2] == pytest.approx((1.3862333822, 1.0326542396), abs=1e-8)
    assert fit_total(0.52, 10) == pytest.approx(2.7560312008, abs=1e-9)


@pytest.mark.parametrize(("home", "away"), [(0.7, 0.3), (0, 0.5), (0.8, 0.4), (nan, 0.2)])
def test_impossible_results_have_no_goal_model(home: float, away: float) -> None:
    with pytest.raises(InvalidOddsError):
        fit_home_away(home, away)


def test_impossible_models_are_refused() -> None:
    with pytest.raises(InvalidOddsError):
        score_grid(GoalModel(0, 1))
    with pytest.raises(InvalidOddsError):
        score_grid(GoalModel(1, nan))
    with pytest.raises(NoSolutionError):
        score_grid(GoalModel(1.5, 1.5, -0.9))
    with pytest.raises(InvalidOddsError):
        fit_total(1.0, 10)


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
