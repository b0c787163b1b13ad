"""The commands that measure: what they print, write and refuse."""

import csv
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from keter.cli import run_command
from keter.errors import ExitCode
from keter.replay.capture import CaptureWriter
from tests.unit.replay.test_backtest import HEADER
from tests.unit.replay.test_replayer import game

ROW = (
    "X1,11/08/2025,20:00,Reds,Blues,2,1,2.0,3.5,4.0,-0.75,1.95,1.95,2.2,3.6,4.1,2.20,1.90,"
    "-0.75,1.90,2.00,1.95,3.5,4.1"
)


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def season(tmp_path: Path) -> Path:
    file = tmp_path / "X1_2526.csv"
    file.write_text(f"{HEADER}\n{ROW}\n")
    return file


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    written = CaptureWriter(tmp_path / "captures").append(game(home=2, away=1))
    assert written is not None
    return written


def test_a_backtest_prints_writes_and_warns(
    season: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert (
        run_command(["backtest", str(season), "--html", "page.html", "--csv", "bets.csv"])
        == ExitCode.OK
    )
    out = capsys.readouterr().out
    assert "! MAX is the best price over sources of unequal age" in out
    with Path("bets.csv").open(newline="") as file:
        bets = list(csv.DictReader(file))
    assert {bet["book"] for bet in bets} == {"MAX"}
    assert f"{len(bets)} bets" in out
    assert "Backtest of 1 files" in Path("page.html").read_text()


def test_a_price_too_good_to_be_true_is_counted_and_the_command_line_moves_the_ceiling(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "X1_2526.csv"
    file.write_text(f"{HEADER}\n{ROW.replace('1.95,1.95,2.2,3.6,4.1', '1.95,1.95,3.9,3.6,4.1')}\n")
    command = ["backtest", str(file), "--market", "1x2", "--min-ev", "20"]
    assert run_command(command) == ExitCode.OK
    assert "! 1 selections worth more than 25 % were taken for errors" in capsys.readouterr().out
    assert run_command([*command, "--max-ev", "200"]) == ExitCode.OK
    assert "1 bets" in (out := capsys.readouterr().out)
    assert "taken for errors" not in out


def test_the_text_tells_what_was_promised_what_came_and_how_good_the_chances_were(
    season: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command(["backtest", str(season), "--min-ev", "1"]) == ExitCode.OK
    told = capsys.readouterr().out
    for word in (
        "promised ",
        "of 2 bets with a close: promised ",
        "slippage +0.00",
        "luck ",
        "Brier ",
        "log loss ",
        "longest winning streak",
    ):
        assert word in told


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--books", "AVG"], "AVG is a mean over books: no book offered it"),
        (["--books", "BFE,B365"], "BFE is an exchange: its prices are before the commission"),
        (["--against", "close"], "held against the close, which nobody knew then"),
    ],
)
def test_what_flatters_a_backtest_is_told(
    season: Path, options: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command(["backtest", str(season), *options]) == ExitCode.OK
    assert says in capsys.readouterr().out


def test_recordings_are_backtested_as_they_were_seen(
    recording: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for path in (recording, recording.parent):
        assert run_command(["backtest", str(path), "--json"]) == ExitCode.OK
        told = json.loads(capsys.readouterr().out)
        assert (told["bets"], told["pnl_minor"], told["answers"]) == (1, 1200, 7)
    assert run_command(["backtest", str(recording), "--min-ev", "20", "--json"]) == ExitCode.OK
    assert json.loads(capsys.readouterr().out)["bets"] == 0


def test_bets_without_a_result_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    unfinished = CaptureWriter(tmp_path / "unfinished").append(game(home=2, away=1)[:4])
    assert run_command(["backtest", str(unfinished)]) == ExitCode.OK
    assert (
        "\n1 bets have no result there and are left out of the figures.\n"
        in capsys.readouterr().out
    )


def test_a_replay_writes_every_decision(
    recording: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert (
        run_command(["replay", str(recording), "--decisions", "all.jsonl", "--speed", "100000"])
        == ExitCode.OK
    )
    decisions = [json.loads(line) for line in Path("all.jsonl").read_text().splitlines()]
    assert [one["stage"] for one in decisions] == ["edge", "guard", "edge", "guard"]
    assert "market updates" in capsys.readouterr().out


def test_a_terminal_sees_a_bar_that_ends_at_the_whole_input(
    recording: Path,
    season: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "120")
    for arguments in (
        ["replay", str(recording)],
        ["backtest", str(recording)],
        ["backtest", str(season)],
    ):
        assert run_command(arguments) == ExitCode.OK
        shown = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", capsys.readouterr().err)
        assert "100%" in shown
        assert "1 fixtures" in shown if arguments[1] == str(season) else "7 answers" in shown
    monkeypatch.delenv("FORCE_COLOR")
    assert run_command(["replay", str(recording)]) == ExitCode.OK
    assert capsys.readouterr().err == ""


def test_two_processes_write_the_same_decisions_byte_for_byte(recording: Path) -> None:
    code = "import sys; from keter.cli import run_command; sys.exit(run_command(sys.argv[1:]))"
    for seed in ("1", "2"):
        command = [
            sys.executable,
            "-c",
            code,
            "replay",
            str(recording),
            "--speed",
            "max",
            "--decisions",
            f"{seed}.jsonl",
        ]
        subprocess.run(
            command,
            env=os.environ | {"PYTHONHASHSEED": seed},
            check=True,
            capture_output=True,
            timeout=100,
        )
    assert Path("1.jsonl").read_bytes() == Path("2.jsonl").read_bytes() != b""


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["backtest", "nowhere"], "nowhere is neither a file nor a folder"),
        (["backtest", "X1_2526.csv", "--books", "FOO"], "unknown book FOO"),
        (["backtest", "X1_2526.csv", "--market", "ml"], "no two-way money lines"),
        (["replay", "nowhere"], "nowhere is neither a file nor a folder"),
        (
            ["backtest", "X1_2526.csv", "--min-ev", "nan"],
            "keter: wrong options: --min-ev: Input should be a finite number\n",
        ),
        (
            ["backtest", "X1_2526.csv", "--rule", "all-in"],
            "keter: wrong options: --rule: Input should be 'fixed', 'ev' or",
        ),
        (
            ["backtest", "X1_2526.csv", "--max-ev", "1"],
            "keter: wrong options: EV_MAX_PCT must be above MIN_EV_PCT\n",
        ),
        pytest.param(
            ["backtest", "/proc/self/mem"],
            "/proc/self/mem cannot be read",
            marks=pytest.mark.skipif(
                not Path("/proc/self/mem").exists(),
                reason="a file that refuses to be read is needed",
            ),
        ),
        (["replay", "empty.jsonl.gz"], "no recorded answer in empty.jsonl.gz"),
        (["backtest", "empty.jsonl.gz"], "no recorded answer in empty.jsonl.gz"),
        (["replay", "X1_2526.csv"], "not a readable capture file"),
        (["replay", "X1_2526.csv", "--speed", "0"], "--speed is max or a positive number"),
    ],
)
def test_what_cannot_be_measured_is_named(
    season: Path, arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("empty.jsonl.gz").touch()
    assert run_command(arguments) == ExitCode.USAGE
    assert says in capsys.readouterr().err


def test_a_wrong_setting_is_not_blamed_on_the_options(
    season: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FIXED_STAKE", "much")
    assert run_command(["backtest", str(season), "--min-ev", "3"]) == ExitCode.CONFIGURATION
    assert "wrong settings: FIXED_STAKE (environment)" in capsys.readouterr().err


def test_a_file_that_cannot_be_written_is_named(
    season: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert (
        run_command(["backtest", str(season), "--html", "no/such/folder/page.html"])
        == ExitCode.UNAVAILABLE
    )
    assert "page.html cannot be written" in capsys.readouterr().err


def test_a_replay_names_the_page_it_cannot_write(
    recording: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert (
        run_command(["replay", str(recording), "--html", "no/such/folder/page.html"])
        == ExitCode.UNAVAILABLE
    )
    assert "page.html cannot be written" in capsys.readouterr().err


def test_reports_without_a_ledger_say_so(capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("bets", "books", "parity"):
        assert run_command(["report", name]) == ExitCode.UNAVAILABLE
        assert "no ledger yet" in capsys.readouterr().err
