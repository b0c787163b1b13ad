"""The supervisor's side of one run: it claims its Redis, renews the claim, and gives it back."""

import asyncio
import contextlib
from collections.abc import Callable

import msgspec
import structlog

from keter.bus.connection import Bus, connect
from keter.bus.errors import BusDataError, BusRefusedError, ConnectionLostError
from keter.bus.state.ownership import claim, give_back, keep
from keter.bus.telemetry.alerts import clear_alerts_of_others
from keter.clock import Clock
from keter.domain.runs import OwnerRecord, Run
from keter.errors import ConfigurationError, UnavailableError
from keter.settings import Settings
from keter.supervision.run import differing
from keter.system.tasks import sleep

EVERY_S = 2.0  # renewals: the record lives for 15 s without one
# A disk that hangs is waited for only so long: the record must not run out meanwhile.
READ_S = 1.0
ANSWER_S = 5.0  # a Redis that hangs must not delay the end
UNREADABLE = ".env"  # names the settings on disk as a whole where they cannot be read

log = structlog.get_logger("keter.supervision.supervisor")
Reread = Callable[[], Settings]


class Ownership:
    """One run's record on one Redis.

    ``on_disk`` reads the settings as they are in the files now.
    ``several_machines`` allows other machines to work on the same run.
    """

    def __init__(
        self, settings: Settings, run: Run, clock: Clock, on_disk: Reread, *, several_machines: bool
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._on_disk = on_disk
        self._several_machines = several_machines
        self._record = OwnerRecord(run, clock.now())
        self._bus: Bus | None = None

    @property
    def run(self) -> Run:
        """Return the run.

        Where several machines work for one ledger, ``begin`` replaces it by that of the first.
        """
        return self._record.run

    async def begin(self, url: str) -> None:
        """Make this run the owner of the Redis at ``url``, or join the run that is.

        It joins a run that does the same work on another machine.

        Raises UnavailableError with a sentence when another instance owns it.
        """
        self._bus = await connect(url, prefix=self._settings.redis.redis_key_prefix)
        taken = await claim(self._bus, self._record)
        if taken is None:
            own = [account.key for account in self.run.accounts]
            if gone := await clear_alerts_of_others(self._bus, own):
                log.info("alerts of other accounts cleared", alerts=gone)
            return
        if not (self._several_machines and _elsewhere(self.run, taken.run)):
            raise UnavailableError(refusal(self.run, taken.run))
        self._record = OwnerRecord(
            msgspec.structs.replace(self.run, run_id=taken.run.run_id), taken.started_at
        )
        log.warning("joined the run of another machine", machine=taken.run.machine)

    async def hold(self) -> None:
        """Renew the record through every outage of Redis. Never returns.

        Raises UnavailableError when another run took over.
        """
        looking: asyncio.Future[tuple[str, ...]] | None = None
        while True:
            looking = looking or asyncio.ensure_future(asyncio.to_thread(self._differing))
            await asyncio.wait({looking}, timeout=READ_S)
            if looking.done():
                self._record = msgspec.structs.replace(self._record, differing=looking.result())
                looking = None
            if not await self._kept():
                raise UnavailableError(
                    "another Keter has taken this Redis over while this one was silent; set"
                    " REDIS_KEY_PREFIX to keep the two apart, then start again"
                )
            await sleep(EVERY_S)

    async def _kept(self) -> bool:
        """Renew the record once. Return False when another run is the owner.

        Return True where Redis cannot be asked: the next renewal asks again.
        """
        try:
            return await keep(self._need_bus(), self._record)
        except (UnavailableError, BusRefusedError, BusDataError) as e:
            # Also a password that was changed while we run.
            log.debug("owner_not_renewed", error=str(e))
            return True

    def _differing(self) -> tuple[str, ...]:
        try:
            return differing(self._settings, self._on_disk())
        except ConfigurationError:
            return (UNREADABLE,)

    async def end(self) -> None:
        """Give the record back and close the connection.

        A Redis that cannot be reached drops the record when its time is over.
        """
        if self._bus is None:
            return
        with contextlib.suppress(ConnectionLostError, BusRefusedError, BusDataError, TimeoutError):
            async with asyncio.timeout(ANSWER_S):
                await give_back(self._bus, self._record)
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connection. The record stays until its time is over."""
        if self._bus is not None:
            await self._bus.aclose()

    def _need_bus(self) -> Bus:
        if self._bus is None:
            raise RuntimeError("a record is held before it was claimed")
        return self._bus


def _elsewhere(own: Run, other: Run) -> bool:
    """Return True if ``other`` does the same work on another machine.

    Leases then decide which of the two works.
    """
    return own.same_work(other) and own.machine != other.machine


def refusal(own: Run, other: Run) -> str:
    """Return why ``own`` may not start where ``other`` is the owner, and what to do."""
    unlike = [
        name
        for name, differs in (
            ("mode", own.mode is not other.mode),
            ("account", {one.key for one in own.accounts} != {one.key for one in other.accounts}),
            ("ledger", own.ledger_id != other.ledger_id),
            ("settings", own.fingerprint != other.fingerprint),
        )
        if differs
    ]
    kind = f" ({', '.join(unlike)} differ)" if unlike else ""
    return (
        f"this Redis belongs to another Keter: {other.mode.value} for"
        f" {', '.join(one.key for one in other.accounts) or 'nobody'}"
        f" on {other.machine}{kind}; set REDIS_KEY_PREFIX to a name of its own, or leave REDIS_URL"
        " and REDIS_HOST empty for a private Redis. If that Keter was killed, its claim ends"
        " within 15 s"
    )
