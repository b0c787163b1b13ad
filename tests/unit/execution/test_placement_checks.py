"""The last look: every condition that may have changed since the approval, and the choice of books
and stake.
"""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keter.betting_settings import RiskSettings, RouterSettings, StakeSettings
from keter.domain.exposure import Exposure, ExposureStatus
from keter.domain.markets import Phase, parse_market
from keter.domain.orders import PlacementQuote
from keter.domain.runs import RunMark
from keter.domain.signals import ApprovedSignal, ValidatedMarket
from keter.domain.trading import ExecutionMode
from keter.domain.verdicts import Reason, reject
from keter.execution.placement_checks import (
    PlacementLimits,
    all_books,
    beats_the_rest,
    choose,
    first_books,
    recheck,
)
from keter.risk.gate import as_exposure
from keter.strategies.value.edge import evaluate
from keter.strategies.value.settings import EdgeSettings
from tests.kit.execution import MARK, NOW, an_event, approved, fine_world
from tests.kit.signals import an_update, prices

LIMITS = PlacementLimits(RouterSettings(), EdgeSettings(), StakeSettings(), in_play=False)
FINE = fine_world()


def a_quote(
    book: str = "IBC",
    odds: float = 2.20,
    *,
    low: int = 500,
    high: int = 100_000,
    rejected: bool = False,
) -> PlacementQuote:
    return PlacementQuote(book, odds, f"{odds:.3f}", low, high, rejected)


def test_a_fresh_approval_in_a_world_that_is_fine_passes() -> None:
    assert recheck(approved(), FINE, LIMITS).accepted


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"halt_file": True}, Reason.HALT_FILE),
        ({"trading": reject(Reason.TRADING_NOT_ACTIVE, cause="HALTED")}, Reason.TRADING_NOT_ACTIVE),
        ({"permitted": False}, Reason.NOT_ARMED),
        ({"reconciled": False}, Reason.RECONCILING),
        ({"lock_left_s": 29.9}, Reason.LOCK_LOST),
        ({"now": NOW + timedelta(seconds=15.1)}, Reason.SIGNAL_STALE),
    ],
)
def test_each_thing_that_changed_stops_the_bet_with_its_own_reason(
    change: dict[str, object], reason: Reason
) -> None:
    verdict = recheck(approved(), replace(FINE, **change), LIMITS)  # type: ignore[arg-type]  # one field each
    assert (verdict.accepted, verdict.reason) == (False, reason)


@pytest.mark.parametrize(
    "made_in",
    [
        None,
        msgspec.structs.replace(MARK, run_id="another"),
        msgspec.structs.replace(MARK, mode=ExecutionMode.LIVE),
        msgspec.structs.replace(MARK, fingerprint="other settings"),
    ],
    ids=["nobody knows", "run", "mode", "settings"],
)
def test_an_approval_of_another_run_mode_or_settings_is_refused(made_in: RunMark | None) -> None:
    verdict = recheck(msgspec.structs.replace(approved(), run=made_in), FINE, LIMITS)
    assert (verdict.accepted, verdict.reason, verdict.numbers["what"]) == (
        False,
        Reason.OTHER_RUN,
        "approval",
    )


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"owner": "another run"}, Reason.OTHER_RUN),
        ({"owner": ""}, Reason.OTHER_RUN),
        ({"book_run": "another run:DRY:f"}, Reason.OTHER_RUN),
        ({"book_run": ""}, Reason.OTHER_RUN),
        ({"leading": False}, Reason.FENCED),
    ],
)
def test_nothing_is_bet_on_a_redis_a_book_or_an_account_that_are_not_the_routers(
    change: dict[str, object], reason: Reason
) -> None:
    assert recheck(approved(), replace(FINE, **change), LIMITS).reason is reason  # type: ignore[arg-type]  # one field each


def in_book(signal: ApprovedSignal, status: ExposureStatus, stake_minor: int = 1000) -> Exposure:
    made = as_exposure(signal.signal, stake_minor, signal.decision_id)
    return msgspec.structs.replace(made, status=status)


@pytest.mark.parametrize(
    ("caps", "reason"),
    [
        ({"max_stake": Decimal("9.99")}, Reason.EXPOSURE_BET),
        ({"max_exposure_event": Decimal("9.99")}, Reason.EXPOSURE_EVENT),
        ({"max_exposure_league": Decimal("19.99")}, Reason.EXPOSURE_LEAGUE),
        ({"max_exposure_day": Decimal("24.99")}, Reason.EXPOSURE_DAY),
        ({"max_exposure_total": Decimal("19.99")}, Reason.EXPOSURE_TOTAL),
    ],
)
def test_the_router_sends_nothing_above_its_own_caps_whoever_approved(
    caps: dict[str, Decimal], reason: Reason
) -> None:
    """10.00 to be bet beside another's 10.00 in its league, with 15.00 staked today: at the cap it
    passes, a cent above not.
    """
    signal = approved()
    other = in_book(approved(event=an_event("Gamma FC")), ExposureStatus.BET)
    full = {name: value + Decimal("0.01") for name, value in caps.items()}
    for limits, passes in ((full, True), (caps, False)):
        own = RiskSettings().model_copy(update=limits)
        world = fine_world(
            book=(in_book(signal, ExposureStatus.RESERVED), other), staked_minor=1500, caps=own
        )
        verdict = recheck(signal, world, LIMITS)
        assert verdict.accepted is passes
        assert passes or verdict.reason is reason


def test_the_bets_own_stake_counts_once_whether_reserved_or_already_a_bet() -> None:
    signal = approved()
    caps = RiskSettings().model_copy(
        update={"max_exposure_total": Decimal(10), "max_exposure_day": Decimal(10)}
    )
    reserved = fine_world(
        book=(in_book(signal, ExposureStatus.RESERVED),), staked_minor=0, caps=caps
    )
    booked = fine_world(book=(in_book(signal, ExposureStatus.BET),), staked_minor=1000, caps=caps)
    assert recheck(signal, reserved, LIMITS).accepted
    assert recheck(signal, booked, LIMITS).accepted


def test_the_age_of_the_consensus_counts_not_that_of_the_approval() -> None:
    """Guard and router may each take the age limit: together they must not."""
    signal = msgspec.structs.replace(approved(at=NOW - timedelta(seconds=16)), approved_at=NOW)
    assert recheck(signal, FINE, LIMITS).reason is Reason.SIGNAL_STALE


@pytest.mark.parametrize(("ahead_s", "passes"), [(5.0, True), (5.1, False), (600, False)])
def test_a_signal_from_the_future_is_of_no_known_age(ahead_s: float, passes: bool) -> None:
    """The clock was set back by ten minutes: what waited would be young for ten minutes more."""
    signal = approved(at=NOW + timedelta(seconds=ahead_s))
    verdict = recheck(signal, FINE, LIMITS)
    assert verdict.accepted is passes
    assert passes or verdict.reason is Reason.SIGNAL_STALE


def test_an_event_that_has_started_is_bet_only_where_in_play_is_on() -> None:
    begun = approved(event=an_event(kickoff=NOW))
    live = approved(phase=Phase.LIVE)
    for signal in (begun, live):
        assert recheck(signal, FINE, LIMITS).reason is Reason.EVENT_STARTED
        assert recheck(signal, FINE, replace(LIMITS, in_play=True)).accepted


def test_the_best_price_is_taken_and_sent_back_in_the_venues_own_words() -> None:
    signal = approved(offers={"IBC": 2.20, "GA": 2.18})
    verdict, plan = choose(
        signal,
        [a_quote("GA", 2.18), PlacementQuote("IBC", 2.2, "2.2", 500, 100_000, False)],
        LIMITS,
    )
    assert verdict.accepted and plan is not None
    assert plan.prices == (("IBC", "2.2"),)
    assert plan.stake_minor == signal.stake_minor


@pytest.mark.parametrize(
    ("odds", "passes"), [(2.20, True), (2.178, True), (2.177, False), (2.30, True)]
)
def test_a_short_price_may_slip_by_one_per_cent(odds: float, passes: bool) -> None:
    verdict, _ = choose(approved(), [a_quote(odds=odds)], LIMITS)
    assert verdict.accepted is passes
    if not passes:
        assert verdict.reason is Reason.PRICE_MOVED


def test_long_prices_have_a_band_of_their_own() -> None:
    router = RouterSettings()
    assert router.slippage_limit_pct(3.0) == router.max_slippage_pct
    assert router.slippage_limit_pct(3.001) == router.max_slippage_long_pct


def test_value_that_is_gone_is_not_bet_even_within_slippage() -> None:
    signal = approved(offers={"IBC": 2.10})
    verdict, plan = choose(signal, [a_quote(odds=2.09)], LIMITS)
    assert (verdict.reason, plan) == (Reason.EDGE_GONE, None)


def test_a_price_of_a_moved_line_is_placed_only_at_the_value_it_was_asked_for() -> None:
    """Moved one quarter step, 2.125 must show 5 % and 0.5 points of probability more: 6.06 %."""
    moved = approved_on_a_moved_line(2.14)
    verdict, plan = choose(moved, [a_quote(odds=2.125)], LIMITS)
    assert (verdict.reason, plan) == (Reason.EDGE_GONE, None)
    assert float(verdict.numbers["ev_pct"] or 0) > LIMITS.edge.min_ev_pct
    assert verdict.numbers["min_ev_pct"] == pytest.approx(5 + 0.5 * 2.125)
    assert choose(moved, [a_quote(odds=2.14)], LIMITS)[0].accepted
    assert choose(approved(offers={"IBC": 2.14}), [a_quote(odds=2.125)], LIMITS)[0].accepted


def approved_on_a_moved_line(odds: float) -> ApprovedSignal:
    """Over 2.5 with one sharp book of its own and one on 2.25."""
    here = an_update(
        prices("PIN", 1.95, 1.95), prices("IBC", odds, 1.70), market=parse_market("ft.ou.2.5")
    )
    near = an_update(prices("SBO", 1.72, 2.22), market=parse_market("ft.ou.2.25"))
    market, other = (ValidatedMarket(update, update.books, {}, NOW) for update in (here, near))
    signal = evaluate(market, LIMITS.edge, NOW, {}, [other])[0].signal
    assert signal is not None
    return ApprovedSignal(signal, "moved", 1000, NOW)


def test_a_price_too_good_to_be_true_is_refused_at_the_last_moment_too() -> None:
    verdict, _ = choose(approved(), [a_quote(odds=2.60)], LIMITS)
    assert verdict.reason is Reason.EV_TOO_HIGH


@pytest.mark.parametrize(
    "quotes", [[], [a_quote(rejected=True)], [a_quote(odds=float("nan"))], [a_quote(odds=1.0)]]
)
def test_no_usable_price_is_no_quote(quotes: list[PlacementQuote]) -> None:
    assert choose(approved(), quotes, LIMITS)[0].reason is Reason.NO_QUOTE


def test_a_stake_too_large_for_one_book_is_split_best_price_first() -> None:
    signal = approved(offers={"IBC": 2.20, "GA": 2.19, "SIN": 2.18}, stake_minor=2000)
    quotes = [a_quote("SIN", 2.18), a_quote("GA", 2.19, high=800), a_quote("IBC", 2.20, high=700)]
    _, plan = choose(signal, quotes, LIMITS)
    assert plan is not None
    assert (plan.books, plan.stake_minor, plan.odds) == (("IBC", "GA", "SIN"), 2000, 2.18)


def test_what_no_book_takes_is_left_out_of_the_stake() -> None:
    signal = approved(offers={"IBC": 2.20, "GA": 2.19}, stake_minor=2000)
    _, plan = choose(signal, [a_quote("IBC", high=1050), a_quote("GA", 2.19, high=400)], LIMITS)
    assert plan is not None
    assert (plan.books, plan.stake_minor) == (("IBC",), 1000)


def test_less_than_the_least_stake_is_not_bet() -> None:
    verdict, plan = choose(approved(stake_minor=2000), [a_quote(high=499, low=100)], LIMITS)
    assert (verdict.reason, plan) == (Reason.BOOK_LIMITS, None)
    verdict, plan = choose(approved(stake_minor=1000), [a_quote(low=1001)], LIMITS)
    assert (verdict.reason, plan) == (Reason.BOOK_LIMITS, None)


def test_a_better_price_elsewhere_is_worth_another_question() -> None:
    signal = approved(offers={"IBC": 2.20, "GA": 2.19})
    assert (first_books(signal), all_books(signal)) == (("IBC",), ("IBC", "GA"))
    _, slipped = choose(signal, [a_quote("IBC", 2.185)], LIMITS)
    _, stands = choose(signal, [a_quote("IBC", 2.19)], LIMITS)
    assert slipped is not None and not beats_the_rest(slipped, signal)
    assert stands is not None and beats_the_rest(stands, signal)


@st.composite
def _situations(draw: st.DrawFn) -> tuple[ApprovedSignal, list[PlacementQuote]]:
    books = {"IBC": 2.20, "GA": 2.19, "SIN": 2.18}
    quotes = [
        a_quote(
            book,
            draw(st.floats(2.0, 2.4).map(lambda odds: round(odds, 3))),
            low=draw(st.integers(0, 1500)),
            high=draw(st.integers(0, 5000)),
            rejected=draw(st.booleans()),
        )
        for book in draw(st.permutations(sorted(books)))
    ]
    return approved(offers=books, stake_minor=draw(st.integers(500, 9000))), quotes


@given(_situations())
def test_a_plan_never_stakes_more_than_was_approved_or_than_its_books_take(
    situation: tuple[ApprovedSignal, list[PlacementQuote]],
) -> None:
    signal, quotes = situation
    verdict, plan = choose(signal, quotes, LIMITS)
    assert verdict.accepted is (plan is not None)
    if plan is None:
        return
    by_book = {quote.book: quote for quote in quotes}
    chosen = [by_book[book] for book in plan.books]
    assert 500 <= plan.stake_minor <= signal.stake_minor
    assert plan.stake_minor <= sum(quote.maximum_minor for quote in chosen)
    assert sum(quote.maximum_minor for quote in chosen[:-1]) < plan.stake_minor, (
        "the last book is not needed"
    )
    assert not any(quote.rejected for quote in chosen)
    assert [quote.odds for quote in chosen] == sorted(
        (quote.odds for quote in chosen), reverse=True
    )
    if plan.stake_minor < signal.stake_minor:
        assert Decimal(plan.stake_minor) % 100 == 0


def test_an_anchor_that_moved_since_the_approval_is_not_bet_however_good_its_price() -> None:
    """Its new price is held against a consensus that it has just left behind."""
    others = [prices("ISN", 1.94, 1.96), prices("SBO", 1.95, 1.95)]
    books = (prices("PIN", 2.20, 1.75, stood_s=60), *others)
    update = an_update(*books, market=parse_market("ft.ou.2.5"), event=an_event())
    signals = [
        signal
        for *_, signal in evaluate(ValidatedMarket(update, books, {}, NOW), EdgeSettings(), NOW)
        if signal
    ]
    bet = ApprovedSignal(signals[0], "d1", 1000, NOW)
    same, _ = choose(bet, [a_quote("PIN", 2.20)], LIMITS)
    assert same.accepted
    for odds in (2.19, 2.21, 2.30):
        verdict, plan = choose(bet, [a_quote("PIN", odds)], LIMITS)
        assert (verdict.reason, plan) == (Reason.ANCHOR_UNSETTLED, None)
