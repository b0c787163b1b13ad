"""Removes what is too old or too large, so that nothing grows without bound.

Of the ledger only decisions are removed, the oldest first, in small batches: a bet never waits long
to be written. Those of the last day always stay, also if the bets alone are larger than
LEDGER_MAX_MB.
"""

import asyncio
from datetime import timedelta

from keter.context import Context
from keter.ledger import Ledger
from keter.logs import BYTES_PER_MB, trim_logs
from keter.replay.capture import CaptureWriter

EVERY_S = 600.0
BATCH = 2_000
# Batches of one turn: more than comes in meanwhile, few enough for the recorder to go on recording.
MOST_BATCHES = 100
LEAST_KEPT = timedelta(days=1)


class Retention:
    """Prune captures, logs and decisions; one object for each recorder."""

    def __init__(self, context: Context, ledger: Ledger, writer: CaptureWriter) -> None:
        self._context = context
        self._ledger = ledger
        self._writer = writer
        self._due = context.clock.monotonic()

    async def when_due(self) -> None:
        """Prune everything, if EVERY_S have passed. Raises LedgerUnavailableError and OSError."""
        now = self._context.clock.monotonic()
        if now < self._due:
            return
        self._due = now + EVERY_S
        await self._files()
        await self._decisions()
        await self._ledger.tidy()

    async def _files(self) -> None:
        settings, moment = self._context.settings, self._context.clock.now()
        keep = timedelta(days=settings.log.capture_keep_days)
        most = settings.log.capture_max_mb * BYTES_PER_MB
        pruned = await asyncio.to_thread(self._writer.prune, keep, moment, most)
        self._context.heart.count("captures_pruned", pruned)
        most = settings.log.log_total_max_mb * BYTES_PER_MB
        self._context.heart.count(
            "logs_pruned", await asyncio.to_thread(trim_logs, settings.mode.data_dir, most)
        )

    async def _decisions(self) -> None:
        settings = self._context.settings.log
        await self._trim(timedelta(days=settings.decision_keep_days), 0)
        await self._trim(LEAST_KEPT, settings.ledger_max_mb * BYTES_PER_MB)

    async def _trim(self, keep: timedelta, most_bytes: float) -> None:
        """Remove decisions older than ``keep`` until the ledger has at most ``most_bytes``.

        The oldest go first.
        """
        before, gone = self._context.clock.now() - keep, 0
        for _ in range(MOST_BATCHES):
            if self._context.stop.is_set() or await self._ledger.stored_bytes() <= most_bytes:
                break
            batch = await self._ledger.decisions.prune(before, limit=BATCH)
            gone += batch
            if batch:
                await self._ledger.give_back()
            if batch < BATCH:
                break
        self._context.heart.count("decisions_pruned", gone)
