"""Maintenance of the ledger: copies, checks and exports."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Text, func, select, text, type_coerce
from sqlalchemy.engine import Connection, Engine

from keter.domain.order_states import SETTLED
from keter.errors import UnavailableError, UsageError
from keter.extras import missing
from keter.ledger.columns import DecimalText, UtcTime
from keter.ledger.order_schema import fills, orders, transitions
from keter.ledger.totals import wrong_totals
from keter.plain import csv_lines
from keter.system.private_files import claim, make_folder, open_private

FORMATS = ("csv", "parquet")
# Decimals as the exact texts that they are.
_COLUMNS = [
    type_coerce(column, Text).label(column.name) if isinstance(column.type, DecimalText) else column
    for column in orders.c
    if column.name != "signal"
]


def backup(engine: Engine, path: Path) -> None:
    """Copy a SQLite ledger into a new file; the copy is consistent while others write.

    Raises UsageError for PostgreSQL or an existing file, UnavailableError if the file cannot be
    written.
    """
    if engine.dialect.name != "sqlite":
        raise UsageError("a PostgreSQL ledger is backed up with pg_dump")
    if path.exists():
        raise UsageError(f"{path} exists; choose a name that is free")
    with _writing(path), engine.connect() as connection:
        claim(path)
        source: Any = connection.connection.driver_connection
        target = sqlite3.connect(path)
        try:
            source.backup(target)
        finally:
            target.close()


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    """Create the folder of ``path``. Raises UnavailableError for a failure to write."""
    try:
        make_folder(path.parent)
        yield
    except (OSError, sqlite3.OperationalError) as e:
        raise UnavailableError(
            f"{path} cannot be written: {getattr(e, 'strerror', None) or e}"
        ) from e


def integrity(engine: Engine) -> list[str]:
    """Return one sentence for each problem that the database's checks and ours find.

    Ours are: each state is the last of its transitions, a settled order has a profit, fills and
    totals agree.
    """
    with engine.connect() as connection, connection.begin():
        found = _sqlite_problems(connection) if engine.dialect.name == "sqlite" else []
        return [
            *found,
            *_trail_problems(connection),
            *_money_problems(connection),
            *_fill_problems(connection),
            *wrong_totals(connection),
        ]


def _sqlite_problems(connection: Connection) -> list[str]:
    pages = [str(row[0]) for row in connection.execute(text("PRAGMA integrity_check"))]
    orphans = connection.execute(text("PRAGMA foreign_key_check")).all()
    found = [f"damaged file: {line}" for line in pages if line != "ok"]
    return found + [
        f"row {row[1]} of {row[0]} points to a missing row of {row[2]}" for row in orphans
    ]


def _trail_problems(connection: Connection) -> list[str]:
    last = (
        select(transitions.c.intent_id, text("max(id) AS last"))
        .group_by(transitions.c.intent_id)
        .subquery()
    )
    query = (
        select(orders.c.intent_id, orders.c.state, transitions.c.target)
        .join(last, last.c.intent_id == orders.c.intent_id, isouter=True)
        .join(transitions, transitions.c.id == text("anon_1.last"), isouter=True)
    )
    wrong = [row for row in connection.execute(query) if row.state != row.target]
    return [
        f"intent {row.intent_id} is {row.state} but its trail ends at {row.target}" for row in wrong
    ]


def _money_problems(connection: Connection) -> list[str]:
    settled = sorted(state.value for state in SETTLED)
    query = select(orders.c.intent_id).where(
        orders.c.state.in_(settled) & (orders.c.pnl_minor.is_(None) | orders.c.settled_at.is_(None))
    )
    return [
        f"settled intent {intent_id} has no profit or time"
        for intent_id in connection.execute(query).scalars()
    ]


def _fill_problems(connection: Connection) -> list[str]:
    """Compare what stands of each order with its fills, or the venue's totals where more."""
    itemised = (
        select(fills.c.intent_id, func.sum(fills.c.size_minor).label("size"))
        .group_by(fills.c.intent_id)
        .subquery()
    )
    query = select(
        orders.c.intent_id,
        orders.c.placed_stake_minor,
        orders.c.matched_minor,
        orders.c.voided_minor,
        func.coalesce(itemised.c.size, 0).label("size"),
    ).join(itemised, itemised.c.intent_id == orders.c.intent_id, isouter=True)
    found = []
    for row in connection.execute(query):
        standing = max(int(row.size), row.matched_minor, row.voided_minor) - row.voided_minor
        if row.placed_stake_minor != standing:
            found.append(
                f"intent {row.intent_id} holds {row.placed_stake_minor}, its fills come to"
                f" {standing}"
            )
    return found


def export(engine: Engine, path: Path, fmt: str) -> int:
    """Write every order as one row, oldest first, and return the number of rows.

    Money stays in minor units. Times are ISO texts (CSV) or timestamps (Parquet).

    Raises UsageError for another format than FORMATS or if pyarrow is missing, UnavailableError if
    the file cannot be written.
    """
    if fmt not in FORMATS:
        raise UsageError(f"unknown format {fmt!r}; choose {' or '.join(FORMATS)}")
    with engine.connect() as connection, connection.begin():
        found = connection.execute(
            select(*_COLUMNS).order_by(orders.c.created_at, orders.c.intent_id)
        ).all()
    with _writing(path):
        (_write_csv if fmt == "csv" else _write_parquet)(path, [tuple(row) for row in found])
    return len(found)


def _write_csv(path: Path, found: list[tuple[Any, ...]]) -> None:
    with open_private(path, "wb") as file:
        file.write(
            csv_lines(
                [[column.name for column in _COLUMNS], *[list(map(_in_csv, row)) for row in found]]
            )
        )


def _in_csv(value: Any) -> Any:
    return value.isoformat() if hasattr(value, "isoformat") else value


def _write_parquet(path: Path, found: list[tuple[Any, ...]]) -> None:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as e:
        raise UsageError(missing("Parquet")) from e
    kinds = {int: pa.int64(), float: pa.float64(), str: pa.string()}
    fields = [
        (
            c.name,
            pa.timestamp("us", tz="UTC")
            if isinstance(c.type, UtcTime)
            else kinds[c.type.python_type],
        )
        for c in _COLUMNS
    ]
    columns = list(zip(*found, strict=True)) if found else [()] * len(fields)
    arrays = [
        pa.array(list(values), type=kind) for values, (_, kind) in zip(columns, fields, strict=True)
    ]
    with open_private(path, "wb") as file:
        pq.write_table(pa.table(arrays, names=[name for name, _ in fields]), file)
