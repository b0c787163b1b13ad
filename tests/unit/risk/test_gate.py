"""Limits hold, whatever is asked and in whatever order."""

from dataclasses import replace
from decimal import Decimal
from itertools import product
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keter.betting_settings import CommonRiskSettings, RiskSettings, StakeSettings
from keter.domain.exposure import DayRisk, Exposure, ExposureStatus
from keter.domain.market_kinds import MarketKind, Outcome
from keter.domain.markets import Market, parse_market
from keter.domain.settlement import result_halves
from keter.domain.signals import ConfirmedSignal, ValidatedMarket
from keter.domain.sports import FULL_TIME, HALF_TIME
from keter.domain.verdicts import Reason, accept, reject
from keter.pricing.staking import kelly
from keter.pricing.value import Chances
from keter.risk.gate import (
    RiskContext,
    RiskLimits,
    assess,
    best_first,
    chances_of,
    daily_loss_reached,
    losing_streak_reached,
    stake_for,
    worth_of,
)
from keter.strategies.value.edge import evaluate
from keter.strategies.value.evidence import recompute
from keter.strategies.value.settings import EdgeSettings
from tests.kit.signals import ACCOUNT, NOW, RESULT, a_signal, an_event, an_update, prices

LIMITS = RiskLimits(RiskSettings(), StakeSettings())
CALM = RiskContext(
    trading=accept(),
    permitted=True,
    exposures=(),
    day=DayRisk("2026-02-21"),
    bets_on_event=0,
    bets_in_window=0,
    cooling=None,
    balance_minor=100_000,
)


def taken(
    signal: ConfirmedSignal, stake_minor: int = 1000, status: ExposureStatus = ExposureStatus.BET
) -> Exposure:
    update = signal.update
    return Exposure(
        "d",
        signal.event_uid,
        update.event.league,
        update.market,
        signal.outcome,
        stake_minor,
        "2.2",
        status,
        NOW,
    )


def limited(**risk: Any) -> RiskLimits:
    return RiskLimits(RiskSettings(**risk), StakeSettings())


def staking(**stake: Any) -> RiskLimits:
    return RiskLimits(RiskSettings(), StakeSettings(**stake))


def reason(
    context: RiskContext, limits: RiskLimits = LIMITS, signal: ConfirmedSignal | None = None
) -> Reason:
    made = assess(signal or a_signal(), context, limits)
    assert made.verdict.accepted == (made.stake_minor > 0)
    return made.verdict.reason


def test_a_signal_on_a_calm_day_gets_the_fixed_stake() -> None:
    made = assess(a_signal(), CALM, LIMITS)
    assert (made.verdict.accepted, made.stake_minor) == (True, 1000)
    assert made.verdict.numbers["event_minor"] == 1000


@pytest.mark.parametrize(
    ("context", "tightest", "left", "limit"),
    [
        (CALM, "bets on the event", 2, 3),
        (
            replace(CALM, exposures=(taken(a_signal(outcome=Outcome.DRAW), 8000),)),
            "event",
            1000,
            10_000,
        ),
        (
            replace(CALM, day=DayRisk("2026-02-21", staked_minor=95_000)),
            "stakes of the day",
            4000,
            100_000,
        ),
        (replace(CALM, day=DayRisk("2026-02-21", pnl_minor=-13_999)), "loss of the day", 1, 14_000),
        (replace(CALM, day=DayRisk("2026-02-21", streak=6)), "losing streak", 1, 7),
        (replace(CALM, bets_on_event=2), "bets on the event", 0, 3),
        (replace(CALM, bets_in_window=5), "bets in the throttle window", 0, 6),
        (replace(CALM, balance_minor=1250), "balance", 250, 1250),
    ],
)
def test_a_pass_names_the_limit_of_which_the_smallest_part_is_left(
    context: RiskContext, tightest: str, left: int, limit: int
) -> None:
    verdict, _ = assess(a_signal(), context, LIMITS)
    shown = {name.removesuffix("_minor"): value for name, value in verdict.numbers.items()}
    assert (shown["tightest"], shown["tightest_left"], shown["tightest_limit"]) == (
        tightest,
        left,
        limit,
    )


@pytest.mark.parametrize(
    ("context", "expected"),
    [
        (
            replace(CALM, trading=reject(Reason.TRADING_NOT_ACTIVE, mode="PAUSED")),
            Reason.TRADING_NOT_ACTIVE,
        ),
        (replace(CALM, permitted=False), Reason.NOT_ARMED),
        (replace(CALM, day=DayRisk("2026-02-21", pnl_minor=-14_000)), Reason.DAILY_LOSS_LIMIT),
        (replace(CALM, day=DayRisk("2026-02-21", pnl_minor=-13_999)), Reason.OK),
        (replace(CALM, day=DayRisk("2026-02-21", streak=7)), Reason.LOSING_STREAK),
        (replace(CALM, day=DayRisk("2026-02-21", streak=6)), Reason.OK),
        (replace(CALM, exposures=(taken(a_signal()),)), Reason.SELECTION_OPEN),
        (
            replace(CALM, exposures=(taken(a_signal(), status=ExposureStatus.RESERVED),)),
            Reason.SELECTION_OPEN,
        ),
        (replace(CALM, exposures=(taken(a_signal(outcome=Outcome.AWAY)),)), Reason.OK),
        (replace(CALM, cooling=Reason.COOLDOWN_EVENT), Reason.COOLDOWN_EVENT),
        (replace(CALM, bets_on_event=3), Reason.EVENT_BET_COUNT),
        (replace(CALM, bets_on_event=2), Reason.OK),
        (replace(CALM, bets_in_window=6), Reason.THROTTLED),
        (replace(CALM, bets_in_window=5), Reason.OK),
        (replace(CALM, balance_minor=999), Reason.BALANCE_TOO_LOW),
        (replace(CALM, balance_minor=1000), Reason.OK),
        (replace(CALM, balance_minor=None), Reason.BALANCE_TOO_LOW),
        (replace(CALM, day=DayRisk("2026-02-21", staked_minor=99_001)), Reason.EXPOSURE_DAY),
        (replace(CALM, day=DayRisk("2026-02-21", staked_minor=99_000)), Reason.OK),
    ],
)
def test_each_limit_refuses_at_its_edge_and_not_before(
    context: RiskContext, expected: Reason
) -> None:
    assert reason(context) is expected


def elsewhere(
    stake_minor: int, league: str, status: ExposureStatus = ExposureStatus.BET
) -> Exposure:
    other = a_signal(event=an_event(home="Gamma", away="Delta", league=league))
    return taken(other, stake_minor, status)


@pytest.mark.parametrize(
    ("exposure", "limits", "expected"),
    [
        (taken(a_signal(outcome=Outcome.AWAY), 9001), LIMITS, Reason.EXPOSURE_EVENT),
        (taken(a_signal(outcome=Outcome.AWAY), 9000), LIMITS, Reason.OK),
        (elsewhere(49_001, "*DEMO LEAGUE"), LIMITS, Reason.EXPOSURE_LEAGUE),
        (elsewhere(49_001, "OTHER"), LIMITS, Reason.OK),
        (elsewhere(99_001, "OTHER"), limited(max_exposure_day=9999), Reason.EXPOSURE_TOTAL),
        (elsewhere(99_000, "OTHER"), limited(max_exposure_day=9999), Reason.OK),
        (
            elsewhere(99_001, "OTHER", ExposureStatus.RESERVED),
            limited(max_exposure_total=9999),
            Reason.EXPOSURE_DAY,
        ),
    ],
)
def test_caps_count_what_is_open_already(
    exposure: Exposure, limits: RiskLimits, expected: Reason
) -> None:
    assert reason(replace(CALM, exposures=(exposure,)), limits) is expected


@pytest.mark.parametrize(
    ("context", "expected"),
    [
        (replace(CALM, exposures=(elsewhere(48_000, "*DEMO LEAGUE"),)), ("league", 1000, 50_000)),
        (
            replace(CALM, exposures=(elsewhere(96_000, "OTHER"),)),
            ("open stakes in all", 3000, 100_000),
        ),
        (
            replace(
                CALM,
                exposures=(elsewhere(500, "OTHER", ExposureStatus.RESERVED),),
                balance_minor=2000,
            ),
            ("balance", 500, 2000),
        ),
    ],
)
def test_what_is_left_of_the_tightest_limit_counts_what_is_open_already(
    context: RiskContext, expected: tuple[str, int, int]
) -> None:
    numbers = assess(a_signal(), context, LIMITS)[0].numbers
    assert (
        numbers["tightest"],
        numbers["tightest_left_minor"],
        numbers["tightest_limit_minor"],
    ) == expected


def test_a_common_cap_is_the_tightest_where_the_smallest_part_of_it_is_left() -> None:
    """The other account has 10 at risk on the event, and this bet is 10 more of 25."""
    common = CommonRiskSettings(common_max_exposure_event=Decimal(25))
    context = replace(CALM, of_others=(taken(a_signal()),))
    made = assess(a_signal(), context, replace(LIMITS, common=common))
    numbers = made.verdict.numbers
    assert (numbers["tightest"], numbers["tightest_left_minor"]) == ("event on all accounts", 500)
    assert (numbers["common_event_minor"], numbers["event_minor"]) == (2000, 1000)


def test_a_foreign_ticket_weighs_on_the_caps_of_its_event() -> None:
    foreign = Exposure(
        "x", a_signal().event_uid, "", None, None, 9001, "2.0", ExposureStatus.BET, NOW
    )
    assert reason(replace(CALM, exposures=(foreign,))) is Reason.EXPOSURE_EVENT


def test_stakes_of_reservations_are_no_longer_in_the_balance() -> None:
    """The venue's credit falls when it hears of a bet; what we have promised and not sent must be
    subtracted by us.
    """
    waiting = elsewhere(500, "OTHER", ExposureStatus.RESERVED)
    assert reason(replace(CALM, exposures=(waiting,), balance_minor=1499)) is Reason.BALANCE_TOO_LOW
    assert reason(replace(CALM, exposures=(waiting,), balance_minor=1500)) is Reason.OK


@pytest.mark.parametrize(
    ("limits", "signal", "stake_minor"),
    [
        (
            staking(stake_rule="ev"),
            a_signal(odds=2.2, effective_p=0.5),
            2000,
        ),  # 10 % at 5 % per unit: two units
        (
            staking(stake_rule="ev"),
            a_signal(odds=2.3, effective_p=0.6),
            5000,
        ),  # 38 %: 7.6 units, capped
        (
            staking(stake_rule="ev", fixed_stake=Decimal(7)),
            a_signal(odds=2.13, effective_p=0.5),
            900,
        ),  # 9.10 rounded down
        (
            staking(stake_rule="kelly"),
            a_signal(odds=2.0, effective_p=0.55),
            2500,
        ),  # a quarter of 10 % of 1000
        (
            staking(stake_rule="kelly"),
            a_signal(odds=2.7, effective_p=0.40),
            1100,
        ),  # 0.25 * 0.0470588 * 1000 = 11.76
        (
            staking(stake_rule="kelly", stake_step=Decimal("0.05")),
            a_signal(odds=2.7, effective_p=0.40),
            1175,
        ),
        (staking(stake_rule="kelly"), a_signal(odds=1.9, effective_p=0.5), 0),
    ],
)
def test_the_stake_follows_the_rule_rounded_down_under_the_hard_cap(
    limits: RiskLimits, signal: ConfirmedSignal, stake_minor: int
) -> None:
    assert stake_for(signal, limits) == stake_minor


@pytest.mark.parametrize(
    ("market", "outcome", "expected"),
    [
        (RESULT, Outcome.HOME, {"win": 0.5, "loss": 0.5}),
        (
            Market(FULL_TIME, MarketKind.ASIAN_HANDICAP, -1),
            Outcome.HOME,
            {"win": 0.4, "half_loss": 0.4, "loss": 0.2},
        ),
        (
            Market(FULL_TIME, MarketKind.ASIAN_HANDICAP, -1),
            Outcome.AWAY,
            {"win": 0.2, "half_win": 0.4, "loss": 0.4},
        ),
        (
            Market(FULL_TIME, MarketKind.ASIAN_HANDICAP, -3),
            Outcome.HOME,
            {"win": 0.2, "half_win": 0.4, "loss": 0.4},
        ),
        (
            Market(FULL_TIME, MarketKind.ASIAN_HANDICAP, -4),
            Outcome.HOME,
            {"win": 0.4, "push": 0.2, "loss": 0.4},
        ),
        (
            Market(FULL_TIME, MarketKind.OVER_UNDER, 9),
            Outcome.OVER,
            {"win": 0.4, "half_loss": 0.4, "loss": 0.2},
        ),
        (
            Market(FULL_TIME, MarketKind.OVER_UNDER, 11),
            Outcome.OVER,
            {"win": 0.2, "half_win": 0.4, "loss": 0.4},
        ),
        (
            Market(FULL_TIME, MarketKind.OVER_UNDER, 11),
            Outcome.UNDER,
            {"win": 0.4, "half_loss": 0.4, "loss": 0.2},
        ),
    ],
)
def test_kelly_is_given_all_five_results(
    market: Market, outcome: Outcome, expected: dict[str, float]
) -> None:
    """With action 0.8 (or 1 on 1X2) evenly split; the half result agrees with the settlement of the
    line.
    """
    mass = 0.5 if market == RESULT else 0.4
    signal = a_signal(market=market, outcome=outcome)
    chances = chances_of(priced_at(signal, mass, mass))
    assert chances == pytest.approx(Chances.of({"win": 0.0, **expected}))
    halves = {
        result_halves(market, outcome, home, away) for home, away in product(range(6), repeat=2)
    }
    named = {2: "win", 1: "half_win", 0: "push", -1: "half_loss", -2: "loss"}
    assert {named[half] for half in halves} == set(expected)


TO_THE_CENT = RiskLimits(
    RiskSettings(max_stake=Decimal(500)),
    StakeSettings(stake_rule="kelly", kelly_fraction=1, stake_step=Decimal("0.01")),
)


@pytest.mark.parametrize(
    ("line_q", "win_mass", "loss_mass", "odds", "full_kelly"),
    [
        (-4, 0.45, 0.30, 1.95, 0.1789473684),  # win 0.45, push 0.25, loss 0.30
        (-1, 0.46, 0.27 + 0.27 / 2, 2.10, 0.1159985128),  # win 0.46, half loss 0.27, loss 0.27
        (1, 0.30 + 0.24 / 2, 0.46, 2.40, 0.1127463788),  # win 0.30, half win 0.24, loss 0.46
    ],
)
def test_kelly_stakes_are_those_of_the_reference_to_the_cent_and_rounded_down(
    line_q: int, win_mass: float, loss_mass: float, odds: float, full_kelly: float
) -> None:
    """The vectors of push-aware Kelly (betting mathematics, section 4) on a bankroll of 1000."""
    signal = priced_at(
        a_signal(market=Market(FULL_TIME, MarketKind.ASIAN_HANDICAP, line_q), odds=odds),
        win_mass,
        loss_mass,
    )
    assert stake_for(signal, TO_THE_CENT) == int(100_000 * full_kelly)
    assert kelly(chances_of(signal), odds) == pytest.approx(full_kelly, abs=1e-9)


def priced_at(signal: ConfirmedSignal, win_mass: float, loss_mass: float) -> ConfirmedSignal:
    fair = msgspec.structs.replace(signal.fair, win_mass=win_mass, loss_mass=loss_mass)
    return msgspec.structs.replace(signal, fair=fair)


def test_a_quarter_line_that_the_result_speaks_of_is_staked_on_its_half_results() -> None:
    """From prices to the stake: half of the stake is lost on the draw that the sharp 1X2
    expects.
    """
    level = an_update(
        prices("PIN", 1.95, 1.97),
        prices("SBO", 1.94, 1.95),
        prices("IBC", 2.3, 1.7),
        market=parse_market("fb", "ft.ah.-0.25"),
    )
    result = an_update(prices("PIN", 2.60, 3.30, 2.90), prices("SBO", 2.55, 3.25, 2.88))
    market, other = (ValidatedMarket(update, update.books, {}, NOW) for update in (level, result))
    signal = evaluate(market, EdgeSettings(), NOW, {}, [other])[0].signal
    assert signal is not None
    draw = recompute(signal.fair.evidence).evidence.consensus[0].result.push_p
    halves = {
        "win": signal.fair.win_mass,
        "half_loss": draw,
        "loss": 1 - signal.fair.win_mass - draw,
    }
    assert draw == pytest.approx(0.29, abs=0.01)
    assert stake_for(signal, TO_THE_CENT) == int(100_000 * kelly(halves, 2.3))
    assert kelly(halves, 2.3) > 1.02 * kelly(signal.fair.effective_p, 2.3)


@given(
    st.floats(0.01, 0.99),
    st.floats(0, 0.6),
    st.integers(-8, 8),
    st.sampled_from([Outcome.HOME, Outcome.AWAY]),
    st.floats(1.01, 50),
)
def test_kelly_has_an_answer_even_where_handicap_and_result_contradict_each_other(
    effective_p: float, push_p: float, line_q: int, outcome: Outcome, odds: float
) -> None:
    action = 1 - (push_p / 2 if line_q % 2 else push_p)
    signal = a_signal(
        market=Market(FULL_TIME, MarketKind.ASIAN_HANDICAP, line_q), outcome=outcome, odds=odds
    )
    signal = priced_at(signal, action * effective_p, action * (1 - effective_p))
    chances = chances_of(signal)
    assert min(chances) >= 0
    assert (chances.win_mass, chances.loss_mass) == pytest.approx(
        (signal.fair.win_mass, signal.fair.loss_mass)
    )
    assert 0 <= stake_for(signal, TO_THE_CENT) <= 50_000


def test_a_stake_below_the_minimum_is_dropped_and_not_rounded_up() -> None:
    assert (
        reason(CALM, staking(stake_rule="kelly"), a_signal(odds=2.02, effective_p=0.5))
        is Reason.STAKE_BELOW_MINIMUM
    )


def test_a_refreshed_approval_never_stakes_more_than_was_reserved() -> None:
    limits = replace(staking(stake_rule="ev"), reserved_minor=1200)
    assert stake_for(a_signal(odds=2.3, effective_p=0.6), limits) == 1200


def test_what_trips_the_day_is_what_refuses_bets() -> None:
    assert daily_loss_reached(DayRisk("d", pnl_minor=-14_000), LIMITS)
    assert not daily_loss_reached(DayRisk("d", pnl_minor=-13_999), LIMITS)
    assert losing_streak_reached(DayRisk("d", streak=7), LIMITS.risk)


MARKETS = [
    RESULT,
    *(
        Market(p, k, q)
        for p in (FULL_TIME, HALF_TIME)
        for k, qs in (
            (MarketKind.ASIAN_HANDICAP, (-3, -2, 0, 1)),
            (MarketKind.OVER_UNDER, (9, 10, 11)),
        )
        for q in qs
    ),
]
CHOICE: st.SearchStrategy[bool] = st.booleans()
EVENTS = [an_event(home=f"Home {i}", away=f"Away {i}", league=f"L{i % 2}") for i in range(4)]


@st.composite
def signals(draw: st.DrawFn) -> ConfirmedSignal:
    market = draw(st.sampled_from(MARKETS))
    return a_signal(
        event=draw(st.sampled_from(EVENTS)),
        market=market,
        outcome=draw(st.sampled_from(market.outcomes)),
        odds=draw(st.sampled_from([1.8, 2.2, 3.5])),
        effective_p=draw(st.sampled_from([0.5, 0.57])),
    )


def money(low: int, high: int) -> st.SearchStrategy[Decimal]:
    return st.integers(low, high).map(Decimal)


@st.composite
def some_limits(draw: st.DrawFn) -> RiskLimits:
    risk = RiskSettings(
        max_stake=draw(money(10, 40)),
        max_exposure_event=draw(money(5, 80)),
        max_exposure_league=draw(money(5, 120)),
        max_exposure_day=draw(money(5, 200)),
        max_exposure_total=draw(money(5, 150)),
        max_bets_per_event=draw(st.integers(1, 9)),
    )
    return RiskLimits(
        risk, StakeSettings(stake_rule=draw(st.sampled_from(["fixed", "ev", "kelly"])))
    )


def brute_worst(exposures: list[Exposure]) -> Decimal:
    """Independent of the code under test: every half-time and final score up to 5 goals a side."""
    lost = [Decimal(0)]
    for ht_home, ht_away, more_home, more_away in product(range(3), range(3), range(3), range(3)):
        total = Decimal(0)
        for bet in exposures:
            assert bet.market is not None
            assert bet.outcome is not None
            score = (ht_home, ht_away)
            if bet.market.period == FULL_TIME:
                score = (ht_home + more_home, ht_away + more_away)
            total += (
                Decimal(max(0, -result_halves(bet.market, bet.outcome, *score)) * bet.stake_minor)
                / 200
            )
        lost.append(total)
    return max(lost)


def brute_worst_of_all(exposures: list[Exposure]) -> Decimal:
    events = {e.event_uid for e in exposures}
    worst = (brute_worst([e for e in exposures if e.event_uid == uid]) for uid in events)
    return sum(worst, Decimal(0))


@settings(max_examples=150, deadline=None)
@given(some_limits(), st.lists(signals(), max_size=25), st.data())
def test_no_accepted_sequence_ever_passes_any_cap(
    limits: RiskLimits, asked: list[ConfirmedSignal], data: st.DataObject
) -> None:
    """Bets are taken, become bets, end or expire in any order; after every approval all caps hold
    by an independent count.
    """
    open_orders: list[Exposure] = []
    staked = 0
    counts: dict[str, int] = {}
    for signal in asked:
        bet_minor = sum(e.stake_minor for e in open_orders if e.status is ExposureStatus.BET)
        context = replace(
            CALM,
            exposures=tuple(open_orders),
            day=DayRisk("d", staked_minor=staked),
            balance_minor=20_000 - bet_minor,
            bets_on_event=counts.get(signal.event_uid, 0),
        )
        made = assess(signal, context, limits)
        if made.verdict.accepted:
            open_orders.append(taken(signal, made.stake_minor, ExposureStatus.RESERVED))
            counts[signal.event_uid] = counts.get(signal.event_uid, 0) + 1
            check_caps(open_orders, staked, limits, counts)
        if len(open_orders) > 0 and data.draw(CHOICE):
            index = data.draw(st.integers(0, len(open_orders) - 1))
            bet = open_orders.pop(index)
            if bet.status is ExposureStatus.RESERVED and data.draw(CHOICE):
                staked += bet.stake_minor
                open_orders.append(taken_as_bet(bet))


def taken_as_bet(bet: Exposure) -> Exposure:
    return Exposure(
        bet.decision_id,
        bet.event_uid,
        bet.league,
        bet.market,
        bet.outcome,
        bet.stake_minor,
        bet.odds,
        ExposureStatus.BET,
        bet.made_at,
    )


def check_caps(
    open_orders: list[Exposure], staked: int, limits: RiskLimits, counts: dict[str, int]
) -> None:
    risk = limits.risk
    for event in EVENTS:
        assert (
            brute_worst([e for e in open_orders if e.event_uid == event.event_uid])
            <= risk.max_exposure_event
        )
    for league in ("L0", "L1"):
        held = [e for e in open_orders if e.league == league]
        assert brute_worst_of_all(held) <= risk.max_exposure_league
    assert brute_worst_of_all(open_orders) <= risk.max_exposure_total
    assert sum(e.stake_minor for e in open_orders) <= 20_000
    reserved = sum(e.stake_minor for e in open_orders if e.status is ExposureStatus.RESERVED)
    assert staked + reserved <= 100 * risk.max_exposure_day
    assert max(counts.values()) <= risk.max_bets_per_event
    assert all(500 <= e.stake_minor <= 100 * risk.max_stake for e in open_orders)
    assert len({(e.event_uid, e.selection_id) for e in open_orders}) == len(open_orders)


def test_the_signal_worth_most_comes_first_and_of_equals_the_one_that_came_first() -> None:
    signals = [a_signal(odds=2.15), a_signal(odds=2.4), a_signal(odds=2.2), a_signal(odds=2.4)]
    assert best_first(signals, {ACCOUNT: LIMITS}) == [1, 3, 2, 0]


def test_worth_is_growth_of_the_bankroll_not_expected_value() -> None:
    """Ten per cent at 10.0 swings so far that the bankroll grows less than by eight per cent at
    2.0.
    """
    long_shot, favourite = a_signal(odds=10, effective_p=0.11), a_signal(odds=2.0, effective_p=0.54)
    assert long_shot.offers[0].ev_pct > favourite.offers[0].ev_pct
    limits = staking(fixed_stake=Decimal(50), bankroll=Decimal(1000))
    assert best_first([long_shot, favourite], {ACCOUNT: limits}) == [1, 0]


@given(
    chances=st.lists(
        st.tuples(st.floats(1.05, 30), st.floats(0.02, 0.95)), min_size=1, max_size=12
    ),
    stake=st.sampled_from(["1", "10", "50"]),
    bankroll=st.sampled_from(["0", "1", "1000", "100000"]),
)
def test_every_signal_has_one_place_and_worth_never_rises_down_the_list(
    chances: list[tuple[float, float]], stake: str, bankroll: str
) -> None:
    signals = [a_signal(odds=odds, effective_p=p) for odds, p in chances]
    limits = staking(fixed_stake=Decimal(stake), bankroll=Decimal(bankroll))
    order = best_first(signals, {ACCOUNT: limits})
    assert sorted(order) == list(range(len(signals)))
    worth = [worth_of(signals[place], limits) for place in order]
    assert worth == sorted(worth, reverse=True)
