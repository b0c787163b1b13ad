"""The dashboard process really calls for help: what stands in Redis reaches the configured channels
without anybody asking.
"""

import asyncio
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from aiohttp import web

from keter.bus.state.trading import read_trading
from keter.bus.telemetry.alerts import raise_alert
from keter.domain.alerts import Alert
from keter.domain.trading import TradingMode
from keter.processes.dashboard import run
from keter.system.addresses import free_port
from tests.integration.alerting.test_webhook import Receiver, receiver
from tests.kit.support import eventually
from tests.kit.workbench import context_on, opened, settings_for, working

TOKEN = "1234567890:" + "canary" * 6


class TelegramServer:
    """Telegram's side of the Bot API over HTTP, for one bot: hands out what was said, keeps what is
    sent.
    """

    def __init__(self, *said: tuple[int, int, str, str]) -> None:
        self._said = list(said)
        self.sent: list[tuple[str, str]] = []

    async def answer(self, request: web.Request) -> web.StreamResponse:
        fields = await request.post()
        if request.path == f"/bot{TOKEN}/getUpdates":
            fresh = [
                self._update(n) for n in range(int(str(fields.get("offset", 0))), len(self._said))
            ]
            if not fresh:
                await asyncio.Event().wait()
            return web.json_response({"ok": True, "result": fresh})
        self.sent.append((str(fields["chat_id"]), str(fields["text"])))
        message = {
            "message_id": 1,
            "date": 0,
            "chat": {"id": int(str(fields["chat_id"])), "type": "private"},
        }
        return web.json_response({"ok": True, "result": message})

    def _update(self, number: int) -> dict[str, object]:
        user, chat, kind, text = self._said[number]
        sender = {"id": user, "is_bot": False, "first_name": "x"}
        return {
            "update_id": number,
            "message": {
                "message_id": number,
                "date": int(time.time()),
                "text": text,
                "from": sender,
                "chat": {"id": chat, "type": kind},
            },
        }

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[str]:
        app = web.Application()
        app.router.add_post("/{tail:.*}", self.answer)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        port = free_port()
        await web.TCPSite(runner, "127.0.0.1", port).start()
        yield f"http://127.0.0.1:{port}"
        await runner.cleanup()


@pytest.mark.slow
async def test_a_listed_user_halts_and_looks_over_telegram_and_nobody_else_is_heard(
    redis_url: str, tmp_path: Path
) -> None:
    """The running dashboard, aiogram's own client, HTTP: a stranger, a group, then the operator in
    a chat of his own.
    """
    telegram = TelegramServer(
        (8, 8, "private", "/resume"),
        (7, -100, "group", "/resume"),
        (7, 7, "private", "/halt odd prices"),
        (7, 7, "private", "/status"),
    )
    async with telegram.serving() as url, opened(redis_url) as bus:
        settings = settings_for(
            tmp_path,
            TELEGRAM_BOT_TOKEN=TOKEN,
            TELEGRAM_USER_IDS="7",
            TELEGRAM_API_URL=url,
            DASH_PORT=free_port(),
        )
        async with working(context_on(bus, settings, "dashboard"), run):
            await eventually(lambda: len(told(telegram)) >= 2, timeout_s=60)
        view = await read_trading(bus, datetime.now(UTC))
    assert {chat for chat, _ in telegram.sent} == {"7"}
    halted, status = told(telegram)
    assert halted.startswith("halted: no new bets")
    assert status.startswith("HALTED (stopped by the HALT file)")
    assert "odd prices" in settings.router.halt_file.read_text()
    assert view.state is not None
    assert (view.state.mode, view.state.actor) == (TradingMode.HALTED, "telegram:7")


def told(telegram: TelegramServer) -> list[str]:
    """Return the answers, without alerts and signs of life, which go to the same chat."""
    return [text for _, text in telegram.sent if text.lower().startswith("halted")]


async def test_the_page_does_not_wait_for_libraries_that_load_for_seconds(
    redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """aiogram takes longer to load than everything else together: it loads while the page is
    served.
    """
    loaded, may_load = threading.Event(), threading.Event()

    def slowly(name: str) -> None:
        may_load.wait(20)
        loaded.set()

    monkeypatch.setattr("keter.alerting.build.import_module", slowly)
    async with opened(redis_url) as bus:
        settings = settings_for(tmp_path, TELEGRAM_BOT_TOKEN=TOKEN, TELEGRAM_USER_IDS="7", TELEGRAM_API_URL="http://127.0.0.1:9",
                                DASH_PORT=free_port())  # fmt: skip
        async with working(context_on(bus, settings, "dashboard"), run):
            port = settings.dashboard.dash_port

            async def answers() -> bool:
                try:
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                except OSError:
                    return False
                writer.close()
                return True

            await eventually(answers)
            assert not loaded.is_set()
            may_load.set()
            await eventually(loaded.is_set)


async def test_an_alert_that_stands_is_told_by_the_running_dashboard(
    redis_url: str, tmp_path: Path
) -> None:
    box = Receiver(200)
    async with receiver(box) as url, opened(redis_url) as bus:
        settings = settings_for(tmp_path, ALERT_WEBHOOK_URL=url, DASH_PORT=free_port())
        await raise_alert(
            bus,
            Alert("unknown-bets", "page", "Bets with unknown outcome", "1 bet", datetime.now(UTC)),
        )
        async with working(context_on(bus, settings, "dashboard"), run):
            await eventually(
                lambda: any(content["alert"] == "unknown-bets" for _, content in box.posts)
            )
