"""Runs one process from start to exit code: logs, signals, and an exit within a deadline."""

import asyncio
import gc
from collections.abc import Awaitable, Callable
from functools import partial
from importlib import import_module

import structlog

from keter.domain.processes import EVERYTHING, Process, at_machine, worker_name
from keter.domain.runs import Run
from keter.errors import ExitCode, KeterError
from keter.logs import configure_logs
from keter.processes.heartbeat import History
from keter.processes.lifecycle import Work, live
from keter.settings import Settings
from keter.supervision.liveness import keep_pulsing
from keter.supervision.run import machine_name
from keter.system.process import (
    keep_files_private,
    leave_within,
    on_stop_signals,
    raise_descriptor_limit,
)

# What a process may take to close what it has when its work is over. Then it ends as it is.
LEAVE_WITHIN_S = 2.0


def run_process(
    process: str,
    copy: int,
    settings: Settings,
    *,
    account: str = "",
    restarts: int = 0,
    kills: int = 0,
    belongs_to: Run | None = None,
    starts: frozenset[Process] = EVERYTHING,
) -> ExitCode:
    """Run one process until it is asked to stop.

    Return BUG after an unknown error, which is logged. Raises KeterError, whose exit code says
    whether a new start makes sense.

    * ``account`` is the key of the one that ingest, router and tracker work for.
    * ``restarts`` is how often the supervisor has started it again, ``kills`` how often of these
      because it hung. The heartbeat has both.
    * ``belongs_to`` is the run that a supervisor started it for. The supervisor then waits for its
      pulse. None finds out which run owns the Redis.
    * ``starts`` are the processes that this supervisor starts.
    """
    worker = worker_name(process, copy, settings.label_of(account))
    keep_files_private()
    raise_descriptor_limit()
    configure_logs(worker, settings)
    log: structlog.stdlib.BoundLogger = structlog.get_logger(f"keter.{process}")
    try:
        run: Work = import_module(f"keter.processes.{process}").run
        life = partial(
            live,
            process,
            at_machine(worker, machine_name()),
            settings,
            run,
            account=account,
            log=log,
            history=History(restarts, kills),
            belongs_to=belongs_to,
            starts=starts,
        )
        return asyncio.run(_main(life, log, pulsing=belongs_to is not None))
    except KeterError as e:
        log.error("process_failed", error=str(e), code=int(e.exit_code))  # noqa: TRY400 - expected: no traceback needed
        # The command line prints the sentence, and the supervisor repeats it when it gives up.
        raise
    except Exception:
        log.exception("process_crashed")
        return ExitCode.BUG


async def _main(
    life: Callable[..., Awaitable[None]], log: structlog.stdlib.BoundLogger, *, pulsing: bool
) -> ExitCode:
    """Run ``life`` until a signal asks to stop, then make sure that the process ends."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def ask_to_stop() -> None:
        loop.call_soon_threadsafe(stop.set)

    on_stop_signals(ask_to_stop)
    # What was imported stays: the collector need not walk it each time.
    gc.freeze()
    pulse = asyncio.create_task(keep_pulsing()) if pulsing else None
    log.info("process_started")
    try:
        await life(stop=stop)
    except BaseException as e:
        # A task or a thread that does not end must not keep the process of a dead worker.
        log.error("process_failing", error=str(e) or type(e).__name__)  # noqa: TRY400 - whoever catches it logs it whole
        leave_within(LEAVE_WITHIN_S, e.exit_code if isinstance(e, KeterError) else ExitCode.BUG)
        raise
    finally:
        if pulse is not None:
            pulse.cancel()
    log.info("process_stopped")
    # If the process is still there after that time, something hangs.
    leave_within(LEAVE_WITHIN_S, ExitCode.BUG)
    return ExitCode.OK
