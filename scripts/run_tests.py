"""Runs pytest over one part or all of the tests and prints what failed and one closing line for all of it, last.

python scripts/run_tests.py all|unit|integration|faults|e2e

Most tests wait for real processes and servers more than they compute, so they run side by side. The browser tests have pytest
processes of their own, because their driver keeps an event loop that no other test can share; those that measure the page
(marked ``alone``) come last, one after another. In ``all`` style, types and the fault tests, which wait most, run beside the
unit and integration tests; what they said follows when they have ended.
"""

import os
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import IO

ROOT = Path(__file__).resolve().parents[1]
CORES = os.cpu_count() or 1
MOST_WORKERS = 8
PYTEST = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--durations=10"]
LINT = ["bash", "scripts/lint.sh"]
ORDER = ("failed", "passed", "skipped", "xfailed", "xpassed", "warnings", "errors")
DEADLINE_S = 1800
NO_TESTS = 5  # pytest's exit code when a folder holds none
FAILURE = re.compile(r"^(?:FAILED|ERROR) tests/\S+\.py\b")
CLOSING = re.compile(r"^=* ?((?:\d+ \w+(?:, )?)+|no tests ran) in [\d.]+s.*$")


class Result:
    """What has been said so far: counts, lines of failures, exit codes. Everything else is passed on."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.failed: list[str] = []
        self.codes: list[int] = []

    def read(self, lines: Iterable[str]) -> None:
        for line in lines:
            if CLOSING.match(line.strip()):
                self.counts.update(dict(closing_counts(line)))
            elif FAILURE.match(line):
                self.failed.append(line)
            else:
                sys.stdout.write(line)
                sys.stdout.flush()

    def ended(self, code: int) -> None:
        self.codes.append(0 if code == NO_TESTS else code)


def main(part: str) -> int:
    """Runs the part; returns the worst exit code."""
    begun = time.monotonic()
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # hundreds of processes would each compile the sources anew
    result = Result()
    with ExitStack() as stack:
        beside = [start_beside(command, stack) for command in (faults(), LINT) if part == "all"]
        for command in in_turn(part):
            run(command, result)
        for process, said in beside:
            result.ended(process.wait(DEADLINE_S))
            said.seek(0)
            result.read(said)
    if part in {"e2e", "all"}:
        run([*PYTEST, "tests/e2e", "-m", "alone"], result)
    sys.stdout.writelines(result.failed)
    text = ", ".join(f"{result.counts[name]} {name}" for name in ORDER if result.counts[name]) or "no tests ran"
    sys.stdout.write(f"{f' {text} in {time.monotonic() - begun:.2f}s ':=^80}\n")
    return max(result.codes)


def in_turn(part: str) -> Iterator[list[str]]:
    """The pytest processes that are shown while they run."""
    if part == "faults":
        yield faults()
    elif part != "e2e":
        yield tests(CORES + 1, *(("integration", "unit") if part == "all" else (part,)))
    if part in {"e2e", "all"}:
        yield [*tests(CORES, "e2e"), "-m", "not alone"]


def faults() -> list[str]:
    """Up to a minute and a half each: a worker takes the next one when it has done one."""
    return [*PYTEST, "tests/faults", "-n", str(min(MOST_WORKERS, CORES)), "--dist", "load", "--maxschedchunk", "1"]


def tests(workers: int, *folders: str) -> list[str]:
    return [*PYTEST, *(f"tests/{folder}" for folder in folders), "-n", str(min(MOST_WORKERS, workers)), "--dist", "worksteal"]


def start_beside(command: list[str], stack: ExitStack) -> tuple[subprocess.Popen[str], IO[str]]:
    """A process whose output is kept for later; it does not outlive ``stack``."""
    said = tempfile.TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115 - the stack closes it
    stack.callback(said.close)
    process = subprocess.Popen(command, cwd=ROOT, stdout=said, stderr=subprocess.STDOUT, text=True)  # noqa: S603 - commands of this file only
    stack.callback(process.kill)
    return process, said


def run(command: list[str], result: Result) -> None:
    """A process with its output passed on while it runs."""
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:  # noqa: S603 - as above
        result.read(process.stdout or ())
    result.ended(process.returncode)


def closing_counts(line: str) -> Iterator[tuple[str, int]]:
    """The counts of a closing line, singular names made plural."""
    for number, name in re.findall(r"(\d+) ([a-z]+)", line.split(" in ", maxsplit=1)[0]):
        yield {"error": "errors", "warning": "warnings"}.get(name, name), int(number)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
