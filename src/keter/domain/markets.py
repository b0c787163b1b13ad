"""Events, markets, selections and their readable ids.

A line is an integer count of quarter goals: ``-0.75`` is ``-3``. An Asian handicap line is always
the home line.
"""

import re
import unicodedata
import zlib
from datetime import datetime
from decimal import Decimal, DecimalException
from enum import StrEnum
from functools import lru_cache

import msgspec


class Period(StrEnum):
    """The part of a match that a market is about."""

    FULL_TIME = "ft"
    HALF_TIME = "ht"


class MarketKind(StrEnum):
    """What a market is bet on; SIDES has the outcomes of each kind."""

    ONE_X_TWO = "1x2"
    ASIAN_HANDICAP = "ah"
    OVER_UNDER = "ou"
    MONEY_LINE = "ml"


class Outcome(StrEnum):
    """What a selection bets on."""

    HOME = "home"
    DRAW = "draw"
    AWAY = "away"
    OVER = "over"
    UNDER = "under"


class Phase(StrEnum):
    """The part of a feed in which an event is: AsianOdds' Live, Today and Early."""

    LIVE = "live"
    TODAY = "today"
    EARLY = "early"


SIDES: dict[MarketKind, tuple[Outcome, ...]] = {
    MarketKind.ONE_X_TWO: (Outcome.HOME, Outcome.DRAW, Outcome.AWAY),
    MarketKind.ASIAN_HANDICAP: (Outcome.HOME, Outcome.AWAY),
    MarketKind.OVER_UNDER: (Outcome.OVER, Outcome.UNDER),
    MarketKind.MONEY_LINE: (Outcome.HOME, Outcome.AWAY),
}
_MAX_LINE_Q = 4000
LINED = frozenset({MarketKind.ASIAN_HANDICAP, MarketKind.OVER_UNDER})


@lru_cache(maxsize=8192)
def line_text(quarters: int) -> str:
    """Return the shortest exact decimal of a line: ``-0.75`` for -3, ``2.5`` for 10."""
    return str((Decimal(quarters) / 4).normalize() + 0) if quarters % 4 else str(quarters // 4)


def parse_line(text: str) -> int:
    """Return the quarter goals of a decimal line.

    Raises ValueError unless it is a multiple of a quarter, at most 1000 goals.
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


class Market(msgspec.Struct, frozen=True, order=True):
    """A market within an event: period, kind and, if the kind has one, the line.

    ``line_q`` counts quarter goals. Raises ValueError for a line that the kind lacks or needs.
    """

    period: Period
    kind: MarketKind
    line_q: int | None = None

    def __post_init__(self) -> None:
        # Period and kind may come as plain text, which compares as equal.
        if type(self.period) is not Period or type(self.kind) is not MarketKind:
            msgspec.structs.force_setattr(self, "period", Period(self.period))
            msgspec.structs.force_setattr(self, "kind", MarketKind(self.kind))
        if (self.line_q is not None) != (self.kind in LINED):
            raise ValueError(
                f"a {self.kind} market {'needs' if self.kind in LINED else 'has no'} line"
            )

    @property
    def market_id(self) -> str:
        """Its readable id, such as ``ft.ah.-0.75``, ``ft.ou.2.5``, ``ft.1x2``."""
        head = f"{self.period}.{self.kind}"
        return head if self.line_q is None else f"{head}.{line_text(self.line_q)}"

    @property
    def sides(self) -> tuple[Outcome, ...]:
        """Its selections, in the order in which prices are written."""
        return SIDES[self.kind]

    def selection_id(self, side: Outcome) -> str:
        """Return ``market_id`` + ``.`` + side.

        Raises ValueError for a side that the kind does not have.
        """
        if side not in self.sides:
            raise ValueError(f"{self.kind} has no {side}")
        return f"{self.market_id}.{side}"


@lru_cache(maxsize=65_536)
def parse_market(market_id: str) -> Market:
    """Return the market of a ``market_id``. Raises ValueError if it is none."""
    period, _, rest = market_id.partition(".")
    kind, _, line = rest.partition(".")
    return Market(Period(period), MarketKind(kind), parse_line(line) if line else None)


def parse_selection(selection_id: str) -> tuple[Market, Outcome]:
    """Return the market and side of a ``selection_id``. Raises ValueError if it is none."""
    market_id, _, side = selection_id.rpartition(".")
    market = parse_market(market_id)
    if Outcome(side) not in market.sides:
        raise ValueError(f"not a selection: {selection_id!r}")
    return market, Outcome(side)


class Event(msgspec.Struct, frozen=True):
    """A fixture. ``sport`` is a two-letter code (``fb`` football); ``kickoff`` is aware UTC."""

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
