"""One account's world with the clock in the test's hands: real ledger and Redis, a model of the
venue, router and tracker.

Processes are objects here: one dies when its ``Hook`` says so, and another is made in its place.
"""

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import structlog

from keter.bus.codec import encode
from keter.bus.connection import Bus, connect
from keter.bus.locks import Held, Locks
from keter.bus.queue import Item
from keter.bus.state.risk import AccountDay, RiskBook, rebuild_book
from keter.bus.state.trading import change_trading
from keter.bus.telemetry.heartbeats import Heart
from keter.clock import ManualClock
from keter.context import Context
from keter.domain.exposure import Exposure, ExposureStatus, Terms, exposure_of
from keter.domain.runs import RunMark
from keter.domain.signals import ApprovedSignal
from keter.domain.trading import ExecutionMode, TradingMode, TradingState
from keter.execution.reconcile.passes import KnownSelections
from keter.ledger import Ledger, open_ledger
from keter.processes.router import Router
from keter.processes.tracker import Tracker
from keter.risk.rebuilding import with_begun
from keter.settings import Settings
from keter.supervision.run import single
from tests.kit.execution import (
    ACCOUNT,
    NOW,
    ModelVenue,
    an_event,
    approved,
    counting_ids,
    settings_for,
)
from tests.kit.hooks import Hook, Hooked

DRY = ExecutionMode.DRY


class World:
    """Everything outside the processes: Redis, ledger (a file of the folder unless ``ledger_url``
    names one), venue, clock.
    """

    def __init__(self, folder: Path, url: str, ledger_url: str = "", **names: object) -> None:
        self.folder, self.url = folder, url
        self.ledger_url = ledger_url or f"sqlite:///{folder}/ledger.db"
        self.clock = ManualClock(NOW)
        values: dict[str, object] = {"COOLDOWN_SELECTION_SEC": 0, "COOLDOWN_EVENT_SEC": 0, **names}
        self.settings: Settings = settings_for(folder, **values)
        self.venue = ModelVenue(self.clock.now)
        self.ids = counting_ids("x")
        self.bus: Bus
        self.ledger: Ledger
        self.guard: Held

    async def open(self) -> None:
        self.bus = await connect(self.url)
        await self.bus.redis.flushall()
        self.ledger = await open_ledger(self.ledger_url, clock=self.clock)
        await self.restore()

    async def restore(self) -> None:
        """Do what the guard does when Redis has lost everything."""
        state = TradingState(TradingMode.ACTIVE, "test", "start", self.clock.now())
        await change_trading(self.bus, state, expected_revision=None, now=self.clock.now())
        held = await Locks(self.bus, ids=self.ids).acquire("lease:guard", 3600)
        assert held is not None
        self.guard = held
        today = self.ledger.day_of(self.clock.now())
        bets, day = await self.ledger.risk_picture(DRY, ACCOUNT, today)
        day, booked = with_begun(
            day, [bet for bet in bets if self.ledger.day_of(bet.intent.created_at) == day.day]
        )
        await rebuild_book(
            self.bus,
            [exposure_of(bet, Terms()) for bet in bets],
            [AccountDay(ACCOUNT, day)],
            lease=self.guard,
            clock=self.clock,
            booked=booked,
            run=self.mark.text,
        )

    async def approve(
        self,
        decision_id: str,
        *,
        team: str = "Alpha FC",
        stake_minor: int = 1000,
        offers: dict[str, float] | None = None,
    ) -> ApprovedSignal | None:
        """Reserve a good signal's exposure as the guard does; None while the event has any."""
        now = self.clock.now()
        event = an_event(team, NOW + timedelta(days=2))
        signal = approved(decision_id, stake_minor=stake_minor, at=now, event=event, offers=offers)
        signal = msgspec.structs.replace(signal, run=self.mark)
        state = await self.book().read()
        if any(e.event_uid == event.event_uid for e in state.exposures):
            return None
        inner = signal.signal
        exposure = Exposure(
            decision_id,
            event.event_uid,
            event.league,
            inner.update.market,
            inner.outcome,
            stake_minor,
            "2.2",
            ExposureStatus.RESERVED,
            now,
            now + timedelta(seconds=120),
            account=ACCOUNT,
        )
        assert await self.book().reserve(exposure, revision=state.revision, lease=self.guard)
        return signal

    def book(self) -> RiskBook:
        return RiskBook(self.bus, ACCOUNT, clock=self.clock, run=self.mark.text)

    @property
    def mark(self) -> RunMark:
        return single(self.settings).mark

    async def close(self) -> None:
        await self.ledger.aclose()
        await self.bus.aclose()

    def context(self, hook: Hook, process: str) -> Context:
        bus: Any = Bus(Hooked(self.bus.redis, hook, "redis"), self.bus.blocking, self.bus.keys)  # type: ignore[arg-type]  # wrapped
        heart = Heart(bus, process=process, worker=process, heartbeat_s=1)
        log = structlog.get_logger(process)
        run = single(self.settings)
        return Context(
            self.settings,
            self.clock,
            self.ids,
            bus,
            heart,
            log,
            process,
            process,
            asyncio.Event(),
            run,
        )

    def hooked_ledger(self, hook: Hook) -> Any:
        parts = {
            name: Hooked(getattr(self.ledger, name), hook, name)
            for name in ("orders", "settlements")
        }
        return Hooked(self.ledger, hook, "ledger", **parts)


class RouterProcess:
    """One router from its start to its death."""

    def __init__(self, world: World) -> None:
        self.hook = Hook()
        context = world.context(self.hook, "router")
        venue: Any = Hooked(world.venue, self.hook, "venue")
        self.router = Router(
            context, world.hooked_ledger(self.hook), venue, ACCOUNT, leading=surely
        )

    async def deliver(self, signal: ApprovedSignal) -> None:
        """Hand an item to the router."""
        await self.router.handle(Item(signal.queue_key, encode(signal)))


class TrackerProcess:
    """One tracker from its start to its death."""

    def __init__(self, world: World) -> None:
        self.hook = Hook()
        context = world.context(self.hook, "tracker")
        venue: Any = Hooked(world.venue, self.hook, "venue")
        self.tracker = Tracker(context, world.hooked_ledger(self.hook), venue, KnownSelections())

    async def look(self) -> bool:
        """Make one pass now; return True if it was completed."""
        self.tracker.passes.make_due()
        return await self.tracker.passes.turn()


async def surely() -> bool:
    """Return True: who loses a lease is for tests with leases to show."""
    return True
