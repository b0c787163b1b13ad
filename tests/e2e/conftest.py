"""A real browser before a real dashboard process over a real Redis and ledger.

Run as a pytest process of its own: the browser's event loop and those of asynchronous tests do not
go together.
"""

import asyncio
import contextlib
import http.client
import os
import random
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from keter.bus.connection import Bus, connect
from keter.clock import SystemClock
from keter.errors import KeterError
from keter.ledger import Ledger
from keter.opening.stores import open_settings_ledger
from keter.settings import Settings, load_settings
from keter.system.addresses import free_port
from tests.kit.console_seed import live_once, seed_bus, seed_ledger
from tests.kit.support import ROOT, RedisServer

ARTIFACTS = ROOT / "test-artifacts"
SIZES = {"wide": (1366, 768), "phone": (390, 844)}
THEMES = ("dark", "light")
START_S = 60
# A busy machine with two cores is slow and not wrong; what must be quick says so beside its
# assertion.
expect.set_options(timeout=10_000)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Debian's Chromium.

    Without one the tests are skipped, unless KETER_E2E_REQUIRED says that this must not happen.
    """
    chromium = (
        shutil.which("chromium")
        or shutil.which("chromium-browser")
        or shutil.which("google-chrome")
    )
    if chromium is None:
        if os.environ.get("KETER_E2E_REQUIRED"):
            pytest.fail("no Chromium on this machine, and KETER_E2E_REQUIRED is set")
        pytest.skip("no Chromium on this machine; scripts/test.sh installs one")
    sandbox = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(
            executable_path=chromium, args=[*sandbox, "--disable-gpu"]
        )
        yield launched
        launched.close()


@dataclass
class Dashboard:
    """One dashboard process with its Redis and ledger."""

    redis: RedisServer
    folder: Path
    environ: dict[str, str]
    port: int
    process: subprocess.Popen[bytes] | None = None
    log: Any = field(default=None, repr=False)
    life: Any = None

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def halt_file(self) -> Path:
        return self.folder / "HALT"

    @property
    def settings(self) -> Settings:
        return load_settings(None, self.environ)

    def start(self) -> None:
        """Start the process and waits until it has something to show, or asks for a password."""
        command = [sys.executable, "-m", "keter", "run", "dashboard"]
        self.log = (self.folder / "stderr").open("ab")
        env = {**os.environ, **self.environ, "PYTHONPATH": str(ROOT / "src")}
        self.process = subprocess.Popen(
            command,
            cwd=self.folder,
            env=env,
            stdout=self.log,
            stderr=self.log,
            stdin=subprocess.PIPE,
        )
        deadline = time.monotonic() + START_S
        while not self.answers():
            if time.monotonic() > deadline or self.process.poll() is not None:
                pytest.fail(
                    f"the dashboard did not start: {(self.folder / 'stderr').read_text()[-2000:]}"
                )
            time.sleep(0.05)

    def answers(self) -> bool:
        try:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=1)
            connection.request("GET", "/api/v1/snapshot")
            return connection.getresponse().status in {200, 401}
        except OSError:
            return False

    def stop(self) -> float:
        """Asks it to stop; seconds until it had."""
        assert self.process is not None
        began = time.monotonic()
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(10)
        if self.process.stdin is not None:
            self.process.stdin.close()
        self.log.close()
        return time.monotonic() - began

    def do(self, work: Callable[[Bus, Ledger], Awaitable[Any]]) -> Any:
        """Run ``work`` on the same Redis and ledger."""

        async def run() -> Any:
            bus = await connect(self.redis.url)
            ledger = await open_settings_ledger(self.settings, clock=SystemClock())
            try:
                return await work(bus, ledger)
            finally:
                await ledger.aclose()
                await bus.aclose()

        # Playwright's own loop runs in this thread, so ours gets another.
        with ThreadPoolExecutor(1) as thread:
            return thread.submit(asyncio.run, run()).result()

    def seed(self, *, count: int = 40, unknown: bool = True) -> None:
        """Return a day that can be shown."""

        async def work(bus: Bus, ledger: Ledger) -> None:
            seed = await seed_ledger(ledger, count=count, unknown=unknown)
            await seed_bus(bus, now=seed.now, missing=frozenset({"dashboard"}))  # a real one beats

        self.do(work)


class Life:
    """The other processes, as far as the console sees them: they beat, feeds answer, prices move,
    until stopped.
    """

    def __init__(self, dashboard: Dashboard) -> None:
        self._dashboard = dashboard
        self._stop = threading.Event()
        self.missing: frozenset[str] = frozenset({"dashboard"})
        self.revision: int | None = None
        self._thread = threading.Thread(target=lambda: asyncio.run(self._live()), daemon=True)
        self._thread.start()

    async def _live(self) -> None:
        bus = await connect(self._dashboard.redis.url)
        numbers = random.Random(7)
        while not self._stop.is_set():
            with contextlib.suppress(KeterError):
                await live_once(bus, numbers, missing=self.missing, revision=self.revision)
            await asyncio.sleep(0.5)
        await bus.aclose()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(10)


StartDashboard = Callable[..., Dashboard]


@contextlib.contextmanager
def dashboards(folder: Path) -> Iterator[StartDashboard]:
    """Dashboards with settings of choice, each with a Redis of its own."""
    running: list[Dashboard] = []
    lives: list[Life] = []

    def start(*, seed: bool = True, alive: bool = True, **environ: str) -> Dashboard:
        redis, port = RedisServer(), free_port()
        values = {
            "DATA_DIR": str(folder / "data"),
            "HALT_FILE": str(folder / "HALT"),
            "DASH_PORT": str(port),
            "REDIS_URL": redis.url,
            "LOG_CONSOLE": "warnings",
            "AO_USER": "demo",
            "AO_PASS": "made-up",
            **environ,
        }
        (folder / "data").mkdir(exist_ok=True)
        dashboard = Dashboard(redis, folder, values, port)
        if seed:
            dashboard.seed()
        if alive:
            dashboard.life = Life(dashboard)
            lives.append(dashboard.life)
        running.append(dashboard)
        dashboard.start()
        return dashboard

    try:
        yield start
    finally:
        for life in lives:
            life.stop()
        for dashboard in running:
            dashboard.stop()
            dashboard.redis.close()


@pytest.fixture
def start_dashboard(tmp_path: Path) -> Iterator[StartDashboard]:
    """Dashboards of one test."""
    with dashboards(tmp_path) as start:
        yield start


@pytest.fixture(scope="session")
def gallery(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dashboard]:
    """One dashboard for all tests that only look: DRY, no password, a day of data. Nothing in it
    may be commanded.
    """
    with dashboards(tmp_path_factory.mktemp("gallery")) as start:
        yield start()


@pytest.fixture
def dashboard(start_dashboard: StartDashboard) -> Dashboard:
    """DRY, loopback, no password, a day of data."""
    return start_dashboard()


@dataclass
class Tab:
    """A page whose complaints are kept; ``quiet`` fails on any of them."""

    page: Page
    complaints: list[str]

    def quiet(self, *allowed: str) -> None:
        left = [text for text in self.complaints if not any(word in text for word in allowed)]
        assert not left, left


OpenTab = Callable[..., Tab]


@pytest.fixture
def open_tab(browser: Browser) -> Iterator[OpenTab]:
    """Open a page of a size and theme; everything it complains of on the console is collected.

    ``before`` prepares it.
    """
    contexts: list[BrowserContext] = []

    def open_(
        address: str,
        *,
        size: str = "wide",
        theme: str = "dark",
        context: BrowserContext | None = None,
        before: Callable[[Page], None] | None = None,
        **options: Any,
    ) -> Tab:
        width, height = SIZES[size]
        if context is None:
            chosen: dict[str, Any] = {
                "viewport": {"width": width, "height": height},
                "color_scheme": theme,
                **options,
            }
            context = browser.new_context(**chosen)
            contexts.append(context)
        page = context.new_page()
        complaints: list[str] = []
        page.on(
            "console",
            lambda message: (
                complaints.append(message.text) if message.type in {"error", "warning"} else None
            ),
        )
        page.on("pageerror", lambda error: complaints.append(str(error)))
        if before is not None:
            before(page)
        page.goto(address)
        return Tab(page, complaints)

    yield open_
    for context in contexts:
        context.close()


def picture(page: Page, name: str) -> Path:
    """Keep a screenshot where people can look at it."""
    ARTIFACTS.mkdir(exist_ok=True)
    path = ARTIFACTS / f"{name}.png"
    page.screenshot(path=path)
    return path
