"""Long's method: every leg is moved by the same Jensen-Shannon distance.

The distance is between (p, 1-p) and (r, 1-r). It is the square root of the mean Kullback-Leibler
divergence to the midpoint, with the natural logarithm.
"""

from collections.abc import Sequence
from math import log, log1p, sqrt

from keter.errors import NoSolutionError

_STEPS = 200
# Coefficients of the series of ``_entropy_gap`` in x^2.
_SERIES = (1.0, 1 / 6, 1 / 15, 1 / 28, 1 / 45, 1 / 66)


def equal_distances(r: Sequence[float], booksum: float) -> tuple[list[float], float]:
    """Return probabilities at one common distance D from the implied values ``r``, and D.

    They sum to 1. Raises NoSolutionError if a leg would have to leave (0, 1), as very long prices
    do.
    """
    if booksum == 1:
        return list(r), 0.0
    down = booksum > 1
    widest = min(_squared(0.0 if down else 1.0, x) for x in r)
    low, high = 0.0, sqrt(widest)
    if (sum(_moved(x, high, down) for x in r) > 1) is down:
        raise NoSolutionError("jsd has no solution: the longest price would fall to zero first")
    # Secant steps on a monotone function, kept inside the bracket by halving (Illinois rule).
    f_low, f_high = booksum - 1, sum(_moved(x, high, down) for x in r) - 1
    d = high
    for _ in range(_STEPS):
        d = high - f_high * (high - low) / (f_high - f_low)
        if not min(low, high) < d < max(low, high):
            d = (low + high) / 2
        value = sum(_moved(x, d, down) for x in r) - 1
        if abs(value) <= 1e-15 or abs(high - low) <= 1e-17:
            break
        if (value > 0) is (f_high > 0):
            f_low /= 2
        else:
            low, f_low = high, f_high
        high, f_high = d, value
    return [_moved(x, d, down) for x in r], d


def _entropy_gap(x: float) -> float:
    """Return ``(1-x) ln(1-x) + (1+x) ln(1+x)``, by its series where the terms would cancel."""
    if abs(x) < 0.02:
        y = x * x
        total = 0.0
        for coefficient in reversed(_SERIES):
            total = (total + coefficient) * y
        return total
    left = (1 - x) * log1p(-x) if x < 1 else 0.0
    return left + (1 + x) * log1p(x)


def _squared(p: float, r: float) -> float:
    m, d = (p + r) / 2, abs(p - r) / 2
    return (m * _entropy_gap(d / m) + (1 - m) * _entropy_gap(d / (1 - m))) / 2


def _moved(r: float, distance: float, down: bool) -> float:
    """Return the p below (or above) r at ``distance``.

    Solved in a bracket by Newton's method on the distance, which is almost linear in p.
    """
    near, far = r, 0.0 if down else 1.0
    if distance * distance >= _squared(far, r):
        return far
    p = r + (-1 if down else 1) * distance * sqrt(8 * r * (1 - r))
    for _ in range(_STEPS):
        if not min(near, far) < p < max(near, far):
            p = (near + far) / 2
            if p in (near, far):
                break
        reached = sqrt(_squared(p, r))
        near, far = (p, far) if reached < distance else (near, p)
        m = (p + r) / 2
        slope = (log(p / m) - log((1 - p) / (1 - m))) / 2
        step = 2 * reached * (reached - distance) / slope if slope else 0.0
        if abs(step) <= 2e-16 * p:
            break
        p -= step
    return p
