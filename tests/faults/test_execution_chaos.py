"""Faults of every kind in random order, several at once, bets going on meanwhile.

In the end the bookmaker's book is the judge.

    python -m tests.faults.test_execution_chaos --faults 300 --seed 1

runs as long as wanted; the test itself is a short one. The seed decides what happens and in what
order.
"""

import argparse
import asyncio
import random
import tempfile
import time
from pathlib import Path

import pytest

from keter.domain.order_states import OrderState
from tests.faults.test_execution_matrix import (
    HAPPENINGS,
    LAST_GAP,
    ROUTER_STEPS,
    TRACKER_STEPS,
    is_killed,
    sleeps_until_replaced,
)
from tests.faults.test_execution_venue import FAULTS, GIVEN_UP_S
from tests.kit.execution_world import LIVE, Child, ExecutionWorld, execution_world
from tests.kit.support import eventually

SHORT = 25
VENUE_RULES = [rule for rule, _, _ in FAULTS if rule.get("delay_s", 0) < GIVEN_UP_S]


class Chaos:
    """One run."""

    def __init__(self, world: ExecutionWorld, seed: int) -> None:
        self._world = world
        self._rng = random.Random(seed)
        self.venue_faults = 0

    async def run(self, faults: int) -> None:
        while self._world.faults < faults and self._world.fixtures:
            if self._rng.random() < 0.35:
                self._world.sandbox.faults.add(self._rng.choice(VENUE_RULES))
                self.venue_faults += 1
            await self._world.ready()
            await self._end_a_match()
            kind = self._rng.random()
            if kind < 0.6:
                await self._at_a_step(await self._world.active(), ROUTER_STEPS)
            elif kind < 0.75:
                await self._at_a_step(self._world.children["tracker"], TRACKER_STEPS[:6])
            else:
                await self._world.bet()
        self._world.sandbox.faults.clear()
        await self._world.settled_down(self._world.bet_on[-1])

    async def _end_a_match(self) -> None:
        """Bets are settled while all this goes on."""
        running = [
            bet
            for bet in await self._world.ledger.orders.open_orders(LIVE)
            if bet.state is OrderState.FILLED
        ]
        chosen = [bet for bet in running if self._world.stands(bet)]
        if len(chosen) > 5:
            self._world.finish(
                self._rng.choice(chosen), (self._rng.randrange(3), self._rng.randrange(3))
            )

    async def _at_a_step(self, child: Child, steps: tuple[str, ...]) -> None:
        """Stop a worker at a random step, if it comes there, and lets something happen to it."""
        step, happens = self._rng.choice(steps), self._rng.choice(HAPPENINGS)
        if happens is sleeps_until_replaced and (step == LAST_GAP or child.process == "tracker"):
            happens = is_killed
        child.plan.write_text(step)
        event_uid = await self._world.bet()
        if await self._came_there(child):
            self._world.faults += 1
            await happens(self._world, child)
        if self._rng.random() < 0.5:
            await self._world.settled_down(event_uid)

    async def _came_there(self, child: Child) -> bool:
        """Return whether a bet came to the step: some faults of the venue end it before."""

        def look() -> str:
            if child.stopped():
                return "stopped"
            return "" if child.plan.exists() and _age_s(child.plan) < 8 else "passed by"

        found = await eventually(look, timeout_s=20)
        child.plan.unlink(missing_ok=True)
        return found == "stopped" or child.stopped()


def _age_s(path: Path) -> float:
    try:
        return time.time() - path.stat().st_mtime
    except FileNotFoundError:
        return 0.0


async def chaos(folder: Path, *, faults: int, seed: int) -> None:
    async with execution_world(folder, fixtures=2 * faults + 10, EXEC_LOCK_TTL_S="60") as world:
        world.start("tracker", "tracker")
        world.start("router", "router-a")
        world.start("router", "router-b")
        run = Chaos(world, seed)
        await run.run(faults)
        world.faults += run.venue_faults
        await world.judge(world.faults)
        assert world.faults >= faults


@pytest.mark.redis
@pytest.mark.timeout(1200)
async def test_chaos_leaves_no_double_no_loss_and_no_difference(tmp_path: Path) -> None:
    await chaos(tmp_path, faults=SHORT, seed=20260221)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--faults", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="keter-chaos-") as made:
        asyncio.run(chaos(Path(made), faults=options.faults, seed=options.seed))
