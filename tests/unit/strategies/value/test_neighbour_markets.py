"""Markets beside the one that is priced: remembered while fresh, read anew afterwards."""

from datetime import timedelta

from keter.domain.markets import Market, parse_market
from keter.domain.quotes import MarketUpdate
from keter.domain.signals import ValidatedMarket
from keter.strategies.value.neighbour_markets import FRESH, NeighbourMarkets
from keter.strategies.value.settings import EdgeSettings, ValidationSettings
from tests.kit.signals import NOW, an_update, prices

PIN = prices("PIN", 1.95, 1.97)
HANDICAP = an_update(PIN, prices("IBC", 2.3, 1.7), market=parse_market("fb", "ft.ah.-0.5"))
RESULT = an_update(prices("PIN", 2.6, 3.3, 2.9), prices("IBC", 2.5, 3.2, 2.8))


class Reader:
    """Counts what is read and returns one answer."""

    def __init__(self, found: MarketUpdate | None) -> None:
        self.found = found
        self.read: list[Market] = []

    async def __call__(self, account: str, event_uid: str, market: Market) -> MarketUpdate | None:
        self.read.append(market)
        return self.found if market == RESULT.market else None


def validated(update: MarketUpdate) -> ValidatedMarket:
    return ValidatedMarket(update, update.books, {}, NOW)


def beside(reader: Reader) -> NeighbourMarkets:
    return NeighbourMarkets(reader, EdgeSettings(), ValidationSettings())


async def test_what_was_noted_is_not_read_and_keeps_the_sharp_books_only() -> None:
    reader = Reader(None)
    markets = beside(reader)
    markets.note(validated(RESULT), NOW)
    (found,) = [
        one
        for one in await markets.others(validated(HANDICAP), NOW)
        if one.update.market == RESULT.market
    ]
    assert [book.book for book in found.update.books] == ["PIN"]
    assert RESULT.market not in reader.read


async def test_what_is_old_or_unknown_is_read_once_also_when_it_is_not_on_offer() -> None:
    reader = Reader(None)
    markets = beside(reader)
    markets.note(validated(RESULT), NOW - FRESH - timedelta(seconds=1))
    assert await markets.others(validated(HANDICAP), NOW) == ()
    asked = len(reader.read)
    assert reader.read.count(RESULT.market) == 1
    assert await markets.others(validated(HANDICAP), NOW) == ()
    assert len(reader.read) == asked
