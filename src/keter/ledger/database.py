"""The database of the ledger: one engine and one thread that runs whole transactions.

Every piece of work is one transaction in the ledger's only thread, so the event loop never waits
for a disk. SQLite commits with ``synchronous=FULL`` (an fsync per commit). Work that a power cut
may lose asks for less.
"""

import asyncio
import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import create_engine, event
from sqlalchemy.engine import URL, Connection, Engine
from sqlalchemy.exc import (
    DatabaseError,
    DataError,
    DBAPIError,
    IntegrityError,
    InternalError,
    NoSuchModuleError,
    OperationalError,
    StatementError,
)
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from keter.errors import ConfigurationError
from keter.extras import missing
from keter.ledger.errors import LedgerUnavailableError, UnstorableRowError
from keter.system.private_files import claim, make_folder

T = TypeVar("T")
BUSY_TIMEOUT_S = 10
BUSY_POLL_S = 0.02
READ, DURABLE, RELAXED = "read", "durable", "relaxed"

_SQLITE_BEGIN = {
    READ: ("BEGIN",),
    DURABLE: ("PRAGMA synchronous=FULL", "BEGIN IMMEDIATE"),
    RELAXED: ("PRAGMA synchronous=NORMAL", "BEGIN IMMEDIATE"),
}
_POSTGRES_BEGIN = {
    # Several queries of one read see one moment, as in SQLite.
    READ: ("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ",),
    DURABLE: (),
    RELAXED: ("SET LOCAL synchronous_commit = off",),
}
# PostgreSQL's insufficient_privilege and undefined_table (a backup is being restored). SQLite
# reports both as an OperationalError.
_UNUSABLE = frozenset({"42501", "42P01"})


def make_engine(url: URL, *, read_only: bool) -> Engine:
    """Return an engine with one connection.

    A transaction begins as the execution option ``work`` says: READ, DURABLE or RELAXED.

    Raises ConfigurationError if the driver for PostgreSQL is not installed.
    """
    if url.get_backend_name() == "sqlite":
        return _sqlite_engine(url, read_only=read_only)
    try:
        engine = create_engine(
            url,
            pool_size=1,
            max_overflow=0,
            pool_pre_ping=True,
            pool_timeout=BUSY_TIMEOUT_S,
            hide_parameters=True,
            connect_args={
                "connect_timeout": BUSY_TIMEOUT_S,
                "options": (
                    f"-c lock_timeout={BUSY_TIMEOUT_S}s -c statement_timeout=60s -c timezone=UTC"
                    + (" -c default_transaction_read_only=on" if read_only else "")
                ),
            },
        )
    except (NoSuchModuleError, ImportError) as e:
        raise ConfigurationError(missing("a PostgreSQL ledger")) from e
    _begin_with(engine, _POSTGRES_BEGIN)
    return engine


def _sqlite_engine(url: URL, *, read_only: bool) -> Engine:
    path = Path(url.database or "")
    if read_only:
        # as_uri() escapes characters that have a meaning in an address, such as # (%23).
        url = url.set(database=path.absolute().as_uri(), query={"mode": "ro", "uri": "true"})
    else:
        make_folder(path.parent)
        claim(path)  # SQLite gives its -wal and -shm files the permissions of this file
    engine = create_engine(
        url,
        pool_size=1,
        max_overflow=0,
        hide_parameters=True,
        connect_args={"timeout": BUSY_TIMEOUT_S},
    )

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _record: object) -> None:
        # _begin_with begins the transactions, not the driver.
        connection.isolation_level = None
        connection.execute("PRAGMA foreign_keys=ON")
        if not read_only:
            # Takes effect only while the file is empty.
            connection.execute("PRAGMA auto_vacuum=INCREMENTAL")
            _use_wal(connection)

    _begin_with(engine, _SQLITE_BEGIN)
    return engine


def _use_wal(connection: sqlite3.Connection) -> None:
    """Switch a file to the write-ahead log. Raises sqlite3.OperationalError.

    Several processes may create a ledger at once. SQLite does not wait for a lock in this one
    statement, so it is repeated for BUSY_TIMEOUT_S.
    """
    deadline = time.monotonic() + BUSY_TIMEOUT_S
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as e:
            if e.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() >= deadline:
                raise
            time.sleep(BUSY_POLL_S)
        else:
            return


def _begin_with(engine: Engine, statements: dict[str, tuple[str, ...]]) -> None:
    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        for statement in statements[connection.get_execution_options().get("work", READ)]:
            connection.exec_driver_sql(statement)


class Database:
    """Runs pieces of work, each a function of a connection, one after the other in one thread."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="ledger")

    @property
    def dialect(self) -> str:
        return self._engine.dialect.name

    @property
    def url(self) -> URL:
        return self._engine.url

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Run a reading transaction: all its queries see the same moment.

        Raises LedgerUnavailableError, and UnstorableRowError for a parameter that the database
        cannot hold.
        """
        return await self._submit(READ, work)

    async def write(self, work: Callable[[Connection], T], *, durable: bool = True) -> T:
        """Run a writing transaction: all of it or nothing takes place.

        After the return it is on disk, unless ``durable`` is False.

        Raises LedgerUnavailableError, and UnstorableRowError if the database refuses a row.
        """
        return await self._submit(DURABLE if durable else RELAXED, work)

    async def run(self, work: Callable[[Engine], T]) -> T:
        """Run work that needs the engine itself, such as a migration or a backup.

        Raises LedgerUnavailableError, UnstorableRowError.
        """
        return await asyncio.get_running_loop().run_in_executor(
            self._thread, lambda: self._guarded(lambda: work(self._engine))
        )

    async def _submit(self, kind: str, work: Callable[[Connection], T]) -> T:
        def transaction() -> T:
            with (
                self._engine.connect().execution_options(work=kind) as connection,
                connection.begin(),
            ):
                return work(connection)

        return await asyncio.get_running_loop().run_in_executor(
            self._thread, lambda: self._guarded(transaction)
        )

    def _guarded(self, work: Callable[[], T]) -> T:
        try:
            return work()
        except (IntegrityError, DataError, OverflowError, UnicodeError) as e:
            # SQLAlchemy does not wrap the last two, which SQLite's driver raises.
            raise UnstorableRowError(f"the ledger does not take a row: {_cause(e)}") from e
        except (OperationalError, InternalError, PoolTimeoutError) as e:
            # PostgreSQL raises InternalError for a read-only or a broken server.
            raise LedgerUnavailableError(f"the ledger cannot be used: {_cause(e)}") from e
        except DBAPIError as e:
            if getattr(e.orig, "sqlstate", None) in _UNUSABLE:
                raise LedgerUnavailableError(f"the ledger cannot be used: {_cause(e)}") from e
            if e.connection_invalidated:
                raise LedgerUnavailableError(f"the ledger's connection broke: {_cause(e)}") from e
            # SQLite raises this very class for a damaged file and for a file of another kind.
            if type(e) is DatabaseError:
                raise LedgerUnavailableError(
                    f"the ledger's file is damaged ({_cause(e)}); restore a backup"
                ) from e
            raise
        except StatementError as e:
            # A value that a column type refused, such as a time without a zone.
            raise UnstorableRowError(f"the ledger does not take a row: {_cause(e)}") from e

    async def aclose(self) -> None:
        await asyncio.get_running_loop().run_in_executor(self._thread, self._engine.dispose)
        self._thread.shutdown(wait=True)


def _cause(error: Exception) -> str:
    return str(getattr(error, "orig", None) or error).strip().splitlines()[0]
