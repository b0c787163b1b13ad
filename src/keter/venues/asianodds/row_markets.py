"""The prices on one row: up to seven markets, each merged field by field. Pure.

An odds string is parsed only if it differs from the known one.
"""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime

import msgspec

from keter.domain.market_kinds import LINED, MarketKind
from keter.domain.markets import Market
from keter.domain.quotes import BookPrices
from keter.venues.asianodds.book_prices import read_books, result_kind, stamp_books
from keter.venues.asianodds.normalise import Problem, home_line
from keter.venues.asianodds.prices import read_line, split_odds
from keter.venues.asianodds.sport_terms import RowTerms, market_of
from keter.venues.asianodds.wire import FeedRow, PricesRow

# The field, whether it is of full time, and how its market is settled.
_SLOTS: tuple[tuple[str, bool, MarketKind], ...] = (
    ("full_time_hdp", True, MarketKind.ASIAN_HANDICAP),
    ("full_time_ou", True, MarketKind.OVER_UNDER),
    ("full_time_one_x_two", True, MarketKind.ONE_X_TWO),
    ("full_time_money_line", True, MarketKind.MONEY_LINE),
    ("half_time_hdp", False, MarketKind.ASIAN_HANDICAP),
    ("half_time_ou", False, MarketKind.OVER_UNDER),
    ("half_time_one_x_two", False, MarketKind.ONE_X_TWO),
)


class Slot(msgspec.Struct, frozen=True):
    """The prices of one market on one row, never without a usable book.

    ``odds`` is the venue's string. ``stamps`` are, per book of that string, the milliseconds at
    which its prices last changed. ``revision`` is new with every change.
    """

    market: Market
    line: str
    odds: str
    stamps: tuple[int, ...]
    revision: int


class SlotMerger:
    """Merges the prices of rows, for one answer. It keeps the books of the slots that it made."""

    def __init__(self, revisions: Iterator[int], now: datetime, problems: Counter[str]) -> None:
        self._revisions = revisions
        self._now = now
        self._problems = problems
        self._parsed: dict[int, tuple[BookPrices, ...]] = {}

    def merge(
        self,
        slots: dict[str, Slot],
        row: FeedRow,
        terms: RowTerms,
        favoured: tuple[int | None, int | None],
        at_ms: int,
    ) -> None:
        """Bring ``slots``, by field name, up to what ``row`` says.

        ``favoured`` is (full time, half time), ``at_ms`` the row's change time.
        """
        for name, full_time, kind in _SLOTS:
            incoming: PricesRow | None = getattr(row, name)
            old = slots.get(name)
            if incoming is None:
                incoming = _NOTHING
            outcome = favoured[0] if full_time else favoured[1]
            new = self._merged(old, incoming, (full_time, kind), terms, outcome, at_ms)
            if new is not None:
                slots[name] = new
            elif old is not None:
                del slots[name]

    def books(self, slot: Slot) -> tuple[BookPrices, ...]:
        """Return the books of a slot, confirmed by this answer."""
        known = self._parsed.get(slot.revision)
        if known is not None:
            return known
        # Its problems were counted when the slot was made.
        uncounted: Counter[str] = Counter()
        segments = split_odds(slot.odds)
        return read_books(segments, slot.market.family, slot.stamps, self._now, uncounted)

    def _merged(
        self,
        old: Slot | None,
        incoming: PricesRow,
        which: tuple[bool, MarketKind],
        terms: RowTerms,
        outcome: int | None,
        at_ms: int,
    ) -> Slot | None:
        """Return the slot after the merge; None if the row has no prices for the market."""
        odds = (incoming.bookie_odds or "").strip()
        line = _line_text(incoming)
        if not odds and (old is None or not line):
            return None if old is not None and _changed_sides(old, outcome) else old
        line = line or (old.line if old is not None else "")
        market = self._market(
            which, line, terms, odds or (old.odds if old is not None else ""), outcome
        )
        if market is None:
            return None
        if old is not None and market == old.market and odds in {"", old.odds}:
            return old
        return self._priced(old, market, line, odds, at_ms) if odds else None

    def _market(
        self,
        which: tuple[bool, MarketKind],
        line: str,
        terms: RowTerms,
        odds: str,
        outcome: int | None,
    ) -> Market | None:
        """Return the market that a slot's fields mean; None, and counted, if that is unclear."""
        full_time, kind = which
        if kind is MarketKind.ONE_X_TWO:
            kind = result_kind(split_odds(odds), terms.sport)
        if kind not in LINED:
            return self._known(market_of(terms, kind, None, full_time=full_time))
        if not line:
            self._problems[Problem.NO_LINE] += 1
            return None
        try:
            quarters: int | None = read_line(line)
        except ValueError:
            self._problems[Problem.BAD_LINE] += 1
            return None
        if kind is MarketKind.ASIAN_HANDICAP and quarters is not None:
            quarters = home_line(quarters, outcome)
            if quarters is None:
                self._problems[Problem.SIGN_UNKNOWN] += 1
                return None
        return self._known(market_of(terms, kind, quarters, full_time=full_time))

    def _known(self, market: Market | None) -> Market | None:
        if market is None:
            self._problems[Problem.NO_MARKET] += 1
        return market

    def _priced(
        self, old: Slot | None, market: Market, line: str, odds: str, at_ms: int
    ) -> Slot | None:
        """Return a slot with new odds; None if they have no usable book."""
        segments = split_odds(odds)
        if old is not None and old.market == market:
            stamps = stamp_books(split_odds(old.odds), old.stamps, segments, at_ms)
        else:
            stamps = (at_ms,) * len(segments)
        books = read_books(segments, market.family, stamps, self._now, self._problems)
        if not books:
            return None
        revision = next(self._revisions)
        self._parsed[revision] = books
        return Slot(market, line, odds, stamps, revision)


def _changed_sides(old: Slot, favoured: int | None) -> bool:
    """Return whether the other side gives the handicap.

    A favourite of 0 says nothing: it may also mean that the field is absent.
    """
    line_q = old.market.line_q
    if old.market.family is not MarketKind.ASIAN_HANDICAP or not line_q or favoured not in {1, 2}:
        return False
    return home_line(abs(line_q), favoured) != line_q


def _line_text(incoming: PricesRow) -> str:
    for value in (incoming.handicap, incoming.goal):
        if value is not None:
            return str(value).strip()
    return ""


_NOTHING = PricesRow()
