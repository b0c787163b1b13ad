"""The repository of operators' commands: the audit."""

from typing import Any

import msgspec
from sqlalchemy import BigInteger, ColumnElement, Text, cast, func, insert, select, type_coerce
from sqlalchemy.dialects.postgresql import JSON
from sqlalchemy.engine import Connection, Row

from keter.domain.trading import CommandAction, OperatorCommand, TradingState
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

    async def last_trading(self) -> TradingState | None:
        """Return the trading state after the last accepted command that has one, or None.

        It restores a Redis that lost its data. The last command is the one with the highest
        revision. Among rows of one revision, or without any, the one written later is the last.
        """
        query = select(operator_commands).where(
            operator_commands.c.after.is_not(None), operator_commands.c.accepted
        )
        revision = func.coalesce(_revision(self._database.dialect), 0)
        query = query.order_by(revision.desc(), operator_commands.c.sequence.desc()).limit(1)
        row = await self._database.read(lambda c: c.execute(query).one_or_none())
        return None if row is None else _command(row).after


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
