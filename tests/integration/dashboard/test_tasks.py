"""A task of the dashboard that dies, or will not, ends its process: a page without a watch is not
left standing.
"""

import asyncio
import errno
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import NoReturn

import pytest

from keter.alerting.dispatcher import Dispatcher
from keter.context import Context
from keter.dashboard.watch import Watch
from keter.errors import ExitCode, KeterError
from keter.processes.dashboard import run
from keter.processes.redis_following import follow_redis
from keter.system.addresses import free_port
from tests.kit.support import ROOT, eventually
from tests.kit.workbench import context_on, opened, settings_for


async def test_a_watch_that_dies_ends_the_dashboard(
    redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(self: Watch) -> NoReturn:
        raise ZeroDivisionError

    monkeypatch.setattr(Watch, "look", broken)
    async with opened(redis_url) as bus:
        with pytest.raises(ZeroDivisionError):
            await asyncio.wait_for(
                run(context_on(bus, settings_for(tmp_path, DASH_PORT=free_port()), "dashboard")), 15
            )


async def test_a_task_that_returns_too_early_ends_the_dashboard(
    redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def left(self: Watch, stop: asyncio.Event) -> None:
        return

    monkeypatch.setattr(Watch, "run", left)
    async with opened(redis_url) as bus:
        with pytest.raises(KeterError, match="watch ended by itself"):
            await asyncio.wait_for(
                run(context_on(bus, settings_for(tmp_path, DASH_PORT=free_port()), "dashboard")), 15
            )


async def test_one_that_will_not_be_cancelled_keeps_nobody(
    redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    released = asyncio.Event()

    async def stubborn(self: Dispatcher, stop: asyncio.Event) -> None:
        while not released.is_set():
            try:
                await released.wait()
            except asyncio.CancelledError:
                continue

    async def broken(self: Watch) -> NoReturn:
        raise OSError(errno.EMFILE, "too many open files")

    monkeypatch.setattr(Dispatcher, "run", stubborn)
    monkeypatch.setattr(Watch, "look", broken)
    async with opened(redis_url) as bus:
        try:
            with pytest.raises(OSError, match="too many open files"):
                await asyncio.wait_for(
                    run(
                        context_on(bus, settings_for(tmp_path, DASH_PORT=free_port()), "dashboard")
                    ),
                    15,
                )
        finally:
            released.set()


async def test_too_many_open_files_end_nobody_who_follows_redis(
    redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = 0

    async def refused(settings: object) -> NoReturn:
        nonlocal asked
        asked += 1
        raise OSError(errno.EMFILE, "too many open files")

    monkeypatch.setattr("keter.processes.redis_following.open_settings_bus", refused)
    monkeypatch.setattr("keter.processes.redis_following.FOLLOW_EVERY_S", 0.01)
    async with opened(redis_url) as bus:
        context: Context = context_on(bus, settings_for(tmp_path), "dashboard")

        async def lost() -> int:
            raise OSError(errno.EMFILE, "too many open files")

        monkeypatch.setattr(bus, "now_ms", lost)
        task = asyncio.create_task(follow_redis(context))
        await eventually(lambda: asked >= 3)
        assert not task.done()
        context.stop.set()
        await asyncio.wait_for(task, 10)


STUBBORN = """
import asyncio, sys
from pathlib import Path
from keter.settings import load_settings
import keter.processes.dashboard as dashboard
from keter.processes.runtime import run_process
async def forever(begun):
    begun.set()
    while True:
        try: await asyncio.sleep(3600)
        except asyncio.CancelledError: pass
async def run(context):
    begun = asyncio.Event()
    task = asyncio.create_task(forever(begun))
    await begun.wait()
    raise OSError(24, "too many open files")
dashboard.run = run
sys.exit(run_process("dashboard", 1, load_settings(None, {"DATA_DIR": sys.argv[1], "REDIS_URL": "redis://127.0.0.1:1/0"})))
"""


@pytest.mark.slow
def test_a_process_leaves_with_an_error_though_a_task_of_it_does_not_end(tmp_path: Path) -> None:
    """asyncio.run would wait for that task for ever."""
    begun = time.monotonic()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AO_")}
    done = subprocess.run(
        [sys.executable, "-c", STUBBORN, str(tmp_path)],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        timeout=60,
    )
    assert done.returncode == ExitCode.BUG, done.stderr.decode()[-2000:]
    assert b"too many open files" in done.stdout + done.stderr
    assert time.monotonic() - begun < 50
