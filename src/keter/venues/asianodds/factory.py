"""Puts the parts of an AsianOdds account together."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from keter.clock import Clock
from keter.domain.markets import Phase
from keter.system.machine import MB, answer_mb, memory_bytes
from keter.venues.asianodds.bounds import FeedBounds
from keter.venues.asianodds.client import Client
from keter.venues.asianodds.login import Login
from keter.venues.asianodds.scores import FINAL_AFTER
from keter.venues.asianodds.selections import IntendedOf
from keter.venues.asianodds.session import SessionFollower, SessionOwner, Sessions
from keter.venues.asianodds.session_hosts import SessionHosts
from keter.venues.asianodds.settings import VenueSettings
from keter.venues.asianodds.source import AsianOddsSource
from keter.venues.asianodds.stores import FixtureStore, SessionStore, ThrottleStore
from keter.venues.asianodds.transport import Transport
from keter.venues.asianodds.venue import AsianOddsVenue


@dataclass(frozen=True, slots=True)
class Stores:
    """What the processes of an account share."""

    sessions: SessionStore
    throttles: ThrottleStore
    fixtures: FixtureStore


@dataclass(frozen=True, slots=True)
class FeedOptions:
    """How the feed is read.

    ``horizon``: from now to the last kick-off of interest. ``capture`` keeps the answers for the
    recorder. ``interval_s``: seconds between two questions for a market type. ``final_after``: see
    ``scores``.
    """

    horizon: timedelta
    capture: bool
    interval_s: Mapping[Phase, float]
    final_after: timedelta = FINAL_AFTER


@dataclass(frozen=True, slots=True)
class OpenVenue:
    """One account, opened.

    ``source`` is for the session's owner. Closing one of the two closes the account's connections.
    """

    venue: AsianOddsVenue
    source: AsianOddsSource

    async def aclose(self) -> None:
        await self.venue.aclose()


@dataclass(frozen=True, slots=True)
class _Account:
    """What every part of one account is made from. ``key`` is its name in the stores."""

    key: str
    settings: VenueSettings
    hosts: SessionHosts
    stores: Stores
    clock: Clock
    transport: Transport

    def sessions(self, *, owner: bool) -> Sessions:
        """Return the sessions: the owner's log in, all others follow through the stores."""
        venue, store = self.settings, self.stores.sessions
        if not owner:
            return SessionFollower(self.key, store, self.clock, hosts=self.hosts)
        user, password = venue.login
        login = Login(
            user,
            password,
            venue.ao_base_url,
            self.transport,
            self.clock,
            hosts=self.hosts,
            timeout_s=venue.http_timeout_s,
        )
        return SessionOwner(
            self.key,
            login,
            self.transport,
            store,
            self.clock,
            throttles=self.stores.throttles,
            hosts=self.hosts,
            timeout_s=venue.http_timeout_s,
        )

    def client(self, sessions: Sessions, feed_interval_s: Mapping[Phase, float]) -> Client:
        """Return the client that calls the account's methods within their limits."""
        return Client(
            self.key,
            self.transport,
            sessions,
            self.stores.throttles,
            self.clock,
            timeout_s=self.settings.http_timeout_s,
            placement_timeout_s=self.settings.placement_timeout_s,
            feed_interval_s=feed_interval_s,
        )

    def source(self, client: Client, feed: FeedOptions) -> AsianOddsSource:
        """Return the feed of the sports and books that the settings name."""
        venue = self.settings
        return AsianOddsSource(
            client,
            self.clock,
            self.stores.fixtures,
            sports=[int(sport) for sport in venue.ao_sports],
            bookies=[book.upper() for book in venue.ao_bookies],
            capture=feed.capture,
            final_after=feed.final_after,
            bounds=FeedBounds(feed.horizon, venue.max_fixtures, venue.max_markets),
        )


def open_venue(
    account: str,
    settings: VenueSettings,
    hosts: SessionHosts,
    feed: FeedOptions,
    stores: Stores,
    clock: Clock,
    *,
    owner: bool,
    intended: IntendedOf | None = None,
    transport: Transport | None = None,
) -> OpenVenue:
    """Open the account of ``settings``, named ``account`` in the stores and in what it returns.

    Nothing is sent before the first call. ``owner`` logs in: one process per account, the holder of
    its ingest lease. The others follow through the stores. ``intended`` returns the selection
    behind one of our references, for tickets whose handicap sign is in doubt.
    """
    parts = _Account(account, settings, hosts, stores, clock, transport or _transport(settings))
    client = parts.client(parts.sessions(owner=owner), feed.interval_s)
    bets = AsianOddsVenue(
        client, clock, placement_timeout_s=settings.placement_timeout_s, intended=intended
    )
    return OpenVenue(bets, parts.source(client, feed))


def _transport(settings: VenueSettings) -> Transport:
    megabytes = answer_mb(settings.max_answer_mb, memory_bytes())
    return Transport(max_body_bytes=int(megabytes * MB))
