"""The exact result of a bet: win, half win, push, half loss, loss.

* A quarter line is two half stakes on the lines a quarter either side.
* The handicap line is the home line.
* A handicap counts from ``start`` on; totals and 1X2 always count the whole period.
* A two-way money line is void on a draw, which pays like a push.

What is counted in a sport, and when a bet is void, is in ``sports_settlement``.
"""

from decimal import Decimal
from fractions import Fraction
from operator import index

import msgspec

from keter.domain.market_kinds import MarketKind, Outcome
from keter.domain.markets import Market
from keter.domain.odds import to_decimal
from keter.domain.order_states import OrderState
from keter.domain.sports_scores import Pair

RESULT_STATES: dict[int, OrderState] = {
    2: OrderState.WON,
    1: OrderState.HALF_WON,
    0: OrderState.PUSHED,
    -1: OrderState.HALF_LOST,
    -2: OrderState.LOST,
}


class Settlement(msgspec.Struct, frozen=True):
    """The state in which a bet ends, and its profit.

    The profit is negative for a loss, zero for a push or a void bet.
    """

    state: OrderState
    profit_minor: int


def result_halves(
    market: Market, outcome: Outcome, home: int, away: int, *, start: Pair = (0, 0)
) -> int:
    """Return the result in half stakes: 2 win, 1 half win, 0 push, -1 half loss, -2 loss.

    ``start`` is the score from which a handicap counts. The final score may be lower, if a goal was
    annulled. Raises ValueError for a side that the market does not have, and for goals that are no
    whole numbers from 0.
    """
    _check(market, outcome, home, away, start)
    family = market.family
    # Equality, not identity: a side given as plain text means the same.
    if family is MarketKind.ONE_X_TWO:
        winner = Outcome.HOME if home > away else Outcome.AWAY if away > home else Outcome.DRAW
        return 2 if outcome == winner else -2
    if family is MarketKind.OVER_UNDER:
        return _lined(4 * (home + away) - (market.line_q or 0)) * (
            1 if outcome == Outcome.OVER else -1
        )
    margin = home - away
    if family is MarketKind.ASIAN_HANDICAP:
        margin -= start[0] - start[1]
    return _lined(4 * margin + (market.line_q or 0)) * (1 if outcome == Outcome.HOME else -1)


def unit_profit(halves: int, odds: Decimal | Fraction | str) -> Fraction:
    """Return the profit per unit staked of a result in half stakes.

    Raises InvalidOddsError for odds not above 1.
    """
    net = to_decimal(odds, "decimal") - 1
    return Fraction(halves, 2) * (net if halves > 0 else 1)


def settle_count(
    market: Market,
    outcome: Outcome,
    count: Pair | None,
    *,
    start: Pair = (0, 0),
    odds: Decimal | Fraction | str,
    stake_minor: int,
) -> Settlement:
    """Settle a bet on what its market counted, home and away; None is a void bet.

    ``start`` is as in ``result_halves``. The profit is rounded once, half a minor unit away from
    zero. Raises ValueError for an impossible count and an impossible stake, InvalidOddsError for
    odds not above 1.
    """
    stake = _stake(stake_minor)
    if count is None:
        unit_profit(0, odds)
        return Settlement(OrderState.VOID, 0)
    halves = result_halves(market, outcome, *count, start=start)
    return Settlement(RESULT_STATES[halves], _round_half_away(unit_profit(halves, odds) * stake))


def _stake(stake_minor: int) -> int:
    try:
        stake = index(stake_minor)
    except TypeError as e:
        raise ValueError(f"a stake is a whole number of minor units, not {stake_minor!r}") from e
    if stake < 0:
        raise ValueError(f"a stake cannot be negative: {stake_minor}")
    return stake


def _check(market: Market, outcome: Outcome, home: int, away: int, start: Pair) -> None:
    if outcome not in market.outcomes:
        raise ValueError(f"{market.kind} has no {outcome}")
    try:
        least = min(index(home), index(away), index(start[0]), index(start[1]))
    except TypeError as e:
        raise ValueError(f"goals are whole numbers: {home!r}-{away!r} from {start!r}") from e
    if least < 0:
        raise ValueError(f"goals cannot be negative: {home}-{away} from {start[0]}-{start[1]}")


def _lined(quarters: int) -> int:
    """Return the half stakes won at a distance of ``quarters`` from the line.

    An odd distance is a quarter line: two half stakes that settle apart.
    """
    return max(-2, min(2, quarters)) if quarters % 2 else (quarters > 0) * 2 - (quarters < 0) * 2


def _round_half_away(value: Fraction) -> int:
    whole = int(abs(value) + Fraction(1, 2))
    return whole if value >= 0 else -whole
