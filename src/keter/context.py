"""What a process gives to its parts: settings, clock, bus, heartbeat, log, and its run."""

import asyncio
from dataclasses import dataclass

import structlog

from keter.bus.connection import Bus
from keter.bus.queue import Pipe, QueueName
from keter.bus.telemetry.heartbeats import Heart
from keter.clock import Clock, Ids
from keter.domain.accounts import Account
from keter.domain.days import day_of
from keter.domain.processes import EVERYTHING, Process
from keter.domain.runs import Run
from keter.settings import Settings
from keter.system.tasks import stopped_within


@dataclass(frozen=True, slots=True)
class Context:
    """What the parts of one process share.

    ``stop`` is set once and stays set; everything that waits must look at it. ``starts`` are the
    processes that work in this run: a recording has only some of them.
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

    @property
    def account(self) -> Account:
        """The account that this process works for."""
        return self.run.accounts[0]

    async def pause(self, seconds: float) -> bool:
        """Wait for ``seconds`` or until asked to stop; return True if asked to stop."""
        return await stopped_within(self.stop, seconds)

    def pipe(self, source: QueueName | None) -> Pipe:
        """Return a pipe of this worker that takes from ``source``, or that only pushes.

        Its counts go to the betting day of the settings' time zone.
        """
        return Pipe(
            self.bus,
            source=source,
            worker=self.worker,
            lease_ttl_s=self.settings.process.worker_lease_ttl_s,
            ids=self.ids,
            day=self.day,
        )

    def day(self) -> str:
        """Return the current betting day as an ISO date."""
        return day_of(self.clock.now(), self.settings.mode.zone)
