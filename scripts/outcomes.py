"""Tells the test runner what happened, as JSON lines: a plugin for pytest, and the reader of its
file.

    KETER_TEST_OUTCOMES=FILE python -m pytest -p scripts.outcomes

Node ids hold spaces, brackets and slashes, so nobody should have to find them in printed text.
Every line is flushed: what a process said before it died is there to read. With pytest-xdist the
controller writes for its workers.
"""

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import pytest

ENVIRON = "KETER_TEST_OUTCOMES"
NOTE_CHARS = 300  # of what a failure says: one line of a terminal or two


def pytest_configure(config: pytest.Config) -> None:
    path = os.environ.get(ENVIRON)
    if path and not hasattr(config, "workerinput"):  # a worker's reports come to its controller
        config.pluginmanager.register(Writer(config, Path(path)), "keter-outcomes")


class Writer:
    """One file, one line for each thing that happened."""

    def __init__(self, config: pytest.Config, path: Path) -> None:
        self._config = config
        self._file: IO[str] = path.open("w", encoding="utf-8")

    def _tell(self, **facts: Any) -> None:
        self._file.write(json.dumps(facts) + "\n")
        self._file.flush()

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        self._tell(kind="began", node=nodeid)

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        self._tell(kind="ended", node=nodeid)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note a report of a test, which may have several: one for its call, one for its teardown.

        A crashed worker's test has one that xdist made up.
        """
        category = self._config.hook.pytest_report_teststatus(report=report, config=self._config)[0]
        if category:
            note = _note(report) if report.failed else ""
            self._tell(
                kind="report",
                node=report.nodeid,
                category=category,
                failed=report.failed,
                note=note,
            )

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self._tell(kind="broken", node=report.nodeid, note=_note(report))

    @pytest.hookimpl(trylast=True)
    def pytest_terminal_summary(self, terminalreporter: Any, exitstatus: int) -> None:
        """Comes last, so a file without this line is that of a process that did not get to its
        end.
        """
        self._tell(
            kind="summary",
            code=int(exitstatus),
            warnings=len(terminalreporter.stats.get("warnings", ())),
        )


@dataclass
class Told:
    """What one process told.

    ``ended`` is False when it did not get to its own end, in the middle of what is ``running``.
    """

    categories: dict[str, list[str]] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)
    broken: dict[str, str] = field(default_factory=dict)
    running: set[str] = field(default_factory=set)
    warnings: int = 0
    ended: bool = False

    def add(self, kind: str, *, node: str = "", note: str = "", **more: Any) -> None:
        if kind == "began":
            self.running.add(node)
        elif kind == "ended":
            self.running.discard(node)
        elif kind == "report":
            self.categories.setdefault(node, []).append(more["category"])
            if more["failed"]:
                self.failures.setdefault(node, note)
        elif kind == "broken":
            self.broken[node] = note
        else:
            self.warnings, self.ended = more["warnings"], True


def read_outcomes(path: Path) -> Told:
    """Return what the file says; nothing where the process ended before it made one."""
    told = Told()
    if path.exists():
        with path.open(encoding="utf-8") as lines:
            for line in lines:
                if line.endswith("\n"):  # otherwise the process died in the middle of it
                    told.add(**json.loads(line))
    return told


def _note(report: pytest.TestReport | pytest.CollectReport) -> str:
    """Return the first line of what went wrong, as pytest's own short summary has it."""
    crash = getattr(report.longrepr, "reprcrash", None)
    text = str(getattr(crash, "message", "") or report.longrepr or "").strip()
    lines = text.splitlines() or [""]
    # A collection error has no crash message; its last line names the error.
    return (lines[0] if crash is not None else lines[-1])[:NOTE_CHARS]
