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
# Returns the market of an event as it is on offer now, or None. Raises PoisonedPayloadError.
Read = Callable[[str, Market], Awaitable[MarketUpdate | None]]


class NeighbourMarkets:
    """Remember markets, and return those that another market needs beside it.

    Only the prices of sharp books are kept: no others are used.
    """

    def __init__(self, read: Read, edge: EdgeSettings, validation: ValidationSettings) -> None:
        self._read, self._edge, self._validation = read, edge, validation
        self._sharps = frozenset(name.upper() for name in edge.sharp_whitelist)
        self._known: FIFOCache[tuple[str, Market], tuple[datetime, MarketUpdate | None]] = (
            FIFOCache(MEMORY)
        )

    def note(self, market: ValidatedMarket, now: datetime) -> None:
        """Remember a market that has just been validated."""
        self._keep(market.update.event.event_uid, market.update.market, market.update, now)

    async def others(self, market: ValidatedMarket, now: datetime) -> tuple[ValidatedMarket, ...]:
        """Return the markets that pricing this one needs, without those that are not on offer.

        Raises PoisonedPayloadError.
        """
        event_uid = market.update.event.event_uid
        wanted = wanted_others(market, self._edge, now)
        found = [await self._latest(event_uid, other, now) for other in wanted]
        return tuple([one for one in found if one is not None])

    async def _latest(
        self, event_uid: str, market: Market, now: datetime
    ) -> ValidatedMarket | None:
        noted_at, update = self._known.get((event_uid, market), (None, None))
        if noted_at is None or now - noted_at > FRESH:
            update = self._keep(event_uid, market, await self._read(event_uid, market), now)
        return validate(update, self._validation, now)[1] if update is not None else None

    def _keep(
        self, event_uid: str, market: Market, update: MarketUpdate | None, now: datetime
    ) -> MarketUpdate | None:
        """Remember a market, also that it is not on offer; return what is kept of it."""
        if update is not None:
            books = tuple([book for book in update.books if book.book.upper() in self._sharps])
            update = msgspec.structs.replace(update, books=books)
        self._known.pop((event_uid, market), None)
        self._known[event_uid, market] = now, update
        return update
