"""The command line says what is wrong in one sentence and with the right exit code."""

import asyncio
import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from keter import __version__
from keter.cli import run_command
from keter.cli.logs import LogReader
from keter.cli.processes import account_for
from keter.domain.processes import Process
from keter.errors import UsageError
from keter.settings import Settings, load_settings


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


Output = pytest.CaptureFixture[str]


def failing(capsys: Output, *arguments: str) -> tuple[int, str]:
    code = run_command(list(arguments))
    return code, capsys.readouterr().err


def test_the_version_is_the_packages(capsys: Output) -> None:
    assert run_command(["--version"]) == 0
    assert capsys.readouterr().out.strip() == __version__


def test_help_loads_neither_settings_nor_databases() -> None:
    code = (
        "import sys; from keter.cli import run_command; run_command(['--help']);"
        " print(*sys.modules, file=sys.stderr)"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    ).stderr.split()
    assert "typer" in loaded
    for heavy in (
        "pydantic",
        "numpy",
        "sqlalchemy",
        "redis",
        "structlog",
        "rich",
        "asyncio",
        "aiohttp",
    ):
        assert heavy not in loaded


@pytest.mark.parametrize(
    "arguments",
    [
        ["bogus"],
        ["--nope"],
        ["run"],
        ["run", "nobody"],
        ["run", "edge", "--copy", "0"],
        [],
        ["license"],
        ["logs", "--level", "loud"],
        ["config", "--docs", "--show"],
        ["sandbox", "--nope"],
    ],
)
def test_a_wrong_command_line_is_64(arguments: list[str], capsys: Output) -> None:
    code, said = failing(capsys, *arguments)
    assert code == 64
    assert said
    assert "Traceback" not in said


@pytest.mark.parametrize(
    ("line", "names"),
    [
        ("FIXD_STAKE=1", "did you mean FIXED_STAKE"),
        ("NONSENSE=1", "NONSENSE"),
        ("FIXED_STAKE=hunter2", "FIXED_STAKE"),
    ],
)
def test_a_wrong_env_file_is_78_in_one_sentence_without_the_value(
    line: str, names: str, capsys: Output
) -> None:
    Path(".env").write_text(line)
    for arguments in (["config"], ["up"], ["run", "edge"], ["license", "show"]):
        code, said = failing(capsys, *arguments)
        assert code == 78
        assert names in said
        assert len(said.splitlines()) == 1
        assert "hunter2" not in said


def test_config_shows_what_holds_why_and_no_secret(
    capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path(".env").write_text("FIXED_STAKE=7\nAO_USER=me\nAO_PASS=canary-4711\n")
    monkeypatch.setenv("MIN_EV_PCT", "3")
    assert run_command(["config", "--json"]) == 0
    shown = capsys.readouterr().out
    values = json.loads(shown)
    assert values["FIXED_STAKE"] == {"value": "7", "source": ".env"}
    assert values["MIN_EV_PCT"]["source"] == "environment"
    assert values["AO_PASS"] == {"value": "***", "source": ".env"}
    assert run_command(["config"]) == 0
    assert "canary" not in shown + capsys.readouterr().out


TWO_ACCOUNTS = (
    "ACCOUNTS=ALICE,BOB\nAO_USER__ALICE=alice1\nAO_PASS__ALICE=canary-1\n"
    "AO_USER__BOB=bob1\nAO_PASS__BOB=canary-2\nFIXED_STAKE__BOB=2\n"
)


def test_config_shows_what_is_one_accounts_own_and_no_secret_of_any(capsys: Output) -> None:
    Path(".env").write_text(TWO_ACCOUNTS)
    assert run_command(["config", "--json"]) == 0
    shown = capsys.readouterr().out
    values = json.loads(shown)
    assert values["FIXED_STAKE__BOB"] == {"value": "2", "source": ".env"}
    assert values["AO_PASS__ALICE"] == {"value": "***", "source": ".env"}
    assert "FIXED_STAKE__ALICE" not in values
    assert run_command(["config"]) == 0
    assert "canary" not in shown + capsys.readouterr().out


@pytest.mark.parametrize("process", ["ingest", "router", "tracker"])
@pytest.mark.parametrize(
    "option", [[], ["--account", "carol"], ["--account", "BOB"]], ids=["none", "unknown", "label"]
)
def test_a_process_of_one_account_asks_which_of_several_and_is_64(
    process: str, option: list[str], capsys: Output
) -> None:
    Path(".env").write_text(TWO_ACCOUNTS)
    code, said = failing(capsys, "run", process, *option)
    assert code == 64
    assert "asianodds:alice1, asianodds:bob1" in said
    assert len(said.splitlines()) == 1


@pytest.mark.parametrize("process", ["validator", "edge", "guard", "recorder", "dashboard"])
def test_a_process_for_all_accounts_takes_none_and_is_64(process: str, capsys: Output) -> None:
    Path(".env").write_text(TWO_ACCOUNTS)
    code, said = failing(capsys, "run", process, "--account", "bob1")
    assert code == 64
    assert "leave --account out" in said


@pytest.mark.parametrize(
    ("named", "key"), [("bob1", "asianodds:bob1"), ("asianodds:alice1", "asianodds:alice1")]
)
def test_the_router_of_the_named_account_is_run(
    named: str, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path(".env").write_text(TWO_ACCOUNTS)
    started: list[tuple[object, ...]] = []

    def note(process: str, copy: int, settings: Settings, *, account: str, restarts: int) -> int:
        started.append((process, copy, account))
        return 0

    monkeypatch.setattr("keter.processes.runtime.run_process", note)
    assert run_command(["run", "router", "--account", named]) == 0
    assert started == [("router", 1, key)]


def test_an_only_account_need_not_be_named() -> None:
    alone = load_settings(None, {"AO_USER": "me", "AO_PASS": "made-up"})
    assert account_for(Process.ROUTER, alone, "") == "asianodds:me"
    assert account_for(Process.GUARD, alone, "") == ""


def test_a_bug_shows_its_trace_without_secrets_and_is_70(
    capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("boom at redis://u:canary-4711@h/")

    monkeypatch.setattr("keter.settings.load_settings", broken)
    code, said = failing(capsys, "config")
    assert code == 70
    assert "Traceback" in said
    assert "canary" not in said


def test_a_reader_who_leaves_is_no_error() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    code = "from keter.cli import main; main(['config', '--docs'])"
    with os.fdopen(writing, "wb") as gone:
        done = subprocess.run(
            [sys.executable, "-c", code],
            stdout=gone,
            stderr=subprocess.PIPE,
            timeout=60,
            check=False,
        )
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.parametrize(
    ("error", "code", "says"),
    [
        (
            OSError(errno.ENOSPC, "No space left on device"),
            69,
            "the output cannot be written: No space left on device",
        ),
        (
            PermissionError(errno.EACCES, "Permission denied", "/srv/a.csv"),
            77,
            "/srv/a.csv is closed to this user",
        ),
    ],
)
def test_what_the_machine_refuses_is_one_sentence(
    error: OSError, code: int, says: str, capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("keter.settings.load_settings", refused)
    found, said = failing(capsys, "config")
    assert found == code
    assert says in said
    assert len(said.splitlines()) == 1


def test_a_question_left_unanswered_does_nothing(
    capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    def leaving(*_: object) -> str:
        raise EOFError

    monkeypatch.setattr("getpass.getpass", leaving)
    code, said = failing(capsys, "config", "password")
    assert code == 64
    assert said.endswith("keter: nothing was entered, so nothing was done\n")


def test_a_password_that_everybody_tries_is_not_hashed(
    capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("getpass.getpass", lambda *_, **__: "keterketerketer1")
    code, said = failing(capsys, "config", "password")
    assert code == 64
    assert "everybody tries first" in said
    assert "keterketer" not in said


def test_a_good_password_is_printed_as_a_hash_to_be_pasted(
    capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("getpass.getpass", lambda *_, **__: "seven lanterns over a quiet harbour")
    assert run_command(["config", "password"]) == 0
    assert capsys.readouterr().out.startswith("'$argon2id$")


def test_a_licence_is_made_issued_shown_and_verified(
    capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run_command(["license", "keygen", "key.pem"]) == 0
    public = capsys.readouterr().out.strip().partition("=")[2]
    assert Path("key.pem").stat().st_mode & 0o077 == 0
    assert run_command(["license", "keygen", "key.pem"]) == 64
    assert run_command(["license", "issue", "Ada", "--private-key", "key.pem", "--days", "3"]) == 0
    monkeypatch.setenv("KETER_LICENSE_KEY", capsys.readouterr().out.strip())
    assert failing(capsys, "license", "verify")[0] == 77
    monkeypatch.setenv("LICENSE_PUBLIC_KEY", public)
    assert run_command(["license", "verify"]) == 0
    assert "Ada" in capsys.readouterr().out
    assert run_command(["license", "show", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert (shown["valid"], shown["holder"], shown["days_left"]) == (True, "Ada", 2)


def test_live_without_a_licence_is_77_and_without_an_account_78(
    capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EXECUTION_MODE", "LIVE")
    assert failing(capsys, "up")[0] == 78
    assert failing(capsys, "arm")[0] == 78
    limits = (
        "MAX_STAKE",
        "MAX_EXPOSURE_EVENT",
        "MAX_EXPOSURE_LEAGUE",
        "MAX_EXPOSURE_DAY",
        "MAX_EXPOSURE_TOTAL",
        "DAILY_LOSS_LIMIT_UNITS",
    )
    for name in ("AO_USER", "AO_PASS", *limits):
        monkeypatch.setenv(name, "100")
    monkeypatch.setenv("LICENSE_OBTAIN_URL", "https://shop.test/licence")
    for command in ("up", "arm"):
        code, said = failing(capsys, command)
        assert code == 77
        assert "https://shop.test/licence" in said


def test_arming_in_dry_is_a_misunderstanding(capsys: Output) -> None:
    assert failing(capsys, "arm")[0] == 64


def write_log(worker: str, *lines: dict[str, object]) -> None:
    Path("local/logs").mkdir(parents=True, exist_ok=True)
    with Path(f"local/logs/{worker}.jsonl").open("a") as file:
        file.writelines(json.dumps(line) + "\n" for line in lines)


def test_logs_of_all_processes_come_in_the_order_of_time(capsys: Output) -> None:
    write_log(
        "edge", {"at": "2026-01-01T10:00:02Z", "event": "second", "level": "info", "worker": "edge"}
    )
    write_log(
        "guard",
        {
            "at": "2026-01-01T10:00:01Z",
            "event": "first",
            "level": "error",
            "worker": "guard",
            "trace_id": "t",
        },
    )
    assert run_command(["logs"]) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert "first" in first
    assert "second" in second
    for only in (["guard"], ["--level", "warning"], ["--trace", "t"], ["-n", "1", "guard"]):
        assert run_command(["logs", *only]) == 0
        assert len(capsys.readouterr().out.splitlines()) == 1


def test_a_reader_goes_on_where_it_stopped_across_a_rotation_and_half_lines() -> None:
    folder = Path("local/logs")
    write_log("edge", {"event": "one"}, {"event": "two"})
    reader = LogReader(folder, None, 0, None)
    assert [line["event"] for line in reader.new_lines()] == ["one", "two"]
    with (folder / "edge.jsonl").open("a") as file:
        file.write('{"event": "thr')
    assert reader.new_lines() == []
    with (folder / "edge.jsonl").open("a") as file:
        file.write('ee"}\n')
    assert [line["event"] for line in reader.new_lines()] == ["three"]
    (folder / "edge.jsonl").rename(folder / "edge.jsonl.1")
    write_log("edge", {"event": "four"})
    assert [line["event"] for line in reader.new_lines()] == ["four"]


def test_a_damaged_line_is_shown_rather_than_lost() -> None:
    Path("local/logs").mkdir(parents=True)
    Path("local/logs/edge.jsonl").write_bytes(b"not json \xff\n")
    (line,) = LogReader(Path("local/logs"), None, 0, None).new_lines()
    assert line["worker"] == "edge"


def test_no_log_at_all_is_said() -> None:
    with pytest.raises(UsageError, match="there is no log"):
        LogReader(Path("local/logs"), None, 0, None).new_lines()


async def not_redis(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readline()
    writer.write(b"HTTP/1.0 400 Bad Request\r\n\r\n<html></html>")
    await writer.drain()
    writer.close()


def with_a_server_that_is_no_redis(*arguments: str) -> int:
    async def run() -> int:
        server = await asyncio.start_server(not_redis, "127.0.0.1", 0)
        async with server:
            os.environ["REDIS_URL"] = f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}/0"
            return await asyncio.to_thread(run_command, list(arguments))

    return asyncio.run(run())


def test_what_is_no_redis_is_told_and_holds_no_halt_back(
    capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REDIS_URL", "")
    assert with_a_server_that_is_no_redis("status") == 69
    assert "does not answer; is it running, and is the address right?" in capsys.readouterr().out
    assert with_a_server_that_is_no_redis("halt", "--reason", "test") == 69
    assert "test" in Path("HALT").read_text()
    assert (
        f"written to {Path('HALT').absolute()}; the next start from there will be halted"
        in capsys.readouterr().err
    )


def test_a_halt_is_written_before_anything_is_asked(
    capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def hanging(_: object) -> None:
        assert Path("HALT").exists()

    def nameless() -> str:
        raise KeyError("getpwuid(): uid not found: 4711")

    monkeypatch.setattr("keter.cli.halting.bus_or_none", hanging)
    monkeypatch.setattr("getpass.getuser", nameless)
    assert run_command(["halt"]) == 69
    assert "a nameless user (cli)" in Path("HALT").read_text()


def test_a_halt_that_cannot_read_its_settings_says_what_works_without_them(capsys: Output) -> None:
    Path(".env").write_text("FIXD_STAKE=1")
    code, said = failing(capsys, "halt")
    assert code == 78
    assert said.startswith("keter: nothing was halted: .env: unknown setting FIXD_STAKE")
    assert "a file named HALT in Keter's folder stops bets meanwhile" in said
