"""A real router or tracker process that stops itself at a named step, for the test to do something to it.

    python -m tests.faults.execution_child router NAME

Its settings come from the environment like a real worker's. The file ``plan-NAME`` in DATA_DIR holds the step at which to stop
next; it is removed when the process stops itself (SIGSTOP). Nothing of the workers' own code differs: what they reach for is
wrapped (``tests.hooks``), and what is wrapped is the real thing.
"""

import asyncio
import os
import signal
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import structlog

from keter.bus.connection import Bus
from keter.clock import SystemClock
from keter.ledger import open_settings_ledger
from keter.logs import configure_logs
from keter.settings import load_settings
from keter.venues.factory import open_bet_venue
from keter.workers.router import route
from keter.workers.runtime import Context, live
from keter.workers.tracker import KnownSelections, track
from tests.hooks import Hooked

# Steps are looked at only while there is a bet in hand: from the first of these to the last.
BEGIN = {"router": "before intents.by_decision", "tracker": "before venue.bets"}
END = {"router": "after redis.step", "tracker": "never"}


class SelfStopper:
    """Stops this process at the planned step, once."""

    def __init__(self, process: str, plan: Path, trace: Path) -> None:
        self._plan, self._trace, self._begin, self._end = plan, trace, BEGIN[process], END[process]
        self._in_hand = False

    async def step(self, name: str) -> None:
        if name == self._begin:
            self._in_hand = True
        if not self._in_hand:
            return
        with self._trace.open("a") as file:
            file.write(f"{name}\n")
        if self._plan.exists() and self._plan.read_text() == name:
            self._plan.unlink()
            os.kill(os.getpid(), signal.SIGSTOP)
        if name == self._end:
            self._in_hand = False


def hooked(context: Context, hook: Any) -> Context:
    redis: Any = Hooked(context.bus.redis, hook, "redis")
    return replace(context, bus=Bus(redis, context.bus.blocking, context.bus.keys))


async def main(process: str, name: str) -> None:
    settings = load_settings(None)
    folder = settings.mode.data_dir
    configure_logs(name, settings)
    hook: Any = SelfStopper(process, folder / f"plan-{name}", folder / f"trace-{name}")
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)

    async def run(context: Context) -> None:
        ledger = await open_settings_ledger(settings, clock=context.clock)
        selections = KnownSelections()
        real = open_bet_venue(settings, context.bus, ledger, context.clock, intended=selections)
        venue: Any = Hooked(real, hook, "venue")
        parts = {name: Hooked(getattr(ledger, name), hook, name) for name in ("intents", "settlements")}
        store: Any = Hooked(ledger, hook, "ledger", **parts)
        try:
            if process == "router":
                await route(hooked(context, hook), store, venue)
            else:
                await track(hooked(context, hook), store, venue, selections)
        finally:
            await real.aclose()
            await ledger.aclose()

    await live(process, name, settings, run, stop=stop, log=structlog.get_logger(name), clock=SystemClock())


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2]))
