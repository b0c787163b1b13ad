"""Is a price better than the sharp books' consensus, and by enough?

Pure: the same arguments give the same answer.

Each bettable book's price is held against a consensus of the sharp books without that book.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cached_property
from math import inf
from types import MappingProxyType

from keter.domain.markets import Outcome
from keter.domain.quotes import BookPrices
from keter.domain.signals import ConfirmedSignal, FairPrice, Offer, ValidatedMarket
from keter.domain.verdicts import Number, Reason, Verdict, accept, reject
from keter.errors import PricingError
from keter.pricing.pool import pool_ceiling
from keter.pricing.selection import Inputs, Priced, SharpQuote, price, steps_moved, wanted_ev_pct
from keter.pricing.value import mass_value
from keter.strategies.value.consensus_inputs import (
    age_s,
    anchor_wait_s,
    half_life_s,
    line_from_score,
    neighbours,
    one_x_two_inputs,
    pool_inputs,
    upper_names,
)
from keter.strategies.value.evidence import Graded, evidence_of, value_reason
from keter.strategies.value.settings import EdgeSettings

Judgement = tuple[Outcome, Verdict, ConfirmedSignal | None]

_NEVER: Mapping[Outcome, datetime] = MappingProxyType({})
_SURELY_PCT = 1e-6  # far above the rounding of any expected value
# How far a price got, worst first: the reason told is that of the price that got furthest.
_PROGRESS = (
    Reason.TOO_FEW_SHARPS,
    Reason.NO_SOLUTION,
    Reason.SPREAD_TOO_WIDE,
    Reason.EV_TOO_LOW,
    Reason.EV_TOO_HIGH,
    Reason.ANCHOR_UNSETTLED,
    Reason.OK,
)


def evaluate(
    validated: ValidatedMarket,
    settings: EdgeSettings,
    now: datetime,
    seen: Mapping[Outcome, datetime] = _NEVER,
    others: Sequence[ValidatedMarket] = (),
) -> list[Judgement]:
    """A verdict on every side of the market, and a signal for those with value.

    ``seen`` says since when each side has had value (see ``first_seen``); ``others`` are the
    event's other markets as last validated. The sharp 1X2 among them tells how often a handicap's
    stake comes back. Where too few sharp books quote this line before kick-off, neighbouring lines
    stand in, moved two quarter steps at most; more value is then asked for.
    """
    desk = _MarketView(validated, settings, now, others)
    return [_judge(desk, side, seen.get(side)) for side in validated.update.market.sides]


def first_seen(
    judgements: Sequence[Judgement], seen: Mapping[Outcome, datetime], now: datetime
) -> dict[Outcome, datetime]:
    """Since when each side of the market has had value without a break: what the next ``evaluate``
    is to be given.

    Keep it per market and drop it when empty; a side without value starts anew.
    """
    waiting = (Reason.OK, Reason.AWAITING_CONFIRMATION)
    return {
        side: seen.get(side, now) for side, verdict, _ in judgements if verdict.reason in waiting
    }


def evidence(
    validated: ValidatedMarket,
    settings: EdgeSettings,
    now: datetime,
    side: Outcome,
    others: Sequence[ValidatedMarket] = (),
) -> dict[str, object]:
    """What ``evaluate`` weighed for one side, refused prices included: the details of a decision
    that made no signal.

    Empty when no bettable book had a price and a consensus to hold it against.
    """
    desk = _MarketView(validated, settings, now, others)
    index = desk.market.sides.index(side)
    return evidence_of(side, index, _graded(desk, index), settings)


class _MarketView:
    """One market's look at its books: quotes gathered once, one fair price per book left out."""

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
        self.inputs = Inputs(self.market.market_id, line_from_score(validated), pool, one_x_two)
        self._others, self._half_life = others, half_life
        self._priced: dict[str | None, tuple[Inputs, Priced | Reason]] = {}

    @cached_property
    def neighbours(self) -> tuple[SharpQuote, ...]:
        """Sharp quotes of other lines, where too few quote this one."""
        return neighbours(self.validated, self.settings, self.now, self._others, self._half_life)

    @cached_property
    def anchor_wait_s(self) -> float:
        """How long the anchor's own price must still stand before it may be bet."""
        return anchor_wait_s(self.validated, self.settings)

    @cached_property
    def ceiling(self) -> tuple[float, ...] | None:
        """What no consensus of these books can exceed, whichever of them is left out; None where
        lines may be moved or the full consensus does not stand.
        """
        if len(self.inputs.pool.quotes) <= self.settings.min_sharp_sources and self.neighbours:
            return None
        _, priced = self.priced_without("")
        if (
            isinstance(priced, Reason)
            or priced.pool.spread_pct > self.settings.max_consensus_spread_pct
        ):
            return None
        return pool_ceiling(priced.pool.fair)

    def priced_without(self, book: str) -> tuple[Inputs, Priced | Reason]:
        """The market's fair price when ``book`` has no say, or why there is none."""
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


def _judge(desk: _MarketView, side: Outcome, since: datetime | None) -> Judgement:
    index = desk.market.sides.index(side)
    graded = _cannot_reach_min_ev(desk, index) or _graded(desk, index)
    if not graded:
        return side, reject(Reason.NO_OFFER), None
    best = graded[0]
    numbers = _numbers(best, index)
    if best.reason is not Reason.OK:
        return side, reject(best.reason, **numbers), None
    wait_s = (
        desk.settings.confirmation_window_sec - (desk.now - (since or desk.now)).total_seconds()
    )
    if wait_s > 0:
        return side, reject(Reason.AWAITING_CONFIRMATION, wait_s=wait_s, **numbers), None
    return side, accept(**numbers), _signal(desk, side, index, graded)


def _cannot_reach_min_ev(desk: _MarketView, index: int) -> list[Graded]:
    """The best price held against the full consensus, where no price of the side can be worth
    enough against any other.

    Then the verdict is EV_TOO_LOW without a consensus for each sharp book that may be bet. Empty
    where that cannot be proved.
    """
    ceiling = desk.ceiling
    if ceiling is None:
        return []
    highest, best = 0.0, None
    for offer in _offered(desk, index):
        odds, book, name = offer
        highest = max(highest, odds)
        if name not in desk.sharps and (
            best is None or (-odds, book.book) < (-best[0], best[1].book)
        ):
            best = offer
    if (
        best is None
        or 100 * max(ceiling[index] * highest - 1, 0.0) > desk.settings.min_ev_pct - _SURELY_PCT
    ):
        return []
    return [_grade(desk, best, index)]


def _graded(desk: _MarketView, index: int) -> list[Graded]:
    """Every bettable price of a side, the best first."""
    graded = [_grade(desk, offer, index) for offer in _offered(desk, index)]
    return sorted(
        graded, key=lambda one: (-_PROGRESS.index(one.reason), -one.ev_pct, -one.odds, one.book)
    )


_Offered = tuple[float, BookPrices, str]


def _offered(desk: _MarketView, index: int) -> list[_Offered]:
    """The prices of a side that can be taken, with their books and the names these go by in a
    consensus.
    """
    return [
        (odds, book, name)
        for book, name in desk.bettable
        if len(book.odds) > index and (odds := book.odds[index]) is not None and 1 < odds < inf
    ]


def _grade(desk: _MarketView, offer: _Offered, index: int) -> Graded:
    """How far one book's price gets."""
    odds, book, name = offer
    inputs, priced = desk.priced_without(name)
    wanted_pct = wanted_ev_pct(desk.settings.min_ev_pct, inputs, odds)
    ev_pct = unsettled_s = 0.0
    if isinstance(priced, Reason):
        reason, found = priced, None
    else:
        ev_pct, found = 100 * mass_value(*priced.masses(index), odds), priced
        unsettled_s = desk.anchor_wait_s if name == desk.settings.sharp_anchor.upper() else 0.0
        reason = value_reason(
            priced.pool.spread_pct, ev_pct, wanted_pct, desk.settings, unsettled_s=unsettled_s
        )
    text = book.texts[index] if index < len(book.texts) else repr(odds)
    return Graded(
        reason,
        ev_pct,
        wanted_pct,
        found,
        book.book,
        odds,
        text,
        age_s(book, desk.now),
        inputs,
        unsettled_s,
    )


def _numbers(best: Graded, index: int) -> dict[str, Number]:
    """What the verdict rests on, flat."""
    numbers: dict[str, Number] = {
        "book": best.book,
        "odds": best.odds,
        "sharps": ",".join([quote.book for quote in best.inputs.pool.quotes]),
        "min_ev_pct": best.wanted_pct,
    }
    if best.priced is not None:
        numbers |= {
            "ev_pct": best.ev_pct,
            "fair_odds": 1 / best.priced.effective_p[index],
            "spread_pct": best.priced.pool.spread_pct,
            "basis": best.priced.basis,
        }
    if best.reason is Reason.ANCHOR_UNSETTLED:
        numbers["wait_s"] = best.unsettled_s
    if steps := steps_moved(best.inputs):
        numbers["steps_moved"] = steps
    return numbers


def _signal(
    desk: _MarketView, side: Outcome, index: int, graded: Sequence[Graded]
) -> ConfirmedSignal:
    worth = [one for one in graded if one.reason is Reason.OK]
    priced = worth[0].priced
    assert priced is not None  # noqa: S101  # a price only passes with a fair price to hold it against
    p = priced.effective_p[index]
    fair = FairPrice(
        effective_p=p,
        win_mass=priced.win_mass(index),
        loss_mass=priced.loss_mass(index),
        fair_odds=1 / p,
        spread_pct=priced.pool.spread_pct,
        method=worth[0].inputs.pool.method,
        sharps=tuple(quote.book for quote in worth[0].inputs.pool.quotes),
        evidence=evidence_of(side, index, worth, desk.settings),
    )
    offers = tuple(Offer(one.book, one.odds, one.text, one.age_s, one.ev_pct) for one in worth)
    market = desk.validated
    return ConfirmedSignal(
        market.update, side, offers, fair, desk.now, market.validated_at, market.dropped
    )
