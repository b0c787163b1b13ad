"""Market ids of every sport are readable, exact, and football's are what they were."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keter.domain.markets import LINED, Market, MarketKind, Outcome, Period
from keter.domain.sports import SPORTS, Unit, UnmodelledSportError
from keter.domain.sports_markets import (
    SportMarket,
    as_football,
    of_football,
    parse_sport_market,
    parse_sport_selection,
)

FORMS = [
    (sport.code, period.code, kind)
    for sport in SPORTS.values()
    for period in sport.periods
    for kind in period.kinds
]
lines = st.integers(-4000, 4000)


@st.composite
def markets(draw: st.DrawFn) -> SportMarket:
    sport, period, kind = draw(st.sampled_from(FORMS))
    return SportMarket(sport, period, kind.text, draw(lines) if kind.family in LINED else None)


@given(markets())
def test_an_id_is_read_back_as_its_market(market: SportMarket) -> None:
    assert parse_sport_market(market.sport, market.market_id) == market
    for side in market.sides:
        selection = market.selection_id(side)
        assert parse_sport_selection(market.sport, selection) == (market, side)


@given(st.sampled_from(list(Period)), st.sampled_from(list(MarketKind)), lines)
def test_a_football_market_keeps_its_id_and_its_sides(
    period: Period, kind: MarketKind, line_q: int
) -> None:
    market = Market(period, kind, line_q if kind in LINED else None)
    new = of_football(market)
    assert (new.market_id, new.sides) == (market.market_id, market.sides)
    assert as_football(new) == market


@pytest.mark.parametrize(
    ("sport", "market_id", "unit", "sides"),
    [
        ("tn", "ft.ml", Unit.WINNER, ("home", "away")),
        ("tn", "ft.sets-ah.-1.5", Unit.SETS, ("home", "away")),
        ("tn", "ft.games-ou.22.5", Unit.GAMES, ("over", "under")),
        ("bs", "f5.ah.-0.5", Unit.RUNS, ("home", "away")),
        ("bk", "ot.ou.221", Unit.POINTS, ("over", "under")),
        ("ih", "reg.1x2", Unit.WINNER, ("home", "draw", "away")),
    ],
)
def test_ids_say_what_is_bet_on(
    sport: str, market_id: str, unit: Unit, sides: tuple[str, ...]
) -> None:
    market = parse_sport_market(sport, market_id)
    assert (market.market_id, market.unit, market.sides) == (market_id, unit, sides)


@pytest.mark.parametrize(
    ("sport", "market_id", "message"),
    [
        ("tn", "ft.1x2", "no '1x2'"),
        ("tn", "ft.ah.-1.5", "no 'ah'"),
        ("tn", "ht.ml", "no period 'ht'"),
        ("bs", "ft.1x2", "no '1x2'"),
        ("bk", "ft.ml", "no period 'ft'"),
        ("ih", "ot.1x2", "no '1x2'"),
        ("fb", "f5.ml", "no period 'f5'"),
        ("bk", "ot.ah", "needs line"),
        ("bk", "ot.ml.1", "has no line"),
        ("bs", "ft.ou.8.3", "quarter"),
    ],
)
def test_a_market_that_the_sport_does_not_have_is_refused(
    sport: str, market_id: str, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        parse_sport_market(sport, market_id)


def test_a_side_that_the_market_does_not_have_is_refused() -> None:
    with pytest.raises(ValueError, match="not a selection of tennis"):
        parse_sport_selection("tn", "ft.ml.over")
    with pytest.raises(ValueError, match="ml has no draw"):
        SportMarket("tn", "ft", "ml").selection_id(Outcome.DRAW)
    with pytest.raises(ValueError, match="not of football"):
        as_football(SportMarket("tn", "ft", "ml"))


def test_a_market_of_a_sport_that_is_not_modelled_is_refused() -> None:
    with pytest.raises(UnmodelledSportError, match="cricket"):
        parse_sport_market("cricket", "ft.ml")
