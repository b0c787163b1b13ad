"""Which processes there are, how many of each, and in what order they stop."""

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
# What it takes to keep the feed's answers without deciding anything.
RECORDING = frozenset({Process.INGEST, Process.RECORDER, Process.DASHBOARD})


class Stage(IntEnum):
    """Processes of one stage stop together, lower stages first: no new work, what is under way, who
    writes it down.
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

# Seconds a stage may take to stop before it is ended. With Redis' own deadline they stay under the
# 10 s of a whole stop.
STAGE_GRACE_S = {Stage.SOURCE: 1.5, Stage.PIPELINE: 3.0, Stage.KEEPERS: 2.0, Stage.VENUE: 1.0}


def at_machine(worker: str, machine: str) -> str:
    """A worker's name among those of several machines: ``router@host``."""
    return f"{worker}@{machine}"


def worker_name(process: str, copy: int) -> str:
    """``validator`` for the first copy, ``validator-2`` for the second: file names of logs and
    lines on the console.
    """
    return process if copy == 1 else f"{process}-{copy}"
