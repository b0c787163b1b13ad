"""Router and tracker together, step by step: real ledger, real Redis, a model of the venue, the
clock in our hands.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
import structlog

from keter.bus.codec import decode, encode
from keter.bus.locks import Locks
from keter.bus.queue import Item
from keter.bus.state.cooldowns import cooling
from keter.bus.state.events import write_scores
from keter.bus.state.odds import write_odds
from keter.bus.state.reconciliation import ask_for_pass, pass_done, read_doubt
from keter.bus.state.risk import put_bet
from keter.bus.state.trading import change_trading, read_trading
from keter.bus.telemetry.alerts import read_alerts
from keter.domain.exposure import Exposure, ExposureStatus, Terms, exposure_of
from keter.domain.feed import EventScore
from keter.domain.market_kinds import Outcome
from keter.domain.markets import Phase, event_uid
from keter.domain.order_calls import OrderRequest, PlaceAnswer, PlacementQuote, PlaceResult
from keter.domain.order_states import OrderState
from keter.domain.orders import Order
from keter.domain.quotes import BookPrices, Score
from keter.domain.signals import ApprovedSignal, Decision
from keter.domain.tickets import Ticket, TicketStatus
from keter.domain.trading import (
    CommandAction,
    ExecutionMode,
    OperatorCommand,
    TradingMode,
    TradingState,
    target_of,
)
from keter.domain.verdicts import Reason
from keter.execution.reconcile.passes import QUERIES_PER_MINUTE
from keter.venues.asianodds.placement import classify
from keter.venues.asianodds.transport import Reply
from keter.venues.base import VenueTransientError
from tests.kit.execution import ACCOUNT, NOW, a_ticket, an_intent
from tests.kit.execution_bench import DRY, RouterProcess, TrackerProcess, World
from tests.kit.hooks import Crash, Hook

pytestmark = pytest.mark.redis
S = OrderState


class Desk:
    """A router that has been let in, and its tracker."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.router, self.tracker = RouterProcess(world), TrackerProcess(world)

    async def begin(self) -> "Desk":
        await self.router.router.begin()
        assert await self.tracker.look()
        return self

    async def bet(
        self, decision_id: str = "d1", *, answer: str = "sent", **how: object
    ) -> ApprovedSignal:
        """Hand an approval to the router; the venue answers it with ``answer``."""
        signal = await self.world.approve(decision_id, **how)  # type: ignore[arg-type]  # handed on
        assert signal is not None, "the guard would not approve this"
        self.world.venue.answers = [answer]
        await self.router.deliver(signal)
        return signal

    async def turned_away(self, signal: ApprovedSignal) -> str:
        """Return the reason for which the router makes no bet of an approval.

        The venue is asked for nothing.
        """
        handled = await self.router.router.handle(Item(signal.queue_key, encode(signal)))
        [decision] = [decode(Decision, entry) for entry in handled.audit]
        assert await self.world.ledger.orders.by_decision(signal.decision_id) is None
        assert self.world.venue.calls == []
        return decision.verdict.reason.value

    async def running(self, decision_id: str = "d1", **how: object) -> ApprovedSignal:
        signal = await self.bet(decision_id, **how)  # type: ignore[arg-type]  # handed on
        self.world.venue.decide(-1, accept=True)
        await self.look()
        return signal

    async def look(self, after_s: float = 1) -> bool:
        """Time passes, then a pass."""
        self.wait(after_s)
        return await self.tracker.look()

    def wait(self, seconds: float) -> None:
        self.world.clock.set(self.world.clock.now() + timedelta(seconds=seconds))

    async def of(self, decision_id: str = "d1") -> Order:
        bet = await self.world.ledger.orders.by_decision(decision_id)
        assert bet is not None
        return bet

    async def exposed(self) -> dict[str, int]:
        state = await self.world.book().read()
        return {
            e.decision_id: e.stake_minor for e in state.exposures if e.status is ExposureStatus.BET
        }

    async def alerts(self) -> set[str]:
        return {alert.id.partition(":")[0] for alert in await read_alerts(self.world.bus)}

    async def staked(self) -> int:
        state = await self.world.book().read()
        return state.day.staked_minor if state.day is not None else 0

    async def pnl(self) -> int:
        state = await self.world.book().read()
        return state.day.pnl_minor if state.day is not None else 0


@pytest.fixture
async def desk(tmp_path: Path, redis_url: str) -> AsyncIterator[Desk]:
    world = World(tmp_path, redis_url)
    await world.open()
    yield await Desk(world).begin()
    await world.close()


async def test_a_bet_goes_from_approval_to_profit(desk: Desk) -> None:
    await desk.running()
    assert (await desk.of()).state is S.FILLED
    desk.world.venue.finish(0, 2, 1)
    await desk.look()
    bet = await desk.of()
    assert (bet.state, bet.pnl_minor, bet.standing_minor) == (S.WON, 1200, 1000)
    assert (await desk.exposed(), await desk.pnl()) == ({}, 1200)
    [row] = await desk.world.ledger.settlements.of(bet.intent.intent_id)
    assert row.agrees is True


@pytest.mark.parametrize(("end", "left"), [(S.SKIPPED, 0), (None, 1)])
async def test_a_decision_that_came_to_nothing_gives_its_room_back_when_it_comes_again(
    desk: Desk, end: OrderState | None, left: int
) -> None:
    """Redis was away when the first router ended the intent, so the reservation outlived it."""
    signal = await desk.world.approve("d1")
    assert signal is not None
    orders = desk.world.ledger.orders
    event = signal.signal.update.event
    await orders.create(an_intent("old", decision_id=signal.decision_id, event=event), worker="w")
    if end is not None:
        await orders.transition("old", end, at=NOW, cause="router_died", worker="w")
    handled = await desk.router.router.handle(Item(signal.queue_key, encode(signal)))
    assert handled.counts == {f"router:{Reason.DUPLICATE_DECISION.value}": 1}
    assert len((await desk.world.book().read()).exposures) == left
    assert desk.world.venue.calls == []


async def test_what_the_router_logs_of_a_signal_names_it(desk: Desk) -> None:
    signal = await desk.world.approve("d1")
    assert signal is not None
    with structlog.testing.capture_logs(
        processors=[structlog.contextvars.merge_contextvars]
    ) as logs:
        await desk.router.router.handle(Item(signal.queue_key, encode(signal)))
    [line] = [line for line in logs if line["event"] == "routed"]
    found = {name: line[name] for name in ("trace_id", "event_uid", "selection_id", "state")}
    of = signal.signal
    assert found == {
        "trace_id": of.trace_id,
        "event_uid": of.event_uid,
        "selection_id": of.selection_id,
        "state": "OPEN",
    }


async def test_what_the_tracker_logs_of_a_bet_names_its_signal(desk: Desk) -> None:
    with structlog.testing.capture_logs() as logs:
        await desk.running()
    intent = (await desk.of()).intent
    [line] = [line for line in logs if line["event"] == "bet_moved"]
    found = [line[name] for name in ("intent_id", "trace_id", "event_uid", "selection_id")]
    assert found == [intent.intent_id, intent.trace_id, intent.event_uid, intent.selection_id]


async def test_a_verdict_of_the_router_names_the_match_it_is_about(desk: Desk) -> None:
    signal = await desk.world.approve("d1")
    assert signal is not None
    handled = await desk.router.router.handle(Item(signal.queue_key, encode(signal)))
    [decision] = [decode(Decision, entry) for entry in handled.audit]
    event = signal.signal.update.event
    assert (decision.stage, decision.details["state"]) == ("router", "OPEN")
    named = {name: decision.details[name] for name in ("home", "away", "league")}
    assert named == {"home": event.home, "away": event.away, "league": event.league}


async def test_the_router_is_closed_until_a_pass_that_began_after_its_takeover(desk: Desk) -> None:
    second = RouterProcess(desk.world)
    await second.router.begin()
    signal = await desk.world.approve("d1")
    assert signal is not None
    handled = await second.router.handle(Item(signal.queue_key, encode(signal)))
    assert handled.counts == {f"router:{Reason.RECONCILING.value}": 1}
    assert desk.world.venue.calls == []
    await desk.tracker.look()
    other = await desk.world.approve("d2", team="Other FC")
    assert other is not None
    await second.deliver(other)
    assert (await desk.of("d2")).state is S.OPEN


async def test_a_pass_counts_only_for_whom_it_was_made_and_while_it_is_fresh(desk: Desk) -> None:
    bus, run = desk.world.bus, desk.world.mark
    await ask_for_pass(bus, ACCOUNT, "new-router")
    assert not await pass_done(bus, ACCOUNT, "new-router", run, within_s=60)
    await desk.tracker.look()
    assert await pass_done(bus, ACCOUNT, "new-router", run, within_s=60)
    assert not await pass_done(bus, ACCOUNT, "old-router", run, within_s=60)
    assert not await pass_done(bus, ACCOUNT, "new-router", run, within_s=-1)
    live = msgspec.structs.replace(run, mode=ExecutionMode.LIVE)
    assert not await pass_done(bus, ACCOUNT, "new-router", live, within_s=60), (
        "a DRY tracker opens no LIVE router"
    )


async def test_a_venue_that_cannot_be_asked_completes_no_pass(desk: Desk) -> None:
    from keter.venues.base import VenueTransientError

    async def fail() -> list[Ticket]:
        raise VenueTransientError("timeout", "no answer")

    desk.world.venue.bets = fail  # type: ignore[method-assign]  # away
    assert not await desk.look()


async def test_a_redelivered_item_changes_nothing_and_keeps_the_exposure(desk: Desk) -> None:
    signal = await desk.running()
    await desk.router.deliver(signal)
    assert len(desk.world.venue.calls) == 1
    assert await desk.exposed() == {"d1": 1000}


async def test_a_lock_of_somebody_else_stops_the_bet_before_its_intent(desk: Desk) -> None:
    signal = await desk.world.approve("d1")
    assert signal is not None
    key = desk.world.bus.keys.exec_lock(
        signal.signal.event_uid, signal.signal.selection_id, ACCOUNT
    )
    assert await Locks(desk.world.bus).acquire(key, 60)
    await desk.router.deliver(signal)
    assert await desk.world.ledger.orders.by_decision("d1") is None
    assert desk.world.venue.calls == []
    assert (await desk.world.book().read()).exposures == ()


async def test_an_unknown_outcome_is_found_by_its_reference_and_never_sent_again(
    desk: Desk,
) -> None:
    await desk.bet(answer="lost_after")
    assert (await desk.of()).state is S.UNKNOWN
    await desk.look()
    assert (await desk.of()).state is S.OPEN
    desk.world.venue.decide(0, accept=True)
    await desk.look()
    assert ((await desk.of()).state, len(desk.world.venue.calls)) == (S.FILLED, 1)


async def test_a_ticket_that_is_listed_before_the_answer_is_as_good_as_the_answer(
    desk: Desk,
) -> None:
    """The router is still in its call; the account would not add up without the bet."""
    signal = await desk.world.approve("d1")
    assert signal is not None
    honest = desk.world.venue.place

    async def slow(order: OrderRequest) -> PlaceAnswer:
        answer = await honest(order)
        desk.world.venue.decide(0, accept=True)
        await desk.look()
        assert (await desk.of()).state is S.FILLED
        return answer

    desk.world.venue.place = slow  # type: ignore[method-assign]  # the list is quicker than the answer
    await desk.router.deliver(signal)
    assert ((await desk.of()).state, await desk.exposed()) == (S.FILLED, {"d1": 1000})


async def test_silence_is_a_doubt_for_long_and_keeps_the_exposure_meanwhile(desk: Desk) -> None:
    await desk.bet(answer="lost_before")
    limit = desk.world.settings.router.unknown_absent_s
    for _ in range(5):
        await desk.look(limit / 10)
    assert ((await desk.of()).state, await desk.exposed()) == (S.UNKNOWN, {"d1": 1000})
    assert (await read_doubt(desk.world.bus, (await desk.of()).intent.intent_id)).asked == 5
    assert "unknown-bets" in await desk.alerts()
    await desk.look(limit)
    bet = await desk.of()
    assert (bet.state, bet.reason) == (S.REFUSED, "never reached the venue")
    assert await desk.exposed() == {}
    assert "unknown-bets" not in await desk.alerts()
    assert len(desk.world.venue.calls) == 1


async def test_one_denial_proves_nothing_however_late_it_comes(desk: Desk) -> None:
    """A ticket may be in transit; after a long pause of the tracker the first denial is still only
    one.
    """
    await desk.bet(answer="lost_after")
    desk.world.venue.hidden.add((await desk.of()).intent.reference)
    await desk.look(10 * desk.world.settings.router.unknown_absent_s)
    assert (await desk.of()).state is S.UNKNOWN
    desk.world.venue.hidden.clear()
    await desk.look()
    assert (await desk.of()).state is S.OPEN


async def test_an_error_answer_is_believed_sooner_than_silence(desk: Desk) -> None:
    await desk.bet(answer="error_before")
    router = desk.world.settings.router
    for _ in range(4):
        await desk.look(router.unknown_error_s / 3)
    assert (await desk.of()).state is S.REFUSED
    assert router.unknown_error_s < router.unknown_absent_s


@pytest.mark.parametrize("status", [500, 502, 503, 504])
async def test_a_5xx_answer_is_silence_and_no_error_answer(desk: Desk, status: int) -> None:
    """A proxy may say it of a bet that the venue has accepted: patience is that of no answer at
    all.
    """
    placed = classify(Reply(status, b""), "ktx")
    assert (placed.result, placed.code) == (PlaceResult.UNKNOWN, None)

    async def place(_order: OrderRequest) -> PlaceAnswer:
        return placed

    desk.world.venue.place = place  # type: ignore[method-assign, assignment]  # a proxy before the venue
    await desk.bet()
    router = desk.world.settings.router
    for _ in range(4):
        await desk.look(router.unknown_error_s / 2)
    assert ((await desk.of()).state, await desk.exposed()) == (S.UNKNOWN, {"d1": 1000})
    await desk.look(router.unknown_absent_s)
    assert (await desk.of()).state is S.REFUSED


async def test_an_error_answer_is_not_believed_before_the_slowest_acceptance_seen(
    desk: Desk,
) -> None:
    """Real tickets appeared up to 157 s after their placement: a bet given up earlier could stand
    beside its successor.
    """
    await desk.bet(answer="error_after")
    desk.world.venue.hidden.add((await desk.of()).intent.reference)
    for _ in range(4):
        await desk.look(157 / 4)
    assert ((await desk.of()).state, await desk.exposed()) == (S.UNKNOWN, {"d1": 1000})
    desk.world.venue.hidden.clear()
    await desk.look()
    assert (await desk.of()).state is S.OPEN


async def test_a_bet_accepted_and_taken_back_is_refused_and_its_selection_cools_down(
    tmp_path: Path, redis_url: str
) -> None:
    world = World(tmp_path, redis_url, COOLDOWN_SELECTION_SEC=300)
    await world.open()
    desk = await Desk(world).begin()
    signal = await desk.running()
    world.venue.revoke(0)
    await desk.look()
    assert ((await desk.of()).state, await desk.exposed()) == (S.REFUSED, {})
    signal_of = signal.signal
    assert (
        await cooling(world.bus, ACCOUNT, signal_of.event_uid, signal_of.selection_id)
        is Reason.COOLDOWN_SELECTION
    )
    await world.close()


async def test_a_partial_stake_is_what_counts_from_then_on(desk: Desk) -> None:
    desk.world.venue.stake_factor = Decimal("0.4")
    await desk.running()
    assert (await desk.of()).standing_minor == 400
    desk.world.venue.finish(0, 0, 0)
    await desk.look()
    assert ((await desk.of()).pnl_minor, await desk.pnl(), await desk.alerts()) == (
        -400,
        -400,
        set(),
    )
    assert await desk.staked() == 400


async def test_a_stake_larger_than_approved_becomes_exposure_and_an_alarm(desk: Desk) -> None:
    desk.world.venue.stake_factor = Decimal(3)
    await desk.running()
    assert (await desk.exposed(), await desk.staked()) == ({"d1": 3000}, 3000)
    assert "bet-stake-mismatch" in await desk.alerts()


async def test_a_settlement_that_is_not_ours_is_booked_as_the_venues_and_called_out(
    desk: Desk,
) -> None:
    await desk.running()
    desk.world.venue._change(
        0, status=TicketStatus.SETTLED, result="LOST", pnl_minor=-1000, final_score=(3, 0)
    )
    await desk.look()
    bet = await desk.of()
    [row] = await desk.world.ledger.settlements.of(bet.intent.intent_id)
    assert (bet.state, row.agrees, row.own_state) == (S.LOST, False, S.WON)
    assert "bet-settlement-mismatch" in await desk.alerts()


async def test_a_ticket_on_another_selection_is_called_out(desk: Desk) -> None:
    await desk.running()
    desk.world.venue._change(0, outcome=Outcome.AWAY)
    await desk.look()
    assert await desk.alerts() == {"bet-selection-mismatch"}


async def test_a_result_that_cannot_be_read_is_decided_by_the_money_and_called_out(
    desk: Desk,
) -> None:
    await desk.running()
    desk.world.venue._change(
        0, status=TicketStatus.SETTLED, result="W0N", pnl_minor=1200, final_score=(2, 1)
    )
    await desk.look()
    assert ((await desk.of()).state, await desk.alerts()) == (S.WON, {"bet-result-mismatch"})


async def test_a_running_bet_that_the_venue_denies_is_called_out_and_stays_exposure(
    desk: Desk,
) -> None:
    await desk.running()
    desk.world.venue.hidden.add((await desk.of()).intent.reference)
    for _ in range(5):
        await desk.look(desk.world.settings.router.unknown_absent_s)
    assert "bet-record-mismatch" in await desk.alerts()
    assert ((await desk.of()).state, await desk.exposed()) == (S.FILLED, {"d1": 1000})


async def test_a_regrade_books_the_difference_once(desk: Desk) -> None:
    await desk.running()
    desk.world.venue.finish(0, 2, 1)
    await desk.look()
    desk.world.venue.finish(0, 0, 0)
    await desk.look()
    await desk.look()
    bet = await desk.of()
    assert (bet.state, bet.pnl_minor, await desk.pnl(), await desk.exposed()) == (
        S.LOST,
        -1000,
        -1000,
        {},
    )
    assert len(await desk.world.ledger.settlements.of(bet.intent.intent_id)) == 2


async def test_a_bet_by_hand_is_exposure_until_it_is_settled(desk: Desk) -> None:
    ticket = a_ticket(sport="te")
    desk.world.venue.add(ticket)
    await desk.look()
    assert await desk.exposed() == {f"foreign:{ACCOUNT}:PIN:99": 700}
    [exposure] = (await desk.world.book().read()).exposures
    assert exposure.event_uid == event_uid("te", NOW, "Hand", "Made"), (
        "under the name that our own bets on the match have"
    )
    assert "foreign-bets" in await desk.alerts()
    desk.world.venue._change(0, status=TicketStatus.SETTLED, result="WON", pnl_minor=630)
    await desk.look()
    assert (await desk.exposed(), await desk.pnl(), await desk.alerts()) == ({}, 0, set())


async def test_money_that_does_not_agree_twice_halts_betting(desk: Desk) -> None:
    await desk.running()
    honest = desk.world.venue.account

    async def wrong() -> object:
        return msgspec.structs.replace(await honest(), outstanding_minor=7777)

    desk.world.venue.account = wrong  # type: ignore[method-assign,assignment]  # it lies
    await desk.look(20)
    view = await read_trading(desk.world.bus, desk.world.clock.now())
    assert view.state is not None and view.state.mode is TradingMode.ACTIVE, (
        "once may be a coincidence"
    )
    await desk.look(20)
    view = await read_trading(desk.world.bus, desk.world.clock.now())
    assert view.state is not None and (view.state.mode, view.state.actor) == (
        TradingMode.HALTED,
        "tracker",
    )
    assert desk.world.settings.router.halt_file.exists()
    assert "account-mismatch" in await desk.alerts()
    last = await desk.world.ledger.commands.last_trading()
    assert last is not None and last.mode is TradingMode.HALTED


async def test_a_refused_bet_that_lives_after_all_is_exposure_and_an_alarm(desk: Desk) -> None:
    """A request that left the machine long after it was given up: not lost from sight, not bet
    again.
    """
    await desk.bet(answer="lost_after")
    reference = (await desk.of()).intent.reference
    desk.world.venue.hidden.add(reference)
    for _ in range(4):
        await desk.look(desk.world.settings.router.unknown_absent_s)
    assert (await desk.of()).state is S.REFUSED
    desk.world.venue.hidden.clear()
    desk.world.venue.decide(0, accept=True)
    await desk.look()
    assert sum((await desk.exposed()).values()) == 1000
    assert "bet-state-mismatch" in await desk.alerts()


@pytest.mark.parametrize("call", ["redis.risk_settle", "redis.risk_release", "settlements.add"])
async def test_a_tracker_that_dies_between_ledger_and_risk_book_is_made_good_by_the_next(
    desk: Desk, call: str
) -> None:
    await desk.running()
    if call == "redis.risk_release":
        desk.world.venue.revoke(0)
    else:
        desk.world.venue.finish(0, 2, 1)
    process = TrackerProcess(desk.world)
    died = await dies_before(process, call)
    assert died or call == "settlements.add", "the step was not reached"
    for _ in range(2):
        desk.wait(20)
        await TrackerProcess(desk.world).look()
    bet = await desk.of()
    assert (await desk.exposed(), await desk.pnl()) == ({}, bet.pnl_minor or 0)


async def dies_before(process: TrackerProcess, call: str) -> bool:
    """Run a pass that dies right before ``call``; False when it never came there."""
    hook: Hook = process.hook
    step = hook.step

    async def watched(name: str) -> None:
        if name == f"before {call}":
            hook.dead = True
        await step(name)

    hook.step = watched  # type: ignore[method-assign]  # looks for one name
    try:
        await process.look()
    except Crash:
        return True
    return False


async def test_a_router_that_dies_before_giving_exposure_back_is_made_good(desk: Desk) -> None:
    signal = await desk.world.approve("d1")
    assert signal is not None
    desk.world.venue.answers = ["refused"]
    hook = desk.router.hook
    step = hook.step

    async def watched(name: str) -> None:
        hook.dead = hook.dead or name == "before redis.risk_release"
        await step(name)

    hook.step = watched  # type: ignore[method-assign]  # as above
    with pytest.raises(Crash):
        await desk.router.deliver(signal)
    assert ((await desk.of()).state, await desk.exposed()) == (S.REFUSED, {"d1": 1000})
    await desk.look(20)
    assert await desk.exposed() == {}


async def test_an_open_bet_that_the_risk_book_lost_is_put_back(desk: Desk) -> None:
    await desk.running()
    await desk.world.book().release("d1")
    assert await desk.staked() == 0
    await desk.look(20)
    assert (await desk.exposed(), await desk.staked()) == ({"d1": 1000}, 1000)


@pytest.mark.parametrize("fills", [(), ((1000, "9.90"),), ((400, "2.2"),)])
async def test_an_open_bet_whose_fills_the_risk_book_has_otherwise_is_put_right(
    desk: Desk, fills: tuple[tuple[int, str], ...]
) -> None:
    """A death between ledger and book would leave a cover there that the venue has taken back."""
    await desk.running()
    world, made = desk.world, exposure_of(await desk.of(), Terms())
    assert made.fills == ((1000, "2.2"),)
    await put_bet(world.bus, msgspec.structs.replace(made, fills=fills))
    await desk.look(20)
    (found,) = (await world.book().read()).exposures
    assert (found.stake_minor, found.fills) == (made.stake_minor, made.fills)
    assert await desk.staked() == 1000


async def test_final_scores_are_copied_from_the_feed(desk: Desk) -> None:
    signal = await desk.running()
    uid = signal.signal.event_uid
    await write_scores(
        desk.world.bus, [EventScore(uid, Score(2, 1), (1, 0), ended=False, observed_at=NOW)]
    )
    await desk.look(3 * 86400)
    assert await desk.world.ledger.results.get(uid) is None
    kickoff = signal.signal.update.event.kickoff
    anothers = EventScore(
        uid, Score(0, 7), (0, 1), ended=True, observed_at=kickoff - timedelta(seconds=1)
    )
    await write_scores(desk.world.bus, [anothers])
    await desk.look()
    assert await desk.world.ledger.results.get(uid) is None, (
        "seen before the kick-off: it is another match's"
    )
    await desk.world.ledger.results.put(anothers)
    final = EventScore(
        uid, Score(2, 2), (1, 0), ended=True, observed_at=kickoff + timedelta(hours=2)
    )
    await write_scores(desk.world.bus, [final])
    await desk.look()
    assert await desk.world.ledger.results.get(uid) == final


async def test_a_score_that_cannot_be_read_stops_no_pass(desk: Desk) -> None:
    signal = await desk.running()
    await desk.world.bus.redis.execute_command(
        "SET", desk.world.bus.keys.score(signal.signal.event_uid), "rubbish"
    )
    assert await desk.look(3 * 86400)


async def _no_lists() -> Sequence[Ticket]:
    raise VenueTransientError("unavailable", "the bet lists are down")


@pytest.mark.parametrize(
    ("restarted", "lists_down"), [(False, False), (True, False), (False, True)]
)
async def test_the_closing_price_is_the_last_fair_price_before_the_start(
    desk: Desk, restarted: bool, lists_down: bool
) -> None:
    signal = await desk.running()
    update = signal.signal.update
    kickoff = update.event.kickoff

    async def prices_at(minutes_before: float, over: float, phase: Phase = Phase.TODAY) -> None:
        at = kickoff - timedelta(minutes=minutes_before)
        desk.world.clock.set(at)
        books = tuple(
            BookPrices(book, (over, 2.0), (f"{over}", "2.0"), at, at)
            for book in ("PIN", "ISN", "SBO", "IBC")
        )
        fresh = msgspec.structs.replace(
            update, books=books, received_at=at, phase=phase, trace_id=f"t{minutes_before}"
        )
        await write_odds(desk.world.bus, [fresh])
        await desk.tracker.look()

    await prices_at(30, 1.6)
    await prices_at(2, 1.9)
    assert (await desk.of()).closing_fair_odds is None
    if restarted:
        desk.tracker = TrackerProcess(desk.world)
    if lists_down:
        desk.world.venue.bets = _no_lists  # type: ignore[method-assign]  # an outage of the bet lists alone
    await prices_at(-1, 1.3, Phase.LIVE)
    closing = (await desk.of()).closing_fair_odds
    assert closing is not None and abs(closing - (1 + 1.9 / 2.0)) < 0.03


async def test_the_closing_price_of_a_match_that_was_put_off_is_that_of_its_new_kick_off(
    desk: Desk,
) -> None:
    signal = await desk.running()
    update = signal.signal.update
    planned, later = update.event.kickoff, update.event.kickoff + timedelta(minutes=45)

    async def prices_at(minutes: float, over: float, kickoff: datetime) -> None:
        at = planned + timedelta(minutes=minutes)
        desk.world.clock.set(at)
        books = tuple(
            BookPrices(book, (over, 2.0), (f"{over}", "2.0"), at, at)
            for book in ("PIN", "ISN", "SBO", "IBC")
        )
        event = msgspec.structs.replace(update.event, kickoff=kickoff)
        fresh = msgspec.structs.replace(
            update, books=books, received_at=at, event=event, trace_id=f"t{minutes}"
        )
        await write_odds(desk.world.bus, [fresh])
        await desk.tracker.look()

    await prices_at(-5, 1.6, planned)
    await prices_at(1, 1.7, later)
    assert (await desk.of()).closing_fair_odds is None
    await prices_at(43, 1.9, later)
    assert (await desk.of()).closing_fair_odds is None
    await prices_at(46, 1.3, later)
    closing = (await desk.of()).closing_fair_odds
    assert closing is not None and abs(closing - (1 + 1.9 / 2.0)) < 0.03


async def many_running(desk: Desk, count: int) -> list[str]:
    """Bets that run at the venue and that its list does not show; returns the references that are
    asked for singly.
    """
    for n in range(count):
        await desk.bet(f"d{n}", team=f"Team {n}")
        desk.world.venue.decide(-1, accept=True)
    await desk.look()
    asked: list[str] = []
    honest = desk.world.venue.bet

    async def bet(reference: str) -> Sequence[Ticket]:
        asked.append(reference)
        return await honest(reference)

    async def nothing() -> Sequence[Ticket]:
        return []

    desk.world.venue.bet = bet  # type: ignore[method-assign]  # counts
    desk.world.venue.bets = nothing  # type: ignore[method-assign]  # a list that shows nothing
    return asked


async def test_the_queries_of_a_pass_stay_within_the_budget_and_none_is_forgotten(
    desk: Desk,
) -> None:
    asked = await many_running(desk, 20)
    for _ in range(40):
        await desk.look(1)
    assert len(asked) <= 40 + QUERIES_PER_MINUTE
    assert len(set(asked)) == 20
    assert {(await desk.of(f"d{n}")).state for n in range(20)} == {S.FILLED}
    assert len(await desk.world.ledger.orders.open_orders(DRY)) == 20


async def test_a_doubtful_bet_is_asked_for_however_many_others_are_not_listed(desk: Desk) -> None:
    """Running bets and lists never spend the last of the budget."""
    asked = await many_running(desk, 20)
    for _ in range(90):
        await desk.look(0.5)
    asked.clear()
    await desk.bet("doubt", team="Doubt FC", answer="lost_after")
    for _ in range(4):
        await desk.look(0.5)
    assert (await desk.of("doubt")).state is S.OPEN


async def test_an_event_rests_while_its_bet_is_on_its_way_to_the_venue(
    tmp_path: Path, redis_url: str
) -> None:
    """The guard must not approve a second bet on the event during a slow call: the router would
    send it right after.
    """
    world = World(tmp_path, redis_url, COOLDOWN_EVENT_SEC=60)
    await world.open()
    desk = await Desk(world).begin()
    signal = await world.approve("d1")
    assert signal is not None
    during: list[Reason | None] = []
    honest = world.venue.place

    async def slow(order: OrderRequest) -> PlaceAnswer:
        during.append(await cooling(world.bus, ACCOUNT, signal.signal.event_uid, "ft.1x2.home"))
        return await honest(order)

    world.venue.place = slow  # type: ignore[method-assign]  # the moment of the call
    await desk.router.deliver(signal)
    assert during == [Reason.COOLDOWN_EVENT]
    await world.close()


async def test_a_tracker_that_slept_does_not_refuse_what_its_successor_has_found(
    desk: Desk,
) -> None:
    """It believed the venue's denials and was frozen before it wrote so; meanwhile the ticket
    showed up.
    """
    await desk.bet(answer="lost_after")
    reference = (await desk.of()).intent.reference
    desk.world.venue.hidden.add(reference)
    sleeper = TrackerProcess(desk.world)
    for _ in range(3):
        await sleeper.look()
    desk.wait(2 * desk.world.settings.router.unknown_absent_s)
    task = await frozen_before(sleeper, "orders.transition(REFUSED)")
    desk.world.venue.hidden.clear()
    desk.world.venue.decide(0, accept=True)
    await desk.look()
    assert (await desk.of()).state is S.FILLED
    sleeper.hook.thaw()
    await task
    assert ((await desk.of()).state, await desk.exposed()) == (S.FILLED, {"d1": 1000})


async def frozen_before(process: TrackerProcess, call: str) -> "asyncio.Task[bool]":
    """Start a pass that sleeps right before ``call``."""
    hook, step = process.hook, process.hook.step

    async def watched(name: str) -> None:
        if name == f"before {call}":
            hook.freeze_at = 1
        await step(name)

    hook.step = watched  # type: ignore[method-assign]  # looks for one name
    task = asyncio.ensure_future(process.look())
    await asyncio.wait_for(hook.frozen.wait(), 10)
    return task


@pytest.mark.parametrize("scope", ["", ACCOUNT], ids=["of everything", "of the account"])
async def test_a_pause_that_redis_lost_still_stops_the_router(desk: Desk, scope: str) -> None:
    """The server died within a second of the command and came back with the older state; the guard
    has not looked yet.
    """
    view = await read_trading(desk.world.bus, desk.world.clock.now(), [ACCOUNT])
    revision = view.revisions.get(scope, 0) + 1
    lost = TradingState(TradingMode.PAUSED, "ops", "lunch", NOW, revision=revision)
    target, pause = target_of(scope), CommandAction.PAUSE
    command = OperatorCommand(
        "c1", pause, "ops", "cli", target, "lunch", NOW, True, "paused", None, lost
    )
    await desk.world.ledger.commands.add(command)
    signal = await desk.world.approve("d1")
    assert signal is not None
    assert await desk.turned_away(signal) == Reason.TRADING_NOT_ACTIVE


async def test_the_router_heeds_its_own_accounts_stop_and_no_others(desk: Desk) -> None:
    bus, now = desk.world.bus, desk.world.clock.now()
    halted = TradingState(TradingMode.HALTED, "ops", "odd prices", now)
    for scope, calls in ((ACCOUNT, 0), ("asianodds:OTHER", 1)):
        await change_trading(bus, halted, expected_revision=0, now=now, scope=scope)
        signal = await desk.world.approve(f"d{calls}")
        assert signal is not None
        if not calls:
            assert await desk.turned_away(signal) == Reason.TRADING_NOT_ACTIVE
            await desk.world.book().release("d0")
            active = msgspec.structs.replace(halted, mode=TradingMode.ACTIVE)
            await change_trading(bus, active, expected_revision=1, now=now, scope=scope)
        else:
            await desk.router.deliver(signal)
        assert len(desk.world.venue.calls) == calls


async def reducing(desk: Desk, beside_minor: int) -> ApprovedSignal:
    """Return an approval that hedges an open bet on the other side; trading is reducing."""
    signal = await desk.world.approve("d1")
    assert signal is not None
    inner, book, now = signal.signal, desk.world.book(), desk.world.clock.now()
    other = Exposure(
        "other",
        inner.event_uid,
        "L",
        inner.update.market,
        Outcome.UNDER,
        beside_minor,
        "1.7",
        ExposureStatus.RESERVED,
        now,
        now + timedelta(seconds=60),
        account=ACCOUNT,
    )
    assert await book.reserve(other, revision=(await book.read()).revision, lease=desk.world.guard)
    assert await book.convert("other")
    reduced = TradingState(TradingMode.REDUCING, "ops", "odd prices", now)
    await change_trading(desk.world.bus, reduced, expected_revision=None, now=now)
    return msgspec.structs.replace(signal, reducing=True)


async def test_a_bet_that_raises_nothing_is_placed_while_reducing(desk: Desk) -> None:
    await desk.router.deliver(await reducing(desk, 1000))
    assert ((await desk.of()).state, len(desk.world.venue.calls)) == (S.OPEN, 1)


async def test_the_router_refuses_while_reducing_what_has_lost_the_bet_beside_it(
    desk: Desk,
) -> None:
    """The venue refused the other bet after the guard had approved this one."""
    signal = await reducing(desk, 1000)
    await desk.world.book().release("other")
    assert await desk.turned_away(signal) == Reason.RAISES_EXPOSURE
    assert (
        await cooling(desk.world.bus, ACCOUNT, signal.signal.event_uid, signal.signal.selection_id)
        is None
    )


async def test_the_router_refuses_an_approval_from_before_the_command(desk: Desk) -> None:
    signal = await reducing(desk, 1000)
    assert (
        await desk.turned_away(msgspec.structs.replace(signal, reducing=False))
        == Reason.RAISES_EXPOSURE
    )


async def test_a_bet_sent_to_two_books_is_not_refused_by_the_first(desk: Desk) -> None:
    """The second book's ticket shows later: given up too early, it would stand at the venue beside
    the next bet.
    """
    desk.world.venue.quotes = {
        "IBC": PlacementQuote("IBC", 2.20, "2.200", 500, 600, rejected=False),
        "GA": PlacementQuote("GA", 2.20, "2.200", 500, 1_000, rejected=False),
    }
    await desk.bet(stake_minor=1500, offers={"IBC": 2.20, "GA": 2.20})
    [order] = desk.world.venue.calls
    assert len(order.prices) == 2
    desk.world.venue.decide(0, accept=False)
    await desk.look()
    assert ((await desk.of()).state, await desk.exposed()) == (S.OPEN, {"d1": 1500})
    first = desk.world.venue.tickets[0]
    desk.world.venue.add(
        msgspec.structs.replace(
            first, ticket_id="second", status=TicketStatus.RUNNING, stake_minor=900
        )
    )
    await desk.look()
    bet = await desk.of()
    assert (bet.state, bet.standing_minor) == (S.FILLED, 900)
    [exposure] = (await desk.world.book().read()).exposures
    assert (exposure.stake_minor, exposure.fills) == (1500, ((900, "2.2"),))


async def test_a_settled_bet_keeps_its_money_when_one_of_its_tickets_leaves_the_list(
    desk: Desk,
) -> None:
    """A list has an end: the older of two tickets drops out first, and what is left is not the
    whole bet.
    """
    venue = desk.world.venue
    venue.quotes = {
        "IBC": PlacementQuote("IBC", 2.20, "2.200", 500, 600, rejected=False),
        "GA": PlacementQuote("GA", 2.20, "2.200", 500, 1_000, rejected=False),
    }
    await desk.bet(stake_minor=1500, offers={"IBC": 2.20, "GA": 2.20})
    first = msgspec.structs.replace(venue.tickets[0], status=TicketStatus.RUNNING, stake_minor=600)
    venue.tickets[0] = first
    venue.add(msgspec.structs.replace(first, ticket_id="second", stake_minor=900))
    await desk.look()
    for index in (0, 1):
        venue.finish(index, 2, 1)
    await desk.look()
    whole = await desk.of()
    assert (whole.state, whole.standing_minor, whole.pnl_minor) == (S.WON, 1500, 1800)
    del venue.tickets[0]
    await desk.look()
    assert await desk.of() == whole
    assert await desk.pnl() == 1800


async def test_a_running_bet_keeps_its_stake_when_the_list_shows_one_of_its_tickets_only(
    desk: Desk,
) -> None:
    venue = desk.world.venue
    await desk.bet(stake_minor=1500, offers={"IBC": 2.20, "GA": 2.20})
    venue.tickets[0] = msgspec.structs.replace(
        venue.tickets[0], status=TicketStatus.RUNNING, stake_minor=600
    )
    venue.add(msgspec.structs.replace(venue.tickets[0], ticket_id="second", stake_minor=900))
    await desk.look()
    assert ((await desk.of()).standing_minor, await desk.staked()) == (1500, 1500)
    every = venue.bets

    async def cut() -> Sequence[Ticket]:
        return (await every())[:1]

    venue.bets = cut  # type: ignore[method-assign]  # a list with an end
    await desk.look(60)
    assert ((await desk.of()).standing_minor, await desk.staked()) == (1500, 1500)


async def test_a_stake_that_the_venue_changes_after_the_end_is_told_and_stops_no_pass(
    desk: Desk,
) -> None:
    await desk.running()
    desk.world.venue.finish(0, 2, 1)
    await desk.look()
    whole = await desk.of()
    desk.world.venue.tickets[0] = msgspec.structs.replace(
        desk.world.venue.tickets[0], stake_minor=900, pnl_minor=1080
    )
    assert await desk.look()
    assert await desk.of() == whole
    assert await desk.alerts() == {"bet-stake-mismatch"}


async def test_a_bet_of_two_tickets_does_not_end_with_the_listed_one_while_it_is_unasked(
    desk: Desk,
) -> None:
    venue = desk.world.venue
    await desk.bet(stake_minor=1500, offers={"IBC": 2.20, "GA": 2.20})
    venue.tickets[0] = msgspec.structs.replace(
        venue.tickets[0], status=TicketStatus.RUNNING, stake_minor=600
    )
    venue.finish(0, 2, 1)
    ask = venue.bet

    async def unreachable(reference: str) -> Sequence[Ticket]:
        raise VenueTransientError("unavailable", f"{reference} cannot be looked up")

    venue.bet = unreachable  # type: ignore[method-assign]  # as said
    await desk.look()
    assert (await desk.of()).state is S.OPEN
    venue.bet = ask  # type: ignore[method-assign]  # back again
    venue.add(
        msgspec.structs.replace(
            venue.tickets[0], ticket_id="second", stake_minor=900, pnl_minor=1080
        )
    )
    await desk.look()
    bet = await desk.of()
    assert (bet.state, bet.standing_minor, bet.pnl_minor) == (S.WON, 1500, 1800)


async def test_a_bet_refused_by_the_only_book_that_had_it_is_refused_in_time(desk: Desk) -> None:
    """A venue may give the whole stake to one of the books it was sent for."""
    await desk.bet(stake_minor=1500, offers={"IBC": 2.20, "GA": 2.20})
    desk.world.venue.decide(0, accept=False)
    await desk.look(desk.world.settings.router.unknown_error_s)
    assert ((await desk.of()).state, await desk.exposed()) == (S.REFUSED, {})


async def test_a_router_goes_on_although_a_renewal_of_its_lease_swallows_a_cancellation(
    tmp_path: Path, redis_url: str
) -> None:
    """asyncio.wait_for before Python 3.12 does so now and then: the router must not wait for ever
    for a task that lives on.
    """
    world = World(tmp_path, redis_url, WORKER_LEASE_TTL_S=2)
    await world.open()
    desk = await Desk(world).begin()
    touching = asyncio.Event()

    class Pipe:
        async def touch(self) -> None:
            touching.set()
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                return

    desk.router.router._pipes = [Pipe()]  # type: ignore[list-item]  # only touched here
    honest = world.venue.place

    async def slow(order: OrderRequest) -> PlaceAnswer:
        await touching.wait()
        return await honest(order)

    world.venue.place = slow  # type: ignore[method-assign]  # long enough for a renewal
    await asyncio.wait_for(desk.bet(), 10)
    assert (await desk.of()).state is S.OPEN
    await world.close()
