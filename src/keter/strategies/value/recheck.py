"""The value rule on a price that a book quotes right before the bet. Pure."""

from keter.domain.orders import PlacementQuote
from keter.domain.signals import ConfirmedSignal
from keter.domain.verdicts import Reason, Verdict, accept, reject
from keter.strategies.value.evidence import Worth, worth_at
from keter.strategies.value.settings import EdgeSettings

_ROUNDING = 1e-9


def recheck_price(
    settings: EdgeSettings, signal: ConfirmedSignal, quote: PlacementQuote, approved_odds: float
) -> Verdict:
    """Return whether the quoted price is still worth the bet, which was approved at other odds.

    The verdict's numbers are ``ev_pct`` and ``min_ev_pct`` per 100 staked. Both are None where too
    few sharp books are left for a consensus without the quote's own.
    """
    worth = worth_at(signal.fair, quote.book, quote.odds, settings.min_ev_pct)
    if worth is None:
        return reject(Reason.TOO_FEW_SHARPS, ev_pct=None, min_ev_pct=None)
    reason = _value_reason(worth, settings)
    # An anchor that has moved since the approval left behind the consensus it was held against.
    is_anchor = quote.book.upper() == settings.sharp_anchor.upper()
    if reason is Reason.OK and is_anchor and abs(quote.odds - approved_odds) > _ROUNDING:
        reason = Reason.ANCHOR_UNSETTLED
    numbers = {"ev_pct": worth.ev_pct, "min_ev_pct": worth.wanted_pct}
    return accept(**numbers) if reason is Reason.OK else reject(reason, **numbers)


def _value_reason(worth: Worth, settings: EdgeSettings) -> Reason:
    if worth.ev_pct + _ROUNDING < worth.wanted_pct:
        return Reason.EDGE_GONE
    return Reason.EV_TOO_HIGH if worth.ev_pct > settings.ev_max_pct else Reason.OK
