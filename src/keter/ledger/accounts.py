"""The repository of balances, as the venue reported them."""

from datetime import datetime
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.engine import Row

from keter.domain.tickets import AccountSnapshot
from keter.ledger.database import Database
from keter.ledger.schema import account_history


class Accounts:
    """Balances over time. Rows are only added."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, snapshot: AccountSnapshot) -> None:
        values = {name: getattr(snapshot, name) for name in snapshot.__struct_fields__}
        await self._database.write(
            lambda c: c.execute(insert(account_history).values(values)), durable=False
        )

    async def history(
        self, account: str, *, since: datetime, limit: int = 1000
    ) -> list[AccountSnapshot]:
        """Return the newest ``limit`` snapshots fetched since ``since``, oldest first."""
        table = account_history.c
        query = select(account_history).where(table.account == account, table.fetched_at >= since)
        query = query.order_by(table.fetched_at.desc(), table.id.desc()).limit(limit)
        found = await self._database.read(lambda c: c.execute(query).all())
        return [_snapshot(row) for row in reversed(found)]


def _snapshot(row: Row[Any]) -> AccountSnapshot:
    return AccountSnapshot(
        **{name: row._mapping[name] for name in AccountSnapshot.__struct_fields__}
    )
