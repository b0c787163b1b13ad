"""Polling: the rhythm, the cursors, and what a bad answer may and may not do."""

from collections.abc import Callable
from datetime import timedelta
from itertools import pairwise
from typing import Any

import httpx
import pytest
import structlog

from keter.domain.feed import FeedUpdate
from keter.domain.markets import Phase
from keter.venues.asianodds.limits import FEED_INTERVAL_S
from keter.venues.asianodds.normalise import MARKET_TYPE_OF_PHASE, Problem
from keter.venues.asianodds.recorded_feed import CapturedFeeds
from keter.venues.asianodds.source import EVERYTHING, AsianOddsSource
from keter.venues.base import VenueRejectedError
from tests.kit.asianodds_payloads import (
    feed_body,
    handicap,
    live_row,
    match_game,
    result_body,
    result_odds,
    total,
)
from tests.kit.asianodds_seam import Script, Venue, played

ROW = match_game(1, FullTimeHdp=handicap(), FullTimeOu=total(), FullTimeOneXTwo=result_odds())


class FeedVenue(Venue):
    """A venue whose feed answers per market type: ``feeds`` in turn, then "nothing changed"."""

    def __init__(self) -> None:
        super().__init__()
        self.feeds: dict[Phase, list[Script]] = {phase: [] for phase in Phase}
        self._forever()

    def _forever(self) -> None:
        self.say("GetFeeds", *[self._feed] * 8_000)

    def _feed(self, request: httpx.Request) -> httpx.Response:
        number = int(request.url.params["marketTypeId"])
        (phase,) = (phase for phase, kind in MARKET_TYPE_OF_PHASE.items() if kind == number)
        answers = self.feeds[phase]
        return played(answers.pop(0) if answers else result_body(None), request)

    def since(self, phase: Phase) -> list[str]:
        number = str(MARKET_TYPE_OF_PHASE[phase])
        return [
            c.url.params["since"]
            for c in self.calls("GetFeeds")
            if c.url.params["marketTypeId"] == number
        ]

    def source(self, **options: Any) -> AsianOddsSource:
        return AsianOddsSource(self.client(), self.clock, self.stores, sleep=self.sleep, **options)

    async def polled(
        self, source: AsianOddsSource, enough: Callable[[list[FeedUpdate]], bool]
    ) -> list[FeedUpdate]:
        updates: list[FeedUpdate] = []
        async for update in source.updates():
            updates.append(update)
            if enough(updates):
                break
        return updates


@pytest.fixture
def venue() -> FeedVenue:
    return FeedVenue()


def until(venue: FeedVenue, seconds: float) -> Callable[[list[FeedUpdate]], bool]:
    end = venue.clock.now() + timedelta(seconds=seconds)
    return lambda _: venue.clock.now() >= end


async def test_each_market_type_is_asked_at_its_interval(venue: FeedVenue) -> None:
    updates = await venue.polled(venue.source(), until(venue, 60))
    for phase, interval_s in FEED_INTERVAL_S.items():
        asked = [update.requested_at for update in updates if update.phase is phase]
        assert {(later - earlier).total_seconds() for earlier, later in pairwise(asked)} == {
            interval_s
        }


async def test_the_first_question_asks_for_everything_and_the_next_for_what_changed_since(
    venue: FeedVenue,
) -> None:
    venue.feeds[Phase.TODAY] = [feed_body(ROW, since=111), result_body(None), feed_body(since=222)]
    await venue.polled(venue.source(), until(venue, 31))
    assert venue.since(Phase.TODAY) == [str(EVERYTHING), "111", "111", "222"]


async def test_what_match_ids_stand_for_is_kept_for_the_next_source(venue: FeedVenue) -> None:
    venue.feeds[Phase.TODAY] = [feed_body(ROW, since=111)]
    first = await venue.polled(venue.source(), lambda found: found[-1].phase is Phase.TODAY)
    uid = first[-1].changed[0].event.event_uid
    assert {event.event_uid for event in venue.stores.fixtures.values()} == {uid}
    venue.feeds[Phase.TODAY] = [
        feed_body({**ROW, "StartTime": ROW["StartTime"] - 8 * 3_600_000}, since=222)
    ]
    await venue.sleep(20)
    second = await venue.polled(
        venue.source(), lambda found: found[-1].phase is Phase.TODAY and bool(found[-1].changed)
    )
    assert {prices.event.event_uid for prices in second[-1].changed} == {uid}
    assert (
        second[-1].changed[0].event.kickoff.date() != first[-1].changed[0].event.kickoff.date()
    ), "another day, the same uid"


@pytest.mark.parametrize("cursor", [0, -5, 10**15, 9_999_999_999_999_999])
async def test_a_cursor_that_cannot_be_is_counted_and_not_followed(
    venue: FeedVenue, cursor: int
) -> None:
    venue.feeds[Phase.TODAY] = [
        feed_body(ROW, since=111),
        feed_body(since=cursor),
        feed_body(since=222),
    ]
    source = venue.source()
    await venue.polled(source, until(venue, 31))
    assert venue.since(Phase.TODAY) == [str(EVERYTHING), "111", "111", "222"]
    assert source.problems["bad_since"] == 1


async def test_an_update_carries_what_changed_and_what_came(venue: FeedVenue) -> None:
    venue.feeds[Phase.TODAY] = [feed_body(ROW)]
    updates = await venue.polled(venue.source(), lambda found: found[-1].phase is Phase.TODAY)
    update = updates[-1]
    assert (len(update.changed), update.known_markets, update.body_bytes) == (
        3,
        3,
        len(feed_body(ROW)),
    )
    assert update.capture is not None
    assert update.capture.body == feed_body(ROW)
    assert update.capture.request == {
        "method": "GetFeeds",
        "phase": "today",
        "since": EVERYTHING,
        "sport": 1,
        "sports": "1",
        "bookies": "ALL",
    }


@pytest.mark.parametrize(("took_s", "counted_s"), [(1, 1), (3, 3), (14, 3)])
async def test_an_answer_that_was_long_under_way_confirms_no_more_than_it_can_know(
    venue: FeedVenue, took_s: float, counted_s: float
) -> None:
    def slowly(_: httpx.Request) -> httpx.Response:
        venue.clock.set(venue.clock.now() + timedelta(seconds=took_s))
        return played(feed_body(live_row(1, FullTimeOu=total())), _)

    venue.feeds[Phase.LIVE] = [result_body(None), slowly]
    source = venue.source()
    update = (await venue.polled(source, lambda found: bool(found[-1].changed)))[-1]
    assert update.received_at - update.requested_at == timedelta(seconds=counted_s)
    assert update.changed[0].books[0].confirmed_at == update.received_at
    assert source.problems["slow_answer"] == (took_s > 3)
    assert update.capture is not None
    assert update.capture.received_at == update.received_at


async def test_captures_can_be_left_out(venue: FeedVenue) -> None:
    (update,) = await venue.polled(venue.source(capture=False), bool)
    assert update.capture is None


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (b"<html>maintenance</html>", "html"),
        (b"<?xml version='1.0'?>", "xml"),
        (feed_body(ROW)[:-30], "malformed"),
        (result_body({"Sports": "none"}), "bad_result"),
        (b"", "empty"),
        (503, "http_503"),
        (httpx.ReadTimeout("x"), "timeout"),
        (result_body(None, 810), "throttled"),
        (result_body(None, -1, "Something else"), "code_-1"),
    ],
)
async def test_a_bad_answer_is_counted_confirms_nothing_and_moves_no_cursor(
    venue: FeedVenue, answer: Script, kind: str
) -> None:
    venue.feeds[Phase.TODAY] = [feed_body(ROW, since=111), answer, feed_body(since=222)]
    source = venue.source()
    updates = await venue.polled(
        source, lambda found: sum(update.phase is Phase.TODAY for update in found) == 2
    )
    assert source.problems[kind] == 1
    assert venue.since(Phase.TODAY) == [str(EVERYTHING), "111", "111"]
    assert updates[-1].known_markets == 3
    assert updates[-1].removed == ()


async def test_a_kind_of_problem_is_logged_once_and_counted_always(venue: FeedVenue) -> None:
    venue.feeds[Phase.LIVE] = [b"<html>"] * 5
    source = venue.source()
    with structlog.testing.capture_logs() as logs:
        await venue.polled(source, lambda found: found[-1].phase is Phase.LIVE)
    assert source.problems["html"] == 5
    assert [entry["kind"] for entry in logs] == ["html"]


async def test_what_every_feed_holds_is_told_without_alarm(venue: FeedVenue) -> None:
    venue.feeds[Phase.LIVE] = [
        feed_body(match_game(2, HomeTeam={"Name": "Alpha - Corners"})),
        b"<html>",
    ]
    source = venue.source()
    with structlog.testing.capture_logs() as logs:
        await venue.polled(
            source, lambda found: found[-1].phase is Phase.LIVE and len(venue.since(Phase.LIVE)) > 2
        )
    levels = {entry["kind"]: entry["log_level"] for entry in logs}
    assert (levels[Problem.NOISE_EXTRA], levels["html"]) == ("info", "warning")


async def test_trouble_slows_a_market_type_down_and_success_speeds_it_up_again(
    venue: FeedVenue,
) -> None:
    venue.feeds[Phase.LIVE] = [httpx.ReadTimeout("x")] * 3
    source = venue.source()
    seen: list[float] = []
    start = venue.clock.now()

    def moments(request: httpx.Request) -> httpx.Response:
        seen.append((venue.clock.now() - start).total_seconds())
        return venue._feed(request)

    venue._scripts["GetFeeds"].clear()
    venue.say(
        "GetFeeds",
        *[lambda r: moments(r) if r.url.params["marketTypeId"] == "0" else venue._feed(r)] * 200,
    )
    await venue.polled(
        source, lambda found: sum(update.phase is Phase.LIVE for update in found) == 3
    )
    gaps = [round(later - earlier, 1) for earlier, later in pairwise(seen)]
    assert gaps == [5.0, 7.5, pytest.approx(11.2, abs=0.1), 5.0, 5.0]


SPOILT: tuple[Script, ...] = (feed_body(ROW)[:-30], b"<html>", 503, httpx.ReadError("cut"))


async def asked_at(
    venue: FeedVenue, phase: Phase, answers: list[Script], goods: int
) -> list[float]:
    """When the market type was asked, in seconds, while its feed gave these answers and then good
    ones.
    """
    seen: list[float] = []
    start, number = venue.clock.now(), str(MARKET_TYPE_OF_PHASE[phase])
    venue.feeds[phase] = answers

    def noted(request: httpx.Request) -> httpx.Response:
        if request.url.params["marketTypeId"] == number:
            seen.append((venue.clock.now() - start).total_seconds())
        return venue._feed(request)

    venue._scripts["GetFeeds"].clear()
    venue.say("GetFeeds", *[noted] * 2_000)
    await venue.polled(
        venue.source(), lambda found: sum(update.phase is phase for update in found) == goods
    )
    return seen


@pytest.mark.parametrize("spoilt", SPOILT, ids=["cut", "html", "503", "connection"])
@pytest.mark.parametrize("phase", list(Phase))
async def test_a_spoilt_answer_costs_its_interval_and_no_more(
    venue: FeedVenue, phase: Phase, spoilt: Script
) -> None:
    seen = await asked_at(venue, phase, [feed_body(), spoilt, feed_body(), spoilt, feed_body()], 3)
    assert [round(later - earlier, 1) for earlier, later in pairwise(seen)] == [
        FEED_INTERVAL_S[phase]
    ] * 4


async def test_answers_spoilt_again_and_again_are_asked_for_at_a_bounded_rhythm(
    venue: FeedVenue,
) -> None:
    seen = await asked_at(venue, Phase.LIVE, [b"<html>"] * 60, 1)
    gaps = [later - earlier for earlier, later in pairwise(seen)]
    assert gaps[0] == pytest.approx(5, abs=0.1)
    assert max(gaps) == pytest.approx(4 * FEED_INTERVAL_S[Phase.LIVE], abs=0.1)
    assert gaps == sorted(gaps)


@pytest.mark.slow
async def test_everything_is_asked_for_again_after_hours_of_deltas(venue: FeedVenue) -> None:
    """A match that lay beyond the horizon is told only so; deltas do not repeat it."""
    venue.feeds[Phase.EARLY] = [feed_body(since=111), *[feed_body(since=111)] * 1_100]
    await venue.polled(venue.source(), until(venue, 6 * 3600 + 60))
    asked = venue.since(Phase.EARLY)
    assert (asked[0], asked[1]) == (str(EVERYTHING), "111")
    assert asked.count(str(EVERYTHING)) == 2


async def test_time_outs_in_a_row_are_counted_for_the_alert(venue: FeedVenue) -> None:
    venue.feeds[Phase.LIVE] = [httpx.ReadTimeout("x")] * 2
    venue.feeds[Phase.TODAY] = [httpx.ReadTimeout("x")] * 2
    venue.feeds[Phase.EARLY] = [httpx.ReadTimeout("x")] * 1
    source = venue.source()
    updates = source.updates()
    await anext(updates)
    assert source.problems["timeout"] >= 4
    assert source.timeouts_in_a_row == 0
    await updates.aclose()  # type: ignore[attr-defined] # an async generator behind its protocol


async def test_after_a_gap_everything_is_asked_for_and_what_is_missing_is_dropped(
    venue: FeedVenue,
) -> None:
    venue.feeds[Phase.TODAY] = [
        feed_body(ROW, match_game(2, FullTimeOu=total("3.0")), since=111),
        feed_body(ROW, since=222),
    ]
    source = venue.source()
    updates = source.updates()
    while (await anext(updates)).phase is not Phase.TODAY:
        pass
    await venue.sleep(241)
    while (update := await anext(updates)).phase is not Phase.TODAY:
        pass
    assert venue.since(Phase.TODAY) == [str(EVERYTHING), str(EVERYTHING)]
    assert [market.market_id for _, market in update.removed] == ["ft.ou.3"]


async def test_a_session_lost_on_the_way_is_replaced_without_losing_the_cursor(
    venue: FeedVenue,
) -> None:
    venue.feeds[Phase.TODAY] = [
        feed_body(ROW, since=111),
        401,
        result_body("not logged in", -1),
        feed_body(since=222),
    ]
    source = venue.source()
    await venue.polled(
        source, lambda found: sum(update.phase is Phase.TODAY for update in found) == 2
    )
    assert set(venue.since(Phase.TODAY)[1:]) == {"111"}
    assert venue.logins >= 2


async def test_wrong_credentials_end_the_source(venue: FeedVenue) -> None:
    venue.say(
        "Login", result_body({"SuccessfulLogin": False, "TextMessage": "Invalid password"}, -1)
    )
    with pytest.raises(VenueRejectedError, match="login_refused"):
        await venue.polled(venue.source(), lambda _: True)


async def test_several_sports_come_in_one_answer_and_others_are_left_out(venue: FeedVenue) -> None:
    result = {
        "Since": 5,
        "Sports": [
            {"SportsType": 1, "MatchGames": [ROW]},
            {
                "SportsType": 2,
                "MatchGames": [
                    match_game(2, MatchId=3, FullTimeOneXTwo=result_odds("PIN=1.5,2.6"))
                ],
            },
            {
                "SportsType": 3,
                "MatchGames": [
                    match_game(4, MatchId=5, FullTimeOneXTwo=result_odds("PIN=1.5,2.6"))
                ],
            },
        ],
    }
    venue.feeds[Phase.TODAY] = [result_body(result)]
    source = venue.source(sports=(1, 2))
    updates = await venue.polled(source, lambda found: found[-1].phase is Phase.TODAY)
    assert {prices.event.sport for prices in updates[-1].changed} == {"fb", "bb"}
    assert updates[-1].capture is not None
    again = CapturedFeeds().update(updates[-1].capture)
    assert again is not None
    assert again.changed == updates[-1].changed
    assert "sportsType" not in venue.calls("GetFeeds")[0].url.params


async def test_rows_that_cannot_be_used_are_told_and_counted(venue: FeedVenue) -> None:
    venue.feeds[Phase.LIVE] = [
        feed_body(live_row(1, HomeTeam=5), live_row(2, FullTimeOu=total("2.5", "PIN=NaN,2.0")))
    ]
    source = venue.source()
    (update,) = await venue.polled(source, lambda _: True)
    assert update.problems == {Problem.BAD_ROW: 1, Problem.BAD_PRICE: 1}
    assert source.problems[Problem.BAD_ROW] == 1
