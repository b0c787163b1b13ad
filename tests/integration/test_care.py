"""What the recorder takes away by size: the oldest decisions, answers and logs; never money
history, never the last day.
"""

import os
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from keter.bus.connection import Bus
from keter.clock import ManualClock
from keter.domain.feed import CapturedAnswer
from keter.domain.order_states import OrderState
from keter.domain.signals import Decision
from keter.domain.trading import ExecutionMode
from keter.domain.verdicts import Reason, reject
from keter.ledger import Ledger, OrderFilter
from keter.opening.stores import open_settings_ledger
from keter.processes import retention as care
from keter.processes.retention import Retention
from keter.replay.capture import CaptureWriter, capture_files
from keter.settings import Settings
from tests.kit.execution import NOW
from tests.kit.ledger_contract import put_in
from tests.kit.workbench import context_on, settings_for

pytestmark = pytest.mark.redis
ROWS = 3_000
MB = 1_000_000


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return settings_for(tmp_path, LEDGER_MAX_MB=4, CAPTURE_MAX_MB=0.02, LOG_TOTAL_MAX_MB=0.01)


@pytest.fixture
async def ledger(settings: Settings) -> AsyncIterator[Ledger]:
    opened = await open_settings_ledger(settings, clock=ManualClock(NOW))
    yield opened
    await opened.aclose()


def decision(number: int, age: timedelta) -> Decision:
    details: dict[str, object] = {"text": os.urandom(1_000).hex()}  # nothing that could be packed
    return Decision(
        f"t{number}",
        "edge",
        "edge",
        "fb-1",
        "ft.ou.2.5.over",
        reject(Reason.EV_TOO_LOW),
        NOW - age,
        details,
    )


async def cared(
    bus: Bus, settings: Settings, ledger: Ledger, writer: CaptureWriter | None = None
) -> None:
    context = replace(context_on(bus, settings, "recorder"), clock=ManualClock(NOW))
    await Retention(
        context, ledger, writer or CaptureWriter(settings.mode.data_dir / "captures")
    ).when_due()


async def test_the_oldest_decisions_go_and_the_file_shrinks_with_them(
    bus: Bus, settings: Settings, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(care, "BATCH", 200)
    for state in (OrderState.WON, OrderState.FILLED, OrderState.REFUSED):
        await put_in(ledger, state, state.value)
    trail = await ledger.orders.trail("WON")
    await ledger.decisions.add_many(
        [decision(number, timedelta(days=9) - timedelta(minutes=number)) for number in range(ROWS)]
    )
    before = await ledger.stored_bytes()
    assert before > 6 * MB
    await cared(bus, settings, ledger)
    assert await ledger.stored_bytes() <= 4 * MB
    left = await ledger.decisions.recent(ROWS)
    assert 0 < len(left) < ROWS
    assert left[0].trace_id == f"t{ROWS - 1}", "the newest are still there"
    bets = await ledger.orders.list_orders(OrderFilter(mode=ExecutionMode.DRY))
    assert {bet.state for bet in bets} == {OrderState.WON, OrderState.FILLED, OrderState.REFUSED}
    assert await ledger.orders.trail("WON") == trail
    pages = await ledger._database.read(
        lambda connection: connection.execute(text("PRAGMA page_count")).scalar_one()
    )
    assert pages * 4096 < before - MB, "the room comes back to the disk"


async def test_decisions_of_the_last_day_stay_whatever_the_size(
    bus: Bus, settings: Settings, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(care, "BATCH", 100)
    await ledger.decisions.add_many(
        [decision(number, timedelta(hours=20)) for number in range(ROWS)]
    )
    await cared(bus, settings, ledger)
    assert len(await ledger.decisions.recent(ROWS + 1)) == ROWS


async def test_the_oldest_answers_and_rotated_logs_go(
    bus: Bus, settings: Settings, ledger: Ledger
) -> None:
    folder = settings.mode.data_dir
    writer = CaptureWriter(folder / "captures", max_bytes=1)
    for number in range(10):
        at = NOW - timedelta(hours=10 - number)
        writer.append([CapturedAnswer("a", "v", {}, at, at, os.urandom(5_000))])
    (folder / "logs").mkdir(parents=True)
    for number, name in enumerate(["edge.jsonl.2", "edge.jsonl.1", "edge.jsonl", "guard.jsonl"]):
        (folder / "logs" / name).write_bytes(b"x" * 4_000)
        os.utime(folder / "logs" / name, (number, number))
    await cared(bus, settings, ledger, writer)
    left = capture_files(folder / "captures")
    assert 0 < sum(path.stat().st_size for path in left) <= 20_000
    assert left[-1].name.startswith((NOW - timedelta(hours=1)).strftime("%Y%m%dT%H"))
    assert sorted(path.name for path in (folder / "logs").iterdir()) == [
        "edge.jsonl",
        "guard.jsonl",
    ]
