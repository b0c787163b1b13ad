"""The wire to Redis: replies lost after the command ran, resets, black holes, delays, killed
clients, forgotten scripts.
"""

import asyncio
from collections.abc import AsyncIterator

import pytest

from keter.bus.connection import SOCKET_TIMEOUT_S, Bus, connect
from keter.bus.errors import ConnectionLostError
from keter.bus.locks import Lease, Locks
from keter.bus.queue import Item, Output, Pipe, QueueName, Reaper, depths, queues_of
from keter.bus.state.risk import RiskBook
from keter.errors import UnavailableError
from keter.system.addresses import free_port
from tests.integration.test_bus_risk import guard_lease, reservation
from tests.kit.execution import ACCOUNT
from tests.kit.proxy import Proxy
from tests.kit.support import RedisServer, eventually

RAW, VALIDATED = QueueName.RAW, QueueName.VALIDATED


@pytest.fixture
async def proxy(redis_server: RedisServer, redis_url: str) -> AsyncIterator[Proxy]:
    async with Proxy(redis_server.port) as proxy:
        yield proxy


@pytest.fixture
async def far(proxy: Proxy) -> AsyncIterator[Bus]:
    """Open a bus whose connections go through the proxy."""
    bus = await connect(proxy.url)
    yield bus
    await bus.aclose()


async def push(bus: Bus, *keys: str) -> None:
    await Pipe(bus, source=None, worker="p", lease_ttl_s=9).step(
        outputs=[Output(RAW, key, b"1") for key in keys]
    )


async def opened(bus: Bus, lease_ttl_s: float = 9) -> Pipe:
    pipe = Pipe(bus, source=RAW, worker="w", lease_ttl_s=lease_ttl_s)
    await pipe.open()
    return pipe


def moved(items: list[Item]) -> list[Output]:
    return [Output(VALIDATED, item.key, item.payload) for item in items]


async def test_a_step_whose_reply_is_lost_is_neither_lost_nor_repeated(
    bus: Bus, far: Bus, proxy: Proxy
) -> None:
    await push(bus, "a", "b", "c")
    pipe = await opened(far)
    items = await pipe.step(claim=2)
    proxy.lose_reply(b"EVALSHA")
    with pytest.raises(ConnectionLostError):
        await pipe.step(done=2, outputs=moved(items), claim=1)
    assert proxy.injected == 1
    with pytest.raises(ConnectionLostError, match="reopen"):
        await pipe.step(done=1)
    await pipe.reopen()
    assert (await depths(bus, [ACCOUNT]))[VALIDATED].depth == 2  # it had run
    assert [item.key for item in await pipe.step(claim=9)] == [
        "c"
    ]  # and what it had claimed came back


async def test_a_claim_whose_reply_is_lost_comes_back_without_a_strike(
    bus: Bus, far: Bus, proxy: Proxy
) -> None:
    await push(bus, "a", "b")
    pipe = await opened(far)
    proxy.lose_reply(b"EVALSHA")
    with pytest.raises(ConnectionLostError):
        await pipe.step(claim=2)
    assert proxy.injected == 1
    assert (await depths(bus, [ACCOUNT]))[RAW].in_flight == 2
    await pipe.reopen()
    assert [item.key for item in await pipe.step(claim=2)] == ["a", "b"]
    assert not await bus.redis.exists(bus.keys.queue(RAW).strikes)


async def test_an_opening_whose_reply_is_lost_leaves_no_ghost(
    bus: Bus, far: Bus, proxy: Proxy
) -> None:
    pipe = Pipe(far, source=RAW, worker="w", lease_ttl_s=9)
    proxy.lose_reply(b"EVALSHA")
    with pytest.raises(ConnectionLostError):
        await pipe.open()
    assert proxy.injected == 1
    await pipe.reopen()
    assert (await depths(bus, [ACCOUNT]))[RAW].consumers == 1


async def test_nothing_is_sent_twice_behind_our_back(bus: Bus, far: Bus, proxy: Proxy) -> None:
    """redis-py's own retry would have run this twice."""
    proxy.lose_reply(b"RPUSH")
    with pytest.raises(ConnectionLostError):
        await far.redis.rpush("list", "x")
    assert proxy.injected == 1
    assert await bus.redis.llen("list") == 1


async def test_a_reset_connection_is_an_error_and_the_next_call_works(
    bus: Bus, far: Bus, proxy: Proxy
) -> None:
    pipe = await opened(far)
    waiting = asyncio.create_task(pipe.wait())
    blocked = "cmd=blpop"

    async def is_blocked() -> bool:
        return blocked in str(await bus.redis.execute_command("CLIENT", "LIST"))

    await eventually(is_blocked)
    proxy.reset()
    assert proxy.injected >= 1
    with pytest.raises(ConnectionLostError):
        await waiting
    await eventually(lambda: _works(pipe))


async def _works(pipe: Pipe) -> bool:
    try:
        await pipe.reopen()
    except ConnectionLostError:
        return False
    return True


async def test_a_black_hole_ends_with_the_socket_timeout_not_never(
    bus: Bus, far: Bus, proxy: Proxy
) -> None:
    await push(bus, "a")
    pipe = await opened(far)
    items = await pipe.step(claim=1)
    proxy.black_hole()
    loop = asyncio.get_running_loop()
    began = loop.time()
    with pytest.raises(ConnectionLostError):
        await pipe.step(done=1, outputs=moved(items))
    assert loop.time() - began < SOCKET_TIMEOUT_S + 2
    assert proxy.injected >= 1
    proxy.heal()
    await eventually(lambda: _works(pipe))
    assert [item.key for item in await pipe.step(claim=1)] == ["a"]


async def test_a_slow_wire_delays_and_breaks_nothing(bus: Bus, far: Bus, proxy: Proxy) -> None:
    await push(bus, "a", "b")
    pipe = await opened(far)
    proxy.delay_s = 0.1
    items = await pipe.step(claim=2)
    await pipe.step(done=2, outputs=moved(items))
    assert proxy.injected >= 4
    assert (await depths(bus, [ACCOUNT]))[VALIDATED].depth == 2


async def test_a_lease_whose_redis_cannot_be_reached_is_given_up_before_it_ends(
    far: Bus, proxy: Proxy
) -> None:
    """Its owner must know by its own clock, not later than the next owner may begin."""
    lease = Lease(far, "guard", 1.5, "guard")
    assert await lease.acquire(asyncio.Event())
    loop = asyncio.get_running_loop()
    proxy.black_hole()
    began = loop.time()
    await asyncio.wait_for(lease.lost.wait(), 5)
    assert loop.time() - began <= 1.7
    assert proxy.injected >= 1
    proxy.heal()
    await lease.release()


async def test_a_lease_survives_a_short_interruption(bus: Bus, far: Bus, proxy: Proxy) -> None:
    async with Lease(far, "guard", 3, "guard") as lease:
        assert await lease.acquire(asyncio.Event())
        assert lease.held is not None
        proxy.reset()
        assert proxy.injected >= 1
        await bus.redis.pexpire(bus.keys.lease("guard"), 2_000)

        async def renewed() -> bool:
            return await bus.redis.pttl(bus.keys.lease("guard")) > 2_200

        await eventually(renewed, timeout_s=5)
        assert not lease.lost.is_set()


async def test_a_lock_taken_with_a_lost_reply_is_found_by_its_token(far: Bus, proxy: Proxy) -> None:
    locks = Locks(far)
    token = locks.new_token()
    proxy.lose_reply(b"EVALSHA")
    with pytest.raises(ConnectionLostError):
        await locks.acquire("exec_lock:e:s", 9, token)
    assert proxy.injected == 1
    assert await locks.acquire("exec_lock:e:s", 9) is None
    assert await locks.acquire("exec_lock:e:s", 9, token) is not None


@pytest.mark.parametrize("action", ["reserve", "convert", "settle"])
async def test_a_change_of_the_risk_book_with_a_lost_reply_may_be_asked_for_again(
    bus: Bus, far: Bus, proxy: Proxy, action: str
) -> None:
    near, book, lease = RiskBook(bus, ACCOUNT), RiskBook(far, ACCOUNT), await guard_lease(bus)
    if action != "reserve":
        assert await near.reserve(reservation("d"), revision=0, lease=lease)
    if action == "settle":
        assert await near.convert("d", day="2026-02-21")
    calls = {
        "reserve": lambda: book.reserve(reservation("d"), revision=0, lease=lease),
        "convert": lambda: book.convert("d", day="2026-02-21"),
        "settle": lambda: book.settle("d", day="2026-02-21", pnl_minor=-1_000, lost=True),
    }
    proxy.lose_reply(b"EVALSHA")
    with pytest.raises(ConnectionLostError):
        await calls[action]()
    assert proxy.injected == 1
    assert await calls[action]() is (action != "settle")
    state = await near.read()
    assert len(state.exposures) == (0 if action == "settle" else 1)
    if state.day is not None:
        assert (state.day.staked_minor, state.day.bets) == (1_000, 1)
        assert state.day.pnl_minor == (-1_000 if action == "settle" else 0)


async def test_scripts_that_the_server_has_forgotten_are_loaded_again(bus: Bus) -> None:
    await push(bus, "a")
    pipe = await opened(bus)
    await bus.redis.script_flush()
    items = await pipe.step(claim=1)
    await bus.redis.script_flush()
    await pipe.step(done=1, outputs=moved(items))
    await bus.redis.script_flush()
    assert await Reaper(bus, queues=queues_of([ACCOUNT])).run_once() == 0
    assert (await depths(bus, [ACCOUNT]))[VALIDATED].depth == 1


async def test_clients_killed_by_an_administrator_come_back(bus: Bus, redis_url: str) -> None:
    await push(bus, "a")
    pipe = await opened(bus)
    admin = await connect(redis_url)
    killed = await admin.redis.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
    assert killed >= 1
    await admin.aclose()
    await eventually(lambda: _works(pipe))
    assert [item.key for item in await pipe.step(claim=1)] == ["a"]


async def test_a_paused_server_is_waited_for_within_the_timeout(bus: Bus, redis_url: str) -> None:
    await push(bus, "a")
    pipe = await opened(bus)
    admin = await connect(redis_url)
    await admin.redis.execute_command("CLIENT", "PAUSE", "400", "ALL")
    assert [item.key for item in await pipe.step(claim=1)] == ["a"]
    await admin.aclose()


async def test_no_server_at_all_is_one_clear_sentence_without_the_password() -> None:
    port = free_port()
    with pytest.raises(
        UnavailableError, match=f"Redis at 127.0.0.1:{port} does not answer"
    ) as caught:
        await connect(f"redis://:hunter2-secret@127.0.0.1:{port}/0")
    assert "hunter2" not in str(caught.value)


async def test_a_wrong_password_is_told_as_such() -> None:
    server = RedisServer()
    try:
        admin = await connect(server.url)
        await admin.redis.execute_command("CONFIG", "SET", "requirepass", "right-one")
        await admin.aclose()
        with pytest.raises(UnavailableError, match="REDIS_PASSWORD") as caught:
            await connect(server.url.replace("//", "//:wrong-one@"))
        assert "wrong-one" not in str(caught.value)
        with pytest.raises(UnavailableError, match="REDIS_PASSWORD"):
            await connect(server.url)
        await (await connect(server.url.replace("//", "//:right-one@"))).aclose()
    finally:
        server.close()


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:1/0", "not an address", "redis://127.0.0.1:port/0"]
)
async def test_an_address_that_is_none_is_told_as_such(url: str) -> None:
    with pytest.raises(UnavailableError, match="REDIS_URL must be like redis://"):
        await connect(url)
