"""The repository of alerts: when each rose and when it was resolved.

The active alerts themselves are in Redis.
"""

from datetime import datetime

import msgspec
from sqlalchemy import select, update

from keter.ledger.database import Database
from keter.ledger.schema import alerts
from keter.ledger.statements import upsert


class AlertRow(msgspec.Struct, frozen=True):
    """One alert; ``closed_at`` is None until it is resolved."""

    alert_id: str
    level: str
    title: str
    detail: str
    opened_at: datetime
    closed_at: datetime | None


class Alerts:
    """The history of alerts. At most one row of an alert is open."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def opened(
        self, alert_id: str, *, level: str, title: str, detail: str, at: datetime
    ) -> bool:
        """Record that an alert rose; return False if it was already open.

        Level, title and detail of an open alert are replaced.
        """
        values = {"level": level, "title": title, "detail": detail}
        key = {"alert_id": alert_id, "closed_at": None}
        return await self._database.write(
            lambda c: upsert(c, alerts, key, values, first={"opened_at": at}), durable=False
        )

    async def closed(self, alert_id: str, *, at: datetime) -> bool:
        """Record that an alert was resolved; return False if it was not open."""
        query = (
            update(alerts)
            .where(alerts.c.alert_id == alert_id, alerts.c.closed_at.is_(None))
            .values(closed_at=at)
        )
        return await self._database.write(lambda c: c.execute(query).rowcount > 0, durable=False)

    async def open_ids(self) -> set[str]:
        """Return the ids of the alerts that are not resolved."""
        query = select(alerts.c.alert_id).where(alerts.c.closed_at.is_(None))
        return set(await self._database.read(lambda c: c.execute(query).scalars().all()))

    async def history(self, limit: int = 100) -> list[AlertRow]:
        """Return the newest alerts first, open ones included."""
        query = select(alerts).order_by(alerts.c.opened_at.desc(), alerts.c.id.desc()).limit(limit)
        found = await self._database.read(lambda c: c.execute(query).all())
        return [
            AlertRow(**{name: row._mapping[name] for name in AlertRow.__struct_fields__})
            for row in found
        ]
