"""Bets of every sport settle as the cited rules say, from the price to the cent."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keter.domain.market_kinds import LINED, OUTCOMES, MarketKind, Outcome
from keter.domain.markets import Market, parse_selection
from keter.domain.order_states import OrderState
from keter.domain.settlement import Settlement, settle_count
from keter.domain.sports import FULL_TIME, HALF_TIME, SPORTS
from keter.domain.sports_scores import (
    BaseballScore,
    BasketballScore,
    Ending,
    FootballScore,
    HockeyScore,
    MatchScore,
    Pair,
    TennisScore,
)
from keter.domain.sports_settlement import (
    HouseRules,
    Retirement,
    VoidReason,
    counted,
    settle_sport,
    void_reason,
)
from keter.errors import InvalidOddsError
from keter.pricing.devigging import devig
from keter.pricing.value import expected_value
from tests.kit.sport_scores import SCORES, goals

STOPPED, NOT_PLAYED = Ending.STOPPED, Ending.NOT_PLAYED
STAKE = 10_000
EVEN = Decimal(2)
VOID = Settlement(OrderState.VOID, 0)

FORMS = [
    (sport.code, period.code, kind)
    for sport in SPORTS.values()
    for period in sport.periods
    for kind in period.kinds
]


@st.composite
def settled(draw: st.DrawFn, *, lined: bool = False) -> tuple[Market, MatchScore]:
    """Return a market and a completed score; lines lie where they matter."""
    forms = [form for form in FORMS if not lined or form[2].family in LINED]
    sport, period, kind = draw(st.sampled_from(forms))
    score = draw(SCORES[sport])
    if kind.family not in LINED:
        return Market(period, kind.text, None, sport), score
    probe = Market(period, kind.text, 0, sport)
    home, away = counted(probe, score)
    centre = home + away if kind.family == MarketKind.OVER_UNDER else away - home
    return Market(period, kind.text, 4 * centre + draw(st.integers(-9, 9)), sport), score


def bet(
    sport: str, selection: str, score: MatchScore, odds: str = "2", **more: object
) -> Settlement:
    """Settle 100.00 on a selection written as its id."""
    market, outcome = parse_selection(sport, selection)
    return settle_sport(
        market,
        outcome,
        score,
        odds=odds,
        stake_minor=STAKE,
        **more,  # type: ignore[arg-type]  # the named arguments of settle_sport
    )


def by_hand(market: Market, outcome: Outcome, score: MatchScore, odds: Fraction) -> Fraction:
    """Return the profit per unit from the definition: each half of the stake on its own line."""
    home, away = counted(market, score)
    if market.rule.family not in LINED:
        winner = "home" if home > away else "away" if away > home else "draw"
        if winner == "draw" and market.rule.family == MarketKind.MONEY_LINE:
            return Fraction(0)
        return odds - 1 if outcome.value == winner else Fraction(-1)
    line = Fraction(market.line_q or 0, 4)
    quarter = Fraction(1, 4) if (market.line_q or 0) % 2 else Fraction(0)
    profit = Fraction(0)
    for leg in (line - quarter, line + quarter):
        if market.rule.family == MarketKind.OVER_UNDER:
            beaten = home + away - leg if outcome == "over" else leg - home - away
        else:
            beaten = home + leg - away if outcome == "home" else away - leg - home
        profit += (odds - 1 if beaten > 0 else -1 if beaten < 0 else 0) * Fraction(1, 2)
    return profit


# What holds in every sport.


@given(settled(), st.sampled_from(["1.5", "1.91", "2", "3.4"]))
def test_a_bet_pays_what_its_definition_says(bet_on: tuple[Market, MatchScore], odds: str) -> None:
    market, score = bet_on
    for outcome in market.outcomes:
        result = settle_sport(market, outcome, score, odds=odds, stake_minor=STAKE)
        assert result.profit_minor == by_hand(market, outcome, score, Fraction(odds)) * STAKE


@given(settled())
def test_never_do_two_sides_of_a_market_both_win(bet_on: tuple[Market, MatchScore]) -> None:
    market, score = bet_on
    results = [
        settle_sport(market, outcome, score, odds=EVEN, stake_minor=STAKE).profit_minor
        for outcome in market.outcomes
    ]
    assert sum(profit > 0 for profit in results) <= 1
    if len(results) == 2:
        assert sum(results) == 0
    else:
        assert sorted(results) == [-STAKE, -STAKE, STAKE]


@given(settled(lined=True))
def test_a_quarter_line_is_the_mean_of_its_halves(bet_on: tuple[Market, MatchScore]) -> None:
    market, score = bet_on
    if (line_q := market.line_q or 0) % 2 == 0:
        line_q += 1
    for outcome in market.outcomes:
        whole, low, high = (
            settle_sport(
                Market(market.period, market.kind, one, market.sport),
                outcome,
                score,
                odds="1.9",
                stake_minor=STAKE,
            ).profit_minor
            for one in (line_q, line_q - 1, line_q + 1)
        )
        assert 2 * whole == low + high


@given(settled(lined=True))
def test_a_score_on_the_line_gives_the_stake_back(
    bet_on: tuple[Market, MatchScore],
) -> None:
    market, score = bet_on
    home, away = counted(market, score)
    on = home + away if market.rule.family == MarketKind.OVER_UNDER else away - home
    level = Market(market.period, market.kind, 4 * on, market.sport)
    for outcome in level.outcomes:
        pushed = settle_sport(level, outcome, score, odds="1.9", stake_minor=STAKE)
        assert pushed == Settlement(OrderState.PUSHED, 0)


@given(settled(lined=True), st.tuples(goals, goals))
def test_the_score_at_the_bet_moves_no_result_outside_football(
    bet_on: tuple[Market, MatchScore], start: Pair
) -> None:
    market, score = bet_on
    for outcome in market.outcomes:
        before = settle_sport(market, outcome, score, odds=EVEN, stake_minor=STAKE)
        in_play = settle_sport(
            market, outcome, score, odds=EVEN, stake_minor=STAKE, score_at_bet=start
        )
        if market.sport != "fb" or market.kind != "ah" or start[0] == start[1]:
            assert in_play == before


@given(settled(), st.booleans())
def test_a_match_that_was_not_played_gives_every_stake_back(
    bet_on: tuple[Market, MatchScore], passed: bool
) -> None:
    market, _ = bet_on
    score = market.of.score_type(ending=NOT_PLAYED)
    rules = HouseRules(passed_totals_stand=passed, retirement=Retirement.FIRST_POINT)
    assert void_reason(market, score, rules) is VoidReason.NOT_PLAYED
    for outcome in market.outcomes:
        assert (
            settle_sport(market, outcome, score, odds=EVEN, stake_minor=STAKE, rules=rules) == VOID
        )


# Football counts goals, each half on its own.


@given(
    st.sampled_from([FULL_TIME, HALF_TIME]),
    st.sampled_from(list(MarketKind)),
    st.integers(-20, 20),
    st.tuples(goals, goals),
    st.tuples(goals, goals),
    st.none() | st.tuples(goals, goals),
    st.sampled_from(["1.5", "2.05", "3.37"]),
)
def test_football_settles_on_the_goals_of_the_period(
    period: str,
    kind: MarketKind,
    line_q: int,
    full: Pair,
    half: Pair,
    start: Pair | None,
    odds: str,
) -> None:
    market = Market(period, kind, line_q if kind in LINED else None)
    for outcome in OUTCOMES[kind]:
        for final, ending in ((full, Ending.COMPLETED), (None, STOPPED)):
            for half_time in (half, None):
                if half_time is None and final is not None:
                    continue  # refused, below
                own = half_time if period == HALF_TIME else final
                assert settle_count(
                    market, outcome, own, start=start or (0, 0), odds=odds, stake_minor=1001
                ) == settle_sport(
                    market,
                    outcome,
                    FootballScore(final, half_time, ending),
                    score_at_bet=start,
                    odds=odds,
                    stake_minor=1001,
                )


def test_a_half_time_bet_needs_the_half_time_score() -> None:
    with pytest.raises(ValueError, match="needs the score of its period"):
        bet("fb", "ht.1x2.home", FootballScore((1, 0)))


# From the price to the settlement, sport by sport.

BO3 = TennisScore(((6, 4), (3, 6), (7, 6)))
NINE = BaseballScore(home=(0, 0, 1, 0, 0, 0, 3, 0), away=(1, 0, 0, 1, 0, 0, 0, 0, 0))
OVERTIME = BasketballScore((101, 101), (110, 113))
SHOOTOUT = HockeyScore((2, 2), (3, 2))


@pytest.mark.parametrize(
    ("sport", "selection", "sharp", "offered", "score", "profit"),
    [
        ("fb", "ft.ah.-0.25.home", ["1.90", "2.00"], "2.12", FootballScore((1, 1)), -5000),
        ("te", "ft.ml.home", ["1.60", "2.45"], "1.72", BO3, 7200),
        ("te", "ft.sets-ah.1.5.away", ["1.40", "3.00"], "3.30", BO3, -10_000),
        ("te", "ft.sets-ou.2.5.over", ["2.20", "1.72"], "2.40", BO3, 14_000),
        ("te", "ft.games-ah.-0.5.away", ["1.90", "1.98"], "2.12", BO3, 11_200),  # 16-16
        ("te", "ft.games-ah.0.home", ["1.90", "1.98"], "2.05", BO3, 0),
        ("te", "ft.games-ou.32.5.under", ["1.95", "1.93"], "2.05", BO3, 10_500),
        ("te", "s1.games-ou.9.5.over", ["1.95", "1.93"], "2.10", BO3, 11_000),
        ("bs", "ft.ml.home", ["1.80", "2.12"], "1.92", NINE, 9200),
        ("bs", "ft.ah.-1.5.home", ["2.60", "1.55"], "2.80", NINE, 18_000),
        ("bs", "ft.ou.6.over", ["1.87", "2.02"], "2.04", NINE, 0),
        ("bs", "f5.ml.home", ["1.90", "1.98"], "2.06", NINE, -10_000),  # 1-2 after five
        ("bs", "f5.ou.3.5.under", ["1.90", "2.00"], "2.15", NINE, 11_500),
        ("bb", "ot.ml.away", ["1.50", "2.75"], "3.00", OVERTIME, 20_000),
        ("bb", "ot.ah.3.5.home", ["1.93", "1.95"], "2.05", OVERTIME, 10_500),
        ("bb", "ot.ah.2.5.home", ["1.93", "1.95"], "2.05", OVERTIME, -10_000),
        ("bb", "ot.ou.221.5.over", ["1.93", "1.95"], "2.05", OVERTIME, 10_500),
        ("bb", "reg.ou.221.5.over", ["1.93", "1.95"], "2.05", OVERTIME, -10_000),
        ("bb", "reg.ml.home", ["1.50", "2.75"], "1.62", OVERTIME, 0),
        ("ih", "ot.ml.home", ["1.70", "2.25"], "1.85", SHOOTOUT, 8500),
        ("ih", "reg.1x2.draw", ["2.10", "4.20", "3.60"], "4.80", SHOOTOUT, 38_000),
        ("ih", "reg.1x2.home", ["2.10", "4.20", "3.60"], "2.40", SHOOTOUT, -10_000),
        ("ih", "ot.ah.-1.5.home", ["2.90", "1.45"], "3.20", SHOOTOUT, -10_000),
        ("ih", "ot.ou.5.over", ["1.80", "2.10"], "1.95", SHOOTOUT, 0),
        ("ih", "reg.ou.4.5.over", ["1.95", "1.93"], "2.05", SHOOTOUT, -10_000),
        ("ih", "ot.ou.4.75.over", ["1.95", "1.93"], "2.10", SHOOTOUT, 5500),
    ],
)
def test_a_price_with_value_becomes_the_profit_of_its_result(
    sport: str, selection: str, sharp: list[str], offered: str, score: MatchScore, profit: int
) -> None:
    market, outcome = parse_selection(sport, selection)
    fair = devig([float(odds) for odds in sharp])
    chance = float(fair[market.outcomes.index(outcome)])
    assert expected_value({"win": chance, "loss": 1 - chance}, float(offered)) > 0
    result = bet(sport, market.selection_id(outcome), score, offered)
    assert result.profit_minor == profit


def test_a_handicap_in_play_counts_the_whole_match_outside_football() -> None:
    """The home team leads by 12 at the bet, and loses by 3: from the bet on it would lose by 15."""
    score = BasketballScore((99, 102))
    market, outcome = parse_selection("bb", "ot.ah.5.5.home")
    taken = settle_sport(
        market, outcome, score, odds="1.9", stake_minor=1000, score_at_bet=(52, 40)
    )
    assert taken == Settlement(OrderState.WON, 900)
    laid = settle_sport(
        market, Outcome.AWAY, score, odds="1.9", stake_minor=1000, score_at_bet=(52, 40)
    )
    assert laid == Settlement(OrderState.LOST, -1000)
    football = bet("fb", "ft.ah.-0.5.home", FootballScore((1, 0)), score_at_bet=(1, 0))
    assert football.state is OrderState.LOST


# Void rules.

AHEAD = TennisScore(((6, 0), (2, 0)), ending=STOPPED, winner=Outcome.AWAY)
FIRST_SET_LOST = TennisScore(((5, 2),), ending=STOPPED, winner=Outcome.HOME)
LONG = TennisScore(((7, 6), (6, 7), (6, 6)), ending=STOPPED, winner=Outcome.HOME)


@pytest.mark.parametrize(
    ("selection", "score", "reason"),
    [
        ("ft.ml.home", AHEAD, None),
        ("ft.ml.home", FIRST_SET_LOST, VoidReason.RETIRED),
        ("ft.ml.home", TennisScore(((6, 0),), ending=STOPPED), VoidReason.ABANDONED),
        ("ft.games-ou.20.5.over", LONG, VoidReason.RETIRED),
        ("ft.games-ah.-1.5.home", LONG, VoidReason.RETIRED),
        ("ft.sets-ou.2.5.over", LONG, VoidReason.RETIRED),
        ("ft.sets-ah.-1.5.home", LONG, VoidReason.RETIRED),
        ("s1.ml.home", AHEAD, None),
        ("s1.ml.home", FIRST_SET_LOST, VoidReason.RETIRED),
        ("s1.games-ou.6.5.over", FIRST_SET_LOST, VoidReason.RETIRED),
    ],
)
def test_a_retirement_voids_what_pinnacle_voids(
    selection: str, score: TennisScore, reason: VoidReason | None
) -> None:
    market, outcome = parse_selection("te", selection)
    assert void_reason(market, score) is reason
    assert (bet("te", market.selection_id(outcome), score) == VOID) is (reason is not None)


def test_who_retires_ahead_loses_the_money_line() -> None:
    assert bet("te", "ft.ml.home", AHEAD).state is OrderState.LOST
    assert bet("te", "ft.ml.away", AHEAD).state is OrderState.WON


@pytest.mark.parametrize(
    ("retirement", "after_a_set", "within_the_first", "before_any"),
    [
        (Retirement.FIRST_SET, True, False, False),
        (Retirement.FIRST_POINT, True, True, False),
        (Retirement.NEVER, False, False, False),
    ],
)
def test_books_differ_on_when_a_tennis_money_line_stands(
    retirement: Retirement, after_a_set: bool, within_the_first: bool, before_any: bool
) -> None:
    rules = HouseRules(retirement=retirement)
    none_played = TennisScore(ending=STOPPED, winner=Outcome.HOME)
    for score, stands in (
        (AHEAD, after_a_set),
        (FIRST_SET_LOST, within_the_first),
        (none_played, before_any),
    ):
        market = Market("ft", "ml", None, "te")
        assert (void_reason(market, score, rules) is None) is stands


def test_a_total_that_was_passed_stands_only_where_the_book_says_so() -> None:
    lenient = HouseRules(passed_totals_stand=True)
    assert bet("te", "ft.games-ou.20.5.over", LONG) == VOID
    assert bet("te", "ft.games-ou.20.5.over", LONG, rules=lenient).state is OrderState.WON
    assert bet("te", "ft.games-ou.20.5.under", LONG, rules=lenient).state is OrderState.LOST
    assert bet("te", "ft.games-ou.38.over", LONG, rules=lenient) == VOID  # 38 games: on the line
    assert bet("te", "ft.games-ou.37.75.over", LONG, rules=lenient) == VOID  # half of it is open
    assert bet("te", "ft.games-ou.37.5.over", LONG, rules=lenient).state is OrderState.WON
    assert bet("te", "ft.games-ah.30.5.home", LONG, rules=lenient) == VOID
    called = BaseballScore((5, 0, 0), (4, 0, 0), ending=STOPPED)
    assert bet("bs", "ft.ou.8.5.over", called, rules=lenient).state is OrderState.WON
    # Nine runs were scored; those of the unfinished half inning do not count.
    unfinished = BaseballScore((5,), (0, 4), ending=STOPPED, last_half_finished=False)
    assert bet("bs", "ft.ou.8.5.over", unfinished, rules=lenient) == VOID


SIX = BaseballScore((0, 0, 2, 0, 0, 0), (1, 0, 0, 0, 0, 0), ending=STOPPED)
FOUR_AND_A_HALF = BaseballScore((0, 0, 2, 0), (1, 0, 0, 0, 0), ending=STOPPED)
FOUR = BaseballScore((0, 0, 2, 0), (1, 0, 0, 0), ending=STOPPED)
NINE_AND_A_HALF = BaseballScore((1,) * 9, (1,) * 9 + (4,), ending=STOPPED, last_half_finished=False)
SEVEN_OF_SEVEN = BaseballScore((1,) * 7, (0,) * 7, scheduled=7)


@pytest.mark.parametrize(
    ("selection", "score", "state"),
    [
        ("ft.ml.home", SIX, OrderState.WON),
        ("ft.ah.-0.5.home", SIX, OrderState.VOID),
        ("ft.ou.2.5.over", SIX, OrderState.VOID),
        ("f5.ou.2.5.over", SIX, OrderState.WON),
        ("f5.ah.-1.5.home", SIX, OrderState.LOST),
        ("ft.ml.away", FOUR_AND_A_HALF, OrderState.LOST),
        ("f5.ml.home", FOUR_AND_A_HALF, OrderState.WON),
        ("f5.ah.-0.5.home", FOUR_AND_A_HALF, OrderState.WON),
        ("f5.ou.2.5.over", FOUR_AND_A_HALF, OrderState.VOID),
        ("ft.ml.home", FOUR, OrderState.VOID),
        ("f5.ml.home", FOUR, OrderState.VOID),
        # Called in the tenth: the level score after nine innings is what counts.
        ("ft.ml.away", NINE_AND_A_HALF, OrderState.PUSHED),
        ("ft.ou.18.5.under", NINE_AND_A_HALF, OrderState.WON),
        ("ft.ah.0.5.home", NINE_AND_A_HALF, OrderState.WON),
        ("ft.ah.-1.5.home", SEVEN_OF_SEVEN, OrderState.WON),
    ],
)
def test_a_shortened_game_counts_for_the_money_line_before_it_does_for_runs(
    selection: str, score: BaseballScore, state: OrderState
) -> None:
    assert bet("bs", selection, score).state is state


def test_books_differ_on_when_a_baseball_money_line_is_official() -> None:
    rules = HouseRules(official_innings=9)
    assert bet("bs", "ft.ml.home", SIX, rules=rules) == VOID
    assert bet("bs", "ft.ml.home", NINE, rules=rules).state is OrderState.WON
    # A game of seven that is called in its eighth has gone all the innings it has.
    of_seven = BaseballScore((1,) * 7, (1,) * 7 + (0,), scheduled=7, ending=STOPPED)
    assert bet("bs", "ft.ou.13.5.over", of_seven, rules=rules).state is OrderState.WON
    assert bet("bs", "ft.ml.home", of_seven, rules=rules).state is OrderState.PUSHED


def test_another_starting_pitcher_voids_every_bet_unless_action_was_agreed() -> None:
    changed = BaseballScore(NINE.home, NINE.away, listed_pitchers_started=False)
    action = HouseRules(listed_pitchers=False)
    for selection in ("ft.ml.home", "ft.ah.-1.5.home", "ft.ou.5.5.over", "f5.ml.away"):
        market, _ = parse_selection("bs", selection)
        assert void_reason(market, changed) is VoidReason.PITCHER_CHANGED
        assert bet("bs", selection, changed) == VOID
        assert bet("bs", selection, changed, rules=action) == bet("bs", selection, NINE)


@pytest.mark.parametrize("make", [BasketballScore, HockeyScore])
@pytest.mark.parametrize(("missing", "stands"), [(0, True), (5, True), (6, False), (20, False)])
def test_a_game_by_the_clock_stands_with_five_minutes_missing_at_most(
    make: type[BasketballScore] | type[HockeyScore], missing: int, stands: bool
) -> None:
    score = make((3, 1), None, STOPPED, missing)
    sport = "bb" if make is BasketballScore else "ih"
    for selection in ("ot.ml.home", "ot.ah.-1.5.home", "reg.ou.3.5.over", "reg.1x2.home"):
        market, _ = parse_selection(sport, selection)
        assert (void_reason(market, score) is None) is stands
        expected = Settlement(OrderState.WON, STAKE) if stands else VOID
        assert bet(sport, selection, score) == expected


def test_a_level_game_pushes_the_two_way_money_line_and_wins_the_draw() -> None:
    level = HockeyScore((2, 2))
    assert bet("ih", "ot.ml.home", level) == Settlement(OrderState.PUSHED, 0)
    assert bet("ih", "reg.ml.away", level) == Settlement(OrderState.PUSHED, 0)
    assert bet("ih", "reg.1x2.draw", level).state is OrderState.WON


# What cannot be settled.


def test_a_score_of_another_sport_is_refused() -> None:
    with pytest.raises(ValueError, match="baseball is settled on a BaseballScore, not on a Hock"):
        bet("bs", "ft.ml.home", SHOOTOUT)
    with pytest.raises(ValueError, match="basketball is settled on a BasketballScore"):
        void_reason(Market("ot", "ml", None, "bb"), SHOOTOUT)
    with pytest.raises(ValueError, match="tennis is settled"):
        counted(Market("ft", "ml", None, "te"), SHOOTOUT)


def test_a_side_odds_or_stake_that_cannot_be_is_refused_also_of_a_void_bet() -> None:
    score = TennisScore(ending=NOT_PLAYED)
    market = Market("ft", "ml", None, "te")
    with pytest.raises(ValueError, match="ml has no over"):
        settle_sport(market, Outcome.OVER, score, odds=EVEN, stake_minor=1)
    with pytest.raises(InvalidOddsError):
        settle_sport(market, Outcome.HOME, score, odds="1", stake_minor=1)
    with pytest.raises(ValueError, match="cannot be negative"):
        settle_sport(market, Outcome.HOME, score, odds=EVEN, stake_minor=-1)


def test_what_was_not_scored_cannot_be_counted() -> None:
    none_played = TennisScore(ending=STOPPED)
    with pytest.raises(ValueError, match="needs the first set"):
        counted(Market("s1", "ml", None, "te"), none_played)
    with pytest.raises(ValueError, match="needs a winner"):
        counted(Market("ft", "ml", None, "te"), none_played)
