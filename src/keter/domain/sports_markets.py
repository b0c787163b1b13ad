"""Markets of every sport, with readable ids that the sport checks.

An id has the form of football's in ``markets``: ``ft.games-ah.-3.5``, ``f5.ml``, ``ot.ou.221``.
Those of football are the same, letter for letter. A handicap line is the home line.
"""

from functools import lru_cache

import msgspec

from keter.domain.markets import LINED, SIDES, Market, Outcome, Period, line_text, parse_line
from keter.domain.sports import FOOTBALL, Sport, SportKind, Unit, sport_of


class SportMarket(msgspec.Struct, frozen=True, order=True):
    """A market within an event of a sport; ``line_q`` counts quarters of the kind's unit.

    Raises ValueError for a period, kind or line that the sport does not have.
    """

    sport: str
    period: str
    kind: str
    line_q: int | None = None

    def __post_init__(self) -> None:
        if (self.line_q is not None) != (self.rule.family in LINED):
            needs = "needs" if self.rule.family in LINED else "has no"
            raise ValueError(f"a {self.kind} market of {self.of.name} {needs} line")

    @property
    def of(self) -> Sport:
        """The sport itself."""
        return sport_of(self.sport)

    @property
    def rule(self) -> SportKind:
        """How the kind is settled and what it counts."""
        return self.of.kind(self.period, self.kind)

    @property
    def unit(self) -> Unit:
        return self.rule.unit

    @property
    def market_id(self) -> str:
        """Its readable id within an event, such as ``ft.sets-ah.-1.5``."""
        head = f"{self.period}.{self.kind}"
        return head if self.line_q is None else f"{head}.{line_text(self.line_q)}"

    @property
    def sides(self) -> tuple[Outcome, ...]:
        """Its selections, in the order in which prices are written."""
        return SIDES[self.rule.family]

    def selection_id(self, side: Outcome) -> str:
        """Return ``market_id`` + ``.`` + side.

        Raises ValueError for a side that the kind does not have.
        """
        if side not in self.sides:
            raise ValueError(f"{self.kind} has no {side}")
        return f"{self.market_id}.{side}"

    @property
    def counted(self) -> Market:
        """The market of ``markets`` that has the same arithmetic, over a whole match."""
        return Market(Period.FULL_TIME, self.rule.family, self.line_q)


@lru_cache(maxsize=65_536)
def parse_sport_market(sport: str, market_id: str) -> SportMarket:
    """Return the market of a ``market_id`` in a sport.

    Raises ValueError if it is none, UnmodelledSportError for a sport that is not modelled.
    """
    period, _, rest = market_id.partition(".")
    kind, _, line = rest.partition(".")
    return SportMarket(sport_of(sport).code, period, kind, parse_line(line) if line else None)


def parse_sport_selection(sport: str, selection_id: str) -> tuple[SportMarket, Outcome]:
    """Return the market and side of a ``selection_id``. Raises ValueError if it is none."""
    market_id, _, side = selection_id.rpartition(".")
    market = parse_sport_market(sport, market_id)
    if side not in market.sides:
        raise ValueError(f"not a selection of {market.of.name}: {selection_id!r}")
    return market, Outcome(side)


def of_football(market: Market) -> SportMarket:
    """Return today's football market as one of its sport."""
    return SportMarket(FOOTBALL.code, market.period.value, market.kind.value, market.line_q)


def as_football(market: SportMarket) -> Market:
    """Return a football market as ``markets`` has it. Raises ValueError for another sport."""
    if market.sport != FOOTBALL.code:
        raise ValueError(f"{market.market_id} is of {market.of.name}, not of football")
    return Market(Period(market.period), market.rule.family, market.line_q)
