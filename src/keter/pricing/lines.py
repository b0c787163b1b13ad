"""From one line to another: handicaps from 1X2, and prices moved over at most two quarter steps.

* A handicap computed from the same book's 1X2 is wrong by 0.14 points of probability at half a
  goal. At 1.5 goals it is wrong by 1.1 points (measured on closing prices).
* So no line beyond ``abs(line) <= 1`` is priced from 1X2 alone, and every step of a move needs more
  edge.
* Chances are effective probabilities ``e = W/(W+X)``.
* Lines are counts of quarter goals; a handicap's line is the home line.
"""

from functools import lru_cache
from math import exp, log

from keter.domain.market_kinds import MarketKind, Outcome
from keter.domain.markets import Market
from keter.domain.sports import FULL_TIME
from keter.errors import NoSolutionError
from keter.pricing.goals import GoalModel, chances, fit_home_away, fit_total, total_chances
from keter.pricing.value import Chances

MOST_STEPS = 2
WIDEST_FROM_1X2_Q = 4
# Near the level line independent Poisson gives too few draws; further out rho makes prices worse.
LEVEL_RHO, LEVEL_LINE_Q = -0.08, 2


def handicap_chances(
    home: float, draw: float, away: float, line_q: int, outcome: Outcome = Outcome.HOME
) -> Chances:
    """Return the chances of a handicap bet's five results from the fair 1X2.

    Lines up to half a goal follow exactly, lines up to a goal from the Poisson model fitted to the
    two wins. Raises NoSolutionError beyond that, InvalidOddsError for impossible probabilities.
    """
    Chances.of({"win": home, "push": draw, "loss": away})
    if outcome == Outcome.AWAY:
        home, away, line_q = away, home, -line_q
    exact = {
        -2: Chances(home, loss=draw + away),
        -1: Chances(home, half_loss=draw, loss=away),
        0: Chances(home, push=draw, loss=away),
        1: Chances(home, half_win=draw, loss=away),
        2: Chances(home + draw, loss=away),
    }
    if line_q in exact:
        return exact[line_q]
    if abs(line_q) > WIDEST_FROM_1X2_Q:
        raise NoSolutionError(f"a handicap of {line_q / 4:+g} cannot be priced from 1X2 alone")
    market = Market(FULL_TIME, MarketKind.ASIAN_HANDICAP, line_q)
    return chances(fit_home_away(home, away), market, Outcome.HOME)


def handicap_odds(home: float, draw: float, away: float) -> dict[int, float]:
    """Return the fair odds of the home side by line in quarter goals.

    It has the lines that follow from 1X2 without a goal model.
    """
    return {line_q: handicap_chances(home, draw, away, line_q).fair_odds for line_q in range(-2, 3)}


def extra_edge_points(steps: int) -> float:
    """Return the points of probability added to the required edge of a moved price.

    ``steps`` are the quarter steps over which it was moved.
    """
    return 0.2 + 0.3 * steps if steps else 0.0


def move_total(p_over: float, from_q: int, to_q: int) -> float:
    """Return the effective chance of over at another line, through the Poisson mean.

    Raises NoSolutionError beyond two steps.
    """
    _check_steps(from_q, to_q)
    return total_chances(fit_total(p_over, from_q), to_q).effective_p


def move_handicap(p_home: float, from_q: int, to_q: int, total_goals: float) -> float:
    """Return the effective chance of the home side at another line.

    It is computed through a goal model with ``total_goals``, and with rho -0.08 for lines up to
    half a goal, 0 above. Raises NoSolutionError beyond two steps, or if no split of the goals gives
    ``p_home``.
    """
    _check_steps(from_q, to_q)
    rho = LEVEL_RHO if max(abs(from_q), abs(to_q)) <= LEVEL_LINE_Q else 0.0
    share = _share_of_goals(p_home, from_q, total_goals, rho)
    return _home_chance(share, to_q, total_goals, rho)


@lru_cache(maxsize=4096)
def _share_of_goals(p_home: float, line_q: int, total_goals: float, rho: float) -> float:
    """Return the home side's share of the goals at which the model gives ``p_home``.

    Solved by secant steps inside a bracket (Illinois rule). Raises NoSolutionError if none does.
    """
    low, high = 0.01, 0.99
    f_low = _home_chance(low, line_q, total_goals, rho) - p_home
    f_high = _home_chance(high, line_q, total_goals, rho) - p_home
    if not f_low < 0 < f_high:
        raise NoSolutionError(
            f"{total_goals:g} goals cannot be split to give {p_home} at {line_q / 4:+g}"
        )
    for _ in range(100):
        share = high - f_high * (high - low) / (f_high - f_low)
        value = _home_chance(share, line_q, total_goals, rho) - p_home
        if abs(value) < 1e-12:
            return share
        if (value > 0) is (f_high > 0):
            f_low /= 2
        else:
            low, f_low = high, f_high
        high, f_high = share, value
    raise NoSolutionError(
        f"no split of {total_goals:g} goals converges on {p_home} at {line_q / 4:+g}"
    )


def _home_chance(share: float, line_q: int, total_goals: float, rho: float) -> float:
    model = GoalModel(total_goals * share, total_goals * (1 - share), rho)
    return chances(
        model, Market(FULL_TIME, MarketKind.ASIAN_HANDICAP, line_q), Outcome.HOME
    ).effective_p


def interpolate(left_q: int, left_p: float, right_q: int, right_p: float, to_q: int) -> float:
    """Return the effective chance at a line between two quoted ones, linear in its logit.

    This is more exact than a move from one side. Raises NoSolutionError if the line is not between
    them, or more than two steps from the nearer one.
    """
    if not min(left_q, right_q) <= to_q <= max(left_q, right_q) or left_q == right_q:
        raise NoSolutionError(f"{to_q / 4:+g} is not between {left_q / 4:+g} and {right_q / 4:+g}")
    _check_steps(min((left_q, right_q), key=lambda q: abs(q - to_q)), to_q)
    left, right = log(left_p / (1 - left_p)), log(right_p / (1 - right_p))
    logit = left + (right - left) * (to_q - left_q) / (right_q - left_q)
    return 1 / (1 + exp(-logit))


def _check_steps(from_q: int, to_q: int) -> None:
    if abs(from_q - to_q) > MOST_STEPS:
        raise NoSolutionError(
            f"a price is moved {MOST_STEPS} quarter steps at most: {from_q / 4:+g} to {to_q / 4:+g}"
        )
