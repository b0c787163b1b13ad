"""The life of a process: connect, beat, work, stop within a deadline, begin again after an outage.

A process is ``async def run(context)`` in ``keter.processes.<process>``. If Redis goes away it may
let the error out: it is run anew when Redis is back, wherever that is. Nothing is bet meanwhile.
"""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from keter.backoff import Backoff
from keter.bus.connection import Bus
from keter.bus.errors import BusRefusedError, NotOwnerError
from keter.bus.state.ownership import refuse_strangers
from keter.clock import Clock, Ids, SystemClock, random_id
from keter.context import Context
from keter.domain.processes import EVERYTHING, STAGE_GRACE_S, STAGE_OF, Process
from keter.domain.runs import Run
from keter.errors import UnavailableError
from keter.processes.heartbeat import FIRST_START, History, heart_of, keep_beating, stand_by
from keter.processes.redis_following import (
    REDIS_TROUBLE,
    SERVE_WITHOUT_REDIS,
    reach_redis,
    retry_pauses,
    try_redis,
)
from keter.processes.run_membership import find_run
from keter.settings import Settings
from keter.supervision.run import single
from keter.system.tasks import end_tasks, raise_errors, stopped_within

# Of the time that the supervisor gives a process. The rest is for closing connections and for the
# interpreter.
STOP_SHARE = 0.7
Work = Callable[[Context], Awaitable[None]]


def stop_deadline_s(process: str) -> float:
    """Return the seconds that a process may take to finish what it has in hand."""
    return STOP_SHARE * STAGE_GRACE_S[STAGE_OF[Process(process)]]


async def live(
    process: str,
    worker: str,
    settings: Settings,
    run: Work,
    *,
    stop: asyncio.Event,
    log: structlog.stdlib.BoundLogger,
    account: str = "",
    clock: Clock | None = None,
    ids: Ids = random_id,
    history: History = FIRST_START,
    belongs_to: Run | None = None,
    starts: frozenset[Process] = EVERYTHING,
) -> None:
    """Run ``run`` until ``stop``, again each time that Redis was lost. Raises its other errors.

    While the Redis belongs to another run, do nothing but say so in the heartbeat. ``account``,
    ``belongs_to`` and ``starts``: see ``run_process``.
    """
    clock, pauses = clock or SystemClock(), retry_pauses()
    while not stop.is_set():
        without = process in SERVE_WITHOUT_REDIS
        bus = await (try_redis(settings) if without else reach_redis(settings, stop, pauses, log))
        if bus is None:
            return
        try:
            heart = heart_of(bus, process, worker, settings, history, account)
            found = belongs_to or await _own_run(bus, settings, process, clock)
            bus.run_id = found.run_id
            heart.belongs_to(found)
            own = settings.of(account) if account else settings
            parts = (own, clock, ids, bus, heart, log, process, worker, stop, found, starts)
            await _run_once(Context(*parts, works_for=account), run, pauses)
        except NotOwnerError as e:
            log.warning("not_the_owner", error=str(e))
            await stand_by(heart, stop, str(e))
        except REDIS_TROUBLE as e:
            log.warning("redis_lost", error=str(e))
            await stopped_within(stop, pauses.next())
        else:
            return
        finally:
            await bus.aclose()


async def _own_run(bus: Bus, settings: Settings, process: str, clock: Clock) -> Run:
    """Return the run that owns this Redis, as ``find_run`` does.

    A process that serves without Redis belongs to no run while Redis cannot be asked.
    """
    try:
        return await find_run(bus, settings, process, clock)
    except (UnavailableError, BusRefusedError):
        if process not in SERVE_WITHOUT_REDIS:
            raise
        return single(settings)


async def _run_once(context: Context, run: Work, pauses: Backoff) -> None:
    """Run ``run`` beside its heartbeat; after a stop it has ``stop_deadline_s`` to end."""
    if context.process not in SERVE_WITHOUT_REDIS:
        await refuse_strangers(context.bus)
    work = asyncio.ensure_future(run(context))
    beats = asyncio.create_task(keep_beating(context, pauses))
    stopped = asyncio.create_task(context.stop.wait())
    try:
        await asyncio.wait({work, beats, stopped}, return_when=asyncio.FIRST_COMPLETED)
        if not work.done() and not beats.done():
            await asyncio.wait({work}, timeout=stop_deadline_s(context.process))
        if not work.done() and not beats.done():
            context.log.error("stop_deadline_passed", deadline_s=stop_deadline_s(context.process))
    finally:
        await end_tasks(work, beats, stopped)
    raise_errors(beats, work)
