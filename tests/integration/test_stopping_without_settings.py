"""A ``.env`` that was spoilt while Keter runs holds no stop back: it is done, or a sentence says
what was not, and why.
"""

import json
import shutil
from pathlib import Path

import pytest

from keter.bus.connection import Bus, connect
from keter.bus.state.ownership import read_owner
from keter.bus.state.permissions import arm, armed_accounts, read_arming
from keter.clock import ManualClock
from keter.domain.trading import OperatorCommand
from keter.opening.stores import open_settings_ledger
from keter.settings import load_settings
from tests.integration.test_halt import elsewhere, keter, keters, server, shows, start
from tests.kit.execution import NOW
from tests.kit.keter_up import KeterUp
from tests.kit.support import RedisServer

pytestmark = pytest.mark.slow

__all__ = ["elsewhere", "keters", "server"]  # fixtures
PASSWORD = "three-dry-otters"


def write_unknown_name(file: Path) -> None:
    file.write_text("FIXD_STAKE=1\n")


def write_no_text(file: Path) -> None:
    file.write_bytes(b"\x00\xff" * 100)


def write_wrong_value(file: Path) -> None:
    file.write_text("FIXED_STAKE=a lot\n")


def put_a_folder(file: Path) -> None:
    file.unlink()
    file.mkdir()


SPOILT = {
    write_unknown_name: "unknown setting FIXD_STAKE",
    write_no_text: "not UTF-8",
    write_wrong_value: "FIXED_STAKE",
    put_a_folder: "it is a directory",
}


async def armed(bus: Bus, *others: str) -> str:
    """Give the account of the run, and ``others``, a permission; returns its name."""
    record = await read_owner(bus)
    assert record is not None
    name = record.run.accounts[0].key
    for account in (name, *others):
        await arm(bus, account, "ops", NOW, record.run.mark)
    assert await read_arming(bus, name, record.run.mark) is not None
    return name


async def commands_in(data_dir: Path) -> list[OperatorCommand]:
    """Return the commands in a folder's usual ledger; make an empty one where there is none."""
    ledger = await open_settings_ledger(
        load_settings(None, {"DATA_DIR": str(data_dir)}), clock=ManualClock(NOW)
    )
    try:
        return await ledger.commands.recent()
    finally:
        await ledger.aclose()


async def test_a_spoilt_env_file_holds_no_disarming_back(
    keters: list[KeterUp], elsewhere: Path, tmp_path: Path, server: RedisServer
) -> None:
    one = await start(
        keters, tmp_path / "keter", REDIS_HOST="127.0.0.1", REDIS_PORT=str(server.port)
    ).ready()
    bus = await connect(server.url)
    for spoil, why in SPOILT.items():
        account = await armed(bus, "an older account")
        spoil(one.folder / ".env")
        said = keter(one.folder, "disarm", "--reason", why)
        assert said.returncode == 0, said.stderr
        assert f"{account} is disarmed" in said.stdout
        assert "also: an older account is disarmed" in said.stderr
        assert "done without the settings of the Keter that runs" in said.stderr
        assert why in said.stderr
        assert await armed_accounts(bus) == set()
    rows = await commands_in(one.folder / "local")
    assert {(row.action.value, row.target) for row in rows} == {
        ("disarm", account),
        ("disarm", "an older account"),
    }
    assert len(rows) == 2 * len(SPOILT)
    said = keter(elsewhere, "pause", "--json")
    assert said.returncode == 0, said.stderr
    assert json.loads(said.stdout)["audited"]
    await shows(one, "PAUSED")
    await bus.aclose()


async def test_without_its_settings_no_other_ledger_is_taken_for_the_keters_own(
    keters: list[KeterUp], elsewhere: Path, tmp_path: Path, server: RedisServer
) -> None:
    """The file named the ledger; an older one lies where a ledger usually is."""
    own = f"sqlite:///{tmp_path}/own.db"
    one = start(
        keters,
        tmp_path / "keter",
        REDIS_HOST="127.0.0.1",
        REDIS_PORT=str(server.port),
        LEDGER_URL=own,
    )
    assert await commands_in(one.folder / "local") == []
    await one.ready()
    bus = await connect(server.url)
    await armed(bus)
    write_no_text(one.folder / ".env")
    said = keter(one.folder, "disarm")
    assert said.returncode == 0, said.stderr
    assert (
        "not written to the audit: the ledger of the Keter that runs is named in settings"
        in said.stderr
    )
    assert await armed_accounts(bus) == set()
    assert await commands_in(one.folder / "local") == []
    await bus.aclose()


async def test_what_a_spoilt_env_file_holds_back_is_named(
    keters: list[KeterUp], elsewhere: Path, tmp_path: Path, server: RedisServer
) -> None:
    """Only the file knew the password of Redis: pause and disarm cannot be said there, a halt is
    said by its file.
    """
    open_bus = await connect(server.url)
    await open_bus.redis.execute_command("CONFIG", "SET", "requirepass", PASSWORD)
    await open_bus.aclose()
    url = f"redis://:{PASSWORD}@127.0.0.1:{server.port}/0"
    one = await start(keters, tmp_path / "keter", REDIS_URL=url).ready()
    bus = await connect(url)
    account = await armed(bus)
    kept = (one.folder / ".env").read_text()
    (one.folder / ".env").write_text(f"{kept}FIXD_STAKE=1\n")
    for command in ("disarm", "pause", "reduce"):
        said = keter(one.folder, command)
        assert said.returncode == 69, said.stderr
        assert "nothing was done: Redis is not reachable" in said.stderr
        assert f"{one.folder / '.env'}: unknown setting FIXD_STAKE" in said.stderr
        assert "`keter halt` works without it" in said.stderr
        assert PASSWORD not in said.stdout + said.stderr
    assert await armed_accounts(bus) == {account}
    said = keter(one.folder, "halt")
    assert said.returncode == 0, said.stderr
    assert "Redis could not be told" in said.stderr
    assert (one.folder / "HALT").exists()
    await shows(one, "HALTED")
    (one.folder / ".env").write_text(kept)
    assert keter(one.folder, "disarm").returncode == 0
    assert await armed_accounts(bus) == set()
    await bus.aclose()


def test_with_a_spoilt_env_file_and_no_keter_each_command_says_that_it_did_nothing(
    elsewhere: Path,
) -> None:
    (elsewhere / ".env").touch()
    for spoil, why in SPOILT.items():
        if (elsewhere / ".env").is_dir():
            shutil.rmtree(elsewhere / ".env")
        spoil(elsewhere / ".env")
        for command, word in (
            ("disarm", "done"),
            ("pause", "done"),
            ("reduce", "done"),
            ("halt", "halted"),
        ):
            said = keter(elsewhere, command)
            assert said.returncode == 78, (command, said.stderr)
            assert f"nothing was {word}" in said.stderr
            assert why in said.stderr
            assert said.stdout == ""
