"""What the merged feed is made of, and what one answer changes in it. Pure.

Rows, fixtures, the row that counts for each market, and the difference to what was reported last.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime

import msgspec

from keter.clock import to_ms
from keter.domain.feed import EventScore, MarketPrices
from keter.domain.markets import Event, Market, Phase
from keter.venues.asianodds.normalise import MARKET_TYPE_OF_PHASE, Ref, read_terms
from keter.venues.asianodds.row_markets import Slot, SlotMerger
from keter.venues.asianodds.scores import ScoreBook
from keter.venues.asianodds.wire import FeedRow

# How far the venue's clock may run ahead of ours in the change time of a row. A row from further in
# the future would win over every other, and its score would stay, for ever.
_ROW_CLOCK_AHEAD_MS = 60_000


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
    """One event: its rows, all of its phase, and a fingerprint of each market as last reported.

    ``lead`` is the match id whose row gives the event. ``holders`` are, by match and market, the
    rows that were last found to offer it.
    """

    event: Event
    phase: Phase
    lead: int
    rows: set[int] = set()
    matches: set[int] = set()
    holders: dict[tuple[int, Market], int] = {}
    reported: dict[Market, tuple[object, ...]] = {}


class Merged(msgspec.Struct, frozen=True):
    """What an answer changed: see ``FeedUpdate``.

    ``fixtures`` are the match ids whose event changed; None means that it is over.
    """

    changed: tuple[MarketPrices, ...]
    removed: tuple[tuple[str, Market], ...]
    scores: tuple[EventScore, ...]
    known_markets: int
    problems: dict[str, int]
    fixtures: dict[int, Event | None]


class MergeStep:
    """What the merge of one answer collects.

    ``touched`` are the uids of fixtures that may have changed, in order. ``missed`` are those whose
    rows went during a gap, ``shed`` those beyond the bounds.
    """

    def __init__(self, now: datetime, revisions: Iterator[int]) -> None:
        self.now = now
        self.problems: Counter[str] = Counter()
        self.touched: dict[str, None] = {}
        self.scores: dict[str, EventScore] = {}
        self.missed: set[str] = set()
        self.shed: set[str] = set()
        self.fixtures: dict[int, Event | None] = {}
        self.slots = SlotMerger(revisions, now, self.problems)
        self.changed: list[MarketPrices] = []
        self.removed: list[tuple[str, Market]] = []


def changed_ms(row: FeedRow, now: datetime) -> int | None:
    """Return when the venue says that the row changed; None if it says nothing possible."""
    at = row.updated_date_time
    return at if at is not None and 0 < at <= to_ms(now) + _ROW_CLOCK_AHEAD_MS else None


def merge_row(step: MergeStep, known: Row, row: FeedRow) -> None:
    """Bring ``known`` up to what ``row`` says; fields that ``row`` lacks stay."""
    full, half = known.favoured
    if row.full_time_favoured is not None or row.favoured is not None:
        full = row.full_time_favoured if row.full_time_favoured is not None else row.favoured
    if row.half_time_favoured is not None or row.favoured is not None:
        half = row.half_time_favoured if row.half_time_favoured is not None else row.favoured
    known.favoured = (full, half)
    known.match_id = row.match_id
    at_ms = changed_ms(row, step.now)
    known.updated_ms = at_ms or known.updated_ms
    if row.is_active is not None:
        known.active = row.is_active
    terms = read_terms(row, known.sport)
    step.slots.merge(known.slots, row, terms, known.favoured, at_ms or to_ms(step.now))


def leave_to_newest(
    row: Row, rows: Mapping[int, Row], holders: dict[tuple[int, Market], int]
) -> None:
    """Leave each market of ``row`` to the row of its match that was changed last.

    The others lose their prices of it, because a line's GameId may change. ``holders`` are the
    fixture's.
    """
    for name, slot in tuple(row.slots.items()):
        key = (row.match_id, slot.market)
        other = rows.get(holders.get(key, row.game_id), row)
        theirs = [place for place, has in other.slots.items() if has.market == slot.market]
        if other is row or other.match_id != row.match_id or other.uid != row.uid or not theirs:
            holders[key] = row.game_id
        elif (other.updated_ms, other.game_id) > (row.updated_ms, row.game_id):
            del row.slots[name]
        else:
            holders[key] = row.game_id
            for place in theirs:
                del other.slots[place]


def offers(fixture: Fixture, rows: Mapping[int, Row]) -> dict[Market, tuple[Row, Slot]]:
    """Return for each market of a fixture the row and the prices that count.

    An active row wins, then the one that changed last.
    """
    found: dict[Market, tuple[Row, Slot]] = {}
    for row in sorted((rows[game_id] for game_id in fixture.rows), key=_precedence):
        for slot in row.slots.values():
            found[slot.market] = (row, slot)
    return found


def market_prices(
    fixture: Fixture, row: Row, slot: Slot, slots: SlotMerger, scores: ScoreBook
) -> MarketPrices:
    """Return a market as it is reported."""
    ref = Ref(row.sport, MARKET_TYPE_OF_PHASE[fixture.phase], row.match_id, row.game_id).venue_ref()
    score = scores.current(fixture.event.event_uid) if fixture.phase is Phase.LIVE else None
    return MarketPrices(
        fixture.event, slot.market, fixture.phase, ref, slots.books(slot), row.active, score
    )


def report(step: MergeStep, fixture: Fixture, rows: Mapping[int, Row], scores: ScoreBook) -> None:
    """Add to ``step`` what differs from the last report, and remember it as reported."""
    found = offers(fixture, rows)
    score = scores.current(fixture.event.event_uid)
    goals = (score.home, score.away, score.red_home, score.red_away) if score is not None else None
    for market, (row, slot) in found.items():
        fingerprint = (slot.revision, row.game_id, row.active, fixture.phase, goals, fixture.event)
        if fixture.reported.get(market) != fingerprint:
            fixture.reported[market] = fingerprint
            step.changed.append(market_prices(fixture, row, slot, step.slots, scores))
    for market in [market for market in fixture.reported if market not in found]:
        del fixture.reported[market]
        step.removed.append((fixture.event.event_uid, market))


def _precedence(row: Row) -> tuple[bool, int, int]:
    return row.active, row.updated_ms, row.game_id
