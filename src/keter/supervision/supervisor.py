"""``keter up``: Redis, the sandbox where there is no account, every process; until somebody stops
it.

Stops in the order in which a signal flows: ingest first, Redis last. One supervisor per DATA_DIR.
"""

import asyncio
import contextlib
import os
import sys
import time
from collections.abc import Callable

import structlog

from keter import __version__
from keter.bus.connection import without_login
from keter.clock import Clock, Ids, SystemClock, random_id
from keter.domain.processes import EVERYTHING, Process, Stage
from keter.domain.runs import Run
from keter.errors import ExitCode, UnavailableError
from keter.logs import configure_logs
from keter.opening import ledger_is_shared, open_settings_ledger
from keter.redis_server.service import RedisKeeper
from keter.settings import Settings, child_environment, load_settings
from keter.supervision.children import Fleet
from keter.supervision.following import start_following
from keter.supervision.handover import hand_over
from keter.supervision.instances import Listing, listed, lock_of
from keter.supervision.launch import (
    LOOPBACK,
    SandboxPlan,
    banner,
    free_port,
    page_host,
    page_url,
    plan_sandbox,
    worker_specs,
)
from keter.supervision.ownership import Ownership, Reread
from keter.supervision.page_watch import EVERY_S as ASK_PAGE_EVERY_S
from keter.supervision.page_watch import PageWatch, answers
from keter.supervision.preflight import check_bind, check_folder, check_live, check_ports
from keter.supervision.pulse import Patience
from keter.supervision.run import new_run
from keter.system.process import (
    ORPHAN_GRACE_S,
    keep_files_private,
    on_stop_signals,
    raise_descriptor_limit,
)

READY_DEADLINE_S = 30.0
SANDBOX_DEADLINE_S = 20.0
POLL_S = 0.1
LOCK_PATIENCE_S = 0.5  # a command that looks whether we run holds the lock for a moment

log = structlog.get_logger("keter.supervision.supervisor")
Say = Callable[[str], None]


def up(
    settings: Settings,
    *,
    say: Say,
    only: frozenset[Process] = EVERYTHING,
    on_disk: Reread = load_settings,
) -> ExitCode:
    """Run everything, or the processes in ``only``, until a stop signal; ``on_disk`` reads the
    settings again, to compare.

    Raises KeterError when something cannot start or a child gives up.
    """
    clock = SystemClock()
    keep_files_private()
    raise_descriptor_limit()
    check_folder(settings)
    lock = lock_of(settings.mode.data_dir)
    predecessor = lock.text()  # emptied by an orderly end
    if not lock.acquire(str(os.getpid()), patience_s=LOCK_PATIENCE_S):
        raise UnavailableError(
            f"Keter already runs on {settings.mode.data_dir} (process {predecessor or 'unknown'});"
            " stop it with Ctrl+C in its terminal first, or set DATA_DIR to another folder"
        )
    try:
        following = allowed(settings, clock, only)
        check_bind(settings)
        await_port(settings, clock, say, patience_s=ORPHAN_GRACE_S + 2 if predecessor else 0)
        configure_logs("supervisor", settings)
        with listed(settings) as listing:
            supervisor = Supervisor(
                settings, say, clock, only, on_disk=on_disk, listing=listing, following=following
            )
            asyncio.run(supervisor.run())
    finally:
        lock.release()
    return ExitCode.OK


def allowed(settings: Settings, clock: Clock, only: frozenset[Process]) -> str | None:
    """None where everything may start to bet; what to tell where open LIVE bets are followed only.

    Raises as check_live.
    """
    if Process.TRACKER in only:
        return start_following(settings, clock)
    check_live(settings, clock)
    return None


def await_port(settings: Settings, clock: Clock, say: Say, *, patience_s: float) -> None:
    """The ports are free, if need be once the children of a supervisor that was killed have left.

    Raises as check_ports.
    """
    deadline = clock.monotonic() + patience_s
    told = False
    while True:
        try:
            return check_ports(settings)
        except UnavailableError:
            if clock.monotonic() >= deadline:
                raise
        if not told:
            say("the last run ended abruptly; waiting for its processes to leave ...")
            told = True
        time.sleep(POLL_S)


class Supervisor:
    """One run of everything."""

    def __init__(
        self,
        settings: Settings,
        say: Say,
        clock: Clock,
        only: frozenset[Process] = EVERYTHING,
        *,
        on_disk: Reread = load_settings,
        ids: Ids = random_id,
        listing: Listing | None = None,
        following: str | None = None,
    ) -> None:
        self._settings = settings
        self._listing = listing
        self._on_disk = on_disk
        self._ids = ids
        self._following = following
        self._sandbox = plan_sandbox(settings)
        self._ownership: Ownership | None = None
        self._only = only
        self._say = unbreakable(say)
        self._clock = clock
        patience = Patience.of(settings.process.heartbeat_s)
        self._fleet = Fleet(clock, unbreakable(_to_console), patience=patience)
        self._page: tuple[str, int] | None = None
        self._stop = asyncio.Event()

    async def run(self) -> None:
        """Start, waits, stops. Raises ChildGaveUpError with the child's sentence."""
        loop = asyncio.get_running_loop()
        on_stop_signals(lambda: loop.call_soon_threadsafe(self._stop_asked))
        begun = self._clock.monotonic()
        redis = RedisKeeper(self._settings)
        await redis.start()
        try:
            self._ownership = await self._begin(redis)
            await self._start_children(redis, self._ownership.run, begun)
            await self._until_over(redis, self._ownership)
        finally:
            await self._stop_all(redis)
        if self._fleet.error is not None:
            raise self._fleet.error

    def _stop_asked(self) -> None:
        if self._stop.is_set():  # asked twice: wait for nobody
            self._fleet.kill()
        self._stop.set()

    async def _begin(self, redis: RedisKeeper) -> Ownership:
        """The run, as the owner of this Redis.

        Raises UnavailableError when another instance owns it.
        """
        ledger = await open_settings_ledger(self._settings, clock=self._clock)
        try:
            identity = await ledger.identity()
        finally:
            await ledger.aclose()
        account = self._sandbox.user if self._sandbox is not None else self._settings.venue.ao_user
        run = new_run(self._settings, self._ids, account=account, ledger_id=identity.ledger_id)
        shared = ledger_is_shared(self._settings)
        ownership = Ownership(
            self._settings, run, self._clock, self._on_disk, several_machines=shared
        )
        try:
            await ownership.begin(redis.url)
        except BaseException:
            await ownership.aclose()
            raise
        return ownership

    async def _start_children(self, redis: RedisKeeper, run: Run, begun: float) -> None:
        sandbox = self._sandbox
        host, port = page_host(self._settings), self._settings.dashboard.dash_port or free_port()
        page, self._page = page_url(host, port), (host, port)
        if self._listing is not None:
            self._listing.tell(redis=without_login(redis.url), page=page)
        lines = banner(
            self._settings,
            page=page,
            redis=redis.description,
            sandbox=sandbox,
            notices=redis.notices,
            following=self._following,
        )
        for line in lines:
            self._say(line)
        capture = str(self._settings.log.capture_raw).lower()
        world = {
            "REDIS_URL": redis.url,
            "DASH_PORT": str(port),
            "LOG_CONSOLE": "warnings",
            "CAPTURE_RAW": capture,
        }
        world |= sandbox.environment if sandbox else {}
        told = hand_over(self._settings, run, world, self._only).encode()
        environment = child_environment()
        if sandbox is not None:
            self._fleet.start([sandbox.spec], environment, told)
        specs = worker_specs(self._settings, self._only)
        self._fleet.start(
            [spec for spec in specs if spec.stage is not Stage.SOURCE], environment, told
        )
        if sandbox is not None:
            await self._await_sandbox(sandbox)
        self._fleet.start([spec for spec in specs if spec.stage is Stage.SOURCE], environment, told)
        if await self._answers(host, port, READY_DEADLINE_S):
            self._say(f"ready after {self._clock.monotonic() - begun:.1f} s: open {page}")
        log.info(
            "started",
            version=__version__,
            mode=self._settings.mode.execution_mode.value,
            pids=self._fleet.pids(),
        )

    async def _await_sandbox(self, plan: SandboxPlan) -> None:
        if not await self._answers(LOOPBACK, plan.port, SANDBOX_DEADLINE_S) and not self._over:
            raise UnavailableError(
                f"the sandbox bookmaker did not begin to answer within {SANDBOX_DEADLINE_S:g} s"
            )

    @property
    def _over(self) -> bool:
        return self._stop.is_set() or self._fleet.failed.is_set()

    async def _until_over(self, redis: RedisKeeper, ownership: Ownership) -> None:
        waits = [
            asyncio.create_task(self._stop.wait()),
            asyncio.create_task(self._fleet.failed.wait()),
            asyncio.create_task(redis.keep_alive()),
            asyncio.create_task(self._watch_page()),
            asyncio.create_task(ownership.hold()),
        ]
        done, pending = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for task in pending:
            task.cancel()
        await asyncio.gather(*pending, return_exceptions=True)
        for task in done:
            task.result()

    async def _watch_page(self) -> None:
        """Has the dashboard killed and started again when it does not answer for long; never
        returns.
        """
        watch = PageWatch(lambda: answers(*self._page) if self._page else _no(), self._clock)
        while True:
            await asyncio.sleep(ASK_PAGE_EVERY_S)
            if await watch.hangs():
                self._fleet.end_hung(Process.DASHBOARD.value, "its page does not answer")

    async def _stop_all(self, redis: RedisKeeper) -> None:
        begun = self._clock.monotonic()
        self._say("stopping ...")
        await self._fleet.stop()
        if self._ownership is not None:
            await self._ownership.end()
        await redis.stop()
        log.info("stopped", seconds=round(self._clock.monotonic() - begun, 2))
        self._say(f"stopped in {self._clock.monotonic() - begun:.1f} s")

    async def _answers(self, host: str, port: int, deadline_s: float) -> bool:
        """Wait until somebody listens there; False when that takes too long, or when everything is
        to stop.
        """
        deadline = self._clock.monotonic() + deadline_s
        while self._clock.monotonic() < deadline and not self._over:
            try:
                _, writer = await asyncio.open_connection(host, port)
            except OSError:
                await asyncio.sleep(POLL_S)
            else:
                writer.close()
                return True
        return False


def unbreakable(say: Say) -> Say:
    """``say`` that goes on when nobody reads any more: a closed terminal must not keep us from
    stopping properly.
    """

    def speak(line: str) -> None:
        with contextlib.suppress(OSError, ValueError):
            say(line)

    return speak


async def _no() -> bool:
    return False


def _to_console(line: str) -> None:
    sys.stderr.write(line + "\n")
    sys.stderr.flush()
