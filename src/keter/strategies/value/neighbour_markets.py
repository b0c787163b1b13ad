"""The markets beside the one that is being priced: the 1X2 that tells its pushes, the lines that
may stand in for it.

A worker remembers what passed it; what it has not seen lately it reads from ``odds:latest``, where
another copy's markets are too. Everything is validated at the moment it is used.
"""

from datetime import datetime, timedelta

import msgspec

from keter.bus.connection import Bus
from keter.domain.markets import Market
from keter.domain.quotes import MarketUpdate
from keter.domain.signals import ValidatedMarket
from keter.settings import Settings
from keter.strategies.value.consensus_inputs import wanted_others
from keter.strategies.value.markets_view import read_market
from keter.strategies.value.validation import validate

FRESH = timedelta(seconds=10)
MEMORY = 5_000  # markets: those of an event come one after another, so few are needed at once


class Neighbourhood:
    """Which other markets each market has beside it.

    Only the sharp books' prices are kept: nobody asks for others.
    """

    def __init__(self, bus: Bus, settings: Settings) -> None:
        self._bus, self._settings = bus, settings
        self._sharps = frozenset(name.upper() for name in settings.edge.sharp_whitelist)
        self._known: dict[tuple[str, Market], tuple[datetime, MarketUpdate | None]] = {}

    def note(self, market: ValidatedMarket, now: datetime) -> None:
        """Remembers a market that has just been validated."""
        self._keep(market.update.event.event_uid, market.update.market, market.update, now)

    async def others(self, market: ValidatedMarket, now: datetime) -> tuple[ValidatedMarket, ...]:
        """The markets that pricing this one needs, as far as they stand.

        Raises PoisonedPayloadError.
        """
        event_uid = market.update.event.event_uid
        wanted = wanted_others(market, self._settings.edge, now)
        found = [await self._standing(event_uid, other, now) for other in wanted]
        return tuple([one for one in found if one is not None])

    async def _standing(
        self, event_uid: str, market: Market, now: datetime
    ) -> ValidatedMarket | None:
        noted_at, update = self._known.get((event_uid, market), (None, None))
        if noted_at is None or now - noted_at > FRESH:
            update = self._keep(
                event_uid, market, await read_market(self._bus, event_uid, market), now
            )
        return validate(update, self._settings.validation, now)[1] if update is not None else None

    def _keep(
        self, event_uid: str, market: Market, update: MarketUpdate | None, now: datetime
    ) -> MarketUpdate | None:
        """Keep what is known of a market; None, that it is not on offer, is worth knowing too."""
        if update is not None:
            books = tuple([book for book in update.books if book.book.upper() in self._sharps])
            update = msgspec.structs.replace(update, books=books)
        self._known.pop((event_uid, market), None)
        self._known[event_uid, market] = now, update
        while len(self._known) > MEMORY:
            del self._known[next(iter(self._known))]
        return update
