"""Settling on football's goals, for tests of the arithmetic."""

from decimal import Decimal
from fractions import Fraction

from keter.domain.market_kinds import Outcome
from keter.domain.markets import Market
from keter.domain.settlement import Settlement
from keter.domain.sports_scores import Ending, FootballScore, Pair
from keter.domain.sports_settlement import settle_sport


def settle(
    market: Market,
    outcome: Outcome,
    *,
    final: Pair | None,
    half_time: Pair | None = None,
    score_at_bet: Pair | None = None,
    odds: Decimal | Fraction | str,
    stake_minor: int,
) -> Settlement:
    """Settle a football bet; ``final`` None is a match that was abandoned."""
    ending = Ending.STOPPED if final is None else Ending.COMPLETED
    return settle_sport(
        market,
        outcome,
        FootballScore(final, half_time, ending),
        score_at_bet=score_at_bet,
        odds=odds,
        stake_minor=stake_minor,
    )
