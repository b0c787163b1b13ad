"""Making a market: quotes from a fair price, inventory skew, and what two-sided fills pay.

A venue may only take backs. There, to offer side A at ``o`` is to back the opposite side at
``o / (o - 1)``: see ``keter.domain.odds.opposing``. To show "A -110, B +100" place B at +110 and A
at -100.
"""

from collections.abc import Sequence
from math import exp, inf, isfinite, log
from typing import NamedTuple

from keter.errors import IncompleteMarketError, InvalidOddsError, NoSolutionError
from keter.pricing.value import effective_odds


class TwoSided(NamedTuple):
    """Both sides of a two-way price, offered and taken.

    ``pnl_if_a`` is the profit if A wins. ``hold`` is the theoretical hold, ``balanced_ratio`` the
    ratio A/B of takers' stakes at which both results pay the same.
    """

    risk_a: float
    risk_b: float
    pnl_if_a: float
    pnl_if_b: float
    worst: float
    hold: float
    balanced_ratio: float


def two_sided(odds_a: float, odds_b: float, taken_a: float, taken_b: float) -> TwoSided:
    """Return the profits of offering ``odds_a`` and ``odds_b``.

    ``taken_a`` and ``taken_b`` are the takers' stakes. Raises InvalidOddsError.
    """
    effective_odds(odds_a)
    effective_odds(odds_b)
    if not (0 <= taken_a < inf and 0 <= taken_b < inf):
        raise InvalidOddsError(f"stakes must be finite and not negative: {taken_a}, {taken_b}")
    risk_a, risk_b = taken_a * (odds_a - 1), taken_b * (odds_b - 1)
    if_a, if_b = taken_b - risk_a, taken_a - risk_b
    return TwoSided(
        risk_a, risk_b, if_a, if_b, min(if_a, if_b), hold([odds_a, odds_b]), odds_b / odds_a
    )


def hold(odds: Sequence[float]) -> float:
    """Return the bookmaker's hold on balanced action, ``1 - 1/B``; the overround is ``B - 1``.

    Raises InvalidOddsError.
    """
    return 1 - 1 / sum(1 / effective_odds(price) for price in odds)


def quotes(fair_p: Sequence[float], margin: float) -> tuple[float, ...]:
    """Return the odds to offer for a margin ``m`` on fair chances: ``1 / (p (1 + m))``.

    Raises InvalidOddsError.
    """
    made = tuple(1 / (p * (1 + margin)) for p in _chances(fair_p))
    for price in made:
        effective_odds(price)
    return made


def must_pull(
    fair_then: float, fair_now: float, margin: float, age_s: float, max_age_s: float
) -> bool:
    """Return whether a quote must be cancelled.

    The sharp chance has moved by more than half the margin's share, or is older than ``max_age_s``.
    """
    return abs(fair_now - fair_then) > fair_then * margin / 2 or age_s > max_age_s


def reservation_exponential(
    fair_p: Sequence[float], pnl: Sequence[float], gamma: float
) -> tuple[float, ...]:
    """Return the indifference chances under exponential utility: ``p_i exp(-g W_i)`` normalised.

    They are exact for any number of outcomes. ``pnl`` is what each outcome pays us. ``gamma`` is
    best set to 1 / (Kelly fraction * bankroll). Raises a PricingError.
    """
    p = _chances(fair_p)
    _check_results(p, pnl, gamma)
    least = min(gamma * w for w in pnl)
    return _normalised([x * exp(least - gamma * w) for x, w in zip(p, pnl, strict=True)])


def reservation_log(
    fair_p: Sequence[float], pnl: Sequence[float], bankroll: float
) -> tuple[float, ...]:
    """Return the indifference chances under log utility: ``p_i / (K + W_i)`` normalised.

    Raises a PricingError, also if an outcome loses the whole bankroll.
    """
    p = _chances(fair_p)
    _check_results(p, pnl, bankroll)
    if min(bankroll + w for w in pnl) <= 0:
        raise InvalidOddsError(f"an outcome loses the whole bankroll of {bankroll}: {list(pnl)}")
    return _normalised([x / (bankroll + w) for x, w in zip(p, pnl, strict=True)])


class Spread(NamedTuple):
    """Half-spread, and the shift of the reservation price per unit held.

    After Avellaneda and Stoikov 2008.
    """

    half_spread: float
    shift_per_unit: float


def stoikov_spread(gamma: float, kappa: float, variance: float) -> Spread:
    """Return the half-spread ``(1/g) ln(1 + g/kappa) + g var/2`` and the shift ``g var``.

    ``kappa`` is a fitted fill intensity, ``variance`` that of the time left to settlement. Raises
    InvalidOddsError unless all are positive (a variance of 0 is allowed).
    """
    if not (0 < gamma < inf and 0 < kappa < inf and 0 <= variance < inf):
        raise InvalidOddsError(
            f"gamma and kappa must be positive, the variance not negative: {gamma}, {kappa},"
            f" {variance}"
        )
    return Spread(log(1 + gamma / kappa) / gamma + gamma * variance / 2, gamma * variance)


def _chances(fair_p: Sequence[float]) -> Sequence[float]:
    if len(fair_p) < 2 or not all(0 < p < 1 for p in fair_p) or abs(sum(fair_p) - 1) > 1e-6:
        raise InvalidOddsError(f"not the chances of a market: {list(fair_p)}")
    return fair_p


def _check_results(p: Sequence[float], pnl: Sequence[float], scale: float) -> None:
    if len(p) != len(pnl):
        raise IncompleteMarketError(f"{len(p)} outcomes and {len(pnl)} results do not match")
    if not all(map(isfinite, [*pnl, scale])):
        raise InvalidOddsError(f"results, gamma and bankroll must be finite: {list(pnl)}, {scale}")


def _normalised(raw: Sequence[float]) -> tuple[float, ...]:
    total = sum(raw)
    made = tuple(x / total for x in raw)
    if not all(0 < x < 1 for x in made):
        raise NoSolutionError(f"what is held leaves no chance inside (0, 1): {list(made)}")
    return made
