"""Several bets on one match at once: Kelly over the score grid.

Bets that win together share one budget.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from keter.domain.market_kinds import Outcome
from keter.domain.markets import Market
from keter.domain.settlement import result_halves
from keter.errors import InvalidOddsError, NoSolutionError
from keter.pricing.goals import GoalModel, score_grid
from keter.pricing.value import effective_odds

Array = NDArray[np.float64]

# So near the maximum a line search would compare rounding errors: one whole Newton step is taken.
_LAST_DECREMENT = 1e-12


class LineBet(NamedTuple):
    """A selection at decimal odds."""

    market: Market
    outcome: Outcome
    odds: float


class Joint(NamedTuple):
    """Fractions in the order of the bets, and the expected log growth."""

    fractions: tuple[float, ...]
    growth: float


def kelly_joint(
    model: GoalModel, bets: Sequence[LineBet], *, cap: float = 1.0, cap_per_bet: float = 1.0
) -> Joint:
    """Return the fractions of the bankroll with the largest expected log growth.

    They maximise ``sum_s P(s) ln(1 + sum_k f_k r_k(s))`` with ``0 <= f_k <= cap_per_bet`` and
    ``sum f <= cap``. Only the sum of bets that always settle alike is determined; it is shared
    evenly. Raises InvalidOddsError for odds or caps out of range, ValueError for a side that the
    market does not have.
    """
    grid = score_grid(model)
    if not bets:
        return Joint((), 0.0)
    table = np.column_stack([_returns(bet, len(grid)) for bet in bets])
    unlike, which = np.unique(table, axis=1, return_inverse=True)
    alike = np.bincount(which.reshape(-1))
    states, where = np.unique(unlike, axis=0, return_inverse=True)
    weights: Array = np.bincount(where.reshape(-1), weights=np.asarray(grid).ravel()).astype(
        np.float64
    )
    room = np.minimum(cap_per_bet * alike, 1.0)
    joint = maximise_growth(states, weights, cap=cap, cap_per_bet=room)
    return Joint(
        tuple(joint.fractions[column] / int(alike[column]) for column in which.reshape(-1)),
        joint.growth,
    )


def maximise_growth(
    returns: Array, p: Array, *, cap: float = 1.0, cap_per_bet: float | Array = 1.0
) -> Joint:
    """Return Kelly's fractions for any simultaneous bets.

    ``returns[s, k]`` is the profit per unit of bet k in state s, which has probability ``p[s]``.
    ``cap_per_bet`` is one cap for all bets or one for each.

    The problem is concave: it is solved by a logarithmic barrier and Newton's method. Fractions are
    exact to about 1e-7; smaller ones become 0. Raises InvalidOddsError for caps outside (0, 1].
    """
    count = returns.shape[1]
    most = np.full(count, 1.0) * cap_per_bet
    if not (0 < cap <= 1 and most.min() > 0 and most.max() <= 1):
        raise InvalidOddsError(f"caps are shares of the bankroll: {cap}, {cap_per_bet}")
    f = np.minimum(cap / (count + 1), most) / 2
    sharpness = 1e2
    while sharpness < 1e12:
        f = _centre(f, returns, p, sharpness, (cap, most))
        sharpness *= 10
    f = np.where(f < 1e-7, 0.0, f)
    return Joint(tuple(f.tolist()), float(p @ np.log1p(returns @ f)))


def _centre(
    f: Array, returns: Array, p: Array, sharpness: float, caps: tuple[float, Array]
) -> Array:
    """Return the maximum of growth plus the barrier over ``sharpness``, by Newton's method.

    Raises NoSolutionError if it does not converge.
    """
    for _ in range(100):
        wealth = 1 + returns @ f
        slack, upper = caps[0] - f.sum(), caps[1] - f
        gradient = returns.T @ (p / wealth) + (1 / f - 1 / slack - 1 / upper) / sharpness
        scaled = returns * (np.sqrt(p) / wealth)[:, None]
        curve = scaled.T @ scaled + (np.diag(1 / f**2 + 1 / upper**2) + 1 / slack**2) / sharpness
        step = np.linalg.solve(curve, gradient)
        decrement = float(gradient @ step)
        if (
            decrement < _LAST_DECREMENT
            and _barrier(f + step, returns, p, sharpness, caps) > -np.inf
        ):
            return f + step
        length, before = 1.0, _barrier(f, returns, p, sharpness, caps)
        while length > 1e-12:
            trial = f + length * step
            if _barrier(trial, returns, p, sharpness, caps) >= before + 1e-4 * length * decrement:
                break
            length /= 2
        else:
            break
        f = trial
    raise NoSolutionError("joint Kelly does not converge")


def _barrier(
    f: Array, returns: Array, p: Array, sharpness: float, caps: tuple[float, Array]
) -> float:
    room = np.concatenate([f, caps[1] - f, [caps[0] - f.sum()]])
    wealth = 1 + returns @ f
    if room.min() <= 0 or wealth.min() <= 0:
        return -np.inf
    return float(p @ np.log(wealth) + np.log(room).sum() / sharpness)


def _returns(bet: LineBet, size: int) -> Array:
    net = effective_odds(bet.odds) - 1
    profits = {2: net, 1: net / 2, 0: 0.0, -1: -0.5, -2: -1.0}
    goals = range(size)
    return np.array(
        [
            profits[result_halves(bet.market, bet.outcome, home, away)]
            for home in goals
            for away in goals
        ]
    )
