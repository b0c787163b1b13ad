"""One evaluation of a market: its quotes, and its fair price without each sharp book. Pure."""

from collections.abc import Sequence
from datetime import datetime
from functools import cached_property

from keter.domain.signals import ValidatedMarket
from keter.domain.verdicts import Reason
from keter.errors import PricingError
from keter.pricing.pool import pool_ceiling
from keter.pricing.selection import Inputs, Priced, SharpQuote, price
from keter.strategies.value.consensus_inputs import (
    anchor_wait_s,
    half_life_s,
    line_from_score,
    neighbours,
    one_x_two_inputs,
    pool_inputs,
    upper_names,
)
from keter.strategies.value.settings import EdgeSettings


class MarketView:
    """What ``evaluate`` knows of a market at one moment, each fair price computed at most once."""

    def __init__(
        self,
        validated: ValidatedMarket,
        settings: EdgeSettings,
        now: datetime,
        others: Sequence[ValidatedMarket],
    ) -> None:
        self.validated, self.settings, self.now = validated, settings, now
        self.market = validated.update.market
        allowed = upper_names(settings.bet_books)
        named = [(book, book.book.upper()) for book in validated.books]
        self.bettable = (
            named if "ALL" in allowed else [(book, name) for book, name in named if name in allowed]
        )
        half_life = half_life_s(validated, settings, now)
        pool = pool_inputs(validated, settings, now, half_life)
        self.sharps = frozenset([quote.book for quote in pool.quotes])
        one_x_two = one_x_two_inputs(validated, settings, now, others, half_life)
        self.inputs = Inputs(
            self.market.market_id, line_from_score(validated), pool, one_x_two, self.market.sport
        )
        self._others, self._half_life = others, half_life
        self._priced: dict[str | None, tuple[Inputs, Priced | Reason]] = {}

    @cached_property
    def neighbours(self) -> tuple[SharpQuote, ...]:
        """Sharp quotes of other lines, for a market that too few sharp books quote."""
        return neighbours(self.validated, self.settings, self.now, self._others, self._half_life)

    @cached_property
    def anchor_wait_s(self) -> float:
        """Seconds until the anchor's own price may be bet, if it does not change again."""
        return anchor_wait_s(self.validated, self.settings)

    @cached_property
    def ceiling(self) -> tuple[float, ...] | None:
        """Upper bound, by side, of the probability in any consensus of the market.

        None if there is none: see ``edge._cannot_reach_min_ev``.
        """
        if len(self.inputs.pool.quotes) <= self.settings.min_sharp_sources and self.neighbours:
            return None
        _, priced = self.priced_without("")
        if isinstance(priced, Reason):
            return None
        if priced.pool.spread_pct > self.settings.max_consensus_spread_pct:
            return None
        return pool_ceiling(priced.pool.fair)

    def priced_without(self, book: str) -> tuple[Inputs, Priced | Reason]:
        """Return the inputs and the fair price if ``book`` is left out, or why there is none."""
        left_out = book if book in self.sharps else None
        if left_out not in self._priced:
            inputs = self.inputs if left_out is None else self.inputs.without(left_out)
            if len(inputs.pool.quotes) < self.settings.min_sharp_sources:
                inputs = inputs.helped_by(
                    [quote for quote in self.neighbours if quote.book != book]
                )
            self._priced[left_out] = inputs, self._price(inputs)
        return self._priced[left_out]

    def _price(self, inputs: Inputs) -> Priced | Reason:
        if len(inputs.pool.quotes) < self.settings.min_sharp_sources:
            return Reason.TOO_FEW_SHARPS
        try:
            return price(inputs)
        except PricingError:
            return Reason.NO_SOLUTION
