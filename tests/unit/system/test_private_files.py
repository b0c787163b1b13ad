"""Whatever the umask says, only its owner reads what Keter writes; what is open to others is
told.
"""

import ast
import asyncio
import logging
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import structlog

from keter.bus.connection import absent
from keter.clock import ManualClock, SystemClock
from keter.control.base import Operator
from keter.control.commands import Control
from keter.domain.feed import CapturedAnswer
from keter.license.keeper import FileClockMark
from keter.logs import configure_logs
from keter.opening.stores import open_settings_ledger
from keter.redis_server.private import PrivateRedis
from keter.replay.capture import CaptureWriter
from keter.settings import Settings, load_settings
from keter.supervision.doctor import examine, write_bundle
from keter.supervision.findings import Finding, Grade
from keter.system.addresses import free_port
from keter.system.file_lock import FileLock
from keter.system.private_files import claim, loose_below, make_folder, open_private, write_private
from tests.kit.support import ROOT

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such modes")
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
SOURCE = ROOT / "src" / "keter"


@pytest.fixture(autouse=True)
def open_umask() -> Iterator[None]:
    """Set the worst umask: every file is open to all unless its maker says otherwise."""
    before = os.umask(0)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def settings(folder: Path, **environ: str) -> Settings:
    return load_settings(
        None, {"DATA_DIR": str(folder / "local"), "DASH_PORT": str(free_port()), **environ}
    )


def loose(folder: Path) -> list[str]:
    return [str(path) for path in folder.rglob("*") if mode(path) & 0o077]


def test_a_new_file_and_folder_are_their_owners_only(tmp_path: Path) -> None:
    make_folder(tmp_path / "a")
    write_private(tmp_path / "a" / "text", "x")
    with open_private(tmp_path / "a" / "bytes", "xb") as file:
        file.write(b"x")
    claim(tmp_path / "a" / "claimed")
    claim(tmp_path / "a" / "text")
    assert loose(tmp_path) == []
    assert (tmp_path / "a" / "text").read_text() == "x"


def test_a_file_that_others_could_read_is_closed_before_it_is_written_to(tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    path.write_text("old")
    assert mode(path) == 0o666
    with open_private(path) as file:
        assert mode(path) == 0o600
        file.write("new")
    assert path.read_text() == "new"


def test_a_device_keeps_its_rights(tmp_path: Path) -> None:
    before = mode(Path(os.devnull))
    write_private(Path(os.devnull), "x")
    assert mode(Path(os.devnull)) == before


async def test_ledger_backup_and_export_are_private(tmp_path: Path) -> None:
    conf = settings(tmp_path)
    ledger = await open_settings_ledger(conf, clock=SystemClock())
    try:
        await ledger.backup(tmp_path / "copies" / "copy.db")
        await ledger.export(tmp_path / "bets.csv", "csv")
        await ledger.export(tmp_path / "bets.parquet", "parquet")
        assert {path.name for path in conf.mode.data_dir.iterdir()} == {
            "ledger.db",
            "ledger.db-wal",
            "ledger.db-shm",
        }
        assert loose(tmp_path) == []
    finally:
        await ledger.aclose()


async def test_halt_file_bundle_lock_mark_and_captures_are_private(tmp_path: Path) -> None:
    conf = settings(tmp_path)
    control = Control(
        absent("away"), halt_file=tmp_path / "HALT", clock=ManualClock(NOW), audit=None
    )
    await control.halt(Operator("me", "cli"), "test")
    write_bundle(tmp_path / "bundle.zip", conf, [Finding("redis", Grade.OK, "fine")])
    assert FileLock(tmp_path / "run" / "keter.pid").acquire("1")
    FileClockMark(tmp_path / ".clock_mark").write(NOW)
    answer = CapturedAnswer("A", "sandbox", {}, NOW, NOW, b"{}")
    CaptureWriter(tmp_path / "captures").append([answer])
    assert len(list(tmp_path.rglob("*"))) == 7
    assert loose(tmp_path) == []


def test_logs_are_private_before_and_after_they_are_rotated(tmp_path: Path) -> None:
    conf = settings(tmp_path, LOG_MAX_MB="0.001", LOG_CONSOLE="none")
    old = logging.getLogger().handlers[:]
    try:
        configure_logs("router", conf)
        for _ in range(30):
            structlog.get_logger("keter.test").warning("a line of some length that fills the file")
    finally:
        for handler in logging.getLogger().handlers[:]:
            logging.getLogger().removeHandler(handler)
            handler.close()
        for handler in old:
            logging.getLogger().addHandler(handler)
        structlog.reset_defaults()
    assert len(list((conf.mode.data_dir / "logs").iterdir())) > 2
    assert loose(tmp_path) == []


@pytest.mark.redis
async def test_the_files_of_a_private_redis_are_private(tmp_path: Path) -> None:
    server = PrivateRedis(settings(tmp_path))
    await server.start()
    try:
        found = {path.name for path in tmp_path.rglob("*")}
        assert {"redis.json", "redis.log", "appendonlydir"} <= found
        assert loose(tmp_path) == []
    finally:
        await server.stop()


def test_the_command_line_makes_private_files_whatever_the_umask(tmp_path: Path) -> None:
    """A licence, as its issuer makes it, the folder included."""
    keter = (sys.executable, "-m", "keter", "license")
    key, licence = tmp_path / "key.pem", tmp_path / "local" / ".keter_license"
    subprocess.run([*keter, "keygen", str(key)], check=True, capture_output=True, cwd=tmp_path)
    issue = [*keter, "issue", "Ada", "--private-key", str(key), "--out", str(licence)]
    done = subprocess.run(issue, check=True, capture_output=True, text=True, cwd=tmp_path)
    assert done.stdout == ""
    assert len(licence.read_text().strip().split(".")) == 3
    assert loose(tmp_path) == []


async def test_the_doctor_names_what_others_can_read(tmp_path: Path) -> None:
    conf = settings(tmp_path, REDIS_HOST="127.0.0.1", REDIS_PORT=str(free_port()))
    make_folder(conf.mode.data_dir)
    write_private(conf.mode.data_dir / ".keter_license", "x")
    (conf.mode.data_dir / ".keter_license").chmod(0o644)
    found = await examine(conf, SystemClock())
    warned = {f.name: f.text for f in found if f.grade is Grade.WARNING}
    assert "chmod 600" in warned["licence"]
    assert f"chmod -R go-rwx {conf.mode.data_dir}" in warned["folder"]
    assert loose_below(conf.mode.data_dir) == (conf.mode.data_dir / ".keter_license",)


# The probe of a folder is empty and goes at once; nothing else writes past the one helper.
WRITES_BY_ITSELF = {"supervision/preflight.py": {"write_bytes"}}


def test_nothing_writes_a_file_but_through_the_helper() -> None:
    found = {}
    for file in SOURCE.rglob("*.py"):
        name = file.relative_to(SOURCE).as_posix()
        if name == "system/private_files.py":
            continue
        calls = [
            node.func
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
            if isinstance(node, ast.Call)
        ]
        names = {call.attr for call in calls if isinstance(call, ast.Attribute)} & {
            "write_text",
            "write_bytes",
        }
        names |= {
            "open for writing"
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
            if _opens_to_write(node)
        }
        if names - WRITES_BY_ITSELF.get(name, set()):
            found[name] = names
    assert found == {}


def _opens_to_write(node: ast.AST) -> bool:
    if not isinstance(node, ast.Call):
        return False
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    words = [argument.value for argument in node.args if isinstance(argument, ast.Constant)]
    return name == "open" and any(
        isinstance(word, str) and set(word) & set("wax+") and len(word) <= 3 for word in words
    )


def test_the_umask_of_a_supervisors_child_is_private() -> None:
    """What a child makes without asking anybody is private too."""
    from keter.system.process import private_umask

    told = asyncio.run(_umask_of_child(**private_umask()))
    assert told == "0o77"


async def _umask_of_child(**options: int) -> str:
    code = "import os; print(oct(os.umask(0)))"
    command = (sys.executable, "-c", code)
    child = await asyncio.create_subprocess_exec(
        *command,
        stdout=subprocess.PIPE,
        **options,  # type: ignore[arg-type]  # typed per name
    )
    out, _ = await child.communicate()
    return out.decode().strip()
