"""The value rule on a price that a book quotes right before the bet. Pure."""

from typing import NamedTuple

from keter.domain.order_calls import PlacementQuote
from keter.domain.signals import ConfirmedSignal, FairPrice
from keter.domain.verdicts import Reason, Verdict, accept, reject
from keter.errors import PricingError
from keter.pricing.selection import price, wanted_ev_pct
from keter.pricing.value import mass_value
from keter.strategies.value.evidence import ConsensusRecord, Evidence, read_evidence
from keter.strategies.value.settings import EdgeSettings

_ROUNDING = 1e-9


class Worth(NamedTuple):
    """The expected value of a price and the least that is required, both per 100 staked."""

    ev_pct: float
    wanted_pct: float


def recheck_price(
    settings: EdgeSettings, signal: ConfirmedSignal, quote: PlacementQuote, approved_odds: float
) -> Verdict:
    """Return whether the quoted price is still worth the bet, which was approved at other odds.

    The verdict's numbers are ``ev_pct`` and ``min_ev_pct`` per 100 staked. Both are None if too few
    sharp books are left for a consensus without the quote's own.
    """
    worth = worth_at(signal.fair, quote.book, quote.odds, settings.min_ev_pct)
    if worth is None:
        return reject(Reason.TOO_FEW_SHARPS, ev_pct=None, min_ev_pct=None)
    reason = _value_reason(worth, settings)
    # An anchor that has moved since the approval has left the consensus that its price was compared
    # with.
    is_anchor = quote.book.upper() == settings.sharp_anchor.upper()
    if reason is Reason.OK and is_anchor and abs(quote.odds - approved_odds) > _ROUNDING:
        reason = Reason.ANCHOR_UNSETTLED
    numbers = {"ev_pct": worth.ev_pct, "min_ev_pct": worth.wanted_pct}
    return accept(**numbers) if reason is Reason.OK else reject(reason, **numbers)


def _value_reason(worth: Worth, settings: EdgeSettings) -> Reason:
    if worth.ev_pct + _ROUNDING < worth.wanted_pct:
        return Reason.EDGE_GONE
    return Reason.EV_TOO_HIGH if worth.ev_pct > settings.ev_max_pct else Reason.OK


def worth_at(fair: FairPrice, book: str, odds: float, min_ev_pct: float) -> Worth | None:
    """Return what ``odds`` at ``book`` are worth against the consensus without that book.

    A consensus with moved lines requires more. None if too few sharp books are left without
    ``book``, or they give no price. A fair price without evidence is used as it is.
    """
    if not fair.evidence:
        return Worth(100 * mass_value(fair.win_mass, fair.loss_mass, odds), min_ev_pct)
    facts = read_evidence(fair.evidence)
    against = _against(facts, book)
    if against is None:
        return None
    return Worth(
        100 * mass_value(*against.result.masses(facts.index), odds),
        wanted_ev_pct(min_ev_pct, against.inputs, odds),
    )


def _against(facts: Evidence, book: str) -> ConsensusRecord | None:
    """Return the consensus that ``book`` is compared with.

    It is its own one if the book was judged, else that of the best price, without ``book``.
    """
    for offer in facts.offers:
        if offer.book.upper() == book.upper():
            return facts.consensus[offer.consensus]
    best = facts.consensus[facts.offers[0].consensus]
    if book.upper() not in {quote.book for quote in best.inputs.pool.quotes}:
        return best
    inputs = best.inputs.without(book.upper())
    if len(inputs.pool.quotes) < facts.min_sharp_sources:
        return None
    try:
        return ConsensusRecord(inputs, price(inputs))
    except PricingError:
        return None
