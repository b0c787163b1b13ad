"""A console over a real Redis and a real SQLite ledger, reached over real HTTP."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from keter.bus.connection import Bus
from keter.clock import SystemClock, random_id
from keter.dashboard.app import make_app, serving
from keter.dashboard.app_context import AppContext
from keter.dashboard.ledgers import LazyLedgers
from keter.dashboard.wiring import build_app_context
from keter.ledger import Ledger
from keter.opening.stores import open_settings_ledger
from keter.settings import Settings, load_settings
from keter.system.addresses import free_port
from tests.kit.support import connected


@dataclass
class Console:
    """One running console and a client that behaves like its page."""

    context: AppContext
    bus: Bus
    ledger: Ledger
    settings: Settings
    port: int
    http: aiohttp.ClientSession
    token: str | None = None

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def page_headers(self) -> dict[str, str]:
        return {"Origin": self.base, "X-Requested-By": "keter", **self.cookie}

    @property
    def cookie(self) -> dict[str, str]:
        """The login as a header: a browser sends a Secure cookie to loopback, aiohttp's client does
        not.
        """
        return {"Cookie": f"__Host-sid={self.token}"} if self.token else {}

    async def login(self, user: str, password: str) -> None:
        body = {"user": user, "password": password}
        async with self.http.post(
            self.base + "/api/v1/login", json=body, headers=self.page_headers
        ) as answer:
            assert answer.status == 200, await answer.text()
            self.token = answer.cookies["__Host-sid"].value

    async def get(self, path: str) -> tuple[int, Any]:
        async with self.http.get(self.base + path, headers=self.cookie) as answer:
            return answer.status, await answer.json()

    async def post(
        self, path: str, body: object, headers: dict[str, str] | None = None
    ) -> tuple[int, Any]:
        chosen = self.page_headers if headers is None else headers
        async with self.http.post(self.base + path, json=body, headers=chosen) as answer:
            return answer.status, await answer.json()


StartConsole = Callable[..., Awaitable[Console]]


@pytest.fixture
async def start_console(redis_url: str, tmp_path: Path) -> AsyncIterator[StartConsole]:
    """Start consoles with settings of choice; all end with the test."""
    stops: list[Callable[[], Awaitable[None]]] = []

    async def start(**environ: str) -> Console:
        port = free_port()
        values = {
            "DATA_DIR": str(tmp_path / "data"),
            "HALT_FILE": str(tmp_path / "HALT"),
            "DASH_PORT": str(port),
            "REDIS_URL": redis_url,
            "AO_USER": "demo",
            "AO_PASS": "made-up",
            **environ,
        }
        settings = load_settings(None, values)
        clock, stop = SystemClock(), asyncio.Event()
        bus = await connected(settings.redis.redis_url.get_secret_value())
        (tmp_path / "data").mkdir(exist_ok=True)
        ledger = await open_settings_ledger(settings, clock=clock)
        ledgers = LazyLedgers(settings, clock)
        context = build_app_context(settings, bus, ledgers, clock, random_id)
        hubs = [asyncio.create_task(one.hub.run(stop)) for one in context.accounts]
        server = serving(make_app(context), "127.0.0.1", port)
        await server.__aenter__()
        http = aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True))

        async def end() -> None:
            stop.set()
            await http.close()
            await server.__aexit__(None, None, None)
            await asyncio.gather(*hubs)
            await ledgers.aclose()
            await ledger.aclose()
            await bus.aclose()

        stops.append(end)
        return Console(context, bus, ledger, settings, port, http)

    yield start
    for end in stops:
        await end()


@pytest.fixture
async def console(start_console: StartConsole) -> Console:
    """Return the console as it comes: loopback, no password."""
    return await start_console()
