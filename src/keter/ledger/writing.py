"""A probe that finds out by writing whether the ledger takes writes, and if not, why.

The write sets the one row of ``alembic_version`` to its own value. It is cheap, changes nothing and
needs no table of its own. It uses a connection of its own with short timeouts, so that it never
delays the write of a bet.
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

from keter.domain.storage import WRITE_PROBE_S
from keter.ledger.address import parse_url
from keter.ledger.database import RELAXED, make_engine

LOCK_TIMEOUT_S = 1.5  # a write of ours takes milliseconds
WRITE = "UPDATE alembic_version SET version_num = version_num"


class LedgerTrouble(StrEnum):
    """Why the ledger took no write."""

    AWAY = "away"
    LOCKED = "locked"
    READ_ONLY = "read_only"
    DISK_FULL = "disk_full"


# SQLite's primary error codes: the lower byte of an extended code.
_SQLITE = {
    sqlite3.SQLITE_BUSY: LedgerTrouble.LOCKED,
    sqlite3.SQLITE_LOCKED: LedgerTrouble.LOCKED,
    sqlite3.SQLITE_READONLY: LedgerTrouble.READ_ONLY,
    sqlite3.SQLITE_PERM: LedgerTrouble.READ_ONLY,
    sqlite3.SQLITE_FULL: LedgerTrouble.DISK_FULL,
}
# PostgreSQL's SQLSTATE codes.
_POSTGRES = {
    "55P03": LedgerTrouble.LOCKED,  # lock_not_available
    "57014": LedgerTrouble.LOCKED,  # query_canceled
    "25006": LedgerTrouble.READ_ONLY,  # read_only_sql_transaction
    "42501": LedgerTrouble.READ_ONLY,  # insufficient_privilege
    "53100": LedgerTrouble.DISK_FULL,  # disk_full
}
Refusal = tuple[LedgerTrouble, str]  # and the driver's own sentence


class WriteProbe:
    """Tries a write on request. One per process; at most one try runs at a time."""

    def __init__(self, url: str) -> None:
        self._url = parse_url(url)
        self._engine: Engine | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="ledger-probe")
        self._under_way: asyncio.Future[Refusal | None] | None = None

    async def try_write(self) -> Refusal | None:
        """Return None if the ledger took the write, else the kind of trouble and its sentence.

        A try that is still running is waited for instead of starting another.
        """
        if self._under_way is None:
            write = self._sqlite if self._url.get_backend_name() == "sqlite" else self._postgres
            self._under_way = asyncio.get_running_loop().run_in_executor(self._thread, write)
        done, _ = await asyncio.wait({self._under_way}, timeout=WRITE_PROBE_S)
        if not done:
            return LedgerTrouble.AWAY, f"no answer within {WRITE_PROBE_S:g} s"
        found, self._under_way = self._under_way.result(), None
        return found

    def _sqlite(self) -> Refusal | None:
        # The file is opened each time: an open one hides that it was moved away or replaced.
        return _refusal(lambda: _write_sqlite(self._url), Path(self._url.database or ""))

    def _postgres(self) -> Refusal | None:
        if self._engine is None:
            self._engine = make_engine(self._url, read_only=False)
        engine = self._engine
        return _refusal(lambda: _write_postgres(engine))

    async def aclose(self) -> None:
        """Wait for a running try, WRITE_PROBE_S at most, and release thread and connection."""
        if self._under_way is not None:
            await asyncio.wait({self._under_way}, timeout=WRITE_PROBE_S)
        self._thread.shutdown(wait=False)
        if self._engine is not None:
            self._engine.dispose()


def _write_sqlite(url: URL) -> None:
    # With mode=rw SQLite does not create a missing file.
    address = f"{Path(url.database or '').absolute().as_uri()}?mode=rw"
    with closing(
        sqlite3.connect(address, uri=True, timeout=LOCK_TIMEOUT_S, isolation_level=None)
    ) as connection:
        # A power cut may lose this write: it changes nothing.
        connection.execute("PRAGMA synchronous=NORMAL")
        connection.execute("BEGIN IMMEDIATE")
        connection.execute(WRITE)
        connection.execute("COMMIT")


def _write_postgres(engine: Engine) -> None:
    with engine.connect().execution_options(work=RELAXED) as connection, connection.begin():
        timeout = f"'{LOCK_TIMEOUT_S:g}s'"
        connection.execute(
            text(f"SET LOCAL lock_timeout = {timeout}; SET LOCAL statement_timeout = {timeout}")
        )
        connection.execute(text(WRITE))


def _refusal(write: Callable[[], None], file: Path | None = None) -> Refusal | None:
    try:
        write()
    except sqlite3.Error as e:
        code = (getattr(e, "sqlite_errorcode", None) or 0) & 0xFF
        if code == sqlite3.SQLITE_CANTOPEN and file is not None and file.exists():
            # The file exists, but SQLite may not create its log beside it.
            return LedgerTrouble.READ_ONLY, _sentence(e)
        return _SQLITE.get(code, LedgerTrouble.AWAY), _sentence(e)
    except SQLAlchemyError as e:
        cause: Any = getattr(e, "orig", None)
        return _POSTGRES.get(getattr(cause, "sqlstate", None) or "", LedgerTrouble.AWAY), _sentence(
            cause or e
        )
    return None


def _sentence(error: BaseException) -> str:
    """Return the first line of the message; further lines may quote the statement."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
