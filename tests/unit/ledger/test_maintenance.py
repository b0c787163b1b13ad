"""Copies are whole, exports are exact, and damage is found."""

import csv
import sqlite3
from decimal import Decimal
from pathlib import Path

import msgspec
import pyarrow.parquet as pq
import pytest

from keter.clock import ManualClock
from keter.domain.order_states import OrderState
from keter.domain.trading import ExecutionMode
from keter.errors import UnavailableError, UsageError
from keter.ledger import Ledger, OrderChanges, open_ledger
from tests.kit.execution import NOW, an_event, an_intent
from tests.kit.ledger_contract import put_in
from tests.kit.orders import one_fill


async def test_a_copy_made_while_writing_is_a_whole_ledger(ledger: Ledger, tmp_path: Path) -> None:
    await put_in(ledger, OrderState.FILLED)
    await ledger.backup(tmp_path / "copies" / "one.db")
    await put_in(ledger, OrderState.FILLED, "after")
    copy = await open_ledger(f"sqlite:///{tmp_path}/copies/one.db", clock=ManualClock(NOW))
    assert [bet.intent.intent_id for bet in await copy.orders.open_orders(ExecutionMode.DRY)] == [
        "i1"
    ]
    assert await copy.integrity() == []
    await copy.aclose()
    with pytest.raises(UsageError):
        await ledger.backup(tmp_path / "copies" / "one.db")


async def test_a_state_that_its_trail_does_not_explain_is_found(
    ledger: Ledger, tmp_path: Path
) -> None:
    await put_in(ledger, OrderState.FILLED)
    assert await ledger.integrity() == []
    with sqlite3.connect(tmp_path / "ledger.db") as connection:
        connection.execute("UPDATE orders SET state = 'WON'")
        connection.execute("DELETE FROM orders WHERE intent_id = 'none'")
    connection.close()
    assert await ledger.integrity() == [
        "intent i1 is WON but its trail ends at FILLED",
        "settled intent i1 has no profit or time",
    ]


async def test_a_stake_that_its_fills_do_not_explain_is_found(
    ledger: Ledger, tmp_path: Path
) -> None:
    await put_in(ledger, OrderState.FILLED)
    booked = OrderChanges(fills=one_fill(700))
    await ledger.orders.amend("i1", booked, at=NOW, cause="venue", worker="t")
    assert await ledger.integrity() == []
    with sqlite3.connect(tmp_path / "ledger.db") as connection:
        connection.execute("UPDATE fills SET size_minor = 699")
    connection.close()
    assert await ledger.integrity() == ["intent i1 holds 700, its fills come to 699"]


async def test_an_exported_average_is_the_exact_text(ledger: Ledger, tmp_path: Path) -> None:
    order = await ledger.orders.create(an_intent(), worker="w")
    priced = msgspec.structs.replace(order, matched_average=Decimal("1.909090"))
    await ledger.orders.record(order, priced, cause="c", worker="w")
    for form in ("csv", "parquet"):
        await ledger.export(tmp_path / f"bets.{form}", form)
    with (tmp_path / "bets.csv").open(encoding="utf-8") as file:
        (row,) = csv.DictReader(file)
    (other,) = pq.read_table(tmp_path / "bets.parquet").to_pylist()
    assert row["matched_average"] == other["matched_average"] == "1.909090"


async def test_a_row_that_points_nowhere_is_found(ledger: Ledger, tmp_path: Path) -> None:
    await put_in(ledger, OrderState.FILLED)
    with sqlite3.connect(tmp_path / "ledger.db") as connection:
        connection.execute("DELETE FROM orders")
    connection.close()
    problems = await ledger.integrity()
    assert problems and all("points to a missing row of orders" in problem for problem in problems)


async def test_exports_hold_every_bet_with_exact_money(ledger: Ledger, tmp_path: Path) -> None:
    await put_in(ledger, OrderState.FILLED)
    changes = OrderChanges(pnl_minor=-1000, settled_at=NOW)
    await ledger.orders.transition(
        "i1", OrderState.LOST, at=NOW, cause="venue", worker="t", changes=changes
    )
    await put_in(ledger, OrderState.OPEN, "i2")
    assert await ledger.export(tmp_path / "bets.csv", "csv") == 2
    assert await ledger.export(tmp_path / "bets.parquet", "parquet") == 2
    with (tmp_path / "bets.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [(row["intent_id"], row["state"], row["pnl_minor"]) for row in rows] == [
        ("i1", "LOST", "-1000"),
        ("i2", "OPEN", ""),
    ]
    assert rows[0]["created_at"] == NOW.isoformat()
    table = pq.read_table(tmp_path / "bets.parquet").to_pylist()
    assert [(row["intent_id"], row["pnl_minor"], row["created_at"]) for row in table] == [
        ("i1", -1000, NOW),
        ("i2", None, NOW),
    ]
    with pytest.raises(UsageError):
        await ledger.export(tmp_path / "x", "xml")


async def test_a_copy_or_export_that_cannot_be_written_names_the_file(
    ledger: Ledger, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "bets.csv").mkdir()
    (tmp_path / "bets.parquet").mkdir()
    for work in (
        ledger.backup(tmp_path / "file" / "copy.db"),
        ledger.export(tmp_path / "bets.csv", "csv"),
        ledger.export(tmp_path / "bets.parquet", "parquet"),
    ):
        with pytest.raises(UnavailableError, match=rf"{tmp_path}/\S+ cannot be written: \S"):
            await work


async def test_no_cell_of_an_export_is_a_formula_or_moves_a_cursor(
    ledger: Ledger, tmp_path: Path
) -> None:
    await ledger.orders.create(
        an_intent(event=an_event('=HYPERLINK("http://x")\x1b[2J')), worker="w"
    )
    await ledger.export(tmp_path / "bets.csv", "csv")
    with (tmp_path / "bets.csv").open(encoding="utf-8", newline="") as file:
        (row,) = csv.DictReader(file)
    assert row["home"] == '\'=HYPERLINK("http://x") [2J'
    assert row["stake_minor"] == "1000"
