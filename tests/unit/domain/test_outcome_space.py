"""The cells that the held lines cut out of margin and total."""

from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keter.domain.market_kinds import MarketKind, Outcome
from keter.domain.markets import Market
from keter.domain.outcome_space import (
    BASKETBALL,
    ENDLESS,
    FOOTBALL,
    TENNIS,
    Axis,
    Span,
    axis_of,
    results_along,
    spans,
    totals_with,
)
from keter.domain.settlement import result_halves
from keter.domain.sports import FULL_TIME
from tests.kit.commitments import RESULT, WINNER, handicap, total

quarters = st.integers(-40, 40)
handicaps = st.builds(lambda q: Market(FULL_TIME, MarketKind.ASIAN_HANDICAP, q), quarters)
totals = st.builds(lambda q: Market(FULL_TIME, MarketKind.OVER_UNDER, q), quarters)


@settings(max_examples=100, deadline=None)
@given(st.lists(handicaps | st.sampled_from([RESULT, WINNER]), max_size=5))
def test_no_market_changes_its_result_within_a_range_of_margins(markets: list[Market]) -> None:
    ranges = spans(markets, Axis.MARGIN)
    for market in markets:
        for outcome in market.outcomes:
            for margin in range(-14, 15):
                (span,) = [one for one in ranges if one.least <= margin <= one.most]
                result = result_halves(market, outcome, max(margin, 0), max(-margin, 0))
                first = max(span.least, -20)
                assert result_halves(market, outcome, max(first, 0), max(-first, 0)) == result
                results = results_along(market, outcome, Axis.MARGIN)
                assert [r for least, r in results if least <= margin][-1] == result


@settings(max_examples=100, deadline=None)
@given(st.lists(totals, max_size=5))
def test_no_market_changes_its_result_within_a_range_of_totals(markets: list[Market]) -> None:
    ranges = spans(markets, Axis.TOTAL)
    assert ranges[0].least == 0
    for market in markets:
        for goals in range(14):
            (span,) = [one for one in ranges if one.least <= goals <= one.most]
            result = result_halves(market, Outcome.OVER, goals, 0)
            assert result_halves(market, Outcome.OVER, span.least, 0) == result
            results = results_along(market, Outcome.OVER, Axis.TOTAL)
            assert [r for least, r in results if least <= goals][-1] == result


@settings(max_examples=100, deadline=None)
@given(st.lists(handicaps | st.just(RESULT), max_size=4), st.lists(totals, max_size=4))
def test_a_cell_is_possible_exactly_if_a_score_lies_in_it(
    lines: list[Market], goals: list[Market]
) -> None:
    margins, sums = spans(lines, Axis.MARGIN), spans(goals, Axis.TOTAL)
    scores = {(home - away, home + away) for home, away in product(range(30), repeat=2)}
    for at, with_it in enumerate(totals_with(margins, sums)):
        for index, span in enumerate(sums):
            found = any(
                margins[at].least <= margin <= margins[at].most and span.least <= both <= span.most
                for margin, both in scores
            )
            assert (index in with_it) == found


def test_a_half_line_cuts_once_and_a_whole_or_quarter_line_has_a_range_of_its_own() -> None:
    assert spans([total(2.5)], Axis.TOTAL) == ((0, 2), (3, ENDLESS))
    assert spans([total(2)], Axis.TOTAL) == ((0, 1), (2, 2), (3, ENDLESS))
    assert spans([total(2.25)], Axis.TOTAL) == ((0, 1), (2, 2), (3, ENDLESS))
    assert spans([total(1.75)], Axis.TOTAL) == ((0, 1), (2, 2), (3, ENDLESS))
    assert spans([handicap(-0.5)], Axis.MARGIN) == ((-ENDLESS, 0), (1, ENDLESS))
    assert spans([], Axis.TOTAL) == ((0, ENDLESS),)


def test_the_lines_of_a_large_total_need_no_more_cells_than_those_of_a_small_one() -> None:
    assert len(spans([total(220.5), total(218.5)], Axis.TOTAL)) == 3


def test_a_game_without_draws_has_no_margin_of_none() -> None:
    ranges = spans([], Axis.MARGIN, drawless=True)
    assert ranges == (Span(-ENDLESS, -1), Span(1, ENDLESS))
    # No goals at all is then no score either.
    none_scored, some = spans([total(0)], Axis.TOTAL)
    assert (none_scored, some) == (Span(0, 0), Span(1, ENDLESS))
    assert totals_with(ranges, (none_scored, some)) == ((1,), (1,))


def test_a_market_depends_on_one_axis() -> None:
    assert axis_of(total(2.5), TENNIS) is Axis.TOTAL
    assert axis_of(handicap(-1.5), TENNIS) is Axis.MARGIN
    assert axis_of(WINNER, TENNIS) is Axis.WINNER
    assert {axis_of(WINNER, space) for space in (FOOTBALL, BASKETBALL)} == {Axis.MARGIN}
    assert axis_of(RESULT, FOOTBALL) is Axis.MARGIN
    with pytest.raises(ValueError, match="draw"):
        axis_of(RESULT, TENNIS)
