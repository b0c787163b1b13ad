"""Which bet venue the settings ask for.

The only place outside a venue's own package that knows it by name.
"""

import random
from collections.abc import Callable

from keter.bus.connection import Bus
from keter.bus.state.events import FixtureStore
from keter.bus.state.sessions import SessionStore, ThrottleStore
from keter.clock import Clock
from keter.domain.markets import Market, Outcome
from keter.ledger import Ledger
from keter.settings import Settings
from keter.venues.asianodds.factory import Stores, open_venue
from keter.venues.asianodds.stores import Session
from keter.venues.base import BetVenue
from keter.venues.paper.gateway import PaperGateway

IntendedOf = Callable[[str], tuple[Market, Outcome] | None]


def open_bet_venue(
    settings: Settings,
    bus: Bus,
    ledger: Ledger,
    clock: Clock,
    *,
    intended: IntendedOf | None = None,
    rng: random.Random | None = None,
) -> BetVenue:
    """The account's venue; in DRY the paper gateway around it.

    Sends nothing before the first call; close it.

    The session is the ingest process's: this side follows. ``intended`` tells the selection behind
    a reference of ours, ``rng`` draws the fate of paper bets.
    """
    stores = Stores(SessionStore(bus, Session), ThrottleStore(bus), FixtureStore(bus))
    venue = open_venue(settings, stores, clock, owner=False, intended=intended).venue
    if settings.live:
        return venue
    return PaperGateway(
        venue, ledger, settings, account=settings.venue.ao_user, clock=clock, rng=rng
    )
