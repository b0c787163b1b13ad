"""A real router or tracker process that stops itself at a named step, for the test to do something
to it.

Its settings come from the environment like a real worker's. The files ``plan-NAME`` and
``plan-PROCESS`` in DATA_DIR hold the step at which to stop next; the process that removes one stops
itself (SIGSTOP), and nobody else. Nothing of the workers' own code differs: what they reach for is
wrapped (``tests.kit.hooks``), and what is wrapped is the real thing. It is forked from a server
process that has imported everything once, which saves each start the second and a half of processor
time that importing takes.
"""

import asyncio
import multiprocessing
import os
import signal
from collections.abc import Mapping, Sequence
from dataclasses import replace
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import structlog

from keter.bus.connection import Bus
from keter.clock import SystemClock
from keter.context import Context
from keter.execution.reconcile.passes import KnownSelections
from keter.logs import configure_logs
from keter.opening.stores import open_settings_ledger
from keter.opening.venues import open_bet_venue
from keter.processes.lifecycle import live
from keter.processes.router import route
from keter.processes.tracker import track
from keter.settings import load_settings
from tests.kit.hooks import Hooked

# Steps are looked at only while there is a bet in hand: from the first of these to the last.
BEGIN = {"router": "before orders.by_decision", "tracker": "before venue.bets"}
END = {"router": "after redis.step", "tracker": "never"}


class SelfStopper:
    """Stops this process at the planned step, once."""

    def __init__(self, process: str, plans: Sequence[Path], trace: Path) -> None:
        self._plans, self._trace, self._begin, self._end = (
            plans,
            trace,
            BEGIN[process],
            END[process],
        )
        self._in_hand = False

    async def step(self, name: str) -> None:
        if name == self._begin:
            self._in_hand = True
        if not self._in_hand:
            return
        with self._trace.open("a") as file:
            file.write(f"{name}\n")
        if any(_claimed(plan, name) for plan in self._plans):
            os.kill(os.getpid(), signal.SIGSTOP)
        if name == self._end:
            self._in_hand = False


def _claimed(plan: Path, step: str) -> bool:
    """Return whether the plan is for this step and this process took it."""
    try:
        if plan.read_text() != step:
            return False
        plan.unlink()
    except FileNotFoundError:
        return False
    return True


def hooked(context: Context, hook: Any) -> Context:
    redis: Any = Hooked(context.bus.redis, hook, "redis")
    return replace(context, bus=Bus(redis, context.bus.blocking, context.bus.keys))


async def main(process: str, name: str) -> None:
    settings = load_settings(None)
    folder = settings.mode.data_dir
    configure_logs(name, settings)
    hook: Any = SelfStopper(
        process, [folder / f"plan-{name}", folder / f"plan-{process}"], folder / f"trace-{name}"
    )
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)

    async def run(context: Context) -> None:
        ledger = await open_settings_ledger(settings, clock=context.clock)
        selections = KnownSelections()
        real = open_bet_venue(
            settings,
            context.account,
            context.bus,
            ledger,
            context.clock,
            intended=selections,
        )
        venue: Any = Hooked(real, hook, "venue")
        parts = {
            name: Hooked(getattr(ledger, name), hook, name) for name in ("orders", "settlements")
        }
        store: Any = Hooked(ledger, hook, "ledger", **parts)
        try:
            if process == "router":
                await route(hooked(context, hook), store, venue)
            else:
                await track(hooked(context, hook), store, venue, selections)
        finally:
            await real.aclose()
            await ledger.aclose()

    await live(
        process, name, settings, run, stop=stop, log=structlog.get_logger(name), clock=SystemClock()
    )


def start(process: str, name: str, environment: Mapping[str, str], log: Path) -> BaseProcess:
    """Start the process; what it prints goes to the end of ``log``."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    child = context.Process(
        target=_begin, args=(process, name, dict(environment), log), daemon=True
    )
    child.start()
    return child


def _begin(process: str, name: str, environment: dict[str, str], log: Path) -> None:
    with log.open("ab") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    os.environ.update(environment)
    asyncio.run(main(process, name))
