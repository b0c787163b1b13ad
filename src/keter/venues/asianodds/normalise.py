"""From the venue's rows to our words.

Pure: no I/O, no clock, no memory of earlier rows (``state`` has that).
"""

import re
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple

import msgspec

from keter.clock import from_ms
from keter.domain.markets import Event, Market, MarketKind, Period, Phase, event_uid
from keter.domain.quotes import BookPrices, Score, VenueRef
from keter.plain import plain
from keter.venues.asianodds.limits import LONGEST_NAME, MOST_CARDS, MOST_SCORE, VENUE
from keter.venues.asianodds.prices import read_price
from keter.venues.asianodds.wire import FeedRow, TeamRow

FOOTBALL = 1
SPORTS = {1: "fb", 2: "bb", 3: "te", 5: "af", 9: "mm"}
PHASE_OF_MARKET_TYPE = {0: Phase.LIVE, 1: Phase.TODAY, 2: Phase.EARLY}
MARKET_TYPE_OF_PHASE = {phase: number for number, phase in PHASE_OF_MARKET_TYPE.items()}
_EARLIEST, _LATEST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)


class Problem(StrEnum):
    """Kinds of what could not be used, as counted in ``FeedUpdate.problems``."""

    BAD_ROW = "bad_row"
    NO_TEAM = "no_team"
    BAD_START = "bad_start"
    UNKNOWN_SPORT = "unknown_sport"
    UID_COLLISION = "uid_collision"
    STALE_COPY = "stale_copy"
    BAD_LINE = "bad_line"
    NO_LINE = "no_line"
    SIGN_UNKNOWN = "sign_unknown"
    BAD_BOOK = "bad_book"
    BAD_PRICE = "bad_price"
    PRICE_COUNT = "price_count"
    REPEATED_BOOK = "repeated_book"
    UNDER_ROUND = "under_round"
    BEYOND_HORIZON = "beyond_horizon"
    SHED = "shed"
    NOISE_EXTRA = "noise_extra"
    NOISE_ESPORT = "noise_esport"
    NOISE_GAMES = "noise_games"


# What every feed holds: left out and counted, nothing to worry about.
EVERYDAY = frozenset(
    {
        Problem.STALE_COPY,
        Problem.BEYOND_HORIZON,
        Problem.NOISE_EXTRA,
        Problem.NOISE_ESPORT,
        Problem.NOISE_GAMES,
    }
)

_EXTRAS = (
    r"corners?|bookings?|(?:yellow |red )?cards?|offsides?|shots?(?: on"
    r" (?:target|goal))?|fouls?|throw[ -]?ins?|goal kicks?"
)
_EXTRA_TEAM = re.compile(rf"\s-\s+(?:no\.?\s*of\s+|total\s+)?(?:{_EXTRAS})\b", re.IGNORECASE)
_EXTRA_LEAGUE = re.compile(rf"\bno\.\s*of\b|-\s*(?:{_EXTRAS})\s*$", re.IGNORECASE)
_ESPORT_LEAGUE = re.compile(
    r"FANTASY|\bE[\s-]?(?:FOOTBALL|SOCCER|BASKETBALL)\b|\bE-?SPORTS?\b", re.IGNORECASE
)
_GAMES_TEAM = re.compile(r"\(games\)", re.IGNORECASE)


@lru_cache(maxsize=16_384)
def noise(league: str, home: str, away: str) -> Problem | None:
    """Why a row is not the match itself: corners and the like, e-sports, the second copy (in games)
    of a tennis match.
    """
    if _EXTRA_LEAGUE.search(league) or _EXTRA_TEAM.search(home) or _EXTRA_TEAM.search(away):
        return Problem.NOISE_EXTRA
    if _ESPORT_LEAGUE.search(league):
        return Problem.NOISE_ESPORT
    if _GAMES_TEAM.search(home) or _GAMES_TEAM.search(away):
        return Problem.NOISE_GAMES
    return None


class GameClock(NamedTuple):
    """Where a match stands: ``half`` 1 or 2, 0 when not in a known half; ``minute`` played since
    kick-off, None if unknown.
    """

    half: int
    minute: int | None


def read_clock(in_game_minutes: int | None, sport: int, half_length: int | None) -> GameClock:
    """InGameMinutes is half * 60 + minute of that half, for football: 168 is minute 48 of the
    second half, so 93 played.

    Added time of the first half counts as its last minute, so that the two halves never overlap.
    The code of the break is not known; it and everything outside 60..179 is no known half.
    """
    if sport != FOOTBALL or in_game_minutes is None or not 60 <= in_game_minutes < 180:
        return GameClock(0, None)
    length = half_length if half_length and 0 < half_length < 60 else 45
    half, minute = divmod(in_game_minutes, 60)
    return GameClock(1, min(minute, length)) if half == 1 else GameClock(2, length + minute)


def read_score(row: FeedRow, clock: GameClock) -> Score | None:
    """The score a row shows; None where a side's is missing, negative (unknown) or absurd."""
    home, away = row.home_team, row.away_team
    if home is None or away is None or home.score is None or away.score is None:
        return None
    if not (0 <= home.score <= MOST_SCORE and 0 <= away.score <= MOST_SCORE):
        return None
    return Score(home.score, away.score, clock.minute, _cards(home), _cards(away))


def _cards(team: TeamRow) -> int:
    return min(max(team.red_cards or 0, 0), MOST_CARDS)


def read_phase(row: FeedRow, asked: Phase) -> Phase:
    """The row's own market type, or the one asked for when it names none."""
    return PHASE_OF_MARKET_TYPE.get(-1 if row.market_type_id is None else row.market_type_id, asked)


def read_event(row: FeedRow, sport: int) -> Event | Problem:
    """The fixture of a row, or why there is none.

    Names keep their suffixes: (N), (W) and (R) are other fixtures.
    """
    home, away = _name(row.home_team), _name(row.away_team)
    if not home or not away:
        return Problem.NO_TEAM
    league = plain((row.league_name or "").strip(), LONGEST_NAME)
    why = noise(league, home, away)
    if why is not None:
        return why
    code = SPORTS.get(sport)
    if code is None:
        return Problem.UNKNOWN_SPORT
    kickoff = read_time(row.start_time)
    if kickoff is None:
        return Problem.BAD_START
    return Event(event_uid(code, kickoff, home, away), code, league, home, away, kickoff)


def _name(team: TeamRow | None) -> str:
    """In one visible line; empty where there is none, or none that is a name: cut short, two teams
    would be one.
    """
    name = " ".join(plain(team.name).split()) if team is not None and team.name is not None else ""
    return name if len(name) <= LONGEST_NAME else ""


def read_time(milliseconds: int | None) -> datetime | None:
    """A plausible time (2000 to 2200), or None."""
    try:
        moment = from_ms(milliseconds or 0)
    except (OverflowError, OSError, ValueError):
        return None
    return moment if _EARLIEST <= moment < _LATEST else None


def kept_uid(old: Event, new: Event) -> str:
    """A fixture of the same names keeps its uid when its kick-off is moved by hours, also past
    midnight.
    """
    moved = abs(new.kickoff - old.kickoff)
    same = (old.sport, old.home, old.away) == (new.sport, new.home, new.away)
    return old.event_uid if same and moved <= timedelta(hours=12) else new.event_uid


@lru_cache(maxsize=8_192)
def market_of(period: Period, kind: MarketKind, line_q: int | None) -> Market:
    """The shared object of a market."""
    return Market(period, kind, line_q)


def home_line(quarters: int, favoured: int | None) -> int | None:
    """The home line of an unsigned handicap: 1 home gives it, 2 away gives it.

    None when nobody is said to give one.
    """
    if quarters == 0:
        return 0
    if favoured == 1:
        return -quarters
    return quarters if favoured == 2 else None


Segments = Sequence[tuple[str, str]]


def result_kind(segments: Segments, sport: int) -> MarketKind:
    """1X2 or money line: football has a draw; elsewhere a third price in any book says so."""
    if sport == FOOTBALL:
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
    """For each book of ``new`` when its prices last changed: as in ``old`` where they are the same,
    else ``now_ms``.
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
    """The books of an odds string with prices in the order of the market's sides.

    The venue writes 1X2 as home, away, draw. A book with a broken price, or one without any, is
    left out and counted; one whose probabilities sum to less than 1 is counted and kept, for the
    validation gate to judge. The first of two like books counts.
    """
    books: dict[str, BookPrices] = {}
    # The venue's clock may run ahead of ours.
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
    """Texts and odds of one book, sorted into our order. Raises ValueError for a broken price."""
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


class Ref(msgspec.Struct, frozen=True):
    """What the placement calls need to find a row again; ``VenueRef.key`` is its text."""

    sport: int
    market_type: int
    match_id: int
    game_id: int

    def seal(self) -> VenueRef:
        return VenueRef(VENUE, f"{self.sport}:{self.market_type}:{self.match_id}:{self.game_id}")


def open_ref(ref: VenueRef) -> Ref:
    """The numbers of a reference. Raises ValueError when it is not ours."""
    parts = ref.key.split(":")
    if ref.venue != VENUE or len(parts) != 4:
        raise ValueError(f"not an {VENUE} reference: {ref.key!r}")
    return Ref(*(int(part) for part in parts))
