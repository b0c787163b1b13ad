"""A watch over the venue's feed: the age of its confirmations, its problems, and their alerts."""

from collections import Counter

from keter.bus.state.accounts import note_contest
from keter.bus.telemetry.alerts import clear_alert, raise_alert
from keter.bus.telemetry.audit import add_counts
from keter.context import Context
from keter.domain.alerts import AlertKind
from keter.domain.feed import FeedUpdate
from keter.domain.markets import Phase
from keter.processes.redis_following import REDIS_TROUBLE
from keter.system.tasks import sleep
from keter.venues.base import PriceSource, VenueRejectedError

EVERY_S = 1.0
# A problem of this kind: the session was lost soon after its login.
CONTESTED = "session_contested"
# Two programs on one account fight for as long as both run. What passes sooner is a login
# elsewhere, once or twice.
CONTEST_S = 120.0
# After so long without a problem of that kind a contest begins anew.
QUIET_S = 300.0
# A problem of this kind: a match or a market was left out because there are too many.
SHED = "shed"
# A feed is asked every 20 s at least, and what was left out comes again with the next change.
SHED_LASTS_S = 120.0


class FeedWatch:
    """Gauges, counters and alerts of one account's feed."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._account = context.account.key
        self._good_at = dict.fromkeys(Phase, context.clock.monotonic())
        self._source: PriceSource | None = None
        self._counted: Counter[str] = Counter()
        self._confirmed: set[Phase] = set()
        # When the contest for the session began and when it was last seen, by the monotonic clock.
        self._contest: tuple[float, float] | None = None
        self._shed_at: float | None = None
        # Alerts that may be raised. An earlier process may have raised them, and what they are
        # about may be over.
        others = (AlertKind.VENUE_TIMEOUTS, AlertKind.VENUE_REFUSED, AlertKind.FEED_OVERFLOW)
        self._raised = {kind.alert_id(self._account) for kind in others}
        self._raised |= {AlertKind.FEED_STALE.alert_id(self._feed(phase)) for phase in Phase}

    def follow(self, source: PriceSource) -> None:
        """Count the problems of this source from here on, not those of its predecessor."""
        self._source, self._counted = source, Counter()

    def confirmed(self, update: FeedUpdate) -> None:
        """Note that a good answer has been published."""
        self._good_at[update.phase] = self._context.clock.monotonic()
        self._confirmed.add(update.phase)

    async def run(self) -> None:
        """Look every second until cancelled; wait while Redis is away."""
        while True:
            try:
                await self._look()
            except REDIS_TROUBLE as e:
                self._context.log.debug("feed_watch_skipped", error=str(e))
            await sleep(EVERY_S)

    async def _look(self) -> None:
        for phase in Phase:
            await self._watch_age(phase)
        if self._source is not None:
            await self._count_problems(self._source)
            await self._watch_overflow()
            await self._watch_timeouts(self._source.timeouts_in_a_row)

    async def _watch_age(self, phase: Phase) -> None:
        age_s = self._context.clock.monotonic() - self._good_at[phase]
        self._context.heart.gauge(f"feed_age_s_{phase.value}", round(age_s, 1))
        stale = age_s > self._context.settings.venue.feed_stale_after_s
        detail = f"No good answer for {phase.value} for {age_s:.0f} s; its prices are not traded."
        if stale or phase in self._confirmed:
            about = self._feed(phase)
            await self._alert(AlertKind.FEED_STALE, about, stale, detail, phase=phase.value)

    async def _watch_timeouts(self, late: int) -> None:
        limit = self._context.settings.alerts.alert_consecutive_timeouts
        detail = f"{late} answers in a row did not come in time."
        if late >= limit or self._confirmed:
            await self._alert(AlertKind.VENUE_TIMEOUTS, self._account, late >= limit, detail)

    async def _watch_overflow(self) -> None:
        """Alert while the feed has more matches or markets than are kept."""
        now, venue = self._context.clock.monotonic(), self._context.settings.venue
        full = self._shed_at is not None and now - self._shed_at < SHED_LASTS_S
        detail = (
            f"Of more than {venue.max_fixtures} fixtures or {venue.max_markets} markets those that"
            " kick off last are left out."
        )
        if full or self._confirmed:
            await self._alert(AlertKind.FEED_OVERFLOW, self._account, full, detail)

    async def _count_problems(self, source: PriceSource) -> None:
        fresh = source.problems - self._counted
        if not fresh:
            return
        counts = {f"ingest:problem_{kind}": times for kind, times in fresh.items()}
        await add_counts(self._context.bus, self._context.period(), counts)
        self._counted = Counter(source.problems)
        if fresh[CONTESTED]:
            await self._contested()
        if fresh[SHED]:
            self._shed_at = self._context.clock.monotonic()
        for kind, times in fresh.items():
            self._context.heart.count(f"problem_{kind}", times)

    async def _contested(self) -> None:
        """Note for the tracker that another program uses the account, if this lasts for minutes."""
        now = self._context.clock.monotonic()
        began, last = self._contest or (now, now)
        self._contest = (began if now - last <= QUIET_S else now, now)
        if now - self._contest[0] >= CONTEST_S:
            await note_contest(self._context.bus, self._account)

    async def refused(self, error: VenueRejectedError) -> None:
        """Alert that the venue refuses the account: only the operator can change that."""
        await self._alert(AlertKind.VENUE_REFUSED, self._account, True, error.detail)

    async def answered(self) -> None:
        """Clear the alert of ``refused``."""
        await self._alert(AlertKind.VENUE_REFUSED, self._account, False, "")

    async def _alert(
        self, kind: AlertKind, about: str, wanted: bool, detail: str, *, phase: str = ""
    ) -> None:
        alert_id = kind.alert_id(about)
        if wanted:
            alert = kind.alert(detail, self._context.clock.now(), about=about, phase=phase)
            await raise_alert(self._context.bus, alert)
            self._raised.add(alert_id)
        elif alert_id in self._raised:
            await clear_alert(self._context.bus, alert_id)
            self._raised.discard(alert_id)

    def _feed(self, phase: Phase) -> str:
        """Return the name of one of the account's feeds in alert ids."""
        return f"{self._account}:{phase.value}"
