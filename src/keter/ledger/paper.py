"""The paper gateway's book, as rows: what a bookmaker would hold of our DRY bets."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import case, func, insert, select, update
from sqlalchemy.engine import Row

from keter.domain.bets import BetState
from keter.domain.markets import Market, Side, parse_market
from keter.ledger import rows
from keter.ledger.database import Database
from keter.ledger.schema import paper_tickets


class PaperTicket(msgspec.Struct, frozen=True):
    """A placement and its drawn fate: from ``decided_at`` on it is accepted, or ``refused`` with ``message``.

    ``result`` and ``pnl_minor`` are None until it is settled.
    """

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
    settled_at: datetime | None = None
    result: BetState | None = None
    pnl_minor: int | None = None


class PaperSums(msgspec.Struct, frozen=True):
    """An account's tickets in minor units: stakes neither refused nor settled, and profits by when they were settled."""

    outstanding_minor: int
    pnl_minor: int
    pnl_today_minor: int
    pnl_yesterday_minor: int


class PaperBook:
    """Tickets are written at placement and settled once."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, tickets: Sequence[PaperTicket]) -> None:
        """All tickets of one placement, or none."""
        values = [_values(ticket) for ticket in tickets]
        await self._database.write(lambda c: c.execute(insert(paper_tickets), values))

    async def settle(self, ticket_id: str, *, result: BetState, pnl_minor: int, at: datetime) -> bool:
        """Writes what a ticket came to; False when it was settled before."""
        query = update(paper_tickets).where(paper_tickets.c.ticket_id == ticket_id, paper_tickets.c.settled_at.is_(None))
        values = {"result": result.value, "pnl_minor": pnl_minor, "settled_at": at}
        return await self._database.write(lambda c: c.execute(query.values(values)).rowcount > 0)

    async def by_reference(self, account: str, reference: str) -> list[PaperTicket]:
        """Newest first."""
        return await self._list(paper_tickets.c.account == account, paper_tickets.c.reference == reference)

    async def since(self, account: str, moment: datetime) -> list[PaperTicket]:
        """Unsettled tickets, and those placed or settled since ``moment``; newest first."""
        table = paper_tickets.c
        recent = (table.placed_at >= moment) | (table.settled_at >= moment)
        return await self._list(table.account == account, recent | (table.settled_at.is_(None) & ~table.refused))

    async def unsettled(self, account: str, now: datetime) -> list[PaperTicket]:
        """Accepted tickets without a result."""
        table = paper_tickets.c
        return await self._list(table.account == account, table.settled_at.is_(None), ~table.refused, table.decided_at <= now)

    async def sums(self, account: str, now: datetime, today: datetime, yesterday: datetime) -> PaperSums:
        """The account's money at ``now``; ``today`` and ``yesterday`` are when those days began."""
        table = paper_tickets.c
        standing = table.settled_at.is_(None) & ~(table.refused & (table.decided_at <= now))
        query = select(
            func.coalesce(func.sum(case((standing, table.stake_minor), else_=0)), 0),
            func.coalesce(func.sum(table.pnl_minor), 0),
            func.coalesce(func.sum(case((table.settled_at >= today, table.pnl_minor), else_=0)), 0),
            func.coalesce(
                func.sum(case(((table.settled_at >= yesterday) & (table.settled_at < today), table.pnl_minor), else_=0)), 0
            ),
        ).where(table.account == account)
        row = await self._database.read(lambda c: c.execute(query).one())
        return PaperSums(*(int(value) for value in row))

    async def _list(self, *conditions: Any) -> list[PaperTicket]:
        table = paper_tickets.c
        query = select(paper_tickets).where(*conditions).order_by(table.placed_at.desc(), table.ticket_id)
        found: Sequence[Row[Any]] = await self._database.read(lambda c: c.execute(query).all())
        return [_ticket(row) for row in found]


_PLAIN = tuple(name for name in PaperTicket.__struct_fields__ if name not in {"market", "side", "score_at_bet", "result"})


def _values(ticket: PaperTicket) -> dict[str, Any]:
    score = ticket.score_at_bet or (None, None)
    return {
        **{name: getattr(ticket, name) for name in _PLAIN},
        "market_id": ticket.market.market_id,
        "side": ticket.side.value,
        "score_home": score[0],
        "score_away": score[1],
        "result": None if ticket.result is None else ticket.result.value,
    }


def _ticket(row: Row[Any]) -> PaperTicket:
    return PaperTicket(
        **{name: row._mapping[name] for name in _PLAIN},
        market=parse_market(row.market_id),
        side=Side(row.side),
        score_at_bet=rows.pair(row.score_home, row.score_away),
        result=None if row.result is None else BetState(row.result),
    )
