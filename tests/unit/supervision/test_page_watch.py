"""The page is asked over HTTP: one that has stopped answering is told once, one that never answered
is waited for.
"""

from datetime import UTC, datetime, timedelta

from keter.clock import ManualClock
from keter.supervision.page_watch import PageWatch

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


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
