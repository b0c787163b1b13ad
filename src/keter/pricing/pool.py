"""One fair price out of several books': the weighted logarithmic pool, its weights and its limits.

* The pool is ``ln p_i = sum_b w_b ln p_bi / sum_b w_b + const``, renormalised. For two outcomes it
  is the weighted mean of logits.
* A book's weight is ``base * vig^-a * 2^(-age / half_life) * liquidity``. Its age counts from the
  last confirmation of its price.
"""

from collections.abc import Iterable, Mapping, Sequence
from math import exp, log, sqrt
from typing import NamedTuple

from keter.domain.odds import as_float
from keter.errors import (
    IncompleteMarketError,
    InvalidOddsError,
    NoSolutionError,
    SpreadTooWideError,
    TooFewSourcesError,
)

# A smaller margin does not show a sharper book, and a margin near 0 must not take all the weight.
LEAST_VIG = 0.005
ANCHOR_SHARE = 0.5
_LN2 = log(2)


class Consensus(NamedTuple):
    """Pooled probabilities, the normalised weights of the books, and how far these disagree.

    * ``spread_pct`` is the largest difference between two books on one outcome, in points of
      probability.
    * ``logit_sd`` is the largest standard deviation (n - 1) of their logits on one outcome.

    Both are 0 for a single book.
    """

    p: tuple[float, ...]
    weights: tuple[float, ...]
    spread_pct: float
    logit_sd: float


def consensus(
    fair_p: Iterable[Sequence[float]],
    base_weight: Sequence[float] | None = None,
    *,
    age_s: Sequence[float] | None = None,
    half_life_s: float | None = None,
    vig: Sequence[float] | None = None,
    vig_power: float = 0.0,
    liquidity: Sequence[float] | None = None,
    drop_after_half_lives: float | None = None,
    min_sources: int = 1,
    max_spread_pct: float | None = None,
    max_logit_sd: float | None = None,
) -> Consensus:
    """Pool the fair probabilities of several books.

    ``fair_p`` has one row a book, in the order of the market's sides. The other lists have one
    number a book; see ``book_weights``.

    Raises TooFewSourcesError if fewer than ``min_sources`` books have a positive weight,
    SpreadTooWideError if those disagree by more than allowed. Raises IncompleteMarketError for rows
    of different lengths, InvalidOddsError for a number that is no probability or no weight.
    """
    rows = _rows(fair_p)
    weights = book_weights(
        len(rows),
        _floats(base_weight),
        age_s=_floats(age_s),
        half_life_s=_float(half_life_s),
        vig=_floats(vig),
        vig_power=as_float(vig_power),
        liquidity=_floats(liquidity),
        drop_after_half_lives=_float(drop_after_half_lives),
    )
    used = [row for row, weight in zip(rows, weights, strict=True) if weight > 0]
    if len(used) < max(min_sources, 1):
        raise TooFewSourcesError(
            f"{len(used)} books price the market; {max(min_sources, 1)} are needed"
        )
    normal = _normalised(weights)
    result = Consensus(log_pool(rows, normal), normal, spread_pct(used), logit_sd(used))
    _check_agreement(result, max_spread_pct, max_logit_sd)
    return result


def _check_agreement(
    result: Consensus, max_spread_pct: float | None, max_logit_sd: float | None
) -> None:
    if max_spread_pct is not None and result.spread_pct > max_spread_pct:
        raise SpreadTooWideError(
            f"the books differ by {result.spread_pct:.2f} points; {max_spread_pct:g} are allowed"
        )
    if max_logit_sd is not None and result.logit_sd > max_logit_sd:
        raise SpreadTooWideError(
            f"the books' logits vary by {result.logit_sd:.3f}; {max_logit_sd:g} is allowed"
        )


def book_weights(
    books: int,
    base: Sequence[float] | None = None,
    *,
    age_s: Sequence[float] | None = None,
    half_life_s: float | None = None,
    vig: Sequence[float] | None = None,
    vig_power: float = 0.0,
    liquidity: Sequence[float] | None = None,
    drop_after_half_lives: float | None = None,
) -> list[float]:
    """Return the books' weights, not normalised.

    Raises InvalidOddsError for a negative weight or a wrong number of them, ValueError for ages
    without a half-life.
    """
    weights = list(base) if base is not None else [1.0] * books
    if age_s is not None:
        if half_life_s is None:
            raise ValueError("ages weigh nothing without half_life_s")
        decay = [age_factor(age, half_life_s, drop_after_half_lives) for age in age_s]
        weights = _times(weights, decay)
    if vig is not None and vig_power:
        weights = _times(weights, [exp(-vig_power * log(max(v, LEAST_VIG))) for v in vig])
    if liquidity is not None:
        weights = _times(weights, liquidity)
    if len(weights) != books or not all(0 <= weight < float("inf") for weight in weights):
        raise InvalidOddsError(
            f"{books} books need as many weights that are not negative: {weights}"
        )
    return weights


def age_factor(
    age_s: float, half_life_s: float, drop_after_half_lives: float | None = None
) -> float:
    """Return ``2^(-age / half_life)``; 0 beyond ``drop_after_half_lives``.

    An age below zero (clocks differ) counts as 0. Raises ValueError for a half-life that is not
    positive.
    """
    if not half_life_s > 0:
        raise ValueError(f"a half-life must be positive: {half_life_s}")
    lives = max(age_s, 0.0) / half_life_s
    return (
        0.0
        if drop_after_half_lives is not None and lives > drop_after_half_lives
        else exp(-lives * _LN2)
    )


def anchored_base(books: Sequence[str], vigs: Sequence[float], anchor: str) -> list[float]:
    """Return base weights with half for ``anchor``, the rest in proportion to ``1 / vig^2``.

    Without the anchor the others share everything; an anchor alone has all the weight.
    """
    shares = [
        0.0 if book == anchor else max(vig, LEAST_VIG) ** -2
        for book, vig in zip(books, vigs, strict=True)
    ]
    total = sum(shares)
    if anchor not in books:
        return [share / total for share in shares]
    others = 1 - ANCHOR_SHARE if total else 0.0
    return [
        1 - others if book == anchor else others * share / total
        for book, share in zip(books, shares, strict=True)
    ]


def log_pool(fair_p: Sequence[Sequence[float]], weights: Sequence[float]) -> tuple[float, ...]:
    """Return the normalised weighted geometric mean of probability vectors.

    ``weights`` sum to 1. Raises NoSolutionError if the mean vanishes.
    """
    raw = [
        exp(sum([w * log(p) for w, p in zip(weights, leg, strict=True) if w]))
        for leg in zip(*fair_p, strict=True)
    ]
    total = sum(raw)
    if not total > 0:
        raise NoSolutionError("the pool of these probabilities vanishes")
    return tuple([x / total for x in raw])


def pool_ceiling(fair_p: Sequence[Sequence[float]]) -> tuple[float, ...]:
    """Return an upper bound of each outcome's probability in the logarithmic pool of any weights.

    ``1/p_i = sum_j prod_b (p_bj/p_bi)^w_b``, and a weighted geometric mean is never below its
    smallest member.
    """
    columns = range(len(fair_p[0]))
    if len(columns) == 2:  # the mean of logits lies between them
        return tuple([max(leg) for leg in zip(*fair_p, strict=True)])
    return tuple(
        [1 / sum([min([row[j] / row[i] for row in fair_p]) for j in columns]) for i in columns]
    )


def linear_pool(fair_p: Sequence[Sequence[float]], weights: Sequence[float]) -> tuple[float, ...]:
    """Return the weighted arithmetic mean of probability vectors; ``weights`` sum to 1."""
    return tuple(
        sum(w * p for w, p in zip(weights, leg, strict=True)) for leg in zip(*fair_p, strict=True)
    )


def spread_pct(fair_p: Sequence[Sequence[float]]) -> float:
    """Return the largest difference between two books on one outcome, in points of probability."""
    return 100 * max((max(leg) - min(leg) for leg in zip(*fair_p, strict=True)), default=0.0)


def logit_sd(fair_p: Sequence[Sequence[float]]) -> float:
    """Return the largest standard deviation (n - 1) of the books' logits on one outcome.

    It is 0 for one book.
    """
    books = len(fair_p)
    if books < 2:
        return 0.0
    worst = 0.0
    for leg in zip(*fair_p, strict=True):
        logits = [log(p / (1 - p)) for p in leg]
        mean = sum(logits) / books
        worst = max(worst, sum([(x - mean) ** 2 for x in logits]) / (books - 1))
    return sqrt(worst)


def _normalised(weights: Sequence[float]) -> tuple[float, ...]:
    heaviest = max(weights)
    shares = [weight / heaviest for weight in weights]  # so that their sum is finite
    total = sum(shares)
    return tuple(share / total for share in shares)


def _times(left: Sequence[float], right: Sequence[float]) -> list[float]:
    if len(left) != len(right):
        raise InvalidOddsError(f"{len(left)} weights and {len(right)} factors do not match")
    return [x * y for x, y in zip(left, right, strict=True)]


def _float(value: float | None) -> float | None:
    return None if value is None else as_float(value)


def _floats(values: Sequence[float] | None) -> list[float] | None:
    if values is None:
        return None
    if isinstance(values, Mapping) or not isinstance(values, Iterable):
        raise InvalidOddsError(f"a list of numbers is needed, one a book, not {values!r}")
    return list(map(as_float, values))


def _rows(fair_p: Iterable[Sequence[float]]) -> list[list[float]]:
    if isinstance(fair_p, Mapping) or not isinstance(fair_p, Iterable):
        raise IncompleteMarketError(
            f"a list of books is needed, each a list of probabilities, not {fair_p!r}"
        )
    books = list(fair_p)
    if not books:
        raise TooFewSourcesError("no book prices the market")
    rows = []
    for row in books:
        if not hasattr(row, "__len__") or len(row) < 2 or len(row) != len(books[0]):
            raise IncompleteMarketError(
                f"each book prices every leg, at least 2 and as many as the others: {row!r}"
            )
        if any(p is None for p in row):
            raise IncompleteMarketError(f"a leg has no probability: {list(row)}")
        made = list(map(as_float, row))
        if not all(0 < p < 1 for p in made):
            raise InvalidOddsError(f"not probabilities: {made}")
        rows.append(made)
    return rows
