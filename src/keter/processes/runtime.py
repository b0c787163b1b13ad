"""What every process has in common: settings, logs, signals, Redis, heartbeats, a stop with a
deadline.

A worker is ``async def run(context)`` in ``keter.processes.<process>``. When Redis goes away it may
simply let the error out: the runtime waits until Redis is back (asking again where it is) and runs
the worker anew. Nothing is bet meanwhile, and nothing crashes.
"""

import asyncio
import contextlib
import gc
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import structlog

from keter.bus.connection import Bus, absent, connect
from keter.bus.errors import BusRefusedError, ConnectionLostError, LeaseLostError, NotOwnerError
from keter.bus.state.ownership import refuse_strangers
from keter.bus.telemetry.heartbeats import Heart
from keter.clock import Clock, Ids, SystemClock, random_id
from keter.context import Context
from keter.domain.processes import (
    EVERYTHING,
    STAGE_GRACE_S,
    STAGE_OF,
    Process,
    at_machine,
    worker_name,
)
from keter.domain.runs import Run
from keter.errors import ExitCode, KeterError, UnavailableError
from keter.logs import configure_logs
from keter.processes.run_membership import find_run
from keter.settings import Settings
from keter.supervision.liveness import keep_pulsing
from keter.supervision.run import machine_name, single
from keter.system.process import (
    keep_files_private,
    leave_within,
    on_stop_signals,
    raise_descriptor_limit,
)
from keter.system.tasks import end_tasks, stopped_within
from keter.trust import require_safe_redis

# Of the time the supervisor gives a process: the rest is for closing connections and the
# interpreter
STOP_SHARE = 0.7
FIRST_WAIT_S = 0.1
LONGEST_WAIT_S = 3.0
FOLLOW_EVERY_S = 1.0
# What a process may take to close what it has when its work is over; then it ends as it is.
LEAVE_WITHIN_S = 2.0

# What people look at when something is wrong must be there while Redis is not.
SERVE_WITHOUT_REDIS = frozenset({Process.DASHBOARD.value})
REDIS_TROUBLE = (ConnectionLostError, BusRefusedError, LeaseLostError)
Work = Callable[["Context"], Awaitable[None]]
BelongsTo = Run | None


def stop_deadline_s(process: str) -> float:
    """How long a worker may take to finish what it has in hand."""
    return STOP_SHARE * STAGE_GRACE_S[STAGE_OF[Process(process)]]


def run_process(
    process: str,
    copy: int,
    settings: Settings,
    *,
    restarts: int = 0,
    kills: int = 0,
    belongs_to: BelongsTo = None,
    starts: frozenset[Process] = EVERYTHING,
) -> ExitCode:
    """Run one process until it is asked to stop.

    The exit code tells the supervisor whether starting again makes sense.

    ``restarts``: how often the supervisor has started it again, ``kills`` of them because it hung;
    the heartbeat says so. ``belongs_to``: the run that a supervisor started it for, which then
    listens for signs of life; None lets it find out whose the Redis is. ``starts``: the processes
    that this supervisor starts.
    """
    worker = worker_name(process, copy)
    keep_files_private()
    raise_descriptor_limit()
    configure_logs(worker, settings)
    log: structlog.stdlib.BoundLogger = structlog.get_logger(f"keter.{process}")
    try:
        run: Work = import_module(f"keter.processes.{process}").run
        return asyncio.run(
            _main(process, worker, settings, run, log, History(restarts, kills), belongs_to, starts)
        )
    except KeterError as e:
        log.error("process_failed", error=str(e), code=int(e.exit_code))  # noqa: TRY400 - said on purpose: no traceback needed
        raise  # the command line says the sentence, which the supervisor repeats when it gives up
    except Exception:
        log.exception("process_crashed")
        return ExitCode.BUG


@dataclass(frozen=True, slots=True)
class History:
    """How often the supervisor has started this worker again, and how often of these because it
    hung.
    """

    restarts: int = 0
    kills: int = 0


FIRST_START = History()


async def _main(
    process: str,
    worker: str,
    settings: Settings,
    run: Work,
    log: structlog.stdlib.BoundLogger,
    history: History,
    belongs_to: BelongsTo,
    starts: frozenset[Process],
) -> ExitCode:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def ask_to_stop() -> None:
        loop.call_soon_threadsafe(stop.set)

    on_stop_signals(ask_to_stop)
    gc.freeze()  # what was imported stays: no need to walk it at every collection
    pulse = asyncio.create_task(keep_pulsing()) if belongs_to is not None else None
    log.info("process_started")
    name = at_machine(worker, machine_name())
    try:
        await live(
            process,
            name,
            settings,
            run,
            stop=stop,
            log=log,
            history=history,
            belongs_to=belongs_to,
            starts=starts,
        )
    except BaseException as e:
        # What is wrong is known; a task or a thread that does not end must not keep a dead worker's
        # process.
        log.error("process_failing", error=str(e) or type(e).__name__)  # noqa: TRY400 - told whole by whoever catches it
        leave_within(LEAVE_WITHIN_S, e.exit_code if isinstance(e, KeterError) else ExitCode.BUG)
        raise
    finally:
        if pulse is not None:
            pulse.cancel()
    log.info("process_stopped")
    leave_within(LEAVE_WITHIN_S, ExitCode.BUG)  # only what hangs is still here then
    return ExitCode.OK


async def live(
    process: str,
    worker: str,
    settings: Settings,
    run: Work,
    *,
    stop: asyncio.Event,
    log: structlog.stdlib.BoundLogger,
    clock: Clock | None = None,
    ids: Ids = random_id,
    history: History = FIRST_START,
    belongs_to: BelongsTo = None,
    starts: frozenset[Process] = EVERYTHING,
) -> None:
    """Run ``run`` until ``stop``, again whenever Redis was lost in between. Other errors come out.

    While the Redis is another run's, it does nothing and its heartbeat says so.
    """
    clock = clock or SystemClock()
    waits = Waits()
    while not stop.is_set():
        reach = (
            _try_redis(settings)
            if process in SERVE_WITHOUT_REDIS
            else _reach_redis(settings, stop, waits, log)
        )
        bus = await reach
        if bus is None:
            return
        try:
            heart = Heart(
                bus, process=process, worker=worker, heartbeat_s=settings.process.heartbeat_s
            )
            heart.gauge("restarts", history.restarts)
            heart.gauge("kills", history.kills)
            found = belongs_to or await _own_run(bus, settings, process, clock)
            bus.run_id = found.run_id
            heart.belongs_to(found)
            context = Context(
                settings, clock, ids, bus, heart, log, process, worker, stop, found, starts
            )
            await _run_once(context, run, waits)
        except NotOwnerError as e:
            log.warning("not_the_owner", error=str(e))
            await _stand_by(heart, stop, str(e))
        except REDIS_TROUBLE as e:
            log.warning("redis_lost", error=str(e))
            await stopped_within(stop, waits.next())
        else:
            return
        finally:
            await bus.aclose()


async def _own_run(bus: Bus, settings: Settings, process: str, clock: Clock) -> Run:
    """As ``find_run``; who may serve without Redis belongs to nobody's run while that cannot be
    asked.
    """
    try:
        return await find_run(bus, settings, process, clock)
    except (UnavailableError, BusRefusedError):
        if process not in SERVE_WITHOUT_REDIS:
            raise
        return single(settings)


async def _stand_by(heart: Heart, stop: asyncio.Event, why: str) -> None:
    """One beat that says why nothing is done here, and the time until the next look."""
    heart.gauge("stands_by", why)
    with contextlib.suppress(*REDIS_TROUBLE, UnavailableError):
        await heart.beat()
    await stopped_within(stop, FOLLOW_EVERY_S)


class Waits:
    """Waiting times that double with every failure, with jitter so that workers do not return in
    step.
    """

    def __init__(self) -> None:
        self._next_s = FIRST_WAIT_S

    def next(self) -> float:
        wait_s = self._next_s
        self._next_s = min(self._next_s * 2, LONGEST_WAIT_S)
        return wait_s * random.uniform(0.8, 1.2)  # noqa: S311 - jitter is no secret

    def reset(self) -> None:
        self._next_s = FIRST_WAIT_S


async def _reach_redis(
    settings: Settings, stop: asyncio.Event, waits: Waits, log: structlog.stdlib.BoundLogger
) -> Bus | None:
    told = False
    while not stop.is_set():
        try:
            bus = await connect_by(settings)
        except (UnavailableError, BusRefusedError) as e:
            if not told:
                log.warning("redis_unreachable", error=str(e))
            told = True
        else:
            if told:
                log.info("redis_back")
            return bus
        await stopped_within(stop, waits.next())
    return None


async def _try_redis(settings: Settings) -> Bus:
    """The bus, or one without a Redis that tells why."""
    try:
        return await connect_by(settings)
    except (UnavailableError, BusRefusedError) as e:
        return absent(str(e), prefix=settings.redis.redis_key_prefix)


async def follow_redis(context: Context) -> None:
    """Keep a bus connected to wherever Redis is, for a process that goes on without it; until
    asked to stop.

    Raises ConfigurationError when Redis came back as one that money must not depend on.
    """
    while not await context.pause(FOLLOW_EVERY_S):
        try:
            await context.bus.now_ms()
        except (UnavailableError, BusRefusedError, OSError):
            try:
                found = await connect_by(context.settings)
            except (UnavailableError, BusRefusedError, OSError) as e:
                # OSError: also of too many open files.
                context.log.debug("redis_away", error=str(e))
                continue
            await context.bus.replace_connections(found)
            context.log.info("redis_back")


async def connect_by(settings: Settings) -> Bus:
    """The bus of the settings, else that of a running `keter up`.

    Raises UnavailableError, and ConfigurationError when money must not depend on that server.
    """
    from keter.redis_server.private import locate_redis
    from keter.redis_server.probe import refuse_for_live

    url = await asyncio.to_thread(locate_redis, settings)
    if url is None:
        raise UnavailableError("no Redis: set REDIS_URL, or start `keter up`, which brings its own")
    require_safe_redis(settings, url)
    bus = await connect(url, prefix=settings.redis.redis_key_prefix)
    if settings.live:
        try:
            await refuse_for_live(bus)
        except BaseException:
            await bus.aclose()
            raise
    return bus


async def _run_once(context: Context, run: Work, waits: Waits) -> None:
    if context.process not in SERVE_WITHOUT_REDIS:
        await refuse_strangers(context.bus)
    work = asyncio.ensure_future(run(context))
    beats = asyncio.create_task(_beat(context, waits))
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


def raise_errors(*tasks: asyncio.Future[Any]) -> None:
    """Raise the first error among ended tasks; the others count as seen."""
    errors = [task.exception() for task in tasks if task.done() and not task.cancelled()]
    for error in errors:
        if error is not None:
            raise error


async def _beat(context: Context, waits: Waits) -> None:
    """One heartbeat after another; ``loop_lag_s`` tells how late the event loop gets round to
    it.
    """
    period_s = context.settings.process.heartbeat_s
    while True:
        try:
            await context.heart.beat()
            if context.process not in SERVE_WITHOUT_REDIS:
                await refuse_strangers(context.bus)
            waits.reset()
        except NotOwnerError:
            raise
        except (*REDIS_TROUBLE, UnavailableError) as e:
            # The worker's own calls meet the same outage and act on it.
            context.log.debug("heartbeat_missed", error=str(e))
        due = context.clock.monotonic() + period_s
        await asyncio.sleep(period_s)
        context.heart.gauge("loop_lag_s", round(max(context.clock.monotonic() - due, 0.0), 4))
