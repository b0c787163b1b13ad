"""Simulated fills, drawn from rates whose defaults come from 1,497 recorded bets. Pure.

They are pessimistic on purpose. A fill is never better than the price asked for. A price that
drifts below the allowed slippage is a refusal, as at a venue that must not accept changed odds.
"""

import math
import random
from decimal import ROUND_FLOOR, Decimal

import msgspec

from keter.venues.paper.settings import PaperSettings

LOWER_PRICE = "Odd changed to lower price."
# The venue's own words and how often each was seen among 365 refusals.
REFUSALS = {
    LOWER_PRICE: 242,
    "Error occurred in bet placement. Please try again.": 74,
    "Error during bet processing": 18,
    "Bet rejected by book": 13,
    "Bet not accepted by book: LINE_CHANGED": 11,
    "": 7,
}
# The 90th percentile of the standard normal distribution.
_Z90 = 1.2815515655446004
# 2.1 s to 0.5 s in the same recording.
_REFUSE_P90_OVER_MEDIAN = 4.2
_TICK = Decimal("0.001")
# ``math.exp`` of more overflows.
_LARGEST_EXPONENT = 700.0
_LONGEST_S = 86_400.0


class SimulatedFill(msgspec.Struct, frozen=True):
    """What becomes of a placement after ``delay_s``.

    It is accepted at ``odds`` (decimal text), or refused with the venue's ``message``.
    """

    delay_s: float
    refused: bool
    odds: str
    message: str = ""


def draw_fill(
    odds: str, slippage_limit_pct: float, settings: PaperSettings, rng: random.Random
) -> SimulatedFill:
    """Return the fill of a placement at ``odds`` (decimal text).

    ``slippage_limit_pct``: how far the price may drift down, in per cent, before it is a refusal.
    """
    if rng.random() < settings.paper_refusal_rate:
        message = rng.choices(list(REFUSALS), weights=list(REFUSALS.values()))[0]
        return SimulatedFill(_refusal_delay_s(settings, rng), True, odds, message)
    drift_pct = min(rng.gauss(0, settings.paper_drift_pct), 0.0)
    if -drift_pct > slippage_limit_pct:
        return SimulatedFill(_refusal_delay_s(settings, rng), True, odds, LOWER_PRICE)
    delay_s = _delay_s(
        settings.paper_accept_median_s, settings.paper_accept_p90_s, settings.paper_speed, rng
    )
    return SimulatedFill(delay_s, False, _drifted(odds, drift_pct))


def _refusal_delay_s(settings: PaperSettings, rng: random.Random) -> float:
    median_s = settings.paper_refuse_median_s
    return _delay_s(median_s, median_s * _REFUSE_P90_OVER_MEDIAN, settings.paper_speed, rng)


def _delay_s(median_s: float, p90_s: float, speed: float, rng: random.Random) -> float:
    """Return a log-normal delay with this median and 90th percentile, divided by ``speed``.

    It is a day at most. A median of 0 is no delay.
    """
    if median_s <= 0:
        return 0.0
    sigma = max(math.log(p90_s) - math.log(median_s), 0.0) / _Z90 if p90_s > 0 else 0.0
    exponent = rng.normalvariate(math.log(median_s), sigma)
    return min(math.exp(min(exponent, _LARGEST_EXPONENT)) / speed, _LONGEST_S)


def _drifted(odds: str, drift_pct: float) -> str:
    """Return ``odds`` moved by ``drift_pct`` (at most 0), rounded down to a thousandth.

    The result is above 1. Odds that do not move keep their text.
    """
    if drift_pct == 0:
        return odds
    moved = (Decimal(odds) * (1 + Decimal(repr(drift_pct)) / 100)).quantize(_TICK, ROUND_FLOOR)
    return str(max(moved, 1 + _TICK))
