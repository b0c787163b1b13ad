"""The edge worker's second looks: a value that only time is wanting for is judged again when that
time has passed.
"""

import dataclasses
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from keter.bus.codec import decode, encode
from keter.bus.connection import Bus
from keter.bus.queue import Item
from keter.bus.state.feeds import write_feed
from keter.bus.state.odds import write_odds
from keter.clock import ManualClock
from keter.domain.markets import Phase
from keter.domain.signals import ConfirmedSignal, ValidatedMarket
from keter.processes import edge as edge_worker
from keter.processes.edge import EdgeWorker
from keter.processes.turns import Handled
from tests.kit.signals import ACCOUNT, NOW, an_event, an_update, prices
from tests.kit.workbench import context_on, opened, settings_for

pytestmark = pytest.mark.redis
OTHERS = (prices("SBO", 2.55, 3.25, 2.88), prices("ISN", 2.58, 3.30, 2.85))
AHEAD = an_update(prices("PIN", 2.90, 3.30, 2.60), *OTHERS)


class Edge:
    """An edge worker whose clock and feed the test moves."""

    def __init__(self, bus: Bus, folder: Path) -> None:
        self.bus, self.clock = bus, ManualClock(NOW)
        context = context_on(bus, settings_for(folder), "edge")
        self.worker = EdgeWorker(dataclasses.replace(context, clock=self.clock))

    async def sees(self) -> Handled:
        await write_odds(self.bus, [AHEAD])
        market = ValidatedMarket(AHEAD, AHEAD.books, {}, NOW)
        return await self.worker.handle(Item(AHEAD.queue_key, encode(market)))

    async def after(self, seconds: float, *, confirmed: float) -> Handled:
        """Return what a tick brings at ``seconds``; the feed last answered at ``confirmed``."""
        self.clock.set(NOW + timedelta(seconds=seconds))
        await write_feed(
            self.bus, ACCOUNT, Phase.TODAY, {"confirmed_at": NOW + timedelta(seconds=confirmed)}
        )
        return await self.worker.tick()


async def test_an_anchors_price_is_looked_at_again_when_the_others_have_stood_beside_it(
    redis_url: str, tmp_path: Path
) -> None:
    async with opened(redis_url) as bus:
        edge = Edge(bus, tmp_path)
        first = await edge.sees()
        assert (first.outputs, first.counts["edge:anchor_unsettled"], len(first.audit)) == (
            [],
            1,
            1,
        )
        assert (await edge.after(29, confirmed=20)).counts == {}, "its time has not come"
        early = await edge.after(31, confirmed=20)
        assert (early.outputs, early.counts["edge:anchor_unsettled"]) == ([], 1)
        assert early.audit == [], "it is told once"
        settled = await edge.after(41, confirmed=40)
        (signal,) = [decode(ConfirmedSignal, output.payload) for output in settled.outputs]
        assert signal.offers[0].book == "PIN"


async def test_values_that_are_due_together_are_looked_at_over_several_turns(
    redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A turn that looked at thousands would outlast its lease, and lose all that it had found."""
    monkeypatch.setattr(edge_worker, "LOOKS_PER_TURN", 2)
    async with opened(redis_url) as bus:
        edge = Edge(bus, tmp_path)
        for n in range(5):
            update = msgspec.structs.replace(AHEAD, event=an_event(f"Home {n} FC"))
            await write_odds(bus, [update])
            market = ValidatedMarket(update, update.books, {}, NOW)
            await edge.worker.handle(Item(update.queue_key, encode(market)))
        found = [(await edge.after(41, confirmed=40)).counts.get("edge:ok", 0) for _ in range(4)]
        assert found == [2, 2, 1, 0]


async def test_a_market_that_cannot_be_read_any_more_is_left_until_its_next_price(
    redis_url: str, tmp_path: Path
) -> None:
    """It is not the item in hand, so that it must not end the worker that comes back to it."""
    async with opened(redis_url) as bus:
        edge = Edge(bus, tmp_path)
        await edge.sees()
        keys = [key async for key in bus.redis.scan_iter(match="*odds:latest:*")]
        await bus.redis.execute_command("SET", keys[0], "no odds")
        assert (await edge.after(41, confirmed=40)).outputs == []
        assert (await edge.after(45, confirmed=44)).counts == {}
