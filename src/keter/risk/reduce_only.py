"""While trading is REDUCING: does a bet raise what its event may lose? Pure.

A bet passes if the worst case of its event does not grow. The worst case with the bet and all
reservations is compared with that of the open bets alone, pending and unknown ones included.
Reservations count on one side only: each may become a bet or expire, and neither must raise the
worst case. Of an order that was filled in part, its fills alone and the whole must both pass.

It must not grow on the bet's account, nor on all accounts together: bets of two accounts may cover
each other. The caps of league, day and all bets are not judged here.
"""

from collections.abc import Sequence

import msgspec

from keter.domain.exposure import Exposure, ExposureStatus, worst_case
from keter.domain.signals import ApprovedSignal
from keter.domain.verdicts import Reason, Verdict, accept, reject
from keter.risk.caps import Held


def check(bet: Exposure, held: Held) -> Verdict:
    """Return whether ``bet`` does not raise the worst case of its event.

    ``held`` are all other exposures, of any event.
    """
    event = bet.event_uid
    own = [other for other in held.own if other.event_uid == event]
    of_others = [other for other in held.of_others if other.event_uid == event]
    verdict = _check(bet, own, in_risk_currency=False)
    if not verdict.accepted or not of_others:
        return verdict
    return _check(bet, [*own, *of_others], in_risk_currency=True)


def _check(bet: Exposure, event: Sequence[Exposure], *, in_risk_currency: bool) -> Verdict:
    for held in (event, [other.only_filled if other.fills else other for other in event]):
        orders = (other for other in held if other.status is ExposureStatus.BET)
        before = worst_case(orders, in_risk_currency=in_risk_currency)
        with_it = worst_case([*held, bet], in_risk_currency=in_risk_currency)
        if with_it > before:
            return reject(Reason.RAISES_EXPOSURE, event_minor=before, would_be_minor=with_it)
    return accept()


def recheck(approved: ApprovedSignal, held: Held) -> Verdict:
    """Return the same right before the bet, by the risk book as it is now.

    The bets that it reduces may have been settled since the approval.
    """
    # An approval from before REDUCING was never checked by this rule.
    if not approved.reducing:
        return reject(Reason.RAISES_EXPOSURE, cause="approved before REDUCING")
    own = next(
        (exposure for exposure in held.own if exposure.decision_id == approved.decision_id), None
    )
    if own is None:
        return reject(Reason.SIGNAL_STALE, cause="the reservation has expired")
    bet = msgspec.structs.replace(own, stake_minor=approved.stake_minor)
    others = [exposure for exposure in held.own if exposure is not own]
    return check(bet, held._replace(own=others))
