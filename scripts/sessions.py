"""Runs a plan of test processes, repeats what failed beside others once more alone, and says how it
all ended.

A test that fails beside others and passes alone does not fail the run. It is named at the end as
FLAKY, because it is a defect all the same. A collection error, a process that died, a style or a
type error is never repeated.
"""

import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterable
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import psutil
from scripts.outcomes import ENVIRON, Told, read_outcomes

# Where the plugin is found, whatever folder the tests are in.
HOME = Path(__file__).resolve().parents[1]
PYTEST = (sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "scripts.outcomes")
OK, TESTS_FAILED, NO_TESTS = 0, 1, 5  # exit codes of pytest after which every test has had its turn
ORDER = ("failed", "passed", "skipped", "xfailed", "xpassed", "warning", "error")
# A machine that is merely busy fails a test or two. More than this have one cause, which repeating
# would only hide.
MOST_REPEATED = 20
# Against what hangs. The aim is 25 minutes on two cores; a slow hour has taken 30.
DEADLINE_S = 2400.0
# For all that is repeated together; the longest single test takes about four minutes.
REPEAT_S = 900.0
# Every process prints these for itself; here they are printed once for all of them, at the end.
CLOSING = re.compile(r"^=* ?((?:\d+ \w+(?:, )?)+|no tests ran) in [\d.]+s.*$")
FAILURE = re.compile(r"^(?:FAILED|ERROR) tests/\S+\.py\b")


@dataclass(frozen=True)
class Command:
    """A process of a run.

    One of pytest tells test by test what happened, any other by its exit code alone.
    """

    name: str
    arguments: tuple[str, ...]
    is_pytest: bool = True


@dataclass(frozen=True)
class Plan:
    """``beside`` runs while ``in_turn`` does, one after another; ``last`` has the machine to
    itself.
    """

    in_turn: tuple[Command, ...]
    beside: tuple[Command, ...] = ()
    last: tuple[Command, ...] = ()


@dataclass(frozen=True)
class Ended:
    """How a process ended.

    ``late`` is True where its deadline ended it; ``told`` is empty where it is not pytest's.
    """

    command: Command
    code: int
    late: bool
    told: Told

    @property
    def complaint(self) -> str | None:
        """Why its end says nothing about the tests that it had not come to; None where each had its
        turn.
        """
        name = self.command.name
        if self.late:
            return f"{name} was ended because its time was over{self._while()}"
        if not self.command.is_pytest:
            return (
                f"{name} ended with code {self.code}; what it said is above" if self.code else None
            )
        if not self.told.ended or self.code not in {OK, TESTS_FAILED, NO_TESTS}:
            return f"{name} ended with code {self.code} before it was done{self._while()}"
        if self.code == TESTS_FAILED and not self.told.failures and not self.told.broken:
            return f"{name} ended with code {self.code} although no test failed"
        return None

    def _while(self) -> str:
        return f" while it ran {', '.join(sorted(self.told.running))}" if self.told.running else ""


class Process:
    """A running command.

    It ends by itself, at ``deadline`` or with ``stack``, whichever comes first.
    """

    def __init__(
        self, command: Command, root: Path, deadline: float, stack: ExitStack, said: IO[str] | int
    ) -> None:
        self._command = command
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="keter-tests-"))
        self._outcomes = Path(folder) / "outcomes.jsonl"
        paths = [str(HOME), *filter(None, [os.environ.get("PYTHONPATH")])]
        environ = {**os.environ, ENVIRON: str(self._outcomes), "PYTHONPATH": os.pathsep.join(paths)}
        self._process = subprocess.Popen(  # noqa: S603 - commands of this project's own
            command.arguments,
            cwd=root,
            env=environ,
            stdout=said,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
        )
        stack.enter_context(self._process)
        stack.callback(self._kill)
        self._late = False
        timer = threading.Timer(max(0.0, deadline - time.monotonic()), self._too_late)
        timer.daemon = True
        timer.start()
        stack.callback(timer.cancel)

    @property
    def lines(self) -> Iterable[str]:
        """What it says on a pipe, while it says it."""
        return self._process.stdout or ()

    def wait(self) -> Ended:
        code = self._process.wait()  # the timer bounds it
        return Ended(self._command, code, self._late, read_outcomes(self._outcomes))

    def _too_late(self) -> None:
        self._late = True
        self._kill()

    def _kill(self) -> None:
        """End it with everything below it: a child that lives on would keep the pipe open."""
        if self._process.poll() is not None:
            return
        for one in [*psutil.Process(self._process.pid).children(recursive=True), self._process]:
            with suppress(psutil.NoSuchProcess):
                one.kill()


class Session:
    """One run. ``_lost`` are sentences about what no test that is repeated alone can put right."""

    def __init__(
        self, root: Path, *, deadline_s: float = DEADLINE_S, repeat_s: float = REPEAT_S
    ) -> None:
        self._root, self._repeat_s = root, repeat_s
        self._begun = time.monotonic()
        self._deadline = self._begun + deadline_s
        self._categories: dict[str, list[str]] = {}
        self._failures: dict[str, str] = {}
        self._flaky: list[str] = []
        self._lost: list[str] = []
        self._warnings = 0

    def carry_out(self, plan: Plan) -> int:
        """Run everything, prints what it says and one closing line last; returns the exit code."""
        with ExitStack() as stack:
            beside = [self._start_beside(command, stack) for command in plan.beside]
            for command in plan.in_turn:
                self._note(self._run(command, self._deadline))
            for process, said in beside:
                self._note(process.wait())
                said.seek(0)
                _show(said)
        for command in plan.last:
            self._note(self._run(command, self._deadline))
        self._repeat_failures()
        return self._close()

    def _start_beside(self, command: Command, stack: ExitStack) -> tuple[Process, IO[str]]:
        """Start a process whose output is kept for later."""
        said = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")  # noqa: SIM115 - the stack closes it
        stack.callback(said.close)
        return Process(command, self._root, self._deadline, stack, said.fileno()), said

    def _run(self, command: Command, deadline: float) -> Ended:
        """Run a process to its end and pass its output on meanwhile."""
        with ExitStack() as stack:
            process = Process(command, self._root, deadline, stack, subprocess.PIPE)
            _show(process.lines)
            return process.wait()

    def _note(self, ended: Ended) -> None:
        for node, categories in ended.told.categories.items():
            self._categories.setdefault(node, []).extend(categories)
        self._failures.update(ended.told.failures)
        self._lost += [f"{node} - {note}" for node, note in ended.told.broken.items()]
        self._lost += [ended.complaint] if ended.complaint is not None else []
        self._warnings += ended.told.warnings

    def _repeat_failures(self) -> None:
        """Each in a process of its own with nothing beside it."""
        if len(self._failures) > MOST_REPEATED:
            _say(
                f"{len(self._failures)} tests failed; more than {MOST_REPEATED} are no coincidence,"
                " so none is repeated"
            )
            return
        deadline = time.monotonic() + self._repeat_s
        for node in list(self._failures):
            if time.monotonic() >= deadline:
                _say(f"no time is left to repeat {node}")
                continue
            _say(f"once more alone: {node}")
            alone = self._run(Command(f"the repetition of {node}", (*PYTEST, node)), deadline)
            categories = alone.told.categories.get(node, [])
            if alone.code == OK and alone.complaint is None and "passed" in categories:
                self._flaky.append(node)
                self._categories[node] = categories
                del self._failures[node]

    def _close(self) -> int:
        for node, note in self._failures.items():
            _say(f"FAILED {node}" + (f" - {note}" if note else ""))
        for sentence in self._lost:
            _say(f"ERROR {sentence}")
        for node in self._flaky:
            _say(f"FLAKY {node}")
        counts = self._counts()
        text = (
            ", ".join(
                f"{counts[name]} {_worded(name, counts[name])}" for name in ORDER if counts[name]
            )
            or "no tests ran"
        )
        _say(f"{f' {text} in {time.monotonic() - self._begun:.2f}s ':=^80}")
        if self._failures or self._lost:
            return TESTS_FAILED
        return OK if counts else NO_TESTS

    def _counts(self) -> Counter[str]:
        counts = Counter(
            category for categories in self._categories.values() for category in categories
        )
        counts["error"] += len(self._lost)
        counts["warning"] = self._warnings
        return +counts


def _worded(name: str, number: int) -> str:
    """As pytest words it: only these two have a plural."""
    return f"{name}s" if name in {"warning", "error"} and number != 1 else name


def _show(lines: Iterable[str]) -> None:
    """Pass on what a process says, without the lines that are printed once for all at the end."""
    for line in lines:
        if not CLOSING.match(line.strip()) and not FAILURE.match(line):
            sys.stdout.write(line)
            sys.stdout.flush()


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
