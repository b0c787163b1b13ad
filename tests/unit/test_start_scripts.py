"""start.sh and start.bat find a Python that is new enough, or say what to do."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.kit.support import ROOT

BAT = (ROOT / "start.bat").read_bytes()


def stub(folder: Path, name: str, text: str) -> None:
    file = folder / name
    file.write_text(f"#!/bin/sh\n{text}\n")
    file.chmod(0o755)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Make a folder with start.sh whose PATH holds dirname and what the test puts into ``bin``."""
    folder = tmp_path / "a checkout"
    (folder / "bin").mkdir(parents=True)
    (folder / "start.sh").write_bytes((ROOT / "start.sh").read_bytes())
    (folder / "start.sh").chmod(0o755)
    stub(folder / "bin", "dirname", 'exec /usr/bin/dirname "$@"')
    return folder


def run(checkout: Path, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": str(checkout / "bin"), **environ}
    return subprocess.run(
        ["/bin/sh", str(checkout / "start.sh"), *arguments],
        env=environment,
        capture_output=True,
        text=True,
        timeout=30,
    )


OLD = 'case "$2" in *print*) echo 3.9;; *exit*) exit 1;; esac'
NEW = (
    'case "$2" in *print*) echo 3.12;; *exit*) exit 0;; esac; [ "$1" = scripts/bootstrap.py ] &&'
    " exit ${BOOTSTRAP:-0}; exit 0"
)


def test_a_python_too_old_is_named_with_what_to_do(checkout: Path) -> None:
    stub(checkout / "bin", "python3", OLD)
    result = run(checkout)
    assert result.returncode == 69
    assert "needs Python 3.11 or newer; found 3.9" in result.stderr
    assert "KETER_PYTHON" in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_no_python_at_all_is_said_too(checkout: Path) -> None:
    result = run(checkout)
    assert result.returncode == 69
    assert "found none" in result.stderr


def test_a_newer_python_under_another_name_is_found_and_the_arguments_go_through(
    checkout: Path,
) -> None:
    stub(checkout / "bin", "python3", OLD)
    stub(checkout / "bin", "python3.12", NEW)
    (checkout / ".venv" / "bin").mkdir(parents=True)
    stub(checkout / ".venv" / "bin", "python", 'echo "started: $*"')
    result = run(checkout, "--no-sandbox", "two words")
    assert result.returncode == 0
    assert result.stdout == "started: -m keter up --no-sandbox two words\n"


def test_a_failed_set_up_keeps_its_exit_code_and_starts_nothing(checkout: Path) -> None:
    stub(checkout / "bin", "python3", NEW)
    result = run(checkout, BOOTSTRAP="69")
    assert result.returncode == 69
    assert result.stdout == ""


def test_the_operator_may_name_the_python(checkout: Path) -> None:
    stub(checkout / "bin", "python3", NEW)
    stub(checkout / "bin", "mine", OLD)
    assert run(checkout, KETER_PYTHON="mine").returncode == 69


def test_the_batch_file_has_windows_line_ends_and_plain_characters() -> None:
    BAT.decode("ascii")
    assert BAT.count(b"\n") == BAT.count(b"\r\n") > 10


def test_the_batch_file_keeps_to_what_every_windows_does_alike() -> None:
    text = BAT.decode("ascii")
    lines = [line for line in text.splitlines() if not line.startswith(("rem", "echo"))]
    assert not any("&&" in line or "||" in line for line in lines)
    labels = set(re.findall(r"^:(\w+)", text, re.MULTILINE))
    used = set(re.findall(r"(?:goto |call :)(\w+)", text))
    assert used == labels
    assert all(line.count('"') % 2 == 0 for line in lines)
    assert all(f'"{match}' in text for match in re.findall(r"%~dp0[\w.\\]*", text))
    assert "delayedexpansion" not in text.lower()
    assert not any(
        re.search(r"\b(where|findstr|powershell|timeout|curl)\b", line) for line in lines
    )
