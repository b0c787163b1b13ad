"""The repository of operators' commands: the audit."""

from typing import Any

import msgspec
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Text,
    cast,
    func,
    insert,
    select,
    type_coerce,
)
from sqlalchemy.dialects.postgresql import JSON
from sqlalchemy.engine import Connection, Row

from keter.domain.trading import (
    COMMON,
    CommandAction,
    OperatorCommand,
    TradingState,
    scope_of,
    target_of,
)
from keter.ledger.database import Database
from keter.ledger.schema import operator_commands


class Commands:
    """Every command of an operator, accepted or not. Rows are only added.

    The order is that of ``sequence``, which the database counts, because a clock may be set back.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, command: OperatorCommand) -> None:
        await self._database.write(
            lambda c: c.execute(insert(operator_commands).values(_values(command)))
        )

    async def recent(
        self, limit: int = 100, *, actions: frozenset[CommandAction] | None = None
    ) -> list[OperatorCommand]:
        """Return the newest commands, the last written first.

        With ``actions`` only accepted commands of these actions are returned.
        """
        query = select(operator_commands).order_by(operator_commands.c.sequence.desc()).limit(limit)
        if actions is not None:
            query = query.where(_of(actions), operator_commands.c.accepted)
        found = await self._database.read(lambda c: c.execute(query).all())
        return [_command(row) for row in found]

    async def after(
        self, command_id: str, actions: frozenset[CommandAction]
    ) -> list[OperatorCommand] | None:
        """Return accepted commands of ``actions`` written after this one, the last first.

        Returns None if the ledger does not have ``command_id``.
        """
        table = operator_commands.c
        own = select(table.sequence).where(table.command_id == command_id)

        def read(connection: Connection) -> list[OperatorCommand] | None:
            number = connection.execute(own).scalar_one_or_none()
            if number is None:
                return None
            later = select(operator_commands).where(
                table.sequence > number, _of(actions), table.accepted
            )
            found = connection.execute(later.order_by(table.sequence.desc()))
            return [_command(row) for row in found]

        return await self._database.read(read)

    async def last_trading(self, scope: str = COMMON) -> TradingState | None:
        """Return the trading state of ``scope`` after the last accepted command that has one.

        Return None without such a command. It restores a Redis that lost its data. The last command
        is the one with the highest revision. Among rows of one revision, or without any, the one
        written later is the last.
        """
        query = select(operator_commands).where(
            _has_state(), operator_commands.c.target == target_of(scope)
        )
        query = query.order_by(*_last_first(self._database.dialect)).limit(1)
        row = await self._database.read(lambda c: c.execute(query).one_or_none())
        return None if row is None else _command(row).after

    async def last_scoped_trading(self) -> dict[str, TradingState]:
        """Return what ``last_trading`` does for each scope that has a state, the common one apart.

        One query finds them all.
        """
        target = operator_commands.c.target
        place = func.row_number().over(
            partition_by=target, order_by=_last_first(self._database.dialect)
        )
        placed = select(operator_commands, place.label("place")).where(
            _has_state(), target != target_of(COMMON)
        )
        last = placed.subquery()
        query = select(last).where(last.c.place == 1)
        found = await self._database.read(lambda c: c.execute(query).all())
        states = {scope_of(row.target): _command(row).after for row in found}
        return {scope: state for scope, state in states.items() if scope and state is not None}


def _has_state() -> ColumnElement[bool]:
    return operator_commands.c.after.is_not(None) & operator_commands.c.accepted


def _last_first(dialect: str) -> tuple[ColumnElement[Any], ColumnElement[Any]]:
    revision = func.coalesce(_revision(dialect), 0)
    return revision.desc(), operator_commands.c.sequence.desc()


def _of(actions: frozenset[CommandAction]) -> ColumnElement[bool]:
    return operator_commands.c.action.in_(sorted(action.value for action in actions))


def _revision(dialect: str) -> ColumnElement[int]:
    """Return the SQL that reads the revision from the JSON text of ``after``; NULL without one."""
    text = type_coerce(operator_commands.c.after, Text)
    if dialect == "sqlite":
        return cast(func.json_extract(text, "$.revision"), BigInteger)
    return cast(cast(text, JSON)["revision"].astext, BigInteger)


def _command(row: Row[Any]) -> OperatorCommand:
    before, after = (
        None if state is None else msgspec.convert(state, TradingState)
        for state in (row.before, row.after)
    )
    return OperatorCommand(
        row.command_id,
        CommandAction(row.action),
        row.actor,
        row.source,
        row.target,
        row.reason,
        row.at,
        row.accepted,
        row.result,
        before,
        after,
        row.value_before,
        row.value_after,
        row.v,
    )


def _values(command: OperatorCommand) -> dict[str, Any]:
    values: dict[str, Any] = {name: getattr(command, name) for name in command.__struct_fields__}
    return {**values, "action": command.action.value}
