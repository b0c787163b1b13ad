"""What a process gives to its parts: settings, clock, bus, heartbeat, log, and its run."""

import asyncio
from dataclasses import dataclass

import structlog

from keter.bus.connection import Bus
from keter.bus.queue import Pipe, QueueName
from keter.bus.telemetry.heartbeats import Heart
from keter.clock import Clock, Ids, day_of
from keter.domain.processes import EVERYTHING, Process
from keter.domain.runs import Run
from keter.settings import Settings
from keter.system.tasks import stopped_within


@dataclass(frozen=True, slots=True)
class Context:
    """The world of one worker.

    ``stop`` is set once and for ever; everything that waits looks at it.

    ``starts`` are the processes that work in this run; a recording has few of them.
    """

    settings: Settings
    clock: Clock
    ids: Ids
    bus: Bus
    heart: Heart
    log: structlog.stdlib.BoundLogger
    process: str
    worker: str
    stop: asyncio.Event
    run: Run
    starts: frozenset[Process] = EVERYTHING

    async def pause(self, seconds: float) -> bool:
        """Wait for ``seconds`` or until asked to stop; True when asked to stop."""
        return await stopped_within(self.stop, seconds)

    def pipe(self, source: QueueName | None) -> Pipe:
        """A pipe of this worker that books its counts on the configured betting day."""
        return Pipe(
            self.bus,
            source=source,
            worker=self.worker,
            lease_ttl_s=self.settings.process.worker_lease_ttl_s,
            ids=self.ids,
            day=self.day,
        )

    def day(self) -> str:
        """The betting day that it is."""
        return day_of(self.clock.now(), self.settings.mode.zone)
