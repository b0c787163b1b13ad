"""Every gate's verdicts, so that any decision can be explained and replayed."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import delete, insert, select

from keter.domain.signals import Decision
from keter.ledger import rows
from keter.ledger.database import Database
from keter.ledger.schema import decisions


class Decisions:
    """Appended in batches by the recorder.

    A power cut may cost the last batch, so commits need no fsync.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add_many(self, batch: Sequence[Decision]) -> None:
        if batch:
            values = [rows.from_decision(decision) for decision in batch]
            await self._database.write(
                lambda connection: connection.execute(insert(decisions), values), durable=False
            )

    async def by_trace(self, trace_id: str) -> list[Decision]:
        """What every gate said of one signal, in order."""
        query = select(decisions).where(decisions.c.trace_id == trace_id).order_by(decisions.c.id)
        found = await self._database.read(lambda connection: connection.execute(query).all())
        return [rows.to_decision(row) for row in found]

    async def recent(
        self, limit: int = 100, *, stage: str | None = None, reason: str | None = None
    ) -> list[Decision]:
        """Newest first."""
        query = select(decisions).order_by(decisions.c.id.desc()).limit(limit)
        if stage is not None:
            query = query.where(decisions.c.stage == stage)
        if reason is not None:
            query = query.where(decisions.c.reason == reason)
        found = await self._database.read(lambda connection: connection.execute(query).all())
        return [rows.to_decision(row) for row in found]

    async def prune(self, before: datetime, *, limit: int = 5000) -> int:
        """Delete at most ``limit`` rows older than ``before``; returns how many.

        Call again while it returns ``limit``.
        """
        old = (
            select(decisions.c.id)
            .where(decisions.c.at < before)
            .order_by(decisions.c.id)
            .limit(limit)
        )
        query = delete(decisions).where(decisions.c.id.in_(old))
        return await self._database.write(
            lambda connection: connection.execute(query).rowcount, durable=False
        )
