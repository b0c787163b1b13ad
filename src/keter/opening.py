"""Open what the settings name: Redis, the ledger, the account's venue and its price source.

The one place that knows the settings, the bus, the ledger and the venues at once. It imports
neither the ledger nor SQLAlchemy itself, because the ingest process loads this module and needs
neither.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from keter.bus.connection import Bus, connect
from keter.bus.state.events import FixtureStore
from keter.bus.state.sessions import SessionStore, ThrottleStore
from keter.clock import Clock
from keter.domain.markets import Phase
from keter.domain.money import to_minor
from keter.errors import UnavailableError
from keter.settings import Settings
from keter.trust import require_safe_redis, require_safe_transport
from keter.venues.asianodds.factory import FeedOptions, OpenVenue, Stores, open_venue
from keter.venues.asianodds.limits import FEED_INTERVAL_S
from keter.venues.asianodds.scores import FINAL_AFTER
from keter.venues.asianodds.selections import IntendedOf
from keter.venues.asianodds.session_hosts import SessionHosts
from keter.venues.asianodds.stores import Session
from keter.venues.asianodds.transport import Transport
from keter.venues.base import BetVenue, PriceSource
from keter.venues.paper.gateway import PaperAccount, PaperGateway
from keter.venues.paper.stores import PaperLedger

if TYPE_CHECKING:
    from keter.ledger import Ledger

# Functions import keter.ledger themselves: SQLAlchemy costs ingest memory and time at its start.


async def open_settings_bus(settings: Settings) -> Bus:
    """Return a bus on the Redis of the settings, else on that of a running `keter up`; close it.

    Raises UnavailableError if there is none, ConfigurationError if LIVE must not depend on it.
    """
    # Imported here: the ingest process loads this module and needs none of it until it connects.
    from keter.redis_server.address import locate_redis
    from keter.redis_server.probe import refuse_for_live

    url = await asyncio.to_thread(locate_redis, settings)
    if url is None:
        raise UnavailableError("no Redis: set REDIS_URL, or start `keter up`, which brings its own")
    require_safe_redis(settings, url)
    bus = await connect(url, prefix=settings.redis.redis_key_prefix)
    if settings.live:
        try:
            await refuse_for_live(bus)
        except BaseException:
            await bus.aclose()
            raise
    return bus


def open_bet_venue(
    settings: Settings,
    bus: Bus,
    ledger: PaperLedger,
    clock: Clock,
    *,
    intended: IntendedOf | None = None,
    rng: random.Random | None = None,
) -> BetVenue:
    """Return the account's venue in LIVE, the paper gateway around it in DRY; close it.

    Nothing is sent before the first call. The session belongs to the ingest process: this side
    only follows it. ``intended`` returns the selection behind one of our references. ``rng`` draws
    the simulated fills of DRY.
    Raises ConfigurationError where LIVE would send the password in clear.
    """
    venue = open_account(settings, shared_stores(bus), clock, owner=False, intended=intended).venue
    if settings.live:
        return venue
    account = PaperAccount(
        name=settings.venue.ao_user,
        bankroll_minor=to_minor(settings.stake.bankroll),
        currency=settings.mode.account_currency,
        zone=settings.mode.zone,
        slippage_limit_pct=settings.router.slippage_limit_pct,
    )
    return PaperGateway(venue, ledger, settings.paper, account, clock=clock, rng=rng)


@asynccontextmanager
async def open_price_source(
    settings: Settings, bus: Bus, clock: Clock
) -> AsyncIterator[PriceSource]:
    """Open the feed of the account in the settings, for as long as the context lasts.

    It owns the session, so only the holder of the ingest lease may open it.
    Raises ConfigurationError where LIVE would send the password in clear.
    """
    account = open_account(settings, shared_stores(bus), clock, owner=True)
    try:
        yield account.source
    finally:
        await account.aclose()


def open_account(
    settings: Settings,
    stores: Stores,
    clock: Clock,
    *,
    owner: bool,
    intended: IntendedOf | None = None,
    feed_interval_s: Mapping[Phase, float] = FEED_INTERVAL_S,
    final_after: timedelta = FINAL_AFTER,
    transport: Transport | None = None,
) -> OpenVenue:
    """Open the account of ``settings.venue``; see ``open_venue`` for what the arguments mean.

    ``feed_interval_s`` is for a server with other limits than the real one; ``final_after``: see
    ``scores``.
    Raises ConfigurationError where LIVE would send the password in clear.
    """
    require_safe_transport(settings)
    feed = FeedOptions(
        horizon=timedelta(hours=settings.validation.horizon_h),
        capture=settings.log.capture_raw,
        interval_s=feed_interval_s,
        final_after=final_after,
    )
    return open_venue(
        settings.venue,
        session_hosts(settings),
        feed,
        stores,
        clock,
        owner=owner,
        intended=intended,
        transport=transport,
    )


def shared_stores(bus: Bus) -> Stores:
    """Return what the processes of an account share, kept in Redis."""
    return Stores(SessionStore(bus, Session), ThrottleStore(bus), FixtureStore(bus))


def session_hosts(settings: Settings) -> SessionHosts:
    """Return the hosts that the settings allow for a session; only LIVE enforces them."""
    venue = settings.venue
    return SessionHosts(
        venue.ao_base_url, venue.ao_session_hosts, venue.ao_allow_plain_http, strict=settings.live
    )


def ledger_url(settings: Settings) -> str:
    """Return LEDGER_URL, or else the address of a SQLite file in DATA_DIR.

    The address may hold a password: never log it.
    """
    from keter.ledger.address import sqlite_url

    configured = settings.log.ledger_url.get_secret_value()
    return configured or sqlite_url(settings.mode.data_dir / "ledger.db")


def local_ledger(settings: Settings) -> Path | None:
    """Return the path of the ledger's file, which may not exist; None for a database server.

    Raises ConfigurationError for an address that is none.
    """
    from keter.ledger.address import file_of, parse_url

    return file_of(parse_url(ledger_url(settings)))


def ledger_is_shared(settings: Settings) -> bool:
    """Return True if several machines may use this ledger: a database server, not a file."""
    return local_ledger(settings) is None


def ledger_may_exist(settings: Settings) -> bool:
    """Return False only if the ledger is a file that does not exist.

    Whether a database server holds a ledger is known only after asking it.
    """
    file = local_ledger(settings)
    return file is None or file.exists()


async def open_settings_ledger(
    settings: Settings, *, clock: Clock, read_only: bool = False
) -> "Ledger":
    """Open the ledger that the settings name; its days begin in their time zone.

    Raises what ``keter.ledger.open_ledger`` raises.
    """
    from keter.ledger import open_ledger

    return await open_ledger(
        ledger_url(settings), read_only=read_only, clock=clock, zone=settings.mode.zone
    )
