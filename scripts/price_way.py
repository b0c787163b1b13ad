"""Counts the files and shapes that one price passes from the feed's answer to the bet.

    python -m scripts.price_way [--list]

How it is counted: all workers of a DRY pipeline run in this process, on a Redis of their own, a
SQLite ledger and a sandbox bookmaker with one fixture. The count begins when every worker but
ingest has started and is idle. Then ingest starts, the fixture's prices become one bet, and the
count ends when the venue has it.

A file counts when a function of it ran meanwhile. A shape is a frozen dataclass, a named tuple or a
msgspec struct of Keter. It counts when such a function took, held or returned a value of it, also
inside a tuple, list or dictionary. What workers do beside (leases, heartbeats, passes of the
tracker) runs meanwhile too: what ran in two seconds without any price is stated apart.
"""

import argparse
import asyncio
import dataclasses
import logging
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager
from functools import partial
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import msgspec
import structlog
from tests.kit.support import RedisServer, eventually
from tests.kit.workbench import context_on, done_so_far, opened, quick_feed, settings_for, working

import keter
from keter.domain.order_states import OrderState
from keter.domain.trading import ExecutionMode
from keter.ledger import Ledger, OrderFilter
from keter.opening.stores import open_settings_ledger
from keter.processes import edge, guard, ingest, recorder, router, tracker, validator
from keter.venues.asianodds.simulator.config import AccountConfig, SandboxConfig
from keter.venues.asianodds.simulator.server import Sandbox

SOURCE = Path(keter.__file__).parent
SIMULATORS = ("venues/asianodds/simulator/", "venues/simulation/")
ACCOUNT = AccountConfig("demo", "demo-pass")
DEEPEST = 3  # containers within containers that are looked into
# Looking at values costs far more than counting calls, and a function's shapes repeat soon.
MOST_LOOKED = 200
PLACED = (OrderState.OPEN, OrderState.FILLED)
SETTLE_S, IDLE_S = 2.0, 2.0


class Record:
    """The files whose functions ran, and the shapes of the values in them."""

    def __init__(self) -> None:
        self.files: set[str] = set()
        self.shapes: set[str] = set()
        self._looked: Counter[CodeType] = Counter()

    def note(self, file: str, frame: FrameType, result: Any) -> None:
        """Note a function of a file that was called or that returns.

        The values of its first MOST_LOOKED calls and returns are looked at.
        """
        self.files.add(file)
        self._looked[frame.f_code] += 1
        if self._looked[frame.f_code] <= MOST_LOOKED:
            self._look(list(frame.f_locals.values()), 0)
            self._look(result, 0)

    def _look(self, value: Any, depth: int) -> None:
        if is_shape(type(value)):
            self.shapes.add(f"{type(value).__module__}.{type(value).__qualname__}")
        elif depth < DEEPEST and isinstance(value, tuple | list):
            for one in value:
                self._look(one, depth + 1)
        elif depth < DEEPEST and type(value) is dict:
            for one in list(value.values()):
                self._look(one, depth + 1)


class Profile:
    """Notes what runs into ``record``, in every thread that starts inside ``running``."""

    def __init__(self) -> None:
        self.record: Record | None = None
        self._files: dict[CodeType, str | None] = {}

    @contextmanager
    def running(self) -> Iterator[None]:
        threading.setprofile(self._note)
        sys.setprofile(self._note)
        try:
            yield
        finally:
            sys.setprofile(None)
            threading.setprofile(None)

    def _note(self, frame: FrameType, event: str, result: Any) -> None:
        # Called for every call in the process: what is not of Keter must cost next to nothing.
        if self.record is None or event not in {"call", "return"}:
            return
        code = frame.f_code
        if code not in self._files:
            self._files[code] = _file_of(code)
        file = self._files[code]
        if file is not None:
            self.record.note(file, frame, result)


def _file_of(code: CodeType) -> str | None:
    """Return the file of a function below the package; None if it is not to be counted."""
    file = code.co_filename
    if not file.startswith(str(SOURCE)):
        return None
    name = Path(file).relative_to(SOURCE).as_posix()
    return None if name.startswith(SIMULATORS) else name


def is_shape(kind: type) -> bool:
    """Return whether a type of Keter is a value: a struct, frozen dataclass or named tuple."""
    if not kind.__module__.startswith("keter."):
        return False
    if issubclass(kind, msgspec.Struct) or (issubclass(kind, tuple) and hasattr(kind, "_fields")):
        return True
    return dataclasses.is_dataclass(kind) and bool(kind.__dataclass_params__.frozen)  # type: ignore[attr-defined]  # of every dataclass


async def follow() -> tuple[Record, Record]:
    """Return what ran for one price, and what ran in a while without any."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    server, profile = RedisServer(), Profile()
    try:
        with tempfile.TemporaryDirectory(prefix="keter-price-") as name, profile.running():
            return await _follow(Path(name), server.url, profile)
    finally:
        server.close()


async def _follow(folder: Path, redis_url: str, profile: Profile) -> tuple[Record, Record]:
    world = SandboxConfig(
        accounts=(ACCOUNT,), fixed_fixtures=1, feed_interval_scale=0, delay_scale=0
    )
    others = {
        "recorder": recorder.run,
        "tracker": tracker.run,
        "router": router.run,
        "guard": guard.run,
        "edge": edge.run,
        "validator": validator.run,
    }
    idle, busy = Record(), Record()
    async with Sandbox(world) as sandbox, opened(redis_url) as bus, AsyncExitStack() as stack:
        settings = settings_for(
            folder,
            AO_BASE_URL=sandbox.url,
            PAPER_REFUSAL_RATE=0,
            RECONCILE_INTERVAL_S=1,
            WORKER_LEASE_TTL_S=30,  # Tracing is slow, and must not cost a lease.
        )
        contexts = {name: context_on(bus, settings, name) for name in (*others, "ingest")}
        for name, run in others.items():
            await stack.enter_async_context(working(contexts[name], run))
        ledger = await open_settings_ledger(settings, clock=contexts["router"].clock)
        stack.push_async_callback(ledger.aclose)
        await asyncio.sleep(SETTLE_S)
        profile.record = idle
        await asyncio.sleep(IDLE_S)
        profile.record = busy
        feed = partial(ingest.run, open_source=quick_feed())
        await stack.enter_async_context(working(contexts["ingest"], feed))
        await eventually(lambda: _placed(ledger), timeout_s=60, progress=lambda: done_so_far(bus))
        profile.record = None
    return busy, idle


async def _placed(ledger: Ledger) -> bool:
    bets = await ledger.orders.list_orders(OrderFilter(mode=ExecutionMode.DRY), limit=10)
    return any(bet.state in PLACED for bet in bets)


def follow_one_price() -> dict[str, str]:
    """Return the figures of a run."""
    busy, idle = asyncio.run(follow())
    return {
        "files one price passes from answer to bet": (
            f"{len(busy.files)} (of them {len(busy.files & idle.files)} also without a price)"
        ),
        "shapes one price passes from answer to bet": (
            f"{len(busy.shapes)} (of them {len(busy.shapes & idle.shapes)} also without a price)"
        ),
    }


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="price_way", description=__doc__.splitlines()[0])
    parser.add_argument("--list", action="store_true", help="name the files and the shapes")
    options = parser.parse_args(arguments)
    busy, idle = asyncio.run(follow())
    for title, found, without in (
        ("files", busy.files, idle.files),
        ("shapes", busy.shapes, idle.shapes),
    ):
        sys.stdout.write(f"{len(found)} {title}, {len(found - without)} only with a price\n")
        if options.list:
            sys.stdout.writelines(
                f"  {name}{'' if name not in without else '  (also without)'}\n"
                for name in sorted(found)
            )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
