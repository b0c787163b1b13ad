"""The recorder: decisions from the audit list into the ledger, raw answers into capture files.

Redis forgets a batch only when it is written. After a crash the batch comes again, so a decision
may be stored twice.
"""

import asyncio
from collections.abc import Sequence

from keter.bus.codec import decode, encode
from keter.bus.errors import PoisonedPayloadError
from keter.bus.locks import Lease
from keter.bus.telemetry.audit import done_audit, take_audit
from keter.bus.telemetry.capture import done_capture, take_capture
from keter.context import Context
from keter.domain.signals import Decision
from keter.ledger import Ledger, LedgerUnavailableError, UnstorableRowError
from keter.opening.stores import open_settings_ledger
from keter.processes.leader import run_as_leader
from keter.processes.redis_following import retry_pauses
from keter.processes.retention import Retention
from keter.replay.capture import CaptureWriter

IDLE_S = 0.25
AUDIT_BATCH = 500
CAPTURE_BATCH = 16


async def run(context: Context) -> None:
    """Record until asked to stop."""
    ledger = await open_settings_ledger(context.settings, clock=context.clock)
    try:

        async def body(_lease: Lease) -> None:
            await Recorder(context, ledger).run()

        await run_as_leader(context, "recorder", body)
    finally:
        await ledger.aclose()


class Recorder:
    """Write decisions, then answers, then remove what is too old.

    While disk or ledger fail, Redis keeps the batch.
    """

    def __init__(self, context: Context, ledger: Ledger) -> None:
        self._context = context
        self._ledger = ledger
        self._writer = CaptureWriter(context.settings.mode.data_dir / "captures")
        self._retention = Retention(context, ledger, self._writer)

    async def run(self) -> None:
        """Record until asked to stop, and after that until nothing is left.

        The other processes stop before this one and leave their last decisions.
        """
        pauses = retry_pauses()
        while True:
            stopping = self._context.stop.is_set()
            try:
                busy = await self.decisions() | await self.answers()
                await self._retention.when_due()
            except (LedgerUnavailableError, OSError) as e:
                self._context.heart.error(str(e))
                self._context.log.error("recording_failed", error=str(e))  # noqa: TRY400 - an outage, not a bug
                if stopping or await self._context.pause(pauses.next()):
                    return
                continue
            pauses.reset()
            if stopping and not busy:
                return
            if not busy:
                await self._context.pause(IDLE_S)

    async def decisions(self) -> bool:
        """Move one batch of decisions into the ledger; return False if there was none.

        Raises LedgerUnavailableError.
        """
        batch = await take_audit(self._context.bus, AUDIT_BATCH, ids=self._context.ids)
        if batch.entries:
            await self._write(self._readable(batch.entries))
            await done_audit(self._context.bus, batch)
            self._context.heart.count("decisions", len(batch.entries))
        return bool(batch.entries)

    async def _write(self, decisions: Sequence[Decision]) -> None:
        """Write the decisions; drop and log each that the ledger refuses.

        A batch that is refused is split in halves until the refused rows are alone.
        """
        try:
            await self._ledger.decisions.add_many(decisions)
        except UnstorableRowError as e:
            if len(decisions) > 1:
                middle = len(decisions) // 2
                await self._write(decisions[:middle])
                await self._write(decisions[middle:])
                return
            self._context.heart.count("unreadable")
            self._context.heart.error(f"decision not stored: {e}")
            decision = encode(decisions[0]).decode()
            log = self._context.log
            log.error("decision_not_stored", error=str(e), decision=decision)  # noqa: TRY400 - no bug

    async def answers(self) -> bool:
        """Move one batch of raw answers into the capture file; return False if there was none.

        Raises OSError.
        """
        batch = await take_capture(self._context.bus, CAPTURE_BATCH, ids=self._context.ids)
        if batch.unreadable:
            self._context.heart.count("unreadable", batch.unreadable)
        if batch.answers:
            await asyncio.to_thread(self._writer.append, batch.answers)
            self._context.heart.count("answers", len(batch.answers))
        if batch.answers or batch.unreadable:
            await done_capture(self._context.bus, batch)
        return bool(batch.answers)

    def _readable(self, entries: Sequence[bytes]) -> list[Decision]:
        decisions = []
        for entry in entries:
            try:
                decisions.append(decode(Decision, entry))
            except PoisonedPayloadError as e:
                self._context.heart.count("unreadable")
                self._context.heart.error(f"unreadable decision: {e}")
        return decisions
