"""How this bookmaker settles. Pure.

The arithmetic is its own on purpose: what checks Keter must not share Keter's mistakes.
"""

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from keter.venues.asianodds.simulator.board import Slot

INFO = {2: "Won", 1: "Half won", 0: "Stake returned", -1: "Half lost", -2: "Lost"}


@dataclass(frozen=True, slots=True)
class Selection:
    """What is bet on.

    ``name``: home, away, draw, over or under. ``line_q``: home handicap or goals, in quarters.
    """

    slot: Slot
    name: str
    line_q: int | None


def halves(selection: Selection, score: tuple[int, int], at_bet: tuple[int, int]) -> int:
    """Return the result in half stakes: 2 won, 1 half won, 0 returned, -1 half lost, -2 lost.

    Handicaps count from ``at_bet``.
    """
    home, away = score
    if selection.slot[0] == "X":
        outcome = "home" if home > away else "away" if away > home else "draw"
        return 2 if selection.name == outcome else -2
    line_q = selection.line_q or 0
    if selection.slot[0] == "H":
        quarters = 4 * ((home - at_bet[0]) - (away - at_bet[1])) + line_q
        sign = 1 if selection.name == "home" else -1
    else:
        quarters = 4 * (home + away) - line_q
        sign = 1 if selection.name == "over" else -1
    legs = (quarters, quarters) if quarters % 2 == 0 else (quarters - 1, quarters + 1)
    return sign * sum((leg > 0) - (leg < 0) for leg in legs)


def profit(result_halves: int, odds_milli: int, stake_minor: int) -> int:
    """Return the profit in cents; half a cent is rounded away from zero."""
    stake = Decimal(stake_minor)
    gain = stake * (odds_milli - 1000) / 1000 if result_halves > 0 else stake
    return int((gain * result_halves / 2).to_integral_value(ROUND_HALF_UP))
