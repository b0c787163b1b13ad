"""Bets over real HTTP: from quote to ticket, and every fault of a placement held against the book's
own truth.
"""

from typing import Any

import pytest

from keter.bus.connection import connect
from keter.bus.state.events import FixtureStore
from keter.bus.state.sessions import SessionStore, ThrottleStore
from keter.domain.feed import MarketPrices
from keter.domain.market_kinds import MarketKind, Outcome
from keter.domain.order_calls import OrderRequest, PlaceResult, QuoteRequest
from keter.domain.tickets import Ticket, TicketStatus
from keter.venues.asianodds.factory import OpenVenue, Stores
from keter.venues.asianodds.simulator.config import DEMO_ACCOUNT, ProtocolConfig
from keter.venues.asianodds.simulator.server import Sandbox
from keter.venues.asianodds.stores import Session
from tests.integration.asianodds.conftest import OpenAccount, OpenSandbox, settings_of
from tests.integration.asianodds.test_feed import each_phase, follow
from tests.kit.support import eventually

REFERENCE = "kt0123456789abcdef0123456789abcdef"


async def a_market(
    account: OpenVenue, kind: MarketKind = MarketKind.ASIAN_HANDICAP
) -> MarketPrices:
    _, known = await follow(account.source, each_phase(1))
    return next(prices for prices in known.values() if prices.market.kind is kind)


async def an_order(
    account: OpenVenue,
    prices: MarketPrices,
    outcome: Outcome = Outcome.HOME,
    books: tuple[str, ...] = ("IBC",),
) -> OrderRequest:
    quotes = await account.venue.quote(QuoteRequest(prices.ref, prices.market, outcome, books))
    assert [quote.rejected for quote in quotes] == [False] * len(books)
    texts = tuple((quote.book, quote.text) for quote in quotes)
    return OrderRequest(
        prices.ref, prices.market, outcome, texts, stake_minor=1050, reference=REFERENCE
    )


async def ticket_of(account: OpenVenue, *statuses: TicketStatus) -> Ticket:
    async def found() -> Ticket | None:
        tickets = await account.venue.bet(REFERENCE)
        return next((ticket for ticket in tickets if ticket.status in statuses), None)

    ticket = await eventually(found)
    assert ticket is not None
    return ticket


@pytest.mark.parametrize("hdp_sign", ["unsigned", "away"])
@pytest.mark.parametrize("price_field", ["both", "odds", "price"])
@pytest.mark.parametrize(
    ("kind", "outcome"),
    [(MarketKind.ASIAN_HANDICAP, Outcome.AWAY), (MarketKind.ONE_X_TWO, Outcome.DRAW)],
)
async def test_a_bet_is_quoted_placed_accepted_and_read_back(
    open_sandbox: OpenSandbox,
    open_account: OpenAccount,
    kind: MarketKind,
    outcome: Outcome,
    price_field: Any,
    hdp_sign: Any,
) -> None:
    sandbox = await open_sandbox(
        ProtocolConfig(price_field=price_field, hdp_sign=hdp_sign), fixed_fixtures=3
    )
    account = open_account(sandbox)
    prices = await a_market(account, kind)
    order = await an_order(account, prices, outcome)
    shown = next(book for book in prices.books if book.book == "IBC")
    assert float(order.prices[0][1]) == shown.odds[prices.market.outcomes.index(outcome)]
    placement = await account.venue.place(order)
    assert placement.result is PlaceResult.ACCEPTED
    ticket = await ticket_of(account, TicketStatus.RUNNING)
    assert (ticket.market, ticket.outcome, ticket.stake_minor, ticket.book) == (
        prices.market,
        outcome,
        1050,
        "IBC",
    )
    assert (ticket.home, ticket.away, ticket.league) == (
        prices.event.home,
        prices.event.away,
        prices.event.league,
    )
    assert ticket.kickoff == prices.event.kickoff
    assert [found.ticket_id for found in await account.venue.bets()] == [ticket.ticket_id]
    snapshot = await account.venue.account()
    assert snapshot.outstanding_minor == 1050
    assert snapshot.credit_minor == DEMO_ACCOUNT.deposit_minor - 1050


async def test_a_settled_bet_tells_its_result_and_money(
    open_sandbox: OpenSandbox, open_account: OpenAccount
) -> None:
    sandbox = await open_sandbox(fixed_fixtures=2, settle_after_s=0.0)
    account = open_account(sandbox)
    prices = await a_market(account, MarketKind.ONE_X_TWO)
    await account.venue.place(await an_order(account, prices))
    await ticket_of(account, TicketStatus.RUNNING)
    scenario: Any = sandbox.house.scenario
    match_id = next(
        m for m, fixture in scenario.fixtures.items() if fixture.home == prices.event.home
    )
    scenario.finish(match_id, (2, 1), (1, 1))
    ticket = await ticket_of(account, TicketStatus.SETTLED)
    assert (ticket.result, ticket.final_score, ticket.half_time_score) == ("WON", (2, 1), (1, 1))
    (truth,) = sandbox.book.tickets()
    assert ticket.pnl_minor == truth.pnl_minor > 0
    assert await account.venue.bets() == (ticket,)


FAULTS = [
    ({"kind": "lost_before"}, {"unknown"}, 0),
    ({"kind": "lost_after"}, {"unknown"}, 1),
    ({"kind": "slow", "delay_s": 60}, {"unknown"}, 1),
    ({"kind": "http_error", "route": "placebet", "status": 503}, {"unknown"}, 0),
    ({"kind": "http_error", "route": "placebet", "status": 400}, {"unknown"}, 0),
    ({"kind": "http_error", "route": "placebet", "status": 404}, {"not_sent"}, 0),
    ({"kind": "throttled", "route": "placebet", "answer": "-810"}, {"not_sent"}, 0),
    ({"kind": "throttled", "route": "placebet", "answer": "429"}, {"not_sent"}, 0),
    ({"kind": "code"}, {"unknown"}, 0),
    ({"kind": "code", "code": -1212}, {"unknown"}, 0),
    ({"kind": "code", "code": -1, "message": "Amount is above the maximum"}, {"refused"}, 0),
    ({"kind": "code_placed"}, {"unknown"}, 1),
    ({"kind": "code_placed", "code": -1}, {"unknown"}, 1),
    ({"kind": "session_killed", "route": "placebet"}, {"not_sent"}, 0),
    ({"kind": "expired_401", "route": "placebet"}, {"not_sent"}, 0),
    ({"kind": "expired_code", "route": "placebet"}, {"not_sent"}, 0),
    ({"kind": "html", "route": "placebet"}, {"unknown"}, 1),
    ({"kind": "xml", "route": "placebet"}, {"unknown"}, 1),
    ({"kind": "truncated_gzip", "route": "placebet"}, {"unknown"}, 1),
    ({"kind": "huge", "route": "placebet"}, {"unknown"}, 1),
    ({"kind": "bom", "route": "placebet"}, {"accepted"}, 1),
    ({"kind": "wrong_stake"}, {"accepted"}, 1),
]


@pytest.mark.parametrize(
    ("fault", "outcomes", "tickets"), FAULTS, ids=lambda value: str(value)[:60]
)
async def test_a_placement_is_made_once_and_never_called_unplaced_when_it_was(
    open_sandbox: OpenSandbox,
    open_account: OpenAccount,
    fault: dict[str, Any],
    outcomes: set[str],
    tickets: int,
) -> None:
    sandbox = await open_sandbox(fixed_fixtures=2)
    account = open_account(sandbox, impatient=True)
    order = await an_order(account, await a_market(account))
    sandbox.faults.add(fault | {"count": 1})
    placement = await account.venue.place(order)
    assert placement.result.value in outcomes
    assert sandbox.house.calls["placebet"] == 1
    assert len(sandbox.book.tickets()) == tickets
    if tickets:
        ticket = await ticket_of(account, TicketStatus.PENDING, TicketStatus.RUNNING)
        assert ticket.reference == REFERENCE
    else:
        assert await account.venue.bet(REFERENCE) == ()


async def test_without_a_connection_nothing_is_sent(
    open_sandbox: OpenSandbox, open_account: OpenAccount
) -> None:
    sandbox = await open_sandbox(fixed_fixtures=2)
    account = open_account(sandbox)
    order = await an_order(account, await a_market(account))
    await sandbox.stop()
    placement = await account.venue.place(order)
    assert placement.result in {PlaceResult.NOT_SENT, PlaceResult.UNKNOWN}
    again = await account.venue.place(order)
    assert (again.result, again.kind) == (PlaceResult.NOT_SENT, "connect")


async def test_bet_lists_in_any_order_and_twice_are_the_same_tickets(
    open_sandbox: OpenSandbox, open_account: OpenAccount
) -> None:
    sandbox = await open_sandbox(fixed_fixtures=4)
    account = open_account(sandbox)
    _, known = await follow(account.source, each_phase(1))
    for number, prices in enumerate(
        p for p in known.values() if p.market.family is MarketKind.ASIAN_HANDICAP
    ):
        order = await an_order(account, prices)
        await account.venue.place(
            OrderRequest(order.ref, order.market, order.outcome, order.prices, 1000, f"kt{number}")
        )
    listed = await eventually(lambda: all_running(account, 4))
    sandbox.faults.add(
        {"kind": "duplicate_rows", "count": 1}, {"kind": "reordered_rows", "count": 1}
    )
    again = await account.venue.bets()
    assert len(again) == 4
    assert {ticket.ticket_id for ticket in again} == {ticket.ticket_id for ticket in listed}


async def all_running(account: OpenVenue, number: int) -> list[Ticket]:
    tickets = await account.venue.bets()
    return (
        list(tickets)
        if len(tickets) == number and {t.status for t in tickets} == {TicketStatus.RUNNING}
        else []
    )


@pytest.mark.redis
async def test_processes_share_one_session_and_its_throttles_through_redis(
    open_sandbox: OpenSandbox, open_account: OpenAccount, redis_url: str
) -> None:
    """Owner and follower over a real Redis: one login for both, and a new one reaches the follower
    too.
    """
    sandbox: Sandbox = await open_sandbox(fixed_fixtures=3)
    ours, theirs = await connect(redis_url), await connect(redis_url)
    try:
        our_stores, their_stores = (
            Stores(SessionStore(bus, Session), ThrottleStore(bus), FixtureStore(bus))
            for bus in (ours, theirs)
        )
        owner = open_account(sandbox, stores=our_stores)
        follower = open_account(sandbox, stores=their_stores, owner=False)
        prices = await a_market(owner)
        order = await an_order(follower, prices)
        assert sandbox.house.calls["login"] == 1
        name = settings_of(sandbox).account.key
        assert await ThrottleStore(ours).take(name, "feed:early", 60) > 0
        assert await ThrottleStore(theirs).take(name, "feed:early", 60) > 0
        sandbox.house.sessions.kill(DEMO_ACCOUNT.user)
        placement = await follower.venue.place(order)
        assert (placement.result, placement.kind) == (PlaceResult.NOT_SENT, "session")
        await owner.venue.account()
        assert (await follower.venue.account()).outstanding_minor == 0
        assert sandbox.house.calls["login"] == 2
        # A session knows the games of the feeds read in it.
        await follow(owner.source, each_phase(1))
        assert (
            await follower.venue.place(await an_order(follower, prices))
        ).result is PlaceResult.ACCEPTED
    finally:
        await ours.aclose()
        await theirs.aclose()
