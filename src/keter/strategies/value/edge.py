"""Is a price better than the sharp books' consensus, and by enough?

Pure: the same arguments give the same answer.

The price of a bettable book is compared with a consensus of the sharp books without that book.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from math import inf
from types import MappingProxyType
from typing import NamedTuple

from keter.domain.market_kinds import Outcome
from keter.domain.quotes import BookPrices
from keter.domain.signals import (
    ConfirmedSignal,
    Decision,
    FairPrice,
    Offer,
    ValidatedMarket,
    details_of,
)
from keter.domain.verdicts import Number, Reason, Verdict, accept, reject
from keter.pricing.selection import steps_moved, wanted_ev_pct
from keter.pricing.value import mass_value
from keter.strategies.value.consensus_inputs import (
    age_s,
)
from keter.strategies.value.evidence import Graded, evidence_of, value_reason
from keter.strategies.value.market_view import MarketView
from keter.strategies.value.settings import EdgeSettings


class FairOdds(NamedTuple):
    """The fair odds of a side. ``steps_moved`` is 0 if all quotes are of the market's own line."""

    odds: float
    steps_moved: int


class Judgement(NamedTuple):
    """What the gate decided on one side of a market.

    ``fair`` is what the side's best offer was compared with; None without an offer or a consensus.
    ``signal`` is set if the verdict is accepted.
    """

    outcome: Outcome
    verdict: Verdict
    fair: FairOdds | None = None
    signal: ConfirmedSignal | None = None


# The name of this gate in counts and decisions.
STAGE = "edge"
_NEVER: Mapping[Outcome, datetime] = MappingProxyType({})
# Far above the rounding of any expected value, in per cent.
_SURELY_PCT = 1e-6
# How far a price gets, worst first. The verdict gives the reason of the price that got furthest.
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
    """Return a judgement on every side of the market, in the order of its sides.

    ``seen`` gives since when each side has had value (see ``first_seen``). ``others`` are the
    event's other markets as last validated. The sharp 1X2 among them gives the probability that a
    handicap pushes. Where too few sharp books quote this line before kick-off, quotes of
    neighbouring lines are moved to it, by two quarter steps at most. More value is required then.
    """
    view = MarketView(validated, settings, now, others)
    return [
        _judge(view, outcome, seen.get(outcome)) for outcome in validated.update.market.outcomes
    ]


def first_seen(
    judgements: Sequence[Judgement], seen: Mapping[Outcome, datetime], now: datetime
) -> dict[Outcome, datetime]:
    """Return since when each side has had value without a break: ``seen`` for the next look.

    Keep it per market and drop it when it is empty. A side without value starts anew.
    """
    valued = (Reason.OK, Reason.AWAITING_CONFIRMATION)
    return {
        one.outcome: seen.get(one.outcome, now)
        for one in judgements
        if one.verdict.reason in valued
    }


def evidence(
    validated: ValidatedMarket,
    settings: EdgeSettings,
    now: datetime,
    outcome: Outcome,
    others: Sequence[ValidatedMarket] = (),
) -> dict[str, object]:
    """Return what ``evaluate`` weighed for one side, refused prices included, as JSON values.

    It is stored with a decision that made no signal. Empty if no bettable book had both a price and
    a consensus to compare it with.
    """
    view = MarketView(validated, settings, now, others)
    index = view.market.outcomes.index(outcome)
    return evidence_of(outcome, index, _graded(view, index), settings)


def decision_on(
    validated: ValidatedMarket,
    judgement: Judgement,
    settings: EdgeSettings,
    now: datetime,
    others: Sequence[ValidatedMarket],
    worker: str,
) -> Decision:
    """Return the row of the audit for a judgement that ``evaluate`` made with these arguments."""
    update, outcome = validated.update, judgement.outcome
    details = details_of(update, judgement.signal)
    if judgement.signal is None:
        details["evidence"] = evidence(validated, settings, now, outcome, others)
    return Decision(
        trace_id=update.trace_id,
        stage=STAGE,
        worker=worker,
        event_uid=update.event.event_uid,
        selection_id=update.market.selection_id(outcome),
        verdict=judgement.verdict,
        at=now,
        details=details,
        account=update.account,
    )


def _judge(view: MarketView, outcome: Outcome, since: datetime | None) -> Judgement:
    index = view.market.outcomes.index(outcome)
    graded = _cannot_reach_min_ev(view, index) or _graded(view, index)
    if not graded:
        return Judgement(outcome, reject(Reason.NO_OFFER))
    best = graded[0]
    fair, numbers = _fair_odds(best, index), _numbers(best, index)
    if best.reason is not Reason.OK:
        return Judgement(outcome, reject(best.reason, **numbers), fair)
    stood_s = (view.now - (since or view.now)).total_seconds()
    wait_s = view.settings.confirmation_window_sec - stood_s
    if wait_s > 0:
        waiting = reject(Reason.AWAITING_CONFIRMATION, wait_s=wait_s, **numbers)
        return Judgement(outcome, waiting, fair)
    return Judgement(outcome, accept(**numbers), fair, _signal(view, outcome, index, graded))


def _cannot_reach_min_ev(view: MarketView, index: int) -> list[Graded]:
    """Return the side's best offer if none of its offers can reach MIN_EV_PCT, else an empty list.

    The offer is graded against the full consensus, so its verdict is EV_TOO_LOW. This saves one
    consensus for each sharp book that may be bet. Most markets end here.
    """
    # Why this never refuses what the scalar gate (``_graded``) would accept:
    # 1. An offer is compared with the consensus without its own book. With more quotes than
    #    MIN_SHARP_SOURCES, or without neighbours, no quote of another line enters. So every
    #    consensus pools some of the rows ``priced.pool.fair``: the margin of a book is removed
    #    without regard to the others.
    # 2. ``pool_ceiling`` bounds p of the side in every pool of these rows, whatever their weights.
    # 3. EV = W (odds - 1) - X = (W + X) (p odds - 1), and W + X <= 1. So the EV of no offer is
    #    above max(ceiling * highest odds - 1, 0). It is compared with MIN_EV_PCT less _SURELY_PCT,
    #    which is far more than all rounding. What the gate wants is never below MIN_EV_PCT.
    # 4. The full consensus exists and its spread is allowed, so the reason is EV_TOO_LOW for the
    #    offer returned: no other reason that a refused offer could have got is further.
    ceiling = view.ceiling
    if ceiling is None:
        return []
    highest, best = 0.0, None
    for offer in _offered(view, index):
        odds, book, name = offer
        highest = max(highest, odds)
        is_better = best is None or (-odds, book.book) < (-best[0], best[1].book)
        if name not in view.sharps and is_better:
            best = offer
    most_pct = 100 * max(ceiling[index] * highest - 1, 0.0)
    if best is None or most_pct > view.settings.min_ev_pct - _SURELY_PCT:
        return []
    return [_grade(view, best, index)]


def _graded(view: MarketView, index: int) -> list[Graded]:
    """Return every bettable price of a side, graded, the best first."""
    graded = [_grade(view, offer, index) for offer in _offered(view, index)]
    return sorted(
        graded, key=lambda one: (-_PROGRESS.index(one.reason), -one.ev_pct, -one.odds, one.book)
    )


# Decimal odds, the book's prices, and the book's name in capitals, as a consensus knows it.
_Offered = tuple[float, BookPrices, str]


def _offered(view: MarketView, index: int) -> list[_Offered]:
    """Return the prices of a side that can be taken."""
    return [
        (odds, book, name)
        for book, name in view.bettable
        if len(book.odds) > index and (odds := book.odds[index]) is not None and 1 < odds < inf
    ]


def _grade(view: MarketView, offer: _Offered, index: int) -> Graded:
    """Return how far one book's price gets."""
    odds, book, name = offer
    inputs, priced = view.priced_without(name)
    wanted_pct = wanted_ev_pct(view.settings.min_ev_pct, inputs, odds)
    ev_pct = unsettled_s = 0.0
    if isinstance(priced, Reason):
        reason, found = priced, None
    else:
        ev_pct, found = 100 * mass_value(*priced.masses(index), odds), priced
        unsettled_s = view.anchor_wait_s if name == view.settings.sharp_anchor.upper() else 0.0
        reason = value_reason(
            priced.pool.spread_pct, ev_pct, wanted_pct, view.settings, unsettled_s=unsettled_s
        )
    return Graded(
        reason=reason,
        ev_pct=ev_pct,
        wanted_pct=wanted_pct,
        priced=found,
        book=book.book,
        odds=odds,
        text=book.texts[index] if index < len(book.texts) else repr(odds),
        age_s=age_s(book, view.now),
        inputs=inputs,
        unsettled_s=unsettled_s,
    )


def _fair_odds(best: Graded, index: int) -> FairOdds | None:
    if best.priced is None:
        return None
    return FairOdds(1 / best.priced.effective_p[index], steps_moved(best.inputs))


def _numbers(best: Graded, index: int) -> dict[str, Number]:
    """Return the numbers of the verdict."""
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
    view: MarketView, outcome: Outcome, index: int, graded: Sequence[Graded]
) -> ConfirmedSignal:
    worth = [one for one in graded if one.reason is Reason.OK]
    priced = worth[0].priced
    assert priced is not None  # noqa: S101  # only a priced offer gets the reason OK
    p = priced.effective_p[index]
    fair = FairPrice(
        effective_p=p,
        win_mass=priced.win_mass(index),
        loss_mass=priced.loss_mass(index),
        fair_odds=1 / p,
        spread_pct=priced.pool.spread_pct,
        method=worth[0].inputs.pool.method,
        sharps=tuple(quote.book for quote in worth[0].inputs.pool.quotes),
        evidence=evidence_of(outcome, index, worth, view.settings),
    )
    offers = tuple(Offer(one.book, one.odds, one.text, one.age_s, one.ev_pct) for one in worth)
    market = view.validated
    return ConfirmedSignal(
        market.update, outcome, offers, fair, view.now, market.validated_at, market.dropped
    )
