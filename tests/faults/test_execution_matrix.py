"""Each step from taking an approved signal to the final state, for each thing that may happen to us
there.

LIVE, over HTTP.

A worker process stops itself at the step (SIGSTOP); then it is killed, or left asleep until another
has taken over, or Redis is restarted, emptied, or every connection cut, before it goes on. The
bookmaker's own book is the judge.
"""

import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from tests.kit.execution_world import LOCK_TTL_S, MOST_TRIES, Child, ExecutionWorld, execution_world
from tests.kit.support import eventually

pytestmark = [pytest.mark.redis, pytest.mark.timeout(1200)]

CALLS = (
    "orders.by_decision",
    "redis.lock_acquire",
    "orders.create",
    "venue.quote",
    "orders.transition(QUOTED)",
    "redis.risk_convert",
    "orders.transition(SENDING)",
    "venue.place",
    "orders.transition(OPEN)",
    "redis.lock_keep",
    "redis.step",
)
ROUTER_STEPS = tuple(f"{when} {call}" for call in CALLS for when in ("before", "after"))
TRACKER_STEPS = tuple(
    f"{when} {call}"
    for call in (
        "venue.bets",
        "orders.transition(FILLED)",
        "redis.risk_put",
        "orders.transition(LOST)",
        "settlements.add",
        "redis.risk_settle",
    )
    for when in ("before", "after")
)
# Frozen exactly here, a process has looked for the last time and has not yet sent: no program can
# prevent that it sends on waking up. What then happens is in
# test_a_request_that_leaves_after_it_was_given_up.
LAST_GAP = "before venue.place"

Happening = Callable[[ExecutionWorld, Child], Awaitable[None]]


async def is_killed(world: ExecutionWorld, child: Child) -> None:
    child.kill()
    child.start()


async def sleeps_until_replaced(world: ExecutionWorld, child: Child) -> None:
    """Longer than its leases; the other router has taken over by then."""

    async def another_leads() -> bool:
        return (await world.active(child.process)).name != child.name

    await world.until(another_leads)
    child.go_on()


async def loses_its_connections(world: ExecutionWorld, child: Child) -> None:
    world.proxy.reset()
    child.go_on()


async def sees_redis_restarted(world: ExecutionWorld, child: Child) -> None:
    world.redis.kill()
    await world.redis_again()
    child.go_on()


async def sees_redis_emptied(world: ExecutionWorld, child: Child) -> None:
    world.redis.kill()
    shutil.rmtree(world.redis.folder / "appendonlydir")
    await world.redis_again()
    child.go_on()
    await world.fed()


HAPPENINGS = (
    is_killed,
    sleeps_until_replaced,
    loses_its_connections,
    sees_redis_restarted,
    sees_redis_emptied,
)


@pytest.mark.parametrize("half", [0, 1])
@pytest.mark.parametrize("happens", HAPPENINGS)
async def test_a_router_at_every_step(tmp_path: Path, happens: Happening, half: int) -> None:
    steps = [
        step for step in ROUTER_STEPS if happens is not sleeps_until_replaced or step != LAST_GAP
    ][half::2]
    async with execution_world(tmp_path, fixtures=2 * len(steps)) as world:
        world.start("tracker", "tracker")
        world.start("router", "router-a")
        world.start("router", "router-b")
        for step in steps:
            await world.ready()
            world.plan("router", step)
            event_uid, child = await world.bet_until_stopped("router")
            world.faults += 1
            await happens(world, child)
            await world.settled_down(event_uid)
            tickets = await world.tickets_of(event_uid)
            assert len(tickets) <= 1, f"{step}: {tickets}"
        await world.judge(len(steps))


@pytest.mark.parametrize("happens", HAPPENINGS)
async def test_a_tracker_at_every_step(tmp_path: Path, happens: Happening) -> None:
    async with execution_world(tmp_path, fixtures=2 * len(TRACKER_STEPS)) as world:
        world.start("tracker", "tracker")
        world.start("router", "router-a")
        if happens is sleeps_until_replaced:
            world.start("tracker", "tracker-b")
        for step in TRACKER_STEPS:
            await world.ready()
            if step.endswith(("(LOST)", "settlements.add", "risk_settle")):
                bet = await world.running_bet()
                event_uid = bet.intent.event_uid
                world.plan("tracker", step)
                world.finish(bet, (0, 1))
                child = await world.stopped("tracker")
            else:
                world.plan("tracker", step)
                event_uid, child = await world.bet_until_stopped("tracker")
            assert child is not None, step
            world.faults += 1
            await happens(world, child)
            await world.settled_down(event_uid)
        await world.judge(len(TRACKER_STEPS))


async def test_a_router_that_sleeps_past_its_lock_after_sending_was_committed_does_not_send(
    tmp_path: Path,
) -> None:
    """It wakes up between the commit and the call, when lock and lease have long ended: REFUSED,
    never sent.
    """
    async with execution_world(tmp_path, fixtures=MOST_TRIES) as world:
        world.start("tracker", "tracker")
        world.start("router", "router-a")
        await world.ready()
        world.plan("router", "after orders.transition(SENDING)")
        event_uid, child = await world.bet_until_stopped("router")
        world.start("router", "router-b")
        await eventually(
            lambda: world.lock_is_gone(event_uid), timeout_s=LOCK_TTL_S + 10, every_s=0.2
        )
        child.go_on()
        await world.settled_down(event_uid)
        assert await world.tickets_of(event_uid) == []
        [bet] = await world.orders_of(event_uid)
        assert bet.state.value == "REFUSED"
