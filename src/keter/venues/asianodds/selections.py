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

from keter.domain.markets import Market, MarketKind, Outcome, Period
from keter.venues.asianodds.lenient_json import Fields
from keter.venues.asianodds.normalise import home_line
from keter.venues.asianodds.prices import read_line

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
_PERIODS = {"ft": Period.FULL_TIME, "ht": Period.HALF_TIME}


def read_selection(
    row: Fields, intended: Intended | None
) -> tuple[Market, Outcome] | tuple[None, None]:
    """Return market and side of a bet row, or (None, None) if its words cannot be read."""
    found = _SIDES.get(row.text("BetType").lower())
    period = _PERIODS.get(row.text("Term").lower())
    if found is None or period is None:
        return None, None
    kind, side = found
    if kind is MarketKind.ONE_X_TWO:
        # The venue writes a money line in the words of 1X2.
        if intended is not None and intended[0].kind is MarketKind.MONEY_LINE:
            kind = MarketKind.MONEY_LINE
        return Market(period, kind), side
    text = row.text("HdpOrGoal")
    try:
        quarters = read_line(text.lstrip("-+"))
    except ValueError:
        return None, None
    if kind is MarketKind.OVER_UNDER:
        return (Market(period, kind, quarters), side) if not text.startswith("-") else (None, None)
    line = _handicap(row, period, side, quarters, intended)
    return (Market(period, kind, line), side) if line is not None else (None, None)


def _handicap(
    row: Fields, period: Period, side: Outcome, quarters: int, intended: Intended | None
) -> int | None:
    """Return the home line in quarters, by the rule at the top of this file; None if unread."""
    own = "FullTimeFavoured" if period is Period.FULL_TIME else "HalfTimeFavoured"
    favoured = row.integer(own) or row.integer("Favoured")
    line_q = home_line(quarters, favoured)
    in_doubt = line_q is None or (
        row.text("HdpOrGoal").startswith("-") and line_q == -quarters and side is Outcome.AWAY
    )
    if in_doubt and intended is not None:
        market, wanted = intended
        same = (
            market.kind is MarketKind.ASIAN_HANDICAP and market.period is period and wanted is side
        )
        if same and market.line_q is not None and abs(market.line_q) == quarters:
            return market.line_q
    return line_q
