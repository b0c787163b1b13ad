"""What the script that measures the house counts, on a tree small enough to count by hand."""

import json
import subprocess
from pathlib import Path

import pytest
from scripts.house import House, figures, main, read_drawing

from tests.kit.support import ROOT
from tests.unit.test_imports import DRAWING, GROUND

ONE = '''"""The first module."""

import json
from typing import TYPE_CHECKING

from toy.far import three

if TYPE_CHECKING:
    from toy.near import two

# A comment of its own.
LEAST, MOST = 1, 2


def public(a: int, *rest: int, b=None) -> int:
    """Return a sum."""
    return a + sum(rest)


def riddle(self):
    """The riddle."""

    def inner() -> None:
        pass

    return json, three, two, inner
'''
TWO = '''"""The second module."""

from toy.first import public


class Two:
    """Has two methods."""

    @property
    def long_line(self) -> str:
        return "LONG"

    def bare(self) -> int:
        return public(1)
'''.replace("LONG", "x" * 99)
FILES = {
    "pyproject.toml": "[tool.ruff]\nline-length = 120\n",
    "src/toy/__init__.py": '"""A toy."""\n',
    "src/toy/first.py": ONE,
    "src/toy/far/__init__.py": '"""Far away."""\n',
    "src/toy/far/three.py": TWO.replace("toy.first", "toy.near.two"),
    "src/toy/near/__init__.py": '"""Near by."""\n',
    "src/toy/near/two.py": TWO,
    "tests/unit/test_first.py": "def test_it() -> None:\n    pass\n",
    "tests/unit/test_imports.py": (
        'GROUND = ("ground",)\nMORE = ("near",)\n'
        'DRAWING: dict[str, tuple[str, ...]] = {"near": (), "far": ("ground", *MORE)}\n'
    ),
}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Make a checkout whose modules import each other in a circle."""
    for name, text in FILES.items():
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    for command in (
        ("init", "-q"),
        (
            "-c",
            "user.name=a",
            "-c",
            "user.email=a@b",
            "commit",
            "-q",
            "--allow-empty",
            "-m",
            "four",
        ),
    ):
        subprocess.run(("git", "-C", str(tmp_path), *command), check=True)
    return tmp_path


def test_every_figure_of_a_small_tree_is_what_one_counts_by_hand(tree: Path) -> None:
    assert figures(House(tree)) == {
        "modules / lines": "3 / 54",
        "module median / p90 / max": "14 / 26 / 26",
        "function median / p90 / max": "2 / 3 / 7",
        "functions over 30 lines": "0 of 7",
        "annotated returns / parameters": "86 % / 67 %",
        "docstrings fn / class / module": "29 % / 100 % / 100 %",
        "function docstrings that do not begin with The/A/What/Whether/One/Every/How": "50 %",
        "whole-line comments": "1.9 %",
        "lines over 100 columns (limit)": "3.7 % (120)",
        "top-level names per module, median / p90 / max": "1 / 4 / 4",
        "folders with code / loose root modules": "2 / 1",
        "imports per module, median / p90 / max": "1 / 4 / 4",
        "module import cycles / package cycles": "1 / 1",
        "file pairs that break the project's own drawing": "2",
        "tests per code line, test functions": "0.09, 1",
        "modules without a test file of their name": "2 of 3",
        "commit subject median / p90 / max letters": "4 / 4 / 4",
    }


def test_a_tree_without_a_drawing_breaks_none(tree: Path) -> None:
    (tree / "tests" / "unit" / "test_imports.py").write_text("def test_it() -> None: ...\n")
    found = figures(House(tree))
    assert found["file pairs that break the project's own drawing"] == "none drawn"


def test_the_drawing_is_read_as_the_test_has_it() -> None:
    assert read_drawing(ROOT / "tests" / "unit" / "test_imports.py") == (DRAWING, GROUND)


def test_it_prints_a_table_or_json(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tree)]) == 0
    assert "| modules / lines | 3 / 54 |" in capsys.readouterr().out.splitlines()
    assert main(["--json", str(tree)]) == 0
    assert json.loads(capsys.readouterr().out) == figures(House(tree))


def test_a_folder_without_a_package_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="0 packages under src"):
        House(tmp_path)
