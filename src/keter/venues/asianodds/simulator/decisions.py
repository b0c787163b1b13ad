"""How long a book takes and what it says.

Distributions fitted to 1,497 recorded bets (protocol page, section 5.2). Pure.
"""

import math
import random

from keter.venues.asianodds.simulator.book import Decision
from keter.venues.asianodds.simulator.config import BettingConfig

LOWER_PRICE = "Odd changed to lower price."
REASONS = {
    LOWER_PRICE: 242,
    "Error occurred in bet placement. Please try again.": 74,
    "Error during bet processing": 18,
    "Bet rejected by book": 13,
    "Bet not accepted by book: LINE_CHANGED": 11,
    "": 4,
}
_Z90 = 1.2815515655446004


def delay_ms(rng: random.Random, median_s: float, p90_s: float, max_s: float, scale: float) -> int:
    """A log-normal delay with this median and 90th percentile, cut at ``max_s``; all times
    ``scale``.
    """
    sigma = math.log(p90_s / median_s) / _Z90
    return round(1000 * scale * min(rng.lognormvariate(math.log(median_s), sigma), max_s))


def draw(
    rng: random.Random, bookie: str, config: BettingConfig, scale: float, now_ms: int
) -> Decision:
    """Whether and when ``bookie`` accepts."""
    if rng.random() < config.refusal_by_book.get(bookie, config.refusal_rate):
        wait = delay_ms(
            rng, config.refuse_median_s, config.refuse_p90_s, config.refuse_max_s, scale
        )
        reason = rng.choices(list(REASONS), weights=list(REASONS.values()))[0]
        return Decision(now_ms + wait, refusal=reason)
    wait = delay_ms(rng, config.accept_median_s, config.accept_p90_s, config.accept_max_s, scale)
    return Decision(now_ms + wait)
