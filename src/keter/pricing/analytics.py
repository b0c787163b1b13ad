"""Measures that separate edge from luck: closing line value, yield, scores, calibration."""

from collections.abc import Iterable, Sequence
from math import exp, inf, isfinite, log, sqrt
from typing import NamedTuple

from keter.errors import IncompleteMarketError, InvalidOddsError
from keter.pricing.margin import fair
from keter.pricing.value import effective_odds

_Z95 = 1.959963984540054  # standard normal quantile of a two-sided 95 % interval


def clv(odds: float, closing_odds: Sequence[float], index: int, method: str = "power") -> float:
    """Return the closing line value ``o * q - 1`` of a bet on leg ``index``.

    ``q`` is the fair closing probability of the leg by ``method``. Raises a PricingError.
    """
    q = fair(closing_odds, method).p
    if not 0 <= index < len(q):
        raise IncompleteMarketError(f"the close has no leg {index}: {list(closing_odds)}")
    return effective_odds(odds) * q[index] - 1


def raw_clv(odds: float, closing: float) -> float:
    """Return ``o / o_close - 1``, which is too high by the closing margin."""
    return effective_odds(odds) / effective_odds(closing) - 1


def log_clv(odds: float, closing_odds: Sequence[float], index: int, method: str = "power") -> float:
    """Return ``ln(o * q)``, which may be summed over bets. Raises a PricingError."""
    return log(1 + clv(odds, closing_odds, index, method))


class Yield(NamedTuple):
    """Results of bets.

    ``sd`` is the standard deviation (n - 1) of profit per unit, ``t`` the t-value of its mean. Both
    are None where they are not defined.
    """

    n: int
    profit: float
    yield_: float
    sd: float | None
    t: float | None
    max_drawdown: float


def yield_stats(profits: Sequence[float], stakes: Sequence[float] | None = None) -> Yield:
    """Return the yield (profit / turnover) of bets in time order.

    ``profits`` are in money; ``stakes`` are 1 each if not given. The t-value is the one-sample t of
    the returns per unit. Bets of one match or day are correlated: see ``clustered_ratio``.

    Raises InvalidOddsError for no bets, a result that is not finite, a stake that is not positive.
    """
    staked = list(stakes) if stakes is not None else [1.0] * len(profits)
    if (
        not len(profits)
        or len(staked) != len(profits)
        or not all(0 < stake < inf for stake in staked)
    ):
        raise InvalidOddsError(f"{len(profits)} results need as many positive stakes")
    if not all(map(isfinite, profits)):
        raise InvalidOddsError(f"results must be finite: {list(profits)}")
    units = [profit / stake for profit, stake in zip(profits, staked, strict=True)]
    sd, t = _sd_and_t(units)
    return Yield(len(units), sum(profits), sum(profits) / sum(staked), sd, t, max_drawdown(profits))


def _sd_and_t(values: Sequence[float]) -> tuple[float | None, float | None]:
    n = len(values)
    if n < 2:
        return None, None
    mean = sum(values) / n
    sd = sqrt(sum((x - mean) ** 2 for x in values) / (n - 1))
    return sd, mean / sd * sqrt(n) if sd else None


def mean_t(values: Sequence[float]) -> tuple[float, float | None]:
    """Return the mean and its one-sample t-value, None where there is no spread.

    Raises InvalidOddsError for no values.
    """
    if not values:
        raise InvalidOddsError("the mean of nothing")
    return sum(values) / len(values), _sd_and_t(values)[1]


class ClusteredRatio(NamedTuple):
    """A ratio of sums with its cluster-robust standard error.

    ``error`` is None below two clusters.
    """

    value: float
    error: float | None
    clusters: int

    @property
    def t(self) -> float | None:
        return self.value / self.error if self.error else None


def clustered_ratio(
    tops: Sequence[float], bottoms: Sequence[float], clusters: Sequence[str]
) -> ClusteredRatio:
    """Return ``sum tops / sum bottoms`` with a linearised standard error.

    Rows of one cluster (match, day) are correlated. Raises InvalidOddsError unless the sum of the
    bottoms is positive.
    """
    total = sum(bottoms)
    if total <= 0:
        raise InvalidOddsError("a ratio needs a positive sum below it")
    value = sum(tops) / total
    residuals: dict[str, float] = {}
    for top, bottom, cluster in zip(tops, bottoms, clusters, strict=True):
        residuals[cluster] = residuals.get(cluster, 0.0) + top - value * bottom
    groups = len(residuals)
    if groups < 2:
        return ClusteredRatio(value, None, groups)
    error = sqrt(sum(x * x for x in residuals.values()) * groups / (groups - 1)) / total
    return ClusteredRatio(value, error, groups)


class YieldOutlook(NamedTuple):
    """What a yield would show.

    ``sigma`` is the standard deviation of a bet, ``t`` the t-value after n bets. ``bets_for_t2`` is
    the number of bets until t = 2, infinite at yield 0.
    """

    sigma: float
    t: float
    bets_for_t2: float


def yield_outlook(n: float, yield_: float, odds: float) -> YieldOutlook:
    """Return the outlook of ``n`` flat bets at ``odds``: ``sigma = sqrt((1+y)(o-1-y))``.

    Raises InvalidOddsError if no hit rate gives the yield.
    """
    inner = (1 + yield_) * (effective_odds(odds) - 1 - yield_)
    if not (inner >= 0 and 0 < n < inf):
        raise InvalidOddsError(f"no hit rate gives a yield of {yield_} at {odds} over {n} bets")
    sigma = sqrt(inner)
    t = yield_ * sqrt(n) / sigma if sigma else inf
    return YieldOutlook(sigma, t, (2 * sigma / yield_) ** 2 if yield_ else inf)


def max_drawdown(profits: Iterable[float]) -> float:
    """Return the deepest fall of the running sum below its earlier peak, as a positive number.

    The start counts as a peak.
    """
    level = peak = deepest = 0.0
    for profit in profits:
        level += profit
        peak = max(peak, level)
        deepest = max(deepest, peak - level)
    return deepest


class Scores(NamedTuple):
    """Mean scores of forecasts.

    Brier is the sum over outcomes, log-loss has the natural logarithm, the ranked probability score
    (``rps``) is divided by outcomes - 1.
    """

    brier: float
    log_loss: float
    rps: float


def scores(forecasts: Sequence[Sequence[float]], happened: Sequence[int]) -> Scores:
    """Score forecasts of ordered outcomes against what happened; lower is better.

    ``happened`` has the index of an outcome for each forecast. Log-loss is infinite where something
    of probability 0 happened. Raises IncompleteMarketError for lists of other lengths or an index
    out of range, InvalidOddsError for numbers that are no probabilities.
    """
    if not forecasts or len(forecasts) != len(happened):
        raise IncompleteMarketError(
            f"{len(forecasts)} forecasts and {len(happened)} results do not match"
        )
    rows = [_score(p, outcome) for p, outcome in zip(forecasts, happened, strict=True)]
    n = len(rows)
    return Scores(
        sum(r[0] for r in rows) / n, sum(r[1] for r in rows) / n, sum(r[2] for r in rows) / n
    )


def _score(p: Sequence[float], outcome: int) -> Scores:
    if len(p) < 2 or not 0 <= outcome < len(p):
        raise IncompleteMarketError(f"outcome {outcome} of a forecast of {len(p)}")
    if not all(0 <= x <= 1 for x in p):
        raise InvalidOddsError(f"not probabilities: {list(p)}")
    brier = sum((x - (i == outcome)) ** 2 for i, x in enumerate(p))
    below = rps = 0.0
    for i, x in enumerate(p[:-1]):
        below += x
        rps += (below - (i >= outcome)) ** 2
    return Scores(brier, -log(p[outcome]) if p[outcome] > 0 else inf, rps / (len(p) - 1))


class Interval(NamedTuple):
    """Both ends of a confidence interval."""

    low: float
    high: float


def wilson(hits: int, n: int, z: float = _Z95) -> Interval:
    """Return Wilson's interval of a proportion.

    Raises InvalidOddsError unless 0 <= hits <= n and n > 0.
    """
    if not 0 <= hits <= n or n <= 0:
        raise InvalidOddsError(f"{hits} hits of {n}")
    p, square = hits / n, z * z
    centre = (p + square / (2 * n)) / (1 + square / n)
    half = z * sqrt(p * (1 - p) / n + square / (4 * n * n)) / (1 + square / n)
    return Interval(
        max(centre - half, 0.0) if hits else 0.0, min(centre + half, 1.0) if hits < n else 1.0
    )


class Bin(NamedTuple):
    """Forecasts of similar size: how many, their mean, and how often the event happened.

    ``interval`` is Wilson's interval of ``rate``.
    """

    n: int
    mean_p: float
    rate: float
    interval: Interval


def calibration(p: Sequence[float], happened: Sequence[bool], bins: int = 10) -> list[Bin]:
    """Return the reliability of forecasts in bins of equal count.

    Raises IncompleteMarketError for lists of other lengths.
    """
    if len(p) != len(happened):
        raise IncompleteMarketError(f"{len(p)} forecasts and {len(happened)} results do not match")
    pairs = sorted(zip(p, happened, strict=True))
    made = []
    for i in range(bins):
        part = pairs[i * len(pairs) // bins : (i + 1) * len(pairs) // bins]
        if part:
            hits = sum(hit for _, hit in part)
            made.append(
                Bin(
                    len(part),
                    sum(x for x, _ in part) / len(part),
                    hits / len(part),
                    wilson(hits, len(part)),
                )
            )
    return made


def calibration_slope(forecasts: Sequence[Sequence[float]], happened: Sequence[int]) -> float:
    """Return the k that minimises the log-loss of ``p^k``, renormalised.

    1 is calibrated; above 1 the forecasts are too near to each other. Solved by Newton's method on
    a convex function. Raises IncompleteMarketError or InvalidOddsError.
    """
    scores(forecasts, happened)
    logs = [[log(x) for x in p] if min(p) > 0 else None for p in forecasts]
    if any(row is None for row in logs):
        raise InvalidOddsError("a probability of 0 has no calibration slope")
    k = 1.0
    for _ in range(100):
        slope = curve = 0.0
        for row, outcome in zip(logs, happened, strict=True):
            first, second = _moments(row or [], k)
            slope += first - (row or [])[outcome]
            curve += second - first * first
        step = slope / curve if curve else 0.0
        k -= max(-1.0, min(1.0, step))
        if abs(step) < 1e-12:
            break
    return k


def _moments(logs: Sequence[float], k: float) -> tuple[float, float]:
    """Return mean and mean square of ``ln p`` under ``p^k``, renormalised."""
    weights = [exp(k * x) for x in logs]
    total = sum(weights)
    first = sum(w * x for w, x in zip(weights, logs, strict=True)) / total
    return first, sum(w * x * x for w, x in zip(weights, logs, strict=True)) / total
