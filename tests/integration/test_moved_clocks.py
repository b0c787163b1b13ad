"""The clocks of Redis and of Keter are moved by two hours, back and forth, while both run."""

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from keter.bus.connection import Bus, connect
from keter.bus.errors import LeaseLostError
from keter.bus.locks import Held, Lease, Locks
from keter.bus.queue import Output, Pipe, QueueName, Reaper, queues_of
from keter.bus.state.accounts import read_accounts, write_account
from keter.bus.state.cooldowns import cool_down, cooling
from keter.bus.state.ownership import claim
from keter.bus.state.reconciliation import ask_for_pass, note_pass, pass_done
from keter.bus.state.risk import RiskBook
from keter.bus.state.sessions import SessionStore, ThrottleStore
from keter.bus.telemetry.heartbeats import Heart, read_heartbeats
from keter.clock import ManualClock
from keter.control.base import Operator
from keter.control.commands import Control
from keter.domain.exposure import Exposure, ExposureStatus
from keter.domain.market_kinds import Outcome
from keter.domain.markets import parse_market
from keter.domain.runs import OwnerRecord, Run
from keter.domain.signals import check_age
from keter.domain.tickets import AccountSnapshot
from keter.domain.trading import TradingMode
from keter.domain.verdicts import Reason
from keter.settings import load_settings
from keter.venues.asianodds.stores import Session
from tests.integration.test_guard import Desk, desk, fund
from tests.kit.execution import ACCOUNT, LIVE_RUN, NOW, a_signal, an_account
from tests.kit.support import RedisServer, eventually

pytestmark = pytest.mark.redis
LIBRARIES = sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
HOURS_S = 7_200
TTL_S = 1.0
SLACK_S = 2.0  # for a machine that is busy
RUN = LIVE_RUN.mark
DAY = "2026-02-21"
ME = Operator("ops", "cli")


class MovableRedis(RedisServer):
    """A server whose wall clock is moved while it runs; its monotonic clock goes on, as on a real
    host.
    """

    def start(self) -> None:
        self.move(0)
        # The library allocates while jemalloc begins, which asks for the time: libc's own malloc
        # must come before it.
        preload = f"{LIBRARIES[0]}:libc.so.6"
        names = {"TIMESTAMP_FILE": self._file, "NO_CACHE": 1, "DONT_FAKE_MONOTONIC": 1}
        faking = [f"FAKETIME_{name}={value}" for name, value in names.items()]
        self._command = ["env", f"LD_PRELOAD={preload}", *faking, *self._command]
        super().start()

    @property
    def _file(self) -> Path:
        return self.folder / "clock"

    def move(self, seconds: int) -> None:
        """Set the clock so far off the true one."""
        new = self.folder / "clock.new"
        new.write_text(f"{seconds:+d}\n")
        new.replace(self._file)


@pytest.fixture(scope="module")
def server() -> Iterator[MovableRedis]:
    if not LIBRARIES:
        pytest.skip("no libfaketime on this machine; scripts/test.sh installs Debian's")
    server = MovableRedis()
    yield server
    server.close()


@pytest.fixture
async def bus(server: MovableRedis) -> AsyncIterator[Bus]:
    server.move(0)
    bus = await connect(server.url)
    await bus.redis.flushall()
    yield bus
    await bus.aclose()


either_way = pytest.mark.parametrize("seconds", [-HOURS_S, HOURS_S], ids=["back", "forth"])


async def moved(server: MovableRedis, bus: Bus, seconds: int) -> None:
    """Move the server's clock, and makes sure that it shows another time."""
    before = await bus.now_ms()
    server.move(seconds)
    assert abs(await bus.now_ms() - before - seconds * 1000) < 60_000


def reservation(decision_id: str) -> Exposure:
    now = datetime.now(UTC)
    return Exposure(
        decision_id=decision_id,
        event_uid="event",
        league="League",
        market=parse_market("fb", "ft.1x2"),
        outcome=Outcome.HOME,
        stake_minor=1_000,
        odds="2.10",
        status=ExposureStatus.RESERVED,
        made_at=now,
        expires_at=now + timedelta(seconds=60),
        account=ACCOUNT,
    )


async def reserve(book: RiskBook, lease: Held, decision_id: str) -> None:
    assert await book.reserve(
        reservation(decision_id), revision=(await book.read()).revision, lease=lease
    )


async def reserve_at(book: RiskBook, lease: Held, decision_id: str, clock: ManualClock) -> None:
    """As ``reserve``, of a book with a clock of its own."""
    made = msgspec.structs.replace(
        reservation(decision_id), expires_at=clock.now() + timedelta(seconds=60)
    )
    assert await book.reserve(made, revision=(await book.read()).revision, lease=lease)


async def guards_lease(bus: Bus) -> Held:
    held = await Locks(bus).acquire(bus.keys.lease("guard"), 60)
    assert held is not None
    return held


async def standing(book: RiskBook) -> list[str]:
    return [exposure.decision_id for exposure in (await book.read()).exposures]


@either_way
async def test_a_throttle_waits_an_interval_at_most(
    server: MovableRedis, bus: Bus, seconds: int
) -> None:
    store = ThrottleStore(bus)
    assert await store.take("me", "feed", 5) == 0
    await moved(server, bus, seconds)
    assert await store.take("me", "feed", 5) == 0
    assert 0 < await store.take("me", "feed", 5) <= 5


@either_way
async def test_the_lease_of_a_dead_holder_goes_to_another_within_a_life(
    server: MovableRedis, bus: Bus, seconds: int
) -> None:
    dead = await Locks(bus).acquire(bus.keys.lease("guard"), TTL_S)
    assert dead is not None
    await moved(server, bus, seconds)
    began = time.monotonic()
    async with Lease(bus, "guard", TTL_S, "other") as lease:
        async with asyncio.timeout(10):
            assert await lease.acquire(asyncio.Event())
        assert time.monotonic() - began < TTL_S + SLACK_S
        assert lease.held is not None
        assert lease.held.fence > dead.fence, "numbers grow also where the clock went back"
        assert not await Locks(bus).renew(dead)


@either_way
async def test_a_living_holder_keeps_its_lease_or_knows_that_it_lost_it(
    server: MovableRedis, bus: Bus, seconds: int
) -> None:
    async with Lease(bus, "guard", TTL_S, "one") as lease:
        assert await lease.acquire(asyncio.Event())
        await moved(server, bus, seconds)
        if seconds < 0:
            assert await Locks(bus).acquire(bus.keys.lease("guard"), TTL_S) is None, (
                "it lives: it is not taken from it"
            )
            assert await lease.valid()
            return
        assert not await lease.valid()
        await asyncio.wait_for(lease.lost.wait(), TTL_S + SLACK_S)
        assert await lease.acquire(asyncio.Event())


@either_way
async def test_the_record_of_a_dead_owner_ends_within_its_life(
    server: MovableRedis, bus: Bus, seconds: int
) -> None:
    other = Run("run-2", "instance-2", "there", (an_account("acc"),), "ledger-2", "f2")
    assert await claim(bus, OwnerRecord(LIVE_RUN, NOW)) is None
    whole_ms = await bus.redis.pttl(bus.keys.owner)
    await moved(server, bus, seconds)
    refused = await claim(bus, OwnerRecord(other, NOW))
    if seconds < 0:
        assert refused is not None, "it may live: it is not taken from it"
        assert 0 < await bus.redis.pttl(bus.keys.owner) <= whole_ms + 1_000
    else:
        assert refused is None


@either_way
async def test_a_dead_reservation_frees_its_exposure_and_becomes_no_bet(
    server: MovableRedis, bus: Bus, seconds: int
) -> None:
    book, lease = RiskBook(bus, ACCOUNT, reservation_s=60), await guards_lease(bus)
    await reserve(book, lease, "dead")
    await moved(server, bus, seconds)
    assert await standing(book) == []
    assert not await book.convert("dead", day=DAY)
    assert not await book.refresh("dead", datetime.now(UTC) + timedelta(seconds=60))
    lease = lease if seconds < 0 else await guards_lease(bus)
    await reserve(book, lease, "next")
    server.move(0)
    assert not await book.convert("dead", day=DAY), "also where the clock is put right again"
    assert "dead" not in await standing(book)


@either_way
async def test_no_reservation_becomes_a_bet_twice(
    server: MovableRedis, bus: Bus, seconds: int
) -> None:
    book, lease = RiskBook(bus, ACCOUNT, reservation_s=60), await guards_lease(bus)
    await reserve(book, lease, "first")
    assert await book.convert("first", day=DAY)
    await moved(server, bus, seconds)
    lease = lease if seconds < 0 else await guards_lease(bus)
    assert await book.convert("first", day=DAY)
    await reserve(book, lease, "first")
    await reserve(book, lease, "second")
    assert await book.convert("second", day=DAY)
    server.move(0)
    assert await book.convert("second", day=DAY)
    state = await book.read(DAY)
    assert {exposure.status for exposure in state.exposures} == {ExposureStatus.BET}
    assert state.day is not None
    assert (state.day.bets, state.day.staked_minor) == (2, 2_000)


class Ticking(ManualClock):
    """A guard's own clock; it is moved by hand, so that a window passes without waiting."""

    def __init__(self) -> None:
        super().__init__(NOW)

    def pass_s(self, seconds: float) -> None:
        self.set(self.now() + timedelta(seconds=seconds))


@either_way
async def test_a_bet_counts_for_the_throttle_though_the_clock_moves(
    server: MovableRedis, bus: Bus, seconds: int
) -> None:
    """For one window of true time, no less, and no more: the throttle is not shut for the hours
    that the clock moved.
    """
    clock = Ticking()
    book = RiskBook(bus, ACCOUNT, clock=clock)
    await book.note_bet("before")
    assert await book.bets_in_window(60) == 1
    await moved(server, bus, seconds)
    assert await book.bets_in_window(60) == 1
    await book.note_bet("after")
    assert await book.bets_in_window(60) == 2
    clock.pass_s(59)
    assert await book.bets_in_window(60) == 2
    clock.pass_s(3)
    assert await book.bets_in_window(60) == 0


@either_way
async def test_a_bet_sent_between_two_looks_counts_though_the_clock_moved_too(
    server: MovableRedis, bus: Bus, seconds: int
) -> None:
    """The guard has seen no more of it than its reservation."""
    clock = Ticking()
    guards, routers = RiskBook(bus, ACCOUNT, clock=clock), RiskBook(bus, ACCOUNT)
    await reserve_at(guards, await guards_lease(bus), "sent", clock)
    assert await guards.bets_in_window(60) == 0
    assert await routers.convert("sent", day=DAY)
    await moved(server, bus, seconds)
    await guards.read()
    assert await guards.bets_in_window(60) == 1
    clock.pass_s(61)
    assert await guards.bets_in_window(60) == 0


async def test_a_guard_that_starts_after_the_clock_was_set_back_counts_what_lies_in_the_future(
    server: MovableRedis, bus: Bus
) -> None:
    await RiskBook(bus, ACCOUNT).note_bet("before")
    await moved(server, bus, -HOURS_S)
    clock = Ticking()
    book = RiskBook(bus, ACCOUNT, clock=clock)
    assert await book.bets_in_window(60) == 1
    clock.pass_s(61)
    assert await book.bets_in_window(60) == 0, "no longer than a window from the first look on"


@either_way
async def test_the_throttle_does_not_ask_keters_wall_clock(bus: Bus, seconds: int) -> None:
    clock = ManualClock(NOW)
    book = RiskBook(bus, ACCOUNT, clock=clock)
    await book.note_bet("before")
    assert await book.bets_in_window(60) == 1
    clock._now = NOW + timedelta(seconds=seconds)  # the wall clock alone
    assert await book.bets_in_window(60) == 1


async def test_a_bet_counts_for_the_throttle_though_redis_was_lost(bus: Bus) -> None:
    book = RiskBook(bus, ACCOUNT)
    await book.note_bet("before")
    assert await book.bets_in_window(60) == 1
    await bus.redis.flushall()
    assert await book.bets_in_window(60) == 1


@either_way
async def test_a_rest_ends_with_the_clock_and_a_new_one_counts(
    server: MovableRedis, bus: Bus, seconds: int
) -> None:
    await cool_down(bus, ACCOUNT, event_uid="e", seconds=60, reason="ok")
    await moved(server, bus, seconds)
    assert await cooling(bus, ACCOUNT, "e", "s") is None
    await cool_down(bus, ACCOUNT, event_uid="e", seconds=30, reason="ok")
    assert await cooling(bus, ACCOUNT, "e", "s") is Reason.COOLDOWN_EVENT


@either_way
async def test_the_beat_of_the_dead_is_none_and_the_living_beat_again(
    server: MovableRedis, bus: Bus, seconds: int
) -> None:
    dead, living = (Heart(bus, process=name, worker=name) for name in ("guard", "router"))
    await dead.beat()
    await living.beat()
    await moved(server, bus, seconds)
    assert await read_heartbeats(bus) == []
    await living.beat()
    (beat,) = await read_heartbeats(bus)
    assert (beat.process, beat.age_s < SLACK_S) == ("router", True)


@either_way
async def test_what_a_dead_worker_holds_comes_back_within_a_lease(
    server: MovableRedis, bus: Bus, seconds: int
) -> None:
    dead, producer = await pipe(bus, "dead"), Pipe(bus, source=None, worker="p", lease_ttl_s=TTL_S)
    await producer.step(outputs=[Output(QueueName.RAW, key, b"payload") for key in ("a", "b")])
    assert [item.key for item in await dead.step(claim=2)] == ["a", "b"]
    await moved(server, bus, seconds)
    reaper, began = Reaper(bus, queues=queues_of([ACCOUNT]), lease_ttl_s=TTL_S), time.monotonic()
    assert await eventually(reaper.run_once, timeout_s=10) == 2
    assert time.monotonic() - began < TTL_S + SLACK_S
    other = await pipe(bus, "other")
    taken = [item.key for done in (0, 1) for item in await other.step(done=done, claim=64)]
    assert taken == ["a", "b"], "in order, each alone and once"
    assert await other.step(done=1, claim=64) == []
    with pytest.raises(LeaseLostError):
        await dead.step(done=2)


@either_way
async def test_a_living_worker_loses_nothing(server: MovableRedis, bus: Bus, seconds: int) -> None:
    worker, producer = await pipe(bus, "w"), Pipe(bus, source=None, worker="p", lease_ttl_s=TTL_S)
    await producer.step(outputs=[Output(QueueName.RAW, "a", b"payload")])
    assert len(await worker.step(claim=1)) == 1
    await moved(server, bus, seconds)
    if seconds < 0:
        await Reaper(bus, queues=queues_of([ACCOUNT]), lease_ttl_s=TTL_S).run_once()
    else:
        with pytest.raises(LeaseLostError):
            await worker.step(done=1)
        await worker.reopen()
        assert [item.key for item in await worker.step(claim=1)] == ["a"]
    await worker.step(done=1)
    assert await worker.step(claim=64) == []


async def pipe(bus: Bus, worker: str) -> Pipe:
    made = Pipe(bus, source=QueueName.RAW, worker=worker, lease_ttl_s=TTL_S)
    await made.open()
    return made


@either_way
async def test_a_pass_of_another_time_opens_no_router(
    server: MovableRedis, bus: Bus, seconds: int
) -> None:
    await ask_for_pass(bus, "me", "t")
    await note_pass(bus, "me", "t", RUN)
    assert await pass_done(bus, "me", "t", RUN, within_s=60)
    await moved(server, bus, seconds)
    assert not await pass_done(bus, "me", "t", RUN, within_s=60)
    await note_pass(bus, "me", "t", RUN)
    assert await pass_done(bus, "me", "t", RUN, within_s=60), "the next pass counts"


@either_way
async def test_session_and_account_stay_and_can_be_replaced(
    server: MovableRedis, bus: Bus, seconds: int
) -> None:
    """The venue decides how long a session is good; the age of an account is measured by Keter's
    own clock.
    """
    sessions = SessionStore(bus, Session)
    old, new = (Session(token, "key", "http://venue", NOW) for token in ("old", "new"))
    await sessions.write("me", old)
    await write_account(bus, AccountSnapshot("me", "EUR", 1, 0, 0, 0, NOW))
    await moved(server, bus, seconds)
    assert await sessions.read("me") == old
    await sessions.drop("me", "old")
    assert await sessions.read("me") is None
    await sessions.write("me", new)
    assert await sessions.read("me") == new
    await write_account(bus, AccountSnapshot("me", "EUR", 2, 0, 0, 0, NOW))
    assert [account.credit_minor for account in await read_accounts(bus)] == [2]


@either_way
def test_a_signal_of_another_time_is_not_bet(seconds: int) -> None:
    router = load_settings(None, {}).router
    clock, signal = ManualClock(NOW), a_signal(at=NOW)
    assert check_age(signal, clock.now(), router.max_signal_age_s).accepted
    clock.set(NOW + timedelta(seconds=seconds))
    assert not check_age(signal, clock.now(), router.max_signal_age_s).accepted


@either_way
async def test_an_account_of_another_time_is_worth_nothing(
    bus: Bus, server: MovableRedis, tmp_path: Path, seconds: int
) -> None:
    async with desk(server.url, tmp_path) as here:
        assert [one.account for one in await read_accounts(bus)] == [ACCOUNT]
        here.clock.set(NOW + timedelta(seconds=seconds))
        told, approved = await here.ask(a_signal(at=here.clock.now()))
        assert (told, approved) == ("guard:balance_too_low", None)
        await fund(here.bus, here.settings, here.clock.now())
        assert (await here.ask(a_signal(at=here.clock.now())))[1] is not None


def control_at(here: Desk, folder: Path) -> Control:
    commands = here.ledger.commands
    ids = (f"c{number}" for number in itertools.count(1))
    return Control(
        here.bus,
        halt_file=folder / "HALT",
        clock=here.clock,
        audit=commands.add,
        last=commands.last_trading,
        ids=lambda: next(ids),
    )


async def lose_redis(here: Desk) -> None:
    """Everything is gone; the guard gets its lease again."""
    await here.bus.redis.flushall()
    assert await here.lease.acquire(asyncio.Event())


@either_way
async def test_a_pause_outlives_a_correction_of_the_clock_and_the_loss_of_redis(
    bus: Bus, server: MovableRedis, tmp_path: Path, seconds: int
) -> None:
    """Pause and resume by the wrong clock, the last pause by the right one."""
    async with desk(server.url, tmp_path, ManualClock(NOW - timedelta(seconds=seconds))) as here:
        control = control_at(here, tmp_path)
        await control.pause(ME, "lunch")
        await control.resume(ME, "back")
        here.clock.set(NOW)
        paused = await control.pause(ME, "odd prices")
        await lose_redis(here)
        await here.guard.tick()
        assert await here.mode() is TradingMode.PAUSED
        last = await here.ledger.commands.last_trading()
        assert last is not None and last.revision == paused.revision


@either_way
async def test_a_command_to_a_redis_that_lost_its_data_counts_above_those_before(
    bus: Bus, server: MovableRedis, tmp_path: Path, seconds: int
) -> None:
    async with desk(server.url, tmp_path, ManualClock(NOW - timedelta(seconds=seconds))) as here:
        control = control_at(here, tmp_path)
        await control.pause(ME, "lunch")
        resumed = await control.resume(ME, "back")
        here.clock.set(NOW)
        await lose_redis(here)
        paused = await control.pause(ME, "odd prices")
        assert resumed.revision is not None and paused.revision is not None
        assert paused.revision > resumed.revision
        await lose_redis(here)
        await here.guard.tick()
        assert await here.mode() is TradingMode.PAUSED
