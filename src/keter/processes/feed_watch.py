"""A watch over the venue's feed: how old its confirmations are, what goes wrong with it, and when
to call for help.
"""

import asyncio
from collections import Counter

from keter.bus.state.accounts import note_contest
from keter.bus.telemetry.alerts import Alert, Level, clear_alert, raise_alert
from keter.bus.telemetry.audit import add_counts
from keter.context import Context
from keter.domain.feed import FeedUpdate
from keter.domain.markets import Phase
from keter.processes.runtime import REDIS_TROUBLE
from keter.venues.base import PriceSource, VenueRejectedError

EVERY_S = 1.0
CONTESTED = "session_contested"  # the session's owner waits before it logs in again
# Two programs on one account fight for as long as both run; what passes sooner is a login
# elsewhere, once or twice.
CONTEST_S = 120.0
QUIET_S = 300.0  # a contest that rests for longer begins anew
SHED = "shed"
# A feed is asked every 20 s at least, and what was shed comes again with the next change.
SHED_STANDS_S = 120.0


class FeedWatch:
    """Gauges, counters and alerts of one account's feed."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._account = context.settings.venue.ao_user
        self._good_at = dict.fromkeys(Phase, context.clock.monotonic())
        self._source: PriceSource | None = None
        self._told: Counter[str] = Counter()
        self._confirmed: set[Phase] = set()
        self._contest: tuple[float, float] | None = None  # when it began, and when it was last seen
        stale = [f"feed_stale:{self._account}:{phase.value}" for phase in Phase]
        # These may stand from an earlier life: who raised them is gone, and what they were about
        # may be over.
        self._standing = {
            *stale,
            f"venue_timeouts:{self._account}",
            f"venue_refused:{self._account}",
            f"feed_overflow:{self._account}",
        }
        self._shed_at: float | None = None

    def follow(self, source: PriceSource) -> None:
        """From here on the problems of this source count; its predecessor has told its own."""
        self._source, self._told = source, Counter()

    def confirmed(self, update: FeedUpdate) -> None:
        """A good answer has been published."""
        self._good_at[update.phase] = self._context.clock.monotonic()
        self._confirmed.add(update.phase)

    async def run(self) -> None:
        """Look every second until cancelled; Redis being away is waited out."""
        while True:
            try:
                await self._look()
            except REDIS_TROUBLE as e:
                self._context.log.debug("feed_watch_skipped", error=str(e))
            await asyncio.sleep(EVERY_S)

    async def _look(self) -> None:
        for phase in Phase:
            age_s = self._context.clock.monotonic() - self._good_at[phase]
            self._context.heart.gauge(f"feed_age_s_{phase.value}", round(age_s, 1))
            stale = age_s > self._context.settings.venue.feed_stale_after_s
            title = f"The {phase.value} feed is stale"
            detail = (
                f"No good answer for {phase.value} for {age_s:.0f} s; its prices are not traded."
            )
            if stale or phase in self._confirmed:
                await self._alert(f"feed_stale:{self._account}:{phase.value}", stale, title, detail)
        if self._source is not None:
            await self._tell_problems(self._source)
            await self._tell_overflow()
            late, limit = (
                self._source.timeouts_in_a_row,
                self._context.settings.alerts.alert_consecutive_timeouts,
            )
            title, detail = (
                "The venue does not answer",
                f"{late} answers in a row did not come in time.",
            )
            if late >= limit or self._confirmed:
                await self._alert(f"venue_timeouts:{self._account}", late >= limit, title, detail)

    async def _tell_overflow(self) -> None:
        """More matches or markets than are kept: what kicks off last is not bet."""
        now, venue = self._context.clock.monotonic(), self._context.settings.venue
        stands = self._shed_at is not None and now - self._shed_at < SHED_STANDS_S
        detail = (
            f"Of more than {venue.max_fixtures} fixtures or {venue.max_markets} markets those that"
            " kick off last are left out."
        )
        if stands or self._confirmed:
            await self._alert(
                f"feed_overflow:{self._account}",
                stands,
                "The feed holds more than is kept",
                detail,
                "ticket",
            )

    async def _tell_problems(self, source: PriceSource) -> None:
        fresh = source.problems - self._told
        if fresh:
            counts = {f"ingest:problem_{kind}": times for kind, times in fresh.items()}
            await add_counts(self._context.bus, self._context.day(), counts)
            self._told = Counter(source.problems)
            if fresh[CONTESTED]:
                await self._contested()
            if fresh[SHED]:
                self._shed_at = self._context.clock.monotonic()
            for kind, times in fresh.items():
                self._context.heart.count(f"problem_{kind}", times)

    async def _contested(self) -> None:
        """The session died young again.

        For minutes on end it is another program's doing, which the tracker is told.
        """
        now = self._context.clock.monotonic()
        began, last = self._contest or (now, now)
        self._contest = (began if now - last <= QUIET_S else now, now)
        if now - self._contest[0] >= CONTEST_S:
            await note_contest(self._context.bus, self._account)

    async def refused(self, error: VenueRejectedError) -> None:
        """The venue will not have us: nobody but the operator can change that."""
        await self._alert(
            f"venue_refused:{self._account}", True, "The venue refuses the account", error.detail
        )

    async def welcome(self) -> None:
        """The venue answers again."""
        await self._alert(f"venue_refused:{self._account}", False, "", "")

    async def _alert(
        self, alert_id: str, wanted: bool, title: str, detail: str, level: Level = "page"
    ) -> None:
        if wanted:
            action = "Look at the venue's status, the account's settings and the ingest log."
            await raise_alert(
                self._context.bus,
                Alert(alert_id, level, title, detail, self._context.clock.now(), action),
            )
            self._standing.add(alert_id)
        elif alert_id in self._standing:
            await clear_alert(self._context.bus, alert_id)
            self._standing.discard(alert_id)
