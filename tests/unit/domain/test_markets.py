"""Ids of events, markets and selections read back to what they were made of."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keter.domain.markets import (
    LINED,
    Market,
    MarketKind,
    Outcome,
    Period,
    event_uid,
    line_text,
    parse_line,
    parse_market,
    parse_selection,
    slug,
)

markets = st.builds(
    lambda period, kind, line: Market(period, kind, line if kind in LINED else None),
    st.sampled_from(Period),
    st.sampled_from(MarketKind),
    st.integers(-400, 400),
)


@given(markets)
def test_a_market_is_read_back_from_its_id(market: Market) -> None:
    assert parse_market(market.market_id) == market
    for side in market.sides:
        assert parse_selection(market.selection_id(side)) == (market, side)


@given(st.integers(-4000, 4000))
def test_a_line_is_written_exactly(quarters: int) -> None:
    assert parse_line(line_text(quarters)) == quarters
    assert float(line_text(quarters)) == quarters / 4


def test_ids_look_as_the_design_shows_them() -> None:
    assert Market(Period.FULL_TIME, MarketKind.ASIAN_HANDICAP, -3).market_id == "ft.ah.-0.75"
    assert (
        Market(Period.FULL_TIME, MarketKind.OVER_UNDER, 10).selection_id(Outcome.OVER)
        == "ft.ou.2.5.over"
    )
    assert Market(Period.HALF_TIME, MarketKind.ONE_X_TWO).market_id == "ht.1x2"
    kickoff = datetime(2026, 2, 21, 15, tzinfo=UTC)
    assert event_uid("fb", kickoff, "Alpha FC", "Beta FC") == "fb-20260221-alpha-fc-v-beta-fc"


@pytest.mark.parametrize(
    "bad",
    [
        "",
        "ft",
        "ft.xx",
        "ft.ah",
        "ft.1x2.2.5",
        "ft.ou.2.3",
        "ft.ou.nan",
        "zz.1x2",
        "ft.ou.1e999",
        "ft.ou.1e9999999",
    ],
)
def test_what_is_no_market_is_refused(bad: str) -> None:
    with pytest.raises(ValueError):
        parse_market(bad)


@pytest.mark.parametrize("bad", ["ft.1x2.over", "ft.ou.2.5.home", "ft.ah.0.draw", "home", ""])
def test_a_side_that_the_kind_does_not_have_is_refused(bad: str) -> None:
    with pytest.raises(ValueError):
        parse_selection(bad)


def test_accents_vanish_and_unwritable_names_do_not_collide() -> None:
    assert slug("Atlético São-Paulo (W)") == "atletico-sao-paulo-w"
    assert slug("東京") != slug("大阪")
    assert slug("東京") == slug("東京")
