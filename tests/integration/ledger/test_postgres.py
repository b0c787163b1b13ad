"""The same promises on a real PostgreSQL server, which this file starts and ends."""

import asyncio
import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import column, insert, inspect, select, table, text
from sqlalchemy.engine import Connection

from keter.clock import ManualClock
from keter.domain.order_states import OrderState
from keter.domain.orders import Order
from keter.domain.trading import ExecutionMode
from keter.errors import UsageError
from keter.ledger import Ledger, LedgerUnavailableError, open_ledger, rows
from keter.ledger.address import parse_url
from keter.ledger.columns import to_us
from keter.ledger.database import DURABLE, make_engine
from keter.ledger.migrate import migrate
from keter.ledger.order_schema import OPEN_NOW, orders
from keter.ledger.schema import metadata
from keter.ledger.totals import fold
from keter.ledger.writing import LedgerTrouble, WriteProbe
from keter.system.addresses import free_port
from tests.kit.execution import ACCOUNT, NOW, an_intent
from tests.kit.ledger_contract import (
    LedgerContract,
    check_order_of_old_commands,
    put_in,
    write_old_commands,
)
from tests.kit.old_ledger import (
    EVERY_KIND,
    NEW_NAMES,
    REVISION,
    kept_totals,
    money,
    write_old,
)
from tests.kit.recording_contract import RecordingContract

pytestmark = pytest.mark.slow
TODAY = "2026-02-21"
OTHER = "asianodds:other"

BINARIES = (
    sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    if Path("/usr/lib/postgresql").is_dir()
    else []
)


class Postgres:
    """A server of our own in a folder of its own, run by somebody who is not root: it refuses
    root.
    """

    def __init__(self, binaries: Path, user: str | None) -> None:
        self._binaries, self._user = binaries, user
        self.port = free_port()
        self.folder = Path(tempfile.mkdtemp(prefix="keter-postgres-"))
        if user is not None:
            shutil.chown(self.folder, user)
        self._data = self.folder / "data"
        self._call(
            "initdb",
            "-D",
            str(self._data),
            "-A",
            "trust",
            "-U",
            "keter",
            "-E",
            "UTF8",
            "--locale=C",
            "--no-sync",
        )
        names = {
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": self.folder,
            "fsync": "off",
        }
        options = ["-p", str(self.port), *(f"--{name}={value}" for name, value in names.items())]
        self._process = subprocess.Popen(
            [binaries / "postgres", "-D", str(self._data), *options],
            user=user, cwd=self.folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        self._await()

    def _call(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            [self._binaries / program, *arguments],
            user=self._user,
            cwd=self.folder,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr

    def _await(self) -> None:
        deadline = time.monotonic() + 30
        ready = [str(self._binaries / "pg_isready"), "-h", "127.0.0.1", "-p", str(self.port)]
        while subprocess.run(ready, capture_output=True).returncode != 0:
            assert time.monotonic() < deadline and self._process.poll() is None, (
                "PostgreSQL did not start"
            )
            time.sleep(0.05)

    def new_database(self, name: str, template: str = "template1") -> str:
        self._call(
            "createdb", "-h", "127.0.0.1", "-p", str(self.port), "-U", "keter", "-T", template, name
        )
        return self._address(name)

    def run(self, *statements: str, database: str = "postgres") -> None:
        """As the server's owner, each by itself."""
        with psycopg.connect(self._address(database), autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement.encode())

    @contextmanager
    def holding(self, statement: str, database: str) -> Iterator[None]:
        """Keep what ``statement`` locks locked meanwhile."""
        with psycopg.connect(self._address(database)) as connection:
            connection.execute(statement.encode())
            yield
            connection.rollback()

    def _address(self, database: str) -> str:
        return f"postgresql://keter@127.0.0.1:{self.port}/{database}"

    def close(self) -> None:
        self._process.kill()
        self._process.wait(10)
        shutil.rmtree(self.folder, ignore_errors=True)


def unprivileged_user() -> str | None:
    """Whom to run the server as: ourselves, unless we are root."""
    if os.geteuid() != 0:
        return None
    known = {entry.pw_name for entry in pwd.getpwall()}
    found = next((name for name in ("postgres", "nobody") if name in known), None)
    if found is None:
        pytest.skip("we are root and there is no other user to run PostgreSQL as")
    return found


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    if not BINARIES:
        pytest.skip("no PostgreSQL under /usr/lib/postgresql; apt install postgresql brings one")
    server = Postgres(BINARIES[-1], unprivileged_user())
    asyncio.run(_migrated(server.new_database("migrated")))
    yield server
    server.close()


async def _migrated(url: str) -> None:
    await (await open_ledger(url, clock=ManualClock(NOW))).aclose()


@pytest.fixture
async def ledger(postgres: Postgres, request: pytest.FixtureRequest) -> AsyncIterator[Ledger]:
    url = postgres.new_database(f"k{abs(hash(request.node.nodeid))}", template="migrated")
    opened = await open_ledger(url, clock=ManualClock(NOW))
    yield opened
    await opened.aclose()


class TestOnPostgres(LedgerContract):
    """Nothing but PostgreSQL differs from the contract."""


class TestRecordingOnPostgres(RecordingContract):
    """Nothing but PostgreSQL differs from the contract."""


async def test_commands_that_are_there_keep_their_order(postgres: Postgres) -> None:
    url = postgres.new_database("older")
    write_old_commands(make_engine(parse_url(url), read_only=False))
    ledger = await open_ledger(url, clock=ManualClock(NOW))
    await check_order_of_old_commands(ledger)
    await ledger.aclose()


def write_bets(connection: Connection) -> None:
    """Write a lost bet of each of two accounts with the columns that the database has."""
    there = {one["name"] for one in inspect(connection).get_columns("bets")}
    bets = table("bets", *map(column, sorted(there)))
    for number, account in enumerate((ACCOUNT, OTHER), start=1):
        intent = an_intent(f"i{number}", account=account)
        bet = Order(intent, OrderState.LOST, NOW, pnl_minor=-100 * number, settled_at=NOW)
        written = rows.from_order(bet) | {"side": intent.outcome.value}
        values = {
            name: to_us(value) if isinstance(value, datetime) else value
            for name, value in written.items()
            if name in there
        }
        connection.execute(insert(bets).values(values))


async def test_sums_by_mode_become_sums_by_account(postgres: Postgres) -> None:
    url = postgres.new_database("by_mode")
    engine = make_engine(parse_url(url), read_only=False)
    migrate(engine, "0007")
    with engine.connect().execution_options(work=DURABLE) as connection, connection.begin():
        write_bets(connection)
    engine.dispose()
    ledger = await open_ledger(url, clock=ManualClock(NOW))
    for account, profit in ((ACCOUNT, -100), (OTHER, -200)):
        await put_in(ledger, OrderState.FILLED, f"new-{account[-1]}", account=account)
        figures = await ledger.figures(ExecutionMode.DRY, account, TODAY, clv_since=NOW)
        assert (figures.states, figures.profit_minor) == ({"LOST": 1, "FILLED": 1}, profit)
    assert not [line for line in await ledger.integrity() if "total" in line]
    await ledger.aclose()


async def test_bets_become_orders_and_no_sum_changes(postgres: Postgres) -> None:
    url = postgres.new_database("bets")
    engine = make_engine(parse_url(url), read_only=False)
    migrate(engine, REVISION)
    with engine.connect().execution_options(work=DURABLE) as connection, connection.begin():
        write_old(connection, EVERY_KIND)
        before = money(connection, "bets"), kept_totals(connection)
    migrate(engine)
    with engine.connect() as connection, connection.begin():
        assert (money(connection, "orders"), kept_totals(connection)) == before
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []
        names = set(connection.execute(text("SELECT conname FROM pg_constraint")).scalars())
        assert {f"ck_orders_{name}" for name in ("mode_known", "state_known")} <= names
        assert not [name for name in names if "bets" in name]
    engine.dispose()
    ledger = await open_ledger(url, clock=ManualClock(NOW))
    assert await ledger.integrity() == []
    for number, bet in enumerate(EVERY_KIND):
        order = await ledger.orders.get(f"i{number}")
        assert order.state == NEW_NAMES.get(bet.state, bet.state)
        assert order.standing_minor in {0, bet.placed_minor}
    await ledger.aclose()


async def test_ledgers_opened_together_migrate_once(postgres: Postgres) -> None:
    url = postgres.new_database("together")
    ledgers = await asyncio.gather(*[open_ledger(url, clock=ManualClock(NOW)) for _ in range(4)])
    await ledgers[0].orders.create(an_intent(), worker="w")
    assert len(await ledgers[3].orders.open_orders(ExecutionMode.DRY)) == 1
    for ledger in ledgers:
        await ledger.aclose()


async def test_of_several_processes_one_gets_the_selection(postgres: Postgres) -> None:
    url = postgres.new_database("race")
    ledgers = await asyncio.gather(*[open_ledger(url, clock=ManualClock(NOW)) for _ in range(4)])
    tries = [
        ledger.orders.create(an_intent(f"i{n}"), worker="w") for n, ledger in enumerate(ledgers)
    ]
    results = await asyncio.gather(*tries, return_exceptions=True)
    assert sum(not isinstance(result, BaseException) for result in results) == 1
    for ledger in ledgers:
        await ledger.aclose()


async def test_sums_and_reading_alone_work_the_same(postgres: Postgres) -> None:
    url = postgres.new_database("sums")
    writer = await open_ledger(url, clock=ManualClock(NOW))
    await put_in(writer, OrderState.FILLED)
    reader = await open_ledger(url, clock=ManualClock(NOW), read_only=True)
    assert (await reader.summary(ExecutionMode.DRY, ACCOUNT)).outstanding_minor == 1000
    assert (await reader.risk_picture(ExecutionMode.DRY, ACCOUNT, TODAY))[1].bets == 1
    with pytest.raises(LedgerUnavailableError):
        await reader.orders.create(an_intent("i2"), worker="w")
    with pytest.raises(UsageError, match="pg_dump"):
        await writer.backup(Path("anywhere"))
    await reader.aclose()
    await writer.aclose()


async def test_open_bets_and_totals_are_read_from_indexes_and_sums(postgres: Postgres) -> None:
    """The plan of a table of some size, with the statistics that the server gathers by itself."""
    ledger = await open_ledger(postgres.new_database("plans"), clock=ManualClock(NOW))
    await put_in(ledger, OrderState.LOST, "old")
    await put_in(ledger, OrderState.FILLED, "open")
    columns = ", ".join(
        one.name for one in orders.c if one.name not in {"intent_id", "decision_id", "reference"}
    )
    many = (
        f"INSERT INTO orders (intent_id, decision_id, reference, {columns}) "  # noqa: S608 - our own words
        f"SELECT 'm' || n, 'd' || n, 'r' || n, {columns} FROM orders, generate_series(1, 5000) n"
        " WHERE intent_id = 'old'"
    )
    await ledger._database.write(lambda connection: connection.execute(text(many)))
    await ledger._database.write(lambda connection: connection.execute(text("ANALYZE orders")))
    query = select(orders).where(orders.c.mode == "DRY", OPEN_NOW).order_by(orders.c.created_at)

    def plan(connection: Connection) -> str:
        words = query.compile(
            connection, compile_kwargs={"literal_binds": True, "render_postcompile": True}
        )
        return "\n".join(row[0] for row in connection.execute(text(f"EXPLAIN {words}")))

    assert "ix_orders_open" in await ledger._database.read(plan)
    assert [bet.intent.intent_id for bet in await ledger.orders.open_orders(ExecutionMode.DRY)] == [
        "open"
    ]
    figures = await ledger.figures(ExecutionMode.DRY, ACCOUNT, TODAY, clv_since=NOW)
    assert figures.states == {"LOST": 5001, "FILLED": 1}
    assert await ledger._database.write(lambda connection: fold(connection, 20_000)) > 5_000
    assert (
        await ledger.figures(ExecutionMode.DRY, ACCOUNT, TODAY, clv_since=NOW)
    ).states == figures.states
    assert not [line for line in await ledger.integrity() if "total" in line]
    await ledger.aclose()


async def test_a_server_that_is_not_there_is_an_outage(postgres: Postgres) -> None:
    with pytest.raises(LedgerUnavailableError):
        await open_ledger(
            f"postgresql://keter:secret-word@127.0.0.1:{free_port()}/none", clock=ManualClock(NOW)
        )


async def test_the_queries_of_one_read_see_one_moment(postgres: Postgres) -> None:
    """Open bets and the day's profit are added up: a bet that settles between the two queries must
    not be in both.
    """
    ledger = await open_ledger(postgres.new_database("moment"), clock=ManualClock(NOW))
    found = await ledger._database.read(
        lambda connection: connection.execute(text("SHOW transaction_isolation")).scalar()
    )
    assert found == "repeatable read"
    await ledger.aclose()


async def refusal(url: str) -> LedgerTrouble | None:
    """Return what a probe finds that connects anew."""
    probe = WriteProbe(url)
    found = await probe.try_write()
    await probe.aclose()
    return found[0] if found is not None else None


async def test_a_server_that_takes_no_writes_is_told_as_such_and_stops_as_an_outage(
    postgres: Postgres,
) -> None:
    """A standby, or one that its owner has set read-only: every read goes on."""
    url = postgres.new_database("only_read", template="migrated")
    ledger = await open_ledger(url, clock=ManualClock(NOW))
    assert await refusal(url) is None
    await put_in(ledger, OrderState.FILLED)
    await ledger.aclose()
    postgres.run("ALTER DATABASE only_read SET default_transaction_read_only = on")
    assert await refusal(url) is LedgerTrouble.READ_ONLY
    held = await open_ledger(url, clock=ManualClock(NOW))
    assert len(await held.orders.open_orders(ExecutionMode.DRY)) == 1
    with pytest.raises(LedgerUnavailableError, match="read-only"):
        await held.orders.create(an_intent("i2"), worker="w")
    await held.aclose()
    postgres.run("ALTER DATABASE only_read RESET default_transaction_read_only")
    assert await refusal(url) is None


async def test_a_user_without_the_right_to_write_is_told_the_same_way(postgres: Postgres) -> None:
    url = postgres.new_database("no_right", template="migrated")
    postgres.run(
        "CREATE ROLE reader LOGIN",
        "GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader",
        database="no_right",
    )
    as_reader = url.replace("keter@", "reader@")
    assert await refusal(as_reader) is LedgerTrouble.READ_ONLY
    ledger = await open_ledger(as_reader, clock=ManualClock(NOW))
    assert await ledger.orders.open_orders(ExecutionMode.DRY) == []
    with pytest.raises(LedgerUnavailableError, match="permission denied"):
        await ledger.orders.create(an_intent(), worker="w")
    postgres.run("DROP TABLE fences", "ALTER TABLE orders RENAME TO away", database="no_right")
    with pytest.raises(LedgerUnavailableError, match="does not exist"):
        await ledger.orders.open_orders(ExecutionMode.DRY)
    await ledger.aclose()


FULL = """
CREATE FUNCTION no_room() RETURNS trigger LANGUAGE plpgsql AS
$$BEGIN
    RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = 'disk_full';
END$$
"""


async def test_a_full_disk_and_a_lock_of_another_are_told_as_such(postgres: Postgres) -> None:
    """The server's own codes for both; the disk is full as far as every write of this database is
    concerned.
    """
    url = postgres.new_database("full", template="migrated")
    tables = ("alembic_version", "fences", "orders")
    triggers = [
        f"CREATE TRIGGER no_room BEFORE INSERT OR UPDATE ON {name} EXECUTE FUNCTION no_room()"
        for name in tables
    ]
    with postgres.holding("LOCK TABLE alembic_version", database="full"):
        assert await refusal(url) is LedgerTrouble.LOCKED
    postgres.run(FULL, *triggers, database="full")
    assert await refusal(url) is LedgerTrouble.DISK_FULL
    ledger = await open_ledger(url, clock=ManualClock(NOW))
    with pytest.raises(LedgerUnavailableError, match="No space left"):
        await ledger.orders.create(an_intent(), worker="w")
    await ledger.aclose()


async def test_a_server_that_is_gone_is_told_as_away() -> None:
    assert await refusal(f"postgresql://keter@127.0.0.1:{free_port()}/none") is LedgerTrouble.AWAY
