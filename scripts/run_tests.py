"""Runs pytest over one part or all of the tests and prints what failed and one closing line for all of it, last.

python scripts/run_tests.py all|unit|integration|faults|e2e

Most tests wait for real processes and servers more than they compute, so they run side by side. The browser tests follow in
pytest processes of their own, because their driver keeps an event loop that no other test can share; those that measure the
page (marked ``alone``) come last, one after another. ``all`` checks style and types beside the first of them.
"""

import os
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CORES = os.cpu_count() or 1
MOST_WORKERS = 8
ORDER = ("failed", "passed", "skipped", "xfailed", "xpassed", "warnings", "errors")
LINT_DEADLINE_S = 900
NO_TESTS = 5  # pytest's exit code when a folder holds none
FAILURE = re.compile(r"^(?:FAILED|ERROR) tests/\S+(?: - .*)?$")
CLOSING = re.compile(r"^=* ?((?:\d+ \w+(?:, )?)+|no tests ran) in [\d.]+s.*$")


def main(part: str) -> int:
    """Runs the part; returns the worst exit code."""
    begun = time.monotonic()
    total: Counter[str] = Counter()
    codes: list[int] = []
    failed: list[str] = []
    with lint(codes) if part == "all" else nullcontext():
        for arguments in runs(part):
            code, counts = run_pytest(arguments, failed)
            total += counts
            codes.append(0 if code == NO_TESTS else code)
    sys.stdout.writelines(failed)
    text = ", ".join(f"{total[name]} {name}" for name in ORDER if total[name]) or "no tests ran"
    sys.stdout.write(f"{f' {text} in {time.monotonic() - begun:.2f}s ':=^80}\n")
    return max(codes)


@contextmanager
def lint(codes: list[int]) -> Iterator[None]:
    """Runs scripts/lint.sh meanwhile; shows what it said, and adds its exit code, at the end."""
    with tempfile.TemporaryFile("w+", encoding="utf-8") as said:
        process = subprocess.Popen(["bash", "scripts/lint.sh"], cwd=ROOT, stdout=said, stderr=subprocess.STDOUT)  # noqa: S607 - the system's
        try:
            yield
            codes.append(process.wait(LINT_DEADLINE_S))
        finally:
            process.kill()
        said.seek(0)
        sys.stdout.write(said.read())


def runs(part: str) -> Iterator[list[str]]:
    """The arguments of each pytest process of the part, in order."""
    if part != "e2e":
        # The longest first, so that none of them is left over at the end for one worker alone.
        folders = ("faults", "integration", "unit") if part == "all" else (part,)
        yield [*(f"tests/{folder}" for folder in folders), *side_by_side(2 * CORES)]
    if part in {"e2e", "all"}:
        yield ["tests/e2e", "-m", "not alone", *side_by_side(CORES)]
        yield ["tests/e2e", "-m", "alone"]


def side_by_side(workers: int) -> list[str]:
    return ["-n", str(min(MOST_WORKERS, workers)), "--dist", "worksteal"]


def run_pytest(arguments: list[str], failed: list[str]) -> tuple[int, Counter[str]]:
    """One pytest process with its output passed on; its closing line comes back as counts, its failures join ``failed``."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--durations=10", *arguments]
    counts: Counter[str] = Counter()
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:  # noqa: S603 - its own arguments
        for line in process.stdout or ():
            if CLOSING.match(line.strip()):
                counts.update(dict(closing_counts(line)))
            elif FAILURE.match(line):
                failed.append(line)
            else:
                sys.stdout.write(line)
                sys.stdout.flush()
    return process.returncode, counts


def closing_counts(line: str) -> Iterator[tuple[str, int]]:
    """The counts of a closing line, singular names made plural."""
    for number, name in re.findall(r"(\d+) ([a-z]+)", line.split(" in ", maxsplit=1)[0]):
        yield {"error": "errors", "warning": "warnings"}.get(name, name), int(number)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
