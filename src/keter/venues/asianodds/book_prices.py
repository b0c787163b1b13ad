"""The books of an odds string: their prices in our order, and when they last changed. Pure."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache

from keter.domain.market_kinds import MarketKind
from keter.domain.quotes import BookPrices
from keter.domain.sports import FOOTBALL
from keter.venues.asianodds.normalise import Problem, read_time
from keter.venues.asianodds.prices import read_price

# (book, price list) of each segment: see ``split_odds``.
Segments = Sequence[tuple[str, str]]


def result_kind(segments: Segments, sport: str) -> MarketKind:
    """Return whether a result market is 1X2 or a money line.

    Football has a draw. In other sports a third price in any book means 1X2.
    """
    if sport == FOOTBALL.code:
        return MarketKind.ONE_X_TWO
    three = any(
        prices.count(",") == 2 and prices.rpartition(",")[2].strip().strip("0.")
        for book, prices in segments
        if book
    )
    return MarketKind.ONE_X_TWO if three else MarketKind.MONEY_LINE


def stamp_books(
    old: Segments, old_stamps: Sequence[int], new: Segments, now_ms: int
) -> tuple[int, ...]:
    """Return for each book of ``new`` when its prices last changed, in milliseconds.

    Prices that are the same as in ``old`` keep their time, others get ``now_ms``.
    """
    known = dict(zip(old, old_stamps, strict=True))
    return tuple([known.get(segment, now_ms) for segment in new])


def read_books(
    segments: Segments,
    kind: MarketKind,
    stamps: Sequence[int],
    confirmed_at: datetime,
    problems: Counter[str],
) -> tuple[BookPrices, ...]:
    """Return the books of an odds string, with prices in the order of the market's sides.

    The venue writes 1X2 as home, away, draw. A book with a broken price, or without any, is left
    out and counted in ``problems``. A book whose probabilities sum to less than 1 is counted and
    kept: the validation gate decides on it. Of two books with one code the first counts.
    """
    books: dict[str, BookPrices] = {}
    # The venue's clock may run ahead of ours, and no price may come from the future.
    changed_at = {
        stamp: min(_stamp_time(stamp) or confirmed_at, confirmed_at) for stamp in set(stamps)
    }
    for (book, prices), stamp in zip(segments, stamps, strict=True):
        try:
            texts, odds = _read_prices(prices, kind)
        except ValueError:
            problems[Problem.BAD_PRICE] += 1
            continue
        if not book or book in books:
            problems[Problem.REPEATED_BOOK if book else Problem.BAD_BOOK] += 1
        elif len(odds) != (3 if kind is MarketKind.ONE_X_TWO else 2):
            problems[Problem.PRICE_COUNT] += 1
        elif any(odds):
            books[book] = BookPrices(book, odds, texts, changed_at[stamp], confirmed_at)
            if None not in odds and sum([1 / price for price in odds if price]) < 1:
                problems[Problem.UNDER_ROUND] += 1
    return tuple(books.values())


def _read_prices(prices: str, kind: MarketKind) -> tuple[tuple[str, ...], tuple[float | None, ...]]:
    """Return texts and odds of one book in the order of the market's sides.

    Raises ValueError for a broken price.
    """
    read = [read_price(price) for price in prices.split(",")]
    if len(read) == 3:
        home, away, draw = read
        if kind is MarketKind.ONE_X_TWO:
            read = [home, draw, away]
        elif kind is MarketKind.MONEY_LINE and draw[1] is None:
            read = [home, away]
    texts, odds = zip(*read, strict=True)
    return texts, odds


@lru_cache(maxsize=16_384)
def _stamp_time(milliseconds: int) -> datetime | None:
    return read_time(milliseconds)
