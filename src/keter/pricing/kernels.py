"""Margin removal for many markets at once with numpy: one array per leg, in blocks.

The methods are those of ``keter.pricing.margin``, written a second time for arrays. A scalar loop
is too slow for many markets, numpy is too slow for one and is kept out of the live gate.

Every block is iterated until its slowest market has converged. A market on which that fails is
solved again by the scalar path, which converges or raises.
"""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from keter.errors import IncompleteMarketError, InvalidOddsError, NoSolutionError, PricingError
from keter.pricing.margin import METHODS, method_named, raw_probabilities

Array = NDArray[np.float64]

BLOCK = 8192  # markets whose arrays fit into the cache together
_STEPS = 40
# Newton's error is squared by each step: below this a linear correction is exact to the last digit.
_LAST_STEP = 1e-7
# For a smaller step of k, three terms of the exponential's series are exact.
_SERIES_STEP = 1e-4
_SUM_TOLERANCE = 1e-12


def devig_array(
    odds: Any, method: str = "power", *, legs: int | None = None, out: Array | None = None
) -> Array:
    """Return the fair probabilities of ``(n, k)`` decimal odds in an array of the same shape.

    The array is ``out`` if given. Raises IncompleteMarketError, InvalidOddsError or
    NoSolutionError with the number of the first row concerned, ValueError for an unknown method.
    """
    if method not in METHODS:
        method = method_named(method)
    prices = _prices(odds, legs)
    markets, width = prices.shape
    fair = np.empty((markets, width)) if out is None else out
    kernel = _KERNELS.get(method, _row_by_row(method))
    size = min(BLOCK, max(markets, 1))
    r, work = np.empty((width, size)), np.empty((4, width, size))
    for start in range(0, markets, BLOCK):
        block = prices[start : start + BLOCK]
        n = len(block)
        legs_r, legs_work = r[:, :n], work[:, :, :n]
        np.copyto(legs_r, block.T)
        if not (legs_r.min() > 1 and legs_r.max() < np.inf):
            _refuse(block, start)
        np.reciprocal(legs_r, out=legs_r)
        with np.errstate(all="ignore"):  # _repair checks every result
            p = kernel(legs_r, legs_work)
            _repair(p, block, start, method)
        fair[start : start + BLOCK] = p.T
    return fair


def _prices(odds: Any, legs: int | None) -> Array:
    if not isinstance(odds, np.ndarray) or odds.dtype == object:
        _check_rows(odds)
    try:
        prices = np.asarray(odds, dtype=np.float64)
    except (TypeError, ValueError) as e:
        raise InvalidOddsError(f"prices must be numbers: {e}") from e
    if prices.ndim != 2 or prices.shape[1] < 2 or (legs is not None and prices.shape[1] != legs):
        raise IncompleteMarketError(
            f"expected (n, k) odds of {legs or 'at least 2'} legs, got shape {prices.shape}"
        )
    return prices


def _check_rows(markets: Iterable[Any]) -> None:
    width = None
    for row, market in enumerate(markets):
        if market is None or any(price is None for price in market):
            raise IncompleteMarketError(f"row {row}: a leg has no price: {market}")
        width = len(market) if width is None else width
        if len(market) != width:
            raise IncompleteMarketError(
                f"row {row}: {len(market)} prices where the others have {width}: {market}"
            )


def _refuse(block: Array, start: int) -> None:
    bad = ~((block > 1) & (block < np.inf)).all(axis=1)
    row = int(np.flatnonzero(bad)[0])
    raise InvalidOddsError(
        f"row {start + row}: decimal odds must be finite and above 1: {block[row].tolist()}"
    )


def _repair(p: Array, block: Array, start: int, method: str) -> None:
    """Solve again the markets that did not converge, by the scalar path.

    Raises a PricingError for a market whose probabilities are outside (0, 1).
    """
    total = p.sum(axis=0)
    if np.abs(total - 1).max() <= _SUM_TOLERANCE and p.min() > 0 and p.max() < 1:
        return
    bad = ~((np.abs(total - 1) <= _SUM_TOLERANCE) & (p > 0).all(axis=0) & (p < 1).all(axis=0))
    for column in np.flatnonzero(bad).tolist():
        odds = block[column].tolist()
        try:
            raw, _ = raw_probabilities(odds, method)
        except PricingError as e:
            raise type(e)(f"row {start + column}: {e}") from e
        if not all(0 < x < 1 for x in raw):
            raise NoSolutionError(
                f"row {start + column}: {method} gives {list(raw)} for odds {odds}"
            )
        p[:, column] = raw


def _multiplicative(r: Array, work: Array) -> Array:
    r /= r.sum(axis=0)
    return r


def _additive(r: Array, work: Array) -> Array:
    r -= (r.sum(axis=0) - 1) / len(r)
    return r


def _power(r: Array, work: Array) -> Array:
    """Solve ``sum r^k = 1`` by one Halley step on ``ln sum r^k`` and one Newton step.

    The first step starts at k = 1, where the powers are the implied values themselves. The second
    is small, so it multiplies the powers by the exponential's series. That saves the most expensive
    operation: a football market costs one logarithm and one exponential a leg. Markets farther from
    their root, short favourites at a large margin, are iterated apart.
    """
    logs, slope, series, p = work[0], work[1], work[2], r
    np.log(r, out=logs)
    k = 1 - _halley(p, logs, slope, series)
    np.exp(np.multiply(logs, k, out=p), out=p)
    steepness = np.multiply(p, logs, out=slope).sum(axis=0)
    step = (1 - p.sum(axis=0)) / steepness
    far = np.flatnonzero(np.abs(step) > _SERIES_STEP)
    apart = logs[:, far]
    t = np.multiply(logs, step, out=logs)
    np.multiply(t, 1 / 6, out=series)
    for term in (1 / 2, 1.0):
        series += term
        series *= t
    series *= p
    p += series
    # A linear step takes the rest of the sum's error.
    slope *= (p.sum(axis=0) - 1) / steepness
    p -= slope
    if far.size:
        p[:, far] = _iterated(apart, k[far])
    return p


def _halley(p: Array, logs: Array, first: Array, second: Array) -> Array:
    """Return Halley's step down to the root of ``ln sum r^k`` from the powers ``p``.

    ``first`` and ``second`` are buffers of the same shape.
    """
    total = p.sum(axis=0)
    slope = np.multiply(p, logs, out=first).sum(axis=0)
    bend = np.multiply(first, logs, out=second).sum(axis=0)
    step: Array = np.log(total)
    step *= total / slope
    step /= 1 - step * (bend / slope - slope / total) / 2
    return step


def _iterated(logs: Array, k: Array) -> Array:
    """Return the powers at their root, by Halley steps until the slowest market has converged."""
    first, second = np.empty_like(logs), np.empty_like(logs)
    for _ in range(_STEPS):
        p: Array = np.exp(logs * k)
        step = _halley(p, logs, first, second)
        k = k - step
        if max(-step.min(), step.max()) < _LAST_STEP:
            break
    first *= step
    p -= first
    return p


def _shin(r: Array, work: Array) -> Array:
    """Solve for z by Newton's method from the balanced book's z, which is below the inner root.

    Where it is not below, start from 0.
    """
    legs = len(r)
    booksum = r.sum(axis=0)
    if legs == 2:
        r -= (booksum - 1) / 2
        return r
    a, roots, slope = work[0], work[1], work[2]
    np.multiply(r, r, out=a)
    a /= booksum
    z = np.minimum((booksum - 1) / (legs - 1), 0.99)
    for turn in range(_STEPS):
        np.sqrt(np.add(np.multiply(a, 4 * (1 - z), out=roots), z * z, out=roots), out=roots)
        value = roots.sum(axis=0) - (legs - 2) * z - 2
        np.divide(np.subtract(z, np.multiply(a, 2, out=slope), out=slope), roots, out=slope)
        step = value / (slope.sum(axis=0) - (legs - 2))
        if turn == 0:
            step = np.where((value < 0) & (z > 0), z, step)
        z -= step
        if max(-step.min(), step.max()) < _LAST_STEP:
            break
    np.sqrt(np.add(np.multiply(a, 4 * (1 - z), out=roots), z * z, out=roots), out=roots)
    if z.min() < 0:  # underround: the form below would lose digits by cancellation
        np.divide(np.subtract(roots, z, out=slope), 2 - 2 * z, out=slope)
        np.divide(np.multiply(a, 2, out=a), np.add(roots, z, out=roots), out=r)
        np.copyto(r, slope, where=z < 0)
        return r
    np.divide(np.multiply(a, 2, out=a), np.add(roots, z, out=roots), out=r)
    return r


def _odds_ratio(r: Array, work: Array) -> Array:
    """Solve for c by Newton's method on ``ln c``."""
    ratios: Array = work[0]
    p: Array = work[1]
    slope = work[2]
    np.divide(r, np.subtract(1, r, out=p), out=ratios)
    if len(r) == 2:
        c = np.sqrt(ratios[0] * ratios[1])
        np.divide(ratios, np.add(ratios, c, out=p), out=p)
        return p
    t = np.zeros(r.shape[1])
    for _ in range(_STEPS):
        np.divide(ratios, np.add(ratios, np.exp(t), out=p), out=p)
        np.multiply(p, np.subtract(1, p, out=slope), out=slope)
        step = (p.sum(axis=0) - 1) / slope.sum(axis=0)
        if max(-step.min(), step.max()) < _LAST_STEP:
            slope *= step
            p -= slope
            break
        t += np.clip(step, -2, 2)
    return p


def _balanced_book(r: Array, work: Array) -> Array:
    z = (r.sum(axis=0) - 1) / (len(r) - 1)
    r -= z
    r /= np.where(z < 1, 1 - z, np.nan)
    return r


def _goto(r: Array, work: Array) -> Array:
    s = np.sqrt(np.subtract(1, r, out=work[0]), out=work[0])
    s *= (r.sum(axis=0) - 1) / s.sum(axis=0)
    r -= s
    return r


def _row_by_row(method: str) -> Callable[[Array, Array], Array]:
    """Return a kernel that leaves every row to the scalar path in ``_repair``.

    Jensen-Shannon needs it, whose root is nested in another.
    """
    return lambda r, work: np.full_like(r, np.nan)


_KERNELS: dict[str, Callable[[Array, Array], Array]] = {
    "multiplicative": _multiplicative,
    "additive": _additive,
    "power": _power,
    "shin": _shin,
    "odds_ratio": _odds_ratio,
    "balanced_book": _balanced_book,
    "goto": _goto,
}
