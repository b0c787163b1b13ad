"""Fixtures and their rows as the feed shows them, each stamped with the time of its last change.

One ``Fixture`` has several ``Row``s (one per line, each with its own GameId). A row is replaced,
never edited.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from enum import IntEnum

import orjson

from keter.venues.asianodds.simulator.wording import (
    FORMATS,
    Prices,
    bookie_odds,
    favoured,
    line_range,
    starts_on,
)
from keter.venues.asianodds.sport_terms import FOOTBALL_NUMBER

_HASH = 0x9E3779B1  # the golden ratio of 2**32, odd: consecutive numbers spread over all values


class MarketType(IntEnum):
    LIVE = 0
    TODAY = 1
    EARLY = 2


# Game type (H handicap, O over and under, X 1X2), and whether it is full time.
Slot = tuple[str, bool]
SLOTS: dict[Slot, tuple[str, str | None]] = {
    ("H", True): ("FullTimeHdp", "Handicap"),
    ("O", True): ("FullTimeOu", "Goal"),
    ("X", True): ("FullTimeOneXTwo", None),
    ("H", False): ("HalfTimeHdp", "Handicap"),
    ("O", False): ("HalfTimeOu", "Goal"),
    ("X", False): ("HalfTimeOneXTwo", None),
}
ODDS_NAMES: dict[str, tuple[str, ...]] = {
    "H": ("HomeOdds", "AwayOdds"),
    "O": ("OverOdds", "UnderOdds"),
    "X": ("HomeOdds", "AwayOdds", "DrawOdds"),
}


@dataclass(slots=True)
class Fixture:
    """A match.

    Scores are the truth as of now. ``half_time`` and ``full_time`` are set once that period is
    over.
    """

    match_id: int
    league_id: int
    league: str
    home: str
    away: str
    start_ms: int
    sport: int = FOOTBALL_NUMBER
    score: tuple[int, int] = (0, 0)
    reds: tuple[int, int] = (0, 0)
    half_time: tuple[int, int] | None = None
    full_time: tuple[int, int] | None = None
    void: bool = False


@dataclass(frozen=True, slots=True)
class Offer:
    """Prices of one market of a row: book to legs in the venue's order.

    ``line_q``: home handicap or goals, in quarters.
    """

    line_q: int | None
    prices: dict[str, Prices]


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the feed. ``minutes`` is the venue's InGameMinutes."""

    game_id: int
    fixture: Fixture
    market_type: MarketType
    offers: dict[Slot, Offer]
    score: tuple[int, int] = (0, 0)
    reds: tuple[int, int] = (0, 0)
    minutes: int = 0
    active: bool = True
    closing: bool = False
    remove_on_ms: int = 0
    updated_ms: int = 0
    encoded: dict[str, bytes] = field(default_factory=dict, compare=False, repr=False)

    def wire(self, odds_format: str, books: frozenset[str] | None) -> bytes:
        """Return the row as JSON; ``books`` None means every book."""
        if books is not None:
            return orjson.dumps(_as_json(self, odds_format, books))
        if odds_format not in self.encoded:
            self.encoded[odds_format] = orjson.dumps(_as_json(self, odds_format, None))
        return self.encoded[odds_format]


def _as_json(row: Row, odds_format: str, books: frozenset[str] | None) -> dict[str, object]:
    fixture = row.fixture
    sides = [
        favoured(offer.line_q or 0) if (offer := row.offers.get(("H", full))) else 0
        for full in (True, False)
    ]
    body: dict[str, object] = {
        "MatchId": fixture.match_id,
        "GameId": row.game_id,
        "LeagueId": fixture.league_id,
        "LeagueName": fixture.league,
        "MarketTypeId": int(row.market_type),
        "MarketType": row.market_type.name.capitalize(),
        "HomeTeam": {"Name": fixture.home, "Score": row.score[0], "RedCards": row.reds[0]},
        "AwayTeam": {"Name": fixture.away, "Score": row.score[1], "RedCards": row.reds[1]},
        "StartTime": fixture.start_ms,
        "StartsOn": starts_on(fixture.start_ms),
        "IsLive": int(row.market_type is MarketType.LIVE),
        "InGameMinutes": row.minutes,
        "ExpectedLength": 45,
        "Favoured": sides[0],
        "FullTimeFavoured": sides[0],
        "HalfTimeFavoured": sides[1],
    }
    for slot, (name, line_name) in SLOTS.items():
        body[name] = _market_json(row.offers.get(slot), line_name, odds_format, books)
    body |= {
        "IsActive": row.active, "WillBeRemoved": row.closing, "ToBeRemovedOn": row.remove_on_ms,
        "UpdatedDateTime": row.updated_ms,
    }  # fmt: skip
    return body


def _market_json(
    offer: Offer | None, line_name: str | None, odds_format: str, books: frozenset[str] | None
) -> dict[str, str]:
    line_q, prices = None, {}
    if offer is not None:
        prices = {b: legs for b, legs in offer.prices.items() if books is None or b in books}
        line_q = offer.line_q if prices else None
    market = {"BookieOdds": bookie_odds(prices, odds_format)}
    if line_name is not None:
        market[line_name] = "" if line_q is None else line_range(line_q)
    return market


class Numbers:
    """Ids that look like the venue's: hash-like, signed 32 bit, not repeated within 4 billion."""

    def __init__(self, salt: int) -> None:
        self._next = salt & 0xFFFF

    def take(self) -> int:
        self._next += 1
        value = (self._next * _HASH) & 0xFFFFFFFF
        return value - (1 << 32) if value >> 31 else value


class Board:
    """Rows by GameId.

    Stamps never fall, and grow after each ``cursor``, so that a client with a cursor misses no
    change.
    """

    def __init__(self, closing_ms: int) -> None:
        self.rows: dict[int, Row] = {}
        self._stamp_ms = 0
        self._cursor_given = False
        self._closing_ms = closing_ms

    def cursor(self) -> int:
        """Return the stamp of the last change; every later change is stamped above it."""
        self._cursor_given = True
        return self._stamp_ms

    def put(self, row: Row, now_ms: int) -> None:
        """Put ``row`` in place of the one with the same GameId, unless nothing differs."""
        old = self.rows.get(row.game_id)
        if old is not None and old == replace(row, updated_ms=old.updated_ms):
            return
        self.rows[row.game_id] = replace(row, updated_ms=self._stamp(now_ms), encoded={})

    def close(self, game_id: int, now_ms: int) -> None:
        """Mark a row as to be removed; it goes when its time has come."""
        row = self.rows[game_id]
        if not row.closing:
            stamp = self._stamp(now_ms)
            self.rows[game_id] = replace(
                row,
                closing=True,
                active=False,
                remove_on_ms=stamp + self._closing_ms,
                updated_ms=stamp,
                encoded={},
            )

    def purge(self, now_ms: int) -> None:
        """Drop rows whose time of removal is past."""
        for game_id in [
            row.game_id for row in self.rows.values() if row.closing and row.remove_on_ms <= now_ms
        ]:
            del self.rows[game_id]

    def changed(self, market_type: MarketType, since_ms: int) -> Iterator[Row]:
        """Return the rows of a market type that changed after ``since_ms``."""
        return (
            row
            for row in self.rows.values()
            if row.market_type is market_type and row.updated_ms > since_ms
        )

    def _stamp(self, now_ms: int) -> int:
        self._stamp_ms = max(now_ms, self._stamp_ms + self._cursor_given)
        self._cursor_given = False
        return self._stamp_ms


def rows_json(
    rows: Iterable[Row], odds_format: str, books: frozenset[str] | None
) -> list[dict[str, object]]:
    """Return rows grouped by sport, as the feed's ``Sports`` list. Raises ValueError."""
    if odds_format not in FORMATS:
        raise ValueError(f"OddsFormat must be one of {', '.join(FORMATS)}")
    sports: dict[int, list[orjson.Fragment]] = {}
    for row in rows:
        sports.setdefault(row.fixture.sport, []).append(
            orjson.Fragment(row.wire(odds_format, books))
        )
    return [{"SportsType": sport, "MatchGames": games} for sport, games in sports.items()]
