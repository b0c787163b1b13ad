"""The methods: what is sent, what is repeated, and which error an answer becomes."""

from datetime import timedelta

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keter.domain.markets import Phase
from keter.venues.asianodds.client import checked
from keter.venues.asianodds.transport import Reply
from keter.venues.base import (
    VenueError,
    VenueRejectedError,
    VenueSessionError,
    VenueThrottledError,
    VenueTransientError,
)
from tests.kit.asianodds_payloads import data_body, feed_body, result_body
from tests.kit.asianodds_seam import Script, Venue, token

LOST: list[Script] = [
    401,
    403,
    result_body(None, -1, "Session expired"),
    result_body("You are not logged in", -1),
    result_body(None, -4),
]


@pytest.fixture
def venue() -> Venue:
    return Venue()


async def test_a_feed_is_asked_for_in_decimal_odds_with_its_cursor(venue: Venue) -> None:
    venue.say("GetFeeds", feed_body())
    found = await venue.client().feed(Phase.TODAY, 1771200010456, sport=1, bookies="PIN,SBO")
    (request,) = venue.calls("GetFeeds")
    assert dict(request.url.params) == {
        "marketTypeId": "1",
        "bookies": "PIN,SBO",
        "leagues": "ALL",
        "oddsFormat": "00",
        "sportsType": "1",
        "since": "1771200010456",
    }
    assert request.headers["AOToken"] == token(1)
    assert found.requested_at == found.received_at == venue.clock.now()


@pytest.mark.parametrize("answer", LOST)
async def test_a_session_lost_in_any_form_is_replaced_and_the_read_repeated(
    venue: Venue, answer: Script
) -> None:
    venue.say("GetAccountSummary", answer, result_body({"Credit": 1}))
    assert (await venue.client().account_summary()).code == 0
    assert [request.headers["AOToken"] for request in venue.calls("GetAccountSummary")] == [
        token(1),
        token(2),
    ]


@pytest.mark.parametrize("text", ["", "Error", "Something went wrong"])
async def test_a_failure_that_says_nothing_of_the_session_is_held_against_is_logged_in(
    venue: Venue, text: str
) -> None:
    client = venue.client()
    venue.say("GetAccountSummary", result_body({"Credit": 1}))
    await client.account_summary()
    venue.alive = "another login elsewhere"
    venue.say("GetFeeds", result_body(None, -1, text), feed_body())
    assert (await client.feed(Phase.TODAY, 0)).answer.code == 0
    assert [request.headers["AOToken"] for request in venue.calls("GetFeeds")] == [
        token(1),
        token(2),
    ]


async def test_a_failure_while_the_session_lives_costs_no_login_and_one_question_a_minute(
    venue: Venue,
) -> None:
    client = venue.client()
    venue.say("GetFeeds", *[result_body(None, -1, "Error")] * 3)
    for _ in range(3):
        with pytest.raises(VenueTransientError, match="code_-1"):
            await client.feed(Phase.LIVE, 0)
        await venue.sleep(25)
    assert venue.logins == 1
    assert len(venue.calls("IsLoggedIn")) == 1


@pytest.mark.parametrize(
    "answer",
    [503, result_body(None, 810, "slow down"), result_body(None, -810), httpx.ReadTimeout("x")],
)
async def test_a_session_that_nobody_could_ask_about_is_kept(venue: Venue, answer: Script) -> None:
    client = venue.client()
    venue.say("GetFeeds", result_body(None, -1, "Error"))
    venue.say("IsLoggedIn", answer)
    with pytest.raises(VenueTransientError, match="code_-1"):
        await client.feed(Phase.LIVE, 0)
    assert venue.logins == 1


async def test_a_session_that_is_lost_twice_in_one_read_is_an_error(venue: Venue) -> None:
    venue.say("GetAccountSummary", 401, 401, 401)
    with pytest.raises(VenueSessionError, match="http_401"):
        await venue.client().account_summary()
    assert len(venue.calls("GetAccountSummary")) == 2
    assert venue.logins == 2


@pytest.mark.parametrize(
    "trouble",
    [
        503,
        502,
        400,
        httpx.ReadTimeout("x"),
        httpx.ConnectError("x"),
        b"<html>",
        b"",
        result_body(None, -1200),
        result_body(None, -1212),
    ],
)
async def test_a_read_in_passing_trouble_is_repeated_with_growing_pauses(
    venue: Venue, trouble: Script
) -> None:
    venue.say("GetAccountSummary", trouble, trouble, result_body({"Credit": 1}))
    assert (await venue.client().account_summary()).code == 0
    assert venue.slept == [0.5, 1.0]


async def test_a_read_gives_up_in_the_end(venue: Venue) -> None:
    venue.say("GetAccountSummary", *[503] * 9)
    with pytest.raises(VenueTransientError, match="http_503"):
        await venue.client().account_summary()
    assert len(venue.calls("GetAccountSummary")) == 3


@pytest.mark.parametrize(
    "answer", [result_body(None, 810, "slow down"), result_body(None, -810), 429]
)
async def test_a_throttled_feed_is_not_repeated_and_tells_how_long_to_wait(
    venue: Venue, answer: Script
) -> None:
    venue.say("GetFeeds", answer)
    with pytest.raises(VenueThrottledError) as caught:
        await venue.client().feed(Phase.EARLY, 0)
    assert caught.value.retry_after_s == 20
    assert len(venue.calls("GetFeeds")) == 1
    assert venue.logins == 1


async def test_a_feed_is_not_repeated_on_other_trouble_either(venue: Venue) -> None:
    venue.say("GetFeeds", 503)
    with pytest.raises(VenueTransientError):
        await venue.client().feed(Phase.LIVE, 0)
    assert len(venue.calls("GetFeeds")) == 1


async def test_turns_of_a_market_type_are_shared_and_spaced(venue: Venue) -> None:
    one, other = venue.client(), venue.client()
    assert await one.feed_wait_s(Phase.LIVE) == 0
    assert await other.feed_wait_s(Phase.LIVE) == 5
    assert await other.feed_wait_s(Phase.TODAY) == 0
    venue.clock.set(venue.clock.now() + timedelta(seconds=4))
    assert await other.feed_wait_s(Phase.LIVE) == pytest.approx(1)


@pytest.mark.parametrize(
    "trouble",
    [401, 429, 503, result_body(None, -1200), result_body(None, -1, "not logged in"), b""],
)
async def test_a_placement_is_sent_once_whatever_comes_back(venue: Venue, trouble: Script) -> None:
    owner = venue.owner()
    await owner.current()
    venue.say("PlaceBet", trouble)
    await venue.client(owner).place_once(b"{}")
    assert len(venue.calls("PlaceBet")) == 1
    assert venue.logins == 1


async def test_a_placement_without_a_session_sends_nothing_and_does_not_wait(venue: Venue) -> None:
    for sessions in (venue.owner(), venue.follower()):
        with pytest.raises(VenueSessionError):
            await venue.client(sessions).place_once(b"{}")
    assert not venue.asked
    assert not venue.slept


async def test_the_methods_ask_what_the_protocol_says(venue: Venue) -> None:
    client = venue.client()
    venue.say("GetBets", data_body(None, 300))
    venue.say("GetBetByReference", data_body(None, -200))
    assert (await client.bets()).code == 300
    assert (await client.bets_by_reference("WA-x")).code == -200
    asked = {
        request.url.path.rpartition("/")[2]: dict(request.url.params) for request in venue.asked[2:]
    }
    assert asked == {"GetBets": {}, "GetBetByReference": {"betReference": "WA-x"}}


async def test_an_idle_session_is_kept_alive_but_never_twice_a_minute(venue: Venue) -> None:
    client = venue.client()
    venue.say("GetAccountSummary", result_body({}))
    await client.account_summary()
    await client.keep_alive()
    assert not venue.calls("IsLoggedIn")
    await venue.sleep(121)
    await client.keep_alive()
    await venue.client(venue.follower()).keep_alive()
    assert len(venue.calls("IsLoggedIn")) == 1


async def test_a_keep_alive_that_is_denied_brings_a_new_session(venue: Venue) -> None:
    client = venue.client()
    venue.say("GetAccountSummary", result_body({}))
    await client.account_summary()
    venue.alive = "another login elsewhere"
    await venue.sleep(121)
    await client.keep_alive()
    assert venue.logins == 2


async def test_a_keep_alive_that_comes_too_often_is_no_lost_session(venue: Venue) -> None:
    client = venue.client()
    venue.say("GetAccountSummary", result_body({}))
    await client.account_summary()
    venue.say("IsLoggedIn", result_body(None, -810))
    await venue.sleep(121)
    with pytest.raises(VenueThrottledError):
        await client.keep_alive()
    assert venue.logins == 1


@pytest.mark.parametrize(
    ("reply", "error", "kind"),
    [
        (Reply(404, b""), VenueRejectedError, "http_404"),
        (Reply(302, b""), VenueTransientError, "http_302"),
        (
            Reply(200, result_body(None, -1, "Under maintenance")),
            VenueTransientError,
            "maintenance",
        ),
        (Reply(200, result_body(None, -999)), VenueTransientError, "code_-999"),
        (Reply(200, result_body(None, -200)), VenueTransientError, "code_-200"),
        (Reply(200, b"<?xml"), VenueTransientError, "xml"),
    ],
)
def test_each_answer_becomes_its_error(reply: Reply, error: type[VenueError], kind: str) -> None:
    with pytest.raises(error) as caught:
        checked(reply, 0, lambda: 5.0)
    assert caught.value.kind == kind


def test_a_positive_code_is_an_answer() -> None:
    assert checked(Reply(200, data_body(None, 300)), 0, lambda: 5.0).code == 300


def test_texts_never_carry_a_token() -> None:
    with pytest.raises(VenueSessionError) as caught:
        checked(Reply(200, result_body(None, -1, f"Token {token(1)} expired")), 0, lambda: 5.0)
    assert token(1) not in str(caught.value)


@given(st.integers(100, 599), st.binary(max_size=120))
def test_any_answer_is_good_or_a_venue_error(status: int, body: bytes) -> None:
    try:
        assert checked(Reply(status, body), 0, lambda: 5.0).code >= 0
    except VenueError as e:
        assert e.kind
