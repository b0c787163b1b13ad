"""What a merged feed knows, whatever it has reported."""

from collections import Counter
from datetime import datetime

from keter.domain.feed import MarketPrices
from keter.venues.asianodds.merging import market_prices, offers
from keter.venues.asianodds.row_markets import SlotMerger
from keter.venues.asianodds.state import FeedState


def known_markets(state: FeedState, now: datetime) -> list[MarketPrices]:
    """Return every market known, as it would be reported at ``now``."""
    merger = SlotMerger(iter(()), now, Counter())
    return [
        market_prices(fixture, row, slot, merger, state._scores)
        for fixture in state._fixtures.values()
        for row, slot in offers(fixture, state._rows).values()
    ]
