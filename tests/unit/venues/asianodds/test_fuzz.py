"""Every parser of the venue's answers against answers that are spoilt: values, or the error that it
documents.
"""

import math
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keter.bus.codec import decode, encode
from keter.domain.feed import MarketPrices
from keter.domain.markets import Phase, parse_market
from keter.domain.order_calls import PlaceResult
from keter.domain.tickets import Ticket
from keter.venues.asianodds.client import checked
from keter.venues.asianodds.limits import (
    INT64,
    LONGEST_KEY,
    LONGEST_NAME,
    LONGEST_TEXT,
    MOST_MINOR,
    MOST_STAKE_MINOR,
)
from keter.venues.asianodds.placement import classify, read_quotes
from keter.venues.asianodds.state import FeedState
from keter.venues.asianodds.tickets import read_tickets
from keter.venues.asianodds.transport import Reply
from keter.venues.asianodds.venue import read_account
from keter.venues.asianodds.wire import Answer, BrokenAnswerError, read_answer, read_feed
from keter.venues.base import VenueError
from tests.kit.asianodds_payloads import NOW
from tests.kit.asianodds_seam import Venue
from tests.kit.feed_state import known_markets
from tests.kit.fuzzing import CORPUS, bodies, singles, write

TOTALS = parse_market("fb", "ft.ou.2.5")
INTENDED = (parse_market("fb", "ft.ah.-0.75"), TOTALS.outcomes[0])
TEXTS_OF_AN_ANSWER = 6  # an error or a placement has all of them, and a few words of ours
READERS: list[tuple[str, Callable[[Answer], Any]]] = [
    ("bets", lambda answer: read_tickets(answer, NOW)),
    ("account", lambda answer: read_account(answer, "DEMO", NOW)),
    ("quotes", lambda answer: read_quotes(answer, TOTALS)),
]


def check(value: Any) -> None:
    """Check that a parser's result is small and can be written in JSON, in UTF-8, in 64 bits."""
    encode(value)
    if isinstance(value, str):
        assert len(value) <= TEXTS_OF_AN_ANSWER * LONGEST_TEXT and "\x00" not in value
    elif isinstance(value, float):
        assert math.isfinite(value)
    elif isinstance(value, int):
        assert abs(value) <= INT64
    elif isinstance(value, dict):
        for part in (*value.keys(), *value.values()):
            check(part)
    elif isinstance(value, list | tuple | set):
        for part in value:
            check(part)
    elif isinstance(value, msgspec.Struct):
        for name in value.__struct_fields__:
            check(getattr(value, name))


def check_ticket(ticket: Ticket) -> None:
    assert 0 <= ticket.stake_minor <= MOST_STAKE_MINOR
    assert abs(ticket.pnl_minor) <= MOST_MINOR
    assert max(map(len, (ticket.reference, ticket.ticket_id, ticket.book))) <= LONGEST_KEY
    assert max(map(len, (ticket.home, ticket.away, ticket.league))) <= LONGEST_NAME
    assert decode(Ticket, encode(ticket)) == ticket
    # Whoever settles reads it as a number.
    assert ticket.odds == "" or 0 <= float(ticket.odds) <= 100_000


def look(kind: str, read: Callable[[Answer], Any], body: bytes) -> None:
    """Read an answer as the client does."""
    try:
        found = read(checked(Reply(200, body), 300, lambda: 10.0))
    except VenueError as e:
        check((e.kind, e.detail))
        return
    check(found)
    tickets = found if kind == "bets" else found.tickets if kind == "history" else ()
    for ticket in tickets:
        check_ticket(ticket)


@pytest.mark.parametrize(("kind", "read"), READERS, ids=[kind for kind, _ in READERS])
@settings(max_examples=150)
@given(data=st.data())
@pytest.mark.slow
def test_a_spoilt_answer_is_values_or_a_broken_answer(
    kind: str, read: Callable[[Answer], Any], data: st.DataObject
) -> None:
    look(kind, read, data.draw(bodies(kind)))


@pytest.mark.parametrize(("kind", "read"), READERS, ids=[kind for kind, _ in READERS])
@pytest.mark.slow
def test_every_odd_value_in_every_place_is_no_more_than_that(
    kind: str, read: Callable[[Answer], Any]
) -> None:
    for body in singles(kind):
        look(kind, read, body)


def test_every_odd_value_in_every_place_of_a_feed_spoils_no_memory() -> None:
    state = FeedState()
    for body in singles("feed"):
        merge(state, body, Phase.LIVE)
    check(known_markets(state, NOW))


@pytest.mark.parametrize("kind", ["placement", "quotes", "login"])
def test_every_odd_value_in_every_place_of_a_placement_is_an_outcome(kind: str) -> None:
    for body in singles(kind):
        placement = classify(Reply(200, body), "ref1")
        check((placement.kind, placement.message, placement.code))


@pytest.mark.parametrize(("kind", "read"), READERS, ids=[kind for kind, _ in READERS])
def test_the_good_answers_are_read(kind: str, read: Callable[[Answer], Any]) -> None:
    found = read(read_answer(write(CORPUS[kind]).encode()))
    assert found
    check(found)


@settings(max_examples=150)
@given(bodies("bets"))
def test_an_intent_of_ours_changes_nothing_about_that(body: bytes) -> None:
    try:
        found = read_tickets(read_answer(body), NOW, lambda _: INTENDED)
    except BrokenAnswerError:
        return
    for ticket in found:
        check_ticket(ticket)


def merge(state: FeedState, body: bytes, phase: Phase, *, fresh: bool = False) -> None:
    """Take a feed as the source does.

    Whatever is told of it can be written for the others to read.
    """
    try:
        feed = read_feed(read_answer(body))
    except BrokenAnswerError:
        return
    merged = state.merge(feed, phase, NOW, fresh=fresh)
    check((merged.changed, merged.scores, merged.problems, list(merged.fixtures.values())))
    for prices in merged.changed:
        assert decode(MarketPrices, encode(prices)).event == prices.event


@settings(max_examples=100)
@given(
    st.lists(
        st.tuples(bodies("feed"), st.sampled_from(list(Phase)), st.booleans()),
        min_size=1,
        max_size=3,
    )
)
def test_a_spoilt_feed_spoils_no_memory_of_it(turns: list[tuple[bytes, Phase, bool]]) -> None:
    state = FeedState()
    for body, phase, fresh in [*turns, (write(CORPUS["feed"]).encode(), Phase.TODAY, True)]:
        merge(state, body, phase, fresh=fresh)
    check(known_markets(state, NOW))


@settings(max_examples=150)
@given(bodies("placement"), st.sampled_from([200, 200, 200, 0, 99, 302, 429, 500, 999]))
def test_a_spoilt_answer_to_a_placement_is_an_outcome(body: bytes, status: int) -> None:
    placement = classify(Reply(status, body), "ref1")
    check((placement.kind, placement.message, placement.code))
    if placement.result is PlaceResult.ACCEPTED:
        assert b"WA-ref1" in body


@pytest.mark.parametrize("kind", ["login", "register", "state"])
@settings(max_examples=100)
@given(data=st.data())
async def test_a_spoilt_login_is_a_session_or_an_error_of_the_venue(
    kind: str, data: st.DataObject
) -> None:
    await log_in(kind, data.draw(bodies(kind)))


@pytest.mark.parametrize("kind", ["login", "register", "state"])
async def test_every_odd_value_in_every_place_of_a_login_is_a_session_or_an_error(
    kind: str,
) -> None:
    for body in singles(kind):
        await log_in(kind, body)


async def log_in(kind: str, body: bytes) -> None:
    """Log in, register, ask a question and look at the session after a while.

    The answer of ``kind`` is ``body``.
    """
    venue = Venue()
    for name, method in (("login", "Login"), ("register", "Register"), ("state", "IsLoggedIn")):
        venue.say(method, *[body if name == kind else write(CORPUS[name]).encode()] * 3)
    venue.say("GetAccountSummary", write(CORPUS["account"]).encode())
    client = venue.client()
    try:
        await client.account_summary()
        await venue.sleep(200)
        await client.keep_alive()
    except VenueError as e:
        check((e.kind, e.detail))
