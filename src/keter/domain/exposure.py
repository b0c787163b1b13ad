"""Open risk: what a bet or a reservation may lose, alone and together with the others of its event.

Football's bets are laid over one grid of scores. In other sports only the outcomes of one market
exclude each other here, and what its markets may lose is added up: never too little.

A win never covers another bet's loss here, because any bet may still be refused or made void. So
the worst case counts each bet only at the scores where it loses. It is the largest loss over every
score *and* every subset of the bets. Ending one bet can therefore never raise it.
"""

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from functools import lru_cache

import msgspec

from keter.domain.market_kinds import MarketKind, Outcome
from keter.domain.markets import Market
from keter.domain.orders import Order
from keter.domain.settlement import result_halves
from keter.domain.sports import HandicapRule, OutcomeSpace

_Stake = tuple[int, Market, Outcome]
FOREIGN_PREFIX = "foreign:"  # begins the risk book's name of a ticket that is not ours
LONGEST_GRID_LINE = 40  # goals; a bet on a line beyond it counts as lost at every score


class ExposureStatus(StrEnum):
    """RESERVED ends by itself at ``expires_at``; BET lasts until the bet is final."""

    RESERVED = "reserved"
    BET = "bet"


class Exposure(msgspec.Struct, frozen=True):
    """One stake at risk.

    * ``odds`` is decimal text.
    * ``account`` is the key of the account whose money it is.
    * ``score_at_bet`` is the score from which an in-play handicap counts.
    * ``market`` is None for a foreign ticket that could not be read: it counts as lost at every
      score.
    * ``stands_minor`` is what the venue has booked of the stake, where that is less; the remainder
      may never be booked.
    """

    decision_id: str
    event_uid: str
    league: str
    market: Market | None
    outcome: Outcome | None
    stake_minor: int
    odds: str
    status: ExposureStatus
    made_at: datetime
    expires_at: datetime | None = None
    score_at_bet: tuple[int, int] | None = None
    stands_minor: int | None = None
    account: str = ""

    @property
    def selection_id(self) -> str:
        return (
            self.market.selection_id(self.outcome)
            if self.market is not None and self.outcome is not None
            else ""
        )


class DayRisk(msgspec.Struct, frozen=True):
    """The betting day so far.

    ``day`` is its ISO date in the configured zone; ``streak`` counts losses in a row.
    """

    day: str
    pnl_minor: int = 0
    staked_minor: int = 0
    streak: int = 0
    bets: int = 0


def exposure_of(bet: Order) -> Exposure:
    """Return what an open bet of the ledger puts at risk.

    The stake is the larger of the intended and the booked one.
    """
    intent = bet.intent
    return Exposure(
        decision_id=intent.decision_id,
        event_uid=intent.event_uid,
        league=intent.league,
        market=intent.market,
        outcome=intent.outcome,
        stake_minor=max(bet.standing_minor, intent.stake_minor),
        odds=bet.odds or intent.asked_odds,
        status=ExposureStatus.BET,
        made_at=intent.created_at,
        score_at_bet=bet.score_at_bet,
        stands_minor=bet.standing_minor if 0 < bet.standing_minor < intent.stake_minor else None,
        account=intent.account,
    )


def open_stake(exposures: Iterable[Exposure]) -> int:
    """Return the sum of the stakes in minor units."""
    return sum(exposure.stake_minor for exposure in exposures)


def worst_case(exposures: Iterable[Exposure]) -> int:
    """Return the largest loss in minor units of bets on ONE event together, over all scores.

    First half and full time are taken each at its own worst, so the sum is never too small. Half
    losses round up.
    """
    lost = 0
    periods: dict[str, list[_Stake]] = {}
    apart: dict[Market, list[_Stake]] = {}
    for exposure in exposures:
        if exposure.market is None or exposure.outcome is None:
            lost += exposure.stake_minor
            continue
        market = _rebased(exposure.market, exposure.score_at_bet)
        stake = (exposure.stake_minor, market, exposure.outcome)
        if market.of.outcome_space is not OutcomeSpace.SCORE_GRID:
            apart.setdefault(market, []).append(stake)
        elif _line_goals(market) > LONGEST_GRID_LINE:
            lost += exposure.stake_minor
        else:
            periods.setdefault(market.period, []).append(stake)
    lost += sum(_worst_of_market(market, stakes) for market, stakes in apart.items())
    return lost + sum(_worst_of_period(stakes) for stakes in periods.values())


def _worst_of_market(market: Market, stakes: list[_Stake]) -> int:
    """Return the stakes that lose at the market's worst outcome: those on every other one."""
    staked = sum(stake for stake, _, _ in stakes)
    return max(
        staked - sum(stake for stake, _, outcome in stakes if outcome == winner)
        for winner in market.outcomes
    )


def _worst_of_period(stakes: list[_Stake]) -> int:
    # Two goals beyond the outermost line every bet has its final result: a larger grid would only
    # repeat it.
    size = max(_line_goals(market) for _, market, _ in stakes) + 3
    tables = [(stake, _lost_halves(market, outcome, size)) for stake, market, outcome in stakes]
    return max(
        sum(-(-stake * table[cell] // 2) for stake, table in tables) for cell in range(size * size)
    )


@lru_cache(maxsize=4096)
def _lost_halves(market: Market, outcome: Outcome, size: int) -> tuple[int, ...]:
    """Return the half stakes lost (0, 1 or 2) at each score of a ``size`` x ``size`` grid.

    Scores are in rows of home goals.
    """
    goals = range(size)
    return tuple(
        max(0, -result_halves(market, outcome, home, away)) for home in goals for away in goals
    )


def _rebased(market: Market, score_at_bet: tuple[int, int] | None) -> Market:
    """Return a handicap taken in play as the whole match's handicap with the same results.

    Return other markets unchanged.
    """
    if (
        score_at_bet is None
        or market.of.handicap_in_play is not HandicapRule.SCORE_AT_BET
        or market.family is not MarketKind.ASIAN_HANDICAP
        or market.line_q is None
    ):
        return market
    line_q = market.line_q - 4 * (score_at_bet[0] - score_at_bet[1])
    return Market(market.period, market.kind, line_q, market.sport)


def _line_goals(market: Market) -> int:
    return -(-abs(market.line_q) // 4) if market.line_q is not None else 0
