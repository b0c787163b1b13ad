"""Events, markets, selections and their readable ids.

A market is of a sport: the sport defines its periods and kinds (``keter.domain.sports``). A line is
an integer count of quarters of what the kind counts: ``-0.75`` goals are ``-3``. An Asian handicap
line is always the home line.
"""

import re
import unicodedata
import zlib
from datetime import datetime
from decimal import Decimal, DecimalException
from enum import StrEnum
from functools import lru_cache

import msgspec

from keter.domain.market_kinds import LINED, OUTCOMES, MarketKind, Outcome
from keter.domain.sports import FOOTBALL, Sport, SportKind, Unit, by_code, kind_of, sport_of


class Phase(StrEnum):
    """The part of a feed in which an event is: AsianOdds' Live, Today and Early."""

    LIVE = "live"
    TODAY = "today"
    EARLY = "early"


_MAX_LINE_Q = 4000


@lru_cache(maxsize=8192)
def line_text(quarters: int) -> str:
    """Return the shortest exact decimal of a line: ``-0.75`` for -3, ``2.5`` for 10."""
    return str((Decimal(quarters) / 4).normalize() + 0) if quarters % 4 else str(quarters // 4)


def parse_line(text: str) -> int:
    """Return the quarters of a decimal line.

    Raises ValueError unless it is a multiple of a quarter, at most 1000.
    """
    try:
        quarters = Decimal(text) * 4
    except DecimalException as e:  # no number, or one beyond any exponent
        raise ValueError(f"not a line: {text!r}") from e
    if (
        not quarters.is_finite()
        or abs(quarters) > _MAX_LINE_Q
        or quarters != quarters.to_integral_value()
    ):
        raise ValueError(f"not a multiple of a quarter of plausible size: {text!r}")
    return int(quarters)


class Market(msgspec.Struct, frozen=True, order=True, omit_defaults=True):
    """A market within an event of a sport.

    * ``period`` and ``kind`` are the sport's own texts; ``line_q`` counts quarters of its unit.
    * ``sport`` is a code of ``SPORTS``.

    Raises ValueError for a period, kind or line that the sport does not have,
    UnmodelledSportError for a sport that is not modelled.
    """

    period: str
    kind: str
    line_q: int | None
    # Football's markets are written without their sport, as they were when there was no other.
    sport: str = FOOTBALL.code

    def __post_init__(self) -> None:
        if (self.line_q is not None) != (self.family in LINED):
            needs = "needs" if self.family in LINED else "has no"
            raise ValueError(f"a {self.kind} market of {self.of.name} {needs} line")

    @property
    def of(self) -> Sport:
        """The sport itself."""
        return by_code(self.sport)

    @property
    def rule(self) -> SportKind:
        """How the kind is settled and what it counts."""
        return kind_of(self.sport, self.period, self.kind)

    @property
    def family(self) -> MarketKind:
        """The kind by which it is settled, whatever the sport calls it."""
        return self.rule.family

    @property
    def unit(self) -> Unit:
        return self.rule.unit

    @property
    def market_id(self) -> str:
        """Its readable id within an event, such as ``ft.ah.-0.75``, ``ft.1x2``, ``f5.ou.4.5``."""
        head = f"{self.period}.{self.kind}"
        return head if self.line_q is None else f"{head}.{line_text(self.line_q)}"

    @property
    def outcomes(self) -> tuple[Outcome, ...]:
        """Its selections, in the order in which prices are written."""
        return OUTCOMES[self.family]

    def selection_id(self, outcome: Outcome) -> str:
        """Return ``market_id`` + ``.`` + side.

        Raises ValueError for a side that the kind does not have.
        """
        if outcome not in self.outcomes:
            raise ValueError(f"{self.kind} has no {outcome}")
        return f"{self.market_id}.{outcome}"


@lru_cache(maxsize=65_536)
def parse_market(sport: str, market_id: str) -> Market:
    """Return the market of a ``market_id`` in a sport.

    Raises ValueError if it is none, UnmodelledSportError for a sport that is not modelled.
    """
    code = sport_of(sport).code
    period, _, rest = market_id.partition(".")
    kind, _, line = rest.partition(".")
    return Market(period, kind, parse_line(line) if line else None, code)


def parse_selection(sport: str, selection_id: str) -> tuple[Market, Outcome]:
    """Return the market and side of a ``selection_id``. Raises ValueError if it is none."""
    market_id, _, outcome = selection_id.rpartition(".")
    market = parse_market(sport, market_id)
    if outcome not in market.outcomes:
        raise ValueError(f"not a selection of {market.of.name}: {selection_id!r}")
    return market, Outcome(outcome)


def stored_market(event_uid: str, market_id: str) -> Market:
    """Return the market of an id that is kept beside its event's. Raises ValueError if none."""
    try:
        return parse_market(sport_code(event_uid), market_id)
    except ValueError:
        # Older versions took every sport for football: such a bet was made and is settled so.
        return parse_market(FOOTBALL.code, market_id)


def stored_selection(event_uid: str, selection_id: str) -> tuple[Market, Outcome]:
    """Return the market and side of an id that is kept beside its event's; see stored_market."""
    try:
        return parse_selection(sport_code(event_uid), selection_id)
    except ValueError:
        return parse_selection(FOOTBALL.code, selection_id)


class Event(msgspec.Struct, frozen=True):
    """A fixture. ``sport`` is a code (``fb`` football); ``kickoff`` is aware UTC."""

    event_uid: str
    sport: str
    league: str
    home: str
    away: str
    kickoff: datetime


def slug(name: str) -> str:
    """Return the lower-case ASCII words of a name joined by hyphens.

    A name without ASCII letters or digits becomes a checksum, so that two such names differ.
    """
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-") or f"x{zlib.crc32(name.encode()):08x}"


def event_uid(sport: str, kickoff: datetime, home: str, away: str) -> str:
    """Return the id of an event, such as ``fb-20260221-alpha-fc-v-beta-fc``.

    It depends only on the sport, the UTC date of kick-off and the names.
    """
    return f"{sport}-{kickoff:%Y%m%d}-{slug(home)}-v-{slug(away)}"


def sport_code(event_uid: str) -> str:
    """Return the sport with which the id of an event begins; it may be one not modelled."""
    return event_uid.partition("-")[0]
