"""Puts the parts of an AsianOdds account together."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from keter.clock import Clock
from keter.domain.markets import Phase
from keter.settings import Settings
from keter.system.machine import MB, answer_mb, memory_bytes
from keter.trust import require_safe_transport, session_hosts
from keter.venues.asianodds.bounds import FeedBounds
from keter.venues.asianodds.capability import FEED_INTERVAL_S
from keter.venues.asianodds.client import Client
from keter.venues.asianodds.scores import FINAL_AFTER
from keter.venues.asianodds.session import SessionFollower, SessionOwner, Sessions, Sleep
from keter.venues.asianodds.source import AsianOddsSource
from keter.venues.asianodds.stores import FixtureStore, SessionStore, ThrottleStore
from keter.venues.asianodds.tickets import IntendedOf
from keter.venues.asianodds.transport import Transport
from keter.venues.asianodds.venue import AsianOddsVenue


@dataclass(frozen=True, slots=True)
class Stores:
    """What the processes of an account share."""

    sessions: SessionStore
    throttles: ThrottleStore
    fixtures: FixtureStore


@dataclass(frozen=True, slots=True)
class OpenVenue:
    """One account, opened.

    ``source`` is for the session's owner; closing one of the two closes the account's connections.
    """

    venue: AsianOddsVenue
    source: AsianOddsSource

    async def aclose(self) -> None:
        await self.venue.aclose()


@dataclass(frozen=True, slots=True)
class _Account:
    """What every part of one account is made from."""

    settings: Settings
    stores: Stores
    clock: Clock
    transport: Transport
    sleep: Sleep

    def sessions(self, *, owner: bool) -> Sessions:
        """Log in where ``owner``; else follows through the stores."""
        venue, known, hosts = (
            self.settings.venue,
            self.stores.sessions,
            session_hosts(self.settings),
        )
        if not owner:
            return SessionFollower(venue.ao_user, known, self.clock, hosts=hosts, sleep=self.sleep)
        return SessionOwner(
            venue.ao_user,
            venue.ao_pass.get_secret_value(),
            venue.ao_base_url,
            self.transport,
            known,
            self.clock,
            throttles=self.stores.throttles,
            hosts=hosts,
            timeout_s=venue.http_timeout_s,
            sleep=self.sleep,
        )

    def client(self, sessions: Sessions, feed_interval_s: Mapping[Phase, float]) -> Client:
        """Call the account's methods within their limits."""
        venue = self.settings.venue
        return Client(
            venue.ao_user,
            self.transport,
            sessions,
            self.stores.throttles,
            self.clock,
            timeout_s=venue.http_timeout_s,
            placement_timeout_s=venue.placement_timeout_s,
            feed_interval_s=feed_interval_s,
            sleep=self.sleep,
        )

    def source(self, client: Client, final_after: timedelta) -> AsianOddsSource:
        """Read the feed of the sports and books that the settings name."""
        venue, horizon = self.settings.venue, timedelta(hours=self.settings.validation.horizon_h)
        return AsianOddsSource(
            client,
            self.clock,
            self.stores.fixtures,
            sports=[int(sport) for sport in venue.ao_sports],
            bookies=[book.upper() for book in venue.ao_bookies],
            capture=self.settings.log.capture_raw,
            sleep=self.sleep,
            final_after=final_after,
            bounds=FeedBounds(horizon, venue.max_fixtures, venue.max_markets),
        )


def open_venue(
    settings: Settings,
    stores: Stores,
    clock: Clock,
    *,
    owner: bool,
    intended: IntendedOf | None = None,
    feed_interval_s: Mapping[Phase, float] = FEED_INTERVAL_S,
    final_after: timedelta = FINAL_AFTER,
    transport: Transport | None = None,
    sleep: Sleep = asyncio.sleep,
) -> OpenVenue:
    """Open the account of ``settings.venue``; nothing is sent before the first call.

    Raises ConfigurationError where LIVE would send the password in clear. ``owner`` (one process
    per account, the holder of its ingest lease) logs in; the others follow through the stores.
    ``intended`` tells the selection behind a reference of ours, for tickets whose handicap sign is
    in doubt. ``feed_interval_s`` is for a server with other limits than the real one;
    ``final_after`` see ``scores``.
    """
    require_safe_transport(settings)
    account = _Account(settings, stores, clock, transport or _transport(settings), sleep)
    client = account.client(account.sessions(owner=owner), feed_interval_s)
    timeout_s = settings.venue.placement_timeout_s
    bets = AsianOddsVenue(client, clock, placement_timeout_s=timeout_s, intended=intended)
    return OpenVenue(bets, account.source(client, final_after))


def _transport(settings: Settings) -> Transport:
    return Transport(
        max_body_bytes=int(answer_mb(settings.venue.max_answer_mb, memory_bytes()) * MB)
    )
