"""What the documentation names exists: links, files, modules, commands, settings, tests."""

import os
import pkgutil
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import typer.main

from keter.cli import app
from keter.errors import ExitCode
from keter.settings import entries
from tests.kit.support import ROOT

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
NOT_PYTHON = {"keter.yaml", "keter.service", "keter.json"}
TO_COME = {"docs/images/overview.png"}  # drawn by the browser tests


@pytest.fixture(params=PAGES, ids=lambda page: page.name)
def page(request: pytest.FixtureRequest) -> tuple[Path, str]:
    path: Path = request.param
    return path, path.read_text(encoding="utf-8")


def test_links_between_pages_lead_somewhere(page: tuple[Path, str]) -> None:
    path, text = page
    for target in re.findall(r"\]\((?!https?://|#)([^)#]+)", text):
        found = (path.parent / target).resolve()
        assert found.exists() or found.relative_to(ROOT).as_posix() in TO_COME, (
            f"{path.name} links to {target}"
        )


def test_every_file_of_the_repository_that_is_named_exists(page: tuple[Path, str]) -> None:
    path, text = page
    for name in re.findall(r"`((?:tests|benchmarks|scripts|deploy|docs|src)/[\w./-]+)`", text):
        assert (ROOT / name).exists(), f"{path.name} names {name}"


def test_everything_of_the_package_that_is_named_exists(page: tuple[Path, str]) -> None:
    """Modules, classes and functions: ``keter.strategies.value.edge.evaluate``, say."""
    path, text = page
    for name in set(re.findall(r"`(keter\.[a-z_]\w*(?:\.\w+)*)`", text)) - NOT_PYTHON:
        try:
            pkgutil.resolve_name(name)
        except (ImportError, AttributeError) as e:
            pytest.fail(f"{path.name} names {name}: {e}")


def test_every_script_and_benchmark_that_is_run_exists(page: tuple[Path, str]) -> None:
    path, text = page
    for name in re.findall(r"python -m ((?:scripts|benchmarks|keter)\.[\w.]+)", text):
        file = ROOT / ("src" if name.startswith("keter.") else "") / name.replace(".", "/")
        assert file.with_suffix(".py").exists() or file.is_dir(), f"{path.name} runs {name}"


def test_every_test_that_is_named_exists(page: tuple[Path, str]) -> None:
    path, text = page
    names = set(re.findall(r"`(test_\w+)`", text))
    files = (ROOT / "tests").rglob("test_*.py") if names else ()
    known = {
        name for file in files for name in re.findall(r"def (test_\w+)", file.read_text("utf-8"))
    }
    assert names <= known, f"{path.name} names {names - known}"


def test_every_command_that_is_named_exists(page: tuple[Path, str]) -> None:
    path, text = page
    group = typer.main.get_command(app)
    known = set(getattr(group, "commands", {}))
    assert {"up", "status", "halt"} <= known
    for command in re.findall(r"`keter ([a-z]+)", text):
        assert command in known, f"{path.name} names keter {command}"


def test_every_setting_that_is_named_exists(page: tuple[Path, str]) -> None:
    path, text = page
    known = {entry.name for entry in entries()} | {
        "KETER_PYTHON",
        "KETER_ENV_FILE",
        "KETER_INSTANCES",
    }
    for name in re.findall(r"`([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)(?:=[^`]*)?`", text):
        assert name in known or name.startswith(("X_", "GLOBAL_")), f"{path.name} names {name}"


def test_the_guide_lists_the_exit_codes_there_are() -> None:
    text = (ROOT / "docs" / "operators-guide.md").read_text(encoding="utf-8")
    for code in ExitCode:
        assert re.search(rf"\b{code.value}\b", text), f"exit code {code.value}"


def fenced(page: str, heading: str) -> list[str]:
    """Return the lines of the first code block behind ``heading``, comments taken off."""
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    block = text[text.index(heading) :].split("```")[1]
    return [line.partition("  #")[0].strip() for line in block.strip().splitlines()]


def test_the_commands_that_make_a_licence_make_one_that_holds(tmp_path: Path) -> None:
    """As the guide says them, in its order, in an empty folder."""
    environ = {
        name: value
        for name, value in os.environ.items()
        if name not in {"LICENSE_PUBLIC_KEY", "DATA_DIR"}
    }
    told = ""
    for line in fenced("operators-guide.md", "### A licence, step by step"):
        program, *arguments = shlex.split(line)
        assert program == "keter"
        command = [sys.executable, "-m", "keter", *arguments]
        done = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True)
        assert done.returncode == 0, (line, done.stderr)
        told = done.stdout
        if told.startswith("LICENSE_PUBLIC_KEY="):
            (tmp_path / ".env").write_text(told)
    assert told.startswith("valid: Ada until ")


def test_every_command_line_in_a_code_block_is_one_that_exists(page: tuple[Path, str]) -> None:
    path, text = page
    group = typer.main.get_command(app)
    for block in text.split("```")[1::2]:
        for line in block.splitlines():
            words = shlex.split(line.partition("  #")[0]) if line.startswith("keter ") else []
            found = group
            for word in words[1:]:
                below = getattr(found, "commands", {})
                if not below:
                    break
                assert word in below, f"{path.name} says {line}"
                found = below[word]
