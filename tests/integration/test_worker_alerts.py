"""What ingest and edge call for help about: raised when it should be, taken back when it is over,
also by a successor.
"""

from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from keter.bus.codec import encode
from keter.bus.connection import Bus
from keter.bus.queue import Item
from keter.bus.telemetry.alerts import read_alerts
from keter.clock import ManualClock
from keter.domain.feed import FeedUpdate
from keter.domain.markets import Phase, parse_market
from keter.domain.quotes import BookPrices, MarketUpdate
from keter.processes.edge import EdgeWorker
from keter.processes.feed_watch import FeedWatch
from keter.settings import Settings
from keter.strategies.value.validation import validate
from keter.venues.asianodds.source import AsianOddsSource
from tests.kit.asianodds_payloads import feed_body
from tests.kit.asianodds_seam import Script
from tests.kit.signals import NOW, an_update, prices
from tests.kit.workbench import context_on, settings_for
from tests.unit.venues.asianodds.test_source import SPOILT, FeedVenue

pytestmark = pytest.mark.redis
SHARPS = (prices("PIN", 1.95, 1.97), prices("SBO", 1.95, 1.97))
TOTAL = parse_market("fb", "ft.ou.2.5")
VALUE = an_update(*SHARPS, prices("IBC", 2.30, 1.70), market=TOTAL)
NO_VALUE = an_update(*SHARPS, prices("IBC", 1.90, 1.90), market=TOTAL)
OTHER_NO_VALUE = an_update(
    *SHARPS, prices("IBC", 1.90, 1.90), market=parse_market("fb", "ft.ou.3.5")
)


@dataclass
class Source:
    """A feed as far as its watch looks at it."""

    timeouts_in_a_row: int = 0
    problems: Counter[str] = field(default_factory=Counter)


class Ingest:
    """One life of ingest's watch at a clock that is moved by hand."""

    def __init__(self, bus: Bus, settings: Settings, clock: ManualClock) -> None:
        self.clock, self.source = clock, Source()
        self.watch = FeedWatch(replace(context_on(bus, settings, "ingest"), clock=clock))
        self.watch.follow(self.source)  # type: ignore[arg-type]  # a feed as far as it is looked at

    async def look(self, after_s: float = 0, *confirmed: Phase) -> None:
        self.clock.set(self.clock.now() + timedelta(seconds=after_s))
        for phase in confirmed:
            self.watch.confirmed(FeedUpdate(phase, (), (), (), NOW, NOW, 0, 0.0, 0))
        await self.watch._look()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return settings_for(
        tmp_path,
        FEED_STALE_AFTER_S=60,
        ALERT_CONSECUTIVE_TIMEOUTS=3,
        ALERT_LOW_EV_STREAK=2,
        ALERT_LOW_EV_MIN=10,
    )


async def standing(bus: Bus) -> dict[str, str]:
    return {alert.id: alert.level for alert in await read_alerts(bus)}


async def test_a_feed_that_falls_silent_wakes_somebody_and_only_its_return_ends_it(
    bus: Bus, settings: Settings
) -> None:
    clock = ManualClock(NOW)
    first = Ingest(bus, settings, clock)
    await first.look(60, *Phase)
    assert await standing(bus) == {}
    await first.look(61, Phase.LIVE, Phase.TODAY)
    assert await standing(bus) == {"feed_stale:asianodds:demo:early": "page"}
    second = Ingest(bus, settings, clock)
    await second.look(1)
    assert await standing(bus) == {"feed_stale:asianodds:demo:early": "page"}, (
        "to have started again is no good answer"
    )
    await second.look(1, Phase.EARLY)
    assert await standing(bus) == {}


async def test_time_outs_in_a_row_wake_somebody_and_only_an_answer_ends_it(
    bus: Bus, settings: Settings
) -> None:
    """ALERT_CONSECUTIVE_TIMEOUTS of them, here three."""
    clock = ManualClock(NOW)
    first = Ingest(bus, settings, clock)
    first.source.timeouts_in_a_row = 2
    await first.look(1)
    assert await standing(bus) == {}
    first.source.timeouts_in_a_row = 3
    await first.look(1)
    assert await standing(bus) == {"venue_timeouts:asianodds:demo": "page"}
    second = Ingest(bus, settings, clock)
    await second.look(1)
    assert await standing(bus) == {"venue_timeouts:asianodds:demo": "page"}
    await second.look(1, Phase.TODAY)
    assert await standing(bus) == {}


async def early_feed(
    bus: Bus, settings: Settings, answers: list[Script], seconds: float
) -> list[tuple[float, bool]]:
    """Second by second, whether the early feed is told to be stale while the venue gives these
    answers, then good ones.

    Ingest's watch over the real source; the other feeds answer well all the time.
    """
    venue, seen = FeedVenue(), []
    venue.feeds[Phase.EARLY] = answers
    start = venue.clock.monotonic()
    watch = FeedWatch(replace(context_on(bus, settings, "ingest"), clock=venue.clock))

    async def second_by_second(wait_s: float) -> None:
        await venue.sleep(wait_s)
        await watch._look()
        seen.append(
            (
                venue.clock.monotonic() - start,
                "feed_stale:asianodds:demo:early" in await standing(bus),
            )
        )

    source = AsianOddsSource(venue.client(), venue.clock, venue.stores, sleep=second_by_second)
    watch.follow(source)
    async for update in source.updates():
        watch.confirmed(update)
        if venue.clock.monotonic() - start > seconds:
            return seen
    return seen


@pytest.mark.parametrize("spoilt", SPOILT, ids=["cut", "html", "503", "connection"])
async def test_one_spoilt_answer_makes_no_feed_stale(
    bus: Bus, settings: Settings, spoilt: Script
) -> None:
    seen = await early_feed(
        bus, settings, [feed_body(), spoilt, feed_body(), feed_body(), spoilt], 150
    )
    assert seen[-1][0] > 150
    assert not any(stale for _, stale in seen)


@pytest.mark.parametrize("spoilt", SPOILT, ids=["cut", "html", "503", "connection"])
async def test_a_spoilt_answer_ends_no_staleness_and_a_good_one_does(
    bus: Bus, settings: Settings, spoilt: Script
) -> None:
    seen = await early_feed(bus, settings, [feed_body(), *[spoilt] * 4], 400)
    began = next(at_s for at_s, stale in seen if stale)
    ended = next(at_s for at_s, stale in seen if at_s > began and not stale)
    assert 60 < began < 65
    assert ended - began > 60, "several spoilt answers came in between"
    assert not any(stale for at_s, stale in seen if at_s > ended)


async def test_a_refusal_of_an_earlier_life_ends_with_the_first_answer(
    bus: Bus, settings: Settings
) -> None:
    clock = ManualClock(NOW)
    error: Any = type("Refused", (), {"detail": "account suspended"})()
    await Ingest(bus, settings, clock).watch.refused(error)
    assert await standing(bus) == {"venue_refused:asianodds:demo": "page"}
    await Ingest(bus, settings, clock).watch.answered()
    assert await standing(bus) == {}


class Edge:
    """One life of an edge worker at a clock that is moved by hand."""

    def __init__(self, bus: Bus, settings: Settings, clock: ManualClock) -> None:
        self._settings, self.clock = settings, clock
        self._worker = EdgeWorker(replace(context_on(bus, settings, "edge"), clock=clock))

    async def judge(self, update: MarketUpdate) -> None:
        fresh = msgspec.structs.replace(
            update, received_at=self.clock.now(), books=_confirmed(update, self.clock)
        )
        _, market = validate(fresh, self._settings.validation, self.clock.now())
        assert market is not None
        await self._worker.handle(Item(market.queue_key, encode(market)))


def _confirmed(update: MarketUpdate, clock: ManualClock) -> tuple[BookPrices, ...]:
    return tuple(msgspec.structs.replace(book, confirmed_at=clock.now()) for book in update.books)


async def test_a_long_time_without_value_is_told_and_the_next_value_ends_it(
    bus: Bus, settings: Settings
) -> None:
    """ALERT_LOW_EV_MIN of it, over ALERT_LOW_EV_STREAK different markets, here two; a price that
    moves is no other market.
    """
    told, clock = {"low_ev_streak:edge": "info"}, ManualClock(NOW)
    first = Edge(bus, settings, clock)
    for update in (NO_VALUE, OTHER_NO_VALUE) * 300:
        await first.judge(update)
    assert await standing(bus) == {}
    clock.set(NOW + timedelta(minutes=9))
    await first.judge(NO_VALUE)
    assert await standing(bus) == {}
    clock.set(NOW + timedelta(minutes=10))
    await first.judge(NO_VALUE)
    assert await standing(bus) == told
    second = Edge(bus, settings, clock)
    await second.judge(NO_VALUE)
    assert await standing(bus) == told
    await second.judge(VALUE)
    assert await standing(bus) == {}
    clock.set(NOW + timedelta(minutes=30))
    for _ in range(500):
        await second.judge(NO_VALUE)
    assert await standing(bus) == {}
    await second.judge(OTHER_NO_VALUE)
    assert await standing(bus) == told


async def test_a_feed_that_holds_more_than_is_kept_is_told_and_taken_back(
    bus: Bus, settings: Settings
) -> None:
    ingest = Ingest(bus, settings, ManualClock(NOW))
    ingest.source.problems["shed"] += 4_000
    await ingest.look()
    (alert,) = await read_alerts(bus)
    assert (alert.id, alert.level) == (f"feed_overflow:{settings.account.key}", "ticket")
    await ingest.look(121, *Phase)
    assert await read_alerts(bus) == []
