"""Price ladders of exchanges: which prices exist, rounding to them, stepping along them.

A back order rounds up (never accept less), a lay order down. A price off the ladder is None:
clamping is the caller's policy. The ProphetX list is the published fallback. Where a venue reports
its ladder, load that at start.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from fractions import Fraction
from functools import cache

from keter.domain.odds import OddsValue, convert, exact

# Upper end of each band and its step.
_BETFAIR = (
    (2, "0.01"),
    (3, "0.02"),
    (4, "0.05"),
    (6, "0.1"),
    (10, "0.2"),
    (20, "0.5"),
    (30, "1"),
    (50, "2"),
    (100, "5"),
    (1000, "10"),
)
_BETDAQ = (
    (3, "0.01"),
    (4, "0.05"),
    (6, "0.1"),
    (10, "0.2"),
    (20, "0.5"),
    (50, "1"),
    (200, "2"),
    (1000, "5"),
)
_PROPHETX = (
    (120, 1),
    (200, 2),
    (300, 5),
    (500, 10),
    (1000, 20),
    (2000, 100),
    (3000, 250),
    (5000, 500),
    (10000, 2500),
)


class Ladder:
    """Prices in rising decimal order; ``labels`` are the same prices as the venue writes them.

    Raises ValueError for prices that do not rise or another number of labels.
    """

    def __init__(
        self, prices: Iterable[Fraction], labels: Sequence[Fraction] | None = None
    ) -> None:
        self.prices = tuple(prices)
        self.labels = tuple(labels) if labels is not None else self.prices
        if list(self.prices) != sorted(set(self.prices)) or len(self.labels) != len(self.prices):
            raise ValueError("a ladder's prices must rise, with one label each")

    def __len__(self) -> int:
        return len(self.prices)

    def contains(self, price: OddsValue) -> bool:
        """Return whether ``price`` is on the ladder."""
        return exact(price) in self.prices

    def up(self, price: OddsValue) -> Fraction | None:
        """Return the lowest price not below ``price``, as the venue writes it; for a back order.

        Return None above the ladder.
        """
        return self._label(bisect_left(self.prices, exact(price)))

    def down(self, price: OddsValue) -> Fraction | None:
        """Return the highest price not above ``price``, as the venue writes it; for a lay order.

        Return None below the ladder.
        """
        return self._label(bisect_right(self.prices, exact(price)) - 1)

    def move(self, price: OddsValue, ticks: int) -> Fraction | None:
        """Return the price ``ticks`` steps away, as the venue writes it; None off the ladder.

        Raises ValueError if ``price`` is not on the ladder.
        """
        if not self.contains(price):
            raise ValueError(f"{price} is not a price of this ladder")
        return self._label(bisect_left(self.prices, exact(price)) + ticks)

    def ticks_between(self, low: OddsValue, high: OddsValue) -> int:
        """Return the number of steps from ``low`` to ``high``.

        Raises ValueError if one is not on the ladder.
        """
        for price in (low, high):
            if not self.contains(price):
                raise ValueError(f"{price} is not a price of this ladder")
        return bisect_left(self.prices, exact(high)) - bisect_left(self.prices, exact(low))

    def _label(self, index: int) -> Fraction | None:
        return self.labels[index] if 0 <= index < len(self.labels) else None


@cache
def betfair() -> Ladder:
    """Return Betfair's 350 prices from 1.01 to 1000."""
    return Ladder(_decimal_prices(_BETFAIR))


@cache
def betdaq() -> Ladder:
    """Return Betdaq's prices from 1.01 to 1000.

    They are finer than Betfair's between 2 and 3 and above 50.
    """
    return Ladder(_decimal_prices(_BETDAQ))


@cache
def prophetx() -> Ladder:
    """Return ProphetX's 291 American prices, labelled so; +100 exists, -100 does not."""
    sizes, size = [100], 100
    for end, step in _PROPHETX:
        while size < end:
            size += step
            sizes.append(size)
    labels = [Fraction(-size) for size in reversed(sizes[1:])] + [Fraction(size) for size in sizes]
    return Ladder([convert(label, "american", "decimal") for label in labels], labels)


def _decimal_prices(bands: Sequence[tuple[int, str]]) -> list[Fraction]:
    price, prices = Fraction(1), []
    for end, step in bands:
        while price < end:
            price += Fraction(step)
            prices.append(price)
    return prices
