"""Two machines that share a Redis are two rows each, and an alert names the one that it is
about.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from keter.bus.telemetry.alerts import read_alerts
from keter.bus.telemetry.heartbeats import Heart, read_heartbeats
from tests.integration.dashboard.conftest import Console
from tests.kit.support import ROOT, eventually

NAMES = {"router@berlin", "router@lisbon"}

# A real process of Keter's on a machine of that name; it only beats.
ON_A_MACHINE = """
import socket, sys
socket.gethostname = lambda: sys.argv[1]
import keter.processes.recorder as recorder
from keter.settings import load_settings
from keter.processes.runtime import run_process
async def run(context): await context.stop.wait()
recorder.run = run
settings = load_settings(None, {"DATA_DIR": sys.argv[2], "REDIS_URL": sys.argv[3]})
sys.exit(run_process("recorder", 1, settings))
"""


@pytest.fixture
def two_machines(redis_url: str, tmp_path: Path) -> Iterator[dict[str, subprocess.Popen[bytes]]]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AO_")}
    started = {
        name: subprocess.Popen(
            [sys.executable, "-c", ON_A_MACHINE, name, str(tmp_path / name), redis_url],
            cwd=ROOT,
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for name in ("berlin", "lisbon")
    }
    yield started
    for process in started.values():
        process.send_signal(signal.SIGTERM)
        process.wait(30)


async def beat(console: Console, *workers: str) -> None:
    for worker in workers:
        await Heart(console.bus, process="router", worker=worker).beat()


async def rows(console: Console) -> tuple[set[str], set[str]]:
    """Return the routers in /api/status, and on the Health page."""
    _, status = await console.get("/api/status")
    _, shown = await console.get("/api/v1/snapshot")
    beats: dict[str, Any] = status["heartbeats"]
    on_page = {row["worker"] for row in shown["workers"] if row["process"] == "router"}
    return {name for name in beats if name.startswith("router")}, on_page


async def test_the_same_process_of_two_machines_is_two_rows(console: Console) -> None:
    await beat(console, *NAMES)

    async def both() -> bool:
        await beat(console, *NAMES)
        return await rows(console) == (NAMES, NAMES)

    assert await eventually(both)


async def test_the_alert_names_the_machine_whose_worker_is_silent(
    console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("keter.dashboard.rules.workers.LOST_AFTER_S", 0.0)
    await beat(console, *NAMES)
    await console.context.watch.look()
    (key,) = [key async for key in console.bus.redis.scan_iter(match="*router@lisbon*")]
    await console.bus.redis.execute_command("DEL", key)

    async def told() -> set[str]:
        await beat(console, "router@berlin")
        await console.context.watch.look()
        return {one.id for one in await read_alerts(console.bus) if "router" in one.id}

    assert await eventually(told) == {"heartbeat-lost:router@lisbon"}
    (alert,) = [one for one in await read_alerts(console.bus) if "router" in one.id]
    assert alert.detail == "No heartbeat of router@lisbon."


async def test_a_workers_name_carries_its_machine(
    console: Console, two_machines: dict[str, subprocess.Popen[bytes]]
) -> None:
    async def beating() -> bool:
        workers = {one.worker for one in await read_heartbeats(console.bus)}
        return workers == {f"recorder@{machine}" for machine in two_machines}

    assert await eventually(beating, timeout_s=60)
