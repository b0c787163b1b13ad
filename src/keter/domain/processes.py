"""The processes of Keter, their names, and the order in which they stop."""

from collections.abc import Iterable
from enum import IntEnum, StrEnum


class Process(StrEnum):
    """The processes of Keter, in the order in which a signal passes through them."""

    INGEST = "ingest"
    VALIDATOR = "validator"
    EDGE = "edge"
    GUARD = "guard"
    ROUTER = "router"
    TRACKER = "tracker"
    RECORDER = "recorder"
    DASHBOARD = "dashboard"


EVERYTHING = frozenset(Process)
# One of these works for each account.
OF_AN_ACCOUNT = frozenset({Process.INGEST, Process.ROUTER, Process.TRACKER})
# The processes that keep the feed's answers without deciding anything.
RECORDING = frozenset({Process.INGEST, Process.RECORDER, Process.DASHBOARD})


class Stage(IntEnum):
    """Processes of one stage stop together, lower stages first.

    First the source of new work stops, then the work under way, then the processes that record it.
    """

    SOURCE = 0
    PIPELINE = 1
    KEEPERS = 2
    VENUE = 3


STAGE_OF = {
    Process.INGEST: Stage.SOURCE,
    Process.VALIDATOR: Stage.PIPELINE,
    Process.EDGE: Stage.PIPELINE,
    Process.GUARD: Stage.PIPELINE,
    Process.ROUTER: Stage.PIPELINE,
    Process.TRACKER: Stage.KEEPERS,
    Process.RECORDER: Stage.KEEPERS,
    Process.DASHBOARD: Stage.KEEPERS,
}

# Seconds a stage may take to stop before its processes are killed. Together with the deadline of
# Redis they are below the 10 s of a whole stop.
STAGE_GRACE_S = {Stage.SOURCE: 1.5, Stage.PIPELINE: 3.0, Stage.KEEPERS: 2.0, Stage.VENUE: 1.0}


def at_machine(worker: str, machine: str) -> str:
    """Return a worker's name that is unique over several machines, such as ``router@host``."""
    return f"{worker}@{machine}"


def worker_name(process: str, copy: int, label: str = "") -> str:
    """Return the name of a copy of a process in log files and on the console.

    It is ``validator`` for the first copy and ``validator-2`` for the second. Where there are
    several accounts, ``label`` is the one that the process works for: ``router-alice``.
    """
    name = f"{process}-{label.lower()}" if label else process
    return name if copy == 1 else f"{name}-{copy}"


def role_name(process: str, label: str = "") -> str:
    """Return what all copies of a process are called that do the same work.

    It is ``router`` with one account and ``router-alice`` with several.
    """
    return worker_name(process, 1, label)


def roles(starts: Iterable[Process], labels: Iterable[str]) -> dict[str, Process]:
    """Return the roles of the processes in ``starts``, each with its process.

    ``labels`` are those of the accounts; an only account has an empty one.
    """
    started, named = set(starts), tuple(labels)
    return {
        role_name(process, label): process
        for process in Process
        if process in started
        for label in (named if process in OF_AN_ACCOUNT else ("",))
    }
