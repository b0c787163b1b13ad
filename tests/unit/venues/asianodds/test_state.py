"""The merged feed: what a delta changes, what it must not, and which row stands for a market."""

import json
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keter.clock import to_ms
from keter.domain.feed import EventScore, MarketPrices
from keter.domain.markets import Phase
from keter.venues.asianodds.merging import Merged
from keter.venues.asianodds.normalise import Problem, read_ref
from keter.venues.asianodds.state import FeedState
from keter.venues.asianodds.wire import BrokenAnswerError, read_answer, read_feed
from tests.kit.asianodds_payloads import (
    EMPTY_PRICES,
    GOALS,
    HDP,
    KICKOFF,
    NOW,
    UPDATED_MS,
    feed_body,
    handicap,
    live_row,
    match_game,
    result_odds,
    total,
)
from tests.kit.feed_state import known_markets

UID = "fb-20260216-alpha-fc-v-beta-fc"


def take(
    state: FeedState,
    *rows: dict[str, Any],
    phase: Phase = Phase.TODAY,
    at: datetime = NOW,
    fresh: bool = False,
    sport: int = 1,
) -> Merged:
    body = feed_body(*rows, sport=sport)
    return state.merge(read_feed(read_answer(body)), phase, at, fresh=fresh)


def told(merged: Merged) -> dict[str, MarketPrices]:
    return {prices.market.market_id: prices for prices in merged.changed}


def known(state: FeedState, at: datetime = NOW) -> dict[tuple[str, str], MarketPrices]:
    return {(p.event.event_uid, p.market.market_id): p for p in known_markets(state, at)}


def full_row(game_id: int = 1, **fields: Any) -> dict[str, Any]:
    prices = {"FullTimeHdp": handicap(), "FullTimeOu": total(), "FullTimeOneXTwo": result_odds()}
    return match_game(game_id, **{**prices, **fields})


def test_the_sample_row_becomes_three_markets() -> None:
    merged = take(FeedState(), full_row())
    markets = told(merged)
    assert set(markets) == {"ft.ah.-0.75", "ft.ou.2.5", "ft.1x2"}
    handicap_market = markets["ft.ah.-0.75"]
    assert [(b.book, b.odds) for b in handicap_market.books] == [
        ("PIN", (1.934, 1.97)),
        ("SIN", (1.95, 1.95)),
    ]
    assert handicap_market.event.event_uid == UID
    assert (handicap_market.phase, handicap_market.active, handicap_market.score) == (
        Phase.TODAY,
        True,
        None,
    )
    assert read_ref(handicap_market.ref).game_id == 1
    assert markets["ft.1x2"].books[0].odds == (1.72, 3.85, 5.1)
    assert merged.known_markets == 3
    assert not merged.problems


def test_half_time_markets_take_the_half_time_favourite() -> None:
    row = match_game(
        HalfTimeHdp=handicap("0-0.5"),
        HalfTimeFavoured=2,
        HalfTimeOu=total("1.0"),
        HalfTimeOneXTwo=result_odds(),
    )
    assert set(told(take(FeedState(), row))) == {"ht.ah.0.25", "ht.ou.1", "ht.1x2"}


def test_the_old_single_favourite_serves_where_the_pair_is_missing() -> None:
    row = match_game(
        FullTimeHdp=handicap("1.0"), Favoured=2, FullTimeFavoured=None, HalfTimeFavoured=None
    )
    assert set(told(take(FeedState(), row))) == {"ft.ah.1"}


def test_a_line_that_nobody_gives_is_not_guessed() -> None:
    merged = take(
        FeedState(), match_game(FullTimeHdp=handicap("1.0"), Favoured=1, FullTimeFavoured=0)
    )
    assert not merged.changed
    assert merged.problems == {Problem.SIGN_UNKNOWN: 1}


def test_basketball_prices_are_a_money_line() -> None:
    state = FeedState()
    body = feed_body(match_game(FullTimeOneXTwo=result_odds("PIN=1.5,2.6")), sport=2)
    merged = state.merge(read_feed(read_answer(body)), Phase.TODAY, NOW)
    assert set(told(merged)) == {"ot.ml"}  # Asian books count overtime
    assert merged.changed[0].event.sport == merged.changed[0].market.sport == "bb"


def test_the_same_answer_again_changes_nothing() -> None:
    state = FeedState()
    take(state, full_row())
    again = take(state, full_row(), at=NOW + timedelta(seconds=5))
    assert (again.changed, again.removed, again.scores) == ((), (), ())
    assert again.known_markets == 3


def test_a_later_change_time_without_another_price_changes_nothing() -> None:
    state = FeedState()
    take(state, full_row())
    assert not take(state, full_row(UpdatedDateTime=UPDATED_MS + 1_000)).changed


def test_an_empty_odds_string_never_erases_a_known_one() -> None:
    state = FeedState()
    take(state, full_row())
    changed = take(state, match_game(1, FullTimeHdp=handicap("0.5-1", "PIN=1.90,2.00")))
    assert set(told(changed)) == {"ft.ah.-0.75"}
    assert not changed.removed
    assert {market for _, market in known(state)} == {"ft.ah.-0.75", "ft.ou.2.5", "ft.1x2"}


def test_a_missing_field_keeps_what_is_known() -> None:
    state = FeedState()
    take(state, full_row())
    bare = dict.fromkeys(EMPTY_PRICES) | {
        "FullTimeFavoured": None,
        "HalfTimeFavoured": None,
        "Favoured": None,
    }
    merged = take(
        state,
        match_game(1, **{**bare, "IsActive": None, "MarketTypeId": None, "UpdatedDateTime": None}),
    )
    assert (merged.changed, merged.removed) == ((), ())


def test_prices_never_move_on_to_another_line() -> None:
    state = FeedState()
    take(state, full_row())
    merged = take(state, match_game(1, FullTimeHdp=handicap("1.0", "")))
    assert [market.market_id for _, market in merged.removed] == ["ft.ah.-0.75"]
    assert not merged.changed


def test_prices_never_move_on_to_the_other_side() -> None:
    state = FeedState()
    take(state, full_row())
    merged = take(state, match_game(1, FullTimeHdp=handicap("0.5-1", ""), FullTimeFavoured=2))
    assert [market.market_id for _, market in merged.removed] == ["ft.ah.-0.75"]


def test_a_favourite_that_changes_without_prices_ends_those_of_the_old_side() -> None:
    state = FeedState()
    take(state, full_row(FullTimeOu=total()))
    assert not take(state, match_game(1, FullTimeFavoured=0)).removed
    merged = take(state, match_game(1, FullTimeFavoured=2))
    assert [market.market_id for _, market in merged.removed] == ["ft.ah.-0.75"]
    assert {market for _, market in known(state)} == {"ft.ou.2.5", "ft.1x2"}


def test_a_line_that_moves_with_prices_replaces_the_old_market() -> None:
    state = FeedState()
    take(state, full_row())
    merged = take(state, match_game(1, FullTimeHdp=handicap("1.0")))
    assert set(told(merged)) == {"ft.ah.-1"}
    assert [market.market_id for _, market in merged.removed] == ["ft.ah.-0.75"]


def test_an_odds_string_without_a_usable_book_ends_the_market() -> None:
    state = FeedState()
    take(state, full_row())
    merged = take(state, match_game(1, FullTimeHdp=handicap("0.5-1", "PIN=NaN,NaN;garbage")))
    assert [market.market_id for _, market in merged.removed] == ["ft.ah.-0.75"]
    assert merged.problems == {Problem.BAD_PRICE: 1, Problem.BAD_BOOK: 1}


def test_only_the_books_that_moved_get_a_new_change_time() -> None:
    state = FeedState()
    take(state, full_row())
    odds = "PIN=1.934,1.970;SIN=1.900,2.000"
    later = take(
        state, full_row(FullTimeHdp=handicap("0.5-1", odds), UpdatedDateTime=UPDATED_MS + 2_000)
    )
    pin, sin = told(later)["ft.ah.-0.75"].books
    assert (to_ms(pin.changed_at), to_ms(sin.changed_at)) == (UPDATED_MS, UPDATED_MS + 2_000)
    assert pin.confirmed_at == sin.confirmed_at == NOW


def test_a_suspended_row_is_told_as_inactive() -> None:
    state = FeedState()
    take(state, full_row())
    merged = take(state, match_game(1, IsActive=False))
    assert {prices.active for prices in merged.changed} == {False}
    assert len(merged.changed) == 3


def test_a_closing_row_takes_its_markets_with_it() -> None:
    state = FeedState()
    take(state, full_row(1), match_game(2, FullTimeOu=total("3.0")))
    closing = {
        "GameId": 1,
        "MatchId": -55001122,
        "WillBeRemoved": True,
        "ToBeRemovedOn": UPDATED_MS + 300_000,
    }
    merged = take(state, closing)
    assert {market.market_id for _, market in merged.removed} == {
        "ft.ah.-0.75",
        "ft.ou.2.5",
        "ft.1x2",
    }
    assert merged.known_markets == 1


def test_a_removal_time_alone_removes_nothing() -> None:
    state = FeedState()
    assert take(state, full_row(1, ToBeRemovedOn=UPDATED_MS - 1)).known_markets == 3


def test_several_rows_and_matches_make_one_event() -> None:
    state = FeedState()
    rows = [
        full_row(1),
        match_game(2, FullTimeHdp=handicap("1.0")),
        match_game(3, MatchId=99, FullTimeOu=total("3.0")),
    ]
    merged = take(state, *rows)
    assert {prices.event.event_uid for prices in merged.changed} == {UID}
    assert set(told(merged)) == {"ft.ah.-0.75", "ft.ou.2.5", "ft.1x2", "ft.ah.-1", "ft.ou.3"}
    assert read_ref(told(merged)["ft.ou.3"].ref).match_id == 99


def test_of_matches_with_the_same_market_an_active_row_wins_then_the_newest() -> None:
    state = FeedState()
    newest = match_game(
        3,
        MatchId=3,
        FullTimeOu=total("2.5", "PIN=1.7,2.2"),
        IsActive=False,
        UpdatedDateTime=UPDATED_MS + 900,
    )
    newer = match_game(
        2, MatchId=2, FullTimeOu=total("2.5", "PIN=1.8,2.1"), UpdatedDateTime=UPDATED_MS + 100
    )
    merged = take(state, newer, newest, match_game(1, FullTimeOu=total()))
    assert read_ref(told(merged)["ft.ou.2.5"].ref).game_id == 2
    gone = take(state, {**newer, "WillBeRemoved": True})
    assert read_ref(told(gone)["ft.ou.2.5"].ref).game_id == 1
    assert not gone.removed


@pytest.mark.parametrize("order", [(1, 2), (2, 1)])
@pytest.mark.parametrize(
    "later",
    [
        {"IsActive": False},
        {"WillBeRemoved": True},
        {"FullTimeOu": total("3.0", "PIN=1.8,2.1")},
        {"FullTimeOu": {"Goal": "x", "BookieOdds": "PIN=1.8,2.1"}},
    ],
)
def test_the_price_of_a_row_that_another_has_replaced_never_comes_back(
    later: dict[str, Any], order: tuple[int, int]
) -> None:
    """A line's GameId may change without the old row being taken away: its price is history."""
    state = FeedState()
    new = match_game(2, FullTimeOu=total("2.5", "PIN=1.8,2.1"), UpdatedDateTime=UPDATED_MS + 100)
    rows = {1: match_game(1, FullTimeOu=total("2.5", "PIN=2.2,1.7")), 2: new}
    merged = take(state, *(rows[number] for number in order))
    assert read_ref(told(merged)["ft.ou.2.5"].ref).game_id == 2
    take(state, {**new, **later, "UpdatedDateTime": UPDATED_MS + 200})
    assert not [
        prices
        for (_, market), prices in known(state).items()
        if market == "ft.ou.2.5" and prices.active
    ]


def test_a_row_that_is_changed_last_again_has_its_market_back() -> None:
    state = FeedState()
    old = match_game(1, FullTimeOu=total("2.5", "PIN=2.2,1.7"))
    take(
        state,
        old,
        match_game(2, FullTimeOu=total("2.5", "PIN=1.8,2.1"), UpdatedDateTime=UPDATED_MS + 100),
    )
    merged = take(state, {**old, "UpdatedDateTime": UPDATED_MS + 200})
    assert read_ref(told(merged)["ft.ou.2.5"].ref).game_id == 1
    assert told(merged)["ft.ou.2.5"].books[0].odds == (2.2, 1.7)


@pytest.mark.parametrize("wrong", [UPDATED_MS * 1000, UPDATED_MS + 86_400_000, -1, 0])
def test_a_change_time_that_cannot_be_freezes_neither_score_nor_row(wrong: int) -> None:
    state = FeedState()
    first = live_row(1, goals=(0, 0), FullTimeOu=total("2.5", "PIN=2.2,1.7"), UpdatedDateTime=wrong)
    take(state, first, phase=Phase.LIVE)
    later = live_row(
        2, goals=(1, 0), FullTimeOu=total("2.5", "PIN=1.5,2.6"), UpdatedDateTime=UPDATED_MS + 9_000
    )
    merged = take(state, later, phase=Phase.LIVE, at=NOW + timedelta(seconds=9))
    assert [(news.score.home, news.score.away) for news in merged.scores] == [(1, 0)]
    assert told(merged)["ft.ou.2.5"].books[0].odds == (1.5, 2.6)


def test_the_kick_off_is_followed_when_the_match_that_told_it_first_has_gone() -> None:
    state = FeedState()
    take(state, full_row(1), match_game(2, MatchId=99, FullTimeOu=total("3.0")))
    take(state, full_row(1, WillBeRemoved=True))
    moved = KICKOFF + timedelta(minutes=45)
    merged = take(state, match_game(2, MatchId=99, FullTimeOu=total("3.0"), StartTime=to_ms(moved)))
    assert told(merged)["ft.ou.3"].event.kickoff == moved
    assert told(merged)["ft.ou.3"].event.event_uid == UID


def test_a_match_that_goes_in_play_leaves_its_old_rows_behind() -> None:
    state = FeedState()
    take(state, full_row(1), match_game(2, FullTimeOu=total("3.0")))
    merged = take(state, live_row(1, FullTimeHdp=handicap("0.5"), in_game=61), phase=Phase.LIVE)
    assert set(told(merged)) == {"ft.ah.-0.5"}
    assert {market.market_id for _, market in merged.removed} == {
        "ft.ah.-0.75",
        "ft.ou.2.5",
        "ft.1x2",
        "ft.ou.3",
    }
    assert told(merged)["ft.ah.-0.5"].phase is Phase.LIVE
    lingering = take(state, full_row(1), match_game(2, FullTimeOu=total("3.0")))
    assert (lingering.changed, lingering.removed) == ((), ())
    assert lingering.problems == {Problem.STALE_COPY: 2}
    assert {p.phase for p in known(state).values()} == {Phase.LIVE}


def test_a_lingering_copy_does_not_come_back_when_the_live_match_is_over() -> None:
    state = FeedState()
    take(state, live_row(1, FullTimeOu=total()), phase=Phase.LIVE)
    take(state, live_row(1, WillBeRemoved=True), phase=Phase.LIVE)
    merged = take(state, full_row(2))
    assert not merged.changed
    assert merged.problems == {Problem.STALE_COPY: 1}


def test_the_removal_of_a_lingering_copy_leaves_the_live_row_alone() -> None:
    state = FeedState()
    take(state, live_row(1, FullTimeOu=total()), phase=Phase.LIVE)
    assert not take(state, full_row(1, WillBeRemoved=True)).removed
    assert known(state)


def test_noise_and_broken_rows_are_counted_and_spoil_nothing() -> None:
    rows = [
        match_game(2, HomeTeam={"Name": "Alpha FC - No. of Corners"}, FullTimeOu=total("9.5")),
        match_game(3, LeagueName="EFOOTBALL", FullTimeOu=total()),
        match_game(4, HomeTeam=None),
        match_game(5, HomeTeam=["Alpha"]),
        match_game(6, StartTime="soon"),
        {"GameId": "x"},
    ]
    merged = take(FeedState(), *rows, full_row(1))
    assert merged.known_markets == 3
    assert merged.problems == {
        Problem.NOISE_EXTRA: 1,
        Problem.NOISE_ESPORT: 1,
        Problem.NO_TEAM: 1,
        Problem.BAD_ROW: 3,
    }


def test_a_known_row_that_can_no_longer_be_read_is_not_traded_on() -> None:
    state = FeedState()
    take(state, full_row(1))
    merged = take(state, full_row(1, FullTimeOu={"Goal": "2.5", "BookieOdds": 7}))
    assert len(merged.removed) == 3
    assert not known(state)


def test_names_that_only_look_alike_are_not_mixed() -> None:
    state = FeedState()
    take(state, full_row(1, HomeTeam={"Name": "Ⱥ FC"}))
    merged = take(
        state, match_game(2, MatchId=7, HomeTeam={"Name": "Ɓ FC"}, FullTimeOu=total("3.0"))
    )
    assert merged.problems == {Problem.UID_COLLISION: 1}
    assert not merged.changed


def test_a_second_game_of_the_same_teams_on_one_day_is_not_mixed_with_the_first() -> None:
    state = FeedState()
    take(state, full_row(1))
    later = to_ms(KICKOFF + timedelta(hours=5))
    assert take(
        state, match_game(2, MatchId=7, StartTime=later, FullTimeOu=total("3.0"))
    ).problems == {Problem.UID_COLLISION: 1}


def test_a_postponed_match_leaves_its_old_event() -> None:
    state = FeedState()
    take(state, full_row(1), match_game(2, FullTimeOu=total("3.0")))
    merged = take(state, full_row(1, StartTime=to_ms(KICKOFF + timedelta(days=2))))
    assert {prices.event.event_uid for prices in merged.changed} == {
        "fb-20260218-alpha-fc-v-beta-fc"
    }
    assert {uid for uid, _ in merged.removed} == {UID}
    assert len(merged.removed) == 4


def test_a_delayed_kick_off_is_told_and_keeps_the_event() -> None:
    state = FeedState()
    take(state, full_row(1))
    merged = take(state, full_row(1, StartTime=to_ms(KICKOFF + timedelta(minutes=30))))
    assert {(p.event.event_uid, p.event.kickoff) for p in merged.changed} == {
        (UID, KICKOFF + timedelta(minutes=30))
    }


@pytest.mark.parametrize("minutes", [-20, 20])
def test_the_matches_of_a_fixture_near_midnight_make_one_event(minutes: int) -> None:
    state = FeedState()
    midnight = KICKOFF.replace(hour=0, minute=0) + timedelta(days=1)
    first, second = (to_ms(midnight + timedelta(minutes=at)) for at in (-minutes / 2, minutes / 2))
    take(state, full_row(1, StartTime=first))
    merged = take(state, match_game(2, MatchId=99, StartTime=second, FullTimeOu=total("3.0")))
    assert {market for _, market in known(state)} == {
        "ft.ah.-0.75",
        "ft.ou.2.5",
        "ft.1x2",
        "ft.ou.3",
    }
    assert len({uid for uid, _ in known(state)}) == 1
    assert not merged.problems


def test_a_match_listed_again_after_its_kick_off_moved_past_midnight_is_the_same_event() -> None:
    state = FeedState()
    midnight = KICKOFF.replace(hour=0, minute=0) + timedelta(days=1)
    take(state, full_row(1, StartTime=to_ms(midnight - timedelta(minutes=10))))
    take(state, full_row(1, StartTime=to_ms(midnight + timedelta(hours=3))))
    take(
        state,
        match_game(
            2, MatchId=99, StartTime=to_ms(midnight + timedelta(hours=3)), FullTimeOu=total("3.0")
        ),
    )
    assert len({uid for uid, _ in known(state)}) == 1
    tomorrow = to_ms(midnight + timedelta(hours=23))
    take(state, match_game(3, MatchId=100, StartTime=tomorrow, FullTimeOu=total("3.0")))
    assert len({uid for uid, _ in known(state)}) == 2, (
        "the same teams a day later are another event"
    )


def test_a_uid_outlives_the_process_that_gave_it() -> None:
    first, second = FeedState(), FeedState()
    midnight = KICKOFF.replace(hour=0, minute=0) + timedelta(days=1)
    noted = take(first, full_row(1, StartTime=to_ms(midnight - timedelta(minutes=10)))).fixtures
    [(uid, _), *_] = known(first)
    second.remember({match_id: event for match_id, event in noted.items() if event is not None})
    moved = to_ms(midnight + timedelta(minutes=20))
    take(second, match_game(2, MatchId=99, StartTime=moved, FullTimeOu=total("3.0")))
    merged = take(second, full_row(1, StartTime=moved))
    assert {one for one, _ in known(second)} == {uid}, "by its own match id and by another"
    assert {event.kickoff for event in merged.fixtures.values() if event is not None} == {
        midnight + timedelta(minutes=20)
    }
    assert not take(second, full_row(1, StartTime=moved, FullTimeOu=total("3.5"))).fixtures, (
        "told when it changes"
    )


def test_a_match_that_comes_back_keeps_its_uid_until_it_is_long_over() -> None:
    state = FeedState()
    start = KICKOFF.replace(hour=23, minute=50)
    take(state, full_row(1, StartTime=to_ms(start)))
    [(uid, _), *_] = known(state)
    take(state, full_row(1, WillBeRemoved=True))
    take(state, full_row(1, StartTime=to_ms(start + timedelta(minutes=30))))
    assert {one for one, _ in known(state)} == {uid}
    merged = take(state, at=start + timedelta(hours=13))
    assert set(merged.fixtures.values()) == {None}
    assert not state._ids.remembered
    assert not state._ids.events


def test_after_a_gap_rows_that_the_answer_does_not_repeat_are_dropped() -> None:
    state = FeedState()
    take(state, full_row(1), match_game(2, FullTimeOu=total("3.0")))
    take(
        state,
        match_game(9, MatchId=5, MarketTypeId=2, HomeTeam={"Name": "Gamma"}, FullTimeOu=total()),
        phase=Phase.EARLY,
    )
    merged = take(state, full_row(1), fresh=True)
    assert [(uid, market.market_id) for uid, market in merged.removed] == [(UID, "ft.ou.3")]
    assert not merged.changed
    assert len(known(state)) == 4


def test_a_delta_that_leaves_everything_out_removes_nothing() -> None:
    state = FeedState()
    take(state, full_row(1))
    assert not take(state).removed
    assert len(known(state)) == 3


def test_rows_go_half_a_day_after_kick_off_whatever_the_feed_forgot() -> None:
    state = FeedState()
    take(state, full_row(1))
    merged = take(state, at=KICKOFF + timedelta(hours=12, minutes=1))
    assert len(merged.removed) == 3
    assert not known(state)


def test_a_malformed_answer_leaves_the_state_as_it_was() -> None:
    state = FeedState()
    take(state, full_row(1))
    before = known(state)
    for body in (b"<html>", feed_body(full_row(1))[:-20], b'{"Code":0,"Result":{"Sports":7}}'):
        with pytest.raises(BrokenAnswerError):
            state.merge(read_feed(read_answer(body)), Phase.TODAY, NOW)
    assert known(state) == before


# scores


def scores_of(state: FeedState, *rows: dict[str, Any], at: datetime = NOW) -> list[EventScore]:
    return list(take(state, *rows, phase=Phase.LIVE, at=at).scores)


def score_row(home: int, away: int, in_game: int, **fields: Any) -> dict[str, Any]:
    prices = {"FullTimeOu": total(), "UpdatedDateTime": UPDATED_MS + (in_game - 180) * 60_000}
    return live_row(1, goals=(home, away), in_game=in_game, **{**prices, **fields})


def test_a_goal_is_told_and_every_market_with_it() -> None:
    state = FeedState()
    (first,) = scores_of(state, score_row(0, 0, 70))
    assert (first.score.home, first.score.away, first.score.minute, first.ended) == (
        0,
        0,
        10,
        False,
    )
    assert not scores_of(state, score_row(0, 0, 70))
    merged = take(state, score_row(1, 0, 71), phase=Phase.LIVE)
    assert merged.scores[0].score.home == 1
    assert merged.changed[0].score == merged.scores[0].score


def test_a_minute_that_passes_is_told_but_changes_no_market() -> None:
    state = FeedState()
    scores_of(state, score_row(0, 0, 70))
    merged = take(state, score_row(0, 0, 71), phase=Phase.LIVE)
    assert [s.score.minute for s in merged.scores] == [11]
    assert not merged.changed


def test_a_row_that_changed_earlier_does_not_bring_an_old_score_back() -> None:
    state = FeedState()
    scores_of(state, score_row(1, 0, 80))
    assert not scores_of(
        state, live_row(2, goals=(0, 0), in_game=70, UpdatedDateTime=UPDATED_MS - 110 * 60_000)
    )


def test_a_live_match_whose_rows_go_late_has_a_final_score() -> None:
    state = FeedState()
    scores_of(state, score_row(1, 0, 100))
    scores_of(state, score_row(1, 0, 121))
    scores_of(state, score_row(2, 1, 167))
    assert not [s for s in scores_of(state, score_row(3, 1, 168, WillBeRemoved=True)) if s.ended]
    assert not scores_of(state, at=NOW + timedelta(seconds=19))
    (final,) = scores_of(state, at=NOW + timedelta(seconds=20))
    assert (final.event_uid, final.ended) == (UID, True)
    assert (final.score.home, final.score.away, final.half_time) == (3, 1, (1, 0))
    assert not scores_of(state, at=NOW + timedelta(seconds=40))


def test_rows_that_go_early_make_no_final_score() -> None:
    state = FeedState()
    scores_of(state, score_row(1, 0, 159))
    scores_of(state, score_row(1, 0, 159, WillBeRemoved=True))
    assert not scores_of(state, at=NOW + timedelta(minutes=5))


def test_a_match_that_comes_back_was_not_over() -> None:
    state = FeedState()
    scores_of(state, score_row(1, 0, 168))
    scores_of(state, score_row(1, 0, 168, WillBeRemoved=True))
    scores_of(state, score_row(1, 1, 169), at=NOW + timedelta(seconds=10))
    assert not [s for s in scores_of(state, at=NOW + timedelta(minutes=5)) if s.ended]


def test_nothing_is_concluded_from_rows_that_went_during_a_gap() -> None:
    state = FeedState()
    scores_of(state, score_row(1, 0, 168))
    later = NOW + timedelta(minutes=10)
    assert take(state, phase=Phase.LIVE, at=later, fresh=True).removed
    assert not scores_of(state, at=later + timedelta(minutes=5))


def test_a_goal_between_the_halves_leaves_the_half_time_score_open() -> None:
    state = FeedState()
    scores_of(state, score_row(1, 0, 104))
    assert [s.half_time for s in scores_of(state, score_row(2, 0, 123))] == [None]
    joined_late = FeedState()
    scores_of(joined_late, score_row(1, 0, 123))
    assert [s.half_time for s in scores_of(joined_late, score_row(1, 0, 124))] == [None]


def test_the_break_itself_may_show_the_half_time_score() -> None:
    state = FeedState()
    scores_of(state, score_row(1, 0, 104))
    break_row = live_row(1, goals=(2, 0), in_game=0, UpdatedDateTime=UPDATED_MS - 70 * 60_000)
    scores_of(state, break_row)
    assert [s.half_time for s in scores_of(state, score_row(2, 0, 120))] == [(2, 0)]


# merge laws

ODDS = st.sampled_from(
    ["", HDP, GOALS, "PIN=1.80,2.05;SBO=1.85,2.01", "PIN=1.95,1.95", "junk", "PIN=NaN,2.0"]
)


@st.composite
def rows(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Draw rows of two fixtures as deltas bring them, each change later than the one before."""
    made: list[dict[str, Any]] = []
    for number in range(draw(st.integers(1, 12))):
        game_id = draw(st.integers(1, 4))
        make = live_row if draw(st.booleans()) and draw(st.booleans()) else match_game
        row = make(
            game_id,
            MatchId=game_id % 2,
            HomeTeam={"Name": f"Home {game_id % 2}", "Score": draw(st.integers(0, 2))},
            AwayTeam={"Name": "Away", "Score": 0},
            InGameMinutes=draw(st.sampled_from([0, 70, 130, 170])),
            FullTimeFavoured=draw(st.integers(0, 2)),
            FullTimeHdp=handicap(draw(st.sampled_from(["", "0.5", "0.5-1", "0.0"])), draw(ODDS)),
            FullTimeOu=total(draw(st.sampled_from(["", "2.5", "x"])), draw(ODDS)),
            IsActive=draw(st.booleans()),
            WillBeRemoved=draw(st.integers(0, 5)) == 0,
            UpdatedDateTime=UPDATED_MS - 60_000 + number * 1_000,
        )
        made.append(row)
    return made


@given(rows(), st.data())
def test_deltas_in_any_split_give_the_same_state(
    sequence: list[dict[str, Any]], data: st.DataObject
) -> None:
    whole, split = FeedState(), FeedState()
    take(whole, *sequence)
    position = 0
    while position < len(sequence):
        size = data.draw(st.integers(1, len(sequence) - position))
        take(split, *sequence[position : position + size])
        position += size
    assert known(split) == known(whole)


@given(rows())
def test_what_was_told_adds_up_to_what_is_known(sequence: list[dict[str, Any]]) -> None:
    """Someone who only follows changes and removals ends with the very markets of the state."""
    state = FeedState()
    followed: dict[tuple[str, str], MarketPrices] = {}
    for row in sequence:
        merged = take(state, row)
        for uid, market in merged.removed:
            del followed[uid, market.market_id]
        for prices in merged.changed:
            followed[prices.event.event_uid, prices.market.market_id] = prices
    assert {key: (p.books, p.active, p.phase, p.ref) for key, p in followed.items()} == {
        key: (p.books, p.active, p.phase, p.ref) for key, p in known(state).items()
    }


@given(rows())
def test_a_merge_is_idempotent(sequence: list[dict[str, Any]]) -> None:
    state = FeedState()
    take(state, *sequence)
    before = known(state)
    last = take(state, sequence[-1])
    assert (last.changed, last.removed) == ((), ())
    assert known(state) == before


@given(rows())
def test_empty_odds_strings_never_erase(sequence: list[dict[str, Any]]) -> None:
    state = FeedState()
    take(state, *sequence)
    before = known(state)
    shown = {read_ref(p.ref).game_id for p in before.values()}
    empty = EMPTY_PRICES | {
        "FullTimeFavoured": None,
        "Favoured": None,
    }  # another favourite would be another market
    take(
        state,
        *[
            {**row, **empty}
            for row in sequence
            if row["GameId"] in shown and not row["WillBeRemoved"]
        ],
    )
    assert {key: p.books for key, p in before.items()}.items() <= {
        key: p.books for key, p in known(state).items()
    }.items()


@given(
    st.lists(
        st.recursive(
            st.none()
            | st.booleans()
            | st.integers()
            | st.floats(allow_nan=False)
            | st.text(max_size=8),
            lambda inner: st.lists(inner, max_size=3),
            max_leaves=4,
        ),
        max_size=6,
    ),
    st.data(),
)
def test_rows_of_any_shape_raise_nothing(values: list[object], data: st.DataObject) -> None:
    state = FeedState()
    take(state, full_row(50, MatchId=50, HomeTeam={"Name": "Other"}))
    before = known(state)
    row = match_game(1)
    for value in values:
        row[data.draw(st.sampled_from(sorted(row)))] = value
    if "50" not in str(row["GameId"]) and "50" not in str(row["MatchId"]):
        body = json.dumps(
            {"Code": 0, "Result": {"Sports": [{"SportsType": 1, "MatchGames": [row, *values]}]}}
        ).encode()
        state.merge(read_feed(read_answer(body)), Phase.TODAY, NOW)
        assert before.items() <= known(state).items()


def test_after_a_gap_a_known_row_that_cannot_be_read_goes_like_one_that_is_not_there() -> None:
    state = FeedState()
    take(state, full_row(1), full_row(2, MatchId=7, HomeTeam={"Name": "Gamma FC"}))
    merged = take(state, full_row(1, HomeTeam="no team"), fresh=True)
    assert {uid for uid, _ in merged.removed} == {UID, "fb-20260216-gamma-fc-v-beta-fc"}
    assert merged.problems[Problem.BAD_ROW] == 1
    assert not known(state)


def test_after_a_gap_a_match_that_moved_on_leaves_its_old_lines() -> None:
    state = FeedState()
    take(state, full_row(1), full_row(2, FullTimeOu=total("3.5")))
    later = to_ms(KICKOFF + timedelta(hours=13))
    merged = take(state, full_row(1, StartTime=later), fresh=True)
    assert {uid for uid, _ in merged.removed} == {UID}
    assert {uid for uid, _ in known(state)} == {"fb-20260216-alpha-fc-v-beta-fc"} - {UID} | {
        prices.event.event_uid for prices in merged.changed
    }


def test_after_a_gap_a_match_that_went_live_leaves_its_early_lines() -> None:
    state = FeedState()
    take(state, full_row(1), full_row(2, FullTimeOu=total("3.5")))
    take(state, live_row(1, FullTimeOu=total()), fresh=True)
    assert {market for _, market in known(state)} == {"ft.ou.2.5"}


def test_a_score_from_before_a_gap_is_not_final_because_its_row_cannot_be_read() -> None:
    """A goal may hide in the gap: nothing may be concluded from the row having gone."""
    state = FeedState()
    take(state, live_row(1, goals=(1, 0), in_game=168, FullTimeOu=total()), phase=Phase.LIVE)
    take(state, live_row(1, HomeTeam="no team"), phase=Phase.LIVE, fresh=True)
    merged = take(state, phase=Phase.LIVE, at=NOW + timedelta(minutes=5))
    assert not merged.scores


@pytest.mark.parametrize("spoilt", [{"MatchId": 10**20}, {"GameId": -(10**30)}])
def test_ids_beyond_64_bits_are_no_row(spoilt: dict[str, Any]) -> None:
    merged = take(FeedState(), full_row(1, **spoilt))
    assert (merged.changed, merged.problems) == ((), {Problem.BAD_ROW: 1})


def test_names_in_the_feed_show_what_they_are() -> None:
    (prices, *_) = take(
        FeedState(), full_row(HomeTeam={"Name": "Alpha\x1b[2J\u202e FC"}, LeagueName="L\x07\n1")
    ).changed
    assert (prices.event.home, prices.event.league) == ("Alpha [2J FC", "L 1")
    assert take(FeedState(), full_row(HomeTeam={"Name": "A" * 121})).problems == {
        Problem.NO_TEAM: 1
    }


TWO = "PIN=1.5,2.6"


def tennis(mark: str, game_id: int, match_id: int, **prices: Any) -> dict[str, Any]:
    names = {"HomeTeam": {"Name": f"A Ivanova {mark}"}, "AwayTeam": {"Name": f"B Petrova {mark}"}}
    return match_game(game_id, MatchId=match_id, LeagueName="WTA DEMO", **names, **prices)


def test_the_rows_of_a_tennis_match_in_sets_and_in_games_are_one_event() -> None:
    rows = [
        tennis(
            "(Sets)", 1, -1, FullTimeHdp=handicap("1.5"), FullTimeOneXTwo=result_odds("PIN=1.5,2.6")
        ),
        tennis("(Games)", 2, -2, FullTimeHdp=handicap("3.5"), FullTimeOu=total("22.5")),
    ]
    merged = take(FeedState(), *rows, sport=3)
    assert set(told(merged)) == {
        "ft.sets-ah.-1.5",
        "ft.ml",
        "ft.games-ah.-3.5",
        "ft.games-ou.22.5",
    }
    assert {prices.event.event_uid for prices in merged.changed} == {
        "te-20260216-a-ivanova-v-b-petrova"
    }
    assert {prices.market.sport for prices in merged.changed} == {"te"}
    games = told(merged)["ft.games-ah.-3.5"]
    assert (read_ref(games.ref).game_id, read_ref(games.ref).match_id) == (2, -2)


def test_a_market_whose_meaning_in_the_sport_is_unknown_is_left_out_and_counted() -> None:
    unmarked = tennis("", 1, -1, FullTimeHdp=handicap("1.5"), HalfTimeOu=total("9.5"))
    merged = take(FeedState(), unmarked, sport=3)
    assert (merged.changed, merged.problems) == ((), {Problem.NO_MARKET: 2})
    quarter = match_game(HalfTimeHdp=handicap("1.5"), FullTimeHdp=handicap("3.5"))
    merged = take(FeedState(), quarter, sport=2)
    assert set(told(merged)) == {"ot.ah.-3.5"}
    assert merged.problems == {Problem.NO_MARKET: 1}


def test_a_row_of_a_sport_that_is_not_modelled_is_left_out_and_counted() -> None:
    merged = take(FeedState(), full_row(), sport=5)
    assert (merged.changed, merged.problems) == ((), {Problem.UNKNOWN_SPORT: 1})


def test_in_play_the_two_scores_of_a_tennis_match_are_not_told() -> None:
    row = tennis("(Sets)", 1, -1, MarketTypeId=0, FullTimeHdp=handicap("1.5"))
    row["HomeTeam"]["Score"], row["AwayTeam"]["Score"] = 1, 0
    merged = take(FeedState(), row, sport=3, phase=Phase.LIVE)
    assert merged.scores == ()
    assert [prices.score for prices in merged.changed] == [None]
