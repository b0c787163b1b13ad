"""Pieces of SQL that several repositories use."""

from typing import Any

from sqlalchemy import ColumnElement, Table, insert, update
from sqlalchemy.engine import Connection


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
