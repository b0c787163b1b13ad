"""What processes ask every few seconds reads no more of a long history than of a short one, with
statistics or without.
"""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.engine import Engine

from keter.clock import ManualClock
from keter.domain.order_states import OrderState
from keter.domain.trading import ExecutionMode
from keter.ledger import Ledger, OrderChanges, open_ledger
from keter.ledger.totals import (
    ORDERS,
    PAPER,
    Total,
    fold,
    owner_of,
    read_order_totals,
    read_paper_totals,
)
from tests.kit.execution import ACCOUNT, NOW
from tests.kit.large_ledger import DRY, QUESTIONS, make_large_ledger
from tests.kit.ledger_contract import put_in

LIVE = ExecutionMode.LIVE
SHORT, LONG, A_DAY = 300, 6_000, 10
STEPS = 20  # instructions of SQLite's machine per count


class Counted:
    """A ledger that tells how much work its database did."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self._counts = 0

    async def watch(self) -> "Counted":
        def count() -> None:
            self._counts += 1

        def connect(engine: Engine) -> None:
            with engine.connect() as connection:
                driver: Any = connection.connection.driver_connection
                driver.set_progress_handler(count, STEPS)

        await self.ledger._database.run(connect)
        return self

    async def work_of(self, name: str) -> int:
        await QUESTIONS[name](self.ledger)
        before = self._counts
        await QUESTIONS[name](self.ledger)
        return (self._counts - before) * STEPS


@pytest.fixture(scope="module", params=[ACCOUNT, "asianodds:another"])
def files(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Return a short and a long history, of the account that is asked for or of another."""
    folder = tmp_path_factory.mktemp("large")
    found = {count: folder / f"{count}.db" for count in (SHORT, LONG)}
    for count, path in found.items():
        asyncio.run(make_large_ledger(path, count, A_DAY, account=request.param))
    return list(found.values())


@pytest.fixture(params=["no statistics", "statistics"])
async def both(
    request: pytest.FixtureRequest, files: list[Path]
) -> AsyncIterator[tuple[Counted, Counted]]:
    for path in files:
        with sqlite3.connect(path) as file:
            file.execute("ANALYZE")
            if request.param == "no statistics":
                file.execute("DELETE FROM sqlite_stat1")
        file.close()
    ledgers = [await open_ledger(f"sqlite:///{path}", clock=ManualClock(NOW)) for path in files]
    short, long = [await Counted(ledger).watch() for ledger in ledgers]
    yield short, long
    for ledger in ledgers:
        await ledger.aclose()


@pytest.mark.parametrize("name", QUESTIONS)
@pytest.mark.slow
async def test_a_question_with_a_small_answer_does_not_grow_with_the_history(
    both: tuple[Counted, Counted], name: str
) -> None:
    short, long = [await one.work_of(name) for one in both]
    assert long < 2 * short + 1_000, f"{short} steps of {SHORT} bets, {long} of {LONG}"


async def test_the_totals_follow_every_step_and_every_correction(ledger: Ledger) -> None:
    await put_in(ledger, OrderState.WON, "i1")
    await put_in(ledger, OrderState.FILLED, "i2")
    await ledger.orders.amend(
        "i1", OrderChanges(pnl_minor=700, settled_at=NOW), at=NOW, cause="venue", worker="t"
    )
    await ledger.orders.amend(
        "i1", OrderChanges(pnl_minor=500), at=NOW, cause="regrade", worker="t"
    )
    found = await ledger._database.read(lambda c: read_order_totals(c, DRY, ACCOUNT))
    owner = owner_of(DRY, ACCOUNT)
    assert sorted(found, key=lambda one: one.state) == [
        Total(ORDERS, owner, "FILLED", 1, 0),
        Total(ORDERS, owner, "WON", 1, 500),
    ]
    assert await ledger.integrity() == []


async def test_a_total_that_its_rows_do_not_explain_is_found(
    ledger: Ledger, tmp_path: Path
) -> None:
    await put_in(ledger, OrderState.FILLED)
    with sqlite3.connect(tmp_path / "ledger.db") as file:
        file.execute("UPDATE totals SET number = 7 WHERE state = 'FILLED'")
    file.close()
    assert await ledger.integrity() == [
        f"the total of bets DRY {ACCOUNT} FILLED is (7, 0), its rows come to (1, 0)"
    ]


async def test_folding_keeps_the_accounts_apart(ledger: Ledger, tmp_path: Path) -> None:
    owners = [owner_of(DRY, ACCOUNT), owner_of(DRY, f"{ACCOUNT}2"), owner_of(LIVE, ACCOUNT)]
    with sqlite3.connect(tmp_path / "ledger.db") as file:
        file.executemany(
            "INSERT INTO totals (book, owner, state, number, pnl_minor) VALUES ('bets', ?, 'WON',"
            " 1, ?)",
            [(owner, pnl) for pnl in (5, 30) for owner in owners] + [(owners[1], 700)],
        )
    file.close()
    assert await ledger._database.write(fold) == 4

    async def of(mode: ExecutionMode, account: str | None) -> list[tuple[str, int, int]]:
        found = await ledger._database.read(lambda c: read_order_totals(c, mode, account))
        return [(one.owner, one.number, one.pnl_minor) for one in found]

    first, second, live = owners
    assert await of(DRY, ACCOUNT) == [(first, 2, 35)]
    assert await of(DRY, f"{ACCOUNT}2") == [(second, 3, 735)]
    assert sorted(await of(DRY, None)) == [(first, 2, 35), (second, 3, 735)]
    assert await of(LIVE, None) == [(live, 2, 35)]


async def test_folding_keeps_the_sums(ledger: Ledger, tmp_path: Path) -> None:
    await put_in(ledger, OrderState.FILLED)
    with sqlite3.connect(tmp_path / "ledger.db") as file:
        file.executemany(
            "INSERT INTO totals (book, owner, state, number, pnl_minor) VALUES ('paper', ?, '',"
            " ?, ?)",
            [(ACCOUNT, 1, 5), (ACCOUNT, -1, 2), (ACCOUNT, 3, -1)],
        )
    file.close()
    assert await ledger._database.write(fold) > 0
    assert await ledger._database.write(fold) == 0
    assert await ledger._database.read(lambda c: read_paper_totals(c, ACCOUNT)) == [
        Total(PAPER, ACCOUNT, "", 3, 6)
    ]
    found = await ledger._database.read(lambda c: read_order_totals(c, DRY, ACCOUNT))
    assert [one.number for one in found] == [1]
