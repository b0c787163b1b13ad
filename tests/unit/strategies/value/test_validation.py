"""What may be priced, and which books may be believed."""

import math
from datetime import timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keter.domain.market_kinds import MarketKind
from keter.domain.markets import Market, Phase, parse_market
from keter.domain.quotes import BookPrices, MarketUpdate, Score
from keter.domain.signals import ValidatedMarket
from keter.domain.sports import HALF_TIME
from keter.domain.verdicts import Reason
from keter.strategies.value.settings import ValidationSettings
from keter.strategies.value.validation import Dropped, validate
from tests.kit.signals import NOW, an_event, an_update, prices

PIN = prices("PIN", 2.1, 3.4, 3.6)
HALF = Market(HALF_TIME, MarketKind.ONE_X_TWO, None)


def verdict_on(update: MarketUpdate, settings: ValidationSettings | None = None) -> Reason:
    verdict, market = validate(update, settings or ValidationSettings(), NOW)
    assert verdict.accepted == (market is not None) == (verdict.reason is Reason.OK)
    return verdict.reason


def passed(update: MarketUpdate, settings: ValidationSettings | None = None) -> ValidatedMarket:
    _, market = validate(update, settings or ValidationSettings(), NOW)
    assert market is not None
    return market


def test_a_fresh_open_market_with_complete_books_passes_with_all_of_them() -> None:
    market = passed(an_update(PIN, prices("SIN", 2.2, 3.3, 3.5)))
    assert [book.book for book in market.books] == ["PIN", "SIN"]
    assert market.dropped == {}


@pytest.mark.parametrize(
    ("update", "reason"),
    [
        (an_update(PIN, active=False), Reason.MARKET_CLOSED),
        (an_update(PIN, event=an_event(league="EFOOTBALL BATTLE")), Reason.LEAGUE_BLACKLISTED),
        (an_update(PIN, event=an_event(league="Club Friendly")), Reason.LEAGUE_BLACKLISTED),
        (an_update(PIN, event=an_event(home="Alpha FC - No. of Corners")), Reason.NOISE_EVENT),
        (
            an_update(PIN, event=an_event(kickoff=NOW + timedelta(hours=72, seconds=1))),
            Reason.EVENT_TOO_FAR,
        ),
        (an_update(PIN, event=an_event(kickoff=NOW)), Reason.EVENT_STARTED),
        (an_update(PIN, phase=Phase.LIVE, score=Score(0, 0, 10)), Reason.EVENT_STARTED),
        (an_update(), Reason.NO_COMPLETE_BOOK),
        (
            an_update(prices("PIN", 2.1, 3.4, 3.6, confirmed_at=NOW - timedelta(seconds=30.001))),
            Reason.QUOTE_STALE,
        ),
    ],
)
def test_a_market_that_must_not_be_traded_is_refused_with_its_reason(
    update: MarketUpdate, reason: Reason
) -> None:
    assert verdict_on(update) is reason


@pytest.mark.parametrize("word", ["1x2", "ft", "FT.1X2"])
def test_kind_period_or_both_may_be_blacklisted(word: str) -> None:
    assert (
        verdict_on(an_update(PIN), ValidationSettings(market_type_blacklist=(word,)))
        is Reason.MARKET_TYPE_BLACKLISTED
    )


@pytest.mark.parametrize("word", ["ah", "sets-ah", "ft.ah", "FT.sets-ah", "ft"])
def test_a_blacklisted_kind_is_forbidden_in_every_sport(word: str) -> None:
    update = of_sport("te", "ft.sets-ah.-1.5")
    assert verdict_on(update) is Reason.OK
    only = ValidationSettings(market_type_blacklist=(word,))
    assert verdict_on(update, only) is Reason.MARKET_TYPE_BLACKLISTED
    games = ValidationSettings(market_type_blacklist=("games-ah", "s1", "ot.ml"))
    assert verdict_on(update, games) is Reason.OK


def of_sport(
    sport: str, market_id: str, *, home: str = "Alpha", phase: Phase = Phase.TODAY
) -> MarketUpdate:
    event = msgspec.structs.replace(an_event(home=home), sport=sport)
    market = parse_market(sport, market_id)
    return an_update(prices("PIN", 1.9, 1.9), event=event, market=market, phase=phase)


def test_a_sport_that_is_not_modelled_is_refused_with_a_sentence() -> None:
    cricket = msgspec.structs.replace(an_event(), sport="cr")
    verdict, market = validate(an_update(PIN, event=cricket), ValidationSettings(), NOW)
    assert (verdict.reason, market) == (Reason.SPORT_NOT_MODELLED, None)
    assert verdict.numbers["sport"] == "cr"
    assert "Keter does not bet on 'cr'" in str(verdict.numbers["why"])
    assert "football (fb), tennis (te)" in str(verdict.numbers["why"])


def test_a_market_of_another_sport_than_its_event_is_refused() -> None:
    baseball = msgspec.structs.replace(an_event(), sport="bs")
    verdict, market = validate(an_update(PIN, event=baseball), ValidationSettings(), NOW)
    assert (verdict.reason, market) == (Reason.SPORT_NOT_MODELLED, None)
    assert "its market ft.1x2 of fb" in str(verdict.numbers["why"])


@pytest.mark.parametrize(
    ("sport", "market_id", "home", "reason"),
    [
        ("te", "ft.sets-ah.-1.5", "Ivanova (Sets)", Reason.OK),
        ("te", "ft.sets-ah.-1.5", "Ivanova - Aces", Reason.NOISE_EVENT),
        ("bb", "ot.ou.221", "Las Vegas Aces", Reason.OK),
        ("bb", "ot.ou.221", "Alpha (Sets)", Reason.NOISE_EVENT),
        ("bs", "ft.ml", "Alpha Total Home Runs", Reason.NOISE_EVENT),
        ("ih", "ot.ml", "Alpha 1st period", Reason.NOISE_EVENT),
    ],
)
def test_the_sport_says_which_names_are_no_match(
    sport: str, market_id: str, home: str, reason: Reason
) -> None:
    assert verdict_on(of_sport(sport, market_id, home=home)) is reason


@pytest.mark.parametrize(
    ("sport", "market_id", "reason"),
    [
        ("bb", "ot.ah.-5.5", Reason.OK),
        ("te", "ft.ml", Reason.OK),
        ("bb", "reg.ah.-5.5", Reason.EVENT_STARTED),
        ("te", "s1.ml", Reason.EVENT_STARTED),
        ("bs", "f5.ml", Reason.EVENT_STARTED),
    ],
)
def test_in_play_other_sports_need_no_score_but_a_period_that_is_not_over(
    sport: str, market_id: str, reason: Reason
) -> None:
    live = of_sport(sport, market_id, phase=Phase.LIVE)
    assert verdict_on(live, ValidationSettings(in_play=True)) is reason
    assert verdict_on(live) is Reason.EVENT_STARTED


def test_in_play_is_bet_only_when_asked_for_and_the_score_is_known() -> None:
    in_play = ValidationSettings(in_play=True)
    assert verdict_on(an_update(PIN, phase=Phase.LIVE, score=Score(1, 0, 60)), in_play) is Reason.OK
    assert verdict_on(an_update(PIN, phase=Phase.LIVE), in_play) is Reason.EVENT_STARTED


@pytest.mark.parametrize(
    ("minute", "reason"),
    [(44, Reason.OK), (45, Reason.EVENT_STARTED), (None, Reason.EVENT_STARTED)],
)
def test_a_first_half_market_ends_with_the_first_half(minute: int | None, reason: Reason) -> None:
    update = an_update(PIN, market=HALF, phase=Phase.LIVE, score=Score(0, 0, minute))
    assert verdict_on(update, ValidationSettings(in_play=True)) is reason


def test_a_row_that_should_have_moved_to_live_is_refused_even_with_in_play_on() -> None:
    update = an_update(
        PIN, event=an_event(kickoff=NOW - timedelta(seconds=1)), score=Score(0, 0, 0)
    )
    assert verdict_on(update, ValidationSettings(in_play=True)) is Reason.EVENT_STARTED


def test_prices_in_play_grow_old_sooner() -> None:
    nine_s_old = prices("PIN", 2.1, 3.4, 3.6, confirmed_at=NOW - timedelta(seconds=9))
    settings = ValidationSettings(in_play=True)
    assert (
        verdict_on(an_update(nine_s_old, phase=Phase.LIVE, score=Score(0, 0, 3)), settings)
        is Reason.QUOTE_STALE
    )
    assert verdict_on(an_update(nine_s_old), settings) is Reason.OK


@pytest.mark.parametrize(
    ("book", "why"),
    [
        (prices("X", 2.1, None, 3.6), Dropped.INCOMPLETE),
        (prices("X", 2.1, 3.4), Dropped.INCOMPLETE),
        (prices("X", 2.1, 3.4, 3.6, 9.0), Dropped.INCOMPLETE),
        (prices("X", 2.1, 3.4, math.nan), Dropped.IMPLAUSIBLE),
        (prices("X", 2.1, 3.4, math.inf), Dropped.IMPLAUSIBLE),
        (prices("X", 1.0, 3.4, 3.6), Dropped.IMPLAUSIBLE),
        (prices("X", 2.1, 3.4, 1002.0), Dropped.IMPLAUSIBLE),
        (prices("X", 3.1, 3.4, 3.6), Dropped.UNDERROUND),
        (prices("X", 2.1, 3.4, 3.6, confirmed_at=NOW - timedelta(seconds=31)), Dropped.STALE),
        (prices("X", 2.1, 3.4, 3.6, confirmed_at=NOW + timedelta(seconds=6)), Dropped.FROM_FUTURE),
        (PIN, Dropped.REPEATED),
    ],
)
def test_a_doubtful_book_is_left_out_and_named_while_the_others_stay(
    book: BookPrices, why: Dropped
) -> None:
    market = passed(an_update(PIN, book))
    assert [kept.book for kept in market.books] == ["PIN"]
    assert list(market.dropped.values()) == [why]


def test_a_fair_book_without_margin_is_not_under_round() -> None:
    market = passed(an_update(prices("X", 3.0, 3.0, 3.0)))
    assert market.dropped == {}


ODDS = st.none() | st.floats(allow_nan=True, allow_infinity=True) | st.floats(1.01, 20)


@given(st.lists(st.tuples(ODDS, ODDS, ODDS), max_size=6), st.integers(-60, 60))
def test_whatever_books_say_only_complete_plausible_fresh_prices_pass(
    books: list[tuple[float | None, ...]], age: int
) -> None:
    at = NOW - timedelta(seconds=age)
    update = an_update(*(prices(f"B{i}", *odds, confirmed_at=at) for i, odds in enumerate(books)))
    _, market = validate(update, ValidationSettings(), NOW)
    for book in market.books if market else ():
        odds = [value for value in book.odds if value is not None]
        assert len(odds) == 3
        assert all(1 < value < 1002 for value in odds)
        assert sum(1 / value for value in odds) > 1 - 1e-8
        assert -5 <= age <= 30
    if market is not None:
        assert {book.book for book in market.books} | set(market.dropped) == {
            book.book for book in update.books
        }
