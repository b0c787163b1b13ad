"""Locks are waited for, outages are reported, and constraints hold."""

import asyncio
import sqlite3
from pathlib import Path

import pytest

from keter.clock import ManualClock
from keter.domain.order_states import OrderState
from keter.ledger import Ledger, LedgerUnavailableError, database, open_ledger
from tests.kit.execution import NOW, an_event, an_intent
from tests.kit.ledger_contract import put_in


async def test_a_new_ledger_that_another_process_is_just_making_is_waited_for(
    tmp_path: Path,
) -> None:
    """SQLite's own waiting does not cover the change to a write-ahead log."""
    path = tmp_path / "new.db"
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    other.execute("CREATE TABLE begun (x)")
    opening = asyncio.create_task(open_ledger(f"sqlite:///{path}", clock=ManualClock(NOW)))
    refused, _ = await asyncio.wait({opening}, timeout=0.2)
    assert not refused
    other.execute("ROLLBACK")
    other.close()
    ledger = await asyncio.wait_for(opening, 10)
    assert await ledger.integrity() == []
    await ledger.aclose()


async def test_a_lock_that_is_never_given_back_is_an_outage_not_a_hang(
    ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "BUSY_TIMEOUT_S", 0.1)
    other = await open_ledger(f"sqlite:///{tmp_path}/ledger.db", clock=ManualClock(NOW))
    blocker = sqlite3.connect(tmp_path / "ledger.db", isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")
    with pytest.raises(LedgerUnavailableError, match="locked"):
        await other.orders.create(an_intent(), worker="w")
    blocker.execute("ROLLBACK")
    blocker.close()
    await other.orders.create(an_intent(), worker="w")
    await other.aclose()


async def test_a_file_that_is_no_database_is_an_outage(tmp_path: Path) -> None:
    (tmp_path / "l.db").write_bytes(
        b"not a database at all, but long enough to be taken for a header" * 20
    )
    with pytest.raises(LedgerUnavailableError):
        await open_ledger(f"sqlite:///{tmp_path}/l.db", clock=ManualClock(NOW))


async def test_the_database_itself_refuses_a_second_open_intent(
    ledger: Ledger, tmp_path: Path
) -> None:
    """The promise is the table's, not only the code's: a plain INSERT of another program is refused
    as well.
    """
    await put_in(ledger, OrderState.FILLED)
    await put_in(ledger, OrderState.SKIPPED, "i2")
    with (
        sqlite3.connect(tmp_path / "ledger.db") as connection,
        pytest.raises(sqlite3.IntegrityError),
    ):
        connection.execute(
            "UPDATE orders SET state = 'FILLED', event_uid = ? WHERE intent_id = 'i2'",
            [an_event("Team i1").event_uid],
        )
    connection.close()
