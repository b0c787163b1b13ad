"""The market and side of a bet row.

The sign of a handicap (``HdpOrGoal``) is not established. ``Favoured``, or the field of the period,
says who gives the line, as in the feed. It leaves a doubt in two cases:

* it is missing, or 0 with a line;
* an explicit minus on the away side contradicts it, which under every convention seen means that
  away gives the line.

In doubt the selection decides that we asked for under the row's reference. Its line must have the
same size, and its side must be the ticket's. Otherwise Favoured decides, or the market stays
unread. Where there is no doubt, our own selection changes nothing: a bet on another line than the
intended one must be seen as such.

Pure.
"""

from collections.abc import Callable

from msgspec.structs import replace

from keter.domain.market_kinds import MarketKind, Outcome
from keter.domain.markets import Market
from keter.domain.sports import HALF_TIME
from keter.venues.asianodds.lenient_json import Fields
from keter.venues.asianodds.normalise import home_line
from keter.venues.asianodds.prices import read_line
from keter.venues.asianodds.sport_terms import RowTerms, market_of

Intended = tuple[Market, Outcome]
IntendedOf = Callable[[str], Intended | None]

_SIDES = {
    "hdp home": (MarketKind.ASIAN_HANDICAP, Outcome.HOME),
    "hdp away": (MarketKind.ASIAN_HANDICAP, Outcome.AWAY),
    "over": (MarketKind.OVER_UNDER, Outcome.OVER),
    "under": (MarketKind.OVER_UNDER, Outcome.UNDER),
    "1": (MarketKind.ONE_X_TWO, Outcome.HOME),
    "x": (MarketKind.ONE_X_TWO, Outcome.DRAW),
    "2": (MarketKind.ONE_X_TWO, Outcome.AWAY),
}
_FULL_TIME = {"ft": True, "ht": False}


def read_selection(
    row: Fields, terms: RowTerms, intended: Intended | None
) -> tuple[Market, Outcome] | tuple[None, None]:
    """Return market and side of a bet row, or (None, None) if its words cannot be read."""
    found = _SIDES.get(row.text("BetType").lower())
    full_time = _FULL_TIME.get(row.text("Term").lower())
    if found is None or full_time is None:
        return None, None
    kind, outcome = found
    line = None
    if kind is MarketKind.ONE_X_TWO:
        # The venue writes a money line in the words of 1X2.
        meant = intended is not None and intended[0].family is MarketKind.MONEY_LINE
        if meant or market_of(terms, kind, None, full_time=full_time) is None:
            kind = MarketKind.MONEY_LINE
    else:
        line = _line(row, terms, kind, outcome, intended, full_time=full_time)
        if line is None:
            return None, None
    market = market_of(terms, kind, line, full_time=full_time)
    return (market, outcome) if market is not None and outcome in market.outcomes else (None, None)


def _line(
    row: Fields,
    terms: RowTerms,
    kind: MarketKind,
    outcome: Outcome,
    intended: Intended | None,
    *,
    full_time: bool,
) -> int | None:
    """Return the line of a handicap or a total in quarters; None if it cannot be read."""
    text = row.text("HdpOrGoal")
    try:
        quarters = read_line(text.lstrip("-+"))
    except ValueError:
        return None
    if kind is MarketKind.OVER_UNDER:
        return quarters if not text.startswith("-") else None
    level = market_of(terms, kind, 0, full_time=full_time)
    return None if level is None else _handicap(row, level, outcome, quarters, intended)


def _handicap(
    row: Fields, level: Market, outcome: Outcome, quarters: int, intended: Intended | None
) -> int | None:
    """Return the home line in quarters, by the rule at the top of this file; None if unread.

    ``level`` is the handicap market of the row at line 0.
    """
    own = "HalfTimeFavoured" if level.period == HALF_TIME else "FullTimeFavoured"
    favoured = row.integer(own) or row.integer("Favoured")
    line_q = home_line(quarters, favoured)
    in_doubt = line_q is None or (
        row.text("HdpOrGoal").startswith("-") and line_q == -quarters and outcome is Outcome.AWAY
    )
    if in_doubt and intended is not None:
        market, wanted = intended
        own_q = market.line_q
        if own_q is not None and wanted is outcome and replace(market, line_q=0) == level:
            return own_q if abs(own_q) == quarters else line_q
    return line_q
