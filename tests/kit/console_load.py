"""More than a day's worth for the console: prices at a rate of choice, and a ledger with thousands
of bets.
"""

import asyncio
import sqlite3
import threading
import time
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from types import TracebackType

from keter.bus.connection import Bus, connect
from keter.bus.state.odds import write_odds
from keter.clock import SystemClock
from keter.ledger import Ledger
from keter.opening.stores import open_settings_ledger
from keter.settings import Settings
from tests.kit.console_seed import ACCOUNT, decisions_of, intent_of, live_once, moved, update_of

ROUNDS_PER_S = 20
MARKETS = 40
_MICROSECONDS_APART = 20_000_000


class Pressure:
    """While inside: ``per_second`` market updates, twenty verdicts a second, beats and feeds, from
    a thread of its own.
    """

    def __init__(self, redis_url: str, settings: Settings, per_second: int) -> None:
        self._redis_url = redis_url
        self._settings = settings
        self._per_second = per_second
        self._stop = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._press()), daemon=True)
        self.written = 0
        self.begun = 0.0

    def __enter__(self) -> "Pressure":
        self.begun = time.monotonic()
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._thread.join(10)

    @property
    def rate(self) -> float:
        """Return the updates per second that were really written so far."""
        return self.written / (time.monotonic() - self.begun)

    async def _press(self) -> None:
        bus = await connect(self._redis_url)
        ledger = await open_settings_ledger(self._settings, clock=SystemClock())
        numbers, number = Random(7), 0
        try:
            while not self._stop.is_set():
                due = self.begun + (number + 1) / ROUNDS_PER_S
                await self._round(bus, ledger, numbers, number)
                number += 1
                await asyncio.sleep(max(0.0, due - time.monotonic()))
        finally:
            await ledger.aclose()
            await bus.aclose()

    async def _round(self, bus: Bus, ledger: Ledger, numbers: Random, number: int) -> None:
        now = datetime.now(UTC)
        count = self._per_second // ROUNDS_PER_S
        updates = [
            moved(update_of(one % MARKETS, now), numbers.uniform(-0.03, 0.03))
            for one in range(number, number + count)
        ]
        await write_odds(bus, updates)
        self.written += count
        if number % (ROUNDS_PER_S // 2) == 0:
            await live_once(bus, numbers, missing=frozenset({"dashboard"}))
            mode = self._settings.mode.execution_mode
            made = [intent_of(numbers.randrange(MARKETS), now, 1, mode) for _ in range(4)]
            await ledger.decisions.add_many(
                [decision for intent in made for decision in decisions_of(intent, now)]
            )


def multiply_bets(path: Path, total: int) -> int:
    """Copy the settled bets of a ledger, each a little earlier, until there are ``total``.

    Returns how many there are.
    """
    with closing(sqlite3.connect(path, timeout=30)) as connection, connection:
        columns = [row[1] for row in connection.execute("PRAGMA table_info(orders)")]
        there = int(connection.execute("SELECT count(*) FROM orders").fetchone()[0])
        template = connection.execute(
            "SELECT * FROM orders WHERE account = ? AND pnl_minor IS NOT NULL", (ACCOUNT,)
        ).fetchall()
        rows = [
            _copy(dict(zip(columns, template[n % len(template)], strict=True)), n)
            for n in range(total - there)
        ]
        marks = ", ".join("?" * len(columns))
        connection.executemany(f"INSERT INTO orders VALUES ({marks})", rows)  # noqa: S608 - question marks only
        return int(connection.execute("SELECT count(*) FROM orders").fetchone()[0])


def _copy(row: dict[str, object], number: int) -> tuple[object, ...]:
    marks = {
        "intent_id": f"{number:08x}{'c' * 24}",
        "decision_id": f"copy{number}",
        "reference": f"copy{number}",
    }
    earlier = (number + 1) * _MICROSECONDS_APART
    times = {
        name: value - earlier
        for name, value in row.items()
        if name in {"created_at", "updated_at", "settled_at"} and isinstance(value, int)
    }
    return tuple({**row, **marks, **times}.values())
