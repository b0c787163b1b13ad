"""Worker coroutines in the test's own process: contexts, settings, a queue's contents."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import structlog

from keter.bus.connection import Bus
from keter.bus.queue import Item, Output, Pipe, depths
from keter.bus.state.accounts import write_account
from keter.bus.telemetry.audit import period_of, read_counts
from keter.bus.telemetry.heartbeats import Heart
from keter.clock import Clock, SystemClock, random_id
from keter.context import Context
from keter.domain.accounts import Account
from keter.domain.feed import FeedUpdate
from keter.domain.markets import Phase
from keter.domain.tickets import AccountSnapshot
from keter.domain.trading import ExecutionMode
from keter.opening.venues import open_account, shared_stores
from keter.processes.ingest import OpenSource
from keter.settings import Settings, load_settings
from keter.supervision.run import single
from keter.venues.asianodds.scores import FINAL_AFTER
from keter.venues.base import PriceSource
from tests.kit.execution import ACCOUNT
from tests.kit.support import connected

LEASE_S = 2.0
# For tidying up on a busy machine; how soon a worker must stop is for
# tests/integration/test_runtime.py
STOP_S = 60


def settings_for(folder: Path, **names: Any) -> Settings:
    """Return settings with data and HALT file in ``folder``; names as in the environment."""
    values = {
        "DATA_DIR": folder,
        "HALT_FILE": folder / "HALT",
        "WORKER_LEASE_TTL_S": LEASE_S,
        "HEARTBEAT_S": 0.2,
        "AO_USER": "demo",
        "AO_PASS": "demo-pass",
        **names,
    }
    return load_settings(None, {name: str(value) for name, value in values.items()})


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Bus]:
    """Open a bus that is closed at the end."""
    bus = await connected(url)
    try:
        yield bus
    finally:
        await bus.aclose()


def context_on(
    bus: Bus, settings: Settings, process: str = "validator", worker: str | None = None
) -> Context:
    """Return a worker's context without heart task, signals or log files."""
    worker = worker or process
    heart = Heart(bus, process=process, worker=worker, heartbeat_s=settings.process.heartbeat_s)
    run = single(settings)
    log = structlog.get_logger(process)
    return Context(
        settings, SystemClock(), random_id, bus, heart, log, process, worker, asyncio.Event(), run
    )


@asynccontextmanager
async def working(
    context: Context, run: Callable[[Context], Awaitable[None]]
) -> AsyncIterator[asyncio.Future[None]]:
    """Run a worker beside the test and stops it at the end; its errors come out."""
    task: asyncio.Future[None] = asyncio.ensure_future(run(context))
    try:
        yield task
    finally:
        context.stop.set()
        await asyncio.wait_for(task, STOP_S)


async def done_so_far(bus: Bus) -> object:
    """Return what the workers have counted today and what waits for them.

    It changes while anything is worked on.
    """
    day = SystemClock().now().date().isoformat()
    real, demo = (period_of(day, mode) for mode in (ExecutionMode.DRY, ExecutionMode.DEMO))
    return (
        await read_counts(bus, real),
        await read_counts(bus, demo),
        {name: (q.depth, q.in_flight) for name, q in (await depths(bus, [ACCOUNT])).items()},
    )


async def push(bus: Bus, queue: str, *items: tuple[str, bytes]) -> None:
    """Put items into a queue as its producer would."""
    pipe = Pipe(bus, source=None, worker="test", lease_ttl_s=LEASE_S)
    await pipe.step(outputs=[Output(queue, key, payload) for key, payload in items])


async def drain(bus: Bus, queue: str, worker: str = "drain") -> list[Item]:
    """Take everything that waits in a queue."""
    pipe = Pipe(bus, source=queue, worker=worker, lease_ttl_s=LEASE_S)
    await pipe.open()
    taken: list[Item] = []
    while items := await pipe.step(claim=64):
        taken += items
        await pipe.step(done=len(items))
    await pipe.close()
    return taken


def quick_feed(
    interval_s: float = 0.2,
    *,
    final_after: timedelta = FINAL_AFTER,
    witness: Callable[[FeedUpdate], None] = lambda _update: None,
) -> OpenSource:
    """Run the account's real feed, asked every ``interval_s``; the sandbox must not throttle it.

    Each answer costs milliseconds of a processor that other tests need. ``witness`` sees every
    update.
    """

    @asynccontextmanager
    async def open_source(
        settings: Settings, account: Account, bus: Bus, clock: Clock
    ) -> AsyncIterator[PriceSource]:
        intervals = dict.fromkeys(Phase, interval_s)
        venue = open_account(
            settings,
            account,
            shared_stores(bus),
            clock,
            owner=True,
            feed_interval_s=intervals,
            final_after=final_after,
        )
        try:
            yield Witnessed(venue.source, witness)
        finally:
            await venue.aclose()

    return open_source


class Witnessed:
    """A price source with somebody looking on."""

    def __init__(self, source: PriceSource, witness: Callable[[FeedUpdate], None]) -> None:
        self._source = source
        self._witness = witness
        self.capability = source.capability
        self.problems = source.problems

    @property
    def timeouts_in_a_row(self) -> int:
        return self._source.timeouts_in_a_row

    @timeouts_in_a_row.setter
    def timeouts_in_a_row(self, value: int) -> None:
        self._source.timeouts_in_a_row = value

    async def updates(self) -> AsyncIterator[FeedUpdate]:
        async for update in self._source.updates():
            self._witness(update)
            yield update


async def fund(bus: Bus, settings: Settings, credit_minor: int = 1_000_000) -> None:
    """Give the account money, as the tracker would report it."""
    account = settings.account.key
    await write_account(
        bus, AccountSnapshot(account, "EUR", credit_minor, 0, 0, 0, SystemClock().now())
    )
