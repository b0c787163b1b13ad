"""The paper gateway's book, as rows: what a bookmaker would hold of our DRY bets."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import insert, select
from sqlalchemy.engine import Row

from keter.domain.markets import Market, Side, parse_market
from keter.ledger import rows
from keter.ledger.database import Database
from keter.ledger.schema import paper_tickets


class PaperTicket(msgspec.Struct, frozen=True):
    """A placement and its drawn fate: from ``decided_at`` on it is accepted, or ``refused`` with ``message``."""

    ticket_id: str
    account: str
    reference: str
    book: str
    odds: str
    stake_minor: int
    event_uid: str
    league: str
    home: str
    away: str
    kickoff: datetime
    market: Market
    side: Side
    placed_at: datetime
    decided_at: datetime
    refused: bool
    message: str = ""
    score_at_bet: tuple[int, int] | None = None


class PaperBook:
    """Written once per placement, read ever after; nothing in it changes."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, ticket: PaperTicket) -> None:
        await self._database.write(lambda c: c.execute(insert(paper_tickets).values(_values(ticket))))

    async def by_reference(self, account: str, reference: str) -> list[PaperTicket]:
        """Newest first."""
        return await self._list(paper_tickets.c.account == account, paper_tickets.c.reference == reference)

    async def all(self, account: str) -> list[PaperTicket]:
        """Newest first."""
        return await self._list(paper_tickets.c.account == account)

    async def _list(self, *conditions: Any) -> list[PaperTicket]:
        table = paper_tickets.c
        query = select(paper_tickets).where(*conditions).order_by(table.placed_at.desc(), table.ticket_id)
        found: Sequence[Row[Any]] = await self._database.read(lambda c: c.execute(query).all())
        return [_ticket(row) for row in found]


_PLAIN = tuple(name for name in PaperTicket.__struct_fields__ if name not in {"market", "side", "score_at_bet"})


def _values(ticket: PaperTicket) -> dict[str, Any]:
    score = ticket.score_at_bet or (None, None)
    return {
        **{name: getattr(ticket, name) for name in _PLAIN},
        "market_id": ticket.market.market_id,
        "side": ticket.side.value,
        "score_home": score[0],
        "score_away": score[1],
    }


def _ticket(row: Row[Any]) -> PaperTicket:
    score = rows.pair(row.score_home, row.score_away)
    plain = {name: row._mapping[name] for name in _PLAIN}
    return PaperTicket(**plain, market=parse_market(row.market_id), side=Side(row.side), score_at_bet=score)
