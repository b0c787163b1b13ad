"""Goal models: independent Poisson, and Dixon-Coles' correction of the four lowest scores (1997).

Dixon-Coles multiplies, home goals first:

* (0,0) by ``1 - lam*mu*rho``
* (0,1) by ``1 + lam*rho``
* (1,0) by ``1 + mu*rho``
* (1,1) by ``1 - rho``

rho is usually negative, which raises draws. Pure Python: one match costs microseconds.
"""

from functools import lru_cache
from math import exp, isfinite, log, sqrt
from typing import NamedTuple

from keter.domain.market_kinds import MarketKind, Outcome
from keter.domain.markets import Market
from keter.domain.settlement import result_halves
from keter.domain.sports import FULL_TIME
from keter.errors import InvalidOddsError, NoSolutionError
from keter.pricing.value import Chances

MOST_GOALS = 60.0
_STEPS = 100
_SMALL = 1e-13


class GoalModel(NamedTuple):
    """Expected goals of both sides, and Dixon-Coles' rho."""

    home: float
    away: float
    rho: float = 0.0


@lru_cache(maxsize=4096)
def poisson(mean: float, size: int) -> tuple[float, ...]:
    """Return the probabilities of 0 to size-1 goals."""
    p = exp(-mean)
    row = [p]
    for n in range(1, size):
        p *= mean / n
        row.append(p)
    return tuple(row)


def grid_size(*means: float) -> int:
    """Return how many goals to count so that less than 1e-12 of the probability is left out.

    It is at least 16. Raises InvalidOddsError for a mean not above 0 or beyond MOST_GOALS.
    """
    for mean in means:
        if not (isfinite(mean) and 0 < mean <= MOST_GOALS):
            raise InvalidOddsError(
                f"expected goals must be above 0 and at most {MOST_GOALS:g}: {mean}"
            )
    mean = max(means)
    return max(16, int(mean + 9 * sqrt(mean) + 12))


def score_grid(model: GoalModel, size: int | None = None) -> list[list[float]]:
    """Return the probabilities ``grid[h][a]`` of all scores, summing to 1.

    Raises InvalidOddsError for impossible means, NoSolutionError for an impossible rho.
    """
    lam, mu, rho = model
    n = size or grid_size(lam, mu)
    home, away = poisson(lam, n), poisson(mu, n)
    grid = [[h * a for a in away] for h in home]
    if rho:
        factors = {
            (0, 0): 1 - lam * mu * rho,
            (0, 1): 1 + lam * rho,
            (1, 0): 1 + mu * rho,
            (1, 1): 1 - rho,
        }
        for (h, a), factor in factors.items():
            if not factor >= 0:
                raise NoSolutionError(
                    f"rho {rho:g} gives a negative probability at {lam:g}/{mu:g} goals"
                )
            grid[h][a] *= factor
    total = sum(map(sum, grid))
    return [[p / total for p in row] for row in grid]


def chances(model: GoalModel, market: Market, outcome: Outcome) -> Chances:
    """Return the chances of a bet's five results under the model. Raises as ``score_grid``."""
    return grid_chances(tuple(map(tuple, score_grid(model))), market, outcome)


def grid_chances(grid: tuple[tuple[float, ...], ...], market: Market, outcome: Outcome) -> Chances:
    """Return the chances of a bet's five results over a grid of scores, settled as by a venue."""
    masses = [0.0] * 5
    for (home, away), p in representative_scores(grid, market.family).items():
        masses[2 - result_halves(market, outcome, home, away)] += p
    return Chances(*masses)


def representative_scores(
    grid: tuple[tuple[float, ...], ...], kind: MarketKind
) -> dict[tuple[int, int], float]:
    """Return one score for every total (every margin for other kinds) with its probability.

    Settlement depends on the total or the margin alone, so fewer scores must be settled.
    """
    masses: dict[int, float] = {}
    by_total = kind == MarketKind.OVER_UNDER
    for home, row in enumerate(grid):
        for away, p in enumerate(row):
            key = home + away if by_total else home - away
            masses[key] = masses.get(key, 0.0) + p
    return {(max(key, 0), max(-key, 0)): p for key, p in masses.items()}


def home_draw_away(model: GoalModel) -> tuple[float, float, float]:
    """Return the probabilities of home win, draw and away win. Raises as ``score_grid``."""
    market = Market(FULL_TIME, MarketKind.ONE_X_TWO, None)
    outcomes = tuple(chances(model, market, outcome).win for outcome in market.outcomes)
    return outcomes[0], outcomes[1], outcomes[2]


def margin_p(model: GoalModel, margin: int) -> float:
    """Return P(home goals - away goals = margin), a Skellam probability.

    rho is ignored.
    """
    n = grid_size(model.home, model.away)
    home, away = poisson(model.home, n), poisson(model.away, n)
    if margin >= 0:
        return sum([h * a for h, a in zip(home[margin:], away, strict=False)])
    return sum([h * a for h, a in zip(home, away[-margin:], strict=False)])


@lru_cache(maxsize=4096)
def fit_home_away(p_home: float, p_away: float) -> GoalModel:
    """Return the independent Poisson model with these chances of a home and an away win.

    Solved by Newton's method on the logarithms of the means. Raises InvalidOddsError unless both
    chances are positive and leave room for a draw, NoSolutionError if no model fits.
    """
    if not (p_home > 0 and p_away > 0 and p_home + p_away < 1):
        raise InvalidOddsError(
            f"home and away chances must be positive and leave a draw: {p_home}, {p_away}"
        )
    lam, mu = 1.3, 1.3
    for _ in range(_STEPS):
        home, away, draw, home_by_one, away_by_one = _win_chances(lam, mu)
        f, g = home - p_home, away - p_away
        # d P(H)/d lam = P(draw), d P(H)/d mu = -P(home by one); mirrored for the away side.
        a, b, c, d = lam * draw, -mu * home_by_one, -lam * away_by_one, mu * draw
        determinant = a * d - b * c
        step_l, step_m = (f * d - b * g) / determinant, (a * g - c * f) / determinant
        lam *= exp(-max(-1.0, min(1.0, step_l)))
        mu *= exp(-max(-1.0, min(1.0, step_m)))
        if abs(step_l) + abs(step_m) < _SMALL:
            return GoalModel(lam, mu)
        if not (lam < MOST_GOALS and mu < MOST_GOALS):
            break
    raise NoSolutionError(f"no Poisson model has chances {p_home} and {p_away}")


def _win_chances(lam: float, mu: float) -> tuple[float, float, float, float, float]:
    n = grid_size(lam, mu)
    home, away = poisson.__wrapped__(lam, n), poisson.__wrapped__(mu, n)
    draw = sum([h * a for h, a in zip(home, away, strict=True)])
    home_by_one = sum([h * a for h, a in zip(home[1:], away, strict=False)])
    away_by_one = sum([h * a for h, a in zip(home, away[1:], strict=False)])
    home_wins, below = 0.0, 0.0
    for h, a in zip(home, away, strict=True):
        home_wins += h * below
        below += a
    return home_wins, 1 - home_wins - draw, draw, home_by_one, away_by_one


def total_chances(mean: float, line_q: int, outcome: Outcome = Outcome.OVER) -> Chances:
    """Return the chances of a totals bet's five results.

    The goals of both sides together are Poisson with ``mean``.
    """
    row = poisson(mean, grid_size(mean))
    market = Market(FULL_TIME, MarketKind.OVER_UNDER, line_q)
    masses = [0.0] * 5
    for total, p in enumerate(row):
        masses[2 - result_halves(market, outcome, total, 0)] += p
    return Chances(*masses)


@lru_cache(maxsize=4096)
def fit_total(p_over: float, line_q: int) -> float:
    """Return the Poisson mean at which over has the effective probability ``p_over``.

    On half lines that is P(over). ``line_q`` counts quarter goals. Raises InvalidOddsError for a
    number that is no probability or a line below a quarter goal, NoSolutionError if no mean fits.
    """
    if not 0 < p_over < 1 or line_q < 1:
        raise InvalidOddsError(f"no over/under chance {p_over} at line {line_q / 4:g}")
    low, high = log(1e-9), log(MOST_GOALS)
    x = log(line_q / 4 + 0.3)
    for _ in range(_STEPS):
        mean = exp(x)
        e, slope = _effective_over(mean, line_q)
        low, high = (x, high) if e < p_over else (low, x)
        step = (e - p_over) / (slope * mean) if slope > 0 else high - low
        following = x - step
        if abs(step) < _SMALL:
            return exp(following)
        x = following if low < following < high else (low + high) / 2
    raise NoSolutionError(f"no Poisson mean gives {p_over} at line {line_q / 4:g}")


def _effective_over(mean: float, line_q: int) -> tuple[float, float]:
    """Return W/(W+X) of over, and its derivative by the mean.

    The derivatives are d P(T > n) = p(n) and d p(n) = p(n-1) - p(n).
    """
    n = (line_q + 1) // 4
    row = poisson.__wrapped__(mean, n + 1)
    before = row[n - 1] if n else 0.0
    under, at = sum(row[:n]), row[n]
    win, loss, d_win, d_loss = 1 - under - at, under, at, -before
    share = {0: (0.0, 0.0), 1: (0.0, 0.5), 2: (0.0, 1.0), 3: (0.5, 0.0)}[line_q % 4]
    win, d_win = win + share[0] * at, d_win + share[0] * (before - at)
    loss, d_loss = loss + share[1] * at, d_loss + share[1] * (before - at)
    action = win + loss
    return win / action, (d_win * loss - win * d_loss) / (action * action)


def fit_home_away_total(p_home: float, p_away: float, p_over: float, line_q: int = 10) -> GoalModel:
    """Return the Dixon-Coles model with these chances of home, away and over.

    It gives one consistent grid for joint staking. Raises InvalidOddsError or NoSolutionError.

    * rho does not change the total, so the total fixes the sum of the means.
    * rho changes home and away wins equally, so their difference fixes the split.
    * The draw then fixes rho.
    """
    mean = fit_total(p_over, line_q)
    target = p_home - p_away
    low, high = 1e-9, 1 - 1e-9
    share = (low + high) / 2
    for _ in range(200):
        home, away, *_ = _win_chances(mean * share, mean * (1 - share))
        low, high = (share, high) if home - away < target else (low, share)
        share = (low + high) / 2
        if high - low < 1e-15:
            break
    lam, mu = mean * share, mean * (1 - share)
    home, away, draw, *_ = _win_chances(lam, mu)
    rho = (draw - (1 - p_home - p_away)) / (2 * lam * mu * exp(-mean))
    model = GoalModel(lam, mu, rho)
    score_grid(model)
    if abs(home - away - target) > 1e-9:
        raise NoSolutionError(f"no goal model has a supremacy of {target:.4f} at {mean:.3f} goals")
    return model
