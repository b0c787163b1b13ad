"""One engine, one thread, whole transactions.

Every piece of work runs as one transaction in the ledger's only thread, so the event loop never
waits for a disk. SQLite commits with ``synchronous=FULL`` (an fsync per commit) unless the work
says that losing it in a power cut is bearable.
"""

import asyncio
import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, create_engine, event
from sqlalchemy.engine import URL, Connection, Engine, make_url
from sqlalchemy.exc import (
    ArgumentError,
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
    READ: (
        "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ",
    ),  # several queries of one read see one moment, as in SQLite
    DURABLE: (),
    RELAXED: ("SET LOCAL synchronous_commit = off",),
}
# PostgreSQL's words for what SQLite calls operational: no right to a table, no such table (a backup
# is being restored).
_UNUSABLE = frozenset({"42501", "42P01"})


def unindexed(column: ColumnElement[str]) -> ColumnElement[str]:
    """``column`` as something no index is of, so that a planner without statistics takes the index
    that is meant.
    """
    return column.concat("")


def parse_url(url: str) -> URL:
    """Read an address as SQLAlchemy's: a SQLite file or PostgreSQL.

    Raises ConfigurationError, which does not show the address, for anything else.
    """
    try:
        parsed = make_url(url)
    except ArgumentError as e:
        raise ConfigurationError(
            "LEDGER_URL is not a database address such as sqlite:///local/ledger.db"
        ) from e
    if parsed.get_backend_name() not in {"sqlite", "postgresql"}:
        raise ConfigurationError("LEDGER_URL must begin with sqlite:// or postgresql://")
    if parsed.get_backend_name() == "sqlite" and parsed.database in {None, "", ":memory:"}:
        raise ConfigurationError(
            "the ledger must be a file: in memory it would forget the bets with the process"
        )
    return (
        parsed.set(drivername="postgresql+psycopg")
        if parsed.get_backend_name() == "postgresql"
        else parsed
    )


def make_engine(url: URL, *, read_only: bool) -> Engine:
    """An engine of one connection whose transactions begin the way the work asks for."""
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
        # as_uri() writes the characters of a name that mean something in an address as %23 and the
        # like
        url = url.set(database=path.absolute().as_uri(), query={"mode": "ro", "uri": "true"})
    else:
        make_folder(path.parent)
        claim(path)  # its -wal and -shm take over the rights of the file
    engine = create_engine(
        url,
        pool_size=1,
        max_overflow=0,
        hide_parameters=True,
        connect_args={"timeout": BUSY_TIMEOUT_S},
    )

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _record: object) -> None:
        connection.isolation_level = None  # the driver begins nothing by itself: _begin_with does
        connection.execute("PRAGMA foreign_keys=ON")
        if not read_only:
            # Heard while the file is empty, ignored later.
            connection.execute("PRAGMA auto_vacuum=INCREMENTAL")
            _use_wal(connection)

    _begin_with(engine, _SQLITE_BEGIN)
    return engine


def _use_wal(connection: sqlite3.Connection) -> None:
    """Several processes may make a new ledger at once, and SQLite does not wait for another in this
    one step.
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
    """Runs pieces of work, each a function of a connection, in order, in one thread."""

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
        """One consistent view.

        Raises LedgerUnavailableError, UnstorableRowError for a question with a value that cannot
        be.
        """
        return await self._submit(READ, work)

    async def write(self, work: Callable[[Connection], T], *, durable: bool = True) -> T:
        """All of it or nothing; when this returns it is on disk, unless ``durable`` is False.

        Raises LedgerUnavailableError, UnstorableRowError where the database refuses a row.
        """
        return await self._submit(DURABLE if durable else RELAXED, work)

    async def run(self, work: Callable[[Engine], T]) -> T:
        """Work that needs the engine itself, such as a migration or a backup."""
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
            # The last two come from SQLite's driver as they are.
            raise UnstorableRowError(f"the ledger does not take a row: {_cause(e)}") from e
        except (OperationalError, InternalError, PoolTimeoutError) as e:
            # Internal: a read-only server, a broken one.
            raise LedgerUnavailableError(f"the ledger cannot be used: {_cause(e)}") from e
        except DBAPIError as e:
            if getattr(e.orig, "sqlstate", None) in _UNUSABLE:
                raise LedgerUnavailableError(f"the ledger cannot be used: {_cause(e)}") from e
            if e.connection_invalidated:
                raise LedgerUnavailableError(f"the ledger's connection broke: {_cause(e)}") from e
            # SQLite's word for a file that is damaged, or no database at all.
            if type(e) is DatabaseError:
                raise LedgerUnavailableError(
                    f"the ledger's file is damaged ({_cause(e)}); restore a backup"
                ) from e
            raise
        except StatementError as e:
            # A value that could not even be handed over, such as a time without a zone.
            raise UnstorableRowError(f"the ledger does not take a row: {_cause(e)}") from e

    async def aclose(self) -> None:
        await asyncio.get_running_loop().run_in_executor(self._thread, self._engine.dispose)
        self._thread.shutdown(wait=True)


def _cause(error: Exception) -> str:
    return str(getattr(error, "orig", None) or error).strip().splitlines()[0]
