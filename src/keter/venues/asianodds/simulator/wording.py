"""How the venue writes lines, odds and times. Pure."""

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation

from keter.domain.markets import line_text
from keter.domain.money import MINOR_PER_UNIT
from keter.venues.simulation.match import MatchClock, Period

# Prices of a market in thousandths, in the order of the venue: home, away, draw. None: no price.
Prices = tuple[int | None, ...]
# Decimal, Malay, Hong Kong.
FORMATS = ("00", "MY", "HK")
_MILLI = Decimal(1000)


def line_range(quarters: int) -> str:
    """Return a line without its sign, a quarter line as a range.

    ``0.5-1`` for 3 or -3, ``1.0`` for 4, ``2.5`` for 10.
    """
    size = abs(quarters)
    if size % 2:
        return f"{line_text(size - 1)}-{line_text(size + 1)}"
    return f"{size / 4:.1f}"


def favoured(home_line_q: int) -> int:
    """Return 1 if home gives the handicap, 2 if away gives it, 0 at level."""
    return 0 if home_line_q == 0 else 1 if home_line_q < 0 else 2


def odds_text(milli: int, odds_format: str) -> str:
    """Return thousandths of decimal odds as text in the format ``00``, ``HK`` or ``MY``."""
    if odds_format == "00":
        return f"{milli // 1000}.{milli % 1000:03d}"
    profit = milli - 1000
    if odds_format == "HK" or profit <= 1000:
        return f"{profit // 1000}.{profit % 1000:03d}"
    return str((-_MILLI / profit).quantize(Decimal("0.001"), ROUND_HALF_UP))


def parse_odds(text: str, odds_format: str) -> int:
    """Return thousandths of decimal odds.

    Raises ValueError when ``text`` is no price in that format.
    """
    try:
        value = Decimal(text.strip())
    except InvalidOperation as e:
        raise ValueError(f"not a price: {text!r}") from e
    if not value.is_finite() or value == 0:
        raise ValueError(f"not a price: {text!r}")
    stake = 0 if odds_format == "00" else 1
    decimal = 1 - 1 / value if odds_format == "MY" and value < 0 else value + stake
    milli = int((decimal * 1000).to_integral_value(ROUND_HALF_UP))
    if milli <= 1000:
        raise ValueError(f"not a price: {text!r}")
    return milli


def bookie_odds(prices: Mapping[str, Prices], odds_format: str) -> str:
    """Return every book's prices and the best of each leg; empty without prices.

    For example ``PIN=1.934,1.970;SIN=1.950,1.950;BEST=SIN 1.950,PIN 1.970``.
    """
    if not prices:
        return ""
    parts = [
        f"{book}="
        + ",".join("" if milli is None else odds_text(milli, odds_format) for milli in legs)
        for book, legs in prices.items()
    ]
    best = []
    for side in range(len(next(iter(prices.values())))):
        offers = [
            (milli, book) for book, legs in prices.items() if (milli := legs[side]) is not None
        ]
        if offers:
            milli, book = max(offers, key=lambda offer: offer[0])
            best.append(f"{book} {odds_text(milli, odds_format)}")
    return ";".join([*parts, "BEST=" + ",".join(best)])


def parse_bookie_prices(text: str, odds_format: str) -> dict[str, int]:
    """Return the price by book from the ``CODE:price,CODE:price`` of a placement.

    Raises ValueError when it is malformed or empty.
    """
    found: dict[str, int] = {}
    for part in text.split(","):
        book, colon, value = part.partition(":")
        if not colon or not book.strip():
            raise ValueError(f"BookieOdds must read CODE:price,CODE:price, not {text!r}")
        found[book.strip().upper()] = parse_odds(value, odds_format)
    return found


def starts_on(milliseconds: int) -> str:
    """Return a moment as in ``02/16/2026 05:00:00.000 AM``, in UTC."""
    moment = datetime.fromtimestamp(milliseconds / 1000, UTC)
    half = "AM" if moment.hour < 12 else "PM"
    return (
        f"{moment:%m/%d/%Y} {moment.hour % 12 or 12:02d}:{moment:%M:%S}.{milliseconds % 1000:03d}"
        f" {half}"
    )


def us_date(milliseconds: int) -> str:
    """Return the UTC day as in ``02/16/2026``."""
    return f"{datetime.fromtimestamp(milliseconds / 1000, UTC):%m/%d/%Y}"


def amount(minor: int) -> float:
    """Return cents as the JSON number that the venue sends.

    It is exact for every amount that a double can hold with two decimals.
    """
    return minor / MINOR_PER_UNIT


def in_game_minutes(clock: MatchClock, now_ms: int) -> int:
    """Return the venue's InGameMinutes: half * 60 + minute; 0 before kick-off.

    It does not change during the break (the real code is not public).
    """
    period = clock.period(now_ms)
    if period is Period.BEFORE:
        return 0
    played = clock.played(now_ms)
    if period in {Period.FIRST, Period.BREAK}:
        return 60 + min(int(played), 59)
    return 120 + min(int(played - clock.first_min), 59)
