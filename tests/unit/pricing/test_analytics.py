"""Measures of results: exact on the reference's examples, and with the properties they are trusted
for.
"""

from math import inf, log, nan, sqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keter.errors import IncompleteMarketError, InvalidOddsError
from keter.pricing.analytics import (
    calibration,
    calibration_slope,
    clustered_ratio,
    clv,
    log_clv,
    max_drawdown,
    mean_t,
    raw_clv,
    scores,
    wilson,
    yield_outlook,
    yield_stats,
)

RETURNS = [1.05, -1, -1, 0.92, -0.5, 0.46, -1, 1.1, 0, -1]
FORECASTS = [[0.5, 0.3, 0.2], [0.2, 0.3, 0.5], [0.7, 0.2, 0.1]]


def test_closing_line_value_with_and_without_the_margin() -> None:
    close = [2.00, 1.90]
    assert raw_clv(2.10, 2.00) == pytest.approx(0.05)
    assert clv(2.10, close, 0) == pytest.approx(0.0220286571, abs=1e-10)
    assert clv(2.10, close, 0, "multiplicative") == pytest.approx(0.0230769231, abs=1e-10)
    assert log_clv(2.10, close, 0) == pytest.approx(0.0217895316, abs=1e-10)
    for leg in (-1, 2):
        with pytest.raises(IncompleteMarketError):
            clv(2.10, close, leg)


@given(st.floats(1.1, 8), st.floats(1.1, 8))
def test_taking_the_close_itself_never_shows_value(home: float, away: float) -> None:
    if 1 / home + 1 / away > 1:
        assert clv(home, [home, away], 0) < 1e-12


def test_the_reference_yield() -> None:
    made = yield_stats(RETURNS)
    assert (made.n, made.profit, made.yield_) == pytest.approx((10, -0.97, -0.097))
    assert made.sd == pytest.approx(0.9144767782, abs=1e-10)
    assert made.t == pytest.approx(-0.3354277991, abs=1e-10)
    assert made.max_drawdown == pytest.approx(2.12)


def test_the_yield_is_profit_over_turnover() -> None:
    made = yield_stats([10, -30], [10, 30])
    assert made.yield_ == -0.5
    assert made.sd == pytest.approx(sqrt(2))
    assert yield_stats([1.0]).t is None
    for profits, stakes in (
        ((), ()),
        ((1.0,), (0.0,)),
        ((1.0,), (1.0, 2.0)),
        ((nan,), (1.0,)),
        ((1.0,), (nan,)),
        ((inf,), (1.0,)),
    ):
        with pytest.raises(InvalidOddsError):
            yield_stats(profits, stakes)


def test_a_thousand_flat_bets_show_what_the_reference_says() -> None:
    made = yield_outlook(1000, 0.03, 2.0)
    assert made == pytest.approx((0.9995498987, 0.9491104939, 4440.4444444444))
    assert yield_outlook(made.bets_for_t2, 0.03, 2.0).t == pytest.approx(2)
    assert yield_outlook(10, 0, 2.0).bets_for_t2 == inf
    with pytest.raises(InvalidOddsError):
        yield_outlook(10, 1.5, 2.0)
    with pytest.raises(InvalidOddsError):
        yield_outlook(nan, 0.03, 2.0)


@given(st.lists(st.floats(-5, 5), max_size=30))
def test_a_drawdown_is_the_deepest_fall_from_any_peak(profits: list[float]) -> None:
    levels = [sum(profits[:n]) for n in range(len(profits) + 1)]
    deepest = max(high - low for i, high in enumerate(levels) for low in levels[i:])
    assert max_drawdown(profits) == pytest.approx(deepest, abs=1e-9)


def test_the_reference_scores() -> None:
    made = scores(FORECASTS, [0, 2, 1])
    assert made == pytest.approx((0.6333333333, 0.9985774245, 0.18), abs=1e-9)


@given(
    st.lists(st.floats(0.05, 1), min_size=3, max_size=3),
    st.lists(st.floats(0.05, 1), min_size=3, max_size=3),
)
def test_no_forecast_beats_the_truth_in_expectation(truth: list[float], said: list[float]) -> None:
    p, q = ([x / sum(row) for x in row] for row in (truth, said))
    for score in range(3):
        honest = sum(p[i] * scores([p], [i])[score] for i in range(3))
        other = sum(p[i] * scores([q], [i])[score] for i in range(3))
        assert honest <= other + 1e-9


def test_an_impossible_thing_that_happened_costs_infinitely_much() -> None:
    assert scores([[1.0, 0.0]], [1]).log_loss == inf


def test_scores_refuse_what_they_cannot_read() -> None:
    for forecasts, happened in (
        ([], []),
        ([[0.5, 0.5]], [2]),
        ([[0.5, 0.5]], [-1]),
        ([[1.0]], [0]),
        ([[0.5, 0.5]], [0, 1]),
    ):
        with pytest.raises(IncompleteMarketError):
            scores(forecasts, happened)
    with pytest.raises(InvalidOddsError):
        scores([[1.2, -0.2]], [0])


@given(st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_holds_the_rate_and_stays_in_bounds(case: tuple[int, int]) -> None:
    low, high = wilson(*case)
    assert 0 <= low <= case[0] / case[1] <= high <= 1


def test_wilson_against_a_published_value() -> None:
    """Newcombe 1998, table I: 81 of 263 gives 0.2553 to 0.3662."""
    assert wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    with pytest.raises(InvalidOddsError):
        wilson(3, 2)


def test_calibration_bins_hold_equal_counts() -> None:
    p = [i / 100 for i in range(100)]
    bins = calibration(p, [x > 0.5 for x in p], 4)
    assert [one.n for one in bins] == [25] * 4
    assert bins[0].rate == 0
    assert bins[3].rate == 1
    assert bins[1].mean_p == pytest.approx(sum(p[25:50]) / 25)
    with pytest.raises(IncompleteMarketError):
        calibration([0.5], [])


def test_the_calibration_slope_finds_the_power_that_was_taken_away() -> None:
    truth = [0.6, 0.3, 0.1]
    timid = [x**0.5 for x in truth]
    timid = [x / sum(timid) for x in timid]
    happened = [0] * 60 + [1] * 30 + [2] * 10
    assert calibration_slope([truth] * 100, happened) == pytest.approx(1)
    assert calibration_slope([timid] * 100, happened) == pytest.approx(2)
    with pytest.raises(InvalidOddsError):
        calibration_slope([[1.0, 0.0]], [0])


def test_bets_that_fall_together_count_as_one() -> None:
    profits = [1.0, 1.0, -1.0, 1.0]
    alone = clustered_ratio(profits, [1] * 4, ["a", "b", "c", "d"]).t
    together = clustered_ratio(profits * 2, [1] * 8, ["a", "b", "c", "d"] * 2).t
    assert alone == pytest.approx(together or 0)
    assert clustered_ratio(profits, [1] * 4, ["a"] * 4).t is None


def test_the_mean_of_nothing_is_refused() -> None:
    assert mean_t([1.0, 1.0]) == (1.0, None)
    with pytest.raises(InvalidOddsError):
        mean_t([])


def test_log_values_add_up_over_bets() -> None:
    close = [1.9, 2.0]
    product = (1 + clv(2.1, close, 0)) * (1 + clv(2.2, close, 1))
    assert log_clv(2.1, close, 0) + log_clv(2.2, close, 1) == pytest.approx(log(product))
