"""The sandbox as a server: ``async with Sandbox(config) as sb: sb.url``."""

import asyncio
from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Any, Self

from aiohttp import web

from keter.clock import Clock, SystemClock
from keter.errors import UnavailableError
from keter.venues.asianodds.simulator.book import Book
from keter.venues.asianodds.simulator.config import SERVICE, SandboxConfig
from keter.venues.asianodds.simulator.control import Control, refuse_web_pages
from keter.venues.asianodds.simulator.faults import Faults
from keter.venues.asianodds.simulator.house import House, ScenarioFactory, default_scenario
from keter.venues.asianodds.simulator.web import Service

_ADVANCE_EVERY_S = 0.25
_MAX_BODY = 2**20


class Sandbox:
    """A bookmaker on loopback. Time is ``clock``'s: with a ManualClock a test sets it.

    ``book`` is the truth about tickets and money; ``faults`` is what goes wrong on request.
    """

    def __init__(
        self,
        config: SandboxConfig | None = None,
        *,
        clock: Clock | None = None,
        faults: Iterable[Mapping[str, Any]] = (),
        scenario: ScenarioFactory = default_scenario,
    ) -> None:
        self.config = config or SandboxConfig()
        self.house = House(self.config, clock or SystemClock(), scenario)
        self.house.faults.add(*faults)
        self._ports: list[int] = []
        self._runner: web.AppRunner | None = None
        self._clock_task: asyncio.Task[None] | None = None

    @property
    def book(self) -> Book:
        """The bookmaker's ledger, up to date as of the clock."""
        self.house.now()
        return self.house.book

    @property
    def faults(self) -> Faults:
        return self.house.faults

    @property
    def port(self) -> int:
        return self._ports[0]

    @property
    def url(self) -> str:
        """The service root that clients are given."""
        return self._root(self.port) + f"/{SERVICE}"

    @property
    def control_url(self) -> str:
        return self._root(self.port) + "/sandbox"

    def _root(self, port: int) -> str:
        return f"http://{self.config.host}:{port}"

    async def start(self) -> None:
        """Listen and let time pass. Raises UnavailableError when the port is taken."""
        app = web.Application(client_max_size=_MAX_BODY, middlewares=[refuse_web_pages])
        Control(self.house).add_to(app.router)
        app.router.add_route(
            "*", "/{service}/{method:.*}", Service(self.house, self._base_url, self._serves).handle
        )
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        try:
            await self._listen(self._runner, self.config.port)
            if self.config.protocol.second_port:
                await self._listen(self._runner, 0)
        except OSError as e:
            await self._runner.cleanup()
            raise UnavailableError(
                f"the sandbox cannot listen on {self.config.host}:{self.config.port}:"
                f" {e.strerror or e}; choose another port"
            ) from e
        self._clock_task = asyncio.create_task(self._keep_time(), name="sandbox-clock")

    async def _listen(self, runner: web.AppRunner, port: int) -> None:
        site = web.TCPSite(runner, self.config.host, port)
        await site.start()
        self._ports.append(runner.addresses[-1][1])

    def _serves(self, request: web.Request, route: str) -> bool:
        """Return whether this port serves the method: of two, the first one only logs in."""
        if len(self._ports) == 1 or route == "login" or request.transport is None:
            return True
        address: tuple[str, int] = request.transport.get_extra_info("sockname")
        return address[1] == self._ports[-1]

    def _base_url(self) -> str:
        """Return what Login gives out as Url: the second port where there is one."""
        return self._root(self._ports[-1]) + f"/{SERVICE}"

    async def _keep_time(self) -> None:
        """Let matches and bets go on while nobody asks."""
        while not self.house.stopping.is_set():
            self.house.now()
            await self.house.pause(_ADVANCE_EVERY_S)

    async def stop(self) -> None:
        """End answers in progress and free the port."""
        self.house.stopping.set()
        if self._clock_task is not None:
            await self._clock_task
        if self._runner is not None:
            await self._runner.cleanup()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.stop()
