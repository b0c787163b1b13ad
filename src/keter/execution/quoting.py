"""Asks books for their price: first the one that looked best, then all where that is not enough.

What is placed is exactly what was asked last. A venue may refuse a list of books shorter than the
one it quoted for. So a plan that leaves books out is quoted once more.
"""

from dataclasses import dataclass

from keter.domain.order_calls import PlacementQuote, QuoteRequest
from keter.domain.signals import ApprovedSignal
from keter.domain.verdicts import Reason, Verdict, reject
from keter.execution.placement_checks import PlacementLimits
from keter.execution.price_choice import Plan, all_books, beats_the_others, choose, first_books
from keter.venues.base import Bookmaker, VenueError


@dataclass(frozen=True, slots=True)
class Quoted:
    """The verdict on the prices, what to send if they are good, and every answer as JSON values."""

    verdict: Verdict
    plan: Plan | None
    answers: list[dict[str, object]]


class Quoting:
    """The questions about one approved signal."""

    def __init__(self, venue: Bookmaker, approved: ApprovedSignal, limits: PlacementLimits) -> None:
        self._venue = venue
        self._approved = approved
        self._limits = limits
        self._answers: list[dict[str, object]] = []
        self._offered: frozenset[str] = frozenset()

    async def find(self) -> Quoted:
        """Ask for prices, three times at most. A venue that cannot be asked is a rejection."""
        try:
            verdict, plan = await self._find()
        except VenueError as e:
            verdict = reject(Reason.VENUE_UNAVAILABLE, kind=e.kind, detail=e.detail[:200])
            plan = None
        return Quoted(verdict, plan, self._answers)

    async def _find(self) -> tuple[Verdict, Plan | None]:
        first, every = first_books(self._approved), all_books(self._approved)
        verdict, plan = await self._ask(first)
        if first == every or (plan is not None and self._suffices(plan)):
            return verdict, plan
        verdict, plan = await self._ask(every)
        if plan is None or self._is_exact(plan):
            return verdict, plan
        verdict, plan = await self._ask(plan.books)
        if plan is None or self._is_exact(plan):
            return verdict, plan
        return reject(Reason.PRICE_MOVED, books=",".join(sorted(self._offered))), None

    async def _ask(self, books: tuple[str, ...]) -> tuple[Verdict, Plan | None]:
        update = self._approved.signal.update
        request = QuoteRequest(update.ref, update.market, self._approved.signal.outcome, books)
        quotes = [quote for quote in await self._venue.quote(request) if quote.book in books]
        self._answers += [_facts(quote) for quote in quotes]
        self._offered = frozenset(quote.book for quote in quotes if not quote.rejected)
        return choose(self._approved, quotes, self._limits)

    def _suffices(self, plan: Plan) -> bool:
        """Return whether the plan takes the whole stake, and no other book's price was better."""
        whole = plan.stake_minor == self._approved.stake_minor
        return whole and beats_the_others(plan, self._approved)

    def _is_exact(self, plan: Plan) -> bool:
        return self._offered == frozenset(plan.books)


def _facts(quote: PlacementQuote) -> dict[str, object]:
    return {
        "book": quote.book,
        "price": quote.text,
        "minimum_minor": quote.minimum_minor,
        "maximum_minor": quote.maximum_minor,
        "rejected": quote.rejected,
        "message": quote.message[:200],
    }
