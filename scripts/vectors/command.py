"""``check-vectors FILE``: every vector of the file through Keter's functions."""

import argparse
import json
import sys
from collections import Counter, defaultdict
from collections.abc import Mapping
from io import TextIOWrapper
from pathlib import Path
from typing import Any

from scripts.vectors import lines, matches, prices, stakes  # noqa: F401  # importing them registers their categories
from scripts.vectors.registry import CHECKS, NEEDS_DATA, differences, error_name

BESIDE = Path(__file__).resolve().parents[3] / "shared" / "data" / "football-data"


def main(arguments: list[str] | None = None) -> int:
    """0 when every vector passes, 1 when one fails or a category is unknown, 64 for a wrong call or
    an unreadable file.
    """
    parser = argparse.ArgumentParser(prog="check-vectors", description=__doc__)
    parser.add_argument("file", type=Path, help="JSON file with a list of vectors")
    parser.add_argument(
        "--data", type=Path, default=BESIDE, help="folder of football-data.co.uk files"
    )
    try:
        options = parser.parse_args(arguments)
    except SystemExit as e:
        return 64 if e.code else 0
    try:
        vectors = read(options.file)
    except (OSError, ValueError, RecursionError) as e:
        sys.stderr.write(
            f"check-vectors: {options.file} cannot be read: {getattr(e, 'strerror', None) or e}\n"
        )
        return 64
    if isinstance(sys.stdout, TextIOWrapper):
        # A name may hold what this terminal cannot show.
        sys.stdout.reconfigure(errors="backslashreplace")
    matches.FOLDER[:] = [options.data]
    return report(vectors, has_data=options.data.is_dir(), data=options.data)


def read(path: Path) -> list[Any]:
    """Return the vectors of a file: a list, or an object that holds one under ``vectors``.

    Raises ValueError for anything else.
    """
    content = json.loads(path.read_text(encoding="utf-8-sig"))
    vectors = content.get("vectors") if isinstance(content, dict) else content
    if not isinstance(vectors, list):
        raise ValueError("no list of vectors")  # noqa: TRY004  # what is wrong is the file, not a type
    return vectors


def report(vectors: list[Any], *, has_data: bool, data: Path) -> int:
    passed, failed, skipped = Counter[str](), defaultdict[str, list[str]](list), Counter[str]()
    names = dict.fromkeys(
        str(v.get("category")) if isinstance(v, Mapping) else "(no vector)" for v in vectors
    )
    for vector in vectors:
        name = str(vector.get("category")) if isinstance(vector, Mapping) else "(no vector)"
        if name in NEEDS_DATA and not has_data:
            skipped[name] += 1
            continue
        faults = judge(vector)
        if faults:
            label = vector.get("name", "unnamed") if isinstance(vector, Mapping) else repr(vector)
            failed[name] += [f"  FAILED {name}/{label}: {fault}" for fault in faults[:1]]
        else:
            passed[name] += 1
    for name in names:
        counts = f"{passed[name]} passed, {len(failed[name])} failed"
        note = f", {skipped[name]} skipped: no folder {data}" if skipped[name] else ""
        sys.stdout.write(f"{name}: {counts}{note}\n")
        sys.stdout.writelines(f"{line}\n" for line in failed[name])
    failures = sum(map(len, failed.values()))
    sys.stdout.write(f"{passed.total()} passed, {failures} failed\n")
    return 1 if failures else 0


def usual_tolerance(vector: Mapping[str, Any]) -> float:
    """Where a vector states none (null states exactness): the reference's for fitted goal
    parameters and for probabilities.
    """
    return 1e-7 if str(vector.get("category")).startswith("goal_inverse") else 1e-9


def judge(vector: Any) -> list[str]:
    """Return what is wrong with Keter's answer to one vector; empty when nothing is."""
    if not isinstance(vector, Mapping):
        return ["not an object"]
    check = CHECKS.get(str(vector.get("category")))
    if check is None:
        return ["unknown category"]
    expected, tolerance = vector.get("expected"), vector.get("tolerance", usual_tolerance(vector))
    if not isinstance(expected, Mapping) or not expected:
        return ["nothing is expected"]
    try:
        limit = None if tolerance is None else float(tolerance)
        actual = check(vector.get("inputs") or {}, expected, limit or 0.0)
    except Exception as e:  # noqa: BLE001  # whatever a check raises is this vector's failure, not the run's
        wanted = expected.get("error")
        if (
            wanted is not None
            and error_name(e).lower() == str(wanted).removesuffix("Error").lower()
        ):
            return []
        return [f"expected {wanted or 'an answer'}, got {type(e).__name__}: {e}"]
    try:
        return list(differences(expected, actual, limit))
    except (TypeError, ValueError, ArithmeticError) as e:
        return [f"an expected value is of the wrong kind: {type(e).__name__}: {e}"]
