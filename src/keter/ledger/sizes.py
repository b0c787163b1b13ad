"""How large the ledger is, and making room in it: only decisions go, oldest first.

Money history is never trimmed.

SQLite reuses the pages of deleted rows, and a ledger made by this version gives them back to the
disk (incremental vacuum); an older file keeps its size and grows no further. PostgreSQL reuses the
room after its own vacuum. The size told is therefore that of what is stored, not of the file.
"""

from typing import Any

from sqlalchemy import func, select, text
from sqlalchemy.engine import Connection, Engine

from keter.ledger.schema import decisions

SAMPLE = 500
ROW_BYTES = 260  # of a decision beside its texts: columns, indexes
POSTGRES_OVERHEAD = 1.2  # of its pages over what is in them
GIVEN_BACK_PAGES = 2_000  # at a time: the writers of money wait meanwhile


def stored_bytes(connection: Connection) -> int:
    """Bytes of everything that is stored, room for reuse left out."""
    if connection.dialect.name == "sqlite":
        pages, free, size = (
            int(connection.execute(text(f"PRAGMA {name}")).scalar_one())
            for name in ("page_count", "freelist_count", "page_size")
        )
        return (pages - free) * size
    others = "SELECT pg_database_size(current_database()) - pg_total_relation_size('decisions')"
    return int(connection.execute(text(others)).scalar_one()) + round(
        _decision_bytes(connection) * POSTGRES_OVERHEAD
    )


def _decision_bytes(connection: Connection) -> int:
    """By the newest decisions and how many there are; PostgreSQL's own figure does not fall when
    rows go.
    """
    first, last = connection.execute(
        select(func.min(decisions.c.id), func.max(decisions.c.id))
    ).one()
    if first is None:
        return 0
    newest = (
        select(decisions.c.numbers, decisions.c.details)
        .order_by(decisions.c.id.desc())
        .limit(SAMPLE)
        .subquery()
    )
    mean = select(func.avg(func.length(newest.c.numbers) + func.length(newest.c.details)))
    rows: int = last - first + 1
    return rows * (round(float(connection.execute(mean).scalar_one())) + ROW_BYTES)


def give_back(engine: Engine) -> None:
    """Return some free pages to the disk, where the file was made for it."""
    if engine.dialect.name == "sqlite":
        with engine.connect() as connection:
            driver: Any = connection.connection.driver_connection
            # As a script: a cursor takes a single step of it, which is a single page.
            driver.executescript(f"PRAGMA incremental_vacuum({GIVEN_BACK_PAGES})")


def optimize(connection: Connection) -> None:
    """Brings SQLite's statistics up to date by a look at a part of each index; PostgreSQL does so
    by itself.
    """
    if connection.dialect.name == "sqlite":
        connection.execute(text("PRAGMA analysis_limit=400"))
        connection.execute(text("PRAGMA optimize"))
