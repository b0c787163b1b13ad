"""Balances come back as they were written."""

from datetime import timedelta

from keter.domain.tickets import AccountSnapshot
from keter.ledger import Ledger
from tests.kit.execution import ACCOUNT, NOW


async def test_balances_come_oldest_first(ledger: Ledger) -> None:
    rows = [
        AccountSnapshot(ACCOUNT, "EUR", n, 0, 0, 0, NOW + timedelta(seconds=n)) for n in range(5)
    ]
    for row in rows:
        await ledger.accounts.add(row)
    assert (
        await ledger.accounts.history(ACCOUNT, since=NOW + timedelta(seconds=1), limit=2)
        == rows[3:]
    )
