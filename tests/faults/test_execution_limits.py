"""Limits under fire: far more signals than the limits allow, while routers die, sleep and lose
Redis in every way.

The bookmaker's own book is the judge: what stood there at once, how close together bets came, how
many a match had.
"""

import asyncio
import contextlib
import random
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from keter.clock import to_ms
from keter.domain.order_states import OrderState
from keter.venues.asianodds.simulator.book import State, Ticket
from tests.faults.test_execution_matrix import HAPPENINGS, LAST_GAP, ROUTER_STEPS
from tests.kit.execution_world import ACCOUNT, LIVE, ExecutionWorld, execution_world

TOTAL_MINOR = 5_000  # five bets of 10 at once
BETS, WINDOW_S = 4, 3.0
# Redis counts in whole milliseconds, and reads its clock a little after the router has read its own
CLOCKS_S = 0.01
NAMES = {
    "MAX_EXPOSURE_TOTAL": "50",
    "THROTTLE_BETS": str(BETS),
    "THROTTLE_WINDOW_S": str(WINDOW_S),
    "MAX_BETS_PER_EVENT": "1",
}
ROUNDS = 2


@contextlib.asynccontextmanager
async def storm(world: ExecutionWorld) -> AsyncIterator[None]:
    """Every signal there is, again and again."""

    over = asyncio.Event()

    async def blow() -> None:
        while not over.is_set():
            await world.offer(world.fixtures)
            await asyncio.sleep(0.3)

    task = asyncio.create_task(blow())
    try:
        yield
    finally:
        over.set()  # not by cancellation, which a client that waits for Redis may swallow
        await asyncio.wait_for(task, 30)


async def room_is_made(world: ExecutionWorld) -> None:
    """End a match whenever the limit is reached, until a router has come to its step with the next
    bet.
    """

    async def look() -> bool:
        if any(child.stopped() for child in world.of("router")):
            return True
        open_orders = await world.ledger.orders.open_orders(LIVE)
        running = [bet for bet in open_orders if bet.state is OrderState.FILLED]
        # A bet whose match has ended runs in the ledger until the tracker has seen the result.
        if len(running) * 1000 >= TOTAL_MINOR and all(world.stands(bet) for bet in running):
            world.finish(running[0], (0, 1))
        return False

    await world.until(look, every_s=0.2)


@pytest.mark.redis
@pytest.mark.timeout(1200)
async def test_no_limit_is_passed_at_the_venue_whatever_happens_to_the_router(
    tmp_path: Path,
) -> None:
    rng = random.Random(7)
    happenings = [happens for happens in HAPPENINGS for _ in range(ROUNDS)]
    rng.shuffle(happenings)
    async with execution_world(tmp_path, fixtures=60, **NAMES) as world:

        async def limit_is_reached() -> bool:
            return most_at_once(taken(world)) >= TOTAL_MINOR

        world.start("tracker", "tracker")
        world.start("router", "router-a")
        world.start("router", "router-b")
        async with storm(world):
            for happens in happenings:
                await world.ready()
                world.plan(
                    "router", rng.choice([step for step in ROUTER_STEPS if step != LAST_GAP])
                )
                await room_is_made(world)
                world.faults += 1
                child = await world.stopped("router")
                assert child is not None
                await happens(world, child)
            await world.ready()
            await world.until(limit_is_reached)
        await world.settled_down(world.fixtures[0].event_uid)
        await world.judge(len(happenings))
        assert most_at_once(taken(world)) == TOTAL_MINOR, "reached, never passed"
        assert await closest(world) >= WINDOW_S - CLOCKS_S
        assert max(Counter(ticket.order.match_id for ticket in taken(world)).values()) == 1


def taken(world: ExecutionWorld) -> list[Ticket]:
    """Everything the bookmaker did not refuse."""
    return [
        ticket
        for ticket in world.sandbox.book.tickets(ACCOUNT.user)
        if ticket.state is not State.REFUSED
    ]


def most_at_once(tickets: Sequence[Ticket]) -> int:
    """Return the largest sum of stakes that was at the bookmaker at one time."""
    changes = [(ticket.placed_ms, ticket.stake_minor) for ticket in tickets]
    changes += [
        (ticket.settled_ms, -ticket.stake_minor)
        for ticket in tickets
        if ticket.settled_ms is not None
    ]
    standing = most = 0
    for _, change in sorted(changes):
        standing += change
        most = max(most, standing)
    return most


async def closest(world: ExecutionWorld) -> float:
    """Return the shortest time, in seconds, that held one bet more than the throttle allows.

    A bet whose answer never came counts for the throttle from before its call. So each group of
    bets begins when the first of them was about to be sent, which is when its prices had been
    written down. How long its call then took is no matter of the throttle: its router may have
    been stopped, and the machine may be slow.
    """
    tickets = sorted(taken(world), key=lambda ticket: ticket.placed_ms)
    about_to_be_sent = [await quoted_ms(world, ticket) for ticket in tickets]
    groups = [slice(first, first + BETS + 1) for first in range(len(tickets) - BETS)]
    return min(
        (tickets[group][-1].placed_ms - min(about_to_be_sent[group])) / 1000 for group in groups
    )


async def quoted_ms(world: ExecutionWorld, ticket: Ticket) -> int:
    reference = ticket.order.reference.removeprefix("WA-")
    [bet] = await world.ledger.orders.by_references([reference])
    steps = await world.ledger.orders.trail(bet.intent.intent_id)
    [at] = [step.at for step in steps if step.target is OrderState.QUOTED]
    return to_ms(at)
