"""The worst case is the worst case."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keter.domain.exposure import (
    LONGEST_GRID_LINE,
    Exposure,
    ExposureStatus,
    open_stake,
    worst_case,
)
from keter.domain.market_kinds import LINED, OUTCOMES, MarketKind, Outcome
from keter.domain.markets import Market, parse_selection
from keter.domain.sports import FULL_TIME, HALF_TIME, SPORTS
from keter.domain.sports_scores import MatchScore
from keter.domain.sports_settlement import counted, settle_sport
from tests.kit.settling import settle
from tests.kit.sport_scores import SCORES

NOW = datetime(2026, 2, 21, 12, tzinfo=UTC)
FT, HT = FULL_TIME, HALF_TIME
BRUTE_GOALS = 19  # twice the largest line drawn and more


def exposure(
    market: Market | None,
    outcome: Outcome | None,
    stake_minor: int = 1000,
    score_at_bet: tuple[int, int] | None = None,
) -> Exposure:
    return Exposure(
        "d",
        "e",
        "L",
        market,
        outcome,
        stake_minor,
        "2.00",
        ExposureStatus.BET,
        NOW,
        score_at_bet=score_at_bet,
    )


@st.composite
def bets(draw: st.DrawFn, periods: tuple[str, ...] = (FT,), in_play: bool = False) -> Exposure:
    kind = draw(st.sampled_from(MarketKind))
    period = draw(st.sampled_from(periods))
    line_q = {
        MarketKind.ASIAN_HANDICAP: st.integers(-22, 22),
        MarketKind.OVER_UNDER: st.integers(1, 26),
    }.get(kind, st.none())
    market = Market(period, kind, draw(line_q))
    start = draw(st.none() | st.tuples(st.integers(0, 3), st.integers(0, 3))) if in_play else None
    return exposure(
        market, draw(st.sampled_from(OUTCOMES[kind])), draw(st.integers(1, 20_000)), start
    )


def loss_at(bet: Exposure, final: tuple[int, int], half_time: tuple[int, int] = (0, 0)) -> int:
    """Return what the bookmaker would take at this score, by the settlement that books money."""
    assert bet.market is not None
    assert bet.outcome is not None
    booked = settle(
        bet.market,
        bet.outcome,
        final=final,
        half_time=half_time,
        score_at_bet=bet.score_at_bet,
        odds=Decimal(bet.odds),
        stake_minor=bet.stake_minor,
    )
    return max(0, -booked.profit_minor)


@settings(max_examples=150, deadline=None)
@given(st.lists(bets(), min_size=1, max_size=5))
def test_the_worst_case_is_the_largest_settled_loss_over_every_score(taken: list[Exposure]) -> None:
    scores = [(home, away) for home in range(BRUTE_GOALS) for away in range(BRUTE_GOALS)]
    assert worst_case(taken) == max(sum(loss_at(bet, score) for bet in taken) for score in scores)


@settings(max_examples=60, deadline=None)
@given(st.lists(bets((FT, HT)), min_size=1, max_size=4), st.data())
def test_no_match_with_a_first_half_costs_more_than_the_worst_case(
    taken: list[Exposure], data: st.DataObject
) -> None:
    half = data.draw(st.tuples(st.integers(0, 8), st.integers(0, 8)))
    more = data.draw(st.tuples(st.integers(0, 8), st.integers(0, 8)))
    final = (half[0] + more[0], half[1] + more[1])
    assert sum(loss_at(bet, final, half) for bet in taken) <= worst_case(taken)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(bets(in_play=True), min_size=1, max_size=4),
    st.tuples(st.integers(3, 12), st.integers(3, 12)),
)
def test_handicaps_struck_in_play_never_cost_more_than_the_worst_case(
    taken: list[Exposure], final: tuple[int, int]
) -> None:
    assert sum(loss_at(bet, final) for bet in taken) <= worst_case(taken)


@settings(max_examples=60, deadline=None)
@given(st.lists(bets((FT, HT)), min_size=1, max_size=4), bets((FT, HT)))
def test_a_bet_that_ends_never_raises_the_worst_case_of_the_others(
    taken: list[Exposure], other: Exposure
) -> None:
    """Reservations expire and bets are refused at any time: what was within a cap must stay within
    it.
    """
    together = worst_case([*taken, other])
    assert worst_case(taken) <= together <= worst_case(taken) + other.stake_minor


def test_opposite_sides_of_a_line_lose_only_once() -> None:
    line = Market(FT, MarketKind.OVER_UNDER, 10)
    assert worst_case([exposure(line, Outcome.OVER), exposure(line, Outcome.UNDER, 700)]) == 1000


def test_home_and_away_both_lose_in_a_draw() -> None:
    result = Market(FT, MarketKind.ONE_X_TWO, None)
    assert worst_case([exposure(result, Outcome.HOME), exposure(result, Outcome.AWAY, 700)]) == 1700


def test_a_half_loss_of_an_odd_stake_is_rounded_up() -> None:
    """At 1-1 home -0.25 loses half of 5 cents, booked as 3, and away at 1X2 all of 300; at 0-1 and
    1-0 less is lost.
    """
    quarter = exposure(Market(FT, MarketKind.ASIAN_HANDICAP, -1), Outcome.HOME, 5)
    assert (
        worst_case([quarter, exposure(Market(FT, MarketKind.ONE_X_TWO, None), Outcome.AWAY, 300)])
        == 303
    )


@st.composite
def orders_of(draw: st.DrawFn, code: str) -> tuple[MatchScore, list[Exposure]]:
    """Return a score of a sport, and bets on its markets whose lines lie where they matter."""
    sport, score = SPORTS[code], draw(SCORES[code])
    forms = [(period.code, kind) for period in sport.periods for kind in period.kinds]
    taken = []
    for _ in range(draw(st.integers(1, 5))):
        period, kind = draw(st.sampled_from(forms))
        line_q = None
        if kind.family in LINED:
            home, away = counted(Market(period, kind.text, 0, code), score)
            centre = home + away if kind.family is MarketKind.OVER_UNDER else away - home
            line_q = 4 * centre + draw(st.integers(-3, 3))
        market = Market(period, kind.text, line_q, code)
        outcome = draw(st.sampled_from(market.outcomes))
        start = draw(st.none() | st.just((9, 0)))
        taken.append(exposure(market, outcome, draw(st.integers(1, 20_000)), start))
    return score, taken


@settings(max_examples=80, deadline=None)
@given(st.sampled_from([code for code in SPORTS if code != "fb"]).flatmap(orders_of))
def test_no_score_of_another_sport_costs_more_than_the_worst_case(
    drawn: tuple[MatchScore, list[Exposure]],
) -> None:
    score, taken = drawn
    lost = 0
    for bet in taken:
        assert bet.market is not None and bet.outcome is not None
        booked = settle_sport(
            bet.market,
            bet.outcome,
            score,
            score_at_bet=bet.score_at_bet,
            odds="2.00",
            stake_minor=bet.stake_minor,
        )
        lost += max(0, -booked.profit_minor)
    assert lost <= worst_case(taken) <= sum(bet.stake_minor for bet in taken)
    for number in range(len(taken)):
        others = taken[:number] + taken[number + 1 :]
        assert worst_case(others) <= worst_case(taken)


@pytest.mark.parametrize(
    ("sport", "bets_made", "worst"),
    [
        ("bb", {"ot.ou.221.over": 1000, "ot.ou.221.under": 700}, 1000),
        ("bb", {"ot.ou.221.over": 1000, "ot.ou.222.under": 700}, 1700),  # another line adds up
        ("te", {"ft.ml.home": 1000, "ft.sets-ah.-1.5.away": 700}, 1700),
        ("ih", {"reg.1x2.home": 1000, "reg.1x2.draw": 700, "reg.1x2.away": 400}, 1700),
        ("ih", {"reg.1x2.home": 1000, "reg.1x2.away": 400}, 1400),  # a draw
        ("bs", {"ft.ml.home": 1000, "f5.ml.away": 400}, 1400),
    ],
)
def test_in_other_sports_only_the_outcomes_of_one_market_exclude_each_other(
    sport: str, bets_made: dict[str, int], worst: int
) -> None:
    taken = [
        exposure(*parse_selection(sport, selection), stake)
        for selection, stake in bets_made.items()
    ]
    assert worst_case(taken) == worst


def test_a_foreign_ticket_that_nobody_can_read_counts_as_lost() -> None:
    readable = exposure(Market(FT, MarketKind.ONE_X_TWO, None), Outcome.HOME)
    assert worst_case([exposure(None, None, 5000), readable]) == 6000


def test_a_line_beyond_the_grid_counts_as_lost_beside_everything_else() -> None:
    far = Market(FT, MarketKind.OVER_UNDER, 4 * (LONGEST_GRID_LINE + 1))
    assert worst_case([exposure(far, Outcome.OVER), exposure(far, Outcome.UNDER)]) == 2000


def test_nothing_at_risk_costs_nothing() -> None:
    assert worst_case([]) == 0
    assert open_stake([]) == 0
