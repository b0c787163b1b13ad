"""The history of alerts: what the ledger refuses of it keeps nothing else from being written
down.
"""

from datetime import UTC, datetime
from pathlib import Path

import structlog

from keter.clock import ManualClock
from keter.dashboard.alert_history import AlertHistory
from keter.domain.alerts import Alert
from keter.ledger import Alerts, Ledger, open_ledger

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def alert(name: str) -> Alert:
    return Alert(name, "page", name, "", NOW)


async def names(ledger: Ledger) -> set[str]:
    return {row.alert_id for row in await ledger.alerts.history()}


async def test_an_alert_that_the_ledger_refuses_does_not_hold_up_those_behind_it(
    tmp_path: Path,
) -> None:
    ledger = await open_ledger(f"sqlite:///{tmp_path}/ledger.db", clock=ManualClock(NOW))

    async def alerts() -> Alerts:
        return ledger.alerts

    history = AlertHistory(alerts)
    no_text = "ledger-\udcff"  # as a file's name may be that is no text
    history.note([alert(no_text), alert("disk-full")], NOW)
    with structlog.testing.capture_logs() as logs:
        await history.write(NOW, all_known=False)
    try:
        assert await names(ledger) == {"disk-full"}
        assert [line["event"] for line in logs] == ["alert_not_stored"]
    finally:
        await ledger.aclose()
