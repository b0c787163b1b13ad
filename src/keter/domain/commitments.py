"""What a bet or an order commits: a filled part, or the part that may still be filled.

Amounts are whole minor units, and each rounding goes against us. ``keter.domain.positions`` adds
them up to what an event may lose.
"""

from fractions import Fraction
from functools import lru_cache
from typing import NamedTuple

from keter.domain.market_kinds import MarketKind, Outcome
from keter.domain.markets import Market
from keter.domain.odds import exact, to_decimal
from keter.domain.order_states import Side
from keter.domain.sports import HandicapRule
from keter.domain.sports_scores import Pair
from keter.errors import InvalidOddsError

# Profits in minor units of a back's results -2, -1, 0, 1 and 2 in half stakes, in this order.
Amounts = tuple[int, int, int, int, int]


class Commitment(NamedTuple):
    """A filled part of an order, or the part that may still be filled.

    * ``stake_minor`` is the backer's, also of a lay, in the account's currency.
    * ``odds``, ``commission`` (0.02 is 2 %) and ``rate`` are decimal text. ``rate`` is the fixed
      price of one unit of the account's currency in the currency of the sum.
    * ``filled`` is True only for what the venue has confirmed.
    * ``start`` is the score from which an in-play handicap counts, at venues that do so.
    * ``account`` bears the commission, on its net winnings of a market.
    """

    market: Market
    outcome: Outcome
    stake_minor: int
    odds: str
    side: Side = Side.BACK
    filled: bool = False
    start: Pair | None = None
    account: str = ""
    commission: str = "0"
    rate: str = "1"

    @property
    def whole_match_market(self) -> Market:
        """Its market, with an in-play handicap as the whole match's with the same results."""
        market, start = self.market, self.start
        if (
            start is None
            or market.family is not MarketKind.ASIAN_HANDICAP
            or market.of.handicap_in_play is not HandicapRule.SCORE_AT_BET
        ):
            return market
        line_q = (market.line_q or 0) - 4 * (start[0] - start[1])
        return Market(market.period, market.kind, line_q, market.sport)


@lru_cache(maxsize=8192)
def amounts(side: Side, odds: str, stake_minor: int) -> Amounts:
    """Return the profits of the five results of a back, rounded down: a loss is never too small.

    Those of a lay are the layer's. Raises ValueError for a stake that is negative or no whole
    number, InvalidOddsError for odds not above 1.
    """
    if type(stake_minor) is not int or stake_minor < 0:
        raise ValueError(f"a stake is a whole number of minor units from 0, not {stake_minor!r}")
    net = to_decimal(odds, "decimal") - 1
    won, per = stake_minor * net.numerator, 2 * net.denominator
    if side is Side.BACK:
        return -stake_minor, -stake_minor // 2, 0, won // per, 2 * won // per
    return stake_minor, stake_minor // 2, 0, -won // per, -2 * won // per


def liability_minor(side: Side, odds: str, stake_minor: int) -> int:
    """Return the most that a stake alone may lose. Raises as ``amounts`` does for a lay."""
    return stake_minor if side is Side.BACK else -min(amounts(side, odds, stake_minor))


@lru_cache(maxsize=1024)
def is_price(odds: str) -> bool:
    """Return whether a text is decimal odds above 1. A stranger's ticket may have none."""
    try:
        return to_decimal(odds, "decimal") > 1
    except InvalidOddsError:
        return False


@lru_cache(maxsize=256)
def commission_of(text: str) -> Fraction:
    """Return a commission as a part of the winnings. Raises ValueError unless in [0, 1)."""
    commission = exact(text)
    if not 0 <= commission < 1:
        raise ValueError(f"a commission is from 0 to below 1, not {text!r}")
    return commission


@lru_cache(maxsize=256)
def rate_of(text: str) -> Fraction:
    """Return the rate of a currency. Raises ValueError unless it is above 0."""
    rate = exact(text)
    if rate <= 0:
        raise ValueError(f"a currency's rate is above 0, not {text!r}")
    return rate


def rounded_down(minor: int, factor: Fraction) -> int:
    """Return an amount times a factor, a loss rounded to the larger loss."""
    return minor * factor.numerator // factor.denominator
