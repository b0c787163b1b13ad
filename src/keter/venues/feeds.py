"""Which price feed stands behind the settings.

Apart from the bet venues, so that ingest loads no ledger.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from keter.bus.connection import Bus
from keter.bus.state.events import FixtureStore
from keter.bus.state.sessions import SessionStore, ThrottleStore
from keter.clock import Clock
from keter.settings import Settings
from keter.venues.asianodds.factory import Stores, open_venue
from keter.venues.asianodds.stores import Session
from keter.venues.base import PriceSource


@asynccontextmanager
async def open_price_source(
    settings: Settings, bus: Bus, clock: Clock
) -> AsyncIterator[PriceSource]:
    """The feed of the account in the settings.

    It owns the session: only the holder of the ingest lease opens it.
    """
    stores = Stores(SessionStore(bus, Session), ThrottleStore(bus), FixtureStore(bus))
    venue = open_venue(settings, stores, clock, owner=True)
    try:
        yield venue.source
    finally:
        await venue.aclose()
