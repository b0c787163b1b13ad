"""The grammar of odds strings and line strings.

    ""                                            no prices
    CODE=p1,p2[,p3];CODE=p1,p2[,p3];BEST=CODE p1,CODE p2[,CODE p3]

``:`` is read as ``=``. A price may be empty. ``BEST`` repeats the others and is left out. A line is
unsigned. A quarter line is written as the range that it halves: ``0.5-1`` is 0.75.
"""

import re
from functools import lru_cache
from sys import intern

from keter.domain.markets import parse_line

MAX_ODDS = 1001.0
_MAX_LINE_Q = 4_000
_PRICE = re.compile(r"\d{1,6}(?:\.\d{1,6})?", re.ASCII)
_BOOK = re.compile(r"[A-Z0-9_]{1,12}", re.ASCII)
_PLAIN_LINE = re.compile(r"\d{1,4}(?:\.\d{1,3})?", re.ASCII)


# The cache also makes equal prices share their objects.
@lru_cache(maxsize=32_768)
def read_price(text: str) -> tuple[str, float | None]:
    """Return a price as (its own text, decimal odds); ("", None) for a blank one or zero.

    Raises ValueError unless the odds are above 1 and at most MAX_ODDS.
    """
    text = text.strip()
    if not text:
        return "", None
    if not _PRICE.fullmatch(text):
        raise ValueError(f"not a price: {text[:20]!r}")
    odds = float(text)
    if odds == 0:
        return "", None
    if not 1 < odds <= MAX_ODDS:
        raise ValueError(f"no decimal odds: {text!r}")
    return text, odds


def split_odds(text: str) -> list[tuple[str, str]]:
    """Return (book, price list) for each segment of an odds string, in its order.

    A price list is ``p1,p2`` or ``p1,p2,p3``. ``BEST`` is left out. The book is an empty string if
    a segment names none.
    """
    segments = []
    for segment in text.split(";"):
        code, separator, prices = segment.partition("=")
        if not separator:
            code, separator, prices = segment.partition(":")
        book = read_book(code) if separator else ""
        if book != "BEST" and (separator or segment.strip()):
            segments.append((book, prices))
    return segments


@lru_cache(maxsize=1_024)
def read_book(code: str) -> str:
    """Return a book's code in upper case; an empty string for what cannot be a code."""
    code = code.strip().upper()
    return intern(code) if _BOOK.fullmatch(code) else ""


@lru_cache(maxsize=4_096)
def read_line(text: str) -> int:
    """Return the quarter goals of an unsigned line.

    Raises ValueError for everything else: a sign, or a range that is not half a goal wide.
    """
    low, separator, high = text.strip().replace("/", "-").partition("-")
    quarters = _plain_line(low)
    if separator:
        top = _plain_line(high)
        if top - quarters != 2 or quarters % 2:
            raise ValueError(f"not a quarter line: {text[:20]!r}")
        quarters += 1
    return quarters


def _plain_line(text: str) -> int:
    text = text.strip()
    if not _PLAIN_LINE.fullmatch(text):
        raise ValueError(f"not a line: {text[:20]!r}")
    quarters = parse_line(text)
    if quarters > _MAX_LINE_Q:
        raise ValueError(f"line out of range: {text!r}")
    return quarters
