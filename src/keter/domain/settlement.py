"""The exact result of a bet: win, half win, push, half loss, loss.

* A quarter line is two half stakes on the lines a quarter goal either side.
* The handicap line is the home line.
* A handicap taken in play counts the goals after the bet if ``score_at_bet`` is given, as some
  venues do. Totals and 1X2 always count the whole period.
* A two-way money line is void on a draw, which pays like a push.
"""

from decimal import Decimal
from fractions import Fraction
from operator import index

import msgspec

from keter.domain.bets import BetState
from keter.domain.markets import Market, MarketKind, Outcome, Period, parse_market
from keter.domain.odds import to_decimal

Goals = tuple[int, int]

RESULT_STATES: dict[int, BetState] = {
    2: BetState.WON,
    1: BetState.HALF_WON,
    0: BetState.PUSHED,
    -1: BetState.HALF_LOST,
    -2: BetState.LOST,
}


class Settlement(msgspec.Struct, frozen=True):
    """The state in which a bet ends, and its profit.

    The profit is negative for a loss, zero for a push or a void bet.
    """

    state: BetState
    profit_minor: int


def result_halves(
    market: Market, side: Outcome, home: int, away: int, *, start: Goals = (0, 0)
) -> int:
    """Return the result in half stakes: 2 win, 1 half win, 0 push, -1 half loss, -2 loss.

    ``start`` is the score from which a handicap counts. The final score may be lower, if a goal was
    annulled. Raises ValueError for a side that the market does not have, and for goals that are no
    whole numbers from 0.
    """
    _check(market, side, home, away, start)
    # Equality, not identity: a side or kind given as plain text means the same.
    if market.kind == MarketKind.ONE_X_TWO:
        winner = Outcome.HOME if home > away else Outcome.AWAY if away > home else Outcome.DRAW
        return 2 if side == winner else -2
    if market.kind == MarketKind.OVER_UNDER:
        return _lined(4 * (home + away) - (market.line_q or 0)) * (
            1 if side == Outcome.OVER else -1
        )
    margin = home - away
    if market.kind == MarketKind.ASIAN_HANDICAP:
        margin -= start[0] - start[1]
    return _lined(4 * margin + (market.line_q or 0)) * (1 if side == Outcome.HOME else -1)


def unit_profit(halves: int, odds: Decimal | Fraction | str) -> Fraction:
    """Return the profit per unit staked of a result in half stakes.

    Raises InvalidOddsError for odds not above 1.
    """
    net = to_decimal(odds, "decimal") - 1
    return Fraction(halves, 2) * (net if halves > 0 else 1)


def settle(
    market: Market | str,
    side: Outcome,
    *,
    final: Goals | None,
    half_time: Goals | None = None,
    score_at_bet: Goals | None = None,
    odds: Decimal | Fraction | str,
    stake_minor: int,
) -> Settlement:
    """Settle a bet; ``final`` None is an abandoned or postponed event: void, stake returned.

    * ``market`` may be its id, such as ``ft.ah.-0.75``; the line is the home line, also of a bet on
      the away side.
    * A half-time market is settled on ``half_time``, also if the match is abandoned later.
    * The profit is rounded once, half a minor unit away from zero.

    Raises ValueError for a score that is missing or impossible and for an impossible stake,
    InvalidOddsError for odds not above 1.
    """
    stake = _stake(stake_minor)
    market = parse_market(market) if isinstance(market, str) else market
    score = half_time if market.period is Period.HALF_TIME else final
    if score is None and final is None:
        unit_profit(0, odds)
        return Settlement(BetState.VOID, 0)
    if score is None:
        raise ValueError(f"{market.market_id} needs the half-time score")
    home, away = _goals(score)
    start = (0, 0) if score_at_bet is None else _goals(score_at_bet)
    halves = result_halves(market, side, home, away, start=start)
    return Settlement(RESULT_STATES[halves], _round_half_away(unit_profit(halves, odds) * stake))


def _goals(score: Goals) -> Goals:
    try:
        home, away = score
        return index(home), index(away)
    except (TypeError, ValueError) as e:
        raise ValueError(f"a score is two whole numbers of goals, not {score!r}") from e


def _stake(stake_minor: int) -> int:
    try:
        stake = index(stake_minor)
    except TypeError as e:
        raise ValueError(f"a stake is a whole number of minor units, not {stake_minor!r}") from e
    if stake < 0:
        raise ValueError(f"a stake cannot be negative: {stake_minor}")
    return stake


def _check(market: Market, side: Outcome, home: int, away: int, start: Goals) -> None:
    if side not in market.sides:
        raise ValueError(f"{market.kind} has no {side}")
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
