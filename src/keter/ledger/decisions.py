"""The repository of decisions: the verdict of every gate, to explain and replay any of them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import delete, insert, select
from sqlalchemy.engine import Row

from keter.domain.signals import Decision
from keter.domain.verdicts import Reason, Verdict
from keter.ledger.database import Database
from keter.ledger.schema import decisions


class Decisions:
    """Decisions, added in batches by the recorder.

    Commits are not flushed to the disk, so a power cut may lose the last batch.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add_many(self, batch: Sequence[Decision]) -> None:
        if batch:
            values = [_values(decision) for decision in batch]
            await self._database.write(
                lambda connection: connection.execute(insert(decisions), values), durable=False
            )

    async def by_trace(self, trace_id: str) -> list[Decision]:
        """Return what every gate decided about one signal, in order."""
        query = select(decisions).where(decisions.c.trace_id == trace_id).order_by(decisions.c.id)
        found = await self._database.read(lambda connection: connection.execute(query).all())
        return [_decision(row) for row in found]

    async def recent(
        self,
        limit: int = 100,
        *,
        stage: str | None = None,
        reason: str | None = None,
        account: str | None = None,
    ) -> list[Decision]:
        """Return the newest decisions first; ``stage``, ``reason`` and ``account`` narrow them.

        What is of no known account belongs to each.
        """
        query = select(decisions).order_by(decisions.c.id.desc()).limit(limit)
        if stage is not None:
            query = query.where(decisions.c.stage == stage)
        if reason is not None:
            query = query.where(decisions.c.reason == reason)
        if account is not None:
            query = query.where(decisions.c.account.in_(("", account)))
        found = await self._database.read(lambda connection: connection.execute(query).all())
        return [_decision(row) for row in found]

    async def prune(self, before: datetime, *, limit: int = 5000) -> int:
        """Delete at most ``limit`` decisions older than ``before`` and return how many.

        Call it again while it returns ``limit``.
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


def _decision(row: Row[Any]) -> Decision:
    verdict = Verdict(row.accepted, Reason(row.reason), row.numbers)  # type: ignore[call-arg]  # looked up by its code
    return Decision(
        row.trace_id,
        row.stage,
        row.worker,
        row.event_uid,
        row.selection_id,
        verdict,
        row.at,
        row.details,
        row.decision_id,
        row.account,
        row.v,
    )


def _values(decision: Decision) -> dict[str, Any]:
    return {
        "trace_id": decision.trace_id,
        "stage": decision.stage,
        "worker": decision.worker,
        "event_uid": decision.event_uid,
        "selection_id": decision.selection_id,
        "accepted": decision.verdict.accepted,
        "reason": decision.verdict.reason.value,
        "numbers": decision.verdict.numbers,
        "details": decision.details,
        "decision_id": decision.decision_id,
        "account": decision.account,
        "at": decision.at,
        "v": decision.v,
    }
