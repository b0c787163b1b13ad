"""What Redis holds when its clock was set back: more is left of a life than a whole one, and that
counts as nothing.
"""

import pytest

from keter.bus.connection import Bus
from keter.bus.locks import Locks
from keter.bus.state.cooldowns import cool_down, cooling
from keter.bus.state.reconciliation import ask_for_pass, note_pass, pass_done
from keter.bus.state.sessions import ThrottleStore
from keter.domain.verdicts import Reason
from tests.kit.execution import ACCOUNT, LIVE_RUN

pytestmark = pytest.mark.redis
TWO_HOURS_MS = 7_200_000
RUN = LIVE_RUN.mark


async def test_a_throttle_never_lasts_longer_than_its_interval(bus: Bus) -> None:
    store, key = ThrottleStore(bus), bus.keys.throttle("me", "feed")
    assert await store.take("me", "feed", 5) == 0
    assert 0 < await store.take("me", "feed", 5) <= 5
    await bus.redis.pexpire(key, TWO_HOURS_MS)
    assert await store.take("me", "feed", 5) == 0


async def test_the_lock_of_a_dead_owner_ends_within_a_life(bus: Bus) -> None:
    locks, key = Locks(bus), bus.keys.lease("guard")
    held = await locks.acquire(key, 10)
    assert held is not None
    await bus.redis.pexpire(key, TWO_HOURS_MS)
    assert await locks.acquire(key, 10) is None, "it may live: it is not taken from it"
    assert 0 < await bus.redis.pttl(key) <= 10_000
    assert await locks.renew(held)


async def test_a_rest_never_lasts_longer_than_it_was_meant_to(bus: Bus) -> None:
    await cool_down(bus, ACCOUNT, event_uid="e", seconds=60, reason="ok")
    assert await cooling(bus, ACCOUNT, "e", "s") is Reason.COOLDOWN_EVENT
    await bus.redis.pexpire(bus.keys.cooldown_event("e", ACCOUNT), TWO_HOURS_MS)
    assert await cooling(bus, ACCOUNT, "e", "s") is None
    await cool_down(bus, ACCOUNT, event_uid="e", seconds=60, reason="ok")
    assert await cooling(bus, ACCOUNT, "e", "s") is Reason.COOLDOWN_EVENT


async def test_a_pass_from_the_future_opens_no_router(bus: Bus) -> None:
    await ask_for_pass(bus, "me", "t")
    await note_pass(bus, "me", "t", RUN)
    assert await pass_done(bus, "me", "t", RUN, within_s=60)
    await bus.redis.hset(bus.keys.reconciled("me"), "at_ms", await bus.now_ms() + TWO_HOURS_MS)
    assert not await pass_done(bus, "me", "t", RUN, within_s=60)
