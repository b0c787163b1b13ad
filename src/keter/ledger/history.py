"""What happened around the bets: balances, results, operators' commands, alerts, settlements,
foreign tickets.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Table,
    Text,
    cast,
    func,
    insert,
    select,
    type_coerce,
    update,
)
from sqlalchemy.dialects.postgresql import JSON
from sqlalchemy.engine import Connection, Row

from keter.domain.bets import BetState
from keter.domain.feed import EventScore
from keter.domain.quotes import Score
from keter.domain.tickets import AccountSnapshot, Ticket, TicketStatus
from keter.domain.trading import CommandAction, ExecutionMode, OperatorCommand, TradingState
from keter.ledger import rows
from keter.ledger.database import Database
from keter.ledger.schema import (
    STANDING_NOW,
    account_history,
    alerts,
    foreign_tickets,
    operator_commands,
    results,
    settlements,
)


class AlertRow(msgspec.Struct, frozen=True):
    """One alert from the moment it rose until it was resolved."""

    alert_id: str
    level: str
    title: str
    detail: str
    opened_at: datetime
    closed_at: datetime | None


class SettlementRow(msgspec.Struct, frozen=True):
    """One settlement: what the venue says, what our own rules say, and whether they agree (None: we
    had no score).
    """

    intent_id: str
    at: datetime
    venue_state: BetState
    venue_pnl_minor: int
    own_state: BetState | None
    own_pnl_minor: int | None
    agrees: bool | None
    evidence: dict[str, object] = {}


class ForeignTicket(msgspec.Struct, frozen=True):
    """A ticket at the venue that no intent of ours explains.

    ``selection_id`` is None when its words could not be read.
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


def _upsert(
    connection: Connection,
    table: Table,
    key: dict[str, Any],
    values: dict[str, Any],
    *,
    first: dict[str, Any],
) -> bool:
    """Update the row of ``key`` or inserts it with ``first`` as well; True when it was
    inserted.
    """
    conditions = [table.c[name] == value for name, value in key.items()]
    if connection.execute(update(table).where(*conditions).values(values)).rowcount:
        return False
    connection.execute(insert(table).values({**key, **values, **first}))
    return True


class Accounts:
    """Balances as the venue reported them."""

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
        """Oldest first, the newest ``limit`` of them."""
        table = account_history.c
        query = select(account_history).where(table.account == account, table.fetched_at >= since)
        query = query.order_by(table.fetched_at.desc(), table.id.desc()).limit(limit)
        found = await self._database.read(lambda c: c.execute(query).all())
        return [_snapshot(row) for row in reversed(found)]


def _snapshot(row: Row[Any]) -> AccountSnapshot:
    return AccountSnapshot(
        **{name: row._mapping[name] for name in AccountSnapshot.__struct_fields__}
    )


class Results:
    """Final scores, by event."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def put(self, result: EventScore) -> None:
        half = result.half_time or (None, None)
        score = result.score
        values = {
            "home": score.home,
            "away": score.away,
            "minute": score.minute,
            "red_home": score.red_home,
            "red_away": score.red_away,
            "half_time_home": half[0],
            "half_time_away": half[1],
            "ended": result.ended,
            "observed_at": result.observed_at,
        }
        await self._database.write(
            lambda c: _upsert(c, results, {"event_uid": result.event_uid}, values, first={})
        )

    async def get(self, event_uid: str) -> EventScore | None:
        return (await self.many([event_uid])).get(event_uid)

    async def many(self, event_uids: Sequence[str]) -> dict[str, EventScore]:
        """Those of the events that have a result."""
        query = select(results).where(results.c.event_uid.in_(sorted(set(event_uids))))
        found = await self._database.read(lambda c: c.execute(query).all()) if event_uids else []
        return {row.event_uid: _score(row) for row in found}


def _score(row: Row[Any]) -> EventScore:
    score = Score(row.home, row.away, row.minute, row.red_home, row.red_away)
    half_time = rows.pair(row.half_time_home, row.half_time_away)
    return EventScore(row.event_uid, score, half_time, row.ended, row.observed_at)


class Commands:
    """The audit of operators' commands."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, command: OperatorCommand) -> None:
        await self._database.write(
            lambda c: c.execute(insert(operator_commands).values(rows.from_command(command)))
        )

    async def recent(
        self, limit: int = 100, *, actions: frozenset[CommandAction] | None = None
    ) -> list[OperatorCommand]:
        """The last written first, whatever the clock said; of the chosen ``actions`` only those
        that were accepted.
        """
        query = select(operator_commands).order_by(operator_commands.c.sequence.desc()).limit(limit)
        if actions is not None:
            chosen = operator_commands.c.action.in_(sorted(action.value for action in actions))
            query = query.where(chosen, operator_commands.c.accepted)
        found = await self._database.read(lambda c: c.execute(query).all())
        return [rows.to_command(row) for row in found]

    async def after(
        self, command_id: str, actions: frozenset[CommandAction]
    ) -> list[OperatorCommand] | None:
        """The accepted commands of ``actions`` that were written after this one, the last first;
        None when it is not known.
        """
        table = operator_commands.c
        chosen = table.action.in_(sorted(action.value for action in actions))
        own = select(table.sequence).where(table.command_id == command_id)

        def look(connection: Connection) -> list[OperatorCommand] | None:
            number = connection.execute(own).scalar_one_or_none()
            if number is None:
                return None
            later = select(operator_commands).where(table.sequence > number, chosen, table.accepted)
            return [
                rows.to_command(row)
                for row in connection.execute(later.order_by(table.sequence.desc()))
            ]

        return await self._database.read(look)

    async def last_trading(self) -> TradingState | None:
        """The trading state that the last accepted command left, for a Redis that forgot it.

        The last is the one of the highest revision, whatever the clock said. Between rows without
        one, or of the same, the one written later is the last.
        """
        query = select(operator_commands).where(
            operator_commands.c.after.is_not(None), operator_commands.c.accepted
        )
        revision = func.coalesce(_revision(self._database.dialect), 0)
        query = query.order_by(revision.desc(), operator_commands.c.sequence.desc()).limit(1)
        row = await self._database.read(lambda c: c.execute(query).one_or_none())
        return None if row is None else rows.to_command(row).after


def _revision(dialect: str) -> ColumnElement[int]:
    """The revision in the JSON text of ``after``, as each database reads it; NULL where it has
    none.
    """
    text = type_coerce(operator_commands.c.after, Text)
    if dialect == "sqlite":
        return cast(func.json_extract(text, "$.revision"), BigInteger)
    return cast(cast(text, JSON)["revision"].astext, BigInteger)


class Alerts:
    """When each alert rose and when it was resolved; the active ones live in Redis."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def opened(
        self, alert_id: str, *, level: str, title: str, detail: str, at: datetime
    ) -> bool:
        """Note a rise; False when it was already open, whose detail is then brought up to date."""
        values = {"level": level, "title": title, "detail": detail}
        key = {"alert_id": alert_id, "closed_at": None}
        return await self._database.write(
            lambda c: _upsert(c, alerts, key, values, first={"opened_at": at}), durable=False
        )

    async def closed(self, alert_id: str, *, at: datetime) -> bool:
        """Note the end; False when it was not open."""
        query = (
            update(alerts)
            .where(alerts.c.alert_id == alert_id, alerts.c.closed_at.is_(None))
            .values(closed_at=at)
        )
        return await self._database.write(lambda c: c.execute(query).rowcount > 0, durable=False)

    async def standing(self) -> set[str]:
        """Those whose end has not been noted."""
        query = select(alerts.c.alert_id).where(alerts.c.closed_at.is_(None))
        return set(await self._database.read(lambda c: c.execute(query).scalars().all()))

    async def history(self, limit: int = 100) -> list[AlertRow]:
        """Newest first, open ones included."""
        query = select(alerts).order_by(alerts.c.opened_at.desc(), alerts.c.id.desc()).limit(limit)
        found = await self._database.read(lambda c: c.execute(query).all())
        return [
            AlertRow(**{name: row._mapping[name] for name in AlertRow.__struct_fields__})
            for row in found
        ]


class Settlements:
    """Each settlement and regrade, with our own sum beside the venue's."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, row: SettlementRow) -> None:
        own = None if row.own_state is None else row.own_state.value
        values = {name: getattr(row, name) for name in row.__struct_fields__}
        values |= {"venue_state": row.venue_state.value, "own_state": own}
        await self._database.write(lambda c: c.execute(insert(settlements).values(values)))

    async def of(self, intent_id: str) -> list[SettlementRow]:
        """Oldest first."""
        query = (
            select(settlements)
            .where(settlements.c.intent_id == intent_id)
            .order_by(settlements.c.id)
        )
        found = await self._database.read(lambda c: c.execute(query).all())
        return [_settlement(row) for row in found]


def _settlement(row: Row[Any]) -> SettlementRow:
    values = {name: row._mapping[name] for name in SettlementRow.__struct_fields__}
    own = None if row.own_state is None else BetState(row.own_state)
    return SettlementRow(**{**values, "venue_state": BetState(row.venue_state), "own_state": own})


class ForeignTickets:
    """Tickets at the venue that are not ours."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def put(self, account: str, mode: ExecutionMode, ticket: Ticket, *, at: datetime) -> bool:
        """Note what the venue shows; True when the ticket is seen for the first time."""
        known = ticket.market is not None and ticket.side is not None
        selection = ticket.market.selection_id(ticket.side) if known else None  # type: ignore[union-attr,arg-type]  # known
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
            lambda c: _upsert(c, foreign_tickets, key, values, first={"first_seen_at": at})
        )

    async def all(self, account: str, mode: ExecutionMode) -> list[ForeignTicket]:
        """Oldest first."""
        return await self._list(
            foreign_tickets.c.account == account, foreign_tickets.c.mode == mode.value
        )

    async def open(self, account: str, mode: ExecutionMode) -> list[ForeignTicket]:
        """Those that were pending or running when last seen, oldest first."""
        table = foreign_tickets.c
        return await self._list(table.account == account, table.mode == mode.value, STANDING_NOW)

    async def forget(self, account: str, mode: ExecutionMode, key: str, *, at: datetime) -> None:
        """The venue does not show an open ticket any more, and does not know it when asked: it
        counts as void.
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
    """What names a ticket when references repeat: the book's own number where there is one."""
    return (
        f"{ticket.book}:{ticket.ticket_id}"
        if ticket.ticket_id
        else f"{ticket.book}:{ticket.reference}"
    )
