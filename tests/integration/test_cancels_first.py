"""A cancel always passes, and goes first: the real router over its two queues."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from keter.bus.codec import decode, encode
from keter.bus.connection import BLOCK_S, Bus
from keter.bus.queue import Output, Pipe, approved_for, cancels_for, depths
from keter.bus.state.reconciliation import wanted_pass
from keter.bus.state.trading import change_trading
from keter.bus.telemetry.audit import take_audit
from keter.clock import ManualClock
from keter.domain.order_calls import (
    CancelAnswer,
    CancelOrder,
    CancelResult,
    OrderRequest,
    PlaceAnswer,
    WantedCancel,
)
from keter.domain.order_reconciling import Absent, VenueOrder
from keter.domain.order_states import OrderState
from keter.domain.signals import Decision
from keter.domain.trading import TradingMode, TradingState
from keter.domain.verdicts import Reason
from keter.processes.router import Router
from keter.venues.asianodds.limits import CAPABILITY
from keter.venues.base import Capability
from tests.kit.execution import ACCOUNT, NOW, ModelVenue, an_event, an_intent
from tests.kit.execution_bench import TrackerProcess, World, surely
from tests.kit.hooks import Hook
from tests.kit.support import eventually
from tests.kit.toy_exchange import TOY

pytestmark = pytest.mark.redis
S = OrderState
STAKE = 1000


class BothWays(ModelVenue):
    """A venue that takes bets and cancels; it notes in which order it was called.

    It answers a placement when ``may_answer`` is set.
    """

    def __init__(self, clock: ManualClock, capability: Capability) -> None:
        super().__init__(clock.now, capability)
        self.called: list[str] = []
        self.may_answer = asyncio.Event()
        self.may_answer.set()

    async def place(self, order: OrderRequest) -> PlaceAnswer:
        self.called.append("place")
        await self.may_answer.wait()
        return await super().place(order)

    async def cancel_many(self, cancels: Sequence[CancelOrder]) -> Sequence[CancelAnswer]:
        self.called.append("cancel")
        return [CancelAnswer(CancelResult.CANCELLED, "ok", cancelled_minor=STAKE) for _ in cancels]

    async def orders(self) -> Sequence[VenueOrder]:
        return []

    async def order(self, _reference: str) -> Absent:
        return Absent(proven=False, reason="it lists nothing")


@dataclass
class Running:
    """A router that runs, and the world around it."""

    world: World
    venue: BothWays
    router: Router

    async def approve(self, number: int) -> None:
        """Queue an approval of an event of its own."""
        signal = await self.world.approve(f"d{number}", team=f"Team {number}")
        assert signal is not None
        await self.push(approved_for(ACCOUNT), signal.queue_key, encode(signal))

    async def cancel(self, name: str = "resting") -> None:
        now = self.world.clock.now()
        wanted = WantedCancel(name, ACCOUNT, "making", "stale", "making", now)
        await self.push(cancels_for(ACCOUNT), wanted.queue_key, encode(wanted))

    async def push(self, queue: str, key: str, payload: bytes) -> None:
        pipe = Pipe(self.world.bus, source=None, worker="test", lease_ttl_s=5)
        await pipe.step(outputs=[Output(queue, key, payload)])

    async def let_in(self) -> None:
        """Let the tracker make the pass that the router waits for."""
        tracker = TrackerProcess(self.world)
        await eventually(lambda: wanted_pass(self.world.bus, ACCOUNT))
        assert await tracker.look()

    async def called(self, *names: str) -> None:
        """Wait until the venue was called so and no other way."""
        await eventually(lambda: len(self.venue.called) >= len(names))
        assert self.venue.called == list(names)

    async def state(self, name: str = "resting") -> OrderState:
        return (await self.world.ledger.orders.get(name)).state

    async def is_cancelled(self, name: str = "resting") -> bool:
        return await self.state(name) is S.CANCELLED

    async def decisions(self) -> list[Decision]:
        return [decode(Decision, one) for one in (await take_audit(self.world.bus)).entries]


async def an_open_order(world: World, name: str) -> None:
    """Write an order that rests into the ledger."""
    intent = an_intent(name, event=an_event(f"Team {name}"), stake_minor=STAKE)
    await world.ledger.orders.create(intent, worker="w")
    for state in (S.SENDING, S.OPEN):
        await world.ledger.orders.transition(name, state, at=NOW, cause="made", worker="w")


@asynccontextmanager
async def running(
    folder: Path, redis_url: str, capability: Capability = TOY
) -> AsyncIterator[Running]:
    world = World(folder, redis_url)
    await world.open()
    venue = BothWays(world.clock, capability)
    world.venue = venue
    await an_open_order(world, "resting")
    context = world.context(Hook(), "router")
    router = Router(context, world.ledger, venue, ACCOUNT, leading=surely)
    task = asyncio.create_task(router.run())
    try:
        yield Running(world, venue, router)
    finally:
        context.stop.set()
        venue.may_answer.set()
        await asyncio.wait_for(task, 10)
        await world.close()


async def test_a_cancel_goes_before_the_approvals_that_wait(tmp_path: Path, redis_url: str) -> None:
    async with running(tmp_path, redis_url) as here:
        await here.let_in()
        here.venue.may_answer.clear()
        await here.approve(1)
        await here.called("place")
        await here.approve(2)
        await here.approve(3)
        await here.cancel()
        here.venue.may_answer.set()
        await here.called("place", "cancel", "place", "place")
        assert await here.state() is S.CANCELLED


async def test_a_closed_router_cancels_and_bets_nothing(tmp_path: Path, redis_url: str) -> None:
    async with running(tmp_path, redis_url) as here:
        await here.approve(1)
        await here.cancel()
        await eventually(here.is_cancelled)
        assert here.venue.called == ["cancel"]
        assert (await depths(here.world.bus, [ACCOUNT]))["approved"].depth == 1


@pytest.mark.parametrize("stopped", ["file", *TradingMode])
async def test_no_trading_state_and_no_halt_keeps_a_cancel(
    tmp_path: Path, redis_url: str, stopped: str
) -> None:
    async with running(tmp_path, redis_url) as here:
        await here.let_in()
        if stopped == "file":
            here.world.settings.router.halt_file.touch()
        else:
            state = TradingState(TradingMode(stopped), "test", "why", NOW)
            await change_trading(here.world.bus, state, expected_revision=None, now=NOW)
        await here.cancel()
        await eventually(here.is_cancelled)
        [decision] = await eventually(here.decisions)
        assert (decision.verdict.reason, decision.details["state"]) == (Reason.OK, "CANCELLED")


async def test_a_bet_at_a_bookmaker_is_not_cancelled_and_the_reason_is_kept(
    tmp_path: Path, redis_url: str
) -> None:
    async with running(tmp_path, redis_url, CAPABILITY) as here:
        await here.cancel()
        [decision] = await eventually(here.decisions)
        assert (decision.verdict.accepted, decision.verdict.reason) == (
            False,
            Reason.NOT_CANCELLABLE,
        )
        assert (await here.state(), here.venue.called) == (S.OPEN, [])
        assert (await depths(here.world.bus, [ACCOUNT]))["cancels"].in_flight == 0


async def test_an_idle_consumer_wakes_for_a_queue_that_it_serves_beside(bus: Bus) -> None:
    own, beside = (
        Pipe(bus, source=name, worker="router", lease_ttl_s=5)
        for name in (approved_for(ACCOUNT), cancels_for(ACCOUNT))
    )
    await own.open()
    await beside.open()
    producer = Pipe(bus, source=None, worker="p", lease_ttl_s=5)
    await producer.step(outputs=[Output(cancels_for(ACCOUNT), "k", b"{}")])
    begun = time.monotonic()
    await own.wait(beside)
    assert time.monotonic() - begun < BLOCK_S / 2
    assert [item.key for item in await beside.step(claim=1)] == ["k"]
