"""Workers as real processes: they start without Redis, live through its death, and stop when
asked.
"""

import asyncio
import http.client
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import structlog

from keter.bus.connection import Bus
from keter.bus.errors import BusRefusedError, ConnectionLostError
from keter.bus.queue import QueueName, depths
from keter.bus.telemetry.heartbeats import read_heartbeats
from keter.clock import Clock
from keter.context import Context
from keter.domain.processes import STAGE_GRACE_S, STAGE_OF, Process
from keter.domain.runs import Run
from keter.errors import ExitCode
from keter.processes import lifecycle
from keter.processes.lifecycle import live, stop_deadline_s
from keter.processes.run_membership import find_run
from keter.settings import Settings
from keter.system.addresses import free_port
from keter.venues.asianodds.simulator.server import Sandbox
from tests.integration.test_pipeline import still_world
from tests.kit.signals import ACCOUNT
from tests.kit.support import ROOT, RedisServer, eventually
from tests.kit.workbench import fund, opened, settings_for

pytestmark = pytest.mark.redis
START_S = 60  # a busy machine imports slowly


@asynccontextmanager
async def process(
    name: str, folder: Path, **names: object
) -> AsyncIterator[subprocess.Popen[bytes]]:
    """``keter run NAME`` with its data in ``folder``; killed at the end if it still lives."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("AO_")}
    environment |= {
        "DATA_DIR": str(folder),
        "HALT_FILE": str(folder / "HALT"),
        "AO_USER": "demo",
        "AO_PASS": "demo-pass",
    }
    environment |= {
        "WORKER_LEASE_TTL_S": "2",
        "HEARTBEAT_S": "0.2",
        **{key: str(value) for key, value in names.items()},
    }
    log = (folder / f"{name}.out").open("ab")
    child = subprocess.Popen(
        [sys.executable, "-m", "keter", "run", name],
        env=environment,
        cwd=ROOT,
        stdout=log,
        stderr=log,
    )
    log.close()
    try:
        yield child
    finally:
        if child.poll() is None:
            child.kill()
        child.wait(10)


async def stopped(child: subprocess.Popen[bytes], within_s: float) -> int:
    """Asks the process to stop; its exit code."""
    child.send_signal(signal.SIGTERM)
    await eventually(lambda: child.poll() is not None, timeout_s=within_s)
    return child.returncode


async def beats(url: str, process: str) -> bool:
    async with opened(url) as bus:
        return any(beat.process == process for beat in await read_heartbeats(bus))


@pytest.mark.parametrize(
    "name", [Process.INGEST, Process.VALIDATOR, Process.EDGE, Process.GUARD, Process.RECORDER]
)
@pytest.mark.slow
async def test_a_worker_beats_and_stops_within_its_grace(
    redis_url: str, tmp_path: Path, name: Process
) -> None:
    base = f"http://127.0.0.1:{free_port()}/nobody"
    async with process(name.value, tmp_path, REDIS_URL=redis_url, AO_BASE_URL=base) as child:
        await eventually(lambda: beats(redis_url, name.value), timeout_s=START_S)
        assert await stopped(child, 3 * STAGE_GRACE_S[STAGE_OF[name]]) == ExitCode.OK


async def test_a_worker_waits_for_a_redis_that_comes_later(tmp_path: Path) -> None:
    server = RedisServer()
    server.kill()
    try:
        async with process("validator", tmp_path, REDIS_URL=server.url) as child:
            await eventually(
                lambda: b"redis_unreachable" in (tmp_path / "validator.out").read_bytes(),
                timeout_s=START_S,
            )
            assert child.poll() is None
            server.start()
            await eventually(lambda: beats(server.url, "validator"), timeout_s=START_S)
            assert await stopped(child, 10) == ExitCode.OK
    finally:
        server.close()


def snapshot(port: int) -> tuple[int, str]:
    """Status and body of what the page asks for first; 0 while nobody listens."""
    call = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        call.request("GET", "/api/v1/snapshot")
        answer = call.getresponse()
        return answer.status, answer.read().decode()
    except OSError:
        return 0, ""
    finally:
        call.close()


@pytest.mark.slow
async def test_the_dashboard_serves_without_redis_and_follows_it_to_another_address(
    tmp_path: Path,
) -> None:
    port, run = free_port(), tmp_path / "run" / "redis.json"
    run.parent.mkdir()
    servers: list[RedisServer] = []
    try:
        async with process("dashboard", tmp_path, DASH_PORT=port) as child:
            await eventually(
                lambda: "no Redis: set REDIS_URL" in snapshot(port)[1], timeout_s=START_S
            )
            assert snapshot(port)[0] == 503
            for _ in range(2):
                servers.append(RedisServer())
                run.write_text(
                    json.dumps({"url": servers[-1].url, "kind": "local", "pid": servers[-1].pid})
                )
                await eventually(lambda: snapshot(port)[0] == 200, timeout_s=15)
                await eventually(lambda: beats(servers[-1].url, "dashboard"), timeout_s=15)
                servers[-1].kill()
                await eventually(lambda: snapshot(port)[0] == 503, timeout_s=15)
            assert child.poll() is None
            assert await stopped(child, 10) == ExitCode.OK
    finally:
        for server in servers:
            server.close()


async def test_a_worker_can_be_stopped_while_redis_is_away(tmp_path: Path) -> None:
    server = RedisServer()
    try:
        async with process("edge", tmp_path, REDIS_URL=server.url) as child:
            await eventually(lambda: beats(server.url, "edge"), timeout_s=START_S)
            server.kill()
            await eventually(
                lambda: b"redis_" in (tmp_path / "edge.out").read_bytes(), timeout_s=START_S
            )
            assert child.poll() is None
            assert await stopped(child, 10) == ExitCode.OK
    finally:
        server.close()


async def test_a_worker_waits_while_redis_is_busy(tmp_path: Path) -> None:
    """Its own script is refused then; a process that ended would be started again, up to 30 s
    later.
    """
    server, stop, begun = RedisServer(), asyncio.Event(), asyncio.Event()

    async def run(context: Context) -> None:
        begun.set()
        await context.stop.wait()

    async with opened(server.url) as bus:
        await bus.redis.execute_command("CONFIG", "SET", "lua-time-limit", "10")
        endless = asyncio.create_task(bus.blocking.execute_command("EVAL", "while true do end", 0))
        await eventually(lambda: _busy(bus))
        settings = settings_for(tmp_path, REDIS_URL=server.url)
        with structlog.testing.capture_logs() as logs:
            log = structlog.get_logger("validator")
            worker = asyncio.create_task(live("validator", "v", settings, run, stop=stop, log=log))
            await eventually(
                lambda: worker.done() or any(line["event"] == "redis_unreachable" for line in logs)
            )
        await bus.redis.execute_command("SCRIPT KILL")
        await asyncio.wait({endless})
        assert endless.exception() is not None
        await eventually(lambda: worker.done() or begun.is_set())
        stop.set()
        await worker
    server.close()


async def _busy(bus: Bus) -> bool:
    try:
        await bus.now_ms()
    except BusRefusedError:
        return True
    return False


async def test_a_redis_that_goes_while_a_worker_asks_whose_it_is_is_waited_for(
    redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stop = asyncio.Event()
    asked: list[str] = []

    async def find(bus: Bus, settings: Settings, process: str, clock: Clock) -> Run:
        asked.append(process)
        if len(asked) == 1:
            raise ConnectionLostError("gone")
        return await find_run(bus, settings, process, clock)

    async def run(context: Context) -> None:
        context.stop.set()

    monkeypatch.setattr(lifecycle, "find_run", find)
    settings = settings_for(tmp_path, REDIS_URL=redis_url)
    await live("validator", "v", settings, run, stop=stop, log=structlog.get_logger("validator"))
    assert len(asked) == 2


async def test_a_wrong_setting_ends_a_worker_with_the_code_that_forbids_restarts(
    tmp_path: Path,
) -> None:
    async with process("validator", tmp_path, MAX_QUOTE_AGE_S="soon") as child:
        await eventually(lambda: child.poll() is not None, timeout_s=START_S)
        assert child.returncode == ExitCode.CONFIGURATION
    assert b"MAX_QUOTE_AGE_S" in (tmp_path / "validator.out").read_bytes()


@pytest.mark.slow
async def test_from_feed_to_approved_through_five_processes_one_of_them_killed(
    redis_url: str, tmp_path: Path
) -> None:
    """SIGKILL of the validator in mid-stream: its successor takes back what it held, and nothing is
    missing at the end.
    """
    fixtures = 40
    roomy = {
        "THROTTLE_BETS": 1000,
        "MAX_EXPOSURE_LEAGUE": 99999,
        "MAX_EXPOSURE_DAY": 99999,
        "MAX_EXPOSURE_TOTAL": 99999,
    }
    async with Sandbox(still_world(fixtures)) as sandbox, opened(redis_url) as bus:
        world: dict[str, object] = {"REDIS_URL": redis_url, "AO_BASE_URL": sandbox.url, **roomy}
        await fund(bus, settings_for(tmp_path))
        async with process("validator", tmp_path, **world) as first:
            await eventually(lambda: beats(redis_url, "validator"), timeout_s=START_S)
            async with process("ingest", tmp_path, **world), process("edge", tmp_path, **world):
                await eventually(
                    lambda: _reached(redis_url, QueueName.CONFIRMED, 1), timeout_s=START_S
                )
                first.kill()
                async with (
                    process("validator", tmp_path, **world) as second,
                    process("guard", tmp_path, **world),
                ):
                    await eventually(
                        lambda: _reached(redis_url, QueueName.APPROVED, fixtures), timeout_s=START_S
                    )
                    assert second.poll() is None


async def _reached(url: str, queue: QueueName, least: int) -> bool:
    async with opened(url) as bus:
        return (await depths(bus, [ACCOUNT]))[queue].depth >= least


def test_a_worker_finishes_before_the_supervisor_loses_patience() -> None:
    for name in Process:
        assert stop_deadline_s(name.value) < STAGE_GRACE_S[STAGE_OF[name]]
