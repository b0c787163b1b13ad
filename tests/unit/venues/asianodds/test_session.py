"""Logging in once, staying in, and getting back in: every way to lose a session."""

import asyncio
from datetime import timedelta

import httpx
import pytest
import structlog

from keter.venues.asianodds.login import Login
from keter.venues.asianodds.session import SessionOwner
from keter.venues.asianodds.session_hosts import SessionHosts
from keter.venues.asianodds.stores import Session
from keter.venues.base import VenueRejectedError, VenueSessionError, VenueTransientError
from tests.kit.asianodds_payloads import NOW, result_body
from tests.kit.asianodds_seam import BASE, HOME, HOSTS, PASSWORD, PASSWORD_MD5, USER, Venue, token


@pytest.fixture
def venue() -> Venue:
    return Venue()


def later(venue: Venue, seconds: float) -> None:
    venue.clock.set(venue.clock.now() + timedelta(seconds=seconds))


async def test_a_login_is_registered_at_the_address_it_gives_and_left_for_the_others(
    venue: Venue,
) -> None:
    session = await venue.owner().current()
    assert (session.token, session.url) == (token(1), HOME)
    login, register = venue.asked
    assert str(login.url).startswith(f"{BASE}/Login?")
    assert str(register.url) == f"{HOME}/Register?username={USER}"
    assert (register.headers["AOToken"], register.headers["AOKey"]) == (token(1), "f" * 32)
    assert await venue.stores.read(USER) == session


async def test_a_session_is_made_once_for_many_callers(venue: Venue) -> None:
    owner = venue.owner()
    found = await asyncio.gather(*(owner.current() for _ in range(20)))
    assert {session.token for session in found} == {token(1)}
    assert venue.logins == 1


async def test_a_lost_session_is_replaced_once_for_many_losers(venue: Venue) -> None:
    owner = venue.owner()
    old = await owner.current()
    await asyncio.gather(*(owner.lost(old) for _ in range(20)))
    assert (await owner.current()).token == token(2)
    assert venue.logins == 2


async def test_a_new_owner_takes_over_a_session_that_works(venue: Venue) -> None:
    await venue.owner().current()
    assert (await venue.owner().current()).token == token(1)
    assert venue.logins == 1


@pytest.mark.parametrize(
    "answer",
    [401, 403, 503, result_body(None, -1, "not logged in"), httpx.ReadTimeout("x"), b"<html>"],
)
async def test_a_new_owner_logs_in_when_the_session_left_is_dead_or_silent(
    venue: Venue, answer: bytes | int | Exception
) -> None:
    await venue.owner().current()
    venue.say("IsLoggedIn", answer)
    assert (await venue.owner().current()).token == token(2)


async def test_owners_that_come_and_go_ask_whether_they_are_logged_in_once_a_minute(
    venue: Venue,
) -> None:
    for _ in range(4):
        assert (await venue.owner().current()).token == token(1)
        later(venue, 10)
    assert len(venue.calls("IsLoggedIn")) == 1
    later(venue, 31)
    await venue.owner().current()
    assert len(venue.calls("IsLoggedIn")) == 2
    assert venue.logins == 1


async def test_a_registration_that_fails_is_tried_once_more_from_the_start(venue: Venue) -> None:
    venue.register_answers.extend([False, True])
    asked_before: list[int] = []

    async def sleep(seconds: float) -> None:
        asked_before.append(len(venue.asked))
        await venue.sleep(seconds)

    login = Login(USER, PASSWORD, BASE, venue.transport, venue.clock, hosts=HOSTS, timeout_s=15)
    owner = SessionOwner(
        USER,
        login,
        venue.transport,
        venue.stores,
        venue.clock,
        throttles=venue.stores,
        hosts=HOSTS,
        sleep=sleep,
    )
    assert (await owner.current()).token == token(2)
    assert [request.url.path.rpartition("/")[2] for request in venue.asked] == [
        "Login",
        "Register",
        "Login",
        "Register",
    ]
    assert (venue.slept, asked_before) == ([3.0], [3]), (
        "the second login is given time before it is registered"
    )


async def test_a_registration_that_keeps_failing_is_a_session_error(venue: Venue) -> None:
    venue.register_answers.extend([False, False])
    with pytest.raises(VenueSessionError, match="register_refused"):
        await venue.owner().current()
    assert await venue.stores.read(USER) is None


async def test_wrong_credentials_are_the_operators_business_and_show_no_password(
    venue: Venue,
) -> None:
    venue.say(
        "Login",
        result_body(
            {"SuccessfulLogin": False, "Token": "", "TextMessage": "Invalid password"}, -1, None
        ),
    )
    with pytest.raises(
        VenueRejectedError, match="Invalid password; check AO_USER and AO_PASS"
    ) as caught:
        await venue.owner().current()
    assert PASSWORD not in str(caught.value)
    assert PASSWORD_MD5 not in str(caught.value)


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (
            result_body({"SuccessfulLogin": False, "TextMessage": "System under maintenance"}, -1),
            "maintenance",
        ),
        (result_body({"SuccessfulLogin": False, "TextMessage": "Slow down"}, 810), "code_810"),
        (result_body(None, -503), "code_-503"),
    ],
)
async def test_a_login_refused_for_the_moment_says_nothing_of_the_credentials(
    venue: Venue, answer: bytes, kind: str
) -> None:
    venue.say("Login", answer)
    owner = venue.owner()
    with pytest.raises(VenueTransientError) as caught:
        await owner.current()
    assert caught.value.kind == kind
    assert "AO_USER" not in str(caught.value)
    assert (await owner.current()).token == token(1)


async def test_an_address_without_the_service_is_told_as_such(venue: Venue) -> None:
    venue.say("Login", 404)
    with pytest.raises(VenueRejectedError, match="check AO_BASE_URL"):
        await venue.owner().current()


async def test_a_session_left_at_an_address_that_is_gone_is_replaced(venue: Venue) -> None:
    await venue.owner().current()
    venue.say("IsLoggedIn", 404)
    assert (await venue.owner().current()).token == token(2)


async def test_sessions_that_keep_dying_young_are_replaced_ever_more_slowly(venue: Venue) -> None:
    owner = venue.owner()
    await owner.lost(await owner.current())
    waits = []
    for _ in range(4):
        with pytest.raises(VenueSessionError, match="session_contested"):
            await owner.lost(await owner.current())
        waited = 0
        while True:
            try:
                await owner.current()
            except VenueSessionError:
                waited += 1
                later(venue, 1)
            else:
                break
        waits.append(waited)
    assert waits == [5, 10, 20, 40]


async def test_a_session_that_lived_is_replaced_at_once_whatever_came_before(venue: Venue) -> None:
    owner = venue.owner()
    await owner.lost(await owner.current())
    later(venue, 121)
    await owner.lost(await owner.current())
    assert venue.logins == 3


async def test_an_outage_at_login_is_no_contest(venue: Venue) -> None:
    venue.say("Login", 503, 503, 503, httpx.ConnectError("x"))
    owner = venue.owner()
    for _ in range(4):
        with pytest.raises(VenueTransientError):
            await owner.current()
    assert (await owner.current()).token == token(1)


@pytest.mark.parametrize(
    ("url", "root"),
    [
        ("http://session.venue.test/AsianOddsService", HOME),
        (f"{HOME}/", HOME),
        (f"{HOME}?x=1#y", HOME),
    ],
)
async def test_the_session_stays_encrypted_and_tidy(venue: Venue, url: str, root: str) -> None:
    venue.url = url
    assert (await venue.owner().current()).url == root


@pytest.mark.parametrize("url", ["", "ftp://x/y", "not an address", "https://user:pw@evil.test/"])
async def test_an_unusable_address_is_no_session(venue: Venue, url: str) -> None:
    venue.url = url
    with pytest.raises(VenueTransientError, match="bad_session_url"):
        await venue.owner().current()


async def test_a_follower_uses_what_the_owner_left_and_never_logs_in(venue: Venue) -> None:
    follower = venue.follower()
    with pytest.raises(VenueSessionError, match="no_session"):
        await follower.current(wait=False)
    assert not venue.slept
    await venue.owner().current()
    assert (await follower.current()).token == token(1)
    assert venue.logins == 1


async def test_a_follower_waits_for_a_newer_session_with_a_deadline(venue: Venue) -> None:
    owner, follower = venue.owner(), venue.follower()
    old = await owner.current()
    with pytest.raises(VenueSessionError, match="no_session"):
        await follower.lost(old)
    assert sum(venue.slept) == pytest.approx(15, abs=0.3)
    await owner.lost(old)
    await follower.lost(old)
    assert (await follower.current()).token == token(2)


async def test_a_dead_session_is_dropped_from_the_store_but_a_newer_one_stays(venue: Venue) -> None:
    owner = venue.owner()
    old = await owner.current()
    newer = Session("1" * 28, "k", HOME, NOW)
    await venue.stores.write(USER, newer)
    venue.say("Login", 503)
    with pytest.raises(VenueTransientError):
        await owner.lost(old)
    assert await venue.stores.read(USER) == newer


def test_a_session_never_shows_its_secrets() -> None:
    shown = f"{Session(token(1), 'f' * 32, HOME, NOW)!r} {Session(token(1), 'f' * 32, HOME, NOW)}"
    assert token(1) not in shown
    assert "f" * 32 not in shown


FOREIGN = "https://elsewhere.test/AsianOddsService"


async def test_a_login_that_moves_the_session_to_a_strangers_host_is_refused_at_once(
    venue: Venue,
) -> None:
    venue.url = FOREIGN
    with pytest.raises(
        VenueRejectedError, match=r"from venue\.test to elsewhere.test.*AO_SESSION_HOSTS"
    ):
        await venue.owner().current()
    assert [request.url.host for request in venue.asked] == ["venue.test"]
    assert await venue.stores.read(USER) is None


async def test_a_host_that_the_setting_names_is_the_venues(venue: Venue) -> None:
    venue.url = FOREIGN
    assert (await venue.owner(SessionHosts(BASE, ("Elsewhere.test",))).current()).url == FOREIGN


async def test_dry_is_warned_of_a_strangers_host_and_goes_on(venue: Venue) -> None:
    venue.url = FOREIGN
    with structlog.testing.capture_logs() as logs:
        assert (await venue.owner(SessionHosts(BASE, strict=False)).current()).url == FOREIGN
        assert (await venue.follower(SessionHosts(BASE, strict=False)).current()).url == FOREIGN
    assert [line["event"] for line in logs if line["log_level"] == "warning"] == ["session_host"]


async def test_a_session_in_redis_that_points_to_a_strangers_host_is_neither_adopted_nor_followed(
    venue: Venue,
) -> None:
    """Whoever can write into Redis must not get the token of the next call."""
    await venue.stores.write(USER, Session("planted", "k", FOREIGN, NOW))
    with pytest.raises(VenueSessionError, match="session_host"):
        await venue.follower().current()
    assert (await venue.owner().current()).token == token(1)
    assert "elsewhere.test" not in {request.url.host for request in venue.asked}


async def test_a_session_over_plain_http_beyond_this_machine_needs_the_setting(
    venue: Venue,
) -> None:
    base = "http://venue.test/AsianOddsService"
    venue.url = "http://session.venue.test/AsianOddsService"
    with pytest.raises(VenueRejectedError, match="in clear; AO_ALLOW_PLAIN_HTTP"):
        await venue.owner(SessionHosts(base)).current()
    assert (await venue.owner(SessionHosts(base, allow_plain=True)).current()).url == venue.url
