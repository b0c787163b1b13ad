"""The edge gate: whose prices count, what value is asked for, and that every decision can be
computed again.
"""

from datetime import datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keter.domain.market_kinds import MarketKind, Outcome
from keter.domain.markets import Market, Phase, parse_market
from keter.domain.quotes import BookPrices, Score
from keter.domain.signals import ConfirmedSignal, ValidatedMarket
from keter.domain.sports import FULL_TIME
from keter.domain.verdicts import Reason, Verdict
from keter.pricing.devigging import devig
from keter.pricing.goals import fit_total, total_chances
from keter.pricing.pool import anchored_base, consensus
from keter.strategies.value.consensus_inputs import half_life_s
from keter.strategies.value.edge import evaluate, evidence, first_seen
from keter.strategies.value.evidence import explain, recompute
from keter.strategies.value.recheck import worth_at
from keter.strategies.value.settings import EdgeSettings
from tests.kit.signals import NOW, an_event, an_update, prices

RULES = EdgeSettings()
RESULT = parse_market("fb", "ft.1x2")
LEVEL = parse_market("fb", "ft.ah.-0.25")
SHARPS_1X2 = (
    prices("PIN", 2.60, 3.30, 2.90),
    prices("SBO", 2.55, 3.25, 2.88),
    prices("ISN", 2.58, 3.30, 2.85),
)
SHARPS_AH = (prices("PIN", 1.95, 1.97), prices("SBO", 1.94, 1.95), prices("ISN", 1.93, 1.97))


def a_market(
    *books: BookPrices,
    market: Market = RESULT,
    phase: Phase = Phase.TODAY,
    score: Score | None = None,
    kickoff: datetime = NOW + timedelta(hours=3),
) -> ValidatedMarket:
    update = an_update(
        *books, market=market, phase=phase, score=score, event=an_event(kickoff=kickoff)
    )
    return ValidatedMarket(update, books, {}, NOW)


def judged(
    market: ValidatedMarket,
    outcome: Outcome = Outcome.HOME,
    rules: EdgeSettings = RULES,
    others: tuple[ValidatedMarket, ...] = (),
) -> tuple[Verdict, ConfirmedSignal | None]:
    return next(
        (verdict, signal)
        for one, verdict, _, signal in evaluate(market, rules, NOW, {}, others)
        if one is outcome
    )


def signalled(
    market: ValidatedMarket,
    outcome: Outcome = Outcome.HOME,
    others: tuple[ValidatedMarket, ...] = (),
) -> ConfirmedSignal:
    verdict, signal = judged(market, outcome, others=others)
    assert signal is not None, verdict
    return signal


def test_a_soft_price_above_the_consensus_becomes_a_signal() -> None:
    market = a_market(*SHARPS_1X2, prices("IBC", 2.90, 3.20, 2.70))
    signal = signalled(market)
    names, rows = ["PIN", "ISN", "SBO"], [devig(SHARPS_1X2[i].odds) for i in (0, 2, 1)]
    margins = [sum(1 / (o or 1) for o in SHARPS_1X2[i].odds) - 1 for i in (0, 2, 1)]
    fair = consensus(rows, anchored_base(names, margins, "PIN")).p[0]
    assert signal.fair.effective_p == pytest.approx(fair, abs=1e-12)
    assert signal.fair.sharps == ("PIN", "ISN", "SBO")
    assert signal.offers[0].book == "IBC"
    assert signal.offers[0].ev_pct == pytest.approx(100 * (fair * 2.9 - 1), abs=1e-9)
    assert signal.fair.win_mass + signal.fair.loss_mass == pytest.approx(1)


def test_a_signal_says_when_its_market_was_validated_and_which_books_were_left_out() -> None:
    market = a_market(*SHARPS_1X2, prices("IBC", 2.90, 3.20, 2.70))
    earlier = NOW - timedelta(seconds=0.4)
    signal = signalled(
        msgspec.structs.replace(market, validated_at=earlier, dropped={"CRO": "stale"})
    )
    assert (signal.validated_at, signal.dropped, signal.confirmed_at) == (
        earlier,
        {"CRO": "stale"},
        NOW,
    )


def test_a_book_is_never_part_of_the_consensus_it_is_held_against() -> None:
    """With PIN's own price in the pool this bet would look smaller."""
    market = a_market(prices("PIN", 2.90, 3.30, 2.60, stood_s=60), *SHARPS_1X2[1:])
    signal = signalled(market)
    assert signal.offers[0].book == "PIN"
    assert signal.fair.sharps == ("ISN", "SBO")
    alone = signalled(a_market(*SHARPS_1X2[1:], prices("IBC", 2.90, 3.30, 2.60)))
    assert signal.fair.effective_p == pytest.approx(alone.fair.effective_p, abs=1e-12)


def test_a_sharp_book_cannot_be_bet_when_too_few_are_left_without_it() -> None:
    verdict, _ = judged(a_market(prices("PIN", 2.90, 3.30, 2.60), SHARPS_1X2[1]))
    assert verdict.reason is Reason.TOO_FEW_SHARPS
    signal = signalled(a_market(SHARPS_1X2[0], SHARPS_1X2[1], prices("IBC", 2.9, 3.2, 2.7)))
    assert worth_at(signal.fair, "PIN", 3.0, 5) is None


def test_offers_come_best_first_and_only_those_worth_taking() -> None:
    market = a_market(
        *SHARPS_1X2,
        prices("IBC", 2.85, 3.2, 2.7),
        prices("SIN", 2.95, 3.2, 2.7),
        prices("CRO", 2.7, 3.2, 2.7),
    )
    offers = signalled(market).offers
    assert [offer.book for offer in offers] == ["SIN", "IBC"]
    assert offers[0].text == "2.950"


def test_bet_books_limits_where_bets_go() -> None:
    market = a_market(*SHARPS_1X2, prices("IBC", 2.85, 3.2, 2.7), prices("SIN", 2.95, 3.2, 2.7))
    _, signal = judged(market, rules=EdgeSettings(bet_books=("ibc",)))
    assert signal is not None
    assert [offer.book for offer in signal.offers] == ["IBC"]
    verdict, _ = judged(market, rules=EdgeSettings(bet_books=("XYZ",)))
    assert verdict.reason is Reason.NO_OFFER


def test_a_side_without_a_price_has_no_offer() -> None:
    market = a_market(prices("PIN", None, 3.3, 2.9), prices("IBC", None, 3.2, 2.7))
    assert judged(market)[0].reason is Reason.NO_OFFER


def test_too_little_value_is_refused_with_its_numbers() -> None:
    verdict, signal = judged(a_market(*SHARPS_1X2, prices("IBC", 2.70, 3.2, 2.7)))
    assert signal is None
    assert verdict.reason is Reason.EV_TOO_LOW
    assert verdict.numbers["book"] == "IBC"
    assert 0 < float(verdict.numbers["ev_pct"] or 0) < 5
    assert verdict.numbers["min_ev_pct"] == 5


def test_a_price_too_good_to_be_true_is_left_and_does_not_hide_an_honest_one() -> None:
    wild = prices("SIN", 4.5, 3.2, 1.9)
    assert judged(a_market(*SHARPS_1X2, wild))[0].reason is Reason.EV_TOO_HIGH
    signal = signalled(a_market(*SHARPS_1X2, wild, prices("IBC", 2.9, 3.2, 2.7)))
    assert [offer.book for offer in signal.offers] == ["IBC"]


def test_sharp_books_that_disagree_make_no_consensus() -> None:
    verdict, _ = judged(
        a_market(SHARPS_1X2[0], prices("SBO", 2.2, 3.3, 3.6), prices("IBC", 2.9, 3.2, 2.7))
    )
    assert verdict.reason is Reason.SPREAD_TOO_WIDE
    assert float(verdict.numbers["spread_pct"] or 0) > 5


@pytest.mark.parametrize(
    "spoiled",
    [
        prices("SBO", 2.55, None, 2.88),
        prices("SBO", 3.10, 3.40, 3.10),
        prices("SBO", 2.55, 3.25, 2.88, confirmed_at=NOW - timedelta(seconds=3001)),
        prices("SBO", 1.0, 3.25, 2.88),
    ],
    ids=["a leg missing", "underround", "ten half-lives old", "no price"],
)
def test_a_sharp_book_that_cannot_be_trusted_has_no_say(spoiled: BookPrices) -> None:
    market = a_market(SHARPS_1X2[0], spoiled, prices("IBC", 2.9, 3.2, 2.7))
    assert judged(market)[0].reason is Reason.TOO_FEW_SHARPS


def test_a_method_that_refuses_every_sharp_price_leaves_none() -> None:
    rules = EdgeSettings(devig_method_1x2="additive")
    longshots = (
        prices("PIN", 1.05, 8.0, 100.0),
        prices("ISN", 1.05, 8.2, 101.0),
        prices("IBC", 1.2, 8.0, 90.0),
    )
    assert judged(a_market(*longshots), rules=rules)[0].reason is Reason.TOO_FEW_SHARPS
    assert judged(a_market(*longshots))[0].reason is not Reason.TOO_FEW_SHARPS


def test_the_confirmation_window_holds_value_back_until_it_has_stood() -> None:
    rules = EdgeSettings(confirmation_window_sec=5)
    market = a_market(*SHARPS_1X2, prices("IBC", 2.9, 3.2, 2.7))
    seen: dict[Outcome, datetime] = {}
    reasons = []
    for seconds in (0, 4.9, 5):
        now = NOW + timedelta(seconds=seconds)
        results = evaluate(market, rules, now, seen)
        seen = first_seen(results, seen, now)
        reasons.append(results[0][1].reason)
    assert reasons == [Reason.AWAITING_CONFIRMATION, Reason.AWAITING_CONFIRMATION, Reason.OK]
    assert seen == {Outcome.HOME: NOW}


def test_value_that_went_away_starts_its_window_anew() -> None:
    rules = EdgeSettings(confirmation_window_sec=5)
    gone = evaluate(
        a_market(*SHARPS_1X2, prices("IBC", 2.5, 3.2, 2.7)), rules, NOW, {Outcome.HOME: NOW}
    )
    assert first_seen(gone, {Outcome.HOME: NOW - timedelta(minutes=1)}, NOW) == {}


def test_an_old_sharp_price_weighs_less() -> None:
    market = a_market(*SHARPS_1X2, prices("IBC", 2.9, 3.2, 2.7))
    aged = a_market(
        SHARPS_1X2[0],
        prices("SBO", 2.55, 3.25, 2.88, confirmed_at=NOW - timedelta(seconds=600)),
        *SHARPS_1X2[2:],
        prices("IBC", 2.9, 3.2, 2.7),
    )
    weights = [weights_of(signalled(one)) for one in (market, aged)]
    assert weights[1]["SBO"] / weights[1]["PIN"] == pytest.approx(
        weights[0]["SBO"] / weights[0]["PIN"] / 4
    )


def weights_of(signal: ConfirmedSignal) -> dict[str, float]:
    made = recompute(signal.fair.evidence).evidence.consensus[0]
    return {
        quote.book: weight
        for quote, weight in zip(made.inputs.pool.quotes, made.result.pool.weights, strict=True)
    }


def test_half_lives_shrink_towards_kick_off_and_in_play() -> None:
    soon = a_market(*SHARPS_1X2, kickoff=NOW + timedelta(minutes=59))
    assert half_life_s(a_market(*SHARPS_1X2), RULES, NOW) == 300
    assert half_life_s(soon, RULES, NOW) == 60
    assert half_life_s(a_market(*SHARPS_1X2, phase=Phase.LIVE), RULES, NOW) == 3


def test_value_on_a_line_that_can_push_counts_the_stake_that_comes_back() -> None:
    """The 1X2 tells how often: half of the stake returns on a draw at a quarter ball."""
    market = a_market(*SHARPS_AH, prices("IBC", 2.3, 1.7), market=LEVEL)
    alone, beside = signalled(market), signalled(market, others=(a_market(*SHARPS_1X2),))
    draw = consensus([devig(book.odds) for book in SHARPS_1X2]).p[1]
    action = beside.fair.win_mass + beside.fair.loss_mass
    assert action == pytest.approx(1 - draw / 2, abs=2e-3)
    assert alone.fair.win_mass + alone.fair.loss_mass == pytest.approx(1)
    assert beside.offers[0].ev_pct == pytest.approx(action * alone.offers[0].ev_pct, abs=1e-9)
    assert judged(market)[0].numbers["basis"] == "action"


def test_a_whole_handicap_takes_its_push_from_the_goal_model() -> None:
    market = a_market(
        prices("PIN", 3.4, 1.33),
        prices("SBO", 3.4, 1.32),
        prices("IBC", 3.9, 1.25),
        market=parse_market("fb", "ft.ah.-1"),
    )
    verdict, _ = judged(market, others=(a_market(*SHARPS_1X2),))
    assert verdict.numbers["basis"] == "goals"


def test_a_totals_line_tells_its_own_push() -> None:
    market = a_market(*SHARPS_AH, prices("IBC", 2.2, 1.7), market=parse_market("fb", "ft.ou.2.25"))
    signal = signalled(market, Outcome.OVER)
    p = signal.fair.effective_p
    made = total_chances(fit_total(p, 9), 9)
    assert signal.fair.win_mass == pytest.approx(made.win_mass, abs=1e-9)
    assert signal.fair.loss_mass == pytest.approx(made.loss_mass, abs=1e-9)


def test_goals_already_scored_shorten_a_total_in_play() -> None:
    books = (*SHARPS_AH, prices("IBC", 2.2, 1.7))
    live = a_market(
        *books, market=parse_market("fb", "ft.ou.3.25"), phase=Phase.LIVE, score=Score(1, 0)
    )
    fresh = a_market(*books, market=parse_market("fb", "ft.ou.2.25"))
    assert signalled(live, Outcome.OVER).fair.win_mass == pytest.approx(
        signalled(fresh, Outcome.OVER).fair.win_mass
    )
    unknown = a_market(*books, market=parse_market("fb", "ft.ou.3.25"), phase=Phase.LIVE)
    assert judged(unknown, Outcome.OVER)[0].numbers["basis"] == "action"


@pytest.mark.parametrize(
    ("score", "basis"), [(Score(1, 1), "1x2"), (Score(1, 0), "action"), (None, "action")]
)
def test_in_play_the_result_speaks_of_a_handicap_only_while_the_score_is_level(
    score: Score | None, basis: str
) -> None:
    market = a_market(
        *SHARPS_AH, prices("IBC", 2.3, 1.7), market=LEVEL, phase=Phase.LIVE, score=score
    )
    others = (a_market(*SHARPS_1X2, phase=Phase.LIVE, score=score),)
    assert judged(market, others=others)[0].numbers["basis"] == basis


def test_another_events_result_is_not_used() -> None:
    stranger = a_market(*SHARPS_1X2, kickoff=NOW + timedelta(days=2))
    market = a_market(*SHARPS_AH, prices("IBC", 2.3, 1.7), market=LEVEL)
    assert judged(market, others=(stranger,))[0].numbers["basis"] == "action"


def neighbour(steps: int, *books: BookPrices) -> ValidatedMarket:
    return a_market(*books, market=Market(FULL_TIME, MarketKind.OVER_UNDER, 10 + steps))


def test_a_neighbouring_sharp_line_stands_in_at_a_higher_price() -> None:
    market = neighbour(0, SHARPS_AH[0], prices("IBC", 2.2, 1.7))
    assert judged(market, Outcome.OVER)[0].reason is Reason.TOO_FEW_SHARPS
    near = neighbour(-1, prices("SBO", 1.72, 2.22))
    verdict, signal = judged(market, Outcome.OVER, others=(near,))
    assert verdict.reason is Reason.OK
    assert verdict.numbers["sharps"] == "PIN,SBO"
    assert verdict.numbers["min_ev_pct"] == pytest.approx(5 + 0.5 * 2.2)
    assert signal is not None
    assert recompute(signal.fair.evidence).identical
    assert "SBO 1.72 / 2.22, 0.0 s old at line 2.25, moved" in explain(signal.fair.evidence)


def test_no_line_is_moved_further_than_two_steps_nor_in_play() -> None:
    market = neighbour(0, SHARPS_AH[0], prices("IBC", 2.2, 1.7))
    far = neighbour(-3, prices("SBO", 1.5, 2.7))
    assert judged(market, Outcome.OVER, others=(far,))[0].reason is Reason.TOO_FEW_SHARPS
    live = a_market(
        SHARPS_AH[0],
        prices("IBC", 2.2, 1.7),
        market=parse_market("fb", "ft.ou.2.5"),
        phase=Phase.LIVE,
        score=Score(0, 0),
    )
    assert (
        judged(live, Outcome.OVER, others=(neighbour(-1, prices("SBO", 1.72, 2.22)),))[0].reason
        is Reason.TOO_FEW_SHARPS
    )


def test_a_handicap_is_moved_only_where_the_result_is_known() -> None:
    market = a_market(SHARPS_AH[0], prices("IBC", 2.3, 1.7), market=LEVEL)
    near = a_market(prices("SBO", 1.66, 2.30), market=parse_market("fb", "ft.ah.0"))
    assert judged(market, others=(near,))[0].reason is Reason.NO_SOLUTION
    assert judged(market, others=(near, a_market(*SHARPS_1X2)))[0].reason is Reason.OK


def test_a_price_against_a_moved_consensus_must_be_worth_more_at_any_odds() -> None:
    near = neighbour(-1, prices("SBO", 1.72, 2.22))
    signal = signalled(neighbour(0, SHARPS_AH[0], prices("IBC", 2.3, 1.7)), Outcome.OVER, (near,))
    for book, odds in (("IBC", 2.3), ("IBC", 2.1), ("NEW", 2.2)):
        worth = worth_at(signal.fair, book, odds, 5)
        assert worth is not None
        assert worth.wanted_pct == pytest.approx(5 + 0.5 * odds)


def test_a_book_without_which_nothing_can_be_priced_has_no_worth() -> None:
    """The 1X2 that moves the line is this book's alone."""
    result = a_market(prices("PIN", 2.6, 3.3, 2.9))
    near = a_market(
        prices("SBO", 1.66, 2.30), prices("ISN", 1.65, 2.31), market=parse_market("fb", "ft.ah.0")
    )
    signal = signalled(
        a_market(prices("IBC", 2.3, 1.7), SHARPS_AH[0], market=LEVEL), others=(near, result)
    )
    assert worth_at(signal.fair, "SBO", 2.3, 5) is not None
    assert worth_at(signal.fair, "PIN", 2.3, 5) is None


odds_rows = st.tuples(st.floats(1.6, 3.4), st.floats(2.8, 4.2), st.floats(1.6, 5.0))


@given(
    st.lists(odds_rows, min_size=4, max_size=4), st.lists(st.floats(0, 60), min_size=4, max_size=4)
)
def test_every_decision_can_be_computed_again_to_the_last_digit(
    rows: list[tuple[float, ...]], ages: list[float]
) -> None:
    books = tuple(
        prices(name, *row, confirmed_at=NOW - timedelta(seconds=age))
        for name, row, age in zip(("PIN", "ISN", "SBO", "IBC"), rows, ages, strict=True)
    )
    market = a_market(*books)
    rules = EdgeSettings(min_ev_pct=0, ev_max_pct=900, max_consensus_spread_pct=100)
    for outcome, verdict, _, signal in evaluate(market, rules, NOW):
        stored = msgspec.json.decode(msgspec.json.encode(evidence(market, rules, NOW, outcome)))
        if stored:
            made = recompute(stored)
            assert made.identical, made.differences
            assert made.evidence.offers[0].ev_pct == verdict.numbers.get(
                "ev_pct", made.evidence.offers[0].ev_pct
            )
        if signal is not None:
            again = recompute(msgspec.json.decode(msgspec.json.encode(signal.fair.evidence)))
            assert again.identical
            assert again.evidence.offers[0].ev_pct == signal.offers[0].ev_pct


def test_a_stored_digit_that_was_changed_is_found() -> None:
    stored = signalled(a_market(*SHARPS_1X2, prices("IBC", 2.9, 3.2, 2.7))).fair.evidence
    text = msgspec.json.encode(stored).replace(b'"age_s":0.0', b'"age_s":1.0')
    tampered = msgspec.json.decode(text)
    tampered["consensus"][0]["result"]["effective_p"][0] += 1e-15
    tampered["offers"][0]["ev_pct"] += 1e-12
    made = recompute(tampered)
    assert not made.identical
    assert any("effective_p[0]" in line for line in made.differences)
    assert "DIFFERS" in explain(tampered)


def test_the_steps_are_told_in_words() -> None:
    signal = signalled(
        a_market(*SHARPS_AH, prices("IBC", 2.3, 1.7), market=LEVEL), others=(a_market(*SHARPS_1X2),)
    )
    told = explain(signal.fair.evidence)
    for words in (
        "ft.ah.-0.25 home",
        "PIN 1.95 / 1.97",
        "multiplicative",
        "1X2, for the push",
        "basis: 1x2",
        "IBC at 2.3",
    ):
        assert words in told
    assert "identical to the stored decision" in told


def test_a_placement_price_is_held_against_the_consensus_without_its_book() -> None:
    signal = signalled(a_market(*SHARPS_1X2, prices("IBC", 2.9, 3.2, 2.7)))
    for book in ("IBC", "NEW"):
        assert worth_at(signal.fair, book, 2.9, 5) == (signal.offers[0].ev_pct, 5)
    without_pin = signalled(a_market(*SHARPS_1X2[1:], prices("IBC", 2.9, 3.2, 2.7)))
    assert worth_at(signal.fair, "PIN", 2.9, 5) == pytest.approx(
        (without_pin.offers[0].ev_pct, 5), abs=1e-9
    )


def test_the_same_arguments_give_the_same_bytes() -> None:
    market = a_market(*SHARPS_1X2, prices("IBC", 2.9, 3.2, 2.7))
    first, second = (msgspec.json.encode(signalled(market)) for _ in range(2))
    assert first == second


def ahead(stood_s: float, *, lag: BookPrices = SHARPS_1X2[2]) -> ValidatedMarket:
    """Return a market in which the anchor has shortened the away side and lengthened home.

    The other sharp books have not moved.
    """
    return a_market(prices("PIN", 2.90, 3.30, 2.60, stood_s=stood_s), SHARPS_1X2[1], lag)


def test_the_anchors_own_price_is_not_bet_while_the_others_may_still_follow_it() -> None:
    verdict, signal = judged(ahead(stood_s=3))
    assert (signal, verdict.reason) == (None, Reason.ANCHOR_UNSETTLED)
    assert verdict.numbers["wait_s"] == pytest.approx(27)
    assert signalled(ahead(stood_s=30)).offers[0].book == "PIN"


def test_what_counts_is_how_long_the_others_were_seen_to_stand_not_how_late_it_is() -> None:
    """A book that was last confirmed two seconds after the move has shown nothing since."""
    unseen = prices("ISN", 2.58, 3.30, 2.85, confirmed_at=NOW - timedelta(seconds=58))
    verdict, _ = judged(ahead(stood_s=60, lag=unseen))
    assert verdict.reason is Reason.ANCHOR_UNSETTLED
    assert verdict.numbers["wait_s"] == pytest.approx(28)


def test_an_unsettled_anchor_does_not_hide_another_books_value() -> None:
    market = ahead(stood_s=0)
    soft = prices("IBC", 3.10, 3.20, 2.50)
    signal = signalled(a_market(*market.books, soft))
    assert [offer.book for offer in signal.offers] == ["IBC"]


def test_without_an_anchor_no_sharp_price_has_to_settle() -> None:
    verdict, signal = judged(ahead(stood_s=0), rules=EdgeSettings(sharp_anchor="SIN"))
    assert signal is not None, verdict
    assert signal.offers[0].book == "PIN"


def test_the_evidence_of_an_unsettled_price_is_recomputed_to_the_last_digit() -> None:
    made = recompute(evidence(ahead(stood_s=3), RULES, NOW, Outcome.HOME))
    assert made.identical
    (offer,) = [offer for offer in made.evidence.offers if offer.book == "PIN"]
    assert offer.reason is Reason.ANCHOR_UNSETTLED
    assert offer.unsettled_s == pytest.approx(27)
