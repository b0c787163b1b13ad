"""A halt, and all that an operator says, reaches the Keter that runs, from any folder and user; or
says that it did not.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from keter.settings import child_environment
from keter.system.addresses import free_port
from tests.kit.keter_up import KeterUp
from tests.kit.support import RedisServer, eventually

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform == "win32", reason="starts whole Keters the way POSIX does"),
]
NOBODY = 65534
# It may read everything, since the Python that runs the tests may lie in a folder of root's, and
# write nothing of root's.
AS_NOBODY = (
    "setpriv",
    f"--reuid={NOBODY}",
    f"--regid={NOBODY}",
    "--clear-groups",
    "--inh-caps=+dac_read_search",
    "--ambient-caps=+dac_read_search",
)
Done = subprocess.CompletedProcess[str]


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder without a ``.env``, with a list of instances of this test's own."""
    monkeypatch.setenv("KETER_INSTANCES", str(tmp_path / "instances"))
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    return folder


@pytest.fixture
def keters(tmp_path: Path, elsewhere: Path) -> Iterator[list[KeterUp]]:
    running: list[KeterUp] = []
    yield running
    for one in running:
        one.close()


@pytest.fixture
def server() -> Iterator[RedisServer]:
    found = RedisServer()
    yield found
    found.close()


def start(
    keters: list[KeterUp], folder: Path, *, as_nobody: bool = False, **values: str
) -> KeterUp:
    """Start a Keter whose settings are in the ``.env`` of its folder only."""
    folder.mkdir()
    port = free_port()
    file = folder / ".env"
    file.write_text(
        "".join(f"{name}={value}\n" for name, value in {"DASH_PORT": str(port), **values}.items())
    )
    if as_nobody:
        os.chown(folder, NOBODY, NOBODY)
        os.chown(file, NOBODY, NOBODY)
    through = AS_NOBODY if as_nobody else ()
    one = KeterUp(
        folder,
        through=through,
        DASH_PORT=str(port),
        DATA_DIR=str(folder / "local"),
        HOME=str(folder),
    )
    keters.append(one)
    return one


def keter(folder: Path, *arguments: str, through: tuple[str, ...] = ()) -> Done:
    """Run a command in another folder, whose shell knows nothing of the Keter that runs."""
    command = [*through, sys.executable, "-m", "keter", *arguments]
    return subprocess.run(
        command, cwd=folder, env=child_environment(), capture_output=True, text=True, timeout=60
    )


async def shows(one: KeterUp, state: str) -> None:
    await eventually(lambda: one.status().get("state") == state, timeout_s=10)


async def test_every_command_from_any_folder_acts_on_the_keter_that_runs(
    keters: list[KeterUp], elsewhere: Path, tmp_path: Path
) -> None:
    one = await start(keters, tmp_path / "keter").ready()
    said = keter(elsewhere, "halt", "--reason", "from afar")
    assert (said.returncode, said.stderr) == (0, "")
    assert str(one.folder / "local") in said.stdout
    assert "from afar" in (one.folder / "HALT").read_text()
    await shows(one, "HALTED")
    for command, state in (
        ("resume", "ACTIVE"),
        ("pause", "PAUSED"),
        ("reduce", "REDUCING"),
        ("resume", "ACTIVE"),
    ):
        done = keter(elsewhere, command, "--json")
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["audited"]
        await shows(one, state)
    account = "sandbox:demo"
    assert keter(elsewhere, "pause", "--account", account.partition(":")[2]).returncode == 0
    await shows(one, "PAUSED")
    wrong = keter(elsewhere, "resume", "--account", "nobody")
    assert (wrong.returncode, f"say one of {account}" in wrong.stderr) == (64, True)
    assert keter(elsewhere, "resume", "--account", "").returncode == 64
    assert keter(elsewhere, "halt", "--account", account).returncode == 0
    await shows(one, "HALTED")
    assert not (one.folder / "HALT").exists()
    resumed = keter(elsewhere, "resume")
    assert f"ended too: HALTED of {account} by" in resumed.stdout
    await shows(one, "ACTIVE")
    assert keter(elsewhere, "limit", "MAX_STAKE", "11").returncode == 0
    assert json.loads(keter(elsewhere, "status", "--json").stdout)["running"]
    assert keter(elsewhere, "ledger", "check").returncode == 0
    assert list(elsewhere.iterdir()) == []
    assert one.interrupt() == 0
    assert list((tmp_path / "instances").iterdir()) == []


async def test_a_broken_env_file_holds_no_stop_back(
    keters: list[KeterUp], elsewhere: Path, tmp_path: Path
) -> None:
    """It was edited while Keter ran, or the shell stands in the folder of something else."""
    one = await start(keters, tmp_path / "keter").ready()
    (elsewhere / ".env").write_text("SOMETHING_ELSE=1\n")
    assert keter(elsewhere, "pause").returncode == 0
    await shows(one, "PAUSED")
    (one.folder / ".env").write_text("FIXD_STAKE=1\n")
    for folder in (elsewhere, one.folder):
        (one.folder / "HALT").unlink(missing_ok=True)
        said = keter(folder, "halt")
        assert said.returncode == 0, said.stderr
        assert (one.folder / "HALT").exists()
    assert keter(elsewhere, "resume").returncode == 78


async def test_a_keter_that_was_killed_is_not_taken_for_one_that_runs(
    keters: list[KeterUp], elsewhere: Path, tmp_path: Path
) -> None:
    one = await start(keters, tmp_path / "keter").ready()
    one.family()
    os.kill(one.process.pid, signal.SIGKILL)
    one.wait()
    await eventually(lambda: one.family() == [], timeout_s=20)
    assert len(list((tmp_path / "instances").iterdir())) == 1
    said = keter(elsewhere, "halt")
    assert said.returncode == 69
    assert f"no Keter runs that would see it; written to {elsewhere / 'HALT'}" in said.stderr
    assert "the next start from there will be halted" in said.stderr
    assert not (one.folder / "HALT").exists()
    for command in ("pause", "reduce", "resume", "disarm", "status"):
        assert keter(elsewhere, command).returncode == 69, command
    assert [path.name for path in elsewhere.iterdir()] == ["HALT"]


async def test_of_several_a_halt_stops_all_and_the_rest_asks_which(
    keters: list[KeterUp], elsewhere: Path, tmp_path: Path
) -> None:
    one, two = start(keters, tmp_path / "one"), start(keters, tmp_path / "two")
    await one.ready()
    await two.ready()
    asked = keter(elsewhere, "pause")
    assert asked.returncode == 64
    for keter_up in (one, two):
        assert str(keter_up.folder / ".env") in asked.stderr
        assert keter_up.status()["state"] == "ACTIVE"
    assert keter(one.folder, "halt").returncode == 0  # the settings of its folder decide
    assert not (two.folder / "HALT").exists()
    said = keter(elsewhere, "halt", "--json")
    assert said.returncode == 0, said.stderr
    assert len(json.loads(said.stdout)) == 2
    assert (two.folder / "HALT").exists()


async def test_a_halt_without_redis_is_true_by_its_file(
    keters: list[KeterUp], elsewhere: Path, tmp_path: Path, server: RedisServer
) -> None:
    one = await start(
        keters, tmp_path / "keter", REDIS_HOST="127.0.0.1", REDIS_PORT=str(server.port)
    ).ready()
    server.kill()
    said = keter(elsewhere, "halt")
    assert said.returncode == 0, said.stderr
    assert "Redis could not be told" in said.stderr
    assert (one.folder / "HALT").exists()
    assert keter(elsewhere, "pause").returncode == 69


as_another = pytest.mark.skipif(
    sys.platform != "linux" or os.geteuid() != 0 or shutil.which("setpriv") is None,
    reason="only root becomes another user, with setpriv",
)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """Return a folder that every user may enter, which pytest's are not."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


@as_another
async def test_root_halts_another_users_keter_with_that_users_rights(
    keters: list[KeterUp], elsewhere: Path, tmp_path: Path, open_folder: Path
) -> None:
    (tmp_path / "instances").mkdir()
    (tmp_path / "instances").chmod(0o1777)
    one = await start(keters, open_folder / "keter", as_nobody=True).ready()
    for command, state in (("pause", "PAUSED"), ("halt", "HALTED")):
        said = keter(elsewhere, command, "--json")
        assert said.returncode == 0, said.stderr
        assert json.loads(said.stdout)["audited"]
        await shows(one, state)
    assert (one.folder / "HALT").stat().st_uid == NOBODY
    assert {path.stat().st_uid for path in (one.folder / "local").rglob("*")} == {NOBODY}
    assert keter(elsewhere, "resume").returncode == 0
    assert not (one.folder / "HALT").exists()


@as_another
async def test_who_may_not_halt_a_keter_is_told_so(
    keters: list[KeterUp], elsewhere: Path, tmp_path: Path, server: RedisServer
) -> None:
    one = await start(
        keters, tmp_path / "keter", REDIS_HOST="127.0.0.1", REDIS_PORT=str(server.port)
    ).ready()
    elsewhere.chmod(0o777)
    beside = keter(elsewhere, "halt", through=AS_NOBODY)
    assert beside.returncode == 69
    assert f"written to {elsewhere / 'HALT'}" in beside.stderr
    assert "this user may not look into" in beside.stderr
    server.kill()
    inside = keter(one.folder, "halt", through=AS_NOBODY)
    assert inside.returncode == 69
    assert f"{one.folder / 'HALT'}: Permission denied" in inside.stderr
    assert "Redis could not be told" in inside.stderr
    assert not (one.folder / "HALT").exists()
