"""DRY beside LIVE: what the paper gateway would have said to the very placements that LIVE made.

Pure.

Each placement is drawn ``DRAWS`` times with a generator seeded by its reference, so that a report
never changes by itself. A paper fill is settled from the recorded result, also where LIVE was
refused: that difference is what refusals cost.
"""

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

import msgspec

from keter.betting_settings import RouterSettings
from keter.domain.feed import EventScore
from keter.domain.placements import PlacementFact
from keter.domain.settlement import settle
from keter.venues.paper.fill_model import draw_fill
from keter.venues.paper.settings import PaperSettings

DRAWS = 100


class Side(msgspec.Struct, frozen=True):
    """One account of the same placements: how many were filled, the mean of filled to asked price,
    and profit.

    DRY's ``fills`` and ``pnl_minor`` are means over the draws. ``price_ratio`` is None without a
    fill.
    """

    fills: float
    price_ratio: float | None
    pnl_minor: float


class Parity(msgspec.Struct, frozen=True):
    """Both accounts of ``placements``; ``without_result`` of them have no recorded result and earn
    nothing on either side.
    """

    name: str
    placements: int
    without_result: int
    dry: Side
    live: Side


@dataclass(frozen=True, slots=True)
class Model:
    """What draws the paper fills."""

    paper: PaperSettings
    router: RouterSettings


def parity(
    facts: Iterable[PlacementFact], results: Mapping[str, EventScore], model: Model
) -> list[Parity]:
    """All decided placements together, then by book. Empty without any."""
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


def _final(fact: PlacementFact, results: Mapping[str, EventScore]) -> EventScore | None:
    score = results.get(fact.bet.intent.event_uid)
    return score if score is not None and score.ended else None


def _live(facts: Sequence[PlacementFact], final: Mapping[str, EventScore | None]) -> Side:
    filled = [fact for fact in facts if not fact.refused]
    ratios = [float(fact.bet.odds) / float(fact.asked[0][1]) for fact in filled if fact.bet.odds]
    pnl = sum(
        fact.bet.pnl_minor or 0 for fact in filled if final[fact.bet.intent.intent_id] is not None
    )
    return Side(len(filled), sum(ratios) / len(ratios) if ratios else None, pnl)


def _dry(
    facts: Sequence[PlacementFact], final: Mapping[str, EventScore | None], model: Model
) -> Side:
    fills, ratios, pnl = 0, 0.0, 0
    for fact in facts:
        text = fact.asked[0][1]
        rng = random.Random(fact.bet.intent.reference)  # noqa: S311 - imagined fills are no secret
        for _ in range(DRAWS):
            fate = draw_fill(text, model.router.slippage_limit_pct(float(text)), model.paper, rng)
            if not fate.refused:
                fills += 1
                ratios += float(fate.odds) / float(text)
                pnl += _profit(fact, fate.odds, final[fact.bet.intent.intent_id])
    return Side(fills / DRAWS, ratios / fills if fills else None, pnl / DRAWS)


def _profit(fact: PlacementFact, odds: str, score: EventScore | None) -> int:
    if score is None:
        return 0
    bet = fact.bet
    return settle(
        bet.intent.market,
        bet.intent.side,
        final=(score.score.home, score.score.away),
        half_time=score.half_time,
        score_at_bet=bet.score_at_bet,
        odds=Decimal(odds),
        stake_minor=bet.intent.stake_minor,
    ).profit_minor
