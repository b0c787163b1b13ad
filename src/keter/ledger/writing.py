"""Whether the ledger takes writes, and if not, of which kind the trouble is: learnt from a write,
not from an answer.

The write sets the one row of ``alembic_version`` to what it is: it is cheap, leaves nothing behind
and needs no table of its own. It goes over a connection of its own with little patience, so that it
never stands in the way of a bet's.
"""

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from enum import StrEnum
from pathlib import Path
from typing import Any

from sqlalchemy import text
from sqlalchemy.engine import URL, Engine
from sqlalchemy.exc import SQLAlchemyError

from keter.ledger.database import RELAXED, make_engine, parse_url

DEADLINE_S = 2.5  # below what one look for /readyz may take
PATIENCE_S = 1.5  # for a lock; a write of ours takes milliseconds
WRITE = "UPDATE alembic_version SET version_num = version_num"


class LedgerTrouble(StrEnum):
    """Why the ledger took no write."""

    AWAY = "away"
    LOCKED = "locked"
    READ_ONLY = "read_only"
    DISK_FULL = "disk_full"


# SQLite's primary codes; those of an error are in the lower byte.
_SQLITE = {
    sqlite3.SQLITE_BUSY: LedgerTrouble.LOCKED,
    sqlite3.SQLITE_LOCKED: LedgerTrouble.LOCKED,
    sqlite3.SQLITE_READONLY: LedgerTrouble.READ_ONLY,
    sqlite3.SQLITE_PERM: LedgerTrouble.READ_ONLY,
    sqlite3.SQLITE_FULL: LedgerTrouble.DISK_FULL,
}
# PostgreSQL's: lock_not_available, query_canceled; read_only_sql_transaction,
# insufficient_privilege; disk_full.
_POSTGRES = {
    "55P03": LedgerTrouble.LOCKED,
    "57014": LedgerTrouble.LOCKED,
    "25006": LedgerTrouble.READ_ONLY,
    "42501": LedgerTrouble.READ_ONLY,
    "53100": LedgerTrouble.DISK_FULL,
}
Refusal = tuple[LedgerTrouble, str]


class WriteProbe:
    """One per process. A try that has not come back is not joined by a second one."""

    def __init__(self, url: str) -> None:
        self._url = parse_url(url)
        self._engine: Engine | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="ledger-probe")
        self._under_way: asyncio.Future[Refusal | None] | None = None

    async def try_write(self) -> Refusal | None:
        """The kind of trouble and what was said; None where the write was taken."""
        if self._under_way is None:
            write = self._sqlite if self._url.get_backend_name() == "sqlite" else self._postgres
            self._under_way = asyncio.get_running_loop().run_in_executor(self._thread, write)
        done, _ = await asyncio.wait({self._under_way}, timeout=DEADLINE_S)
        if not done:
            return LedgerTrouble.AWAY, f"no answer within {DEADLINE_S:g} s"
        found, self._under_way = self._under_way.result(), None
        return found

    def _sqlite(self) -> Refusal | None:
        """Open the file each time: one that was moved away or replaced would go on unseen behind
        an open one.
        """
        return _refusal(lambda: _write_sqlite(self._url), Path(self._url.database or ""))

    def _postgres(self) -> Refusal | None:
        if self._engine is None:
            self._engine = make_engine(self._url, read_only=False)
        engine = self._engine
        return _refusal(lambda: _write_postgres(engine))

    async def aclose(self) -> None:
        """Wait for a try under way no longer than a try may take."""
        if self._under_way is not None:
            await asyncio.wait({self._under_way}, timeout=DEADLINE_S)
        self._thread.shutdown(wait=False)
        if self._engine is not None:
            self._engine.dispose()


def _write_sqlite(url: URL) -> None:
    # Rw: a probe makes no ledger.
    address = f"{Path(url.database or '').absolute().as_uri()}?mode=rw"
    with closing(
        sqlite3.connect(address, uri=True, timeout=PATIENCE_S, isolation_level=None)
    ) as connection:
        connection.execute("PRAGMA synchronous=NORMAL")  # a power cut may have it: it holds nothing
        connection.execute("BEGIN IMMEDIATE")
        connection.execute(WRITE)
        connection.execute("COMMIT")


def _write_postgres(engine: Engine) -> None:
    with engine.connect().execution_options(work=RELAXED) as connection, connection.begin():
        patience = f"{PATIENCE_S:g}s"
        connection.execute(
            text(
                f"SET LOCAL lock_timeout = '{patience}'; SET LOCAL statement_timeout = '{patience}'"
            )
        )
        connection.execute(text(WRITE))


def _refusal(write: Callable[[], None], file: Path | None = None) -> Refusal | None:
    try:
        write()
    except sqlite3.Error as e:
        code = (getattr(e, "sqlite_errorcode", None) or 0) & 0xFF
        if code == sqlite3.SQLITE_CANTOPEN and file is not None and file.exists():
            # The file is there, and nothing may be made beside it.
            return LedgerTrouble.READ_ONLY, _sentence(e)
        return _SQLITE.get(code, LedgerTrouble.AWAY), _sentence(e)
    except SQLAlchemyError as e:
        cause: Any = getattr(e, "orig", None)
        return _POSTGRES.get(getattr(cause, "sqlstate", None) or "", LedgerTrouble.AWAY), _sentence(
            cause or e
        )
    return None


def _sentence(error: BaseException) -> str:
    """Its first line: a driver's further ones may quote the statement."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
