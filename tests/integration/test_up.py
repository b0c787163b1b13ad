"""``keter up`` for real: it starts everything, restarts what dies, stops in order and leaves
nothing.
"""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from keter.settings import child_environment
from keter.system.addresses import free_port
from tests.kit.keter_up import KeterUp, Start
from tests.kit.support import eventually

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]
# Eight processes import and start; how long that takes a busy machine is no promise.
START_MOST_S = 90
WORKERS = {"ingest", "validator", "edge", "guard", "router", "tracker", "recorder", "dashboard"}
REPORTING = WORKERS | {
    "sandbox"
}  # where there is no account; its own log does not say when it stopped


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KeterUp]:
    """One Keter for every test that leaves it running."""
    one = KeterUp(tmp_path_factory.mktemp("keter"))
    yield one
    one.close()


async def everybody(one: KeterUp) -> KeterUp:
    """Wait until the page answers and every worker reports."""
    await one.ready()
    await eventually(
        lambda: set(one.pids()) == REPORTING,
        timeout_s=40,
        every_s=0.2,
        progress=one.pids,
        most_s=START_MOST_S,
    )
    return one


def in_state(one: KeterUp, state: str) -> bool:
    return one.status().get("state") == state


def up(folder: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    settings = {"DATA_DIR": "local", "DASH_PORT": str(free_port()), **environ}
    return subprocess.run(
        [sys.executable, "-m", "keter", "up"],
        cwd=folder,
        env=child_environment(**settings),
        capture_output=True,
        text=True,
        timeout=120,
    )


def stopped_order(folder: Path) -> list[str]:
    """Workers in the order in which they said that they had stopped."""
    lines = []
    for file in (folder / "local" / "logs").glob("*.jsonl"):
        for text in file.read_text().splitlines():
            line = json.loads(text)
            if line["event"] == "process_stopped":
                lines.append((line["at"], line["worker"]))
    return [worker for _, worker in sorted(lines)]


async def test_a_killed_worker_comes_back_and_the_page_counts_it(shared: KeterUp) -> None:
    one = await everybody(shared)
    first = one.pids()["edge"]
    os.kill(first, signal.SIGKILL)
    await eventually(
        lambda: one.pids().get("edge", first) != first, timeout_s=START_MOST_S, every_s=0.2
    )
    health = json.loads(one.fetch("/api/v1/health")[1])
    counted = {worker["worker"]: worker["figures"]["restarts"] for worker in health["workers"]}
    assert (counted["edge"], counted["guard"]) == ("1", "0")


@pytest.mark.skipif(sys.platform == "win32", reason="SIGSTOP is POSIX's")
@pytest.mark.parametrize("name", ["router", "dashboard", "sandbox"])
async def test_a_worker_that_hangs_is_killed_comes_back_and_is_told(
    shared: KeterUp, name: str
) -> None:
    """Also the one that tells: its successor does."""
    one = await everybody(shared)
    first = one.pids()[name]
    os.kill(first, signal.SIGSTOP)
    await eventually(
        lambda: one.pids().get(name, first) != first, timeout_s=START_MOST_S, every_s=0.5
    )

    def told() -> bool:
        code, text = one.fetch("/api/alerts")
        return code == 200 and any(
            row["id"].startswith(f"worker-hung:{name}") for row in json.loads(text)["items"]
        )

    await eventually(told, timeout_s=30, every_s=0.5)


async def test_a_second_one_in_the_same_folder_is_refused(shared: KeterUp) -> None:
    one = await everybody(shared)
    second = up(one.folder)
    assert second.returncode == 69
    assert f"already runs on {one.folder / 'local'} (process {one.process.pid})" in second.stderr
    assert len(second.stderr.splitlines()) == 1
    assert one.fetch("/healthz")[0] == 200


async def test_pause_halt_and_resume_act_within_a_second(shared: KeterUp) -> None:
    one = await everybody(shared)
    await eventually(partial(in_state, one, "ACTIVE"), timeout_s=START_MOST_S, every_s=0.2)
    for command, state in (("pause", "PAUSED"), ("halt", "HALTED"), ("resume", "ACTIVE")):
        assert one.keter(command, "--reason", "test").returncode == 0
        await eventually(partial(in_state, one, state), timeout_s=1, every_s=0.05)
        assert (one.folder / "HALT").exists() == (command == "halt")
    told = json.loads(one.keter("status", "--json").stdout)
    assert (told["mode"], told["state"], told["reason"], told["running"]) == (
        "DEMO",
        "ACTIVE",
        "test",
        True,
    )
    assert {row["worker"] for row in told["processes"]} == REPORTING


def post(one: KeterUp, path: str, body: dict[str, str]) -> dict[str, Any]:
    """Send what the page would send, and return the answer to it."""
    base = f"http://127.0.0.1:{one.port}"
    headers = {"Origin": base, "X-Requested-By": "keter", "Content-Type": "application/json"}
    call = http.client.HTTPConnection("127.0.0.1", one.port, timeout=10)
    call.request("POST", path, json.dumps(body), headers)
    answer = call.getresponse()
    told: dict[str, Any] = json.load(answer)
    assert answer.status == 200, told
    return told


def acting_on(one: KeterUp) -> dict[str, int]:
    """Return the revision of the trading state that each worker says it acts on."""
    code, text = one.fetch("/api/v1/snapshot")
    workers = json.loads(text)["workers"] if code == 200 else []
    return {
        worker["worker"]: worker["revision"] for worker in workers if worker["revision"] is not None
    }


def acts_on(one: KeterUp, wanted: dict[str, int]) -> bool:
    return acting_on(one) == wanted


async def test_guard_and_router_acknowledge_a_command_of_the_page_within_five_seconds(
    shared: KeterUp,
) -> None:
    """What the Stop dialog waits for, and this with nothing to bet."""
    one = await everybody(shared)
    await eventually(
        lambda: set(acting_on(one)) == {"guard", "router"}, timeout_s=START_MOST_S, every_s=0.2
    )
    for action in ("pause", "resume"):
        prepared = post(one, "/api/v1/commands/prepare", {"action": action})
        done = post(one, "/api/v1/commands/commit", {"token": prepared["token"]})
        wanted = {"guard": done["revision"], "router": done["revision"]}
        await eventually(partial(acts_on, one, wanted), timeout_s=5, every_s=0.1)


async def test_the_private_redis_comes_back_with_its_data_when_it_dies(shared: KeterUp) -> None:
    one = await everybody(shared)
    assert one.keter("pause", "--reason", "kept").returncode == 0
    facts = json.loads((one.folder / "local" / "run" / "redis.json").read_text())
    os.kill(facts["pid"], signal.SIGKILL)
    await eventually(lambda: "the private Redis ended" in one.text, timeout_s=START_MOST_S)
    await everybody(one)
    # What Redis had not written yet when it died, the guard brings back from the audit.
    await eventually(partial(in_state, one, "PAUSED"), timeout_s=START_MOST_S, every_s=0.2)
    assert one.keter("resume").returncode == 0


async def test_it_says_where_it_is_and_stops_in_order_within_ten_seconds(
    start: Start, tmp_path: Path
) -> None:
    one = await everybody(start())
    for words in ("DEMO", f"http://127.0.0.1:{one.port}", "sandbox", "private server", "Ctrl+C"):
        assert words in one.text
    begun = time.monotonic()
    assert one.interrupt() == 0
    assert time.monotonic() - begun < 10
    assert one.family() == []
    order = stopped_order(tmp_path)
    assert set(order) == WORKERS
    assert order[0] == "ingest"
    made = [path for path in (tmp_path / "local").rglob("*") if path.is_file()]
    assert {"ledger.db", "router.jsonl"} <= {path.name for path in made}
    assert [path for path in made if path.stat().st_mode & 0o077] == [], (
        "other users can read these"
    )
    assert set(order[1:5]) == {"validator", "edge", "guard", "router"}
    assert "Traceback" not in one.text


async def test_a_killed_supervisor_leaves_no_process_and_the_next_one_works(start: Start) -> None:
    one = await start().ready()
    assert len(one.family()) >= len(WORKERS)
    one.process.kill()
    one.wait()
    two = await everybody(start(DASH_PORT=str(one.port)))
    await eventually(lambda: one.family() == [], timeout_s=20, every_s=0.2)
    assert set(two.pids()) == REPORTING
    assert two.interrupt() == 0


def test_a_taken_port_is_one_sentence_and_69(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        result = up(tmp_path, DASH_PORT=str(other.getsockname()[1]))
    assert result.returncode == 69
    assert "is taken by another program" in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_an_unreachable_redis_is_one_sentence_and_69(tmp_path: Path) -> None:
    port = free_port()
    result = up(
        tmp_path, REDIS_HOST="127.0.0.1", REDIS_PORT=str(port), REDIS_PASSWORD="canary-4711"
    )
    assert result.returncode == 69
    assert f"127.0.0.1:{port}" in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert "canary" not in result.stderr + result.stdout


@pytest.mark.parametrize("line", ["FIXD_STAKE=5", "NONSENSE=1", "FIXED_STAKE=five"])
def test_a_wrong_env_file_is_one_sentence_and_78(tmp_path: Path, line: str) -> None:
    (tmp_path / ".env").write_text(line + "\n")
    result = up(tmp_path)
    assert result.returncode == 78
    assert line.partition("=")[0] in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert not (tmp_path / "local").exists()


def test_halt_with_nothing_running_says_what_it_wrote(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "keter", "halt", "--reason", "storm"]
    result = subprocess.run(
        command,
        cwd=tmp_path,
        env=child_environment(DATA_DIR="local"),
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert result.returncode == 69
    assert (
        f"written to {tmp_path / 'HALT'}; the next start from there will be halted" in result.stderr
    )
    assert "storm" in (tmp_path / "HALT").read_text()
    assert not (tmp_path / "local").exists()


def test_a_worker_that_gives_up_stops_everything_with_its_own_sentence_and_code(
    tmp_path: Path,
) -> None:
    result = up(tmp_path, DASH_TOTP_SECRET="not base32!")
    assert result.returncode == 78
    assert (
        result.stderr.splitlines()[-1]
        == "keter: dashboard: DASH_TOTP_SECRET (or the viewer's) is not base32"
    )
    assert not (tmp_path / "local" / "run" / "redis.json").exists()
