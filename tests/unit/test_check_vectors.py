"""The command that runs betting vectors through the library: right answers pass, wrong ones are
named, nothing stops it.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.kit.support import ROOT, football_data

COMMAND = ROOT / "scripts" / "check-vectors"
GOOD: dict[str, Any] = {
    "category": "kelly_binary",
    "name": "even",
    "inputs": {"p": "0.55", "odds": "2.00", "commission": "0"},
    "expected": {"full": 0.1, "ev": 0.1},
    "tolerance": 1e-9,
}


def run(tmp_path: Path, vectors: object, *arguments: str) -> tuple[int, list[str]]:
    file = tmp_path / "vectors.json"
    file.write_text(json.dumps(vectors), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, COMMAND, file, *arguments], capture_output=True, text=True, timeout=100
    )
    return done.returncode, (done.stdout + done.stderr).splitlines()


def test_words_are_taken_as_the_reference_writes_them(tmp_path: Path) -> None:
    bet = {
        "side": "home",
        "line": "-0.25",
        "final": "2-2",
        "score_at_bet": "1-1",
        "odds": "2.05",
        "stake": "100",
    }
    vectors = [
        {
            "category": "ah_settlement_inplay",
            "inputs": bet,
            "expected": {"result": "half loss", "profit": -50},
        },
        {
            "category": "devig_error",
            "inputs": {"odds": [2.1, "missing", 3.6]},
            "expected": {"error": "IncompleteMarket"},
        },
        {
            "category": "devig_error",
            "inputs": {"odds": [1.5, "infinite"]},
            "expected": {"error": "InvalidOdds"},
        },
        {
            "category": "devig",
            "inputs": {"odds": [1.91, 1.91]},
            "expected": {"Shin": {"p": [0.5, 0.5]}, "odds ratio": {"p": [0.5, 0.5]}},
        },
        {
            "category": "stake_semantics",
            "inputs": {"format": "Hong Kong", "value": "0.95", "stake": 100},
            "expected": {"to_win": 95},
        },
    ]
    code, lines = run(tmp_path, vectors)
    assert (code, lines[-1]) == (0, "5 passed, 0 failed"), lines


def test_without_its_packages_it_says_how_to_get_them(tmp_path: Path) -> None:
    copy = tmp_path / "scripts" / "check-vectors"
    copy.parent.mkdir()
    copy.write_bytes(COMMAND.read_bytes())
    done = subprocess.run(
        [sys.executable, "-I", "-S", copy, "vectors.json"],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stdout) == (69, "")
    assert done.stderr.startswith(
        "check-vectors: Keter's packages are not installed; `python scripts/bootstrap.py`"
    )
    assert done.stderr.count("\n") == 1


def test_a_wrong_call_is_64() -> None:
    assert (
        subprocess.run([sys.executable, COMMAND], capture_output=True, timeout=60).returncode == 64
    )


def changed(**parts: object) -> dict[str, Any]:
    return GOOD | parts


def test_right_answers_pass(tmp_path: Path) -> None:
    code, lines = run(
        tmp_path, {"version": 1, "vectors": [GOOD, changed(inputs={"p": 0.55, "odds": 2})]}
    )
    assert (code, lines) == (0, ["kelly_binary: 2 passed, 0 failed", "2 passed, 0 failed"])


@pytest.mark.parametrize(
    ("vector", "said"),
    [
        (changed(expected={"full": 0.1000001}), "full: expected 0.1000001"),
        (
            changed(expected={"full": 0.1, "treble": 1}),
            "treble: expected 1, but nothing computes it",
        ),
        (changed(expected={}), "nothing is expected"),
        (changed(category="astrology"), "unknown category"),
        (changed(inputs={"p": None, "odds": "2"}), "expected an answer"),
        (changed(inputs={}), "KeyError"),
        (changed(expected={"error": "InvalidOdds"}), "error: expected InvalidOdds"),
        (
            changed(inputs={"p": "0.5", "odds": "1"}, expected={"error": "NoSolution"}),
            "expected NoSolution, got InvalidOddsError",
        ),
        (changed(tolerance="much"), "expected an answer"),
        ("a vector", "not an object"),
    ],
)
def test_wrong_answers_and_odd_vectors_are_named_and_fail(
    tmp_path: Path, vector: object, said: str
) -> None:
    code, lines = run(tmp_path, [vector, GOOD])
    assert code == 1
    assert any("FAILED" in line and said in line for line in lines), lines
    assert lines[-1] == "1 passed, 1 failed"


def test_expectations_of_every_wrong_kind_are_failures_and_never_a_traceback(
    tmp_path: Path,
) -> None:
    wrong: list[Any] = [
        None,
        [],
        [0.1],
        {"a": 1},
        "nan",
        "1/0",
        "",
        10**400,
        True,
        {"exact": "nan"},
        {"exact": []},
        "9" * 500,
    ]
    vectors = [changed(expected={"full": one}, name=f"wrong {i}") for i, one in enumerate(wrong)]
    vectors += [
        changed(inputs={"p": one, "odds": "2"}, name="\ud800")
        for one in (*wrong[1:4], 10**400, "1/0", -1e308)
    ]
    odds = {
        "category": "odds_from_decimal",
        "inputs": {"decimal": "2"},
        "expected": {"hongkong": {"exact": "nan"}},
    }
    code, lines = run(tmp_path, [*vectors, odds, {}, None, [], GOOD])
    assert code == 1
    assert sum(line.startswith("  FAILED") for line in lines) == len(vectors) + 4
    assert lines[-1] == f"1 passed, {len(vectors) + 4} failed"
    assert not any("Traceback" in line for line in lines)


def test_an_expected_refusal_passes(tmp_path: Path) -> None:
    vectors = [
        changed(
            inputs={"p": "0.5", "odds": "1"}, expected={"error": "InvalidOdds"}, tolerance=None
        ),
        {
            "category": "devig_error",
            "name": "leg",
            "inputs": {"odds": [2.1, None]},
            "expected": {"error": "IncompleteMarket"},
        },
        {
            "category": "devig_error",
            "inputs": {"odds": [1.5, "Infinity"]},
            "expected": {"error": "InvalidOddsError"},
        },
        {
            "category": "devig_error",
            "inputs": {"odds": [1.05, 8, 100], "method": "additive"},
            "expected": {"error": "NoSolution"},
        },
    ]
    assert run(tmp_path, vectors)[0] == 0


def test_a_vector_without_a_tolerance_has_the_usual_one_and_null_is_exact(tmp_path: Path) -> None:
    near = changed(expected={"full": 0.1 + 4e-10})
    assert (
        run(tmp_path, [{key: value for key, value in near.items() if key != "tolerance"}])[0] == 0
    )
    assert run(tmp_path, [near | {"tolerance": None}])[0] == 1
    fitted = {
        "category": "goal_inverse_total",
        "inputs": {"p_over": "0.52"},
        "expected": {"mu_total": 2.75603125},
    }
    assert run(tmp_path, [fitted])[0] == 0


def test_categories_that_need_match_files_are_skipped_without_them_and_not_counted(
    tmp_path: Path,
) -> None:
    vector = {
        "category": "dataset_scores",
        "inputs": {"files": ["E0.csv"], "columns": []},
        "expected": {"n": 1},
    }
    code, lines = run(tmp_path, [vector, GOOD], "--data", str(tmp_path / "nowhere"))
    assert code == 0
    assert "1 skipped: no folder" in lines[0]
    assert lines[-1] == "1 passed, 0 failed"


def test_a_file_that_cannot_be_read_is_a_usage_error(tmp_path: Path) -> None:
    assert run(tmp_path, {"version": 1})[0] == 64
    assert run(tmp_path, None)[0] == 64
    broken = tmp_path / "broken.json"
    broken.write_text("[" * 100_000, encoding="utf-8")
    assert (
        subprocess.run(
            [sys.executable, COMMAND, broken], capture_output=True, timeout=60
        ).returncode
        == 64
    )
    broken.write_text("{", encoding="utf-8")
    done = subprocess.run(
        [sys.executable, COMMAND, broken], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 64
    assert "broken.json" in done.stderr


@pytest.mark.data
def test_every_reference_vector_passes() -> None:
    """The backtests among them agree with the reference page's figures on real matches."""
    reference = football_data().parents[1] / "reference" / "betting-math-vectors.json"
    done = subprocess.run(
        [sys.executable, COMMAND, reference], capture_output=True, text=True, timeout=100
    )
    assert done.returncode == 0, done.stdout
    assert done.stdout.splitlines()[-1] == "122 passed, 0 failed"


def test_every_category_has_a_row_in_the_documentation() -> None:
    listing = "from scripts.vectors import command; print(*command.CHECKS)"
    done = subprocess.run(
        [sys.executable, "-c", listing],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    page = (ROOT / "docs" / "pricing.md").read_text(encoding="utf-8")
    for category in done.stdout.split():
        assert f"`{category}`" in page, f"docs/pricing.md does not say what computes {category}"
