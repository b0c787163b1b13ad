"""While trading is REDUCING: does a bet raise what its event may lose? Pure.

A bet passes if the worst case of its event does not grow. The worst case with the bet and all
reservations is compared with that of the open bets alone, pending and unknown ones included.
Reservations count on one side only: each may become a bet or expire, and neither must raise the
worst case. Of an order that was filled in part, its fills alone and the whole must both pass. The
caps of league, day and all bets are not judged here.
"""

from collections.abc import Sequence

import msgspec

from keter.domain.exposure import Exposure, ExposureStatus, worst_case
from keter.domain.signals import ApprovedSignal
from keter.domain.verdicts import Reason, Verdict, accept, reject


def check(bet: Exposure, others: Sequence[Exposure]) -> Verdict:
    """Return whether ``bet`` does not raise the worst case of its event.

    ``others`` are all other exposures, of any event.
    """
    event = [other for other in others if other.event_uid == bet.event_uid]
    for held in (event, [other.only_filled if other.fills else other for other in event]):
        open_orders = worst_case(other for other in held if other.status is ExposureStatus.BET)
        with_it = worst_case([*held, bet])
        if with_it > open_orders:
            return reject(Reason.RAISES_EXPOSURE, event_minor=open_orders, would_be_minor=with_it)
    return accept()


def recheck(approved: ApprovedSignal, exposures: Sequence[Exposure]) -> Verdict:
    """Return the same right before the bet, by the risk book as it is now.

    The bets that it reduces may have been settled since the approval.
    """
    # An approval from before REDUCING was never checked by this rule.
    if not approved.reducing:
        return reject(Reason.RAISES_EXPOSURE, cause="approved before REDUCING")
    own = next(
        (exposure for exposure in exposures if exposure.decision_id == approved.decision_id), None
    )
    if own is None:
        return reject(Reason.SIGNAL_STALE, cause="the reservation has expired")
    bet = msgspec.structs.replace(own, stake_minor=approved.stake_minor)
    return check(bet, [exposure for exposure in exposures if exposure is not own])
