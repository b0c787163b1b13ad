"""Any earlier schema becomes this version's, with its rows; no number of processes at once can hurt
that.
"""

import asyncio
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from keter.clock import ManualClock
from keter.domain.feed import EventScore
from keter.domain.order_states import OrderState
from keter.domain.quotes import Score
from keter.domain.trading import ExecutionMode
from keter.errors import ConfigurationError
from keter.ledger import LedgerUnavailableError, OrderChanges, open_ledger
from keter.ledger.address import parse_url
from keter.ledger.columns import EPOCH
from keter.ledger.database import make_engine
from keter.ledger.migrate import SCRIPTS, migrate
from keter.ledger.schema import REVISION, metadata
from tests.kit.execution import ACCOUNT, NOW, USER, an_event, an_intent
from tests.kit.ledger_contract import (
    check_order_of_old_commands,
    put_in,
    write_old_commands,
)


def revisions() -> list[str]:
    """Every revision there has been, oldest first."""
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS))
    return [script.revision for script in ScriptDirectory.from_config(config).walk_revisions()][
        ::-1
    ]


def url_of(path: Path) -> str:
    return f"sqlite:///{path}"


def test_the_code_knows_the_newest_revision() -> None:
    assert revisions()[-1] == REVISION


def test_the_migrations_make_the_tables_that_the_code_describes(tmp_path: Path) -> None:
    engine = make_engine(parse_url(url_of(tmp_path / "l.db")), read_only=False)
    migrate(engine)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []
    engine.dispose()


@pytest.mark.parametrize("revision", revisions())
async def test_every_earlier_schema_comes_up_to_date_and_keeps_its_rows(
    tmp_path: Path, revision: str
) -> None:
    path = tmp_path / "l.db"
    engine = make_engine(parse_url(url_of(path)), read_only=False)
    migrate(engine, revision)
    engine.dispose()
    # Accounts have a venue before their name since revision 0007.
    expected = await fill_plainly(path, USER if revision < "0007" else ACCOUNT)
    ledger = await open_ledger(url_of(path), clock=ManualClock(NOW))
    found = await ledger.orders.open_orders(ExecutionMode.DRY)
    assert [bet.intent.intent_id for bet in found] == expected
    assert len(await ledger.paper.since(ACCOUNT, NOW)) == 1
    (command,) = await ledger.commands.recent()
    assert (command.result, command.value_before, command.value_after) == (
        "MAX_STAKE is 5",
        None,
        None,
    )
    assert await ledger.results.get("e") == EventScore("e", Score(2, 1, 90), (1, 0), True, EPOCH)
    assert await ledger.integrity() == []
    await ledger.orders.create(an_intent("new", account="OTHER"), worker="w")
    await ledger.aclose()


async def fill_plainly(path: Path, account: str) -> list[str]:
    """Write a bet with its trail, a command, a paper ticket and a result with the columns that the
    file has, as its version would.
    """
    whole = await open_ledger(url_of(path.with_name("whole.db")), clock=ManualClock(NOW))
    await whole.orders.create(an_intent("old", account=account), worker="w")
    await whole.aclose()
    with sqlite3.connect(path.with_name("whole.db")) as source, sqlite3.connect(path) as target:
        copy_rows(source, target)
        target.execute(
            "INSERT INTO operator_commands (command_id, action, actor, source, target, reason, at,"
            " accepted, result, v) VALUES ('c', 'set_limit', 'ops', 'cli', 'max_stake=5', 'r', 0,"
            " 1, 'MAX_STAKE is 5', 1)"
        )
        put_paper_ticket(target, "p", account)
        target.execute(
            "INSERT INTO results (event_uid, home, away, half_time_home, half_time_away, minute,"
            " red_home, red_away, ended, observed_at) VALUES ('e', 2, 1, 1, 0, 90, 0, 0, 1, 0)"
        )
    source.close()
    target.close()
    return ["old"]


PAPER_TICKET = (
    "INSERT INTO paper_tickets (ticket_id, account, reference, book, odds, stake_minor, event_uid,"
    " league, home, away, kickoff, market_id, {}, placed_at, decided_at, refused, message) VALUES"
    " (?, ?, 'ktold', 'IBC', '2.2', 1000, 'e', 'l', 'h', 'a', 0, 'ft.ou.2.5', 'over', 0, 0, 0, '')"
)


# What an order was called while it was a bet, until revision 0010.
_OLD = "CASE {0} WHEN 'OPEN' THEN 'PENDING' WHEN 'FILLED' THEN 'RUNNING' ELSE {0} END"
OLD_COLUMNS = {
    "side": "outcome",
    "state": _OLD.format("state"),
    "source": _OLD.format("source"),
    "target": _OLD.format("target"),
}


def copy_rows(source: sqlite3.Connection, target: sqlite3.Connection) -> None:
    """Copy orders and their trails, with the columns and the words that the target has."""
    names = {row[0] for row in target.execute("SELECT name FROM sqlite_master")}
    same = {name: name for name in ("orders", "fills", "transitions")}
    bets = {"orders": "bets", "transitions": "transitions"}
    old = "bets" in names
    for table, there in (bets if old else same).items():
        columns = [row[1] for row in target.execute(f"PRAGMA table_info({there})")]
        asked = [OLD_COLUMNS.get(name, name) if old else name for name in columns]
        found = source.execute(f"SELECT {', '.join(asked)} FROM {table}").fetchall()  # noqa: S608 - its own names
        marks = ", ".join("?" * len(columns))
        insert = f"INSERT INTO {there} ({', '.join(columns)}) VALUES ({marks})"  # noqa: S608 - as above
        target.executemany(insert, found)


def put_paper_ticket(target: sqlite3.Connection, name: str, account: str) -> None:
    columns = {row[1] for row in target.execute("PRAGMA table_info(paper_tickets)")}
    outcome = "outcome" if "outcome" in columns else "side"
    target.execute(PAPER_TICKET.format(outcome), (name, account))


@pytest.mark.parametrize("revision", revisions())
async def test_the_money_of_each_account_is_the_same_after_every_migration(
    tmp_path: Path, revision: str
) -> None:
    path = tmp_path / "l.db"
    engine = make_engine(parse_url(url_of(path)), read_only=False)
    migrate(engine, revision)
    engine.dispose()
    prefix = "" if revision < "0007" else "asianodds:"
    # Paper tickets have results since revision 0002.
    paper = {"a": 70, "b": -30} if revision >= "0002" else {}
    await fill_with_results(path, prefix, paper)
    ledger = await open_ledger(url_of(path), clock=ManualClock(NOW))
    assert await ledger.integrity() == []
    for (mode, name), pnl_minor in RESULTS.items():
        account = f"asianodds:{name}"
        figures = await ledger.figures(mode, account, "2026-02-21", clv_since=NOW)
        assert figures.states == {"WON" if pnl_minor > 0 else "LOST": 1}
        assert figures.profit_minor == figures.day.pnl_minor == pnl_minor
        # The triggers write to the new sums too.
        await put_in(ledger, OrderState.FILLED, f"{mode}-{name}-new", account=account, mode=mode)
        figures = await ledger.figures(mode, account, "2026-02-21", clv_since=NOW)
        assert figures.states["FILLED"] == 1
    for name, pnl_minor in paper.items():
        sums = await ledger.paper.sums(f"asianodds:{name}", NOW, NOW, NOW)
        assert sums.pnl_minor == pnl_minor
    assert await ledger.integrity() == []
    await ledger.aclose()


DRY, LIVE = ExecutionMode.DRY, ExecutionMode.LIVE
RESULTS = {(LIVE, "a"): 1100, (LIVE, "b"): -400, (DRY, "a"): -25, (DRY, "b"): 60}


async def fill_with_results(path: Path, prefix: str, paper: dict[str, int]) -> None:
    """Write a settled bet of each account in each mode, and the profits of paper tickets."""
    whole = await open_ledger(url_of(path.with_name("whole.db")), clock=ManualClock(NOW))
    for (mode, name), pnl_minor in RESULTS.items():
        bet = f"{mode}-{name}"
        await put_in(whole, OrderState.FILLED, bet, account=f"{prefix}{name}", mode=mode)
        changes = OrderChanges(pnl_minor=pnl_minor, settled_at=NOW)
        state = OrderState.WON if pnl_minor > 0 else OrderState.LOST
        await whole.orders.transition(bet, state, at=NOW, cause="c", worker="t", changes=changes)
    await whole.aclose()
    with sqlite3.connect(path.with_name("whole.db")) as source, sqlite3.connect(path) as target:
        copy_rows(source, target)
        for name, pnl_minor in paper.items():
            put_paper_ticket(target, name, f"{prefix}{name}")
            target.execute(
                "UPDATE paper_tickets SET settled_at = 1, pnl_minor = ? WHERE ticket_id = ?",
                (pnl_minor, name),
            )
    source.close()
    target.close()


async def test_commands_that_are_there_keep_their_order(tmp_path: Path) -> None:
    write_old_commands(make_engine(parse_url(url_of(tmp_path / "l.db")), read_only=False))
    ledger = await open_ledger(url_of(tmp_path / "l.db"), clock=ManualClock(NOW))
    await check_order_of_old_commands(ledger)
    await ledger.aclose()


async def test_a_ledger_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "l.db"
    await (await open_ledger(url_of(path), clock=ManualClock(NOW))).aclose()
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    with pytest.raises(LedgerUnavailableError, match="newer version"):
        await open_ledger(url_of(path), clock=ManualClock(NOW))
    with pytest.raises(LedgerUnavailableError, match="9999"):
        await open_ledger(url_of(path), clock=ManualClock(NOW), read_only=True)


async def test_a_reader_creates_nothing_and_says_so(tmp_path: Path) -> None:
    with pytest.raises(LedgerUnavailableError, match="no ledger yet"):
        await open_ledger(url_of(tmp_path / "none.db"), clock=ManualClock(NOW), read_only=True)
    assert list(tmp_path.iterdir()) == []


async def test_a_reader_reads_while_a_writer_writes(tmp_path: Path) -> None:
    writer = await open_ledger(url_of(tmp_path / "l.db"), clock=ManualClock(NOW))
    reader = await open_ledger(url_of(tmp_path / "l.db"), clock=ManualClock(NOW), read_only=True)
    await writer.orders.create(an_intent(), worker="w")
    assert len(await reader.orders.open_orders(ExecutionMode.DRY)) == 1
    with pytest.raises(LedgerUnavailableError, match="readonly"):
        await reader.orders.create(an_intent("i2", event=an_event("Other FC")), worker="w")
    await reader.aclose()
    await writer.aclose()


@pytest.mark.parametrize(
    "url", ["mysql://h/db", "not an address", "sqlite://", "sqlite:///:memory:"]
)
async def test_an_address_that_cannot_be_is_refused_without_being_shown(url: str) -> None:
    with pytest.raises(ConfigurationError):
        await open_ledger(url, clock=ManualClock(NOW))


@pytest.mark.slow
async def test_processes_that_start_together_make_one_ledger(tmp_path: Path) -> None:
    """Six processes open a ledger that does not exist yet, and each writes one intent."""
    code = (
        "import asyncio, sys\nfrom keter.clock import ManualClock\nfrom keter.ledger import"
        " open_ledger\nfrom tests.kit.execution import NOW, an_intent, an_event\nasync def"
        " main():\n    ledger = await open_ledger(sys.argv[1], clock=ManualClock(NOW))\n    await"
        " ledger.orders.create(an_intent('i' + sys.argv[2], event=an_event('T' + sys.argv[2])),"
        " worker='w')\n    await ledger.aclose()\nasyncio.run(main())\n"
    )
    url = url_of(tmp_path / "l.db")
    children = [
        subprocess.Popen(
            [sys.executable, "-c", code, url, str(n)], stderr=subprocess.PIPE, text=True
        )
        for n in range(6)
    ]
    for child in children:
        _, errors = await asyncio.to_thread(child.communicate, timeout=60)
        assert child.returncode == 0, errors
    ledger = await open_ledger(url, clock=ManualClock(NOW))
    assert len(await ledger.orders.open_orders(ExecutionMode.DRY)) == 6
    await ledger.aclose()
