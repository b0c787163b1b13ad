"""Locks with fencing numbers, and leases that singletons hold."""

import asyncio

import pytest

from keter.bus.connection import Bus, connect
from keter.bus.locks import Lease, Locks
from keter.clock import SystemClock
from keter.domain.exposure import DayRisk
from tests.kit.execution import ACCOUNT
from tests.kit.support import RedisServer, eventually

KEY = "exec_lock:fb-1:ft.1x2.home"


async def test_a_lock_has_one_owner_until_it_is_released(bus: Bus) -> None:
    locks = Locks(bus, owner="router")
    held = await locks.acquire(KEY, 10)
    assert held is not None
    assert await locks.acquire(KEY, 10) is None
    assert await locks.owner(KEY) == held.token
    assert held.token.startswith("router.")
    assert await locks.release(held)
    assert await locks.owner(KEY) is None
    assert await locks.acquire(KEY, 10) is not None


async def test_two_accounts_lock_the_same_selection_at_once(bus: Bus) -> None:
    locks = Locks(bus, owner="router")
    mine, theirs = (
        bus.keys.exec_lock("fb-1", "ft.1x2.home", account)
        for account in (ACCOUNT, "asianodds:ANOTHER")
    )
    held = await locks.acquire(mine, 10)
    assert held is not None
    assert await locks.acquire(theirs, 10) is not None
    assert await locks.acquire(mine, 10) is None
    assert await locks.release(held)
    assert await locks.owner(theirs) is not None


async def test_only_its_owner_renews_or_releases_a_lock(bus: Bus) -> None:
    locks = Locks(bus)
    old = await locks.acquire(KEY, 10)
    assert old is not None
    await bus.redis.delete(KEY)  # as if it had expired
    new = await locks.acquire(KEY, 10)
    assert new is not None
    assert not await locks.renew(old)
    assert not await locks.release(old)
    assert await locks.remaining_s(old) == 0
    assert 9 < await locks.remaining_s(new) <= 10


async def test_renewing_starts_the_life_of_a_lock_again(bus: Bus) -> None:
    locks = Locks(bus)
    held = await locks.acquire(KEY, 10)
    assert held is not None
    await bus.redis.pexpire(KEY, 500)
    assert await locks.renew(held)
    assert await locks.remaining_s(held) > 9


async def test_a_lock_ends_by_itself(bus: Bus) -> None:
    locks = Locks(bus)
    assert await locks.acquire(KEY, 0.05) is not None
    assert await eventually(lambda: locks.acquire(KEY, 10), timeout_s=3) is not None


async def test_fencing_numbers_grow_over_all_locks_and_over_a_loss_of_data(bus: Bus) -> None:
    locks = Locks(bus)
    fences = []
    for n in range(50):
        held = await locks.acquire(f"exec_lock:e:{n}", 10)
        assert held is not None
        fences.append(held.fence)
    await bus.redis.flushall()
    after = await locks.acquire(KEY, 10)
    assert after is not None
    fences.append(after.fence)
    assert fences == sorted(set(fences))
    assert after.fence < 2**53


async def test_an_acquisition_whose_reply_was_lost_is_found_again_by_its_token(bus: Bus) -> None:
    locks = Locks(bus)
    token = locks.new_token()
    first = await locks.acquire(KEY, 10, token)
    assert await locks.acquire(KEY, 10, token) == first


async def test_of_many_that_ask_at_once_one_gets_the_lock(bus: Bus) -> None:
    locks = Locks(bus)
    answers = await asyncio.gather(*[locks.acquire(KEY, 10) for _ in range(40)])
    assert sum(answer is not None for answer in answers) == 1


async def test_a_lease_is_renewed_while_its_owner_lives(bus: Bus) -> None:
    async with Lease(bus, "guard", 0.3, "guard") as lease:
        assert await lease.acquire(asyncio.Event())
        began = await bus.now_ms()

        async def outlived() -> bool:
            return await bus.now_ms() - began > 900

        await eventually(outlived)
        assert lease.held is not None
        assert await Locks(bus).remaining_s(lease.held) > 0
        assert not lease.lost.is_set()
    assert not await bus.redis.exists(bus.keys.lease("guard"))


async def test_a_standby_takes_over_when_the_lease_is_given_back(bus: Bus) -> None:
    stop = asyncio.Event()
    first, second = Lease(bus, "guard", 5, "one"), Lease(bus, "guard", 5, "two")
    assert await first.acquire(stop)
    waiting = asyncio.create_task(second.acquire(stop))
    await first.release()
    assert await asyncio.wait_for(waiting, 3)
    assert second.held is not None
    await second.release()


async def test_waiting_for_a_lease_ends_when_asked_to_stop(bus: Bus) -> None:
    stop = asyncio.Event()
    async with Lease(bus, "guard", 5, "one") as first, Lease(bus, "guard", 5, "two") as second:
        await first.acquire(stop)
        waiting = asyncio.create_task(second.acquire(stop))
        stop.set()
        assert not await asyncio.wait_for(waiting, 1)
        assert second.held is None


async def test_an_owner_learns_that_its_lease_was_taken(bus: Bus) -> None:
    async with Lease(bus, "guard", 0.6, "one") as lease:
        await lease.acquire(asyncio.Event())
        await bus.redis.set(bus.keys.lease("guard"), "thief|1")
        await asyncio.wait_for(lease.lost.wait(), 2)
    assert await bus.redis.get(bus.keys.lease("guard")) == b"thief|1"


async def test_a_lease_can_be_won_again_after_a_loss(bus: Bus) -> None:
    async with Lease(bus, "guard", 0.6, "one") as lease:
        await lease.acquire(asyncio.Event())
        first = lease.held
        await bus.redis.delete(bus.keys.lease("guard"))
        await asyncio.wait_for(lease.lost.wait(), 2)
        assert await lease.acquire(asyncio.Event())
        assert not lease.lost.is_set()
        assert first is not None
        assert lease.held is not None
        assert lease.held.fence > first.fence


@pytest.mark.parametrize("action", ["reserve", "rebuild"])
async def test_the_risk_book_refuses_an_owner_that_has_been_replaced(bus: Bus, action: str) -> None:
    """Fencing where it counts: the protected resource itself says no to a paused owner that wakes
    up.
    """
    from keter.bus.state.risk import AccountDay, RiskBook, rebuild_book
    from tests.integration.test_bus_risk import reservation

    locks, book = Locks(bus), RiskBook(bus, ACCOUNT)
    old = await locks.acquire(bus.keys.lease("guard"), 10)
    assert old is not None
    await bus.redis.delete(bus.keys.lease("guard"))  # the old guard slept past its lease
    new = await locks.acquire(bus.keys.lease("guard"), 10)
    assert new is not None
    if action == "reserve":
        assert not await book.reserve(reservation("late"), revision=0, lease=old)
        assert await book.reserve(reservation("mine"), revision=0, lease=new)
    else:
        days, clock = [AccountDay(ACCOUNT, DayRisk("2026-02-21"))], SystemClock()
        assert not await rebuild_book(bus, [], days, lease=old, clock=clock)
        assert await rebuild_book(bus, [], days, lease=new, clock=clock)


async def test_a_lease_that_redis_does_not_take_back_hides_no_error_of_its_holder() -> None:
    server = RedisServer()
    bus = await connect(server.url)
    try:
        with pytest.raises(ZeroDivisionError):
            async with Lease(bus, "guard", 5, "guard") as lease:
                assert await lease.acquire(asyncio.Event())
                await bus.redis.execute_command("REPLICAOF", "127.0.0.1", "1")
                raise ZeroDivisionError
    finally:
        await bus.aclose()
        server.close()
