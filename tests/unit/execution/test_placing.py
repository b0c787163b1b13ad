"""One approved signal, at most one call: the order of the steps, and what each of them leaves
behind when it fails.
"""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from keter.betting_settings import RouterSettings
from keter.bus.codec import encode
from keter.bus.errors import ConnectionLostError
from keter.clock import ManualClock
from keter.domain.order_calls import PlacementQuote
from keter.domain.order_states import OrderState
from keter.domain.trading import ExecutionMode
from keter.domain.verdicts import Reason, reject
from keter.execution.intents import Owner
from keter.execution.placement_checks import PlacementFacts
from keter.execution.placing import Placer
from keter.ledger import FencedError, Ledger, LedgerUnavailableError, OrderFilter
from keter.venues.base import VenueTransientError
from tests.kit.execution import (
    ACCOUNT,
    NOW,
    PLACEMENT_LIMITS,
    ModelVenue,
    an_event,
    approved,
    counting_ids,
    fine_facts,
)

DRY = ExecutionMode.DRY
S = OrderState
CALL_S = 30.0


class Exposures:
    """A risk book that says yes, or what it is told to say."""

    def __init__(self) -> None:
        self.converted: list[str] = []
        self.answer: bool | Exception = True

    async def convert(self, decision_id: str, *, day: str | None = None) -> bool:
        assert day == "2026-02-21"
        if isinstance(self.answer, Exception):
            raise self.answer
        self.converted.append(decision_id)
        return self.answer


class Conditions:
    """A world that is fine until ``change`` says otherwise, from the look numbered ``since`` on."""

    def __init__(self, clock: ManualClock) -> None:
        self._clock = clock
        self.looks = 0
        self.change: dict[str, Any] = {}
        self.since = 1
        self.halt = False

    def halted(self) -> bool:
        return self.halt

    async def read(self, *, lock_left_s: float, call_s: float) -> PlacementFacts:
        self.looks += 1
        fine = fine_facts(
            self._clock.now(), halt_file=self.halt, lock_left_s=lock_left_s, call_s=call_s
        )
        return replace(fine, **self.change) if self.looks >= self.since else fine


class Lock:
    """A lock taken when the test began, for 120 s of the test's clock."""

    def __init__(self, clock: ManualClock) -> None:
        self._clock, self._until = clock, clock.monotonic() + 120

    async def left_s(self) -> float:
        return self.left_by_clock_s()

    def left_by_clock_s(self) -> float:
        return max(self._until - self._clock.monotonic(), 0)


class Desk:
    """A placer with everything around it."""

    def __init__(self, ledger: Ledger, clock: ManualClock) -> None:
        self.ledger, self.clock = ledger, clock
        self.venue = ModelVenue(clock.now)
        self.exposures, self.conditions, self.lock = Exposures(), Conditions(clock), Lock(clock)

    async def placer(self) -> Placer:
        fence = (await self.ledger.orders.takeover(ACCOUNT, DRY, at=NOW, worker="router")).fence
        owner = Owner(ACCOUNT, DRY, "router", fence, CALL_S)
        return Placer(
            owner,
            self.venue,
            self.ledger,
            self.exposures,
            self.conditions,
            PLACEMENT_LIMITS,
            clock=self.clock,
            ids=counting_ids(),
        )

    async def causes(self) -> list[str]:
        return [step.cause for step in await self.ledger.orders.trail("id00000001")]


@pytest.fixture
def desk(ledger: Ledger, clock: ManualClock) -> Desk:
    return Desk(ledger, clock)


async def test_a_good_signal_is_sent_once_with_our_reference_and_the_venues_price(
    desk: Desk,
) -> None:
    signal = approved()
    outcome = await (await desk.placer()).place(signal, desk.lock)
    [order] = desk.venue.calls
    assert outcome.bet is not None
    assert (order.reference, order.prices, order.stake_minor) == (
        outcome.bet.intent.reference,
        (("IBC", "2.200"),),
        1000,
    )
    assert (outcome.bet.state, outcome.keeps_exposure, outcome.sent) == (S.OPEN, True, True)
    assert await desk.causes() == ["intent", "quoted", "sending", "sent"]
    assert desk.exposures.converted == [signal.decision_id]
    assert outcome.bet.intent.signal == encode(signal), "what was decided on is kept with the bet"


async def test_the_intent_stands_in_the_ledger_before_anybody_is_asked_anything(desk: Desk) -> None:
    placer = await desk.placer()
    seen: list[OrderState] = []

    async def quote(_request: object) -> list[PlacementQuote]:
        seen.append((await desk.ledger.orders.get("id00000001")).state)
        return []

    desk.venue.quote = quote  # type: ignore[method-assign,assignment]  # a venue that looks into our ledger
    await placer.place(approved(), desk.lock)
    assert seen == [S.INTENDED]


async def test_sending_stands_in_the_ledger_before_the_call(desk: Desk) -> None:
    placer = await desk.placer()
    seen: list[OrderState] = []
    real = desk.venue.place

    async def place(order: Any) -> Any:
        seen.append((await desk.ledger.orders.get("id00000001")).state)
        return await real(order)

    desk.venue.place = place  # type: ignore[method-assign]  # as above
    await placer.place(approved(), desk.lock)
    assert seen == [S.SENDING]


@pytest.mark.parametrize(
    ("answer", "state", "keeps"),
    [
        ("sent", S.OPEN, True),
        ("refused", S.REFUSED, False),
        ("not_sent", S.REFUSED, False),
        ("lost_after", S.UNKNOWN, True),
        ("lost_before", S.UNKNOWN, True),
        ("error_after", S.UNKNOWN, True),
        ("error_before", S.UNKNOWN, True),
        ("raise", S.UNKNOWN, True),
    ],
)
async def test_every_answer_ends_the_call_and_a_doubt_keeps_the_exposure(
    desk: Desk, answer: str, state: OrderState, keeps: bool
) -> None:
    desk.venue.answers = [answer]
    outcome = await (await desk.placer()).place(approved(), desk.lock)
    assert outcome.bet is not None
    assert (outcome.bet.state, outcome.keeps_exposure, len(desk.venue.calls)) == (state, keeps, 1)


async def test_a_redelivered_decision_is_not_placed_again(desk: Desk) -> None:
    placer, signal = await desk.placer(), approved()
    await placer.place(signal, desk.lock)
    again = await placer.place(signal, desk.lock)
    assert (again.verdict.reason, again.keeps_exposure, len(desk.venue.calls)) == (
        Reason.DUPLICATE_DECISION,
        True,
        1,
    )


async def test_another_decision_on_an_open_selection_is_not_placed(desk: Desk) -> None:
    placer = await desk.placer()
    await placer.place(approved(), desk.lock)
    other = await placer.place(approved(), desk.lock)
    assert (other.verdict.reason, other.keeps_exposure, len(desk.venue.calls)) == (
        Reason.SELECTION_OPEN,
        False,
        1,
    )


CLOSED = pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"halt_file": True}, Reason.HALT_FILE),
        ({"trading": reject(Reason.TRADING_NOT_ACTIVE)}, Reason.TRADING_NOT_ACTIVE),
        ({"permitted": False}, Reason.NOT_ARMED),
        ({"reconciled": False}, Reason.RECONCILING),
        ({"lock_left_s": 1.0}, Reason.LOCK_LOST),
        ({"now": NOW + timedelta(minutes=1)}, Reason.SIGNAL_STALE),
    ],
)


@CLOSED
async def test_what_a_closed_router_turns_away_is_no_bet_and_nobody_is_asked(
    desk: Desk, change: dict[str, Any], reason: Reason
) -> None:
    asked: list[object] = []

    async def quote(request: object) -> list[PlacementQuote]:
        asked.append(request)
        return []

    desk.venue.quote = quote  # type: ignore[method-assign]  # counts
    desk.conditions.change = change
    outcome = await (await desk.placer()).place(approved(), desk.lock)
    assert (outcome.verdict.reason, outcome.bet, outcome.keeps_exposure, outcome.sent) == (
        reason,
        None,
        False,
        False,
    )
    assert (asked, desk.venue.calls, desk.exposures.converted) == ([], [], [])
    assert await desk.ledger.orders.list_orders(OrderFilter()) == []


@CLOSED
async def test_what_changes_while_prices_are_asked_for_stops_the_bet(
    desk: Desk, change: dict[str, Any], reason: Reason
) -> None:
    desk.conditions.change, desk.conditions.since = change, 2
    outcome = await (await desk.placer()).place(approved(), desk.lock)
    assert outcome.bet is not None
    assert (outcome.verdict.reason, outcome.bet.state, outcome.bet.reason) == (
        reason,
        S.SKIPPED,
        reason.value,
    )
    assert (desk.venue.calls, desk.exposures.converted, outcome.keeps_exposure) == ([], [], False)


async def test_a_halt_file_that_appears_while_sending_is_committed_still_stops_the_call(
    desk: Desk,
) -> None:
    placer = await desk.placer()
    step = desk.ledger.orders.transition

    async def transition(intent_id: str, target: OrderState, **how: Any) -> Any:
        bet = await step(intent_id, target, **how)
        desk.conditions.halt = target is S.SENDING
        return bet

    desk.ledger.orders.transition = transition  # type: ignore[method-assign]  # the moment after the commit
    outcome = await placer.place(approved(), desk.lock)
    assert outcome.bet is not None
    assert (outcome.bet.state, outcome.bet.reason, outcome.sent) == (
        S.REFUSED,
        "not_sent:halt_file",
        False,
    )
    assert desk.venue.calls == []


async def test_a_router_that_was_frozen_past_its_lock_does_not_call(desk: Desk) -> None:
    placer = await desk.placer()
    step = desk.ledger.orders.transition

    async def transition(intent_id: str, target: OrderState, **how: Any) -> Any:
        bet = await step(intent_id, target, **how)
        if target is S.SENDING:
            desk.clock.set(NOW + timedelta(seconds=100))
        return bet

    desk.ledger.orders.transition = transition  # type: ignore[method-assign]  # frozen after the commit
    outcome = await placer.place(approved(), desk.lock)
    assert outcome.bet is not None
    assert (outcome.bet.state, outcome.verdict.reason) == (S.REFUSED, Reason.LOCK_LOST)
    assert desk.venue.calls == []


async def test_a_price_that_grew_old_while_sending_was_committed_is_not_bet(desk: Desk) -> None:
    """The machine slept for less than the lock lasts, or by a clock that stood still: what was
    decided on is of the past.
    """
    placer = await desk.placer()
    step = desk.ledger.orders.transition

    async def transition(intent_id: str, target: OrderState, **how: Any) -> Any:
        bet = await step(intent_id, target, **how)
        if target is S.SENDING:
            desk.clock.set(NOW + timedelta(seconds=RouterSettings().max_signal_age_s + 1))
        return bet

    desk.ledger.orders.transition = transition  # type: ignore[method-assign]  # asleep after the commit
    outcome = await placer.place(approved(), desk.lock)
    assert outcome.bet is not None
    assert (outcome.bet.state, outcome.verdict.reason, outcome.sent) == (
        S.REFUSED,
        Reason.SIGNAL_STALE,
        False,
    )
    assert desk.venue.calls == []


async def test_an_expired_reservation_is_not_bet(desk: Desk) -> None:
    desk.exposures.answer = False
    outcome = await (await desk.placer()).place(approved(), desk.lock)
    assert (outcome.verdict.reason, desk.venue.calls) == (Reason.SIGNAL_STALE, [])


async def test_redis_lost_on_the_way_ends_the_intent_and_comes_out(desk: Desk) -> None:
    desk.exposures.answer = ConnectionLostError("gone")
    with pytest.raises(ConnectionLostError):
        await (await desk.placer()).place(approved(), desk.lock)
    bet = await desk.ledger.orders.get("id00000001")
    assert (bet.state, bet.reason, desk.venue.calls) == (S.SKIPPED, "redis_lost", [])


async def test_a_venue_that_cannot_be_asked_is_skipped_with_its_kind(desk: Desk) -> None:
    async def quote(_request: object) -> list[PlacementQuote]:
        raise VenueTransientError("timeout", "no answer")

    desk.venue.quote = quote  # type: ignore[method-assign,assignment]  # a venue that is away
    outcome = await (await desk.placer()).place(approved(), desk.lock)
    assert (outcome.verdict.reason, outcome.verdict.numbers["kind"]) == (
        Reason.VENUE_UNAVAILABLE,
        "timeout",
    )


async def test_an_owner_that_was_replaced_stops_before_the_call(desk: Desk) -> None:
    """Another router takes over while we ask for prices."""
    placer = await desk.placer()
    real = desk.venue.quote

    async def quote(request: Any) -> Any:
        await desk.ledger.orders.takeover(ACCOUNT, DRY, at=NOW, worker="other")
        return await real(request)

    desk.venue.quote = quote  # type: ignore[method-assign]  # the other router is quick
    with pytest.raises(FencedError):
        await placer.place(approved(), desk.lock)
    assert desk.venue.calls == []
    assert (await desk.ledger.orders.get("id00000001")).state is S.SKIPPED


@pytest.mark.parametrize("resolved", [S.FILLED, S.OPEN])
async def test_an_outcome_that_a_successor_knows_already_is_left_as_it_is(
    desk: Desk, resolved: OrderState
) -> None:
    """We were frozen in the call; another router took over and the tracker found the ticket."""
    placer = await desk.placer()
    real = desk.venue.place

    async def place(order: Any) -> Any:
        answer = await real(order)
        await desk.ledger.orders.takeover(ACCOUNT, DRY, at=NOW, worker="other")
        await desk.ledger.orders.transition(
            "id00000001", resolved, at=NOW, cause="venue", worker="tracker"
        )
        return answer

    desk.venue.place = place  # type: ignore[method-assign]  # as told
    outcome = await placer.place(approved(), desk.lock)
    assert outcome.bet is not None
    assert (outcome.bet.state, outcome.keeps_exposure) == (resolved, True)


@pytest.mark.parametrize("failing", [S.QUOTED, S.SENDING])
async def test_no_call_without_a_commit(desk: Desk, failing: OrderState) -> None:
    placer = await desk.placer()
    step = desk.ledger.orders.transition

    async def transition(intent_id: str, target: OrderState, **how: Any) -> Any:
        if target is failing:
            raise LedgerUnavailableError("disk full")
        return await step(intent_id, target, **how)

    desk.ledger.orders.transition = transition  # type: ignore[method-assign]  # a full disk
    with pytest.raises(LedgerUnavailableError):
        await placer.place(approved(), desk.lock)
    assert desk.venue.calls == []


async def test_the_stake_is_split_over_books_and_never_raised(desk: Desk) -> None:
    desk.venue.quotes = {
        "IBC": PlacementQuote("IBC", 2.20, "2.200", 500, 600, rejected=False),
        "GA": PlacementQuote("GA", 2.19, "2.190", 500, 100_000, rejected=False),
        "SIN": PlacementQuote("SIN", 2.10, "2.100", 500, 100_000, rejected=False),
    }
    signal = approved(offers={"IBC": 2.20, "GA": 2.19, "SIN": 2.10}, stake_minor=1500)
    await (await desk.placer()).place(signal, desk.lock)
    [order] = desk.venue.calls
    assert (order.prices, order.stake_minor) == ((("IBC", "2.200"), ("GA", "2.190")), 1500)


async def test_the_books_of_the_order_are_those_of_the_last_question(desk: Desk) -> None:
    """A list shorter than the one quoted for is refused by some venues."""
    asked: list[tuple[str, ...]] = []
    real = desk.venue.quote
    desk.venue.quotes = {"IBC": PlacementQuote("IBC", 2.18, "2.180", 500, 100_000, rejected=False)}

    async def quote(request: Any) -> Any:
        asked.append(request.books)
        return await real(request)

    desk.venue.quote = quote  # type: ignore[method-assign]  # counts the questions
    await (await desk.placer()).place(approved(offers={"IBC": 2.20, "GA": 2.199}), desk.lock)
    [order] = desk.venue.calls
    assert asked == [("IBC",), ("IBC", "GA"), ("GA",)]
    assert tuple(book for book, _ in order.prices) == asked[-1]


async def test_different_events_are_independent(desk: Desk) -> None:
    placer = await desk.placer()
    for name in ("One FC", "Two FC"):
        outcome = await placer.place(approved(event=an_event(name)), desk.lock)
        assert outcome.verdict.accepted
    assert len(desk.venue.calls) == 2
