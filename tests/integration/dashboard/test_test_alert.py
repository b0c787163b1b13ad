"""The button "Send a test alert": it really goes out, says what happened, and belongs to
operators.
"""

from aiohttp import web

from keter.dashboard.app import all_routes
from keter.dashboard.routes import Scope
from tests.integration.alerting.test_webhook import SECRET, Receiver, receiver
from tests.integration.dashboard.conftest import Console, StartConsole


async def test_a_test_alert_reaches_the_webhook_and_the_answer_says_so(
    start_console: StartConsole,
) -> None:
    box = Receiver(200)
    async with receiver(box) as url:
        console = await start_console(ALERT_WEBHOOK_URL=url)
        status, answer = await console.post("/api/v1/alerts/test", {})
    assert (status, answer["sent"], answer["failed"]) == (200, ["log", "webhook"], {})
    assert answer["sentence"] == "Sent to log, webhook."
    [(_, content)] = box.posts
    assert (content["kind"], content["runbook"]) == ("test", "docs/runbooks/test-alert.md")


async def test_a_channel_that_fails_is_named_without_its_address(
    start_console: StartConsole,
) -> None:
    async def refuse(request: web.Request) -> web.StreamResponse:
        return web.Response(status=404)

    async with receiver(refuse) as url:
        console = await start_console(ALERT_WEBHOOK_URL=url)
        status, answer = await console.post("/api/v1/alerts/test", {})
    assert status == 200
    assert answer["failed"] == {"webhook": "the webhook answered 404"}
    assert SECRET not in str(answer)


async def test_it_cannot_be_used_to_ring_all_day(console: Console) -> None:
    first, _ = await console.post("/api/v1/alerts/test", {})
    second, answer = await console.post("/api/v1/alerts/test", {})
    assert (first, second, answer["error"]["code"]) == (200, 429, "slow_down")


async def test_it_needs_an_operator(console: Console) -> None:
    [route] = [
        route for route in all_routes(console.context) if route.path == "/api/v1/alerts/test"
    ]
    assert (route.method, route.scope) == ("POST", Scope.OPERATE)
