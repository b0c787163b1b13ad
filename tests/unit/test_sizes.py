"""The house stays easy to walk through: short modules, short functions, tests where one looks."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kit.support import ROOT

SOURCE, TESTS = ROOT / "src" / "keter", ROOT / "tests" / "unit"
# Migrations are history: a later schema never changes an earlier one.
FILES = sorted(file for file in SOURCE.rglob("*.py") if "versions" not in file.parts)
PARTS = sorted({file.relative_to(SOURCE).parts[0] for file in FILES})
MOST_MODULE_LINES = 400
MOST_FUNCTION_LINES = 40
# Tests of a whole package, by the folder that they stand in, instead of one of its modules.
WHOLE_PACKAGE = {
    "bus": {"on_fakeredis"},
    "cli": {"cli", "measuring"},
    "dashboard": {"web_logic", "web_sources"},
    "domain": {"order_machine"},
    "ledger": {"questions"},
    "pricing": {"api", "oracles"},
    "strategies/value": {"edge_screen"},
    "venues/asianodds": {"fuzz"},
}


def code_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Return the lines of a function without its docstring."""
    first = function.body[0]
    documented = ast.get_docstring(function) is not None
    docstring = (first.end_lineno or 0) - first.lineno + 1 if documented else 0
    return (function.end_lineno or 0) - function.lineno + 1 - docstring


def functions(file: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def files_of(part: str) -> list[Path]:
    return [file for file in FILES if file.relative_to(SOURCE).parts[0] == part]


@pytest.mark.parametrize("part", PARTS)
def test_a_module_fits_a_few_screens(part: str) -> None:
    long = {
        file.relative_to(SOURCE).as_posix(): lines
        for file in files_of(part)
        if (lines := len(file.read_text(encoding="utf-8").splitlines())) > MOST_MODULE_LINES
    }
    assert long == {}


@pytest.mark.parametrize("part", PARTS)
def test_a_function_fits_a_screen(part: str) -> None:
    long = {
        f"{file.relative_to(SOURCE).as_posix()}:{function.name}": lines
        for file in files_of(part)
        for function in functions(file)
        if (lines := code_lines(function)) > MOST_FUNCTION_LINES
    }
    assert long == {}


def test_a_unit_test_stands_where_its_module_stands() -> None:
    """``tests/unit/a/test_b.py`` tests ``src/keter/a/b.py``, or the package of that name."""
    lost = []
    for file in sorted(TESTS.rglob("test_*.py")):
        folder, name = file.relative_to(TESTS).parent, file.stem.removeprefix("test_")
        if folder == Path():
            continue  # of the repository as a whole
        found = (SOURCE / folder / f"{name}.py").is_file() or (SOURCE / folder / name).is_dir()
        if not found and name not in WHOLE_PACKAGE.get(folder.as_posix(), set()):
            lost.append(file.relative_to(ROOT).as_posix())
    assert lost == []


def test_no_exception_outlives_its_test() -> None:
    gone = [
        f"{folder}/test_{name}.py"
        for folder, names in WHOLE_PACKAGE.items()
        for name in names
        if not (TESTS / folder / f"test_{name}.py").is_file()
    ]
    assert gone == []
