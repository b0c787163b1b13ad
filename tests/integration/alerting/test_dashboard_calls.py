"""The dashboard process really calls for help: what stands in Redis reaches the configured channels without anybody asking."""

import asyncio
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest

from keter.bus.alerts import Alert, raise_alert
from keter.workers.dashboard import run
from tests.integration.alerting.test_webhook import Receiver, receiver
from tests.integration.workbench import context_on, opened, settings_for, working
from tests.support import eventually, free_port


async def test_the_page_does_not_wait_for_libraries_that_load_for_seconds(
    redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """aiogram takes longer to load than everything else together: it loads while the page is served."""
    loaded, may_load = threading.Event(), threading.Event()

    def slowly(name: str) -> None:
        may_load.wait(20)
        loaded.set()

    monkeypatch.setattr("keter.alerting.build.import_module", slowly)
    async with opened(redis_url) as bus:
        token = "1234567890:" + "canary" * 6
        settings = settings_for(tmp_path, TELEGRAM_BOT_TOKEN=token, TELEGRAM_USER_IDS="7", TELEGRAM_API_URL="http://127.0.0.1:9",
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


async def test_an_alert_that_stands_is_told_by_the_running_dashboard(redis_url: str, tmp_path: Path) -> None:
    box = Receiver(200)
    async with receiver(box) as url, opened(redis_url) as bus:
        settings = settings_for(tmp_path, ALERT_WEBHOOK_URL=url, DASH_PORT=free_port())
        await raise_alert(bus, Alert("unknown-bets", "page", "Bets with unknown outcome", "1 bet", datetime.now(UTC)))
        async with working(context_on(bus, settings, "dashboard"), run):
            await eventually(lambda: any(content["alert"] == "unknown-bets" for _, content in box.posts))
