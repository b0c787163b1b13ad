"""Matched betting: a bookmaker's offer turned into money by laying it off, in exact fractions."""

from enum import StrEnum
from fractions import Fraction
from typing import NamedTuple

from keter.domain.odds import OddsValue, exact, to_decimal
from keter.errors import InvalidOddsError
from keter.pricing.arbitrage import after_commission, round_to_unit

LEAST_LOSS = Fraction(1, 100)  # a smaller loss, or none, counts as this in a score
INVERSION_RATIO = Fraction(95, 100)


class BetType(StrEnum):
    """What is staked: own money, or a free bet without or with its stake returned."""

    QUALIFYING = "qualifying"
    STAKE_NOT_RETURNED = "snr"
    STAKE_RETURNED = "sr"


class Profits(NamedTuple):
    """Profit if the back wins and if the lay wins."""

    back_wins: Fraction
    lay_wins: Fraction

    @property
    def worst(self) -> Fraction:
        return min(self)


class Matched(NamedTuple):
    """The lay that makes both results pay the same, exact and rounded to the cent.

    * ``retention`` is worst profit / free bet, None for a qualifying bet.
    * ``rating`` is (stake + worst profit) / stake, None for a free bet.
    * ``breakeven_lay_wins`` and ``breakeven_back_wins`` are the lay stakes at which a qualifying
      bet loses nothing if the lay or the back wins.
    """

    lay_stake: Fraction
    liability: Fraction
    profits: Profits
    rounded_lay: Fraction
    rounded_profits: Profits
    retention: Fraction | None
    rating: Fraction | None
    is_arb: bool
    breakeven_lay_wins: Fraction | None
    breakeven_back_wins: Fraction | None


def matched_bet(
    kind: str,
    stake: OddsValue,
    back_odds: OddsValue,
    lay_odds: OddsValue,
    commission: OddsValue = 0,
    unit: OddsValue = "0.01",
) -> Matched:
    """Lay off a bet or free bet of ``stake``; ``kind`` is a BetType.

    Raises InvalidOddsError, and ValueError for an unknown kind.
    """
    bet_type, amount, rate = BetType(kind), exact(stake), exact(commission)
    back, lay = to_decimal(back_odds, "decimal"), to_decimal(lay_odds, "decimal")
    after_commission(lay, rate)
    if amount <= 0:
        raise InvalidOddsError(f"a stake must be positive: {stake}")
    paid = back - 1 if bet_type is BetType.STAKE_NOT_RETURNED else back
    lay_stake = amount * paid / (lay - rate)
    rounded = round_to_unit(lay_stake, unit)
    profits = profits_with_lay(kind, amount, back, lay, lay_stake, rate)
    own = bet_type is BetType.QUALIFYING
    return Matched(
        lay_stake=lay_stake,
        liability=lay_stake * (lay - 1),
        profits=profits,
        rounded_lay=rounded,
        rounded_profits=profits_with_lay(kind, amount, back, lay, rounded, rate),
        retention=None if own else profits.worst / amount,
        rating=(amount + profits.worst) / amount if own else None,
        is_arb=own and back * (1 - rate) > lay - rate,
        breakeven_lay_wins=amount / (1 - rate) if own else None,
        breakeven_back_wins=amount * (back - 1) / (lay - 1) if own else None,
    )


def profits_with_lay(
    kind: str,
    stake: OddsValue,
    back_odds: OddsValue,
    lay_odds: OddsValue,
    lay_stake: OddsValue,
    commission: OddsValue = 0,
) -> Profits:
    """Return the profits at any lay stake.

    A smaller stake than the equalising one is an underlay, which is better if the back wins. A
    larger one is an overlay.
    """
    amount, laid, rate = exact(stake), exact(lay_stake), exact(commission)
    back, lay = to_decimal(back_odds, "decimal"), to_decimal(lay_odds, "decimal")
    bet_type = BetType(kind)
    won = amount * (back if bet_type is BetType.STAKE_RETURNED else back - 1)
    lost = amount if bet_type is BetType.QUALIFYING else 0
    return Profits(won - laid * (lay - 1), laid * (1 - rate) - lost)


def liquidity_floor(available: OddsValue, needed: OddsValue) -> Fraction:
    """Return ``min(1, lay size available / lay stake needed)``."""
    want = exact(needed)
    return min(Fraction(1), exact(available) / want) if want > 0 else Fraction(1)


def offer_score(
    free_bet_value: OddsValue,
    max_loss: OddsValue,
    minutes_to_kickoff: OddsValue,
    retention_rate: OddsValue,
    liquidity: OddsValue = 1,
) -> Fraction:
    """Return a ranking number: ``(value / max loss) * (1 / minutes) * retention * liquidity``.

    * ``max_loss`` is a positive number and counts as at least 0.01, also of an arbitrage.
    * The minutes count as at least 1; an event under way scores 0.
    * Retention and liquidity are cut to [0, 1].

    The score puts imminent events far above better value: show the retention beside it.
    """
    minutes = exact(minutes_to_kickoff)
    if minutes <= 0:
        return Fraction(0)
    loss = max(exact(max_loss), LEAST_LOSS)
    return (
        exact(free_bet_value)
        / loss
        / max(minutes, Fraction(1))
        * _share(retention_rate)
        * _share(liquidity)
    )


def is_inverted(back_odds: OddsValue, lay_odds: OddsValue) -> bool:
    """Return whether the pair is a data error: ``lay < 0.95 * back``, in exact decimals.

    Raises InvalidOddsError.
    """
    return to_decimal(lay_odds, "decimal") < INVERSION_RATIO * to_decimal(back_odds, "decimal")


def _share(value: OddsValue) -> Fraction:
    return min(max(exact(value), Fraction(0)), Fraction(1))
