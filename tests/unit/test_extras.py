"""Optional packages come from a hash-locked set.

Nothing makes pip look for our name, which is somebody else's there.
"""

import re
import subprocess
import tomllib
from pathlib import Path

import pytest
import structlog
from scripts import bootstrap

from keter import extras
from keter.alerting import build
from keter.errors import ConfigurationError, UsageError
from keter.ledger import address, database, maintenance
from tests.kit.support import ROOT

LOCK = (ROOT / "requirements-extras.lock").read_text(encoding="utf-8")
# Whatever installs by a name: `pip install 'keter[x]'`, `pip install keter`, `uv pip install -e
# ".[x]"`.
BY_NAME = re.compile(
    r"""(?:pip|pipx|uv|poetry)\S*\s+(?:install|add)\b[^\n`]*?["'\s](?:keter(?:-trader)?|\.)(?:\[[\w,]+\]|["'\s]|$)"""
)


def pinned(lock: str) -> dict[str, str]:
    return dict(re.findall(r"^([\w.-]+)(?:\[[\w,-]+\])?==([^ ;\\]+)", lock, re.MULTILINE))


def texts() -> list[Path]:
    """Everything that is read by people or run by them, tests and recorded locks apart."""
    known = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split("\n")
    wanted = (
        "src/",
        "docs/",
        "deploy/",
        "scripts/",
        "README.md",
        "start.",
        "CHANGELOG.md",
        ".env.example",
    )
    return [
        ROOT / name
        for name in known
        if name.startswith(wanted) and "/vendor/" not in name and (ROOT / name).is_file()
    ]


@pytest.mark.parametrize(
    "line",
    [
        "pip install keter",
        "pip install keter-trader",
        "pip install 'keter[telegram]'",
        "python -m pip install -e '.[parquet]'",
        "uv pip install keter",
    ],
)
def test_the_search_for_our_name_finds_it(line: str) -> None:
    assert BY_NAME.search(f"run: {line}\n")


def test_nothing_tells_pip_to_fetch_our_name() -> None:
    wrong = {}
    for path in texts():
        found = BY_NAME.search(path.read_text(encoding="utf-8", errors="replace"))
        if found:
            wrong[path.relative_to(ROOT).as_posix()] = found.group()
    assert wrong == {}


def test_our_distribution_has_a_name_of_its_own() -> None:
    """Under "keter" the public index has a stranger's package, which pip would take for ours."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["name"] == "keter-trader"
    assert project["scripts"] == {"keter": "keter.cli:main"}


def test_every_package_of_the_lock_carries_hashes_and_every_extra_is_in_it() -> None:
    blocks = re.split(r"\n(?=\S)", LOCK)
    packages = [block for block in blocks if "==" in block]
    assert len(packages) > 50
    assert [block.split("==")[0] for block in packages if "--hash=sha256:" not in block] == []
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for wanted in project["optional-dependencies"].values():
        for requirement in wanted:
            assert re.split(r"[\[>=]", requirement)[0] in pinned(LOCK)


def test_what_is_tested_is_what_is_installed() -> None:
    developed = pinned((ROOT / "requirements-dev.lock").read_text(encoding="utf-8"))
    assert {
        name: version for name, version in pinned(LOCK).items() if developed.get(name) != version
    } == {}


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    """Make a checkout in which commands are noted, not run."""
    for name in ("requirements.lock", "requirements-extras.lock", "pyproject.toml", ".env.example"):
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv" / "python").write_text("")
    ran: list[tuple[str, ...]] = []

    def run(*command: str) -> int:
        ran.append(command)
        return 0

    for name, value in {
        "ROOT": tmp_path,
        "VENV": tmp_path / ".venv",
        "PYTHON": tmp_path / ".venv" / "python",
        "run": run,
    }.items():
        monkeypatch.setattr(bootstrap, name, value)
    return ran


def test_extras_are_installed_from_the_lock_with_hashes_and_kept(
    environment: list[tuple[str, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def start(*arguments: str) -> list[str]:
        monkeypatch.setattr("sys.argv", ["bootstrap.py", *arguments])
        environment.clear()
        assert bootstrap.main() == 0
        assert all(
            "--require-hashes" in command and ":all:" in command
            for command in environment
            if "-r" in command
        )
        return [Path(command[-1]).name for command in environment if "-r" in command]

    assert start() == ["requirements.lock"]
    assert start() == []
    assert start("--extras") == ["requirements-extras.lock"]
    assert start() == []
    (bootstrap.ROOT / "requirements-extras.lock").write_text("changed")
    assert start() == ["requirements-extras.lock"], "what was asked for once follows later locks"


def test_each_message_names_the_command(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    command = extras.install_command()
    assert (ROOT / extras.INSTALL_ARGUMENT.split()[0]).exists()
    monkeypatch.setattr(build, "find_spec", lambda _: None)
    with structlog.testing.capture_logs() as logs:
        assert not build._installed("aiogram", "telegram")
    assert command in logs[0]["reason"]
    monkeypatch.setitem(__import__("sys").modules, "psycopg", None)
    with pytest.raises(ConfigurationError, match=re.escape(command)):
        database.make_engine(address.parse_url("postgresql://h/d"), read_only=True)
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    with pytest.raises(UsageError, match=re.escape(command)):
        maintenance._write_parquet(tmp_path / "x.parquet", [])
