"""The snapshot is built as often as somebody looks, and no oftener."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from keter.clock import ManualClock
from keter.dashboard.errors import ApiError
from keter.dashboard.hub import FRESH_S, IDLE_S, POLL_S, Hub
from keter.dashboard.models import RedisFacts, Snapshot
from keter.errors import UnavailableError
from tests.kit.execution import NOW
from tests.kit.support import eventually


class Built:
    """Counts snapshots; each is another."""

    def __init__(self) -> None:
        self.count, self.fails = 0, False

    async def __call__(self, position: str) -> Snapshot:
        if self.fails:
            raise UnavailableError("Redis is away")
        self.count += 1
        redis = RedisFacts(ok=True, detail="")
        return Snapshot.model_construct(id=position, redis=redis, **_sections())


def _sections() -> dict[str, Any]:
    names = (
        "server",
        "trading",
        "money",
        "attention",
        "workers",
        "queues",
        "feeds",
        "funnel",
        "pnl",
        "problems",
        "accounts",
    )
    return {**dict.fromkeys(names), "orders": [], "signals": [], "ticks": []}


async def test_without_a_page_nothing_is_built_between_the_idle_looks() -> None:
    built, stop = Built(), asyncio.Event()
    running = asyncio.create_task(Hub(built, ManualClock(NOW), "run").run(stop))
    await eventually(lambda: built.count == 1)
    done, _ = await asyncio.wait({running}, timeout=3 * POLL_S)
    assert not done
    assert built.count == 1
    assert IDLE_S >= 10 * POLL_S
    stop.set()
    await asyncio.wait_for(running, 5)


async def test_who_asks_gets_a_snapshot_of_now_and_many_at_once_share_one() -> None:
    built, clock = Built(), ManualClock(NOW)
    hub = Hub(built, clock, "run")
    await asyncio.gather(*[hub.fresh() for _ in range(5)])
    assert built.count == 1
    clock.set(clock.now() + timedelta(seconds=FRESH_S + 0.1))
    await hub.fresh()
    assert built.count == 2


async def test_a_redis_that_went_away_unseen_is_told_to_who_asks() -> None:
    built, clock = Built(), ManualClock(NOW)
    hub = Hub(built, clock, "run")
    await hub.fresh()
    built.fails = True
    clock.set(clock.now() + timedelta(seconds=FRESH_S + 0.1))
    with pytest.raises(ApiError, match="Redis is away"):
        await hub.fresh()
    assert hub.problem == "Redis is away"
    assert (await hub.newest()) is not None
