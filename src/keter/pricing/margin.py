"""Margin removal of one market, without numpy: a few microseconds a market in the live gate.

``r = 1/odds``, ``B = sum r``. Each method finds probabilities in (0, 1) that sum to 1, or refuses;
docs/pricing.md has the definitions. ``keter.pricing.kernels`` has the same methods for arrays of
markets.
"""

from collections.abc import Callable, Sequence
from math import exp, inf, isfinite, log, sqrt
from typing import NamedTuple

from keter.domain.odds import as_float
from keter.errors import IncompleteMarketError, InvalidOddsError, NoSolutionError
from keter.pricing.jensen_shannon import equal_distances

STEPS = 100  # most iterations of a method
TOLERANCE = 4e-16
# Newton's error is squared by each step: after a step this small the next would change no digit.
LAST_STEP = 1e-10

Probabilities = tuple[float, ...]


class Fair(NamedTuple):
    """Fair probabilities of a market.

    ``parameter`` is the method's k, z, c, step or D, None where it has none. ``booksum`` is B.
    """

    p: Probabilities
    parameter: float | None
    booksum: float

    @property
    def margin(self) -> float:
        """The overround B - 1; it is negative in an underround book, whose prices are suspect."""
        return self.booksum - 1


def fair(odds: Sequence[float | None], method: str = "power", *, legs: int | None = None) -> Fair:
    """Return the fair probabilities of one market from its decimal odds, in the same order.

    ``legs`` is the number of selections that the market kind has, where known.

    Raises IncompleteMarketError for a missing leg or another number of legs, InvalidOddsError for a
    price that is not finite and above 1. Raises NoSolutionError if the method refuses, ValueError
    for an unknown method.
    """
    remove = METHODS.get(method) or METHODS[method_named(method)]
    r = _implied(odds, legs)
    booksum = sum(r)
    p, parameter = remove(r, booksum)
    for one in p:
        if not 0 < one < 1:
            raise NoSolutionError(
                f"{method} gives a probability of {one:.6g} for odds {list(odds)}"
            )
    return Fair(tuple(p), parameter, booksum)


def method_named(name: str) -> str:
    """Return the key in METHODS of a name in another spelling, such as ``Odds ratio``.

    Raises ValueError for an unknown method.
    """
    plain = "_".join(str(name).lower().replace("-", " ").split())
    method = {"jensen_shannon": "jsd"}.get(plain, plain)
    if method not in METHODS:
        raise ValueError(f"unknown margin method {name!r}; one of {', '.join(METHODS)}")
    return method


def raw_probabilities(
    odds: Sequence[float | None], method: str
) -> tuple[Sequence[float], float | None]:
    """Return the result of a method's formula before anything is refused, and its parameter.

    For study, never for betting.
    """
    r = _implied(odds, None)
    return METHODS[method](r, sum(r))


def _implied(odds: Sequence[float | None], legs: int | None) -> list[float]:
    if len(odds) < 2 or (legs is not None and len(odds) != legs):
        raise IncompleteMarketError(
            f"{len(odds)} prices where the market has {legs or 'at least 2'} legs: {list(odds)}"
        )
    r = []
    for price in odds:
        if price is None:
            raise IncompleteMarketError(f"a leg has no price: {list(odds)}")
        value = price if type(price) is float else as_float(price)
        if not 1 < value < inf:
            raise InvalidOddsError(f"decimal odds must be finite and above 1: {list(odds)}")
        r.append(1 / value)
    return r


def _multiplicative(r: Sequence[float], booksum: float) -> tuple[list[float], None]:
    return [x / booksum for x in r], None


def _additive(r: Sequence[float], booksum: float) -> tuple[list[float], None]:
    step = (booksum - 1) / len(r)
    return [x - step for x in r], None


def _power(r: Sequence[float], booksum: float) -> tuple[Sequence[float], float]:
    """Solve ``ln sum r^k = 0`` for k by Newton's method.

    The function is convex and falls in k, so after the first step k only rises to the root.
    """
    if len(r) == 3:
        return _power_of_three(r[0], r[1], r[2], booksum)
    if len(r) == 2:
        return _power_of_two(r[0], r[1], booksum)
    logs = [log(x) for x in r]
    k, p, total = 1.0, r, booksum
    for _ in range(STEPS):
        step = -log(total) * total / sum([x * y for x, y in zip(p, logs, strict=True)])
        k += step
        p = [exp(k * y) for y in logs]
        total = sum(p)
        if abs(step) <= LAST_STEP * k:
            break
    return _settled("power", p, total), k


def _power_of_two(a: float, b: float, total: float) -> tuple[Sequence[float], float]:
    """Solve as ``_power`` does, written out for two legs.

    The live feed has two and three legs only, for which the loop takes two to three times as long.
    """
    log_a, log_b = log(a), log(b)
    k = 1.0
    for _ in range(STEPS):
        step = -log(total) * total / (a * log_a + b * log_b)
        k += step
        a, b = exp(k * log_a), exp(k * log_b)
        total = a + b
        if abs(step) <= LAST_STEP * k:
            break
    return _settled("power", (a, b), total), k


def _power_of_three(a: float, b: float, c: float, total: float) -> tuple[Sequence[float], float]:
    """Solve as ``_power`` does, written out for three legs."""
    log_a, log_b, log_c = log(a), log(b), log(c)
    k = 1.0
    for _ in range(STEPS):
        step = -log(total) * total / (a * log_a + b * log_b + c * log_c)
        k += step
        a, b, c = exp(k * log_a), exp(k * log_b), exp(k * log_c)
        total = a + b + c
        if abs(step) <= LAST_STEP * k:
            break
    return _settled("power", (a, b, c), total), k


def _shin(r: Sequence[float], booksum: float) -> tuple[Sequence[float], float]:
    """Return Shin's probabilities and z, the share of insiders."""
    n = len(r)
    if n == 2:
        d2 = (r[0] - r[1]) ** 2
        z = (booksum - 1) * (d2 - booksum) / (booksum * (d2 - 1))
        return [x - (booksum - 1) / 2 for x in r], z
    a = [x * x / booksum for x in r]
    z = _shin_z(a, min((booksum - 1) / (n - 1), 0.99))
    roots = [sqrt(z * z + 4 * (1 - z) * x) for x in a]
    # Two forms of one formula: each is free of cancellation on its side of zero.
    if z < 0:
        return _settled("shin", [(root - z) / (2 - 2 * z) for root in roots], None), z
    return _settled("shin", [2 * x / (root + z) for x, root in zip(a, roots, strict=True)], None), z


def _shin_z(a: Sequence[float], z: float) -> float:
    """Solve for z by Newton's method on a convex function with a spurious root at z = 1.

    It starts from the balanced book's ``z``, which lies just before the inner root. Where it does
    not, it starts again from 0.
    """
    n = len(a)
    for _ in range(STEPS):
        square, factor = z * z, 4 * (1 - z)
        value, slope = -(n - 2) * z - 2, -float(n - 2)
        for x in a:
            root = sqrt(square + factor * x)
            value += root
            slope += (z - 2 * x) / root
        step = value / slope
        if value < -1e-12 and step < 0 < z:
            z = 0.0
            continue
        z -= step
        if abs(step) <= LAST_STEP:
            break
    if not z < 1:
        raise NoSolutionError("shin does not converge")
    return z


def _odds_ratio(r: Sequence[float], booksum: float) -> tuple[Sequence[float], float]:
    """Solve for c by Newton's method on ``ln c`` inside a bracket.

    The bracket is needed because a sum of logistic curves is monotone but not convex.
    """
    ratios = [x / (1 - x) for x in r]
    if len(r) == 2:
        c = sqrt(ratios[0] * ratios[1])
        return [x / (c + x) for x in ratios], c
    # Shifting every leg to the longest or the shortest price's fair share brackets the root.
    target = 1 / (len(r) - 1)
    low, high = log(min(ratios) / target) - TOLERANCE, log(max(ratios) / target) + TOLERANCE
    t = min(max(0.0, low), high)
    for _ in range(STEPS):
        c = exp(t)
        p = [x / (c + x) for x in ratios]
        value = sum(p) - 1
        low, high = (t, high) if value > 0 else (low, t)
        step = value / sum([x * (1 - x) for x in p])
        newton = t + step
        t = newton if low <= newton <= high else (low + high) / 2
        if abs(step) <= TOLERANCE or high - low <= TOLERANCE * abs(t):
            break
    c = exp(t)
    return _settled("odds_ratio", [x / (c + x) for x in ratios], None), c


def _balanced_book(r: Sequence[float], booksum: float) -> tuple[list[float], float]:
    z = (booksum - 1) / (len(r) - 1)
    if z >= 1:
        raise NoSolutionError(
            f"balanced_book needs a margin below {len(r) - 1}; it is {booksum - 1:.3g}"
        )
    return [(x - z) / (1 - z) for x in r], z


def _goto(r: Sequence[float], booksum: float) -> tuple[list[float], float]:
    s = [sqrt(1 - x) for x in r]
    step = (booksum - 1) / sum(s)
    return [x - step * y for x, y in zip(r, s, strict=True)], step


def _jsd(r: Sequence[float], booksum: float) -> tuple[list[float], float]:
    return equal_distances(r, booksum)


def _settled(method: str, p: Sequence[float], total: float | None) -> Sequence[float]:
    total = sum(p) if total is None else total
    if not isfinite(total) or abs(total - 1) > 1e-12:
        raise NoSolutionError(f"{method} does not converge: the probabilities sum to {total!r}")
    return p


Method = Callable[[Sequence[float], float], tuple[Sequence[float], float | None]]
METHODS: dict[str, Method] = {
    "multiplicative": _multiplicative,
    "additive": _additive,
    "power": _power,
    "shin": _shin,
    "odds_ratio": _odds_ratio,
    "balanced_book": _balanced_book,
    "goto": _goto,
    "jsd": _jsd,
}
PARAMETER_NAMES = {
    "power": "k",
    "shin": "z",
    "odds_ratio": "c",
    "balanced_book": "z",
    "goto": "step",
    "jsd": "D",
}
