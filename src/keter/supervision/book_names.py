"""Whether the books that the settings name are shown by any feed: a code that is misspelt prices
nothing and says nothing.
"""

import re
from collections.abc import Mapping, Sequence

from keter.bus.state.feeds import FeedFacts
from keter.settings import Settings

# A book of a quiet hour shows a price within this; one that is misspelt never.
UNSEEN_AFTER_S = 600.0
MOST_BOOKS = 200  # a venue of names without end must not fill Redis
# Fields of a feed's facts: when each book was last shown, since when that is counted.
BOOKS, SINCE = ("books", "books_since_ms")
ALL = "ALL"
_SHOWN = re.compile(r"(\S+)=([0-9]{1,16})(?!\S)")


def wanted_books(settings: Settings) -> dict[str, str]:
    """Each book that is named, with the setting that does."""
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
    """When each book was last shown, after an answer that shows ``shown``; the longest unseen are
    dropped beyond MOST_BOOKS.
    """
    found = {**known, **dict.fromkeys(shown, now_ms)}
    return dict(sorted(found.items(), key=lambda pair: -pair[1])[:MOST_BOOKS])


def books_text(known: Mapping[str, int]) -> str:
    """How a feed's facts keep them: one word per book."""
    return " ".join(f"{book}={at}" for book, at in known.items())


def missing_books(settings: Settings, feeds: Sequence[FeedFacts]) -> list[str]:
    """A sentence for each book that is named and that no feed has shown for UNSEEN_AFTER_S, though
    others were shown.
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
