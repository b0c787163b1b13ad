"""Comparison of DRY with LIVE: the paper venue's answers to the placements that LIVE made.

Each placement is drawn ``DRAWS`` times with a generator seeded by its reference, so that a report
is the same at every call. A paper fill is settled from the recorded result, even if LIVE was
refused: the difference is the cost of refusals.
"""

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

import msgspec

from keter.betting_settings import RouterSettings
from keter.domain.feed import EventScore
from keter.domain.placements import PlacementFact
from keter.domain.sports_scores import MatchScore
from keter.domain.sports_settlement import settle_sport
from keter.venues.paper.fill_model import draw_fill
from keter.venues.paper.settings import PaperSettings

DRAWS = 100


class Fills(msgspec.Struct, frozen=True):
    """The fills of one mode: their number, the mean ratio of filled to asked price, the profit.

    For DRY ``fills`` and ``pnl_minor`` are means over the draws. ``price_ratio`` is None without a
    fill.
    """

    fills: float
    price_ratio: float | None
    pnl_minor: float


class Parity(msgspec.Struct, frozen=True):
    """Both modes on the same ``placements``, of all books or of one.

    ``without_result`` of the placements have no recorded result: their profit counts as zero in
    both modes.
    """

    name: str
    placements: int
    without_result: int
    dry: Fills
    live: Fills


@dataclass(frozen=True, slots=True)
class Model:
    """The settings that the paper fills are drawn with."""

    paper: PaperSettings
    router: RouterSettings


def parity(
    facts: Iterable[PlacementFact], results: Mapping[str, EventScore], model: Model
) -> list[Parity]:
    """Return the comparison of all decided placements, then that of each book.

    It is empty without decided placements.
    """
    decided = [fact for fact in facts if fact.decided_at is not None and fact.asked]
    if not decided:
        return []
    books: dict[str, list[PlacementFact]] = {}
    for fact in decided:
        books.setdefault(fact.asked[0][0], []).append(fact)
    whole = _compare("all", decided, results, model)
    return [whole, *(_compare(book, books[book], results, model) for book in sorted(books))]


def _compare(
    name: str, facts: Sequence[PlacementFact], results: Mapping[str, EventScore], model: Model
) -> Parity:
    final = {fact.bet.intent.intent_id: _final(fact, results) for fact in facts}
    return Parity(
        name=name,
        placements=len(facts),
        without_result=sum(1 for score in final.values() if score is None),
        dry=_dry(facts, final, model),
        live=_live(facts, final),
    )


def _final(fact: PlacementFact, results: Mapping[str, EventScore]) -> MatchScore | None:
    intent = fact.bet.intent
    score = results.get(intent.event_uid)
    return None if score is None else score.final(intent.market.of)


def _live(facts: Sequence[PlacementFact], final: Mapping[str, MatchScore | None]) -> Fills:
    filled = [fact for fact in facts if not fact.refused]
    ratios = [float(fact.bet.odds) / float(fact.asked[0][1]) for fact in filled if fact.bet.odds]
    pnl = sum(
        fact.bet.pnl_minor or 0 for fact in filled if final[fact.bet.intent.intent_id] is not None
    )
    return Fills(len(filled), sum(ratios) / len(ratios) if ratios else None, pnl)


def _dry(
    facts: Sequence[PlacementFact], final: Mapping[str, MatchScore | None], model: Model
) -> Fills:
    fills, ratios, pnl = 0, 0.0, 0
    for fact in facts:
        text = fact.asked[0][1]
        rng = random.Random(fact.bet.intent.reference)  # noqa: S311 - simulated fills are no secret
        for _ in range(DRAWS):
            fill = draw_fill(text, model.router.slippage_limit_pct(float(text)), model.paper, rng)
            if not fill.refused:
                fills += 1
                ratios += float(fill.odds) / float(text)
                pnl += _profit(fact, fill.odds, final[fact.bet.intent.intent_id])
    return Fills(fills / DRAWS, ratios / fills if fills else None, pnl / DRAWS)


def _profit(fact: PlacementFact, odds: str, score: MatchScore | None) -> int:
    if score is None:
        return 0
    bet = fact.bet
    return settle_sport(
        bet.intent.market,
        bet.intent.outcome,
        score,
        score_at_bet=bet.score_at_bet,
        odds=Decimal(odds),
        stake_minor=bet.intent.stake_minor,
    ).profit_minor
