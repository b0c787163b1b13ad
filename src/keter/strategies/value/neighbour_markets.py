"""The event's other markets that pricing one needs: the 1X2 for its pushes, and nearby lines.

A process remembers the markets that it validated. What it has not seen lately it reads from Redis,
which also has the markets of other copies of the process. Everything is validated at each use.
"""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

import msgspec
from cachetools import FIFOCache

from keter.domain.markets import Market
from keter.domain.quotes import MarketUpdate
from keter.domain.signals import ValidatedMarket
from keter.strategies.value.consensus_inputs import wanted_others
from keter.strategies.value.settings import EdgeSettings, ValidationSettings
from keter.strategies.value.validation import validate

FRESH = timedelta(seconds=10)
# Markets. Those of an event come one after another, so few are needed at once.
MEMORY = 5_000
# Returns an account's market of an event as it is on offer now, or None. Raises
# PoisonedPayloadError.
Read = Callable[[str, str, Market], Awaitable[MarketUpdate | None]]
_Place = tuple[str, str, Market]  # account, event and market


class NeighbourMarkets:
    """Remember markets, and return those that another market needs beside it.

    Only the prices of sharp books are kept: no others are used.
    """

    def __init__(self, read: Read, edge: EdgeSettings, validation: ValidationSettings) -> None:
        self._read, self._edge, self._validation = read, edge, validation
        self._sharps = frozenset(name.upper() for name in edge.sharp_whitelist)
        self._known: FIFOCache[_Place, tuple[datetime, MarketUpdate | None]] = FIFOCache(MEMORY)

    def note(self, market: ValidatedMarket, now: datetime) -> None:
        """Remember a market that has just been validated."""
        update = market.update
        self._keep((update.account, update.event.event_uid, update.market), update, now)

    async def others(self, market: ValidatedMarket, now: datetime) -> tuple[ValidatedMarket, ...]:
        """Return the markets that pricing this one needs, without those that are not on offer.

        Raises PoisonedPayloadError.
        """
        account, event_uid = market.update.account, market.update.event.event_uid
        wanted = wanted_others(market, self._edge, now)
        found = [await self._latest((account, event_uid, other), now) for other in wanted]
        return tuple([one for one in found if one is not None])

    async def _latest(self, place: _Place, now: datetime) -> ValidatedMarket | None:
        noted_at, update = self._known.get(place, (None, None))
        if noted_at is None or now - noted_at > FRESH:
            update = self._keep(place, await self._read(*place), now)
        return validate(update, self._validation, now)[1] if update is not None else None

    def _keep(
        self, place: _Place, update: MarketUpdate | None, now: datetime
    ) -> MarketUpdate | None:
        """Remember a market, also that it is not on offer; return what is kept of it."""
        if update is not None:
            books = tuple([book for book in update.books if book.book.upper() in self._sharps])
            update = msgspec.structs.replace(update, books=books)
        self._known.pop(place, None)
        self._known[place] = now, update
        return update
