"""``keter up`` LIVE with an ended licence: the open bets are followed to their settlement, and
nothing is bet.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path

import pytest

from keter.bus.telemetry.audit import read_counts
from keter.clock import SystemClock
from keter.domain.days import day_of
from keter.domain.order_states import OrderState
from keter.license.token import issue, load_private_key, new_key
from tests.kit.execution_world import ACCOUNT, ExecutionWorld, execution_world
from tests.kit.keter_up import KeterUp
from tests.kit.support import eventually

pytestmark = [pytest.mark.redis, pytest.mark.timeout(300)]


def licensed(folder: Path, days: float, keys: tuple[bytes, str]) -> None:
    """Put a licence that ends in so many days where Keter looks for one."""
    made = SystemClock().now() - timedelta(days=2)
    token = issue(load_private_key(keys[0]), "tests", now=made, valid_for=timedelta(days=2 + days))
    (folder / ".keter_license").write_text(token)


async def one_running_bet(world: ExecutionWorld) -> str:
    """Bet by a licensed router that is gone afterwards, as its tracker is; returns its event."""
    tracker, router = world.start("tracker", "tracker"), world.start("router", "router-a")
    await world.ready()
    bet = await world.running_bet()
    tracker.kill()
    router.kill()
    return bet.intent.event_uid


def following(words: str, keter: KeterUp) -> Callable[[], Awaitable[bool]]:
    """Whether the API says so; asked in a thread, since the bookmaker answers from this loop."""

    async def look() -> bool:
        return words in str((await asyncio.to_thread(keter.status)).get("following"))

    return look


async def refused_unlicensed(world: ExecutionWorld) -> bool:
    """Whether the guard has turned away a signal; offers one until it has."""
    await world.offer(world.fixtures[:1])
    day = day_of(SystemClock().now(), world.settings.mode.zone)
    return (await read_counts(world.bus, day)).get("guard:not_armed", 0) > 0


async def test_open_bets_are_followed_to_their_settlement_after_the_licence_has_ended(
    tmp_path: Path,
) -> None:
    keys = new_key()
    licensed(tmp_path, 1, keys)
    async with execution_world(
        tmp_path, fixtures=4, KETER_LICENSE_KEY="", LICENSE_PUBLIC_KEY=keys[1]
    ) as world:
        event_uid = await one_running_bet(world)
        placed = world.sandbox.book.placed
        licensed(tmp_path, -1, keys)
        names = {**world.names, "REDIS_URL": world.redis.url}
        keter = KeterUp(tmp_path, **names)
        try:
            await keter.ready()
            assert (
                "LIVE: following 1 open bet only, nothing is bet: LIVE needs a valid licence: the"
                " licence ended on" in keter.text
            )
            await eventually(following("following 1 open bet only", keter), timeout_s=40)

            async def status() -> bool:  # in a thread: the bookmaker answers from this loop
                return (
                    "following 1 open bet only"
                    in (await asyncio.to_thread(keter.keter, "status")).stdout
                )

            await eventually(status, timeout_s=60, every_s=1)
            refused = await asyncio.to_thread(keter.keter, "arm", "--account", ACCOUNT.user)
            assert (refused.returncode, "the licence ended on" in refused.stderr) == (77, True)
            await eventually(lambda: refused_unlicensed(world), timeout_s=60, every_s=0.5)
            [bet] = await world.orders_of(event_uid)
            world.finish(bet, (0, 1))

            async def settled() -> bool:
                [bet] = await world.orders_of(event_uid)
                return bet.state is OrderState.LOST

            await eventually(settled, timeout_s=60)
            await eventually(following("nothing is left to follow", keter), timeout_s=40)
            assert keter.process.poll() is None, "it runs on"
            assert world.sandbox.book.placed == placed
            assert await asyncio.to_thread(keter.interrupt) == 0
        finally:
            keter.close()
        again = KeterUp(tmp_path, **names)
        try:
            assert await asyncio.to_thread(again.wait, 60) == 77
            assert "get a new one as docs/licences.md tells" in again.text
        finally:
            again.close()
