"""The choice of books and prices for one approved bet. Pure.

The books of a plan are exactly those that were asked last. A venue may refuse a bet whose list of
books is shorter than the list it quoted for.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from keter.domain.money import to_minor
from keter.domain.order_calls import PlacementQuote
from keter.domain.signals import ApprovedSignal, Offer
from keter.domain.verdicts import Number, Reason, Verdict, accept, reject
from keter.execution.placement_checks import PlacementLimits

_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class Plan:
    """What to send: pairs of book and the venue's own price text, best first, and one stake.

    The stake is for all books together; ``odds`` is the worst of the prices.
    """

    prices: tuple[tuple[str, str], ...]
    odds: float
    stake_minor: int

    @property
    def books(self) -> tuple[str, ...]:
        return tuple(book for book, _ in self.prices)


@dataclass(frozen=True, slots=True)
class _JudgedQuote:
    quote: PlacementQuote
    reason: Reason
    approved_odds: float
    slippage_pct: float
    ev_pct: Number = None
    min_ev_pct: Number = None


def first_books(approved: ApprovedSignal) -> tuple[str, ...]:
    """Return the book to ask first: the one whose price was best."""
    return (approved.signal.offers[0].book,)


def all_books(approved: ApprovedSignal) -> tuple[str, ...]:
    """Return every book whose price was worth taking, best first."""
    return tuple(dict.fromkeys(offer.book for offer in approved.signal.offers))


def choose(
    approved: ApprovedSignal, quotes: Sequence[PlacementQuote], limits: PlacementLimits
) -> tuple[Verdict, Plan | None]:
    """Return the verdict on ``quotes`` and what to send, None where it is a rejection.

    The best price comes first; a further book is used only where those before it cannot take the
    whole stake. The stake is never above the approved one. It is lowered to what the books take,
    in whole STAKE_STEPs, and refused below MIN_STAKE.
    """
    judged = [_judge(approved, quote, limits) for quote in quotes]
    good = sorted(
        (one for one in judged if one.reason is Reason.OK),
        key=lambda one: (-one.quote.odds, one.quote.book),
    )
    if not good:
        return _refusal(judged), None
    taken, stake_minor = _fill(good, approved.stake_minor, limits)
    if not taken:
        return reject(
            Reason.BOOK_LIMITS,
            stake_minor=approved.stake_minor,
            maximum_minor=sum(one.quote.maximum_minor for one in good),
            minimum_minor=min(one.quote.minimum_minor for one in good),
        ), None
    worst = taken[-1]
    prices = tuple((one.quote.book, one.quote.text) for one in taken)
    plan = Plan(prices, worst.quote.odds, stake_minor)
    return accept(**_numbers(worst), books=",".join(plan.books), stake_minor=stake_minor), plan


def beats_the_others(plan: Plan, approved: ApprovedSignal) -> bool:
    """Return whether no book left out of the plan showed a better price at the approval."""
    return all(
        offer.odds <= plan.odds + _ROUNDING
        for offer in approved.signal.offers
        if offer.book not in plan.books
    )


def _judge(
    approved: ApprovedSignal, quote: PlacementQuote, limits: PlacementLimits
) -> _JudgedQuote:
    asked = _offer(approved, quote.book).odds
    if quote.rejected or not math.isfinite(quote.odds) or quote.odds <= 1:
        return _JudgedQuote(quote, Reason.NO_QUOTE, asked, 0.0)
    slippage_pct = max(100 * (asked - quote.odds) / asked, 0.0)
    worth = limits.rules.price(approved.signal, quote, asked)
    reason = worth.reason
    if slippage_pct > limits.router.slippage_limit_pct(asked) + _ROUNDING:
        reason = Reason.PRICE_MOVED
    ev_pct, min_ev_pct = worth.numbers["ev_pct"], worth.numbers["min_ev_pct"]
    return _JudgedQuote(quote, reason, asked, slippage_pct, ev_pct, min_ev_pct)


def _offer(approved: ApprovedSignal, book: str) -> Offer:
    """Return what was approved for ``book``.

    For a book that was not asked for it is the worst price that was still worth taking.
    """
    offers = approved.signal.offers
    return next((offer for offer in offers if offer.book == book), offers[-1])


def _fill(
    good: Sequence[_JudgedQuote], wanted_minor: int, limits: PlacementLimits
) -> tuple[list[_JudgedQuote], int]:
    """Return the books that take the stake, and how much of it; none and 0 below a minimum.

    What no book takes is left out of the stake.
    """
    taken: list[_JudgedQuote] = []
    placed = 0
    for one in good:
        part = min(wanted_minor - placed, one.quote.maximum_minor)
        if part > 0 and part >= one.quote.minimum_minor:
            taken.append(one)
            placed += part
    step = to_minor(limits.stake.stake_step)
    stake = placed // step * step if placed < wanted_minor else wanted_minor
    if stake < to_minor(limits.stake.min_stake) or (taken and stake < taken[0].quote.minimum_minor):
        return [], 0
    return _needed(taken, stake), stake


def _needed(taken: Sequence[_JudgedQuote], stake_minor: int) -> list[_JudgedQuote]:
    """Return the first books that can hold the stake.

    Rounding the stake down may have made the last one superfluous.
    """
    kept: list[_JudgedQuote] = []
    for one in taken:
        if stake_minor <= 0:
            break
        kept.append(one)
        stake_minor -= one.quote.maximum_minor
    return kept


def _refusal(judged: Sequence[_JudgedQuote]) -> Verdict:
    """Return why the best price that was quoted is not good enough."""
    answered = [one for one in judged if one.reason is not Reason.NO_QUOTE]
    if not answered:
        return reject(Reason.NO_QUOTE, books=len(judged))
    best = max(answered, key=lambda one: one.quote.odds)
    return reject(best.reason, **_numbers(best))


def _numbers(one: _JudgedQuote) -> dict[str, Number]:
    return {
        "book": one.quote.book,
        "odds": one.quote.odds,
        "approved_odds": one.approved_odds,
        "slippage_pct": round(one.slippage_pct, 4),
        "ev_pct": one.ev_pct,
        "min_ev_pct": one.min_ev_pct,
    }
