"""Pieces of SQL that the tables and several repositories use."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Column, ColumnElement, Table, bindparam, insert, update
from sqlalchemy.engine import Connection


def written_out(column: Column[str], values: Iterable[str]) -> ColumnElement[bool]:
    """Return the condition that ``column`` is one of ``values``, written into the statement.

    With bound parameters a database cannot see that a partial index holds every matching row.
    """
    return column.in_(bindparam(None, sorted(values), expanding=True, literal_execute=True))


def words(values: Iterable[object]) -> str:
    """Return the words as a SQL list, sorted so that it does not vary between runs."""
    return ", ".join(f"'{word}'" for word in sorted(map(str, values)))


def unindexed(column: ColumnElement[str]) -> ColumnElement[str]:
    """Return ``column`` as an expression that no index covers.

    A planner without statistics then has to use the index of another condition.
    """
    return column.concat("")


def upsert(
    connection: Connection,
    table: Table,
    key: dict[str, Any],
    values: dict[str, Any],
    *,
    first: dict[str, Any],
) -> bool:
    """Update the row with ``key``, or insert it with ``values`` and ``first``.

    Returns True if the row was inserted.
    """
    conditions = [table.c[name] == value for name, value in key.items()]
    if connection.execute(update(table).where(*conditions).values(values)).rowcount:
        return False
    connection.execute(insert(table).values({**key, **values, **first}))
    return True
