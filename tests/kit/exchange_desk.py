"""Router and tracker of an account at the toy exchange, with a real ledger and Redis."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import msgspec

from keter.bus.codec import decode, encode
from keter.bus.queue import Output, Reaper, cancels_for
from keter.bus.telemetry.alerts import read_alerts
from keter.bus.telemetry.audit import take_audit
from keter.domain.exposure import ExposureStatus
from keter.domain.market_kinds import Outcome
from keter.domain.order_calls import WantedCancel
from keter.domain.order_states import Side
from keter.domain.orders import Order
from keter.domain.references import make_reference
from keter.domain.signals import Decision
from keter.execution.exchange_placing import ExchangePlacer
from keter.processes.cancel_turns import CancelTurns
from tests.kit.execution import ACCOUNT, NOW, an_event, an_intent
from tests.kit.execution_bench import RouterProcess, TrackerProcess, World
from tests.kit.toy_exchange import TOY, Row, Selection, ToyExchange

KICKOFF = NOW + timedelta(days=2)


def selection(name: str) -> Selection:
    """Return what the order of this name bets on, as the exchange names it."""
    return f"market-{name}", Outcome.OVER


class ExchangeDesk:
    """One account: its exchange, a router that has taken over, a tracker."""

    router: RouterProcess
    tracker: TrackerProcess
    cancels: CancelTurns

    def __init__(self, folder: Path, redis_url: str) -> None:
        self.world = World(folder, redis_url)
        self.exchange = ToyExchange(self.world.clock.now, account=ACCOUNT)
        self.world.venue = self.exchange  # type: ignore[assignment]  # an exchange in its place

    async def open(self) -> "ExchangeDesk":
        await self.world.open()
        self.router, self.tracker = RouterProcess(self.world), TrackerProcess(self.world)
        self.cancels = await self.router.router.begin()
        return self

    async def close(self) -> None:
        await self.world.close()

    async def new_router(self) -> None:
        """Let a successor take over from a router that died; its items come back to their queue."""
        queue = cancels_for(ACCOUNT)
        lease = self.world.bus.keys.queue(queue).lease(self.cancels.pipe.incarnation)
        await self.world.bus.redis.delete(lease)
        await Reaper(self.world.bus, queues=[queue]).run_once()
        self.router = RouterProcess(self.world)
        self.cancels = await self.router.router.begin()

    async def place(
        self,
        name: str = "r1",
        *,
        side: Side = Side.BACK,
        price: str = "2.10",
        stake_minor: int = 1000,
        fault: str = "",
    ) -> Order:
        """Place one order as the router does, with its exposure in the risk book."""
        owner = self.cancels.canceller.owner
        event = an_event(f"Team {name}", KICKOFF)
        intent = msgspec.structs.replace(
            an_intent(name, event=event, stake_minor=stake_minor, fence=owner.fence),
            venue=TOY.venue,
            venue_key=selection(name)[0],
            side=side,
            asked_odds=price,
            strategy="making",
            reference=make_reference(name, TOY.reference_form),
            created_at=self.world.clock.now(),
        )
        self.exchange.place_faults = [fault]
        placer = ExchangePlacer(owner, self.exchange, self.world.ledger, clock=self.world.clock)
        (order,) = await placer.place([intent])
        await self.tracker.tracker.passes.reconciler.risk.put(order)
        return order

    async def want_cancel(self, *orders: Order | str, account: str = ACCOUNT) -> None:
        """Queue a cancel of each order, as a strategy does."""
        now = self.world.clock.now()
        wanted = [
            WantedCancel(
                one if isinstance(one, str) else one.intent.intent_id,
                account,
                "making",
                "stale",
                "making",
                now,
            )
            for one in orders
        ]
        await (
            self.world.context(self.router.hook, "making")
            .pipe(None)
            .step(
                outputs=[Output(cancels_for(ACCOUNT), one.queue_key, encode(one)) for one in wanted]
            )
        )

    async def cancel(self, *orders: Order | str) -> list[Decision]:
        """Queue cancels, let the router serve them, and return what it decided."""
        await self.want_cancel(*orders)
        return await self.served()

    async def served(self) -> list[Decision]:
        await self.router.router.serve_cancels()
        batch = await take_audit(self.world.bus)
        await self.world.bus.redis.delete(
            self.world.bus.keys.audit_taken, self.world.bus.keys.audit_batch
        )
        return [decode(Decision, entry) for entry in batch.entries]

    async def look(self, after_s: float = 5) -> bool:
        """Time passes, then a pass of the tracker; return True if it was completed."""
        self.wait(after_s)
        return await self.tracker.look()

    def wait(self, seconds: float) -> None:
        self.world.clock.set(self.world.clock.now() + timedelta(seconds=seconds))

    async def of(self, name: str = "r1") -> Order:
        return await self.world.ledger.orders.get(name)

    def row(self, name: str = "r1") -> Row:
        row = self.exchange.find(make_reference(name, TOY.reference_form))
        assert row is not None
        return row

    def fill(self, size: int, name: str = "r1", *, price: str | None = None) -> int:
        """Let a stranger take so much of an order."""
        row = self.row(name)
        side = Side.LAY if row.side is Side.BACK else Side.BACK
        return self.exchange.offer(row.selection, side, price or row.text, size)

    def filling(self, size: int, name: str = "r1") -> Callable[[str], None]:
        """Return a fill to be put before a cancel; it happens once."""
        left = [size]

        def fill(_reference: str) -> None:
            if left:
                self.fill(left.pop(), name)

        return fill

    async def exposed(self) -> dict[str, int]:
        """Return the stake at risk by intent, as the risk book has it."""
        state = await self.world.book().read()
        return {
            e.decision_id.removeprefix("d-"): e.stake_minor
            for e in state.exposures
            if e.status is ExposureStatus.BET
        }

    async def alerts(self) -> set[str]:
        return {alert.id.partition(":")[0] for alert in await read_alerts(self.world.bus)}

    async def pnl(self) -> int:
        state = await self.world.book().read()
        return state.day.pnl_minor if state.day is not None else 0
