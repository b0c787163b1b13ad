"""The worst case is the worst case."""

from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keter.domain.accounts import Account, AccountId
from keter.domain.exposure import (
    Exposure,
    ExposureStatus,
    Terms,
    exposure_of,
    open_stake,
    terms_of,
    turnover_of,
    worst_case,
    worst_cases,
)
from keter.domain.market_kinds import LINED, OUTCOMES, MarketKind, Outcome
from keter.domain.markets import Market, parse_selection
from keter.domain.order_events import (
    CancelAsked,
    CancelConfirmed,
    Lapsed,
    Matched,
    NoClearAnswer,
    OrderEvent,
    SendingCommitted,
    Voided,
)
from keter.domain.order_states import OrderState, Side
from keter.domain.sports import FULL_TIME, HALF_TIME, SPORTS
from keter.domain.sports_scores import MatchScore
from keter.domain.sports_settlement import counted, settle_sport
from keter.domain.trading import ExecutionMode
from keter.errors import InvalidOddsError
from tests.kit.orders import AT, after, an_order_intent, fill, fresh, one_fill, open_order
from tests.kit.settling import settle
from tests.kit.sport_scores import SCORES, STOPPED

S = OrderState
NOW = datetime(2026, 2, 21, 12, tzinfo=UTC)
FT, HT = FULL_TIME, HALF_TIME
BRUTE_GOALS = 19  # twice the largest line drawn and more


def exposure(
    market: Market | None,
    outcome: Outcome | None,
    stake_minor: int = 1000,
    start: tuple[int, int] | None = None,
    *,
    odds: str = "2.00",
    **other: Any,
) -> Exposure:
    return Exposure(
        "d",
        "e",
        "L",
        market,
        outcome,
        stake_minor,
        odds,
        ExposureStatus.BET,
        NOW,
        score_at_bet=start,
        **other,
    )


def filled(one: Exposure) -> Exposure:
    return msgspec.structs.replace(one, fills=((one.stake_minor, one.odds),))


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


@pytest.mark.slow
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
    """Return a score of a sport, and orders on its markets whose lines lie where they matter."""
    sport, score = SPORTS[code], draw(SCORES[code] | STOPPED.get(code, SCORES[code]))
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
        stake = 2 * draw(st.integers(1, 10_000))
        side = draw(st.sampled_from(Side))
        taken.append(exposure(market, outcome, stake, start, side=side))
    return score, taken


def booked(bet: Exposure, score: MatchScore) -> int:
    """Return the profit that settlement books of a whole stake; a layer's is the backer's loss."""
    assert bet.market is not None and bet.outcome is not None
    profit = settle_sport(
        bet.market,
        bet.outcome,
        score,
        score_at_bet=bet.score_at_bet,
        odds=bet.odds,
        stake_minor=bet.stake_minor,
    ).profit_minor
    return profit if bet.side is Side.BACK else -profit


every_sport = pytest.mark.parametrize("code", SPORTS)


@every_sport
@settings(max_examples=40, deadline=None)
@given(st.data())
def test_no_score_of_any_sport_costs_more_than_the_worst_case_of_open_orders(
    code: str, data: st.DataObject
) -> None:
    score, taken = data.draw(orders_of(code))
    lost = sum(max(0, -booked(bet, score)) for bet in taken)
    assert lost <= worst_case(taken) <= sum(bet.alone_minor for bet in taken)
    for number in range(len(taken)):
        others = taken[:number] + taken[number + 1 :]
        assert worst_case(others) <= worst_case(taken)


@every_sport
@settings(max_examples=60, deadline=None)
@given(st.data())
def test_no_score_of_any_sport_costs_more_than_the_worst_case_of_fills_and_open_orders(
    code: str, data: st.DataObject
) -> None:
    """A match that was stopped leaves some bets standing and makes others void."""
    score, drawn = data.draw(orders_of(code))
    held = [in_part(bet, data.draw(st.integers(0, 2))) for bet in drawn]
    net = 0
    for bet in held:
        profit = booked(bet, score) // 2
        net += profit * (bet.filled_minor * 2 // bet.stake_minor)
        net += min(0, profit) * (bet.rest_minor * 2 // bet.stake_minor)
    assert -net <= worst_case(held)


def in_part(bet: Exposure, halves: int) -> Exposure:
    """Return the order with none, one or both halves of it filled."""
    half = bet.stake_minor // 2
    return msgspec.structs.replace(bet, fills=((half, bet.odds),) * halves)


OT_TOTAL = parse_selection("bb", "ot.ou.221.over")[0]


def test_a_sure_arbitrage_of_ten_and_ten_at_two_point_one_risks_nothing_once_both_are_filled() -> (
    None
):
    line = Market(FT, MarketKind.OVER_UNDER, 10)
    over, under = (exposure(line, side, odds="2.10") for side in (Outcome.OVER, Outcome.UNDER))
    assert worst_case([filled(over), filled(under)]) == 0
    assert worst_case([filled(over), under]) == 1000
    assert worst_case([over, under]) == 1000


@pytest.mark.parametrize("open_side", [True, False])
def test_both_sides_of_a_basketball_total_do_not_add_up(open_side: bool) -> None:
    over, under = exposure(OT_TOTAL, Outcome.OVER), exposure(OT_TOTAL, Outcome.UNDER, 700)
    held = [over, under] if open_side else [filled(over), filled(under)]
    assert worst_case(held) == (1000 if open_side else 300)


@pytest.mark.parametrize(
    ("sport", "bets_made", "worst"),
    [
        ("bb", {"ot.ou.221.over": 1000, "ot.ou.221.under": 700}, 1000),
        ("bb", {"ot.ou.221.over": 1000, "ot.ou.222.under": 700}, 1000),  # no total loses both
        ("bb", {"ot.ou.222.over": 1000, "ot.ou.221.under": 700}, 1000),  # 222 and 221 push
        ("bb", {"ot.ou.223.over": 1000, "ot.ou.221.under": 700}, 1700),  # 222 loses both
        ("bb", {"ot.ml.home": 1000, "reg.ml.away": 700}, 1700),
        ("te", {"ft.ml.home": 1000, "ft.sets-ah.-1.5.away": 700}, 1700),
        ("ih", {"reg.1x2.home": 1000, "reg.1x2.draw": 700, "reg.1x2.away": 400}, 1700),
        ("ih", {"reg.1x2.home": 1000, "reg.1x2.away": 400}, 1400),  # a draw
        ("bs", {"ft.ml.home": 1000, "f5.ml.away": 400}, 1400),
    ],
)
def test_open_bets_of_a_count_add_up_where_one_score_loses_both_and_others_always(
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
    assert worst_case([filled(exposure(None, None, 5000, odds="")), readable]) == 6000


def test_a_fill_without_a_readable_price_covers_nothing() -> None:
    line = Market(FT, MarketKind.OVER_UNDER, 10)
    over, under = exposure(line, Outcome.OVER), exposure(line, Outcome.UNDER, odds="?")
    assert worst_case([filled(over), filled(under)]) == 1000


def test_a_line_of_any_size_loses_one_side_only() -> None:
    far = Market(FT, MarketKind.OVER_UNDER, 4 * 300)
    assert worst_case([exposure(far, Outcome.OVER), exposure(far, Outcome.UNDER)]) == 1000


def test_nothing_at_risk_costs_nothing() -> None:
    assert worst_case([]) == 0
    assert open_stake([]) == 0
    assert worst_cases([]) == {}


def test_what_all_events_may_lose_is_the_sum_of_their_worst_cases() -> None:
    line = Market(FT, MarketKind.OVER_UNDER, 10)
    one = [exposure(line, Outcome.OVER), exposure(line, Outcome.UNDER, 700)]
    other = msgspec.structs.replace(exposure(line, Outcome.OVER, 400), event_uid="f")
    assert worst_cases([*one, other]) == {"e": 1000, "f": 400}


def test_a_lay_may_lose_its_liability_and_wins_the_backers_stake() -> None:
    result = Market(FT, MarketKind.ONE_X_TWO, None)
    lay = exposure(result, Outcome.HOME, 1000, odds="3.50", side=Side.LAY)
    assert (lay.alone_minor, worst_case([lay])) == (2500, 2500)
    better = msgspec.structs.replace(lay, fills=((400, "3.00"),))
    assert better.alone_minor == 800 + 1500
    back = filled(exposure(result, Outcome.HOME, 1000, odds="4.00"))
    assert worst_case([back, filled(lay)]) == 0


def test_commission_is_taken_from_the_net_winnings_of_an_accounts_market() -> None:
    """At 2 % an arbitrage of 2.02 and 2.02 loses nothing gross, and 0.40 less 0.20 net."""
    line = Market(FT, MarketKind.OVER_UNDER, 10)
    sides = [
        filled(exposure(line, side, 1000, odds="2.02", account=f"exchange:{name}", terms=TAXED))
        for side, name in ((Outcome.OVER, "a"), (Outcome.UNDER, "b"))
    ]
    # The winning account pays 2 % of 1020, which is more than the gross gain of 20.
    assert worst_case(sides) == 1
    one_account = [msgspec.structs.replace(one, account="exchange:a") for one in sides]
    # One account pays 2 % of the 20 that are left of both.
    assert worst_case(one_account) == 0


TAXED = Terms(commission="0.02")


def test_amounts_are_in_the_accounts_currency_unless_accounts_are_added() -> None:
    line = Market(FT, MarketKind.OVER_UNDER, 10)
    terms = Terms(rate="0.92")
    dollars = exposure(line, Outcome.OVER, 1001, account="v:usd", terms=terms)
    euros = exposure(line, Outcome.OVER, 1000, account="v:eur")
    assert worst_case([dollars]) == 1001
    assert worst_case([dollars, euros], in_risk_currency=True) == 921 + 1000
    unread = exposure(None, None, 1001, terms=terms)
    assert worst_case([unread], in_risk_currency=True) == 921


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"fills": ((1001, "2.0"),)}, "filled of an order"),
        ({"terms": Terms(commission="1")}, "commission"),
        ({"terms": Terms(rate="0")}, "rate"),
        ({"outcome": Outcome.DRAW}, "has no draw"),
        ({"side": Side.LAY, "odds": "1.0"}, "outside"),
    ],
)
def test_an_impossible_exposure_is_refused(wrong: dict[str, Any], message: str) -> None:
    line = Market(FT, MarketKind.OVER_UNDER, 10)
    with pytest.raises((ValueError, InvalidOddsError), match=message):
        msgspec.structs.replace(exposure(line, Outcome.OVER), **wrong)


def test_it_comes_back_from_json_as_it_went() -> None:
    line = Market(FT, MarketKind.ASIAN_HANDICAP, -1)
    one = filled(exposure(line, Outcome.AWAY, start=(1, 0), terms=Terms("0.02", "1.17")))
    assert msgspec.json.decode(msgspec.json.encode(one), type=Exposure) == one


# What an order of the ledger puts at risk, in every state of its life

TERMS = Terms("0.02", "1.17")


def at_risk(*events: OrderEvent, side: Side = Side.BACK) -> tuple[int, tuple[tuple[int, str], ...]]:
    """Return stake and fills of what an accepted order of 10 puts at risk after ``events``."""
    made = exposure_of(open_order(*events, side=side), TERMS)
    return made.stake_minor, made.fills


def test_it_carries_what_the_intent_and_the_account_say() -> None:
    order = open_order(side=Side.LAY)
    made = exposure_of(order, TERMS)
    assert (made.side, made.strategy, made.odds, made.account, made.terms, made.status) == (
        Side.LAY,
        "making",
        "2.12",
        "toy:main",
        TERMS,
        ExposureStatus.BET,
    )
    assert made.market == order.intent.market
    assert msgspec.json.decode(msgspec.json.encode(made), type=Exposure) == made


def test_an_approved_order_counts_whole_before_it_is_sent_while_it_rests_and_while_in_doubt() -> (
    None
):
    for order in (
        fresh(an_order_intent("r", 10, Side.BACK)),
        after(SendingCommitted()),
        after(SendingCommitted(), NoClearAnswer("time-out")),
        open_order(),
        open_order(CancelAsked()),
    ):
        made = exposure_of(order, TERMS)
        assert (made.stake_minor, made.rest_minor, made.fills) == (10, 10, ())


def test_filled_parts_stand_at_their_own_odds_and_the_rest_is_open() -> None:
    assert at_risk(fill("a", 3, "2.2"), fill("b", 2, "2.10")) == (10, ((3, "2.2"), (2, "2.1")))
    assert at_risk(fill("a", 3), CancelAsked()) == (10, ((3, "2"),))
    assert at_risk(fill("a", 10)) == (10, ((10, "2"),))


def test_a_ticket_whose_price_nobody_could_read_covers_nothing() -> None:
    unread = msgspec.structs.replace(one_fill(10)[0], price_text="")
    order = msgspec.structs.replace(
        fresh(an_order_intent("r", 10, Side.BACK)), state=OrderState.FILLED, fills=(unread,)
    )
    assert exposure_of(order, TERMS).fills == ((10, ""),)
    assert [one.filled for one in exposure_of(order, TERMS).commitments()] == [False]
    laid = msgspec.structs.replace(
        order, intent=msgspec.structs.replace(order.intent, side=Side.LAY)
    )
    assert exposure_of(laid, TERMS).fills == ((10, "2.1"),)


def test_of_a_cancelled_or_lapsed_order_only_the_fills_count() -> None:
    assert at_risk(fill("a", 3), CancelAsked(), CancelConfirmed(7)) == (3, ((3, "2"),))
    assert at_risk(fill("a", 3), Lapsed(7)) == (3, ((3, "2"),))
    assert at_risk(CancelAsked(), CancelConfirmed(10)) == (0, ())


def test_what_ended_without_a_word_on_how_much_may_still_turn_out_filled() -> None:
    assert at_risk(fill("a", 3), CancelAsked(), CancelConfirmed(None)) == (10, ((3, "2"),))


def test_a_part_of_a_resting_order_that_was_cancelled_is_gone() -> None:
    part = CancelConfirmed(4, nothing_rests=False)
    assert at_risk(fill("a", 3), part) == (6, ((3, "2"),))


def test_the_remainder_of_a_bookmakers_bet_counts_until_the_bet_is_final() -> None:
    order = msgspec.structs.replace(open_order(), state=S.FILLED, fills=one_fill(6))
    made = exposure_of(order, TERMS)
    assert (made.stake_minor, made.rest_minor, made.fills) == (10, 4, ((6, "2.1"),))
    more = msgspec.structs.replace(order, fills=one_fill(12))
    assert exposure_of(more, TERMS).stake_minor == 12


def test_totals_without_prices_count_at_their_average_rounded_against_us() -> None:
    matched = Matched(6, Decimal("2.5"))
    assert at_risk(matched) == (10, ((6, "2.5"),))
    # Of 3 at 2.0 and 4 at 2.1 a part is void, nobody says which: 2.057142... on the average.
    ((size, price),) = at_risk(fill("a", 3), fill("b", 4, "2.1"), Voided(2))[1]
    exact = Fraction(3 * 20 + 4 * 21, 70)
    assert (size, price) == (5, "2.0571428571428571428")
    assert 0 < exact - Fraction(price) < Fraction(1, 10**18)
    ((_, laid),) = at_risk(fill("a", 3), fill("b", 4, "2.1"), Voided(2), side=Side.LAY)[1]
    assert 0 < Fraction(laid) - exact < Fraction(1, 10**18)


def test_the_day_counts_what_is_filled_and_what_may_be() -> None:
    turnovers = [
        turnover_of(order)
        for order in (
            fresh(an_order_intent("r", 10, Side.BACK)),
            open_order(),
            open_order(fill("a", 3)),
            open_order(fill("a", 3), CancelAsked(), CancelConfirmed(7)),
            msgspec.structs.replace(open_order(), state=S.FILLED, fills=one_fill(6)),
        )
    ]
    assert turnovers == [10, 10, 10, 3, 6]


@pytest.mark.parametrize("state", [S.SKIPPED, S.REFUSED])
def test_an_order_that_was_never_placed_puts_nothing_at_risk(state: S) -> None:
    order = msgspec.structs.replace(
        fresh(an_order_intent("r", 10, Side.BACK)), state=state, updated_at=AT
    )
    assert exposure_of(order, TERMS).alone_minor == 0


@pytest.mark.parametrize(
    ("commission", "rate", "text"),
    [
        ("0", "1", Terms()),
        ("0.020", "1.170", Terms("0.02", "1.17")),
        ("0E-2", "100", Terms("0", "100")),
    ],
)
def test_an_accounts_terms_are_plain_text(commission: str, rate: str, text: Terms) -> None:
    account = Account(
        AccountId("v", "a"), "GBP", Decimal(commission), ExecutionMode.DRY, Decimal(rate)
    )
    assert terms_of(account) == text
