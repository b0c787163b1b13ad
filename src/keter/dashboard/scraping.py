"""``GET /metrics``: gathers what is known, with a deadline, and serves it to Prometheus.

Redis or the ledger may be away.
"""

import asyncio
import hmac
from collections.abc import Sequence
from datetime import timedelta
from itertools import repeat

from aiohttp import web

from keter import __version__
from keter.betting_settings import RiskSettings
from keter.bus.state.feeds import FeedFacts
from keter.bus.telemetry.audit import counts_of
from keter.clock import Clock
from keter.dashboard.accounts import AccountConsole
from keter.dashboard.app_context import AppContext
from keter.dashboard.facts import BusFacts, account_of
from keter.dashboard.health import disk_facts
from keter.dashboard.routes import Call, Route, Scope
from keter.dashboard.rules.table import RULES
from keter.domain.limits import daily_loss_limit_minor
from keter.domain.money import to_minor
from keter.domain.processes import EVERYTHING, roles
from keter.domain.storage import StorageUse
from keter.errors import KeterError
from keter.ledger import ClosingLine, Figures
from keter.license.keeper import LicenseKeeper
from keter.metrics import (
    CONTENT_TYPE,
    AccountBusPart,
    AccountLimits,
    AccountPart,
    BusPart,
    Known,
    Limits,
    Machine,
    RedisPart,
    expose,
)
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
        self._accounts = [AccountScraping(one, context.clock) for one in context.accounts]

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
        found, rooms = await self._bus(), await context.storage.rooms()
        stores = await context.stores.look()
        parts = [
            await one.part(facts)
            for one, facts in zip(self._accounts, found or repeat(None), strict=False)
        ]
        return Known(
            at=context.clock.now(),
            version=__version__,
            zone=settings.mode.time_zone,
            stopped=bool(found[0].standing.stops)
            if found
            else is_present(settings.router.halt_file),
            accounts=parts,
            limits=limits_of(settings),
            machine=await asyncio.to_thread(
                machine_of, settings, context.clock, context.accounts.pages, rooms
            ),
            rules=[(rule.kind.id, rule.kind.level) for rule in RULES],
            bus=bus_part(found[0], settings) if found else None,
            redis_writes=stores.redis is None,
            ledger_writes=stores.ledger is None,
        )

    async def _bus(self) -> list[BusFacts]:
        """Return what Redis holds, as each account sees it; nothing where it cannot be read."""
        try:
            return [(await one.reader.facts()).bus for one in self._context.accounts]
        except (KeterError, OSError):
            return []


class AccountScraping:
    """Gathers what the metrics show of one account."""

    def __init__(self, console: AccountConsole, clock: Clock) -> None:
        self._console = console
        self._clock = clock
        self._closing: ClosingLine | None = None
        self._closing_due = 0.0

    async def part(self, facts: BusFacts | None) -> AccountPart:
        """Return the account's part; ``facts`` is None where Redis cannot be read."""
        settings = self._console.settings
        account = settings.account
        return AccountPart(
            account=account.key,
            mode=account.mode.value,
            currency=account.currency,
            limits=account_limits(settings, facts.limits if facts is not None else settings.risk),
            bus=account_bus_part(facts, settings) if facts is not None else None,
            figures=await self._figures(),
        )

    async def _figures(self) -> Figures | None:
        account, reader = self._console.settings.account, self._console.reader
        try:
            async with asyncio.timeout(DEADLINE_S):
                ledger = await self._console.records.ledger()
                since = self._clock.now() - CLV_SPAN
                if self._closing is None or self._clock.monotonic() >= self._closing_due:
                    self._closing = await ledger.closing_line(account.mode, account.key, since)
                    self._closing_due = self._clock.monotonic() + CLV_EVERY_S
                return await ledger.figures(
                    account.mode,
                    account.key,
                    reader.today(),
                    clv_since=since,
                    closing=self._closing,
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
    """Return what the metrics need of the facts from Redis, of all accounts together.

    ``settings`` are those of all accounts.
    """
    trading, redis = found.standing.trading, found.redis
    return BusPart(
        revision=trading.state.revision
        if trading is not None and trading.state is not None
        else None,
        heartbeats=found.heartbeats,
        queues=found.queues,
        counts=counts_of(found.counts),
        alerts=found.alerts,
        redis=RedisPart(redis.used_memory_bytes, redis.aof, redis.policy, bool(redis.fake)),
        expected=roles(EVERYTHING, settings.labels),
    )


def account_bus_part(found: BusFacts, settings: Settings) -> AccountBusPart:
    """Return what the metrics need of the facts of the account that ``settings`` are of."""
    return AccountBusPart(
        mode=found.standing.mode,
        armed=found.armed,
        feeds=current_feeds(found.feeds, settings.account.key),
        snapshot=account_of(found.accounts, settings),
        exposures=found.exposures,
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


def limits_of(settings: Settings) -> Limits:
    """Return the limits for the metrics that are the same for all accounts."""
    return Limits(
        unknown_s=settings.router.unknown_alert_s,
        refusals_pct=settings.alerts.alert_refusal_pct,
        low_ev_streak=settings.alerts.alert_low_ev_streak,
    )


def account_limits(settings: Settings, risk: RiskSettings) -> AccountLimits:
    """Return the limits for the metrics of the account that ``settings`` are of.

    ``risk`` are those in force, or the settings' own while Redis cannot be asked.
    """
    return AccountLimits(
        exposure_minor=to_minor(risk.max_exposure_total),
        day_loss_minor=daily_loss_limit_minor(
            risk.daily_loss_limit_units, settings.stake.fixed_stake
        ),
        losing_streak=risk.losing_streak_limit,
        feed_age_s=settings.venue.feed_stale_after_s,
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
