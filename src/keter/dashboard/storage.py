"""The room that ledger, captures and logs take: how it grows, and how long it will do."""

import asyncio
from collections import deque
from pathlib import Path

from keter.clock import Clock
from keter.dashboard.ledgers import LazyLedgers
from keter.domain.storage import StorageUse, growth
from keter.errors import KeterError
from keter.logs import BYTES_PER_MB, all_log_files
from keter.replay.capture import capture_files
from keter.settings import Settings

EVERY_S = 60.0
# Growth over a shorter time is an accident of batches.
LEAST_WATCHED_S = 600.0
# One day.
SAMPLES = 1_440
DEADLINE_S = 3.0


class Storage:
    """Looks at most once a minute and remembers a day. One per dashboard."""

    def __init__(self, settings: Settings, ledgers: LazyLedgers, clock: Clock) -> None:
        self._settings = settings
        self._ledgers = ledgers
        self._clock = clock
        self._samples: dict[str, deque[tuple[float, int]]] = {}
        self._rooms: list[StorageUse] = []
        self._due = 0.0
        self._one_at_a_time = asyncio.Lock()

    async def rooms(self) -> list[StorageUse]:
        """Return the rooms that are known; a ledger that does not answer is left out."""
        async with self._one_at_a_time:
            now = self._clock.monotonic()
            if not self._rooms or now >= self._due:
                self._rooms, self._due = await self._look(now), now + EVERY_S
            return self._rooms

    async def _look(self, now: float) -> list[StorageUse]:
        log, folder = self._settings.log, self._settings.mode.data_dir
        captures, logs = await asyncio.to_thread(_files, folder)
        found = {"ledger": await self._ledger(), "captures": captures, "logs": logs}
        caps = {
            "ledger": log.ledger_max_mb,
            "captures": log.capture_max_mb,
            "logs": log.log_total_max_mb,
        }
        return [
            self._room(name, used, caps[name], now)
            for name, used in found.items()
            if used is not None
        ]

    def _room(self, name: str, used: int, most_mb: float, now: float) -> StorageUse:
        samples = self._samples.setdefault(name, deque(maxlen=SAMPLES))
        samples.append((now, used))
        return StorageUse(
            name, used, round(most_mb * BYTES_PER_MB), growth(list(samples), LEAST_WATCHED_S)
        )

    async def _ledger(self) -> int | None:
        try:
            async with asyncio.timeout(DEADLINE_S):
                return await (await self._ledgers.reading()).stored_bytes()
        except (KeterError, TimeoutError):
            # Other checks say why.
            return None


def _files(folder: Path) -> tuple[int, int]:
    """Return the bytes of the captures and of the logs."""
    return sum(map(_size, capture_files(folder / "captures"))), sum(
        size for _, size in all_log_files(folder)
    )


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        # Pruned meanwhile, or not readable.
        return 0
