"""Open the account that the settings name: its venue, its price source, paper in DRY."""

import random
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta

from keter.bus.connection import Bus
from keter.bus.state.events import FixtureStore
from keter.bus.state.sessions import SessionStore, ThrottleStore
from keter.clock import Clock
from keter.domain.accounts import Account
from keter.domain.markets import Phase
from keter.domain.money import to_minor
from keter.domain.trading import ExecutionMode
from keter.settings import Settings
from keter.trust import require_safe_transport
from keter.venues.asianodds.factory import FeedOptions, OpenVenue, Stores, open_venue
from keter.venues.asianodds.limits import FEED_INTERVAL_S
from keter.venues.asianodds.scores import FINAL_AFTER
from keter.venues.asianodds.selections import IntendedOf
from keter.venues.asianodds.session_hosts import SessionHosts
from keter.venues.asianodds.stores import Session
from keter.venues.asianodds.transport import Transport
from keter.venues.base import Bookmaker, PriceSource
from keter.venues.paper.gateway import PaperAccount, PaperGateway
from keter.venues.paper.stores import PaperLedger


def open_bet_venue(
    settings: Settings,
    account: Account,
    bus: Bus,
    ledger: PaperLedger,
    clock: Clock,
    *,
    intended: IntendedOf | None = None,
    rng: random.Random | None = None,
) -> Bookmaker:
    """Return the account's venue in LIVE, else the paper gateway around it; close it.

    Nothing is sent before the first call. The session belongs to the ingest process: this side
    only follows it. ``intended`` returns the selection behind one of our references. ``rng`` draws
    the simulated fills of DRY.
    Raises ConfigurationError where LIVE would send the password in clear.
    """
    stores = shared_stores(bus)
    venue = open_account(settings, account, stores, clock, owner=False, intended=intended).venue
    if account.mode is ExecutionMode.LIVE:
        return venue
    paper = PaperAccount(
        name=account.key,
        bankroll_minor=to_minor(settings.stake.bankroll),
        currency=account.currency,
        zone=settings.mode.zone,
        slippage_limit_pct=settings.router.slippage_limit_pct,
    )
    return PaperGateway(venue, ledger, settings.paper, paper, clock=clock, rng=rng)


@asynccontextmanager
async def open_price_source(
    settings: Settings, account: Account, bus: Bus, clock: Clock
) -> AsyncIterator[PriceSource]:
    """Open the feed of an account of the settings, for as long as the context lasts.

    It owns the session, so only the holder of the ingest lease may open it.
    Raises ConfigurationError where LIVE would send the password in clear.
    """
    opened = open_account(settings, account, shared_stores(bus), clock, owner=True)
    try:
        yield opened.source
    finally:
        await opened.aclose()


def open_account(
    settings: Settings,
    account: Account,
    stores: Stores,
    clock: Clock,
    *,
    owner: bool,
    intended: IntendedOf | None = None,
    feed_interval_s: Mapping[Phase, float] = FEED_INTERVAL_S,
    final_after: timedelta = FINAL_AFTER,
    transport: Transport | None = None,
) -> OpenVenue:
    """Open an account of the settings; see ``open_venue`` for what the arguments mean.

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
        account.key,
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
