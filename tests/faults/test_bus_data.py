"""Keys of the wrong type, full memory, payloads that do not decode: refused before the first write,
reported, survived.
"""

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from keter.bus.connection import Bus, connect
from keter.bus.errors import BusDataError, BusRefusedError, PoisonedPayloadError
from keter.bus.locks import Locks
from keter.bus.queue import Output, Pipe, QueueName, Reaper, depths, queues_of
from keter.bus.state.events import read_score
from keter.bus.state.odds import read_odds
from keter.bus.state.permissions import read_arming
from keter.bus.state.risk import RiskBook
from keter.bus.state.sessions import SessionStore
from keter.bus.state.trading import change_trading, read_trading
from keter.bus.telemetry.heartbeats import Heart, read_heartbeats
from keter.domain.trading import TradingMode, TradingState
from keter.redis_server.probe import probe
from keter.venues.asianodds.stores import Session
from tests.integration.test_bus_risk import guard_lease, reservation
from tests.kit.execution import ACCOUNT, MARK
from tests.kit.support import RedisServer

RAW, VALIDATED = QueueName.RAW, QueueName.VALIDATED
NOW = datetime(2026, 2, 21, 12, tzinfo=UTC)


async def state_of(bus: Bus) -> dict[bytes, bytes | None]:
    """Every key and its serialised value."""
    return {
        key: await bus.redis.dump(key)
        for key in sorted(await bus.redis.execute_command("KEYS", "*"))
    }


async def half_way(bus: Bus) -> Pipe:
    """Return a worker with two items in hand, one of which has a newer payload waiting."""
    push = Pipe(bus, source=None, worker="p", lease_ttl_s=9)
    await push.step(outputs=[Output(RAW, key, b"1") for key in "abc"])
    pipe = Pipe(bus, source=RAW, worker="w", lease_ttl_s=9, period=lambda: "d")
    await pipe.open()
    await pipe.step(claim=2)
    await push.step(outputs=[Output(RAW, "a", b"2")])
    return pipe


WRONG = {
    "next list": "queue:validated",
    "next payloads": "queue:validated:payload",
    "next in flight": "queue:validated:inflight",
    "next bell": "queue:validated:bell",
    "statistics": "stats:d",
    "audit": "audit",
    "own list": "queue:raw",
    "own bell": "queue:raw:bell",
    "strikes": "queue:raw:strikes",
}


@pytest.mark.parametrize("place", WRONG)
async def test_a_key_of_the_wrong_type_stops_a_step_before_its_first_write(
    place: str, bus: Bus
) -> None:
    """A script is not rolled back: whatever can fail must fail before anything has changed."""
    pipe = await half_way(bus)
    saved = await bus.redis.dump(WRONG[place])
    await bus.redis.delete(WRONG[place])
    await bus.redis.set(WRONG[place], "not what it should be")
    before = await state_of(bus)
    with pytest.raises(BusDataError, match="WRONGTYPE"):
        await pipe.step(
            done=2, outputs=[Output(VALIDATED, "a", b"x")], claim=1, counts={"n": 1}, audit=[b"d"]
        )
    assert await state_of(bus) == before
    await bus.redis.delete(WRONG[place])
    if saved is not None:
        await bus.redis.restore(WRONG[place], 0, saved)
    await pipe.reopen()
    assert sorted(item.key for item in await pipe.step(claim=9)) == ["a", "b", "c"]


@pytest.mark.parametrize(
    "place",
    ["queue:raw", "queue:raw:payload", "queue:raw:inflight", "queue:raw:strikes", "dead:raw"],
)
async def test_a_key_of_the_wrong_type_stops_the_reaper_before_its_first_write(
    place: str, bus: Bus
) -> None:
    pipe = await half_way(bus)
    await bus.redis.delete(bus.keys.queue(RAW).lease(pipe.incarnation))
    await bus.redis.delete(place)
    await bus.redis.set(place, "not what it should be")
    before = await state_of(bus)
    with pytest.raises(BusDataError, match="WRONGTYPE"):
        await Reaper(bus, queues=queues_of([ACCOUNT])).run_once()
    assert await state_of(bus) == before


@pytest.fixture
async def full() -> AsyncIterator[Bus]:
    """Return a server whose memory is full when ``fill`` has been called."""
    server = RedisServer("--maxmemory", "8mb")
    bus = await connect(server.url)
    yield bus
    await bus.aclose()
    server.close()


async def fill(bus: Bus) -> None:
    """Fill the memory until Redis refuses."""
    for n in range(1_000):
        try:
            await bus.redis.set(f"ballast:{n}", b"x" * 100_000)
        except BusRefusedError:
            break
    with pytest.raises(BusRefusedError):
        await bus.redis.set("one more", b"x" * 1_000_000)


async def test_full_memory_refuses_a_push_as_a_whole_and_the_step_can_be_repeated(
    full: Bus,
) -> None:
    pipe = await half_way(full)
    await fill(full)
    keys = full.keys.queue(RAW)
    before = (
        await full.redis.read_list(keys.list, 0, -1),
        await full.redis.read_hash(keys.payload),
    )
    outputs = [Output(VALIDATED, "a", b"x")]
    with pytest.raises(BusRefusedError):
        await pipe.step(done=2, outputs=outputs, counts={"n": 1})
    assert (
        await full.redis.read_list(keys.list, 0, -1),
        await full.redis.read_hash(keys.payload),
    ) == before
    assert not await full.redis.exists("queue:validated:payload", "stats:d")
    await full.redis.execute_command("UNLINK", *[f"ballast:{n}" for n in range(100)])
    await pipe.step(done=2, outputs=outputs)
    assert (await depths(full, [ACCOUNT]))[VALIDATED].depth == 1


async def test_full_memory_still_lets_a_worker_finish_what_it_has_and_beat(full: Bus) -> None:
    """Acknowledging frees memory; a heartbeat that is missing would look like a death."""
    pipe = await half_way(full)
    await fill(full)
    await pipe.step(done=2)
    await pipe.close()
    await Heart(full, process="edge", worker="edge").beat()
    assert len(await read_heartbeats(full)) == 1


async def test_full_memory_lets_the_reaper_return_items(full: Bus) -> None:
    pipe = await half_way(full)
    await full.redis.delete(full.keys.queue(RAW).lease(pipe.incarnation))
    await fill(full)
    assert await Reaper(full, queues=queues_of([ACCOUNT])).run_once() == 2


async def test_full_memory_gives_out_no_lock_and_no_reservation(full: Bus) -> None:
    book, lease = RiskBook(full, ACCOUNT), await guard_lease(full)
    await fill(full)
    with pytest.raises(BusRefusedError):
        await Locks(full).acquire("exec_lock:e:s", 9)
    with pytest.raises(BusRefusedError):
        await book.reserve(reservation("d"), revision=0, lease=lease)
    assert (await book.read()).exposures == ()
    assert await Locks(full).renew(lease)


async def test_memory_running_out_is_a_problem_before_it_is_one(full: Bus) -> None:
    assert (await probe(full)).problems == ()
    await fill(full)
    problems = (await probe(full)).problems
    assert any("of maxmemory" in problem for problem in problems)


async def test_a_halt_is_taken_even_when_the_state_in_redis_is_garbage(bus: Bus) -> None:
    await bus.redis.hset(bus.keys.trading_state, mapping={"mode": "FAST", "revision": "many"})
    assert (await read_trading(bus, NOW)).state is None
    assert not (await read_trading(bus, NOW)).may_bet(NOW).accepted
    halt = TradingState(TradingMode.HALTED, "op", "enough", NOW)
    assert (await change_trading(bus, halt, expected_revision=None, now=NOW)).revision == 1


async def test_an_arming_that_cannot_be_read_is_none(bus: Bus) -> None:
    await bus.redis.hset(bus.keys.armed, "acc", "yes")
    assert await read_arming(bus, "acc", MARK) is None


async def test_values_that_do_not_decode_are_told_as_poisoned_and_never_guessed(bus: Bus) -> None:
    await bus.redis.set(bus.keys.odds("e", "ft.1x2.home", ACCOUNT), b"\xff\xfe")
    await bus.redis.set(bus.keys.score("e"), b'{"event_uid": 7}')
    with pytest.raises(PoisonedPayloadError):
        await read_odds(bus, ACCOUNT, "e", "ft.1x2.home")
    with pytest.raises(PoisonedPayloadError):
        await read_score(bus, "e")


async def test_a_session_that_cannot_be_read_is_none_and_is_replaced(bus: Bus) -> None:
    store = SessionStore(bus, Session)
    for field, value in (("at", b"yesterday"), ("token", b"\xff")):
        await bus.redis.hset(bus.keys.session("acc"), field, value)
        assert await store.read("acc") is None
    made = Session("new-token", "key", "http://x", NOW)
    await store.write("acc", made)
    assert await store.read("acc") == made
