"""The workers as rows: who beats, who has beaten, and who should. Pure."""

from collections.abc import Mapping, Sequence

from keter.bus.telemetry.heartbeats import Heartbeat
from keter.dashboard import models
from keter.domain.processes import Process


def worker_row(beat: Heartbeat, heartbeat_s: float) -> models.Worker:
    """Return a worker with a heartbeat; it is ``slow`` after one and a half beats.

    A worker without any heartbeat left is not among ``heartbeats`` at all.
    """
    revision = beat.gauges.get("trading_revision", "")
    return models.Worker(
        process=beat.process,
        role=beat.role,
        worker=beat.worker,
        state="slow" if beat.age_s > 1.5 * heartbeat_s + 0.5 else "ok",
        pid=beat.pid,
        version=beat.version,
        started_at=beat.started_at,
        beat_at=beat.at,
        revision=int(revision) if revision.isdigit() else None,
        last_error=beat.last_error,
        figures={
            **{name: str(n) for name, n in sorted(beat.counters.items())},
            **dict(sorted(beat.gauges.items())),
        },
    )


def lost_workers(known: dict[str, models.Worker], present: set[str]) -> list[models.Worker]:
    """Return the workers that were seen before and have no heartbeat left."""
    return [
        worker.model_copy(update={"state": "lost"})
        for name, worker in known.items()
        if name not in present
    ]


def silent_roles(
    workers: list[models.Worker], expected: Mapping[str, Process]
) -> list[models.Worker]:
    """Return a row for every role that has never beaten: a missing row would look fine."""
    heard = {worker.role for worker in workers}
    return [
        models.Worker(
            process=process.value,
            role=role,
            worker=role,
            state="lost",
            pid=None,
            version="",
            started_at=None,
            beat_at=None,
            revision=None,
            last_error=None,
            figures={},
        )
        for role, process in expected.items()
        if role not in heard
    ]


def all_workers(
    beats: Sequence[Heartbeat],
    heartbeat_s: float,
    known: dict[str, models.Worker],
    expected: Mapping[str, Process],
) -> list[models.Worker]:
    """Return a row for each worker that beats, has beaten or should, in order of the pipeline.

    ``expected`` are the roles that there should be.
    """
    workers = [worker_row(beat, heartbeat_s) for beat in beats]
    workers += lost_workers(known, {worker.worker for worker in workers})
    workers += silent_roles(workers, expected)
    return sorted(workers, key=lambda worker: (order_of(worker.process), worker.worker))


def order_of(process: str) -> int:
    """Return the place of a process in the pipeline; unknown ones come last."""
    names = [member.value for member in Process]
    return names.index(process) if process in names else len(names)
