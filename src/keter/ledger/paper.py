"""The repository of paper tickets: what a bookmaker would hold of our DRY bets."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, func, insert, select, update
from sqlalchemy.engine import Connection, Row

from keter.domain.market_kinds import Outcome
from keter.domain.markets import stored_market
from keter.domain.order_states import OrderState
from keter.domain.placements import PaperSums, PaperTicket
from keter.ledger import rows
from keter.ledger.columns import EPOCH, to_us
from keter.ledger.database import Database
from keter.ledger.schema import paper_tickets
from keter.ledger.totals import read_paper_totals


class PaperBook:
    """Paper tickets: written when placed, settled once."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, tickets: Sequence[PaperTicket]) -> None:
        """Write all tickets of one placement, or none."""
        values = [_values(ticket) for ticket in tickets]
        await self._database.write(lambda c: c.execute(insert(paper_tickets), values))

    async def settle(
        self, ticket_id: str, *, result: OrderState, pnl_minor: int, at: datetime
    ) -> bool:
        """Write a ticket's result; return False if it was already settled."""
        query = update(paper_tickets).where(
            paper_tickets.c.ticket_id == ticket_id, paper_tickets.c.settled_at.is_(None)
        )
        values = {"result": result.value, "pnl_minor": pnl_minor, "settled_at": at}
        return await self._database.write(lambda c: c.execute(query.values(values)).rowcount > 0)

    async def by_reference(self, account: str, reference: str) -> list[PaperTicket]:
        """Return the tickets of one reference, newest first."""
        return await self._list(
            paper_tickets.c.account == account, paper_tickets.c.reference == reference
        )

    async def since(self, account: str, moment: datetime) -> list[PaperTicket]:
        """Return tickets that are unsettled, or placed or settled since ``moment``; newest first.

        Refused tickets are among them only if placed since ``moment``.
        """
        table, ours = paper_tickets.c, paper_tickets.c.account == account
        # Three queries, each with its index: an OR of the conditions would read every ticket.
        placed = await self._list(ours, table.placed_at >= moment, order=False)
        settled = await self._list(ours, table.settled_at >= moment, order=False)
        # It excludes nothing, but it makes the planner use the index of waiting tickets.
        ever = table.decided_at >= EPOCH
        waiting = await self._list(
            ours, table.settled_at.is_(None), ~table.refused, ever, order=False
        )
        found = {ticket.ticket_id: ticket for ticket in (*placed, *settled, *waiting)}
        return sorted(
            found.values(), key=lambda ticket: (-to_us(ticket.placed_at), ticket.ticket_id)
        )

    async def unsettled(self, account: str, now: datetime) -> list[PaperTicket]:
        """Return the tickets that are accepted at ``now`` and have no result."""
        table = paper_tickets.c
        return await self._list(
            table.account == account,
            table.settled_at.is_(None),
            ~table.refused,
            table.decided_at <= now,
        )

    async def sums(
        self, account: str, now: datetime, today: datetime, yesterday: datetime
    ) -> PaperSums:
        """Return the account's sums at ``now``; the other two are when those days began."""
        return await self._database.read(
            lambda connection: _sums(connection, account, now, today, yesterday)
        )

    async def _list(self, *conditions: Any, order: bool = True) -> list[PaperTicket]:
        """Return the tickets newest first, or in no order if ``order`` is False.

        Without an order the planner chooses the index by the conditions alone.
        """
        table = paper_tickets.c
        query = select(paper_tickets).where(*conditions)
        query = query.order_by(table.placed_at.desc(), table.ticket_id) if order else query
        found: Sequence[Row[Any]] = await self._database.read(lambda c: c.execute(query).all())
        return [_ticket(row) for row in found]


def _sums(
    connection: Connection, account: str, now: datetime, today: datetime, yesterday: datetime
) -> PaperSums:
    # Each sum has its own index. The profit of all tickets is kept in the totals.
    table = paper_tickets.c

    def sum_of(column: ColumnElement[int], *conditions: ColumnElement[bool]) -> int:
        query = select(func.coalesce(func.sum(column), 0)).where(*conditions)
        return int(connection.execute(query).scalar_one())

    ours, profit = table.account == account, table.pnl_minor
    accepted = sum_of(table.stake_minor, ours, table.settled_at.is_(None), ~table.refused)
    undecided = sum_of(table.stake_minor, ours, table.refused, table.decided_at > now)
    return PaperSums(
        outstanding_minor=accepted + undecided,
        pnl_minor=sum(total.pnl_minor for total in read_paper_totals(connection, account)),
        pnl_today_minor=sum_of(profit, ours, table.settled_at >= today),
        pnl_yesterday_minor=sum_of(
            profit, ours, table.settled_at >= yesterday, table.settled_at < today
        ),
    )


_PLAIN = tuple(
    name
    for name in PaperTicket.__struct_fields__
    if name not in {"market", "outcome", "score_at_bet", "result"}
)


def _values(ticket: PaperTicket) -> dict[str, Any]:
    score = ticket.score_at_bet or (None, None)
    return {
        **{name: getattr(ticket, name) for name in _PLAIN},
        "market_id": ticket.market.market_id,
        "outcome": ticket.outcome.value,
        "score_home": score[0],
        "score_away": score[1],
        "result": None if ticket.result is None else ticket.result.value,
    }


def _ticket(row: Row[Any]) -> PaperTicket:
    return PaperTicket(
        **{name: row._mapping[name] for name in _PLAIN},
        market=stored_market(row.event_uid, row.market_id),
        outcome=Outcome(row.outcome),
        score_at_bet=rows.pair(row.score_home, row.score_away),
        result=None if row.result is None else OrderState(row.result),
    )
