"""How a market is settled, whatever the sport: its kinds and the outcomes of each."""

from enum import StrEnum


class MarketKind(StrEnum):
    """What a market is bet on; OUTCOMES has the outcomes of each kind."""

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


OUTCOMES: dict[MarketKind, tuple[Outcome, ...]] = {
    MarketKind.ONE_X_TWO: (Outcome.HOME, Outcome.DRAW, Outcome.AWAY),
    MarketKind.ASIAN_HANDICAP: (Outcome.HOME, Outcome.AWAY),
    MarketKind.OVER_UNDER: (Outcome.OVER, Outcome.UNDER),
    MarketKind.MONEY_LINE: (Outcome.HOME, Outcome.AWAY),
}
LINED = frozenset({MarketKind.ASIAN_HANDICAP, MarketKind.OVER_UNDER})
