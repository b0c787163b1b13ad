"""Everything around router and tracker, real: Redis server, sandbox bookmaker over HTTP, feed,
guard, licence, arming, LIVE.

The workers under test are processes of their own (``execution_child``). Signals are real too: taken
once from the pipeline, then handed to the real guard whenever a test wants a bet.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import psutil
import structlog

from keter.bus.codec import decode, encode
from keter.bus.connection import Bus, connect
from keter.bus.locks import Locks
from keter.bus.queue import Output, Pipe, QueueName, depths
from keter.bus.state.accounts import read_accounts
from keter.bus.state.feeds import read_feeds
from keter.bus.state.permissions import arm, read_arming
from keter.bus.state.risk import RiskBook
from keter.bus.state.sessions import SessionStore
from keter.bus.state.trading import read_trading
from keter.bus.telemetry.heartbeats import Heartbeat, read_heartbeats
from keter.clock import SystemClock
from keter.domain.exposure import ExposureStatus
from keter.domain.markets import Phase
from keter.domain.order_states import SETTLED, OrderState
from keter.domain.orders import Order
from keter.domain.signals import ConfirmedSignal
from keter.domain.trading import ExecutionMode
from keter.ledger import Ledger, OrderFilter
from keter.opening.stores import open_settings_ledger
from keter.processes import edge, guard, ingest, validator
from keter.processes.lifecycle import Work, live
from keter.settings import Settings, load_settings
from keter.supervision.run import single
from keter.system.tasks import end_tasks
from keter.venues.asianodds.simulator.book import State, Ticket
from keter.venues.asianodds.simulator.config import AccountConfig, BettingConfig, SandboxConfig
from keter.venues.asianodds.simulator.fixed import FixedScenario
from keter.venues.asianodds.simulator.server import Sandbox
from keter.venues.asianodds.stores import Session
from tests.kit import execution_child
from tests.kit.execution import licence
from tests.kit.proxy import Proxy
from tests.kit.support import RedisServer, eventually
from tests.kit.workbench import drain, quick_feed

T = TypeVar("T")
ACCOUNT = AccountConfig("demo", "demo-pass", deposit_minor=100_000_000)
ACCOUNT_KEY = f"asianodds:{ACCOUNT.user}"
LIVE = ExecutionMode.LIVE
LOCK_TTL_S = 20
MOST_TRIES = 3
OFFER_AGAIN_S = 10.0
RESERVATION_TTL_S = 120
# Nothing stands still for longer and goes on then: the session owner spaces its logins up to a
# minute when sessions keep dying, and a reservation whose approval was lost with a connection keeps
# its room until it ends.
PATIENCE_S = RESERVATION_TTL_S + 30
MOST_S = 400  # of one wait, however much goes on; the tests' own limits are above it
UNDECIDED = frozenset(
    {
        OrderState.INTENDED,
        OrderState.QUOTED,
        OrderState.SENDING,
        OrderState.OPEN,
        OrderState.UNKNOWN,
    }
)
STATE_OF = {
    State.PENDING: OrderState.OPEN,
    State.RUNNING: OrderState.FILLED,
    State.REFUSED: OrderState.REFUSED,
    State.VOID: OrderState.VOID,
}
WORDS = {
    "Won": OrderState.WON,
    "Lost": OrderState.LOST,
    "Half won": OrderState.HALF_WON,
    "Half lost": OrderState.HALF_LOST,
    "Stake returned": OrderState.PUSHED,
}


def environment(folder: Path, sandbox: Sandbox, redis_url: str, **names: str) -> dict[str, str]:
    """Return LIVE settings with short times; ``names`` replace some.

    Leases last 2 s, and doubts are resolved after seconds instead of minutes.
    """
    return {
        "EXECUTION_MODE": "LIVE",
        "DATA_DIR": str(folder),
        "HALT_FILE": str(folder / "HALT"),
        "REDIS_URL": redis_url,
        "AO_USER": ACCOUNT.user,
        "AO_PASS": ACCOUNT.password,
        "AO_BASE_URL": sandbox.url,
        "LOG_CONSOLE": "none",
        "WORKER_LEASE_TTL_S": "2",
        "HEARTBEAT_S": "0.5",
        "HTTP_TIMEOUT_S": "3",
        "PLACEMENT_TIMEOUT_S": "5",
        "EXEC_LOCK_TTL_S": str(LOCK_TTL_S),
        "RECONCILE_INTERVAL_S": "0.5",
        "UNKNOWN_ALERT_S": "1",
        "UNKNOWN_ERROR_S": "1",
        "UNKNOWN_ABSENT_S": "3",
        "MAX_SIGNAL_AGE_S": "60",
        "RESERVATION_TTL_S": str(RESERVATION_TTL_S),
        "COOLDOWN_EVENT_SEC": "0",
        "COOLDOWN_SELECTION_SEC": "0",
        "THROTTLE_BETS": "10000",
        "MAX_STAKE": "50",
        "MAX_EXPOSURE_EVENT": "100",
        "MAX_EXPOSURE_LEAGUE": "900000",
        "MAX_EXPOSURE_DAY": "900000",
        "MAX_EXPOSURE_TOTAL": "900000",
        "DAILY_LOSS_LIMIT_UNITS": "100000",
        "LOSING_STREAK_LIMIT": "10000",
        "MAX_BETS_PER_EVENT": "50",
        "TIME_ZONE": "UTC",
        **licence(),
        **names,
    }


@dataclass
class Child:
    """A worker process of ours and the file that tells it where to stop."""

    process: str
    name: str
    world: dict[str, str]
    running: BaseProcess | None = None

    @property
    def plan(self) -> Path:
        return Path(self.world["DATA_DIR"]) / f"plan-{self.name}"

    @property
    def trace(self) -> list[str]:
        """Return the steps it has taken with a bet in hand."""
        path = Path(self.world["DATA_DIR"]) / f"trace-{self.name}"
        return path.read_text().split("\n")[:-1] if path.exists() else []

    def start(self) -> None:
        log = Path(self.world["DATA_DIR"]) / f"out-{self.name}"
        self.running = execution_child.start(self.process, self.name, self.world, log)

    @property
    def pid(self) -> int:
        assert self.running is not None
        assert self.running.pid is not None
        return self.running.pid

    def stopped(self) -> bool:
        return bool(psutil.Process(self.pid).status() == psutil.STATUS_STOPPED)

    def go_on(self) -> None:
        psutil.Process(self.pid).resume()

    def kill(self) -> None:
        if self.running is not None:
            self.running.kill()
            self.running.join(10)
            assert self.running.exitcode is not None
            self.running = None


@dataclass
class ExecutionWorld:
    """See the module. ``fixtures`` are (match id, signal) pairs that nobody has bet on yet."""

    folder: Path
    redis: RedisServer
    proxy: Proxy
    sandbox: Sandbox
    names: dict[str, str]
    settings: Settings
    bus: Bus
    ledger: Ledger
    fixtures: list[ConfirmedSignal] = field(default_factory=list)
    children: dict[str, Child] = field(default_factory=dict)
    bet_on: list[str] = field(default_factory=list)
    offered: dict[str, ConfirmedSignal] = field(default_factory=dict)
    recoveries: list[float] = field(default_factory=list)
    faults: int = 0

    def start(self, process: str, name: str) -> Child:
        child = self.children[name] = Child(process, name, self.names)
        child.start()
        return child

    async def done(self) -> object:
        """Return what has been done so far, for waits that follow it.

        That is every step of every bet, and what the bookmaker took.
        """
        bets = await self.ledger.orders.list_orders(OrderFilter(mode=LIVE), limit=10_000)
        return {
            bet.intent.intent_id: (bet.state, bet.updated_at) for bet in bets
        }, self.sandbox.book.placed

    async def until(self, check: Callable[[], Awaitable[T]], *, every_s: float = 0.1) -> T:
        """Wait as ``eventually`` does, at the pace of the machine.

        It fails when no bet gets a step further for PATIENCE_S.
        """
        return await eventually(
            check, timeout_s=PATIENCE_S, every_s=every_s, progress=self.done, most_s=MOST_S
        )

    async def ready(self) -> None:
        """Wait until a bet can be made.

        The guard knows the balance, a router is let in, trading is active and armed, and the
        bookmaker knows the session that the workers share: one that a fault has ended may stand in
        Redis until somebody has called with it.
        """

        async def look() -> bool:
            await rearm(self)
            if not await self.session_stands():
                return False
            view = await read_trading(self.bus, SystemClock().now())
            beats = await read_heartbeats(self.bus)
            routers = [beat for beat in beats if beat.process == "router" and _leads(beat)]
            return (
                bool(routers)
                and bool(await read_accounts(self.bus))
                and view.may_bet(SystemClock().now()).accepted
            )

        await self.until(look)

    async def session_stands(self) -> bool:
        """Return whether the session in Redis is one that the bookmaker knows."""
        session = await SessionStore(self.bus, Session).read(ACCOUNT_KEY)
        return session is not None and bool(self.sandbox.house.sessions.user_of(session.token))

    async def active(self, process: str = "router") -> Child:
        """Return the holder of the account's lease: the router that is let in, or the tracker."""
        key = self.bus.keys.lease(f"{process}:{ACCOUNT_KEY}")

        async def look() -> Child | None:
            owner = (await Locks(self.bus).owner(key) or "").partition(".")[0]
            beats = {
                beat.worker: beat
                for beat in await read_heartbeats(self.bus)
                if beat.process == process
            }
            child, beat = self.children.get(owner), beats.get(owner)
            return (
                child
                if child is not None and beat is not None and beat.pid == child.pid and _leads(beat)
                else None
            )

        found = await self.until(look)
        assert found is not None
        return found

    def plan(self, process: str, step: str) -> None:
        """Stop whichever process of the kind comes to ``step`` first."""
        (self.folder / f"plan-{process}").write_text(step)

    def of(self, process: str) -> list[Child]:
        return [child for child in self.children.values() if child.process == process]

    async def stopped(self, process: str, *, timeout_s: float = PATIENCE_S) -> Child | None:
        """Return the process that came to its planned step; None when none came."""
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            for child in self.of(process):
                if child.stopped():
                    return child
            await asyncio.sleep(0.02)
        return None

    async def bet_until_stopped(self, process: str) -> tuple[str, Child]:
        """Bet until a process has come to its planned step.

        A slow machine may skip a bet before it comes there.
        """
        for _ in range(MOST_TRIES):
            event_uid = await self.bet()
            child = await self.stopped(process, timeout_s=20)
            if child is not None:
                return event_uid, child
        raise AssertionError(f"no {process} came to its step")

    async def running_bet(self) -> Order:
        """Bet until one runs: a slow machine may skip a bet whose price has become too old."""
        for _ in range(MOST_TRIES):
            [bet] = await self.decided(await self.bet())
            if bet.state is OrderState.FILLED:
                return bet
        raise AssertionError("no bet runs")

    async def redis_again(self) -> None:
        """Start the server once more and forgets the test's own connections to the old one."""
        self.redis.start()
        await self.bus.redis.connection_pool.disconnect()
        await self.bus.blocking.connection_pool.disconnect()

    async def fed(self) -> None:
        """Wait until a Redis that lost everything knows every feed again: a new session bets on
        what it was told.
        """

        async def look() -> bool:
            return len(await read_feeds(self.bus, [ACCOUNT_KEY])) == len(Phase)

        await self.until(look)

    async def lock_is_gone(self, event_uid: str) -> bool:
        """Return whether no router holds a selection of the event any more."""
        pattern = self.bus.keys.exec_lock(event_uid, "ANY", ACCOUNT_KEY).replace("ANY", "*")
        return not [key async for key in self.bus.redis.scan_iter(match=pattern)]

    async def settled_down(self, event_uid: str) -> list[Order]:
        """Wait until a router is open and nothing is in doubt anywhere; the event may have no bet
        at all by then.
        """
        began = time.monotonic()
        await self.ready()

        async def look() -> bool:
            open_orders = await self.ledger.orders.open_orders(LIVE)
            queue = (await depths(self.bus, [ACCOUNT_KEY]))[QueueName.APPROVED]
            return (
                not any(bet.state in UNDECIDED for bet in open_orders)
                and not queue.depth
                and not queue.in_flight
            )

        await self.until(look)
        self.recoveries.append(time.monotonic() - began)
        return await self.orders_of(event_uid)

    async def bet(self) -> str:
        """Let the guard approve a bet on a fresh fixture; return its event."""
        signal = self.fixtures.pop()
        await eventually(lambda: self.offer([signal]), timeout_s=PATIENCE_S)
        self.bet_on.append(signal.event_uid)
        self.offered[signal.event_uid] = signal
        return signal.event_uid

    async def offer(self, signals: Sequence[ConfirmedSignal]) -> bool:
        """Give the guard these signals as if confirmed now; False when Redis was away."""
        now = SystemClock().now()
        fresh = [
            _confirmed(signal, now, f"t{len(self.bet_on)}-{number}")
            for number, signal in enumerate(signals)
        ]
        pipe = Pipe(self.bus, source=None, worker="test", lease_ttl_s=2)
        try:
            await pipe.step(
                outputs=[
                    Output(QueueName.CONFIRMED, signal.queue_key, encode(signal))
                    for signal in fresh
                ]
            )
        except Exception:  # noqa: BLE001 - Redis may be away on purpose: the push is repeated, it conflates
            return False
        return True

    async def orders_of(self, event_uid: str) -> list[Order]:
        return await self.ledger.orders.list_orders(
            OrderFilter(mode=LIVE, event_uid=event_uid), limit=50
        )

    async def tickets_of(self, event_uid: str) -> list[Ticket]:
        """Return what the bookmaker holds of our bets on the event."""
        references = {f"WA-{bet.intent.reference}" for bet in await self.orders_of(event_uid)}
        return [
            ticket
            for ticket in self.sandbox.book.tickets(ACCOUNT.user)
            if ticket.order.reference in references
        ]

    async def decided(self, event_uid: str) -> list[Order]:
        """Wait until the event has a bet and nothing about it is in doubt; notes how long that
        took.

        Offers the signal again where there is no bet for long: a router that was closed for a
        moment makes none of it.
        """
        began = offered = time.monotonic()

        async def look() -> list[Order]:
            nonlocal offered
            bets = await self.orders_of(event_uid)
            if not bets and time.monotonic() - offered > OFFER_AGAIN_S:
                offered = time.monotonic()
                await self.offer([self.offered[event_uid]])
            return bets if bets and not any(bet.state in UNDECIDED for bet in bets) else []

        bets = await self.until(look)
        self.recoveries.append(time.monotonic() - began)
        return bets

    @property
    def scenario(self) -> FixedScenario:
        assert isinstance(self.sandbox.house.scenario, FixedScenario)
        return self.sandbox.house.scenario

    def finish(self, bet: Order, score: tuple[int, int]) -> None:
        """End the match of one bet."""
        self.scenario.finish(self._match_of(bet), score)

    def stands(self, bet: Order) -> bool:
        """Return whether nobody has ended the match of this bet."""
        return self.scenario.is_open(self._match_of(bet))

    def _match_of(self, bet: Order) -> int:
        return next(
            i for i, fixture in self.scenario.fixtures.items() if fixture.home == bet.intent.home
        )

    async def finish_everything(self) -> None:
        """End every match and waits until the ledger has settled every bet."""
        going_on = [
            match_id for match_id in self.scenario.fixtures if self.scenario.is_open(match_id)
        ]
        for number, match_id in enumerate(going_on):
            self.scenario.finish(match_id, (number % 3, number % 2))

        async def all_final() -> bool:
            return not await self.ledger.orders.open_orders(LIVE)

        await self.until(all_final, every_s=0.1)

    async def judge(self, wanted_faults: int) -> None:
        """End everything; then nothing may be wrong.

        A run that injected fewer faults than it should proves nothing.
        """
        await self.finish_everything()

        problems: list[str] = []

        async def equal() -> bool:
            problems[:] = await self.problems()
            return not problems

        try:
            await self.until(equal, every_s=0.2)
        finally:
            # Not looked at anew: a router that lives may be in the middle of its next bet by now.
            assert problems == [], "\n".join(problems)
        self.tell_figures()
        assert self.faults == wanted_faults
        assert self.sandbox.book.placed > 0

    def tell_figures(self) -> None:
        """Print one line for people who measure: run pytest with ``-s``."""
        recoveries = sorted(self.recoveries)
        structlog.get_logger("faults").info(
            "figures",
            faults=self.faults,
            bets=len(self.bet_on),
            tickets=self.sandbox.book.placed,
            recovery_median_s=round(recoveries[len(recoveries) // 2], 2),
            recovery_max_s=round(recoveries[-1], 2),
        )

    async def problems(self) -> list[str]:
        """Return where ledger, venue and risk book differ, and every promise that was broken."""
        bets = {
            bet.intent.reference: bet
            for bet in await self.ledger.orders.list_orders(OrderFilter(mode=LIVE), limit=10_000)
        }
        tickets = self.sandbox.book.tickets(ACCOUNT.user)
        found = [f"ledger: {problem}" for problem in await self.ledger.integrity()]
        per_decision: dict[str, int] = {}
        for ticket in tickets:
            bet = bets.pop(ticket.order.reference.removeprefix("WA-"), None)
            if bet is None:
                found.append(f"the venue has a ticket nobody knows: {ticket.order.reference}")
                continue
            decision = bet.intent.decision_id
            per_decision[decision] = per_decision.get(decision, 0) + 1
            found += _differences(bet, ticket)
        found += [
            f"{n} tickets for decision {decision}" for decision, n in per_decision.items() if n > 1
        ]
        found += [
            f"{reference} is {bet.state} and the venue never had it"
            for reference, bet in bets.items()
            if bet.state not in {OrderState.REFUSED, OrderState.SKIPPED}
        ]
        return found + await self._risk_problems()

    async def _risk_problems(self) -> list[str]:
        state = await RiskBook(self.bus, ACCOUNT_KEY).read()
        left = [e.decision_id for e in state.exposures if e.status is ExposureStatus.BET]
        found = [f"exposure left over: {decision}" for decision in left]
        if state.day is not None:
            ledger = (await self.ledger.risk_picture(LIVE, ACCOUNT_KEY, state.day.day))[1]
            here = (ledger.pnl_minor, ledger.staked_minor, ledger.bets)
            there = (state.day.pnl_minor, state.day.staked_minor, state.day.bets)
            if here != there:
                found.append(
                    f"profit, stakes and bets of the day are {there} in Redis, {here} in the ledger"
                )
        return found


def _confirmed(signal: ConfirmedSignal, now: datetime, trace_id: str) -> ConfirmedSignal:
    books = tuple(msgspec.structs.replace(book, confirmed_at=now) for book in signal.update.books)
    update = msgspec.structs.replace(signal.update, books=books, received_at=now, trace_id=trace_id)
    return msgspec.structs.replace(signal, update=update, confirmed_at=now)


def _leads(beat: Heartbeat) -> bool:
    return beat.gauges.get("open", "1") == "1" and beat.gauges.get("leader") == "1"


def _differences(bet: Order, ticket: Ticket) -> list[str]:
    state = WORDS[ticket.pnl_info] if ticket.state is State.SETTLED else STATE_OF[ticket.state]
    found = (
        []
        if bet.state is state
        else [f"{bet.intent.reference}: {bet.state} here, {state} at the venue"]
    )
    if bet.state in SETTLED and (bet.standing_minor, bet.pnl_minor) != (
        ticket.stake_minor,
        ticket.pnl_minor,
    ):
        here, there = (
            f"{bet.standing_minor}/{bet.pnl_minor}",
            f"{ticket.stake_minor}/{ticket.pnl_minor}",
        )
        found.append(
            f"{bet.intent.reference}: stake and profit are {here} here, {there} at the venue"
        )
    return found


@asynccontextmanager
async def alive(process: str, settings: Settings, run: Work) -> AsyncIterator[None]:
    """Run a worker in the test's own process that outlives a Redis that goes away."""
    stop = asyncio.Event()
    task = asyncio.ensure_future(
        live(process, process, settings, run, stop=stop, log=structlog.get_logger(process))
    )
    try:
        yield
    finally:
        stop.set()
        await asyncio.wait({task}, timeout=10)
        if task.done():
            task.result()
        await end_tasks(task)


@asynccontextmanager
async def execution_world(
    folder: Path, *, fixtures: int, **names: str
) -> AsyncIterator[ExecutionWorld]:
    """Open the world with feed and guard running and ``fixtures`` signals at hand.

    Routers and trackers are the test's to start.
    """
    betting = BettingConfig(
        refusal_rate=0.0, refusal_by_book={}, quote_drift_rate=0.0, quote_delay_s=(0.0, 0.01)
    )
    config = SandboxConfig(
        accounts=(ACCOUNT,),
        fixed_fixtures=fixtures,
        feed_interval_scale=0,
        delay_scale=0,
        betting=betting,
        settle_after_s=0.1,
    )
    async with AsyncExitStack() as stack:
        redis = RedisServer()
        stack.callback(redis.close)
        proxy = await stack.enter_async_context(Proxy(redis.port))
        sandbox = await stack.enter_async_context(Sandbox(config))
        names = environment(folder, sandbox, f"redis://127.0.0.1:{proxy.port}/0", **names)
        settings = load_settings(None, names)
        own = load_settings(None, {**names, "REDIS_URL": redis.url})
        bus = await connect(redis.url)
        stack.push_async_callback(bus.aclose)
        ledger = await open_settings_ledger(own, clock=SystemClock())
        stack.push_async_callback(ledger.aclose)
        world = ExecutionWorld(folder, redis, proxy, sandbox, names, settings, bus, ledger)
        async with alive("ingest", own, _feed(0.2)):
            await _gather_signals(world, own, fixtures)
        # As the owner of the session.
        await stack.enter_async_context(alive("ingest", own, _feed(1.0)))
        await stack.enter_async_context(alive("guard", own, guard.run))
        await arm(bus, ACCOUNT_KEY, "test", SystemClock().now(), single(settings).mark)
        stack.callback(_kill_all, world)
        yield world


def _feed(interval_s: float) -> Callable[..., Any]:
    return partial(ingest.run, open_source=quick_feed(interval_s))


async def _gather_signals(world: ExecutionWorld, settings: Settings, wanted: int) -> None:
    """Return one confirmed signal per fixture, from the real pipeline."""
    found: dict[str, ConfirmedSignal] = {}

    async def enough() -> bool:
        for item in await drain(world.bus, QueueName.CONFIRMED):
            signal = decode(ConfirmedSignal, item.payload)
            found.setdefault(signal.event_uid, signal)
        return len(found) >= wanted

    async with alive("validator", settings, validator.run), alive("edge", settings, edge.run):
        await eventually(enough, timeout_s=60, every_s=0.1, progress=lambda: len(found))
    await drain(world.bus, QueueName.CONFIRMED)
    world.fixtures = list(found.values())


def _kill_all(world: ExecutionWorld) -> None:
    for child in world.children.values():
        child.kill()


async def rearm(world: ExecutionWorld) -> None:
    """Do what the operator does after Redis lost everything."""
    mark = single(world.settings).mark
    if await read_arming(world.bus, ACCOUNT_KEY, mark) is None:
        await arm(world.bus, ACCOUNT_KEY, "test", SystemClock().now(), mark)
