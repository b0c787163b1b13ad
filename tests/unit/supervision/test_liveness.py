"""A child that is silent for too long hangs, and so does a page that has stopped answering.

One that is starting, or whose listener was away, does not.
"""

from datetime import UTC, datetime, timedelta

from keter.clock import ManualClock
from keter.supervision.liveness import SILENT_S, PageWatch, SilenceLimits, SilenceTimer

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_silence_counts_from_the_last_pulse() -> None:
    timer = SilenceTimer(SilenceLimits(starting_s=100, silent_s=10))
    timer.started(0)
    timer.pulsed(50)
    assert not timer.hangs(60)
    assert timer.hangs(60.1)


def test_a_start_has_a_limit_of_its_own_also_after_an_earlier_life() -> None:
    timer = SilenceTimer(SilenceLimits(starting_s=100, silent_s=10))
    timer.started(0)
    timer.pulsed(1)
    timer.started(200)
    assert not timer.hangs(300)
    assert timer.hangs(300.1)


def test_what_passed_while_nobody_listened_does_not_count() -> None:
    timer = SilenceTimer(SilenceLimits(starting_s=100, silent_s=10))
    timer.started(0)
    timer.pulsed(1)
    timer.ignore_before(500)
    assert not timer.hangs(505)
    assert timer.hangs(511)


def test_the_limit_follows_slow_heartbeats_and_is_never_short() -> None:
    assert SilenceLimits.of(0.1).silent_s == SILENT_S
    assert SilenceLimits.of(30).silent_s == 450


class Page:
    def __init__(self) -> None:
        self.answers = False

    async def ask(self) -> bool:
        return self.answers


async def test_a_page_that_stops_answering_hangs_after_its_patience_and_once() -> None:
    page, clock = Page(), ManualClock(NOON)
    watch = PageWatch(page.ask, clock, patience_s=30)
    clock.set(NOON + timedelta(hours=1))
    assert not await watch.hangs()  # it has never answered
    page.answers = True
    assert not await watch.hangs()
    page.answers = False
    clock.set(clock.now() + timedelta(seconds=30))
    assert not await watch.hangs()
    clock.set(clock.now() + timedelta(seconds=1))
    assert await watch.hangs()
    clock.set(clock.now() + timedelta(hours=1))
    assert not await watch.hangs()  # the new process is waited for
