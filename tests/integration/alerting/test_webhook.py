"""The webhook against a real HTTP server: what arrives, how often it is tried, and that its address
is never told.
"""

import asyncio
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
from aiohttp import web

from keter.alerting.channels import DeliveryError
from keter.alerting.texts import Kind, StatusLine, message_of
from keter.alerting.webhook import WebhookChannel
from keter.domain.alerts import Alert
from keter.system.addresses import free_port

SECRET = "canary-webhook-4711"
AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
MESSAGE = message_of(
    Kind.NEW,
    Alert("feed_stale:ACC:live", "page", "The feed is stale", "70 s", AT, "Look at it."),
    AT,
)
POSITION = StatusLine("LIVE", "ACTIVE", "EUR", 3, "120.00", 1, "-4.50")
Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def receiver(answer: Answer) -> AsyncIterator[str]:
    async def handle(request: web.Request) -> web.StreamResponse:
        return await answer(request)

    app = web.Application()
    app.router.add_post(f"/{SECRET}", handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    port = free_port()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    yield f"http://127.0.0.1:{port}/{SECRET}"
    await runner.cleanup()


class Receiver:
    """Answers with the given status codes in turn, the last one for ever."""

    def __init__(self, *statuses: int) -> None:
        self.statuses = list(statuses)
        self.posts: list[tuple[str, dict[str, Any]]] = []

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        self.posts.append((request.headers["Idempotency-Key"], await request.json()))
        return web.Response(
            status=self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
        )


async def send(url: str, **options: float) -> None:
    channel = WebhookChannel(url, wait_s=0.01, **options)
    try:
        await channel.send(MESSAGE, POSITION)
    finally:
        await channel.aclose()


async def test_what_arrives_says_what_is_wrong_what_is_at_risk_and_where_to_read_on() -> None:
    box = Receiver(200)
    async with receiver(box) as url:
        await send(url)
    [(key, content)] = box.posts
    assert key == content["id"] == MESSAGE.message_id
    assert (content["alert"], content["level"], content["kind"]) == (
        "feed_stale:ACC:live",
        "page",
        "new",
    )
    assert content["runbook"] == "docs/runbooks/feed-stale.md"
    for part in (
        "PAGE: The feed is stale",
        "70 s",
        "3 open",
        "EUR 120.00",
        "1 UNKNOWN",
        "-4.50",
        "keter halt",
        "feed-stale.md",
    ):
        assert part in content["text"]


async def test_a_server_in_trouble_is_tried_three_times_under_one_id() -> None:
    box = Receiver(503, 429, 200)
    async with receiver(box) as url:
        await send(url)
    assert len({key for key, _ in box.posts}) == 1
    assert len(box.posts) == 3


async def test_it_gives_up_after_three_tries() -> None:
    box = Receiver(500)
    async with receiver(box) as url:
        with pytest.raises(DeliveryError, match="answered 500"):
            await send(url)
    assert len(box.posts) == 3


@pytest.mark.parametrize("status", [302, 400, 404])
async def test_a_clear_no_is_not_argued_with(status: int) -> None:
    box = Receiver(status)
    async with receiver(box) as url:
        with pytest.raises(DeliveryError, match=f"answered {status}"):
            await send(url)
    assert len(box.posts) == 1


async def test_a_silent_server_costs_no_more_than_the_deadline() -> None:
    released = asyncio.Event()

    async def silent(request: web.Request) -> web.StreamResponse:
        await released.wait()
        return web.Response()

    async with receiver(silent) as url:
        with pytest.raises(DeliveryError, match="within"):
            await send(url, deadline_s=0.3)
        released.set()


@pytest.mark.parametrize(
    "url", [f"http://127.0.0.1:9/{SECRET}", f"nonsense://{SECRET}", f"http://[{SECRET}", SECRET]
)
async def test_the_address_is_in_no_error(url: str) -> None:
    with pytest.raises(DeliveryError) as caught:
        await send(url)
    assert SECRET not in "".join(traceback.format_exception(caught.value))
