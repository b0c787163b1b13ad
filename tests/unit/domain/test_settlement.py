"""Bets settle as a bookmaker settles them, to the cent."""

from decimal import Decimal
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keter.domain.market_kinds import MarketKind, Outcome
from keter.domain.markets import Market, parse_market
from keter.domain.order_states import OrderState
from keter.domain.settlement import Settlement, result_halves, unit_profit
from keter.domain.sports import FULL_TIME, HALF_TIME
from keter.errors import InvalidOddsError
from tests.kit.settling import settle

FT, HT = FULL_TIME, HALF_TIME
goals = st.integers(0, 9)
handicaps = st.integers(-20, 20)


def handicap(own_line: float, outcome: Outcome) -> Market:
    """Return the market of a bet whose line is written from its own side."""
    return Market(
        FT, MarketKind.ASIAN_HANDICAP, int(own_line * 4) * (1 if outcome is Outcome.HOME else -1)
    )


@pytest.mark.parametrize(
    ("outcome", "line", "score", "odds", "profit"),
    [
        (Outcome.HOME, -0.25, (1, 1), "2.05", -5000),
        (Outcome.HOME, -0.75, (2, 1), "1.95", 4750),
        (Outcome.AWAY, 0.25, (1, 1), "1.88", 4400),
        (Outcome.HOME, 0, (0, 0), "1.90", 0),
        (Outcome.AWAY, 0.75, (1, 0), "2.02", -5000),
        (Outcome.HOME, -1, (2, 1), "2.10", 0),
        (Outcome.HOME, -1.25, (2, 1), "2.00", -5000),
        (Outcome.AWAY, -0.75, (0, 1), "2.40", 7000),
    ],
)
def test_handicaps_pay_as_the_reference_table_says(
    outcome: Outcome, line: float, score: tuple[int, int], odds: str, profit: int
) -> None:
    assert (
        settle(
            handicap(line, outcome), outcome, final=score, odds=Decimal(odds), stake_minor=10_000
        ).profit_minor
        == profit
    )


@pytest.mark.parametrize(
    ("outcome", "line", "total", "odds", "profit"),
    [
        (Outcome.OVER, 2.25, 2, "1.95", -5000),
        (Outcome.UNDER, 2.25, 2, "1.95", 4750),
        (Outcome.OVER, 2.75, 3, "2.00", 5000),
        (Outcome.UNDER, 3, 3, "1.90", 0),
        (Outcome.OVER, 2.5, 3, "1.87", 8700),
    ],
)
def test_totals_pay_as_the_reference_table_says(
    outcome: Outcome, line: float, total: int, odds: str, profit: int
) -> None:
    market = Market(FT, MarketKind.OVER_UNDER, int(line * 4))
    assert (
        settle(
            market, outcome, final=(total, 0), odds=Decimal(odds), stake_minor=10_000
        ).profit_minor
        == profit
    )


@given(goals, goals, handicaps)
def test_the_two_sides_of_a_line_always_settle_opposite(home: int, away: int, line_q: int) -> None:
    for kind, one, other in (
        (MarketKind.ASIAN_HANDICAP, Outcome.HOME, Outcome.AWAY),
        (MarketKind.OVER_UNDER, Outcome.OVER, Outcome.UNDER),
    ):
        market = Market(FT, kind, line_q)
        assert result_halves(market, one, home, away) == -result_halves(market, other, home, away)


@given(goals, goals, handicaps)
def test_swapping_the_teams_and_the_line_changes_nothing(home: int, away: int, line_q: int) -> None:
    here = Market(FT, MarketKind.ASIAN_HANDICAP, line_q)
    there = Market(FT, MarketKind.ASIAN_HANDICAP, -line_q)
    assert result_halves(here, Outcome.HOME, home, away) == result_halves(
        there, Outcome.AWAY, away, home
    )


@given(goals, goals, handicaps.filter(lambda q: q % 2 != 0))
def test_a_quarter_line_is_the_mean_of_the_lines_either_side(
    home: int, away: int, line_q: int
) -> None:
    legs = [Market(FT, MarketKind.ASIAN_HANDICAP, line_q + step) for step in (-1, 1)]
    both = sum(result_halves(leg, Outcome.HOME, home, away) for leg in legs)
    assert (
        2 * result_halves(Market(FT, MarketKind.ASIAN_HANDICAP, line_q), Outcome.HOME, home, away)
        == both
    )


@given(goals, goals)
def test_exactly_one_result_of_the_match_wins(home: int, away: int) -> None:
    market = Market(FT, MarketKind.ONE_X_TWO, None)
    assert sorted(result_halves(market, outcome, home, away) for outcome in market.outcomes) == [
        -2,
        -2,
        2,
    ]


def test_a_two_way_money_line_gives_the_stake_back_on_a_draw() -> None:
    market = Market(FT, MarketKind.MONEY_LINE, None)
    assert settle(
        market, Outcome.HOME, final=(1, 1), odds=Decimal("1.6"), stake_minor=500
    ) == Settlement(OrderState.PUSHED, 0)
    assert result_halves(market, Outcome.AWAY, 0, 1) == 2


def test_a_handicap_in_play_counts_from_the_score_at_the_bet_and_totals_do_not() -> None:
    minus_half = handicap(-0.5, Outcome.HOME)
    won = settle(
        minus_half,
        Outcome.HOME,
        final=(2, 0),
        score_at_bet=(1, 0),
        odds=Decimal("1.95"),
        stake_minor=10_000,
    )
    lost = settle(
        minus_half,
        Outcome.HOME,
        final=(1, 0),
        score_at_bet=(1, 0),
        odds=Decimal("1.95"),
        stake_minor=10_000,
    )
    assert (won.profit_minor, lost.profit_minor) == (9500, -10_000)
    over = Market(FT, MarketKind.OVER_UNDER, 6)
    total = settle(
        over, Outcome.OVER, final=(2, 0), score_at_bet=(1, 0), odds=Decimal(2), stake_minor=100
    )
    assert total.state is OrderState.WON


def test_half_time_markets_settle_on_the_half_time_score() -> None:
    market = Market(HT, MarketKind.ONE_X_TWO, None)
    settled = partial(settle, market, Outcome.DRAW, odds=Decimal(3), stake_minor=100)
    assert settled(final=(3, 0), half_time=(0, 0)) == Settlement(OrderState.WON, 200)
    assert settled(final=None, half_time=(0, 0)) == Settlement(OrderState.WON, 200)
    with pytest.raises(ValueError, match="score of its period"):
        settled(final=(3, 0))


def test_an_abandoned_match_voids_the_bet() -> None:
    market = Market(FT, MarketKind.ONE_X_TWO, None)
    assert settle(market, Outcome.HOME, final=None, odds=Decimal(2), stake_minor=100) == Settlement(
        OrderState.VOID, 0
    )


def test_half_a_cent_is_rounded_away_from_zero_once() -> None:
    for line, profit in ((-0.25, -501), (0.25, 501)):
        market = handicap(line, Outcome.HOME)
        assert (
            settle(
                market, Outcome.HOME, final=(1, 1), odds=Decimal(2), stake_minor=1001
            ).profit_minor
            == profit
        )


@given(
    st.decimals("1.01", "50", places=3), st.integers(0, 10**9), st.sampled_from([-2, -1, 0, 1, 2])
)
def test_no_result_costs_more_than_the_stake_or_pays_more_than_the_odds(
    odds: Decimal, stake: int, halves: int
) -> None:
    profit = unit_profit(halves, odds) * stake
    assert -stake <= profit <= stake * (odds - 1)
    assert (profit > 0) == (halves > 0 and stake > 0)


def test_what_cannot_be_settled_is_refused() -> None:
    market = Market(FT, MarketKind.ONE_X_TWO, None)
    with pytest.raises(ValueError, match="no over"):
        result_halves(market, Outcome.OVER, 1, 0)
    with pytest.raises(ValueError, match="negative"):
        result_halves(market, Outcome.HOME, -1, 0)
    with pytest.raises(ValueError, match="stake"):
        settle(market, Outcome.HOME, final=(1, 0), odds=Decimal(2), stake_minor=-1)
    with pytest.raises(InvalidOddsError):
        settle(market, Outcome.HOME, final=None, odds=Decimal(1), stake_minor=1)


@pytest.mark.parametrize("outcome", [Outcome.HOME, Outcome.AWAY])
def test_a_side_or_kind_given_as_text_settles_like_its_name(outcome: Outcome) -> None:
    worded = Market(FT, "ah", -1)
    kwargs: dict[str, object] = {
        "final": (1, 1),
        "odds": "2.05",
        "stake_minor": 10_000,
        "score_at_bet": (1, 0),
    }
    proper = settle(handicap(-0.25, Outcome.HOME), outcome, **kwargs)  # type: ignore[arg-type]  # a reader without types
    assert settle(worded, outcome.value, **kwargs) == proper  # type: ignore[arg-type]  # a reader without types


def test_scores_may_be_lists_and_are_whole_numbers() -> None:
    line = handicap(-0.25, Outcome.HOME)
    listed: tuple[int, int] = [1, 1]  # type: ignore[assignment]  # a reader without types
    lost = settle(line, Outcome.HOME, final=listed, odds="2.05", stake_minor=100)
    assert lost.profit_minor == -50
    for score in ((1,), (1, None), (1.5, 1), "1-1", (float("nan"), 1), ("1", "1"), (1, 1, 1)):
        with pytest.raises(ValueError, match="two whole numbers"):
            settle(line, Outcome.HOME, final=score, odds="2.05", stake_minor=100)  # type: ignore[arg-type]  # a reader without types
    with pytest.raises(ValueError, match="goals are whole numbers"):
        result_halves(line, Outcome.HOME, 1.5, 1)  # type: ignore[arg-type]  # a reader without types
    for stake in (10.5, None, "100"):
        with pytest.raises(ValueError, match="whole number of minor units"):
            settle(line, Outcome.HOME, final=(1, 1), odds="2.05", stake_minor=stake)  # type: ignore[arg-type]  # a reader without types


def test_a_market_in_plain_words_settles_on_the_score_of_its_period() -> None:
    scores: dict[str, Any] = {
        "final": (3, 0),
        "half_time": (0, 0),
        "odds": "2.05",
        "stake_minor": 10_000,
    }
    for market in (Market("ht", "ah", -1), parse_market("fb", "ht.ah.-0.25")):
        assert settle(market, Outcome.HOME, **scores) == Settlement(OrderState.HALF_LOST, -5_000)
    with pytest.raises(ValueError, match="nonsense"):
        parse_market("fb", "nonsense.ah.-0.25")
    with pytest.raises(ValueError, match="q1"):
        Market("q1", "ah", -1)
