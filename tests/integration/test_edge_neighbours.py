"""Lines and results beside a market: the edge worker and a replay of the same prices decide alike,
to the last digit.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from keter.bus.codec import decode, encode
from keter.bus.connection import Bus
from keter.bus.queue import Item
from keter.bus.state.odds import remove_odds, write_odds
from keter.clock import ManualClock
from keter.domain.feed import CapturedAnswer, FeedUpdate, MarketPrices
from keter.domain.markets import Phase, parse_market
from keter.domain.quotes import BookPrices, MarketUpdate
from keter.domain.signals import Decision, ValidatedMarket
from keter.domain.verdicts import Reason
from keter.processes.edge import EdgeWorker
from keter.replay.replayer import Replayer
from keter.settings import Settings
from keter.strategies.value.evidence import explain, recompute
from keter.strategies.value.neighbour_markets import FRESH
from keter.strategies.value.validation import validate
from tests.kit.signals import ACCOUNT, NOW, an_update, prices
from tests.kit.workbench import context_on, settings_for

pytestmark = pytest.mark.redis
VALUE = prices("IBC", 2.30, 1.70)
PIN = prices("PIN", 1.95, 1.97)


def on(market_id: str, *books: BookPrices) -> MarketUpdate:
    return an_update(*books, market=parse_market("fb", market_id))


TOTAL = on("ft.ou.2.5", PIN, VALUE)
LOWER_TOTAL = on("ft.ou.2.25", prices("SBO", 1.72, 2.22))
HANDICAP = on("ft.ah.-0.25", PIN, VALUE)
LEVEL = on("ft.ah.0", prices("SBO", 1.66, 2.30), prices("XYZ", 1.60, 2.20))
RESULT = on("ft.1x2", prices("PIN", 2.60, 3.30, 2.90), prices("SBO", 2.55, 3.25, 2.88))


class Told:
    """A decoder for which one answer is one given update."""

    def __init__(self, updates: Sequence[FeedUpdate]) -> None:
        self._updates: Iterator[FeedUpdate] = iter(updates)

    def update(self, captured: CapturedAnswer) -> FeedUpdate | None:
        return next(self._updates)


def answer(*updates: MarketUpdate) -> FeedUpdate:
    changed = tuple(
        MarketPrices(u.event, u.market, u.phase, u.ref, u.books, u.active, u.score) for u in updates
    )
    return FeedUpdate(Phase.TODAY, changed, (), (), NOW, NOW, 0, 0.0, len(changed))


def replayed(settings: Settings, *updates: MarketUpdate) -> dict[str, Decision]:
    """Return what a replay decides of the last market, the others known before."""
    replayer = Replayer(settings, Told([answer(*updates[:-1]), answer(updates[-1])]))
    captured = CapturedAnswer("acc", "asianodds", {}, NOW, NOW, b"")
    wanted = updates[-1].market.market_id
    decisions = [d for d in replayer.run([captured, captured]) if d.stage == "edge"]
    return {d.selection_id: d for d in decisions if d.selection_id.startswith(wanted)}


class Live:
    """An edge worker at a standing clock."""

    def __init__(self, bus: Bus, settings: Settings) -> None:
        self.clock = ManualClock(NOW)
        self.worker = EdgeWorker(replace(context_on(bus, settings, "edge"), clock=self.clock))
        self._settings = settings

    async def judge(self, update: MarketUpdate) -> dict[str, Decision]:
        market = validated(update, self._settings)
        handled = await self.worker.handle(Item(market.queue_key, encode(market)))
        return {d.selection_id: d for d in (decode(Decision, one) for one in handled.audit)}


def validated(update: MarketUpdate, settings: Settings) -> ValidatedMarket:
    _, market = validate(update, settings.validation, NOW)
    assert market is not None
    return market


def told(decisions: dict[str, Decision]) -> dict[str, tuple[object, ...]]:
    again = {name: decode(Decision, encode(d)) for name, d in decisions.items()}
    return {
        name: (d.verdict, *(d.details.get(part) for part in ("offers", "fair", "evidence")))
        for name, d in again.items()
    }


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return settings_for(tmp_path)


CASES = [
    (TOTAL, (LOWER_TOTAL,), "ft.ou.2.5.over", "result"),
    (HANDICAP, (LEVEL, RESULT), "ft.ah.-0.25.home", "1x2"),
]


@pytest.mark.parametrize(("market", "others", "selection", "basis"), CASES)
async def test_a_line_with_too_few_sharps_borrows_from_its_neighbours_live_as_in_a_replay(
    bus: Bus,
    settings: Settings,
    market: MarketUpdate,
    others: tuple[MarketUpdate, ...],
    selection: str,
    basis: str,
) -> None:
    live = Live(bus, settings)
    for other in others:
        await live.judge(other)
    decisions = await live.judge(market)
    verdict = decisions[selection].verdict
    assert verdict.accepted
    assert verdict.numbers["sharps"] == "PIN,SBO"
    assert verdict.numbers["basis"] == basis
    assert verdict.numbers["steps_moved"] == 1
    assert verdict.numbers["min_ev_pct"] == pytest.approx(5 + 0.5 * 2.30)
    assert told(decisions) == told(replayed(settings, *others, market))


@pytest.mark.parametrize(("market", "others", "selection", "basis"), CASES)
async def test_what_another_worker_saw_is_found_in_the_latest_odds(
    bus: Bus,
    settings: Settings,
    market: MarketUpdate,
    others: tuple[MarketUpdate, ...],
    selection: str,
    basis: str,
) -> None:
    await write_odds(bus, others)
    decisions = await Live(bus, settings).judge(market)
    assert decisions[selection].verdict.accepted
    assert told(decisions) == told(replayed(settings, *others, market))


async def test_a_value_that_is_refused_is_recorded_with_all_that_was_weighed(
    bus: Bus, settings: Settings
) -> None:
    wild = on("ft.ou.2.5", PIN, prices("IBC", 2.90, 1.40))
    await write_odds(bus, [LOWER_TOTAL])
    decisions = await Live(bus, settings).judge(wild)
    decision = decisions["ft.ou.2.5.over"]
    assert decision.verdict.reason is Reason.EV_TOO_HIGH
    evidence = decision.details["evidence"]
    assert isinstance(evidence, dict)
    assert recompute(evidence).identical
    assert "IBC at 2.9" in explain(evidence)
    assert told(decisions) == told(replayed(settings, LOWER_TOTAL, wild))


async def test_without_neighbours_there_are_too_few_sharps_in_both(
    bus: Bus, settings: Settings
) -> None:
    assert await Live(bus, settings).judge(TOTAL) == replayed(settings, TOTAL) == {}
    handled = await Live(bus, settings).worker.handle(
        Item("key", encode(validated(TOTAL, settings)))
    )
    assert handled.counts == {f"edge:{Reason.TOO_FEW_SHARPS.value}": 2}


async def test_a_neighbour_that_was_taken_off_is_forgotten_after_a_while(
    bus: Bus, settings: Settings
) -> None:
    live = Live(bus, settings)
    await write_odds(bus, [LOWER_TOTAL])
    assert (await live.judge(TOTAL))["ft.ou.2.5.over"].verdict.accepted
    await remove_odds(bus, ACCOUNT, [(LOWER_TOTAL.event.event_uid, LOWER_TOTAL.market)])
    live.clock.set(NOW + FRESH + timedelta(milliseconds=1))
    assert await live.judge(TOTAL) == {}


async def test_a_neighbour_gone_stale_is_not_used_though_it_is_remembered(
    bus: Bus, tmp_path: Path
) -> None:
    brisk = settings_for(tmp_path, MAX_QUOTE_AGE_S=4)
    live = Live(bus, brisk)
    await live.judge(LOWER_TOTAL)
    live.clock.set(NOW + timedelta(seconds=5))
    fresh = (
        prices("PIN", 1.95, 1.97, confirmed_at=live.clock.now()),
        prices("IBC", 2.3, 1.7, confirmed_at=live.clock.now()),
    )
    market = ValidatedMarket(on("ft.ou.2.5", *fresh), fresh, {}, live.clock.now())
    handled = await live.worker.handle(Item(market.queue_key, encode(market)))
    assert handled.counts == {f"edge:{Reason.TOO_FEW_SHARPS.value}": 2}
