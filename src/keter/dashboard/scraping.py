"""``GET /metrics``: gathers what is known, with a deadline, and serves it to Prometheus.

Redis or the ledger may be away.
"""

import asyncio
import hmac
from collections.abc import Sequence
from datetime import timedelta

from aiohttp import web

from keter import __version__
from keter.betting_settings import RiskSettings
from keter.bus.state.feeds import FeedFacts
from keter.clock import Clock
from keter.dashboard.app_context import AppContext
from keter.dashboard.facts import BusFacts, account_of
from keter.dashboard.health import disk_facts
from keter.dashboard.routes import Call, Route, Scope
from keter.dashboard.rules.table import RULES
from keter.domain.limits import daily_loss_limit_minor
from keter.domain.money import to_minor
from keter.domain.storage import StorageUse
from keter.errors import KeterError
from keter.ledger import ClosingLine, Figures
from keter.license.keeper import LicenseKeeper
from keter.metrics import CONTENT_TYPE, BusPart, Known, Limits, Machine, RedisPart, expose
from keter.settings import Settings
from keter.system.text_files import is_present

# A younger page is served again: who asks more often costs nothing.
FRESH_S = 1.0
DEADLINE_S = 3.0
CLV_SPAN = timedelta(days=30)
# It reads every bet of the span, and a mean of a month moves slowly.
CLV_EVERY_S = 60.0


class Scraping:
    """Serves the metrics, one per application.

    One scrape runs at a time, and those that wait get what it found.
    """

    def __init__(self, context: AppContext) -> None:
        self._context = context
        self._one_at_a_time = asyncio.Lock()
        self._text = b""
        self._made_at: float | None = None
        self._closing: ClosingLine | None = None
        self._closing_due = 0.0

    def routes(self) -> list[Route]:
        about = (
            "Metrics in the Prometheus text format; METRICS_TOKEN as a bearer token opens it to"
            " other machines"
        )
        return [Route("GET", "/metrics", Scope.LOCAL, self.metrics, about, media="text/plain")]

    async def metrics(self, call: Call) -> web.StreamResponse:
        return web.Response(body=await self._page(), headers={"Content-Type": CONTENT_TYPE})

    async def _page(self) -> bytes:
        async with self._one_at_a_time:
            now = self._context.clock.monotonic()
            if self._made_at is None or now - self._made_at >= FRESH_S:
                self._text = await asyncio.to_thread(expose, await self._known())
                self._made_at = now
            return self._text

    async def _known(self) -> Known:
        context, settings = self._context, self._context.settings
        found, rooms = await self._bus(), await context.reader.storage.rooms()
        stores = await context.stores.look()
        return Known(
            at=context.clock.now(),
            version=__version__,
            mode=settings.account.mode.value,
            currency=settings.mode.account_currency,
            zone=settings.mode.time_zone,
            stopped=bool(found.standing.stops)
            if found is not None
            else is_present(settings.router.halt_file),
            limits=limits_of(settings, found.limits if found is not None else settings.risk),
            machine=await asyncio.to_thread(
                machine_of, settings, context.clock, context.hub.pages, rooms
            ),
            rules=[(rule.kind.id, rule.kind.level) for rule in RULES],
            bus=bus_part(found, settings) if found is not None else None,
            figures=await self._figures(),
            redis_writes=stores.redis is None,
            ledger_writes=stores.ledger is None,
        )

    async def _bus(self) -> BusFacts | None:
        try:
            return (await self._context.reader.facts()).bus
        except (KeterError, OSError):
            return None

    async def _figures(self) -> Figures | None:
        context, settings = self._context, self._context.settings
        try:
            async with asyncio.timeout(DEADLINE_S):
                ledger = await context.records.ledger()
                mode, account = settings.account.mode, settings.account.key
                since = self._context.clock.now() - CLV_SPAN
                if self._closing is None or self._context.clock.monotonic() >= self._closing_due:
                    self._closing = await ledger.closing_line(mode, account, since)
                    self._closing_due = self._context.clock.monotonic() + CLV_EVERY_S
                return await ledger.figures(
                    mode, account, context.reader.today(), clv_since=since, closing=self._closing
                )
        except (KeterError, TimeoutError):
            return None


def bearer(request: web.Request, token: str) -> bool:
    """Return whether the request carries METRICS_TOKEN; never when none is set."""
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    given_token = given.strip().encode(errors="surrogateescape")
    return (
        bool(token)
        and scheme.lower() == "bearer"
        and hmac.compare_digest(given_token, token.encode())
    )


def bus_part(found: BusFacts, settings: Settings) -> BusPart:
    """Return what the metrics need of the facts from Redis."""
    trading = found.standing.trading
    account, redis = account_of(found.accounts, settings), found.redis
    return BusPart(
        mode=found.standing.mode,
        revision=trading.state.revision
        if trading is not None and trading.state is not None
        else None,
        armed=found.armed,
        heartbeats=found.heartbeats,
        queues=found.queues,
        feeds=current_feeds(found.feeds, settings.account.key),
        account=account,
        exposures=found.exposures,
        counts=found.counts,
        alerts=found.alerts,
        redis=RedisPart(redis.used_memory_bytes, redis.aof, redis.policy, bool(redis.fake)),
    )


def current_feeds(feeds: Sequence[FeedFacts], account: str) -> list[FeedFacts]:
    """Return one feed per phase, of the configured account.

    Without a name it is the feed that was asked last.
    """
    newest: dict[str, FeedFacts] = {}
    for feed in feeds:
        known = newest.get(feed.phase.value)
        if (not account or feed.account == account) and (
            known is None or _asked_s(feed) > _asked_s(known)
        ):
            newest[feed.phase.value] = feed
    return list(newest.values())


def _asked_s(feed: FeedFacts) -> float:
    return feed.requested_at.timestamp() if feed.requested_at is not None else 0.0


def limits_of(settings: Settings, risk: RiskSettings) -> Limits:
    """Return the limits for the metrics.

    ``risk`` are those in force, or the settings' own while Redis cannot be asked.
    """
    return Limits(
        exposure_minor=to_minor(risk.max_exposure_total),
        day_loss_minor=daily_loss_limit_minor(
            risk.daily_loss_limit_units, settings.stake.fixed_stake
        ),
        losing_streak=risk.losing_streak_limit,
        feed_age_s=settings.venue.feed_stale_after_s,
        unknown_s=settings.router.unknown_alert_s,
        refusals_pct=settings.alerts.alert_refusal_pct,
        low_ev_streak=settings.alerts.alert_low_ev_streak,
    )


def machine_of(
    settings: Settings, clock: Clock, pages: int, rooms: Sequence[StorageUse]
) -> Machine:
    """Return disk, licence and pages. Reads files: call it in a thread."""
    disk = disk_facts(settings.mode.data_dir)
    try:
        ends = LicenseKeeper(settings, clock).check().expires_at
    except KeterError:
        ends = None  # none, or none that holds: /readyz says so where it matters
    return Machine(
        disk.free_bytes if disk else None, disk.total_bytes if disk else None, ends, pages, rooms
    )
