"""The exact result of a bet in every sport, and when it is void.

The arithmetic is that of ``settlement``: here stands only which numbers it is done on. Every void
rule has its source in ``docs/sports.md``. Where books differ, HouseRules holds the choice; its
default is Pinnacle's, against whose prices value is measured.
"""

from decimal import Decimal
from enum import StrEnum
from fractions import Fraction

import msgspec

from keter.domain.market_kinds import MarketKind, Outcome
from keter.domain.markets import Market
from keter.domain.settlement import Settlement, settle_count
from keter.domain.sports import HALF_TIME, HandicapRule, Unit
from keter.domain.sports_scores import (
    BaseballScore,
    Ending,
    FootballScore,
    MatchScore,
    Pair,
    TennisScore,
    pair,
)

FIRST_FIVE = 5  # innings of the market f5


class VoidReason(StrEnum):
    """Why a bet is void: the stake comes back."""

    NOT_PLAYED = "not_played"
    ABANDONED = "abandoned"
    RETIRED = "retired"
    TOO_SHORT = "too_short"
    PITCHER_CHANGED = "pitcher_changed"


class Retirement(StrEnum):
    """From when on a tennis money line stands although a player retires."""

    FIRST_SET = "first_set"  # one set was completed: Pinnacle, Betfair's exchange
    FIRST_POINT = "first_point"  # one point was played
    NEVER = "never"  # the match must be completed


class HouseRules(msgspec.Struct, frozen=True):
    """Where books differ.

    * ``official_innings`` is after how many innings a baseball money line stands.
    * ``listed_pitchers``: whether a bet is void when a listed starter does not start.
    * ``most_minutes_missing`` of a game by the clock whose score still stands.
    * ``passed_totals_stand``: whether a total stands that was passed before the match stopped.
    """

    retirement: Retirement = Retirement.FIRST_SET
    official_innings: int = 5
    listed_pitchers: bool = True
    # 43 of 48 and 35 of 40 minutes of basketball, 55 of 60 of ice hockey: always five.
    most_minutes_missing: int = 5
    passed_totals_stand: bool = False


PINNACLE = HouseRules()


def settle_sport(
    market: Market,
    outcome: Outcome,
    score: MatchScore,
    *,
    odds: Decimal | Fraction | str,
    stake_minor: int,
    score_at_bet: Pair | None = None,
    rules: HouseRules = PINNACLE,
) -> Settlement:
    """Settle a bet on the score of its match.

    ``score_at_bet`` counts only in a sport whose handicaps in play count from it. Raises ValueError
    for a score of another sport, a side that the market lacks, and an impossible stake;
    InvalidOddsError for odds not above 1.
    """
    if outcome not in market.outcomes:
        raise ValueError(f"{market.kind} has no {outcome}")
    void = void_reason(market, score, rules)
    rebased = market.of.handicap_in_play is HandicapRule.SCORE_AT_BET
    return settle_count(
        market,
        outcome,
        None if void else counted(market, score),
        start=pair(score_at_bet) if rebased and score_at_bet is not None else (0, 0),
        odds=odds,
        stake_minor=stake_minor,
    )


def void_reason(
    market: Market, score: MatchScore, rules: HouseRules = PINNACLE
) -> VoidReason | None:
    """Return why every bet on the market is void, None if its bets stand.

    Raises ValueError for a score of another sport.
    """
    _check_type(market, score)
    if score.ending is Ending.NOT_PLAYED:
        return VoidReason.NOT_PLAYED
    if isinstance(score, BaseballScore) and _pitcher_changed(score, rules):
        return VoidReason.PITCHER_CHANGED
    if score.ending is Ending.COMPLETED:
        return None
    void = _void_if_stopped(market, score, rules)
    return None if void and rules.passed_totals_stand and _is_passed(market, score) else void


def counted(market: Market, score: MatchScore) -> Pair:
    """Return what the market counts, home and away, in its period.

    Who wins is 1 to 0. Raises ValueError if the score does not have it.
    """
    _check_type(market, score)
    if isinstance(score, FootballScore):
        goals = score.half_time if market.period == HALF_TIME else score.full_time
        if goals is None:
            raise ValueError(f"{market.market_id} needs the score of its period")
        return pair(goals)
    if isinstance(score, TennisScore):
        return _tennis_count(market, score)
    if isinstance(score, BaseballScore):
        full_five = market.period == "f5" and score.full_innings >= FIRST_FIVE
        return score.through(FIRST_FIVE) if full_five else score.counted
    return score.regulation if market.period == "reg" else score.with_overtime


def _check_type(market: Market, score: MatchScore) -> None:
    sport = market.of
    if type(score) is not sport.score_type:
        raise ValueError(
            f"{sport.name} is settled on a {sport.score_type.__name__},"
            f" not on a {type(score).__name__}"
        )


def _pitcher_changed(score: BaseballScore, rules: HouseRules) -> bool:
    return rules.listed_pitchers and not score.listed_pitchers_started


def _void_if_stopped(market: Market, score: MatchScore, rules: HouseRules) -> VoidReason | None:
    if isinstance(score, FootballScore):
        played = market.period == HALF_TIME and score.half_time is not None
        return None if played else VoidReason.ABANDONED
    if isinstance(score, TennisScore):
        return _tennis_void(market, score, rules)
    if isinstance(score, BaseballScore):
        return None if _is_official(market, score, rules) else VoidReason.TOO_SHORT
    stands = score.minutes_missing <= rules.most_minutes_missing
    return None if stands else VoidReason.TOO_SHORT


def _tennis_void(market: Market, score: TennisScore, rules: HouseRules) -> VoidReason | None:
    """Return why a bet is void after a match was stopped.

    A completed first set stands. Handicaps and totals of the match do not, whatever their score.
    """
    one_set = score.is_complete(1)
    if market.period == "s1":
        return None if one_set else VoidReason.RETIRED
    if score.champion is None:
        return VoidReason.ABANDONED
    if market.unit is not Unit.WINNER or rules.retirement is Retirement.NEVER:
        return VoidReason.RETIRED
    stands = one_set or (rules.retirement is Retirement.FIRST_POINT and bool(score.sets))
    return None if stands else VoidReason.RETIRED


def _is_official(market: Market, score: BaseballScore, rules: HouseRules) -> bool:
    """Return whether a game that was called went long enough for the market.

    * The money line needs five innings, or 4.5 with the home team ahead.
    * Run line and total need all scheduled ones, the last half excepted likewise.
    * A total of the first five needs all five.
    """
    family = market.family
    if market.period == "f5":
        needs_full = family is MarketKind.OVER_UNDER
        return score.full_innings >= FIRST_FIVE if needs_full else score.went(FIRST_FIVE)
    is_moneyline = family is MarketKind.MONEY_LINE
    fewer = min(rules.official_innings, score.scheduled)
    return score.went(fewer if is_moneyline else score.scheduled)


def _tennis_count(market: Market, score: TennisScore) -> Pair:
    if market.period == "s1":
        if not score.sets:
            raise ValueError(f"{market.market_id} needs the first set")
        return score.sets[0]
    if market.unit is Unit.SETS:
        return score.sets_won
    if market.unit is Unit.GAMES:
        return score.games
    if score.champion is None:
        raise ValueError(f"{market.market_id} needs a winner")
    return (1, 0) if score.champion is Outcome.HOME else (0, 1)


def _is_passed(market: Market, score: MatchScore) -> bool:
    """Return whether over has won by the score that counts, whatever would have followed."""
    if market.family is not MarketKind.OVER_UNDER:
        return False
    try:
        so_far = counted(market, score)
    except ValueError:
        return False
    return 4 * sum(so_far) - (market.line_q or 0) >= 2
