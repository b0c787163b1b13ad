"""The dashboard process really calls for help: what stands in Redis reaches the configured channels without anybody asking."""

from datetime import UTC, datetime
from pathlib import Path

from keter.bus.alerts import Alert, raise_alert
from keter.workers.dashboard import run
from tests.integration.alerting.test_webhook import Receiver, receiver
from tests.integration.workbench import context_on, opened, settings_for, working
from tests.support import eventually, free_port


async def test_an_alert_that_stands_is_told_by_the_running_dashboard(redis_url: str, tmp_path: Path) -> None:
    box = Receiver(200)
    async with receiver(box) as url, opened(redis_url) as bus:
        settings = settings_for(tmp_path, ALERT_WEBHOOK_URL=url, DASH_PORT=free_port())
        await raise_alert(bus, Alert("unknown-bets", "page", "Bets with unknown outcome", "1 bet", datetime.now(UTC)))
        async with working(context_on(bus, settings, "dashboard"), run):
            await eventually(lambda: any(content["alert"] == "unknown-bets" for _, content in box.posts))
