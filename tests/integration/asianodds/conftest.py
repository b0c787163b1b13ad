"""A sandbox bookmaker on loopback and an account opened on it, over real HTTP and, where asked for,
a real Redis.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import Any

import pytest

from keter.clock import SystemClock
from keter.domain.markets import Phase
from keter.opening import venues
from keter.settings import Settings, load_settings
from keter.venues.asianodds.factory import OpenVenue, Stores
from keter.venues.asianodds.simulator.config import BettingConfig, ProtocolConfig, SandboxConfig
from keter.venues.asianodds.simulator.server import Sandbox
from keter.venues.asianodds.transport import Reply, Transport
from tests.kit.local_stores import LocalStores

FAST = 0.02
INTERVALS = {Phase.LIVE: 5 * FAST, Phase.TODAY: 10 * FAST, Phase.EARLY: 20 * FAST}
OpenSandbox = Callable[..., Awaitable[Sandbox]]
OpenAccount = Callable[..., OpenVenue]


class Impatient(Transport):
    """Waits a second at most, whatever it is told."""

    async def send(self, method: str, url: str, *, timeout_s: float, **more: Any) -> Reply:
        return await super().send(method, url, timeout_s=min(timeout_s, 1.0), **more)


def settings_of(sandbox: Sandbox) -> Settings:
    account = {
        "AO_USER": "SANDBOX",
        "AO_PASS": "sandbox",
        "AO_BASE_URL": sandbox.url,
        "HTTP_TIMEOUT_S": "5",
        "MAX_ANSWER_MB": "32",
    }
    return load_settings(None, account)


@pytest.fixture
async def open_sandbox() -> AsyncIterator[OpenSandbox]:
    """Start sandboxes whose clocks, throttles and bookmakers are quick; they stop with the
    test.
    """
    async with AsyncExitStack() as stack:

        async def start(protocol: ProtocolConfig | None = None, **options: Any) -> Sandbox:
            quick: dict[str, Any] = {
                "feed_interval_scale": FAST,
                "delay_scale": 0.01,
                "betting": BettingConfig(
                    refusal_rate=0.0, refusal_by_book={}, quote_drift_rate=0.0
                ),
                "protocol": protocol or ProtocolConfig(),
            }
            quick.update(options)
            return await stack.enter_async_context(Sandbox(SandboxConfig(**quick)))

        yield start


@pytest.fixture
async def open_account() -> AsyncIterator[OpenAccount]:
    """Open the demonstration account of a sandbox; closed with the test."""
    async with AsyncExitStack() as stack:

        def opened(
            sandbox: Sandbox,
            *,
            stores: Stores | None = None,
            owner: bool = True,
            impatient: bool = False,
        ) -> OpenVenue:
            clock = SystemClock()
            local = LocalStores(clock.monotonic)
            settings = settings_of(sandbox)
            shared = stores if stores is not None else Stores(local, local, local)
            transport = Impatient() if impatient else None
            venue = venues.open_account(
                settings,
                settings.account,
                shared,
                clock,
                owner=owner,
                feed_interval_s=INTERVALS,
                transport=transport,
                final_after=timedelta(seconds=1),
            )
            stack.push_async_callback(venue.aclose)
            return venue

        yield opened
