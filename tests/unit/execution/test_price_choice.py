"""The choice of books, prices and stake for one approved bet."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keter.betting_settings import RouterSettings
from keter.domain.markets import parse_market
from keter.domain.order_calls import PlacementQuote
from keter.domain.signals import ApprovedSignal, ValidatedMarket
from keter.domain.verdicts import Reason
from keter.execution.price_choice import (
    all_books,
    beats_the_others,
    choose,
    first_books,
)
from keter.strategies.value.edge import evaluate
from keter.strategies.value.settings import EdgeSettings
from tests.kit.execution import EDGE, NOW, PLACEMENT_LIMITS, an_event, approved
from tests.kit.signals import an_update, prices


def a_quote(
    book: str = "IBC",
    odds: float = 2.20,
    *,
    low: int = 500,
    high: int = 100_000,
    rejected: bool = False,
) -> PlacementQuote:
    return PlacementQuote(book, odds, f"{odds:.3f}", low, high, rejected)


def test_the_best_price_is_taken_and_sent_back_in_the_venues_own_words() -> None:
    signal = approved(offers={"IBC": 2.20, "GA": 2.18})
    verdict, plan = choose(
        signal,
        [a_quote("GA", 2.18), PlacementQuote("IBC", 2.2, "2.2", 500, 100_000, False)],
        PLACEMENT_LIMITS,
    )
    assert verdict.accepted and plan is not None
    assert plan.prices == (("IBC", "2.2"),)
    assert plan.stake_minor == signal.stake_minor


@pytest.mark.parametrize(
    ("odds", "passes"), [(2.20, True), (2.178, True), (2.177, False), (2.30, True)]
)
def test_a_short_price_may_slip_by_one_per_cent(odds: float, passes: bool) -> None:
    verdict, _ = choose(approved(), [a_quote(odds=odds)], PLACEMENT_LIMITS)
    assert verdict.accepted is passes
    if not passes:
        assert verdict.reason is Reason.PRICE_MOVED


def test_long_prices_have_a_band_of_their_own() -> None:
    router = RouterSettings()
    assert router.slippage_limit_pct(3.0) == router.max_slippage_pct
    assert router.slippage_limit_pct(3.001) == router.max_slippage_long_pct


def test_value_that_is_gone_is_not_bet_even_within_slippage() -> None:
    signal = approved(offers={"IBC": 2.10})
    verdict, plan = choose(signal, [a_quote(odds=2.09)], PLACEMENT_LIMITS)
    assert (verdict.reason, plan) == (Reason.EDGE_GONE, None)


def test_a_price_of_a_moved_line_is_placed_only_at_the_value_it_was_asked_for() -> None:
    """Moved one quarter step, 2.125 must show 5 % and 0.5 points of probability more: 6.06 %."""
    moved = approved_on_a_moved_line(2.14)
    verdict, plan = choose(moved, [a_quote(odds=2.125)], PLACEMENT_LIMITS)
    assert (verdict.reason, plan) == (Reason.EDGE_GONE, None)
    assert float(verdict.numbers["ev_pct"] or 0) > EDGE.min_ev_pct
    assert verdict.numbers["min_ev_pct"] == pytest.approx(5 + 0.5 * 2.125)
    assert choose(moved, [a_quote(odds=2.14)], PLACEMENT_LIMITS)[0].accepted
    assert choose(approved(offers={"IBC": 2.14}), [a_quote(odds=2.125)], PLACEMENT_LIMITS)[
        0
    ].accepted


def approved_on_a_moved_line(odds: float) -> ApprovedSignal:
    """Over 2.5 with one sharp book of its own and one on 2.25."""
    here = an_update(
        prices("PIN", 1.95, 1.95), prices("IBC", odds, 1.70), market=parse_market("fb", "ft.ou.2.5")
    )
    near = an_update(prices("SBO", 1.72, 2.22), market=parse_market("fb", "ft.ou.2.25"))
    market, other = (ValidatedMarket(update, update.books, {}, NOW) for update in (here, near))
    signal = evaluate(market, EDGE, NOW, {}, [other])[0].signal
    assert signal is not None
    return ApprovedSignal(signal, "moved", 1000, NOW)


def test_a_price_too_good_to_be_true_is_refused_at_the_last_moment_too() -> None:
    verdict, _ = choose(approved(), [a_quote(odds=2.60)], PLACEMENT_LIMITS)
    assert verdict.reason is Reason.EV_TOO_HIGH


@pytest.mark.parametrize(
    "quotes", [[], [a_quote(rejected=True)], [a_quote(odds=float("nan"))], [a_quote(odds=1.0)]]
)
def test_no_usable_price_is_no_quote(quotes: list[PlacementQuote]) -> None:
    assert choose(approved(), quotes, PLACEMENT_LIMITS)[0].reason is Reason.NO_QUOTE


def test_a_stake_too_large_for_one_book_is_split_best_price_first() -> None:
    signal = approved(offers={"IBC": 2.20, "GA": 2.19, "SIN": 2.18}, stake_minor=2000)
    quotes = [a_quote("SIN", 2.18), a_quote("GA", 2.19, high=800), a_quote("IBC", 2.20, high=700)]
    _, plan = choose(signal, quotes, PLACEMENT_LIMITS)
    assert plan is not None
    assert (plan.books, plan.stake_minor, plan.odds) == (("IBC", "GA", "SIN"), 2000, 2.18)


def test_what_no_book_takes_is_left_out_of_the_stake() -> None:
    signal = approved(offers={"IBC": 2.20, "GA": 2.19}, stake_minor=2000)
    _, plan = choose(
        signal, [a_quote("IBC", high=1050), a_quote("GA", 2.19, high=400)], PLACEMENT_LIMITS
    )
    assert plan is not None
    assert (plan.books, plan.stake_minor) == (("IBC",), 1000)


def test_less_than_the_least_stake_is_not_bet() -> None:
    verdict, plan = choose(
        approved(stake_minor=2000), [a_quote(high=499, low=100)], PLACEMENT_LIMITS
    )
    assert (verdict.reason, plan) == (Reason.BOOK_LIMITS, None)
    verdict, plan = choose(approved(stake_minor=1000), [a_quote(low=1001)], PLACEMENT_LIMITS)
    assert (verdict.reason, plan) == (Reason.BOOK_LIMITS, None)


def test_a_better_price_elsewhere_is_worth_another_question() -> None:
    signal = approved(offers={"IBC": 2.20, "GA": 2.19})
    assert (first_books(signal), all_books(signal)) == (("IBC",), ("IBC", "GA"))
    _, slipped = choose(signal, [a_quote("IBC", 2.185)], PLACEMENT_LIMITS)
    _, stands = choose(signal, [a_quote("IBC", 2.19)], PLACEMENT_LIMITS)
    assert slipped is not None and not beats_the_others(slipped, signal)
    assert stands is not None and beats_the_others(stands, signal)


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
    verdict, plan = choose(signal, quotes, PLACEMENT_LIMITS)
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
    update = an_update(*books, market=parse_market("fb", "ft.ou.2.5"), event=an_event())
    signals = [
        signal
        for *_, signal in evaluate(ValidatedMarket(update, books, {}, NOW), EdgeSettings(), NOW)
        if signal
    ]
    bet = ApprovedSignal(signals[0], "d1", 1000, NOW)
    same, _ = choose(bet, [a_quote("PIN", 2.20)], PLACEMENT_LIMITS)
    assert same.accepted
    for odds in (2.19, 2.21, 2.30):
        verdict, plan = choose(bet, [a_quote("PIN", odds)], PLACEMENT_LIMITS)
        assert (verdict.reason, plan) == (Reason.ANCHOR_UNSETTLED, None)
