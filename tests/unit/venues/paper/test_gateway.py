"""The paper gateway is a bet venue like any other: prices from the real one, tickets of its own,
settled from real results.
"""

import random
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from keter.bus.codec import encode
from keter.clock import ManualClock
from keter.domain.feed import EventScore
from keter.domain.market_kinds import Outcome
from keter.domain.markets import Phase, parse_market
from keter.domain.money import to_minor
from keter.domain.order_calls import OrderRequest, PlaceResult, QuoteRequest
from keter.domain.quotes import Score, VenueRef
from keter.domain.tickets import TicketStatus
from keter.ledger import Ledger, LedgerUnavailableError, open_ledger
from keter.settings import Settings
from keter.venues.paper.gateway import PaperAccount, PaperGateway
from tests.kit.execution import (
    ACCOUNT,
    NOW,
    TOTALS,
    ModelVenue,
    an_event,
    an_intent,
    approved,
    counting_ids,
    settings_for,
)

KICKOFF = NOW + timedelta(hours=3)
REF = VenueRef("asianodds", "1|1|910022331")


class World:
    """A gateway over a real ledger, with the clock in the test's hands."""

    def __init__(self, ledger: Ledger, clock: ManualClock, settings: Settings) -> None:
        self.ledger, self.clock = ledger, clock
        self.prices = ModelVenue(clock.now)
        self.gateway = PaperGateway(
            self.prices,
            ledger,
            settings.paper,
            PaperAccount(
                ACCOUNT,
                to_minor(settings.stake.bankroll),
                settings.mode.account_currency,
                settings.mode.zone,
                settings.router.slippage_limit_pct,
            ),
            clock=clock,
            rng=random.Random(1),
            ids=counting_ids("p"),
        )

    async def place(
        self,
        intent_id: str = "i1",
        *,
        stake_minor: int = 1000,
        books: tuple[str, ...] = ("IBC",),
        **how: object,
    ) -> str:
        intent = an_intent(intent_id, event=an_event(f"Team {intent_id}", KICKOFF), **how)  # type: ignore[arg-type]  # handed on
        await self.ledger.orders.create(intent, worker="w")
        prices = tuple((book, "2.200") for book in books)
        order = OrderRequest(
            REF, intent.market, intent.outcome, prices, stake_minor, intent.reference
        )
        assert (await self.gateway.place(order)).result is PlaceResult.ACCEPTED
        return intent.reference

    async def final(
        self, intent_id: str, home: int, away: int, half: tuple[int, int] | None = None
    ) -> None:
        self.clock.set(KICKOFF + timedelta(hours=2))
        uid = an_event(f"Team {intent_id}", KICKOFF).event_uid
        await self.ledger.results.put(
            EventScore(uid, Score(home, away), half, ended=True, observed_at=self.clock.now())
        )


def settings_of(folder: Path, **values: object) -> Settings:
    sure = {"PAPER_REFUSAL_RATE": 0, "PAPER_DRIFT_PCT": 0, "BANKROLL": 100, **values}
    return settings_for(folder, **sure)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    clock = ManualClock(NOW)
    ledger = await open_ledger(f"sqlite:///{tmp_path}/l.db", clock=clock)
    yield World(ledger, clock, settings_of(tmp_path))
    await ledger.aclose()


async def test_prices_are_the_real_venues(world: World) -> None:
    request = QuoteRequest(REF, TOTALS, Outcome.OVER, ("PIN",))
    assert await world.gateway.quote(request) == await world.prices.quote(request)
    assert not world.gateway.capability.can_cancel


async def test_a_bet_is_pending_then_runs_then_is_settled(world: World) -> None:
    reference = await world.place()
    [ticket] = await world.gateway.bet(reference)
    assert (ticket.status, ticket.stake_minor, ticket.odds) == (TicketStatus.PENDING, 1000, "2.200")
    world.clock.set(NOW + timedelta(minutes=30))
    [ticket] = await world.gateway.bet(reference)
    assert ticket.status is TicketStatus.RUNNING
    await world.final("i1", 2, 1)
    [ticket] = await world.gateway.bets()
    assert (ticket.status, ticket.result, ticket.pnl_minor, ticket.final_score) == (
        TicketStatus.SETTLED,
        "WON",
        1200,
        (2, 1),
    )


async def test_the_account_is_the_bankroll_less_what_is_at_stake_plus_what_was_won(
    world: World,
) -> None:
    await world.place("i1")
    account = await world.gateway.account()
    assert (account.credit_minor, account.outstanding_minor) == (9000, 1000)
    world.clock.set(NOW + timedelta(minutes=30))
    await world.final("i1", 0, 0)
    account = await world.gateway.account()
    assert (account.credit_minor, account.outstanding_minor, account.pnl_today_minor) == (
        9000,
        0,
        -1000,
    )


async def test_a_refusal_shows_when_it_is_decided_and_frees_the_stake(tmp_path: Path) -> None:
    clock = ManualClock(NOW)
    ledger = await open_ledger(f"sqlite:///{tmp_path}/l.db", clock=clock)
    world = World(ledger, clock, settings_of(tmp_path, PAPER_REFUSAL_RATE=1))
    reference = await world.place()
    [ticket] = await world.gateway.bet(reference)
    assert (ticket.status, ticket.message) == (TicketStatus.PENDING, "")
    clock.set(NOW + timedelta(hours=1))
    [ticket] = await world.gateway.bet(reference)
    assert ticket.status is TicketStatus.REFUSED
    assert (await world.gateway.account()).outstanding_minor == 0
    await ledger.aclose()


async def test_death_right_after_the_placement_loses_nothing(world: World, tmp_path: Path) -> None:
    """A new gateway over the same ledger knows the ticket, its fate included."""
    reference = await world.place()
    reborn = World(world.ledger, world.clock, settings_of(tmp_path)).gateway
    assert await reborn.bet(reference) == await world.gateway.bet(reference)


async def test_an_order_without_an_intent_was_surely_not_sent(world: World) -> None:
    order = OrderRequest(REF, TOTALS, Outcome.OVER, (("IBC", "2.2"),), 1000, "ktnobody")
    assert (await world.gateway.place(order)).result is PlaceResult.NOT_SENT
    assert await world.gateway.bets() == []


async def test_a_ledger_that_fails_during_the_placement_leaves_a_doubt(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object) -> None:
        raise LedgerUnavailableError("disk full")

    await world.ledger.orders.create(an_intent(), worker="w")
    monkeypatch.setattr(world.ledger.paper, "add", fail)
    order = OrderRequest(REF, TOTALS, Outcome.OVER, (("IBC", "2.2"),), 1000, an_intent().reference)
    assert (await world.gateway.place(order)).result is PlaceResult.UNKNOWN


async def test_a_stake_is_split_where_a_book_takes_less(world: World) -> None:
    quote = msgspec.structs.replace(
        (await world.prices.quote(QuoteRequest(REF, TOTALS, Outcome.OVER, ("IBC",))))[0],
        maximum_minor=700,
    )
    world.prices.quotes["IBC"] = quote
    await world.gateway.quote(QuoteRequest(REF, TOTALS, Outcome.OVER, ("IBC", "GA")))
    reference = await world.place(books=("IBC", "GA"))
    tickets = await world.gateway.bet(reference)
    assert sorted((ticket.book, ticket.stake_minor) for ticket in tickets) == [
        ("GA", 300),
        ("IBC", 700),
    ]


async def test_an_in_play_handicap_counts_from_the_score_at_the_bet(world: World) -> None:
    level = parse_market("fb", "ft.ah.0")
    signal = encode(approved(phase=Phase.LIVE, score=Score(1, 0, 60)))
    reference = await world.place("ah", market=level, outcome=Outcome.AWAY, signal=signal)
    world.clock.set(NOW + timedelta(minutes=30))
    await world.final("ah", 1, 1)
    [ticket] = await world.gateway.bet(reference)
    assert (ticket.score_at_bet, ticket.result) == ((1, 0), "WON")


async def test_a_bet_whose_result_never_came_is_void(world: World) -> None:
    reference = await world.place()
    world.clock.set(KICKOFF + timedelta(hours=35))
    [ticket] = await world.gateway.bet(reference)
    assert ticket.status is TicketStatus.RUNNING
    world.clock.set(KICKOFF + timedelta(hours=37))
    [ticket] = await world.gateway.bet(reference)
    assert (ticket.status, ticket.pnl_minor) == (TicketStatus.VOID, 0)


async def test_a_result_from_before_the_kick_off_or_the_bet_is_another_matchs(world: World) -> None:
    """The same teams under the same name of the day, or a score left over: it must not decide what
    was bet afterwards.
    """
    reference = await world.place()
    uid = an_event("Team i1", KICKOFF).event_uid
    world.clock.set(KICKOFF + timedelta(hours=1))
    early = EventScore(
        uid, Score(0, 0), None, ended=True, observed_at=KICKOFF - timedelta(seconds=1)
    )
    await world.ledger.results.put(early)
    [ticket] = await world.gateway.bet(reference)
    assert (ticket.status, ticket.final_score) == (TicketStatus.RUNNING, None)
    live = await world.place(
        "live", signal=encode(approved(phase=Phase.LIVE, score=Score(1, 0, 60)))
    )
    uid_of_live = an_event("Team live", KICKOFF).event_uid
    before = msgspec.structs.replace(
        early, event_uid=uid_of_live, observed_at=world.clock.now() - timedelta(seconds=1)
    )
    await world.ledger.results.put(before)
    world.clock.set(KICKOFF + timedelta(hours=2))
    [ticket] = await world.gateway.bet(live)
    assert ticket.status is TicketStatus.RUNNING
    await world.final("i1", 2, 1)
    await world.final("live", 2, 1)
    assert {ticket.result for ticket in await world.gateway.bets()} == {"WON"}


async def test_a_half_time_bet_without_a_half_time_score_is_void(world: World) -> None:
    reference = await world.place("ht", market=parse_market("fb", "ht.ou.1"))
    world.clock.set(NOW + timedelta(minutes=30))
    await world.final("ht", 3, 0)
    [ticket] = await world.gateway.bet(reference)
    assert ticket.status is TicketStatus.VOID


async def test_settling_twice_books_once(world: World) -> None:
    await world.place()
    world.clock.set(NOW + timedelta(minutes=30))
    await world.final("i1", 2, 1)
    await world.gateway.bets()
    before = await world.gateway.account()
    await world.gateway.bets()
    assert await world.gateway.account() == before
