"""Alerts rise and are resolved."""

from datetime import timedelta

from keter.ledger import Ledger
from tests.kit.execution import NOW


async def test_an_alert_is_open_once_and_may_rise_again(ledger: Ledger) -> None:
    assert await ledger.alerts.opened("a", level="page", title="t", detail="1", at=NOW)
    assert not await ledger.alerts.opened(
        "a", level="page", title="t", detail="2", at=NOW + timedelta(seconds=5)
    )
    assert await ledger.alerts.open_ids() == {"a"}
    assert await ledger.alerts.closed("a", at=NOW + timedelta(seconds=9))
    assert await ledger.alerts.open_ids() == set()
    assert not await ledger.alerts.closed("a", at=NOW)
    assert await ledger.alerts.opened(
        "a", level="page", title="t", detail="3", at=NOW + timedelta(seconds=20)
    )
    history = await ledger.alerts.history()
    assert [(row.detail, row.opened_at, row.closed_at is None) for row in history] == [
        ("3", NOW + timedelta(seconds=20), True),
        ("2", NOW, False),
    ]
