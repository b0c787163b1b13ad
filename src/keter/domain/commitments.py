"""What a bet or an order commits: a filled part, or the part that may still be filled.

Amounts are whole minor units, and each rounding goes against us. ``keter.domain.positions`` adds
them up to what an event may lose.
"""

from collections.abc import Iterable
from fractions import Fraction
from functools import lru_cache

import msgspec

from keter.domain.market_kinds import MarketKind, Outcome
from keter.domain.markets import Market
from keter.domain.odds import exact, to_decimal
from keter.domain.order_states import Side
from keter.domain.sports_scores import Pair

# Profits in minor units of a back's results -2, -1, 0, 1 and 2 in half stakes, in this order.
Amounts = tuple[int, int, int, int, int]


class Commitment(msgspec.Struct, frozen=True, kw_only=True):
    """A filled part of an order, or the part that may still be filled.

    * ``market`` is None for a ticket that could not be read. It loses everywhere and never helps.
    * ``stake_minor`` is the backer's, also of a lay, in the account's currency.
    * ``odds``, ``commission`` (0.02 is 2 %) and ``rate`` are decimal text. ``rate`` is the fixed
      price of one unit of the account's currency in the risk currency.
    * ``filled`` is True only for what the venue has confirmed.
    * ``start`` is the score from which an in-play handicap counts, at venues that do so.
    * ``pool`` names the market whose net winnings bear the commission. Empty means this market.
    * ``rules`` names the rules on void bets. Fills under different rules do not net.
    """

    event_uid: str
    league: str
    day: str
    strategy: str
    account: str
    market: Market | None
    outcome: Outcome | None
    stake_minor: int
    odds: str
    side: Side = Side.BACK
    filled: bool = False
    start: Pair | None = None
    commission: str = "0"
    rate: str = "1"
    pool: str = ""
    rules: str = ""

    def __post_init__(self) -> None:
        amounts(self.side, self.odds, self.stake_minor)
        commission_of(self.commission)
        rate_of(self.rate)
        if (self.market is None) != (self.outcome is None):
            raise ValueError("a market and its outcome are both known or both unknown")
        if self.market is not None and self.outcome not in self.market.outcomes:
            raise ValueError(f"{self.market.kind} has no {self.outcome}")

    @property
    def liability_minor(self) -> int:
        """The most that it alone may lose, in the account's currency, as a positive number."""
        return -min(amounts(self.side, self.odds, self.stake_minor))

    @property
    def whole_match_market(self) -> Market | None:
        """Its market, with an in-play handicap as the whole match's with the same results."""
        market = self.market
        if market is None or self.start is None or market.kind is not MarketKind.ASIAN_HANDICAP:
            return market
        return Market(
            market.period, market.kind, (market.line_q or 0) - 4 * (self.start[0] - self.start[1])
        )


def with_fills(
    order: Commitment, fills: Iterable[tuple[int, str]], *, may_still_fill: bool
) -> list[Commitment]:
    """Return an order as its fills, each a stake at its odds, and what may still be filled.

    ``may_still_fill`` is False only when the venue has confirmed that the rest is gone. An unknown
    placement and an unanswered cancel leave it True. Raises ValueError for fills beyond the stake.
    """
    parts = [
        msgspec.structs.replace(order, stake_minor=stake, odds=odds, filled=True)
        for stake, odds in fills
    ]
    rest = order.stake_minor - sum(part.stake_minor for part in parts)
    if rest < 0:
        raise ValueError(f"{order.stake_minor - rest} filled of an order of {order.stake_minor}")
    if may_still_fill and rest:
        parts.append(msgspec.structs.replace(order, stake_minor=rest, filled=False))
    return parts


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
