"""What the merged feed is made of: rows, fixtures, and what one answer changes."""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime

import msgspec

from keter.domain.feed import EventScore, MarketPrices
from keter.domain.markets import Event, Market, Phase
from keter.venues.asianodds.row_markets import Slot, SlotMerger


class Row(msgspec.Struct):
    """One GameId, merged. ``favoured`` is (full time, half time)."""

    game_id: int
    match_id: int
    uid: str
    sport: int
    active: bool = True
    updated_ms: int = 0
    favoured: tuple[int | None, int | None] = (None, None)
    slots: dict[str, Slot] = {}


class Fixture(msgspec.Struct):
    """One event: its rows, all of its phase, and a fingerprint of each market as last told.

    ``holders``: the row that was last found to offer a market of a match.
    """

    event: Event
    phase: Phase
    lead: int
    rows: set[int] = set()
    matches: set[int] = set()
    holders: dict[tuple[int, Market], int] = {}
    told: dict[Market, tuple[object, ...]] = {}


class Merged(msgspec.Struct, frozen=True):
    """What an answer changed: see ``FeedUpdate``.

    ``fixtures``: the events that match ids now stand for; None is over.
    """

    changed: tuple[MarketPrices, ...]
    removed: tuple[tuple[str, Market], ...]
    scores: tuple[EventScore, ...]
    known_markets: int
    problems: dict[str, int]
    fixtures: dict[int, Event | None]


class Turn:
    """What one merge gathers."""

    def __init__(self, now: datetime, revisions: Iterator[int]) -> None:
        self.now = now
        self.problems: Counter[str] = Counter()
        self.touched: dict[str, None] = {}
        self.scores: dict[str, EventScore] = {}
        self.missed: set[str] = set()
        self.shed: set[str] = set()
        self.fixtures: dict[int, Event | None] = {}
        self.slots = SlotMerger(revisions, now, self.problems)
