"""One run of everything: Redis, the sandbox where there is no account, and every process.

They stop in the order in which a signal flows: ingest first, Redis last.
"""

import asyncio
import contextlib
import sys
from collections.abc import Callable

import structlog

from keter import __version__
from keter.bus.connection import without_login
from keter.clock import Clock, Ids, random_id
from keter.domain.processes import EVERYTHING, Process, Stage
from keter.domain.runs import Run
from keter.errors import UnavailableError
from keter.opening.stores import ledger_is_shared, open_settings_ledger
from keter.redis_server.service import RedisService
from keter.settings import Settings, child_environment, load_settings
from keter.supervision.children import Fleet
from keter.supervision.handover import hand_over
from keter.supervision.instances import Listing
from keter.supervision.launch import SandboxPlan, banner, page_host, plan_sandbox, worker_specs
from keter.supervision.liveness import ASK_PAGE_EVERY_S, PageWatch, SilenceLimits, page_answers
from keter.supervision.ownership import Ownership, Reread
from keter.supervision.run import new_run
from keter.system.addresses import LOOPBACK, free_port, http_url
from keter.system.process import on_stop_signals
from keter.system.tasks import run_until

READY_DEADLINE_S = 30.0
SANDBOX_DEADLINE_S = 20.0
POLL_S = 0.1

log = structlog.get_logger("keter.supervision.supervisor")
Say = Callable[[str], None]


class Supervisor:
    """One run of everything.

    ``on_disk`` reads the settings again, to compare them with those in force.
    ``following`` is the sentence to report where open LIVE bets are followed and nothing is bet.
    """

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
        limits = SilenceLimits.of(settings.process.heartbeat_s)
        self._fleet = Fleet(clock, unbreakable(_to_console), limits=limits)
        self._page = page_host(settings), settings.dashboard.dash_port
        self._stop = asyncio.Event()

    async def run(self) -> None:
        """Start everything, wait until it is to stop, stop it.

        Raises ChildGaveUpError with the child's sentence, UnavailableError where Redis or the
        sandbox cannot be used.
        """
        loop = asyncio.get_running_loop()
        on_stop_signals(lambda: loop.call_soon_threadsafe(self._stop_asked))
        began = self._clock.monotonic()
        redis = RedisService(self._settings)
        await redis.start()
        try:
            self._ownership = await self._begin(redis)
            # A free port is looked for when Redis has its own.
            self._page = self._page[0], self._page[1] or free_port()
            self._announce(redis)
            await self._start_children(redis, self._ownership.run)
            await self._report_ready(began)
            await self._until_over(redis, self._ownership)
        finally:
            await self._stop_all(redis)
        if self._fleet.error is not None:
            raise self._fleet.error

    def _stop_asked(self) -> None:
        if self._stop.is_set():  # asked twice: wait for nobody
            self._fleet.kill()
        self._stop.set()

    async def _begin(self, redis: RedisService) -> Ownership:
        """Make the run and claim this Redis for it.

        Raises UnavailableError when another instance owns it.
        """
        ledger = await open_settings_ledger(self._settings, clock=self._clock)
        try:
            identity = await ledger.identity()
        finally:
            await ledger.aclose()
        run = new_run(self._settings, self._ids, ledger_id=identity.ledger_id)
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

    def _announce(self, redis: RedisService) -> None:
        page = http_url(*self._page)
        if self._listing is not None:
            self._listing.write(redis=without_login(redis.url), page=page)
        lines = banner(
            self._settings,
            page=page,
            redis=redis.description,
            sandbox=self._sandbox,
            notices=redis.notices,
            following=self._following,
        )
        for line in lines:
            self._say(line)

    async def _start_children(self, redis: RedisService, run: Run) -> None:
        """Start the sandbox and the workers. The sources come last, after what they feed."""
        sandbox = self._sandbox
        overrides = {
            "REDIS_URL": redis.url,
            "DASH_PORT": str(self._page[1]),
            "LOG_CONSOLE": "warnings",
            "CAPTURE_RAW": str(self._settings.log.capture_raw).lower(),
        }
        overrides |= sandbox.environment if sandbox else {}
        handover = hand_over(self._settings, run, overrides, self._only).encode()
        environment = child_environment()
        specs = worker_specs(self._settings, self._only)
        sources = [spec for spec in specs if spec.stage is Stage.SOURCE]
        others = [spec for spec in specs if spec.stage is not Stage.SOURCE]
        if sandbox is not None:
            self._fleet.start([sandbox.spec], environment, handover)
        self._fleet.start(others, environment, handover)
        if sandbox is not None:
            await self._await_sandbox(sandbox)
        self._fleet.start(sources, environment, handover)

    async def _report_ready(self, began: float) -> None:
        if await self._answers(*self._page, READY_DEADLINE_S):
            seconds = self._clock.monotonic() - began
            self._say(f"ready after {seconds:.1f} s: open {http_url(*self._page)}")
        log.info(
            "started",
            version=__version__,
            mode=self._settings.account.mode.value,
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

    async def _until_over(self, redis: RedisService, ownership: Ownership) -> None:
        await run_until(
            self._stop,
            self._fleet.failed.wait(),
            redis.keep_alive(),
            self._watch_page(),
            ownership.hold(),
        )

    async def _watch_page(self) -> None:
        """Have the dashboard killed and started again when it does not answer. Never returns."""
        watch = PageWatch(lambda: page_answers(*self._page), self._clock)
        while True:
            await asyncio.sleep(ASK_PAGE_EVERY_S)
            if await watch.hangs():
                self._fleet.end_hung(Process.DASHBOARD.value, "its page does not answer")

    async def _stop_all(self, redis: RedisService) -> None:
        began = self._clock.monotonic()
        self._say("stopping ...")
        await self._fleet.stop()
        if self._ownership is not None:
            await self._ownership.end()
        await redis.stop()
        log.info("stopped", seconds=round(self._clock.monotonic() - began, 2))
        self._say(f"stopped in {self._clock.monotonic() - began:.1f} s")

    async def _answers(self, host: str, port: int, deadline_s: float) -> bool:
        """Wait until somebody listens there.

        Return False when that takes too long, or when everything is to stop.
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
    """Return a ``say`` that goes on when nobody reads any more.

    A closed terminal must not keep us from stopping in order.
    """

    def speak(line: str) -> None:
        with contextlib.suppress(OSError, ValueError):
            say(line)

    return speak


def _to_console(line: str) -> None:
    sys.stderr.write(line + "\n")
    sys.stderr.flush()
