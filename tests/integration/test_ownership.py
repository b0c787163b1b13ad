"""One Redis, one owner: whoever is not of the owner's run gets no lease, and a start beside another
instance is refused.
"""

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
import structlog

from keter.bus.codec import encode
from keter.bus.connection import Bus
from keter.bus.errors import NotOwnerError
from keter.bus.locks import Lease, Locks
from keter.bus.state.ownership import claim, give_back, keep, owner_id, read_owner, refuse_strangers
from keter.bus.telemetry.heartbeats import read_heartbeats
from keter.clock import SystemClock
from keter.context import Context
from keter.domain.runs import NOBODY, OwnerRecord, Run
from keter.domain.trading import ExecutionMode
from keter.errors import ConfigurationError, UnavailableError
from keter.opening.stores import open_settings_ledger
from keter.processes.leader import run_as_leader
from keter.processes.lifecycle import live
from keter.processes.run_membership import find_run
from keter.settings import Settings
from keter.supervision.ownership import Ownership
from keter.supervision.run import fingerprint, instance_of, machine_name, new_run
from keter.system.tasks import end_tasks
from tests.kit.execution import an_account
from tests.kit.support import RedisServer, connected, eventually
from tests.kit.workbench import context_on, opened, settings_for, working

pytestmark = pytest.mark.redis
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
LIVE_ACCOUNTS = (an_account("acc", ExecutionMode.LIVE),)
OURS = Run("run-1", "instance-1", "here", LIVE_ACCOUNTS, "ledger-1", "f1")
THEIRS = Run("run-2", "instance-2", "there", (an_account("acc"),), "ledger-2", "f2")


def record(run: Run) -> OwnerRecord:
    return OwnerRecord(run, NOW)


async def seize(bus: Bus, run: Run) -> None:
    """Claim the Redis as another instance does once our record has run out."""
    named: dict[Any, Any] = {
        "run_id": run.run_id,
        "instance_id": run.instance_id,
        "record": encode(record(run)),
    }
    await bus.redis.hset(bus.keys.owner, mapping=named)


@pytest.fixture
async def other(redis_url: str, bus: Bus) -> AsyncIterator[Bus]:
    """Open a second connection to the same Redis."""
    opened = await connected(redis_url)
    yield opened
    await opened.aclose()


async def test_the_first_run_owns_the_redis_and_another_instance_is_told_whose_it_is(
    bus: Bus,
) -> None:
    assert await claim(bus, record(OURS)) is None
    assert await claim(bus, record(THEIRS)) == record(OURS)
    assert await read_owner(bus) == record(OURS)


async def test_the_same_instance_takes_over_at_once_with_a_new_run(bus: Bus) -> None:
    """As after `kill -9` of its supervisor: nothing has to be waited for."""
    assert await claim(bus, record(OURS)) is None
    again = msgspec.structs.replace(OURS, run_id="run-1b")
    assert await claim(bus, record(again)) is None
    assert await owner_id(bus) == "run-1b"
    assert not await keep(bus, record(OURS)), "the run of before must not take it back"


async def test_a_lost_record_is_restored_and_ends_by_itself_or_by_an_orderly_stop(bus: Bus) -> None:
    await claim(bus, record(OURS))
    await bus.redis.execute_command("FLUSHALL")
    assert await keep(bus, record(OURS))
    assert await owner_id(bus) == OURS.run_id
    assert 0 < await bus.redis.pttl(bus.keys.owner) <= 15_000
    assert not await give_back(bus, record(THEIRS))
    assert await give_back(bus, record(OURS))
    assert await owner_id(bus) == NOBODY


@pytest.mark.parametrize("run_id", [THEIRS.run_id, NOBODY])
async def test_a_stranger_gets_no_lease_and_is_told_so(bus: Bus, other: Bus, run_id: str) -> None:
    await claim(bus, record(OURS))
    other.run_id = run_id
    told: list[str] = []
    stop = asyncio.Event()
    async with Lease(other, "guard", 5, "guard", stranger=told.append) as lease:
        waiting = asyncio.create_task(lease.acquire(stop))
        await eventually(lambda: told)
        assert lease.held is None
        stop.set()
        assert not await waiting
    assert len(told) == 1
    bus.run_id = OURS.run_id
    async with Lease(bus, "guard", 5, "guard", mark=OURS.mark) as own:
        assert await own.acquire(asyncio.Event())
        assert await own.valid()
        holder = await Locks(bus).owner(bus.keys.lease("guard"))
        assert holder is not None
        assert holder.endswith(OURS.mark.text), "the lease says whose it is"


async def test_no_lease_is_given_while_nobody_knows_whose_the_redis_is(bus: Bus) -> None:
    """Redis lost its data: until the supervisor has restored its record, nobody leads."""
    bus.run_id = OURS.run_id
    with pytest.raises(NotOwnerError):
        await Locks(bus).acquire("k", 5)
    await claim(bus, record(OURS))
    assert await Locks(bus).acquire("k", 5) is not None


async def test_a_lease_is_not_renewed_once_another_run_owns_the_redis(bus: Bus) -> None:
    await claim(bus, record(OURS))
    bus.run_id = OURS.run_id
    locks = Locks(bus)
    held = await locks.acquire("k", 5)
    assert held is not None
    await bus.redis.execute_command("DEL", bus.keys.owner)
    assert await locks.renew(held), "a supervisor that hangs does not stop its workers"
    assert not await locks.owned(held), "but nothing is bet on a Redis that is not known to be ours"
    await claim(bus, record(THEIRS))
    assert not await locks.renew(held)
    with pytest.raises(NotOwnerError, match=r"DRY on there.*REDIS_KEY_PREFIX"):
        await refuse_strangers(bus)


async def test_a_workers_log_and_heartbeat_say_that_it_stands_by_for_a_stranger(
    bus: Bus, tmp_path: Path
) -> None:
    await claim(bus, record(THEIRS))
    context = context_on(bus, settings_for(tmp_path), "guard")
    entered: list[Lease] = []

    async def body(lease: Lease) -> None:
        entered.append(lease)

    async def run(_: Context) -> None:
        await run_as_leader(context, "guard", body)

    async def noted() -> bool:
        await context.heart.beat()
        return bool((await read_heartbeats(bus))[0].gauges.get("stands_by"))

    async with working(context, run):
        await eventually(noted)
    assert entered == []


async def test_a_running_worker_stops_its_work_when_the_redis_becomes_another_runs(
    redis_url: str, bus: Bus, tmp_path: Path
) -> None:
    """Workers without a lease, too: a validator of ours must not serve a stranger's queue."""
    await claim(bus, record(OURS))
    settings = settings_for(tmp_path, REDIS_URL=redis_url)
    begun, ended, stop = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def work(context: Context) -> None:
        begun.set()
        try:
            await context.stop.wait()
        finally:
            ended.set()

    log = structlog.get_logger("test")
    task = asyncio.create_task(
        live("validator", "validator", settings, work, stop=stop, log=log, belongs_to=OURS)
    )
    await asyncio.wait_for(begun.wait(), 10)
    await bus.redis.execute_command("DEL", bus.keys.owner)
    await claim(bus, record(THEIRS))
    await asyncio.wait_for(ended.wait(), 10)

    async def stands_by() -> bool:
        return any(
            "REDIS_KEY_PREFIX" in beat.gauges.get("stands_by", "")
            for beat in await read_heartbeats(bus)
        )

    await eventually(stands_by)
    begun.clear()
    await give_back(bus, record(THEIRS))
    await asyncio.wait_for(begun.wait(), 10)  # and it goes on when the Redis is its own again
    stop.set()
    await asyncio.wait_for(task, 10)


def owning(settings: Settings, run: Run, *, shared: bool = False) -> Ownership:
    return Ownership(settings, run, SystemClock(), lambda: settings, several_machines=shared)


async def test_a_start_beside_another_instance_is_refused_with_what_to_do(
    redis_url: str, bus: Bus, tmp_path: Path
) -> None:
    await claim(bus, record(OURS))
    second = owning(settings_for(tmp_path), THEIRS)
    with pytest.raises(
        UnavailableError,
        match=r"LIVE for asianodds:acc on here \(mode, ledger, settings differ\);"
        " set REDIS_KEY_PREFIX",
    ):
        await second.begin(redis_url)
    await second.aclose()
    assert await read_owner(bus) == record(OURS)


@pytest.mark.parametrize(
    ("shared", "machine", "joins"),
    [(True, "there", True), (True, "here", False), (False, "there", False)],
)
async def test_another_machine_on_the_same_database_joins_the_run_and_nobody_else_does(
    redis_url: str, bus: Bus, tmp_path: Path, shared: bool, machine: str, joins: bool
) -> None:
    """A ledger that is a file may have been copied: then two would bet on two memories."""
    await claim(bus, record(OURS))
    await bus.redis.hset(bus.keys.armed, "acc", "armed")
    twin = msgspec.structs.replace(OURS, run_id="run-3", instance_id="instance-3", machine=machine)
    second = owning(settings_for(tmp_path), twin, shared=shared)
    if not joins:
        with pytest.raises(UnavailableError):
            await second.begin(redis_url)
    else:
        await second.begin(redis_url)
        assert (second.run.run_id, second.run.machine) == (OURS.run_id, machine)
        assert await bus.redis.exists(bus.keys.armed), "joining a run does not end its arming"
    await second.aclose()


async def test_a_supervisor_that_lost_its_redis_to_another_ends(
    redis_url: str, bus: Bus, tmp_path: Path
) -> None:
    one = owning(settings_for(tmp_path), OURS)
    await one.begin(redis_url)
    holding = asyncio.create_task(one.hold())
    await seize(bus, THEIRS)
    with pytest.raises(UnavailableError, match="another Keter has taken this Redis over"):
        await asyncio.wait_for(holding, 10)
    await one.aclose()


async def test_the_record_tells_which_settings_on_disk_are_not_in_force(
    redis_url: str, bus: Bus, tmp_path: Path
) -> None:
    now = settings_for(tmp_path)
    disk = {"settings": now}

    def on_disk() -> Settings:
        if disk["settings"] is None:
            raise ConfigurationError("wrong settings")
        return disk["settings"]

    one = Ownership(now, OURS, SystemClock(), on_disk, several_machines=False)
    await one.begin(redis_url)
    holding = asyncio.create_task(one.hold())

    async def told() -> tuple[str, ...]:
        found = await read_owner(bus)
        return found.differing if found is not None else ()

    disk["settings"] = settings_for(tmp_path, MAX_STAKE=49, AO_PASS="another-secret")
    await eventually(told)
    assert await told() == ("AO_PASS", "MAX_STAKE")
    disk["settings"] = None  # type: ignore[assignment]  # stands for a file that cannot be read
    await eventually(lambda: _is(told, (".env",)))
    holding.cancel()
    with suppress(asyncio.CancelledError):
        await holding
    await one.end()
    assert await owner_id(bus) == NOBODY


@pytest.mark.slow
async def test_a_disk_that_hangs_does_not_let_the_record_run_out(
    redis_url: str, bus: Bus, tmp_path: Path
) -> None:
    """Without a record no lease is given and nothing is bet: the files are only compared."""
    answer = threading.Event()

    def on_disk() -> Settings:
        answer.wait(60)
        return settings_for(tmp_path, MAX_STAKE=49)

    one = Ownership(settings_for(tmp_path), OURS, SystemClock(), on_disk, several_machines=False)
    await one.begin(redis_url)
    holding = asyncio.create_task(one.hold())
    try:
        await bus.redis.execute_command("DEL", bus.keys.owner)
        await eventually(lambda: _owned_by(bus, OURS.run_id))
        answer.set()
        await eventually(lambda: _told(bus, ("MAX_STAKE",)))
    finally:
        answer.set()
        await end_tasks(holding)
        await one.aclose()


@pytest.mark.slow
async def test_a_redis_that_lets_us_in_no_more_for_a_while_does_not_end_the_run(
    tmp_path: Path,
) -> None:
    """As when its password is changed: open bets are followed again as soon as it lets us in."""
    server = RedisServer()
    try:
        one = Ownership(
            settings_for(tmp_path),
            OURS,
            SystemClock(),
            lambda: settings_for(tmp_path),
            several_machines=False,
        )
        await one.begin(server.url)
        async with opened(server.url) as admin:
            holding = asyncio.create_task(one.hold())
            await admin.redis.execute_command(
                "ACL", "SETUSER", "admin", "on", "nopass", "~*", "&*", "+@all"
            )
            await admin.redis.execute_command("AUTH", "admin", "any")
            await admin.redis.execute_command("ACL", "SETUSER", "default", "-@all")
            await admin.redis.execute_command("DEL", admin.keys.owner)
            with structlog.testing.capture_logs() as logs:
                await eventually(
                    lambda: (
                        holding.done() or any(line["event"] == "owner_not_renewed" for line in logs)
                    )
                )
            assert not holding.done()
            await admin.redis.execute_command("ACL", "SETUSER", "default", "+@all")
            await eventually(lambda: _owned_by(admin, OURS.run_id))
            await end_tasks(holding)
        await one.aclose()
    finally:
        server.close()


async def _owned_by(bus: Bus, run_id: str) -> bool:
    return await owner_id(bus) == run_id


async def _told(bus: Bus, differing: tuple[str, ...]) -> bool:
    found = await read_owner(bus)
    return found is not None and found.differing == differing


async def _is(told: object, wanted: tuple[str, ...]) -> bool:
    return await told() == wanted  # type: ignore[operator,no-any-return]  # a coroutine function of the test above


@pytest.mark.parametrize("change", [{}, {"MAX_STAKE": 49}, {"EXECUTION_MODE": "LIVE"}])
async def test_a_process_started_by_itself_joins_the_run_only_with_its_settings(
    bus: Bus, tmp_path: Path, change: dict[str, object]
) -> None:
    settings = settings_for(tmp_path)
    clock = SystemClock()
    ledger = await open_settings_ledger(settings, clock=clock)
    ledger_id = (await ledger.identity()).ledger_id
    await ledger.aclose()
    assert (await find_run(bus, settings, "router", clock)).run_id == NOBODY
    owner = new_run(settings, lambda: "made", ledger_id=ledger_id)
    await claim(bus, record(owner))
    if not change:
        assert await find_run(bus, settings, "router", clock) == owner
        elsewhere = settings.model_copy(
            update={"mode": settings.mode.model_copy(update={"data_dir": tmp_path / "other"})}
        )
        with pytest.raises(ConfigurationError, match="its ledger is another one"):
            await find_run(bus, elsewhere, "router", clock)
        assert (await find_run(bus, elsewhere, "edge", clock)).run_id == owner.run_id, (
            "an edge needs no ledger"
        )
        return
    with pytest.raises(ConfigurationError, match="cannot join the run"):
        await find_run(bus, settings_for(tmp_path, **change), "router", clock)


def test_an_instance_keeps_its_id_and_a_copy_of_its_folder_is_another_one(tmp_path: Path) -> None:
    ids = iter("abcdef").__next__
    one = tmp_path / "one"
    assert instance_of(one, ids, "here") == instance_of(one, ids, "here") == "a"
    copy = tmp_path / "copy"
    (copy / "run").mkdir(parents=True)
    (copy / "run" / "instance.json").write_bytes((one / "run" / "instance.json").read_bytes())
    assert instance_of(copy, ids, "here") == "b"
    assert instance_of(one, ids, "there") == "c"
    (one / "run" / "instance.json").write_bytes(b"\xff\x00 no json")
    assert instance_of(one, ids, "here") == "d"


def test_a_run_is_what_the_settings_and_the_machine_make_of_it(tmp_path: Path) -> None:
    settings = settings_for(tmp_path)
    run = new_run(settings, iter(["instance", "run"]).__next__, ledger_id="l")
    assert (run.run_id, run.instance_id, run.machine) == ("run", "instance", machine_name())
    assert (run.mode, run.accounts, run.ledger_id, run.fingerprint) == (
        ExecutionMode.DRY,
        (an_account("demo"),),
        "l",
        fingerprint(settings),
    )
