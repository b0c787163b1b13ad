"""From the venue's rows to the terms of the domain: noise, events, clocks, scores, references.

Pure: no I/O, no clock, no memory of earlier rows (``state`` has that).
"""

from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple

import msgspec

from keter.clock import from_ms
from keter.domain.markets import Event, Phase, event_uid
from keter.domain.noise import counts_events, is_e_sport
from keter.domain.quotes import Score, VenueRef
from keter.domain.sports import TENNIS
from keter.plain import plain
from keter.venues.asianodds.limits import LONGEST_NAME, MOST_CARDS, MOST_SCORE, VENUE
from keter.venues.asianodds.sport_terms import (
    CODES,
    FOLLOWED,
    FOOTBALL_NUMBER,
    RowTerms,
    row_terms,
    split_name,
)
from keter.venues.asianodds.wire import FeedRow, TeamRow

PHASE_OF_MARKET_TYPE = {0: Phase.LIVE, 1: Phase.TODAY, 2: Phase.EARLY}
MARKET_TYPE_OF_PHASE = {phase: number for number, phase in PHASE_OF_MARKET_TYPE.items()}
_EARLIEST, _LATEST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)


class Problem(StrEnum):
    """The kinds of what could not be used, as counted in ``FeedUpdate.problems``."""

    BAD_ROW = "bad_row"
    NO_TEAM = "no_team"
    BAD_START = "bad_start"
    UNKNOWN_SPORT = "unknown_sport"
    UID_COLLISION = "uid_collision"
    STALE_COPY = "stale_copy"
    BAD_LINE = "bad_line"
    NO_LINE = "no_line"
    NO_MARKET = "no_market"
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


# Every feed holds these: they are left out and counted, and are no reason to warn.
EVERYDAY = frozenset(
    {
        Problem.STALE_COPY,
        Problem.BEYOND_HORIZON,
        Problem.NO_MARKET,
        Problem.NOISE_EXTRA,
        Problem.NOISE_ESPORT,
    }
)


@lru_cache(maxsize=16_384)
def noise(league: str, home: str, away: str) -> Problem | None:
    """Return why a row surely is not the match itself; None if it may be."""
    if counts_events(league, home, away):
        return Problem.NOISE_EXTRA
    if is_e_sport(league):
        return Problem.NOISE_ESPORT
    return None


class GameClock(NamedTuple):
    """The playing time of a match.

    ``half`` is 1 or 2, and 0 outside a known half. ``minute`` counts minutes played since kick-off;
    None if unknown.
    """

    half: int
    minute: int | None


def read_clock(in_game_minutes: int | None, sport: int, half_length: int | None) -> GameClock:
    """Return the playing time that InGameMinutes encodes, for football only.

    The code is half * 60 + minute of that half: 168 is minute 48 of the second half, so 93 played.
    Added time of the first half counts as its last minute, so that the two halves never overlap.
    The code of the break is not known. It and everything outside 60..179 is no known half.
    """
    if sport != FOOTBALL_NUMBER or in_game_minutes is None or not 60 <= in_game_minutes < 180:
        return GameClock(0, None)
    length = half_length if half_length and 0 < half_length < 60 else 45
    half, minute = divmod(in_game_minutes, 60)
    return GameClock(1, min(minute, length)) if half == 1 else GameClock(2, length + minute)


def read_score(row: FeedRow, sport: int, clock: GameClock) -> Score | None:
    """Return the score of a row; None if a side's is missing, negative (unknown) or impossible.

    The two rows of a tennis match have two scores, and nobody says which counts what.
    """
    home, away = row.home_team, row.away_team
    if CODES.get(sport) == TENNIS.code:
        return None
    if home is None or away is None or home.score is None or away.score is None:
        return None
    if not (0 <= home.score <= MOST_SCORE and 0 <= away.score <= MOST_SCORE):
        return None
    return Score(home.score, away.score, clock.minute, _cards(home), _cards(away))


def _cards(team: TeamRow) -> int:
    return min(max(team.red_cards or 0, 0), MOST_CARDS)


def read_phase(row: FeedRow, asked: Phase) -> Phase:
    """Return the phase of the row's own market type, or ``asked`` if it names none."""
    return PHASE_OF_MARKET_TYPE.get(-1 if row.market_type_id is None else row.market_type_id, asked)


def read_event(row: FeedRow, sport: int) -> Event | Problem:
    """Return the event of a row, or why there is none.

    Names keep their suffixes, because (N), (W) and (R) are other fixtures. The marks of tennis go:
    its rows in sets and in games are of one match.
    """
    code = CODES.get(sport, "")
    home, away = (split_name(code, _name(team))[0] for team in (row.home_team, row.away_team))
    if not home or not away:
        return Problem.NO_TEAM
    league = plain((row.league_name or "").strip(), LONGEST_NAME)
    why = noise(league, home, away)
    if why is not None:
        return why
    if sport not in FOLLOWED:
        return Problem.UNKNOWN_SPORT
    kickoff = read_time(row.start_time)
    if kickoff is None:
        return Problem.BAD_START
    return Event(event_uid(code, kickoff, home, away), code, league, home, away, kickoff)


def _name(team: TeamRow | None) -> str:
    """Return a team's name in one visible line; empty if it is missing or too long.

    A name is never cut short: two teams could become one.
    """
    name = " ".join(plain(team.name).split()) if team is not None and team.name is not None else ""
    return name if len(name) <= LONGEST_NAME else ""


def read_time(milliseconds: int | None) -> datetime | None:
    """Return the time as aware UTC, or None outside the years 2000 to 2200."""
    try:
        moment = from_ms(milliseconds or 0)
    except (OverflowError, OSError, ValueError):
        return None
    return moment if _EARLIEST <= moment < _LATEST else None


def read_terms(row: FeedRow, sport: int) -> RowTerms:
    """Return what the row's markets are about."""
    return row_terms(CODES.get(sport, ""), _name(row.home_team), _name(row.away_team))


def home_line(quarters: int, favoured: int | None) -> int | None:
    """Return the home line in quarters of an unsigned handicap; None if nobody gives one.

    ``favoured`` is 1 if home gives the line, 2 if away does.
    """
    if quarters == 0:
        return 0
    if favoured == 1:
        return -quarters
    return quarters if favoured == 2 else None


class Ref(msgspec.Struct, frozen=True):
    """What the placement calls need to find a row again; ``VenueRef.key`` is its text."""

    sport: int
    market_type: int
    match_id: int
    game_id: int

    def venue_ref(self) -> VenueRef:
        """Return the reference as the rest of Keter carries it."""
        return VenueRef(VENUE, f"{self.sport}:{self.market_type}:{self.match_id}:{self.game_id}")


def read_ref(ref: VenueRef) -> Ref:
    """Return the numbers of a reference. Raises ValueError if it is not AsianOdds'."""
    parts = ref.key.split(":")
    if ref.venue != VENUE or len(parts) != 4:
        raise ValueError(f"not an {VENUE} reference: {ref.key!r}")
    return Ref(*(int(part) for part in parts))
