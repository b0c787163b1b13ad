"""The books that the settings name and that no feed shows.

A code that is misspelt prices nothing and raises no error.
"""

import re
from collections.abc import Mapping, Sequence

from keter.bus.state.feeds import FeedFacts
from keter.settings import Settings

# In a quiet hour a book shows a price within this, one that is misspelt never does.
UNSEEN_AFTER_S = 600.0
MOST_BOOKS = 200  # a venue that invents names must not fill Redis
# Fields of a feed's facts: when each book was last shown, and since when that is recorded.
BOOKS, SINCE = ("books", "books_since_ms")
ALL = "ALL"
_SHOWN = re.compile(r"(\S+)=([0-9]{1,16})(?!\S)")


def wanted_books(settings: Settings) -> dict[str, str]:
    """Return each book that the settings name, in capitals, with the name of the setting."""
    named = {
        "BET_BOOKS": settings.edge.bet_books,
        "SHARP_ANCHOR": (settings.edge.sharp_anchor,),
        "SHARP_WHITELIST": settings.edge.sharp_whitelist,
    }
    return {
        book.upper(): name
        for name, books in named.items()
        for book in books
        if book and book.upper() != ALL
    }


def remember_books(known: Mapping[str, int], shown: Sequence[str], now_ms: int) -> dict[str, int]:
    """Return when each book was last shown, in ms, after an answer that shows ``shown``.

    Beyond MOST_BOOKS, those that were shown longest ago are dropped.
    """
    found = {**known, **dict.fromkeys(shown, now_ms)}
    return dict(sorted(found.items(), key=lambda pair: -pair[1])[:MOST_BOOKS])


def books_text(known: Mapping[str, int]) -> str:
    """Return the text for a feed's facts: one word per book."""
    return " ".join(f"{book}={at}" for book, at in known.items())


def missing_books(settings: Settings, feeds: Sequence[FeedFacts]) -> list[str]:
    """Return a sentence for each named book that no feed has shown for UNSEEN_AFTER_S.

    Return nothing until books have been recorded for that long.
    """
    last: dict[str, int] = {}
    began: list[int] = []
    for feed in feeds:
        since, books = feed.fields.get(SINCE), feed.fields.get(BOOKS)
        if isinstance(since, int) and isinstance(books, str):
            began.append(since)
            for book, at in _SHOWN.findall(books):
                last[book.upper()] = max(int(at), last.get(book.upper(), 0))
    newest = max(last.values(), default=0)
    if not last or newest - min(began) < UNSEEN_AFTER_S * 1000:
        return []
    shown = ", ".join(
        sorted(book for book, at in last.items() if newest - at < UNSEEN_AFTER_S * 1000)[:20]
    )
    return [
        f"no feed has shown {book} of {name} for {UNSEEN_AFTER_S / 60:.0f} min; is it spelt as the"
        f" venue does? Shown: {shown}"
        for book, name in sorted(wanted_books(settings).items())
        if newest - last.get(book, 0) >= UNSEEN_AFTER_S * 1000
    ]
