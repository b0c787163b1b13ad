"""The life of a bet against a reference model of the venue: real ledger, real Redis, real router
and tracker code.

Hypothesis chooses what happens: signals, deliveries and redeliveries, a router or tracker that dies
at any step or freezes there while another takes over, answers of every kind, tickets in transit,
acceptances, late refusals, regrades, bets by hand, a Redis that forgets everything, time. After
each of it at most one ticket exists per decision and per selection; in the end ledger and risk book
say exactly what the venue's book says.
"""

import asyncio
import tempfile
from collections import Counter
from collections.abc import Coroutine
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from keter.domain.exposure import ExposureStatus
from keter.domain.order_states import FINAL, SETTLED, OrderState
from keter.domain.signals import ApprovedSignal
from keter.domain.tickets import TicketStatus
from keter.errors import KeterError
from keter.ledger import OrderFilter
from tests.kit.execution import ACCOUNT, a_ticket, state_of
from tests.kit.execution_bench import DRY, RouterProcess, TrackerProcess, World
from tests.kit.hooks import Crash, Hook

STANDING = {TicketStatus.PENDING, TicketStatus.RUNNING}
ANSWERS = [
    "sent",
    "refused",
    "not_sent",
    "lost_after",
    "lost_before",
    "error_after",
    "error_before",
    "raise",
]
TEAMS = ["Alpha FC", "Gamma FC", "Delta FC"]
SCORES = [(2, 1), (0, 0), (1, 1)]
# Frozen here, a request would leave the machine minutes late: no program can prevent that
CALL = "before venue.place"


class BetLife(RuleBasedStateMachine):
    """See the module."""

    url: ClassVar[str]

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self._folder = tempfile.TemporaryDirectory(prefix="keter-life-")
        self.world = World(Path(self._folder.name), self.url)
        self.items: list[ApprovedSignal] = []
        self.router: RouterProcess | None = None
        self.tracker: TrackerProcess | None = None
        self.frozen: list[tuple[Hook, asyncio.Task[Any]]] = []
        self.by_hand = 0

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self.loop.run_until_complete(asyncio.wait_for(work, 60))

    @initialize()
    def begin(self) -> None:
        self.run(self.world.open())

    # the guard

    @rule(team=st.sampled_from(TEAMS), stake=st.sampled_from([500, 1000, 2500]))
    def approve(self, team: str, stake: int) -> None:
        signal = self.run(
            self.world.approve(f"decision-{len(self.items)}-{team}", team=team, stake_minor=stake)
        )
        if signal is not None:
            self.items.append(signal)

    # the router

    async def _ready_router(self) -> RouterProcess:
        """Return a living router that has taken over and been let in by the tracker."""
        if self.router is None:
            self.router = RouterProcess(self.world)
            await self.router.router.begin()
            await self._pass()
        return self.router

    async def _deliver(self, process: RouterProcess, signal: ApprovedSignal) -> None:
        try:
            await process.deliver(signal)
        except (Crash, KeterError):
            if self.router is process:
                self.router = None

    @precondition(lambda self: self.items)
    @rule(
        data=st.data(),
        answer=st.sampled_from(ANSWERS),
        stake_factor=st.sampled_from(["1", "1", "1", "0.5", "2"]),
    )
    def deliver(self, data: st.DataObject, answer: str, stake_factor: str) -> None:
        """Hand an item to the router, perhaps again; maybe it dies at some step of it."""
        signal = data.draw(st.sampled_from(self.items), label="item")
        kill_at = data.draw(st.none() | st.integers(1, 60), label="kill at step")
        self.world.venue.answers = [answer]
        process = self.run(self._ready_router())
        process.hook.steps, process.hook.kill_at = [], kill_at
        self.run(self._deliver(process, signal))
        process.hook.kill_at = None

    @precondition(lambda self: self.items)
    @rule(data=st.data(), answer=st.sampled_from(ANSWERS), freeze_at=st.integers(1, 60))
    def deliver_and_freeze(self, data: st.DataObject, answer: str, freeze_at: int) -> None:
        """Stop the router in the middle; another one will take over while it sleeps."""
        signal = data.draw(st.sampled_from(self.items), label="item")
        self.world.venue.answers = [answer]
        process = self.run(self._ready_router())
        process.hook.steps, process.hook.freeze_at, process.hook.spare = [], freeze_at, CALL
        self.run(self._freeze(process, signal))

    async def _freeze(self, process: RouterProcess, signal: ApprovedSignal) -> None:
        task = asyncio.ensure_future(self._deliver(process, signal))
        frozen = asyncio.ensure_future(process.hook.frozen.wait())
        await asyncio.wait({task, frozen}, return_when=asyncio.FIRST_COMPLETED)
        frozen.cancel()
        process.hook.freeze_at = None
        if not task.done():
            self.frozen.append((process.hook, task))
            self.router = None

    @precondition(lambda self: self.frozen)
    @rule()
    def thaw(self) -> None:
        hook, task = self.frozen.pop(0)
        hook.thaw()
        self.run(asyncio.wait_for(task, 60))

    @rule()
    def router_dies_idle(self) -> None:
        self.router = None

    # the tracker

    async def _pass(self) -> None:
        if self.tracker is None:
            self.tracker = TrackerProcess(self.world)
        try:
            await self.tracker.look()
        except (Crash, KeterError):
            self.tracker = None

    @rule(kill_at=st.none() | st.integers(1, 80))
    def track(self, kill_at: int | None) -> None:
        """Make a pass of the tracker; maybe it dies at some step of it."""
        if self.tracker is None:
            self.tracker = TrackerProcess(self.world)
        process = self.tracker
        process.hook.steps, process.hook.kill_at = [], kill_at
        self.run(self._pass())
        process.hook.kill_at = None

    # the venue

    @precondition(lambda self: self.world.venue.tickets)
    @rule(data=st.data(), accept=st.booleans())
    def venue_decides(self, data: st.DataObject, accept: bool) -> None:
        self.world.venue.decide(self._ticket(data), accept=accept)

    @precondition(lambda self: self.world.venue.tickets)
    @rule(data=st.data())
    def venue_takes_back(self, data: st.DataObject) -> None:
        self.world.venue.revoke(self._ticket(data))

    @precondition(lambda self: self.world.venue.tickets)
    @rule(data=st.data(), score=st.sampled_from(SCORES))
    def venue_settles_or_regrades(self, data: st.DataObject, score: tuple[int, int]) -> None:
        self.world.venue.finish(self._ticket(data), *score)

    @precondition(lambda self: self.world.venue.tickets)
    @rule(data=st.data())
    def a_ticket_is_in_transit(self, data: st.DataObject) -> None:
        """In no list and not found by its reference, as a venue does with the very newest."""
        newest = self.world.venue.tickets[-1]
        if newest.status is TicketStatus.PENDING:
            self.world.venue.hidden.add(newest.reference)

    @rule()
    def tickets_arrive(self) -> None:
        self.world.venue.hidden.clear()

    @rule()
    def somebody_bets_by_hand(self) -> None:
        self.by_hand += 1
        self.world.venue.add(
            a_ticket(
                reference=f"hand-{self.by_hand}",
                ticket_id=f"99{self.by_hand}",
                placed_at=self.world.clock.now(),
                kickoff=None,
            )
        )

    def _ticket(self, data: st.DataObject) -> int:
        return int(data.draw(st.integers(0, len(self.world.venue.tickets) - 1), label="ticket"))

    # the world

    @rule(seconds=st.sampled_from([1, 20, 70, 200, 1000]))
    def time_passes(self, seconds: int) -> None:
        """Long enough, and locks whose owner is gone expire.

        A ticket is in transit for a minute at most.
        """
        self.world.clock.set(self.world.clock.now() + timedelta(seconds=seconds))
        if seconds >= 60:
            self.world.venue.hidden.clear()
        if seconds >= 200:
            self.run(self._expire_locks())

    async def _expire_locks(self) -> None:
        async for key in self.world.bus.redis.scan_iter(match="exec_lock:*"):
            await self.world.bus.redis.delete(key)

    @rule()
    def redis_forgets_everything(self) -> None:
        self.run(self._forget())

    async def _forget(self) -> None:
        await self.world.bus.redis.flushall()
        await self.world.restore()

    # what must hold

    @invariant()
    def one_ticket_per_decision_and_per_selection(self) -> None:
        venue = self.world.venue
        calls = Counter(order.reference for order in venue.calls)
        assert all(count == 1 for count in calls.values()), f"a placement was repeated: {calls}"
        ours = [ticket for ticket in venue.tickets if ticket.reference in calls]
        if not ours:
            return
        bets = {
            bet.intent.reference: bet
            for bet in self.run(self.world.ledger.orders.by_references(sorted(calls)))
        }
        per_decision = Counter(bets[ticket.reference].intent.decision_id for ticket in ours)
        assert all(count == 1 for count in per_decision.values()), (
            f"two tickets for a decision: {per_decision}"
        )
        standing = Counter(
            bets[ticket.reference].intent.event_uid for ticket in ours if ticket.status in STANDING
        )
        assert all(count == 1 for count in standing.values()), (
            f"two tickets on a selection: {standing}"
        )

    def teardown(self) -> None:
        try:
            if hasattr(self.world, "ledger"):
                self.run(self._recover())
                self.run(self._compare())
        finally:
            for _, task in self.frozen:
                task.cancel()
            if hasattr(self.world, "ledger"):
                self.run(self.world.close())
            self.loop.close()
            self._folder.cleanup()

    async def _recover(self) -> None:
        """Everybody wakes up or starts anew, the venue makes up its mind, time passes: nothing but
        the ordinary happens.
        """
        while self.frozen:
            hook, task = self.frozen.pop(0)
            hook.thaw()
            await task
        self.world.venue.hidden.clear()
        self.router = self.tracker = None
        await self._ready_router()
        for index in range(len(self.world.venue.tickets)):
            self.world.venue.decide(index, accept=index % 2 == 0)
        await self._passes()
        for index, ticket in enumerate(self.world.venue.tickets):
            if ticket.status is TicketStatus.RUNNING:
                if ticket.market is None:
                    self.world.venue._change(index, status=TicketStatus.SETTLED, result="PUSHED")
                self.world.venue.finish(index, *SCORES[index % len(SCORES)])
        await self._passes()

    async def _passes(self) -> None:
        for _ in range(8):
            self.world.clock.set(self.world.clock.now() + timedelta(seconds=300))
            await self._pass()

    async def _compare(self) -> None:
        ledger, venue = self.world.ledger, self.world.venue
        assert await ledger.integrity() == []
        tickets = {
            ticket.reference: ticket
            for ticket in venue.tickets
            if not ticket.reference.startswith("hand")
        }
        bets = {
            bet.intent.reference: bet for bet in await ledger.orders.list_orders(_ALL, limit=1000)
        }
        for reference, ticket in tickets.items():
            bet = bets[reference]
            assert bet.state is state_of(ticket), (
                f"{reference}: ledger {bet.state}, venue {state_of(ticket)}"
            )
            if bet.state in SETTLED:
                assert (bet.standing_minor, bet.pnl_minor) == (
                    ticket.stake_minor,
                    ticket.pnl_minor,
                )
        for reference, bet in bets.items():
            assert bet.state in FINAL, f"{reference} is still {bet.state}"
            if reference not in tickets:
                assert bet.state in {OrderState.REFUSED, OrderState.SKIPPED}, (
                    f"{reference} is {bet.state} but the venue never had it"
                )
        state = await self.world.book().read()
        assert [e for e in state.exposures if e.status is ExposureStatus.BET] == []
        assert await ledger.foreign.open(ACCOUNT, DRY) == []
        assert state.day is not None
        day = (await ledger.risk_picture(DRY, ACCOUNT, state.day.day))[1]
        assert (state.day.pnl_minor, state.day.staked_minor, state.day.bets) == (
            day.pnl_minor,
            day.staked_minor,
            day.bets,
        )


_ALL = OrderFilter()


@pytest.mark.redis
@pytest.mark.timeout(900)
def test_whatever_happens_there_is_one_ticket_per_decision_and_ledger_equals_venue(
    redis_url: str,
) -> None:
    class OnThisRedis(BetLife):
        url = redis_url

    limits = settings(
        max_examples=30,
        stateful_step_count=25,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(OnThisRedis, settings=limits)
