"""What a book decides about a bet, and when. Pure.

Rates and delays are fitted to 1,497 recorded bets (protocol page, section 5.2).
"""

import math
import random
from dataclasses import dataclass

from keter.venues.asianodds.simulator.book import Decision
from keter.venues.asianodds.simulator.config import BettingConfig
from keter.venues.simulation.chance import MIN_MILLI

LOWER_PRICE = "Odd changed to lower price."
# Reasons of refusals with how often each was recorded.
REASONS = {
    LOWER_PRICE: 242,
    "Error occurred in bet placement. Please try again.": 74,
    "Error during bet processing": 18,
    "Bet rejected by book": 13,
    "Bet not accepted by book: LINE_CHANGED": 11,
    "": 4,
}
_Z90 = 1.2815515655446004  # the 90th percentile of the normal distribution


def delay_ms(rng: random.Random, median_s: float, p90_s: float, max_s: float, scale: float) -> int:
    """Return a log-normal delay with this median and 90th percentile, cut at ``max_s``.

    ``scale`` multiplies the delay after the cut.
    """
    sigma = math.log(p90_s / median_s) / _Z90
    return round(1000 * scale * min(rng.lognormvariate(math.log(median_s), sigma), max_s))


def draw(
    rng: random.Random, bookie: str, config: BettingConfig, scale: float, now_ms: int
) -> Decision:
    """Draw whether and when ``bookie`` accepts."""
    if rng.random() < config.refusal_by_book.get(bookie, config.refusal_rate):
        wait = delay_ms(
            rng, config.refuse_median_s, config.refuse_p90_s, config.refuse_max_s, scale
        )
        reason = rng.choices(list(REASONS), weights=list(REASONS.values()))[0]
        return Decision(now_ms + wait, refusal=reason)
    wait = delay_ms(rng, config.accept_median_s, config.accept_p90_s, config.accept_max_s, scale)
    return Decision(now_ms + wait)


@dataclass(frozen=True, slots=True)
class Mistake:
    """What a book gets wrong on request.

    It books another stake or price than asked, or takes the bet back later.
    """

    stake_factor: float = 1.0
    odds_factor: float = 1.0
    revoke_after_s: float | None = None

    def made(self, decision: Decision, stake_minor: int, odds_milli: int) -> Decision:
        """Return ``decision`` as an acceptance with this mistake.

        Stake and odds are those asked for; odds that ``decision`` changed take precedence.
        """
        booked_milli = round((decision.odds_milli or odds_milli) * self.odds_factor)
        revoke_ms = None
        if self.revoke_after_s is not None:
            revoke_ms = decision.due_ms + round(self.revoke_after_s * 1000)
        return Decision(
            decision.due_ms,
            None,
            round(stake_minor * self.stake_factor),
            max(booked_milli, MIN_MILLI),
            revoke_ms,
        )
