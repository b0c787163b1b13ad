"""A ledger that can be read and not written is found out by a write, with the reason; the probe
leaves nothing behind.
"""

import os
import sqlite3
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from keter.clock import SystemClock
from keter.domain.storage import WRITE_PROBE_S
from keter.ledger import open_ledger
from keter.ledger.writing import LedgerTrouble, WriteProbe


@pytest.fixture
async def file(tmp_path: Path) -> Path:
    path = tmp_path / "a #1 ledger.db"
    ledger = await open_ledger(f"sqlite:///{path}", clock=SystemClock())
    await ledger.aclose()
    return path


@pytest.fixture
async def probe(file: Path) -> AsyncIterator[WriteProbe]:
    probe = WriteProbe(f"sqlite:///{file}")
    yield probe
    await probe.aclose()


async def kind(probe: WriteProbe) -> LedgerTrouble | None:
    found = await probe.try_write()
    return found[0] if found is not None else None


async def test_a_good_ledger_takes_it_and_is_none_the_bigger(file: Path, probe: WriteProbe) -> None:
    assert await probe.try_write() is None
    with sqlite3.connect(file) as before:
        dump = list(before.iterdump())
    for _ in range(1100):  # more than SQLite lets its write-ahead log grow to
        assert await probe.try_write() is None
    with sqlite3.connect(file) as after:
        assert list(after.iterdump()) == dump
    assert sum(each.stat().st_size for each in file.parent.iterdir()) < 6_000_000


async def test_a_lock_of_another_is_told_within_the_deadline_and_so_is_its_end(
    file: Path, probe: WriteProbe
) -> None:
    other = sqlite3.connect(file, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    begun = time.monotonic()
    assert await kind(probe) is LedgerTrouble.LOCKED
    assert time.monotonic() - begun < WRITE_PROBE_S + 1
    other.execute("ROLLBACK")
    other.close()
    assert await kind(probe) is None


async def test_a_full_disk_is_told_as_such(
    file: Path, probe: WriteProbe, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite's own word for it, brought about by a bound on the file."""
    monkeypatch.setattr(
        "keter.ledger.writing.WRITE", "CREATE TABLE more AS SELECT zeroblob(1000000) AS filling"
    )
    connect = sqlite3.connect

    def bounded(*arguments: object, **options: object) -> sqlite3.Connection:
        connection = connect(*arguments, **options)  # type: ignore[call-overload]  # passed on as they came
        connection.execute("PRAGMA max_page_count=1")
        return connection  # type: ignore[no-any-return]  # what sqlite3 made

    monkeypatch.setattr("keter.ledger.writing.sqlite3.connect", bounded)
    assert await kind(probe) is LedgerTrouble.DISK_FULL


@pytest.mark.skipif(sys.platform == "win32", reason="rights of files are POSIX's")
@pytest.mark.parametrize("open_elsewhere", [True, False])
async def test_a_file_that_may_only_be_read_is_told_as_such(open_elsewhere: bool) -> None:
    """Asked by a process of somebody without the right: root may write whatever it likes."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "ledger.db"
        await (await open_ledger(f"sqlite:///{path}", clock=SystemClock())).aclose()
        other = sqlite3.connect(path)
        if open_elsewhere:
            other.execute("SELECT version_num FROM alembic_version").fetchall()
        for each in Path(folder).iterdir():
            each.chmod(0o444)
        Path(folder).chmod(0o555)
        asked = os.fork()
        if asked == 0:
            if os.geteuid() == 0:
                os.setuid(65534)
            found = WriteProbe(f"sqlite:///{path}")._sqlite()
            os._exit(list(LedgerTrouble).index(found[0]) if found is not None else 99)
        _, status = os.waitpid(asked, 0)
        other.close()
        Path(folder).chmod(0o755)
    assert list(LedgerTrouble)[os.waitstatus_to_exitcode(status)] is LedgerTrouble.READ_ONLY


async def test_one_that_is_gone_is_not_made_anew_and_one_that_is_back_is_found(
    file: Path, probe: WriteProbe
) -> None:
    assert await kind(probe) is None
    file.rename(file.with_suffix(".away"))
    assert await kind(probe) is LedgerTrouble.AWAY
    assert not file.exists()
    file.with_suffix(".away").rename(file)
    assert await kind(probe) is None
