"""The size of the ledger, and space given back to the disk.

Only decisions are ever deleted, the oldest first. Money history is never trimmed.

SQLite reuses the pages of deleted rows. A ledger created by this version can also return them to
the disk (incremental vacuum); an older file keeps its size. PostgreSQL reuses the space after its
own vacuum. The size is therefore that of what is stored, not that of the file.
"""

from typing import Any

from sqlalchemy import func, select, text
from sqlalchemy.engine import Connection, Engine

from keter.ledger.schema import decisions

SAMPLE = 500
ROW_BYTES = 260  # of a decision's other columns and its indexes, besides its two texts
POSTGRES_OVERHEAD = 1.2  # size of its pages to what they contain
GIVEN_BACK_PAGES = 2_000  # at a time, because the writers of bets wait meanwhile


def stored_bytes(connection: Connection) -> int:
    """Return the bytes of everything that is stored, without space that may be reused."""
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
    """Estimate the bytes of all decisions from the size of the newest ones.

    PostgreSQL's own figure does not fall when rows are deleted.
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
    """Return some free pages to the disk if the file was created with incremental vacuum."""
    if engine.dialect.name == "sqlite":
        with engine.connect() as connection:
            driver: Any = connection.connection.driver_connection
            # A cursor would take one step of the statement, which frees one page only.
            driver.executescript(f"PRAGMA incremental_vacuum({GIVEN_BACK_PAGES})")


def optimize(connection: Connection) -> None:
    """Update SQLite's statistics from a part of each index; PostgreSQL does so by itself."""
    if connection.dialect.name == "sqlite":
        connection.execute(text("PRAGMA analysis_limit=400"))
        connection.execute(text("PRAGMA optimize"))
