"""The cells that the held lines cut out of margin and total."""

from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keter.domain.market_kinds import MarketKind, Outcome
from keter.domain.markets import Market, parse_market
from keter.domain.outcome_space import (
    ENDLESS,
    Axis,
    axis_of,
    count_of,
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
                results = results_along(market, outcome)
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
            results = results_along(market, Outcome.OVER)
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


def test_a_market_depends_on_one_axis() -> None:
    assert axis_of(total(2.5)) is Axis.TOTAL
    assert {axis_of(market) for market in (RESULT, WINNER, handicap(-1.5))} == {Axis.MARGIN}
    assert axis_of(parse_market("te", "ft.games-ou.22.5")) is Axis.TOTAL
    assert axis_of(parse_market("te", "ft.ml")) is Axis.MARGIN


@pytest.mark.parametrize(
    ("sport", "ids"),
    [
        ("fb", "ft.1x2 ft.ml ft.ah.-1 ft.ou.2.5"),
        ("bb", "ot.ml ot.ah.-4.5 ot.ou.221"),
        ("ih", "reg.1x2 reg.ml reg.ah.-1.5 reg.ou.5.5"),
        ("te", "ft.games-ah.-2.5 ft.games-ou.22.5"),
        ("bs", "f5.ah.-0.5 f5.ou.4.5"),
    ],
)
def test_markets_that_one_score_decides_are_one_count(sport: str, ids: str) -> None:
    assert len({count_of(parse_market(sport, one)) for one in ids.split()}) == 1


@pytest.mark.parametrize(
    ("sport", "ids"),
    [
        ("fb", "ft.ml ht.ml"),
        ("te", "ft.ml ft.games-ah.-2.5 ft.sets-ah.-1.5 s1.ml s1.games-ah.-1.5"),
        ("bs", "ft.ml ft.ah.-1.5 f5.ml f5.ou.4.5"),
        ("bb", "ot.ml reg.ml"),
    ],
)
def test_other_periods_and_units_that_stand_apart_are_other_counts(sport: str, ids: str) -> None:
    markets = ids.split()
    assert len({count_of(parse_market(sport, one)) for one in markets}) == len(markets)
