"""What the parts of the test runner are, and which printed lines it knows."""

from pathlib import Path

import pytest
from scripts.outcomes import read_outcomes
from scripts.run_tests import TELEGRAM, plan_of
from scripts.sessions import CLOSING, FAILURE, Plan

from tests.kit.support import ROOT


def test_half_a_line_of_a_process_that_died_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "outcomes"
    path.write_text('{"kind": "began", "node": "a"}\n{"kind": "ended", "no')
    told = read_outcomes(path)
    assert (told.running, told.ended) == ({"a"}, False)
    assert read_outcomes(tmp_path / "nothing").ended is False


def folders(plan: Plan) -> set[str]:
    commands = (*plan.in_turn, *plan.beside, *plan.last)
    words = {word for command in commands for word in command.arguments}
    return {word for word in words if word.startswith("tests/")} - {TELEGRAM}


def test_all_of_it_is_every_folder_of_tests() -> None:
    made = {
        f"tests/{path.name}"
        for path in (ROOT / "tests").iterdir()
        if list(path.glob("**/test_*.py"))
    }
    assert folders(plan_of("all")) == made
    assert "lint" in {command.name for command in plan_of("all").beside}


@pytest.mark.parametrize("part", ["unit", "integration", "faults", "e2e"])
def test_a_part_is_its_folder(part: str) -> None:
    assert folders(plan_of(part)) == {f"tests/{part}"}


def test_quick_is_style_types_unit_and_the_integration_tests_that_are_not_slow() -> None:
    plan = plan_of("quick")
    assert folders(plan) == {"tests/unit", "tests/integration"}
    assert [command.name for command in plan.beside] == ["telegram", "lint"]
    [command] = plan.in_turn
    assert command.arguments[-2:] == ("-m", "not slow")


@pytest.mark.parametrize("part", ["all", "quick", "integration"])
def test_telegrams_types_are_imported_by_one_process(part: str) -> None:
    plan = plan_of(part)
    assert (ROOT / TELEGRAM).is_file()
    assert [one.arguments[-1] for one in plan.beside].count(TELEGRAM) == 1
    workers = [one for one in plan.in_turn if "tests/integration" in one.arguments]
    assert [f"--ignore={TELEGRAM}" in one.arguments for one in workers] == [True]


@pytest.mark.parametrize("part", ["all", "e2e"])
def test_what_measures_the_machine_has_it_to_itself(part: str) -> None:
    [command] = plan_of(part).last
    assert command.arguments[-2:] == ("-m", "alone")
    assert "-n" not in command.arguments


def test_the_shell_script_knows_every_part() -> None:
    text = (ROOT / "scripts" / "test.sh").read_text()
    parts = "quick|lint|unit|integration|faults|e2e"
    assert text.count(f"[{parts}]") == 2
    assert f"all | {parts.replace('|', ' | ')})" in text


@pytest.mark.parametrize(
    "line",
    [
        "13 passed in 7.08s",
        "no tests ran in 0.01s",
        "==== 1 failed, 12 passed, 1 error, 2 warnings in 100.00s (0:01:40) ====",
    ],
)
def test_the_closing_line_of_pytest_is_known(line: str) -> None:
    assert CLOSING.match(line)


@pytest.mark.parametrize(
    "line", ["FAILED tests/x.py::test - 1 passed in 2s?", "12 passed", "took 3.2s"]
)
def test_other_lines_are_not_taken_for_it(line: str) -> None:
    assert not CLOSING.match(line)


@pytest.mark.parametrize(
    "line",
    [
        "FAILED tests/unit/test_x.py::test_it - AssertionError: no",
        "FAILED tests/x.py::test[a case in words]",
        "ERROR tests/x.py - ImportError",
    ],
)
def test_what_failed_is_known_by_its_line_even_where_its_name_has_spaces(line: str) -> None:
    assert FAILURE.match(line)


@pytest.mark.parametrize(
    "line",
    ["SKIPPED [1] tests/x.py:3: no", "ERROR the server did not start", "a FAILED tests/x.py::t"],
)
def test_nothing_else_is_taken_for_a_failure(line: str) -> None:
    assert not FAILURE.match(line)
