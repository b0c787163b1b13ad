"""Runs of a whole Keter: edited settings, a stranger on its Redis, a supervisor that was killed,
leftovers.
"""

import json
import os
import signal
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from keter.bus.codec import encode
from keter.bus.connection import connect
from keter.bus.queue import Output, Pipe, approved_for
from keter.bus.state.ownership import owner_id, read_owner
from keter.bus.telemetry.audit import period_of, read_counts
from keter.domain.runs import NOBODY
from keter.domain.trading import ExecutionMode
from tests.kit.execution import approved
from tests.kit.keter_up import KeterUp
from tests.kit.support import RedisServer, eventually

Start = Callable[..., KeterUp]
SECRET = "word-of-nobody-4711"


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start Keters of the test's own, each in a folder of its own."""
    running: list[KeterUp] = []

    def begin(folder: str = "one", **environ: str) -> KeterUp:
        (tmp_path / folder).mkdir(exist_ok=True)
        running.append(KeterUp(tmp_path / folder, **environ))
        return running[-1]

    yield begin
    for one in running:
        one.close()


@pytest.fixture
def redis() -> Iterator[RedisServer]:
    server = RedisServer()
    yield server
    server.close()


async def working(one: KeterUp) -> KeterUp:
    await one.ready()
    await eventually(
        lambda: {"router", "guard", "tracker"} <= set(one.pids()), timeout_s=60, every_s=0.2
    )
    return one


def leases_of_routers(one: KeterUp) -> list[str]:
    """For which account each router of this Keter has won its lease, in turn."""
    lines = map(
        json.loads, (one.folder / "local" / "logs" / "router.jsonl").read_text().splitlines()
    )
    return [line["lease"] for line in lines if line["event"] == "lease_won"]


async def test_an_edited_env_changes_nothing_before_the_next_start_and_is_told(
    start: Start, tmp_path: Path
) -> None:
    """A1: the mode was edited to LIVE during a DRY run and the router killed; the new one bet real
    money.
    """
    env = tmp_path / "one" / ".env"
    env.parent.mkdir()
    env.write_text("FIXED_STAKE=7\nAO_USER=\n")
    one = await working(start())
    assert one.status()["settings_differ"] == []
    env.write_text(
        f"FIXED_STAKE=9\nEXECUTION_MODE=LIVE\nAO_USER=somebody\nAO_PASS={SECRET}\nMETRICS_TOKEN={SECRET}\n"
    )
    first = one.pids()["router"]
    os.kill(first, signal.SIGKILL)
    await eventually(lambda: one.pids().get("router", first) != first, timeout_s=60, every_s=0.2)
    await eventually(lambda: len(leases_of_routers(one)) == 2, timeout_s=60, every_s=0.2)
    before, after = leases_of_routers(one)
    assert after == before, "the new router works for the account that the run began with"
    status = one.status()
    assert status["mode"] == "DEMO"
    config = one.fetch("/api/v1/config")[1]
    assert '"7"' in config and '"9"' not in config, "the Config screen shows what is in force"
    await eventually(lambda: one.status().get("settings_differ"), timeout_s=20, every_s=0.2)
    assert one.status()["settings_differ"] == [
        "EXECUTION_MODE",
        "AO_USER",
        "AO_PASS",
        "FIXED_STAKE",
        "METRICS_TOKEN",
    ]
    told = one.keter("status").stdout
    assert "DEMO" in told and "settings on disk differ from those in force: EXECUTION_MODE" in told
    env.write_text("NO_SUCH_SETTING=1\n")
    await eventually(
        lambda: one.status().get("settings_differ") == [".env"], timeout_s=20, every_s=0.2
    )
    assert one.interrupt() == 0
    said = (
        one.text
        + told
        + "".join(path.read_text() for path in (env.parent / "local" / "logs").glob("*.jsonl"))
    )
    assert SECRET not in said


async def test_a_child_is_given_its_settings_and_no_secret_stands_in_its_command_or_environment(
    start: Start, tmp_path: Path
) -> None:
    env = tmp_path / "one" / ".env"
    env.parent.mkdir()
    env.write_text(f"ALERT_WEBHOOK_URL=http://127.0.0.1:9/{SECRET}\n")
    one = await working(start())
    for child in one.family():
        assert SECRET not in " ".join([*child.cmdline(), *child.environ().values()])
    unsupervised = one.keter("run", "edge", "--supervised")
    assert unsupervised.returncode == 78
    assert "the supervisor handed no settings over" in unsupervised.stderr


async def test_a_stranger_is_refused_on_a_redis_that_is_owned_and_a_prefix_keeps_two_apart(
    start: Start, redis: RedisServer
) -> None:
    one = await working(start("one", REDIS_URL=redis.url))
    second = start("two", REDIS_URL=redis.url, FIXED_STAKE="4")
    assert second.wait(60) == 69
    assert "this Redis belongs to another Keter: DEMO for sandbox:demo" in second.text
    assert "set REDIS_KEY_PREFIX" in second.text
    assert one.status()["state"] == "ACTIVE"
    single = second.keter("run", "validator", "--copy", "2")
    assert single.returncode == 78
    assert "validator cannot join the run" in single.stderr
    third = await working(
        start("two", REDIS_URL=redis.url, FIXED_STAKE="4", REDIS_KEY_PREFIX="second:")
    )
    assert third.interrupt() == 0


async def test_after_its_supervisor_was_killed_the_same_instance_starts_at_once_and_another_waits(
    start: Start, redis: RedisServer
) -> None:
    one = await working(start("one", REDIS_URL=redis.url))
    bus = await connect(redis.url)
    first = await owner_id(bus)
    one.process.kill()
    one.process.wait(10)
    again = await working(start("one", REDIS_URL=redis.url))
    assert await owner_id(bus) not in {first, NOBODY}
    assert again.interrupt() == 0
    assert await owner_id(bus) == NOBODY, "an orderly stop gives the Redis back"
    await bus.aclose()


async def test_a_redis_that_lost_everything_is_owned_again_within_seconds(
    start: Start, redis: RedisServer
) -> None:
    one = await working(start("one", REDIS_URL=redis.url))
    bus = await connect(redis.url)
    before = await read_owner(bus)
    await bus.redis.execute_command("FLUSHALL")

    async def back() -> bool:
        found = await read_owner(bus)
        return found is not None and before is not None and found.run == before.run

    await eventually(back, timeout_s=10, every_s=0.1)
    await eventually(lambda: one.status().get("state") == "ACTIVE", timeout_s=60, every_s=0.2)
    await bus.aclose()


async def test_an_approval_left_by_another_run_is_refused_with_its_reason(
    start: Start, redis: RedisServer
) -> None:
    bus = await connect(redis.url)
    await working(start("one", REDIS_URL=redis.url))
    record = await read_owner(bus)
    assert record is not None
    account = record.run.accounts[0].key
    signal = approved("left-over", account=account)
    pipe = Pipe(bus, source=None, worker="test", lease_ttl_s=5)
    await pipe.step(outputs=[Output(approved_for(account), signal.queue_key, encode(signal))])
    today = datetime.now(UTC).date().isoformat()

    async def refused() -> int:
        return (await read_counts(bus, period_of(today, ExecutionMode.DEMO))).get(
            "router:other_run", 0
        )

    await eventually(refused, timeout_s=60, every_s=0.2)
    await bus.aclose()
