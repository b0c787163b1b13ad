"""What a process gives to its parts: settings, clock, bus, heartbeat, log, and its run."""

import asyncio
from dataclasses import dataclass, replace
from typing import Self

import structlog

from keter.bus.connection import Bus
from keter.bus.queue import Pipe
from keter.bus.telemetry.audit import count_name, period_of
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

    * ``stop`` is set once and stays set; everything that waits must look at it.
    * ``starts`` are the processes that work in this run: a recording has only some of them.
    * ``works_for`` is the key of the one account that the process serves; empty if it serves all.
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
    works_for: str = ""

    @property
    def account(self) -> Account:
        """The account that this process works for; the first of the run if it is for all."""
        accounts = self.run.accounts
        return next((one for one in accounts if one.key == self.works_for), accounts[0])

    @property
    def accounts(self) -> tuple[str, ...]:
        """The keys of the accounts of the run."""
        return tuple(account.key for account in self.run.accounts)

    def of(self, account: str) -> Self:
        """Return this context for one account of the run, with the settings of that account."""
        settings = self.settings.of(account) if self.settings.parts else self.settings
        return replace(self, settings=settings, works_for=account)

    async def pause(self, seconds: float) -> bool:
        """Wait for ``seconds`` or until asked to stop; return True if asked to stop."""
        return await stopped_within(self.stop, seconds)

    def pipe(self, source: str | None) -> Pipe:
        """Return a pipe of this worker that takes from ``source``, or that only pushes.

        Its counts go to the betting day of the settings' time zone.
        """
        return Pipe(
            self.bus,
            source=source,
            worker=self.worker,
            lease_ttl_s=self.settings.process.worker_lease_ttl_s,
            ids=self.ids,
            period=self.period,
        )

    def period(self) -> str:
        """Return under which name the counters of the current betting day are kept."""
        return period_of(self.day(), self.account.mode)

    def count_name(self, stage: str, what: str, account: str) -> str:
        """Return the name of a counter of one account; an only account is not in it."""
        return count_name(stage, what, account if len(self.run.accounts) > 1 else "")

    def day(self) -> str:
        """Return the current betting day as an ISO date."""
        return day_of(self.clock.now(), self.settings.mode.zone)
