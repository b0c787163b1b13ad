"""Arbitrage, back against lay, and middles, in exact fractions.

Stakes are rounded once, and the result is judged after rounding.
"""

from collections.abc import Sequence
from fractions import Fraction
from typing import NamedTuple

from keter.domain.market_kinds import MarketKind, Outcome
from keter.domain.markets import Market, parse_line
from keter.domain.odds import OddsValue, exact, to_decimal
from keter.domain.settlement import result_halves, unit_profit
from keter.domain.sports import FULL_TIME
from keter.errors import IncompleteMarketError, InvalidOddsError

Fractions = tuple[Fraction, ...]


class Arbitrage(NamedTuple):
    """Stakes with equal returns.

    * ``is_arb`` judges the exact prices.
    * ``roi`` is the profit per unit of ``total``, before rounding.
    * ``profits`` are by outcome, from the rounded stakes; ``worst_profit`` is the least of them.
    """

    effective_odds: Fractions
    booksum: Fraction
    is_arb: bool
    roi: Fraction
    total: Fraction
    stakes: Fractions
    rounded: Fractions
    profits: Fractions
    worst_profit: Fraction


def arbitrage(
    odds: Sequence[OddsValue],
    total: OddsValue,
    *,
    commission: Sequence[OddsValue] | None = None,
    limits: Sequence[OddsValue | None] | None = None,
    unit: OddsValue = "0.01",
    rounding: str = "half_up",
) -> Arbitrage:
    """Split ``total`` over the outcomes of one market so that all return the same.

    * ``commission`` is per leg, on net winnings.
    * ``limits`` are the largest stakes accepted, None where there is no limit.
    * ``unit`` is what stakes are rounded to, by ``rounding``: ``half_up``, ``down`` or ``up``.

    Raises IncompleteMarketError below two legs or for lists of other lengths, InvalidOddsError for
    numbers out of range.
    """
    rates, most = _checked_legs(odds, commission, limits)
    effective = tuple(
        after_commission(price, rate) for price, rate in zip(odds, rates, strict=True)
    )
    booksum = sum((1 / e for e in effective), Fraction(0))
    room = [
        exact(limit) * e * booksum
        for limit, e in zip(most, effective, strict=True)
        if limit is not None
    ]
    used = min([exact(total), *room])
    if used < 0:
        raise InvalidOddsError(f"stakes cannot be negative: {total}, {limits}")
    stakes = tuple(used / (e * booksum) for e in effective)
    rounded = tuple(round_to_unit(stake, unit, rounding) for stake in stakes)
    profits = tuple(stake * e - sum(rounded) for stake, e in zip(rounded, effective, strict=True))
    is_arb, roi, worst = booksum < 1, 1 / booksum - 1, min(profits)
    return Arbitrage(effective, booksum, is_arb, roi, used, stakes, rounded, profits, worst)


def _checked_legs(
    odds: Sequence[OddsValue],
    commission: Sequence[OddsValue] | None,
    limits: Sequence[OddsValue | None] | None,
) -> tuple[list[Fraction], list[OddsValue | None]]:
    """Return the commission and the limit of each leg."""
    legs = len(odds)
    if any(price is None for price in odds):
        raise IncompleteMarketError(f"a leg has no price: {list(odds)}")
    rates = [exact(rate) for rate in commission] if commission is not None else [Fraction(0)] * legs
    most: list[OddsValue | None] = list(limits) if limits is not None else [None] * legs
    if legs < 2 or len(rates) != legs or len(most) != legs:
        raise IncompleteMarketError(
            f"{legs} odds, {len(rates)} commissions and {len(most)} limits do not make a market"
        )
    return rates, most


def after_commission(odds: OddsValue, commission: OddsValue) -> Fraction:
    """Return ``1 + (o-1)(1-c)``: the odds after commission on net winnings.

    Raises InvalidOddsError for a commission outside [0, 1).
    """
    rate = exact(commission)
    if not 0 <= rate < 1:
        raise InvalidOddsError(f"commission is a share of winnings from 0 to below 1: {commission}")
    return 1 + (to_decimal(odds, "decimal") - 1) * (1 - rate)


def round_to_unit(amount: Fraction, unit: OddsValue, rounding: str = "half_up") -> Fraction:
    """Round ``amount`` (not negative) to a multiple of ``unit``: ``half_up``, ``down`` or ``up``.

    Raises ValueError for another rounding or a unit that is not positive.
    """
    step = exact(unit)
    if rounding not in {"half_up", "down", "up"} or step <= 0:
        raise ValueError(f"cannot round to {unit} by {rounding!r}")
    count = amount / step
    whole = {
        "half_up": (count + Fraction(1, 2)).__floor__,
        "down": count.__floor__,
        "up": count.__ceil__,
    }
    return whole[rounding]() * step


class BackLay(NamedTuple):
    """A back against a lay of the same selection.

    ``lay_stake`` makes both results pay the same ``profit``; ``liability`` is the lay's risk.
    """

    lay_stake: Fraction
    liability: Fraction
    profit: Fraction
    is_arb: bool


def back_lay(
    stake: OddsValue, back_odds: OddsValue, lay_odds: OddsValue, commission: OddsValue = 0
) -> BackLay:
    """Lay off a back so that both results pay the same.

    It is an arbitrage if and only if ``B(1-c) > l - c``. Raises InvalidOddsError.
    """
    back, lay = to_decimal(back_odds, "decimal"), to_decimal(lay_odds, "decimal")
    rate = exact(commission)
    after_commission(lay, rate)
    lay_stake = exact(stake) * back / (lay - rate)
    profit = lay_stake * (1 - rate) - exact(stake)
    return BackLay(lay_stake, lay_stake * (lay - 1), profit, back * (1 - rate) > lay - rate)


class TotalsLeg(NamedTuple):
    """A stake on over or under a total."""

    outcome: Outcome
    line: str
    odds: OddsValue
    stake: OddsValue


class Middle(NamedTuple):
    """A middle over a distribution of totals.

    Both bets win with probability ``p_middle``. ``worst`` and ``ev`` are of both stakes together.
    """

    profit_by_total: dict[int, Fraction]
    p_middle: float
    worst: Fraction
    ev: float


def middle(
    over: TotalsLeg, under: TotalsLeg, p_total: Sequence[float] = (), totals: int = 7
) -> Middle:
    """Settle two totals bets at each total.

    ``p_total[n]`` is P(n goals), given where an expected value is wanted. Raises InvalidOddsError,
    and ValueError for a line that is no multiple of a quarter.
    """
    count = max(totals, len(p_total))
    parts = [[_totals_profit(leg, total) for total in range(count)] for leg in (over, under)]
    profits = {total: parts[0][total] + parts[1][total] for total in range(count)}
    both = [total for total in range(count) if min(parts[0][total], parts[1][total]) > 0]
    p_middle = sum(p_total[total] for total in both if total < len(p_total))
    ev = sum(p * float(profits[total]) for total, p in enumerate(p_total))
    return Middle(profits, p_middle, min(profits.values()), ev)


def _totals_profit(leg: TotalsLeg, total: int) -> Fraction:
    market = Market(FULL_TIME, MarketKind.OVER_UNDER, parse_line(leg.line))
    halves = result_halves(market, leg.outcome, total, 0)
    return exact(leg.stake) * unit_profit(halves, str(to_decimal(leg.odds, "decimal")))
