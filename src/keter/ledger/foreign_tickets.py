"""The repository of foreign tickets: tickets at the venue that no intent of ours explains."""

from datetime import datetime

import msgspec
from sqlalchemy import ColumnElement, select, update

from keter.domain.tickets import Ticket, TicketStatus
from keter.domain.trading import ExecutionMode
from keter.ledger.database import Database
from keter.ledger.schema import TICKET_OPEN_NOW, foreign_tickets
from keter.ledger.statements import upsert


class ForeignTicket(msgspec.Struct, frozen=True):
    """A ticket that is not ours; amounts in minor units.

    ``selection_id`` is None if the venue's words for the selection could not be read.
    """

    ticket_key: str
    reference: str
    book: str
    status: str
    stake_minor: int
    odds: str
    pnl_minor: int
    selection_id: str | None
    home: str
    away: str
    placed_at: datetime
    first_seen_at: datetime
    updated_at: datetime


class ForeignTickets:
    """Foreign tickets as the venue last showed them, one row each."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def put(self, account: str, mode: ExecutionMode, ticket: Ticket, *, at: datetime) -> bool:
        """Store what the venue shows; return True if the ticket is seen for the first time."""
        selection = None
        if ticket.market is not None and ticket.outcome is not None:
            selection = ticket.market.selection_id(ticket.outcome)
        key = {"account": account, "mode": mode.value, "ticket_key": ticket_key(ticket)}
        values = {
            "reference": ticket.reference,
            "book": ticket.book,
            "status": ticket.status.value,
            "stake_minor": ticket.stake_minor,
            "odds": ticket.odds,
            "pnl_minor": ticket.pnl_minor,
            "home": ticket.home,
            "selection_id": selection,
            "away": ticket.away,
            "placed_at": ticket.placed_at,
            "updated_at": at,
        }
        return await self._database.write(
            lambda c: upsert(c, foreign_tickets, key, values, first={"first_seen_at": at})
        )

    async def all(self, account: str, mode: ExecutionMode) -> list[ForeignTicket]:
        """Return every foreign ticket of the account, oldest first."""
        return await self._list(
            foreign_tickets.c.account == account, foreign_tickets.c.mode == mode.value
        )

    async def open(self, account: str, mode: ExecutionMode) -> list[ForeignTicket]:
        """Return the tickets that were pending or running when last seen, oldest first."""
        table = foreign_tickets.c
        return await self._list(table.account == account, table.mode == mode.value, TICKET_OPEN_NOW)

    async def mark_void(self, account: str, mode: ExecutionMode, key: str, *, at: datetime) -> None:
        """Mark an open ticket as void.

        For a ticket that the venue shows no more and does not know when asked.
        """
        table = foreign_tickets.c
        query = update(foreign_tickets).where(
            table.account == account, table.mode == mode.value, table.ticket_key == key
        )
        values = {"status": TicketStatus.VOID.value, "updated_at": at}
        await self._database.write(lambda c: c.execute(query.values(values)))

    async def _list(self, *conditions: ColumnElement[bool]) -> list[ForeignTicket]:
        query = select(foreign_tickets).where(*conditions).order_by(foreign_tickets.c.placed_at)
        found = await self._database.read(lambda c: c.execute(query).all())
        return [
            ForeignTicket(**{name: row._mapping[name] for name in ForeignTicket.__struct_fields__})
            for row in found
        ]


def ticket_key(ticket: Ticket) -> str:
    """Return the book and its ticket number, or our reference where the book gave no number.

    References may repeat.
    """
    return f"{ticket.book}:{ticket.ticket_id or ticket.reference}"
