"""The goal models: grids, and models found again from chances."""

from itertools import pairwise
from math import nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keter.domain.market_kinds import MarketKind, Outcome
from keter.domain.markets import Market
from keter.domain.sports import FULL_TIME
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

FT = FULL_TIME


AH, OU = MarketKind.ASIAN_HANDICAP, MarketKind.OVER_UNDER


means = st.floats(0.2, 3.5)


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
