"""What the venue's rows mean in each sport: which one it is, and the markets of its slots. Pure.

* Tennis comes in two rows a match, marked ``(Sets)`` and ``(Games)`` behind the players' names. The
  mark says what handicap and total count, and is no part of the name.
* A market that the sport does not have, or whose meaning nobody could find out, is no market.
"""

import re
from functools import lru_cache
from typing import NamedTuple

from keter.domain.market_kinds import LINED, MarketKind
from keter.domain.markets import Market
from keter.domain.sports import BASKETBALL, FOOTBALL, HALF_TIME, SPORTS, TENNIS, Unit

FOOTBALL_NUMBER = 1
# The venue's numbers, with the codes with which ids of events begin. The last two are not modelled:
# an account may hold bets on them that are not ours.
CODES = {
    FOOTBALL_NUMBER: FOOTBALL.code,
    2: BASKETBALL.code,
    3: TENNIS.code,
    5: "af",
    9: "mm",
}
FOLLOWED = {number: SPORTS[code] for number, code in CODES.items() if code in SPORTS}
_MARK = re.compile(r"\s*\((sets|games)\)\s*$", re.IGNORECASE)
# The periods of a full-time and a half-time slot. Asian books count overtime in basketball.
_PERIODS = {
    FOOTBALL.code: (FOOTBALL.periods[0].code, HALF_TIME),
    BASKETBALL.code: (BASKETBALL.periods[0].code, None),
    TENNIS.code: (TENNIS.periods[0].code, None),
}


class RowTerms(NamedTuple):
    """The sport of a row by its code, and what its lines count where a mark says so."""

    sport: str
    unit: Unit | None = None


def split_name(sport: str, name: str) -> tuple[str, Unit | None]:
    """Return a name without the mark of its row, and what the mark says."""
    found = _MARK.search(name) if sport == TENNIS.code else None
    if found is None:
        return name, None
    return name[: found.start()], Unit(found[1].lower())


def row_terms(sport: str, home: str, away: str) -> RowTerms:
    """Return the terms of a row by the names on it, which must carry the same mark."""
    units = {split_name(sport, name)[1] for name in (home, away)}
    return RowTerms(sport, units.pop() if len(units) == 1 else None)


@lru_cache(maxsize=8_192)
def market_of(
    terms: RowTerms, family: MarketKind, line_q: int | None, *, full_time: bool
) -> Market | None:
    """Return the market of a slot; None if the sport has none. Equal markets share one object."""
    full, half = _PERIODS.get(terms.sport, (None, None))
    period = full if full_time else half
    if period is None:
        return None
    kind: str = family
    if terms.sport == TENNIS.code and family in LINED:
        kind = f"{terms.unit}-{family}"
    if kind not in {known.text for known in SPORTS[terms.sport].period(period).kinds}:
        return None
    return Market(period, kind, line_q, terms.sport)
