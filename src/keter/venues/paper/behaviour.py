"""How a venue's books behaved on LIVE placements, and the paper settings that follow from it.

Pure.
"""

from collections.abc import Iterable, Sequence
from datetime import timedelta
from statistics import median, quantiles

import msgspec

from keter.domain.placements import PlacementFact
from keter.venues.paper.settings import PaperSettings

# With fewer placements the defaults, which come from 1,497 bets, are the better estimate.
LEAST_PLACEMENTS = 50
# How far back LIVE placements count for the paper gateway.
LEARNED_FROM = timedelta(days=180)
EVERY_BOOK = "all"


class Behaviour(msgspec.Struct, frozen=True):
    """The figures of one book.

    Delays are in seconds from the call to the answer; None if there is nothing to measure.
    ``drift_pct`` is the root mean square of price losses in per cent of the price asked for. A gain
    counts as no change.
    """

    book: str
    placements: int
    refused: int
    accept_median_s: float | None
    accept_p90_s: float | None
    refuse_median_s: float | None
    drift_pct: float | None

    @property
    def refusal_rate(self) -> float:
        """The share of placements refused, 0 to 1."""
        return self.refused / self.placements


def behaviour(facts: Iterable[PlacementFact]) -> list[Behaviour]:
    """Return the figures of all decided placements together, then by book, most placements first.

    Return an empty list without any.
    """
    decided = [fact for fact in facts if fact.decided_at is not None]
    if not decided:
        return []
    books: dict[str, list[PlacementFact]] = {}
    for fact in decided:
        books.setdefault(_book(fact), []).append(fact)
    apart = sorted(
        (_measure(book, group) for book, group in books.items()),
        key=lambda one: (-one.placements, one.book),
    )
    return [_measure(EVERY_BOOK, decided), *apart]


def learned(settings: PaperSettings, facts: Iterable[PlacementFact]) -> PaperSettings:
    """Return ``settings`` with the rates of LIVE history, if that history is long enough."""
    found = behaviour(facts)
    if not found or found[0].placements < LEAST_PLACEMENTS:
        return settings
    whole = found[0]
    measured = {
        "paper_refusal_rate": whole.refusal_rate,
        "paper_accept_median_s": whole.accept_median_s,
        "paper_accept_p90_s": whole.accept_p90_s,
        "paper_refuse_median_s": whole.refuse_median_s,
        # The gateway draws a normal drift and ignores gains, which halves the mean square.
        "paper_drift_pct": None if whole.drift_pct is None else whole.drift_pct * 2**0.5,
    }
    return settings.model_copy(
        update={name: value for name, value in measured.items() if value is not None}
    )


def _book(fact: PlacementFact) -> str:
    return fact.bet.book or (fact.asked[0][0] if fact.asked else fact.bet.intent.book)


def _measure(book: str, facts: Sequence[PlacementFact]) -> Behaviour:
    accepted = [fact.delay_s for fact in facts if not fact.refused and fact.delay_s is not None]
    refused = [fact.delay_s for fact in facts if fact.refused and fact.delay_s is not None]
    losses = [loss for fact in facts if (loss := loss_pct(fact)) is not None]
    return Behaviour(
        book=book,
        placements=len(facts),
        refused=sum(1 for fact in facts if fact.refused),
        accept_median_s=median(accepted) if accepted else None,
        accept_p90_s=_p90(accepted),
        refuse_median_s=median(refused) if refused else None,
        drift_pct=(sum(loss * loss for loss in losses) / len(losses)) ** 0.5 if losses else None,
    )


def _p90(delays: Sequence[float]) -> float | None:
    """Return the 90th percentile; None for fewer than two delays."""
    return quantiles(delays, n=10, method="inclusive")[-1] if len(delays) > 1 else None


def loss_pct(fact: PlacementFact) -> float | None:
    """Return how far below the asked price a bet was filled, in per cent of that price.

    Return None unless it was filled, and asked at one book only.
    """
    if fact.refused or fact.bet.odds is None or len(fact.asked) != 1:
        return None
    return max(1 - float(fact.bet.odds) / float(fact.asked[0][1]), 0.0) * 100
