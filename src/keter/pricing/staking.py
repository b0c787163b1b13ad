"""How much to stake: Kelly in its forms, proportional and fixed stakes, caps, and drawdown.

Fractions are of the bankroll. p is estimated, so stake a quarter to a half of Kelly and cap every
bet.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from math import comb, exp, inf, log, log1p
from typing import NamedTuple

from keter.domain.money import floor_to_minor
from keter.domain.odds import as_float
from keter.errors import IncompleteMarketError, InvalidOddsError, NoSolutionError
from keter.pricing.value import Chances, effective_odds, mass_value

_STEPS = 200


def kelly(
    chances: float | Mapping[str, float] | Sequence[float] | Chances,
    odds: float,
    *,
    commission: float = 0.0,
    fraction: float = 1.0,
    cap: float = 1.0,
) -> float:
    """Return the share of the bankroll that maximises expected log growth, 0 without value.

    It is multiplied by ``fraction`` and then at most ``cap``. ``chances`` is the probability of a
    win, or the five results of a bet (``Chances``, a list, or by name). With half results the
    optimum is 5 to 9 % above naive Kelly on the effective probability.

    Raises InvalidOddsError for numbers out of range, NoSolutionError if growth has no maximum below
    the whole bankroll.
    """
    made = Chances.of(chances)
    net = effective_odds(odds, commission) - 1
    part, most = as_float(fraction), as_float(cap)
    if not 0 <= part < inf or not most >= 0:
        raise InvalidOddsError(f"a part of Kelly and a cap cannot be negative: {fraction}, {cap}")
    return min(max(_full_kelly(made, net), 0.0) * part, most)


def _full_kelly(made: Chances, net: float) -> float:
    value = mass_value(made.win_mass, made.loss_mass, net + 1)
    if value <= 0:
        return 0.0
    if made.half_win == made.half_loss == 0:
        return value / (net * (made.win + made.loss))
    outcomes = tuple([(q, r) for q, r in zip(made, made.returns(net + 1), strict=True) if q > 0])
    if made.loss <= 0 and sum([q * r / (1 + r) for q, r in outcomes]) >= 0:
        raise NoSolutionError(
            "growth still rises at the whole bankroll: this bet has no Kelly fraction below 1"
        )
    return _root_of_growth(outcomes)


def _root_of_growth(outcomes: Sequence[tuple[float, float]]) -> float:
    """Return the f in (0, 1) at which ``sum q r / (1 + f r)`` is zero.

    The sum falls in f, from positive at 0 to negative near 1.
    """
    low, high, f = 0.0, 1.0, 0.0
    for _ in range(_STEPS):
        value = slope = 0.0
        for q, r in outcomes:
            ratio = r / (1 + f * r)
            value += q * ratio
            slope -= q * ratio * ratio
        low, high = (f, high) if value > 0 else (low, f)
        step = value / slope
        if abs(step) < 1e-16 or high - low < 1e-16:
            break
        f = f - step if low < f - step < high else (low + high) / 2
    return f


def growth(chances: float | Mapping[str, float] | Chances, odds: float, fraction: float) -> float:
    """Return the expected log growth of the bankroll if ``fraction`` of it is staked.

    It is minus infinity if ruin is possible. Raises InvalidOddsError.
    """
    made = Chances.of(chances)
    return _growth(
        [(q, fraction * r) for q, r in zip(made, made.returns(effective_odds(odds)), strict=True)]
    )


def _growth(outcomes: Sequence[tuple[float, float]]) -> float:
    return sum(q * log1p(r) if r > -1 else -inf for q, r in outcomes if q > 0)


class Lay(NamedTuple):
    """A lay by Kelly: liability and lay stake as shares of the bankroll."""

    liability: float
    stake: float


def kelly_lay(p: float, lay_odds: float, *, commission: float = 0.0) -> Lay:
    """Return Kelly's lay of a selection that wins with probability ``p``.

    It is a back of the complement at ``1 + (1-c)/(l-1)``. Raises InvalidOddsError.
    """
    net = effective_odds(lay_odds) - 1
    effective_odds(lay_odds, commission)
    liability = kelly(1 - p, 1 + (1 - commission) / net)
    return Lay(liability, liability / net)


class Exclusive(NamedTuple):
    """Fractions in the order of the outcomes, the reserve rate R, and the expected log growth."""

    fractions: tuple[float, ...]
    reserve_rate: float
    growth: float


def kelly_exclusive(p: Sequence[float], odds: Sequence[float]) -> Exclusive:
    """Return Kelly's fractions on the outcomes of one market, of which exactly one happens.

    After Smoczynski and Tomkins 2010. An outcome without value of its own may enter as a hedge. If
    the whole market is underround, the optimum is to stake everything, with reserve 0. That is an
    arbitrage: cap it first.

    Raises IncompleteMarketError for lists of other lengths, InvalidOddsError for numbers out of
    range.
    """
    p, odds = _exclusive_market(p, odds)
    reserve, backed_p, backed_r = 1.0, 0.0, 0.0
    chosen: set[int] = set()
    for i in sorted(range(len(p)), key=lambda i: -p[i] * odds[i]):
        if p[i] * odds[i] <= reserve or backed_r + 1 / odds[i] >= 1:
            break
        backed_p, backed_r = backed_p + p[i], backed_r + 1 / odds[i]
        reserve = max(1 - backed_p, 0.0) / (1 - backed_r)
        chosen.add(i)
    fractions = tuple(p[i] - reserve / odds[i] if i in chosen else 0.0 for i in range(len(p)))
    staked = sum(fractions)
    unlisted = 1 - sum(p)
    wealth = [(p[i], fractions[i] * odds[i] - staked) for i in range(len(p))]
    wealth.append((unlisted if unlisted > 1e-12 else 0.0, -staked))
    return Exclusive(fractions, reserve, _growth(wealth))


def _exclusive_market(p: Sequence[float], odds: Sequence[float]) -> tuple[list[float], list[float]]:
    if len(p) != len(odds) or not len(p):
        raise IncompleteMarketError(
            f"{len(p)} probabilities and {len(odds)} odds do not make a market"
        )
    p, odds = [as_float(x) for x in p], [effective_odds(price) for price in odds]
    if not all(0 <= x <= 1 for x in p) or sum(p) > 1 + 1e-6:
        raise InvalidOddsError(
            f"exclusive outcomes need probabilities that are together at most 1: {p}"
        )
    return p, odds


def kelly_independent(p: float, odds: float, bets: int = 2) -> float:
    """Return the exact share for each of ``bets`` equal, independent, simultaneous bets.

    Raises InvalidOddsError.
    """
    net = effective_odds(odds) - 1
    if not 0 <= p <= 1 or bets < 1:
        raise InvalidOddsError(f"not a probability and a number of bets: {p}, {bets}")
    if p * net <= 1 - p:
        return 0.0
    outcomes = [
        (comb(bets, wins) * p**wins * (1 - p) ** (bets - wins), (wins * net - (bets - wins)) / bets)
        for wins in range(bets + 1)
    ]
    return _root_of_growth(outcomes) / bets


def scaled(fractions: Sequence[float], cap_total: float) -> tuple[float, ...]:
    """Scale fractions down by one factor so that their sum is at most ``cap_total``."""
    total = sum(fractions)
    return (
        tuple(fractions) if total <= cap_total else tuple(f * cap_total / total for f in fractions)
    )


def capped(fraction: float, *room: float) -> float:
    """Return ``fraction`` or the least of ``room`` if that is smaller; never negative.

    ``room`` is what the bet, the event and the day still allow.
    """
    return max(min(fraction, *room), 0.0) if room else max(fraction, 0.0)


def fixed_stake(unit: Decimal, odds: Decimal | None = None) -> Decimal:
    """Return the constant stake ``unit`` or, given odds, the stake that wins ``unit``."""
    return unit if odds is None else unit / (odds - 1)


def proportional_stake(
    unit: Decimal, ev: Decimal, ev_reference: Decimal, cap: Decimal | None = None
) -> Decimal:
    """Return ``unit * EV / EV_ref``, at most ``unit * cap``, and 0 without value.

    It stakes more on longshots than Kelly does.
    """
    # Multiplied first: a quotient that is rounded first can lose a cent when it is floored.
    wanted = unit * ev / ev_reference
    return max(wanted if cap is None else min(wanted, unit * cap), Decimal(0))


def playable(amount: Decimal, minimum_minor: int, step_minor: int = 1) -> int:
    """Return the minor units to stake: rounded down to ``step_minor``, 0 below the minimum.

    A stake is never rounded up.
    """
    stake = floor_to_minor(max(amount, Decimal(0)), step_minor)
    return stake if stake >= minimum_minor else 0


class Drawdown(NamedTuple):
    """The effects of staking a part of Kelly, in the lognormal limit (Thorp 2006)."""

    p_ever_below: float
    p_double_before_half: float
    growth_relative_to_full: float


def drawdown(kelly_fraction: float, floor: float = 0.5) -> Drawdown:
    """Return the drawdown chances of ``kelly_fraction`` of Kelly.

    They are the chances ever to fall to ``floor`` of the start, and to double before halving. At
    twice Kelly and beyond every drawdown is certain. Raises InvalidOddsError for a fraction not
    above 0 or a floor outside (0, 1].
    """
    if not 0 < kelly_fraction < inf or not 0 < floor <= 1:
        raise InvalidOddsError(
            f"need a positive part of Kelly and a floor in (0, 1]: {kelly_fraction}, {floor}"
        )
    e = 2 / kelly_fraction - 1
    below = exp(max(e, 0.0) * log(floor))
    double = 1 / (1 + 2**-e)
    return Drawdown(below, double, kelly_fraction * (2 - kelly_fraction))
