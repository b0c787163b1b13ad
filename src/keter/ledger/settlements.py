"""The repository of settlements: the venue's result of each bet beside our own."""

from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import insert, select
from sqlalchemy.engine import Row

from keter.domain.order_states import OrderState
from keter.ledger.database import Database
from keter.ledger.order_schema import settlements


class SettlementRow(msgspec.Struct, frozen=True):
    """One settlement: what the venue says, what our own rules say, and whether they agree.

    ``own_state``, ``own_pnl_minor`` and ``agrees`` are None if no score was known.
    """

    intent_id: str
    at: datetime
    venue_state: OrderState
    venue_pnl_minor: int
    own_state: OrderState | None
    own_pnl_minor: int | None
    agrees: bool | None
    evidence: dict[str, object] = {}


class Settlements:
    """Each settlement and each regrade, one row each. Rows are only added."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, row: SettlementRow) -> None:
        own = None if row.own_state is None else row.own_state.value
        values = {name: getattr(row, name) for name in row.__struct_fields__}
        values |= {"venue_state": row.venue_state.value, "own_state": own}
        await self._database.write(lambda c: c.execute(insert(settlements).values(values)))

    async def of(self, intent_id: str) -> list[SettlementRow]:
        """Return the settlements of one bet, oldest first."""
        query = (
            select(settlements)
            .where(settlements.c.intent_id == intent_id)
            .order_by(settlements.c.id)
        )
        found = await self._database.read(lambda c: c.execute(query).all())
        return [_settlement(row) for row in found]


def _settlement(row: Row[Any]) -> SettlementRow:
    values = {name: row._mapping[name] for name in SettlementRow.__struct_fields__}
    own = None if row.own_state is None else OrderState(row.own_state)
    return SettlementRow(**{**values, "venue_state": OrderState(row.venue_state), "own_state": own})
