"""While trading is REDUCING: does a bet raise what its event may lose?

A bet passes when the event's worst case with it, reservations of others included, is no larger than
the worst case of the bets that stand without it (pending and unknown ones among them). Reservations
count on one side only: each may still become a bet or expire, and either way nothing has been
raised. Beside a stake that was booked in part it must do with the part alone and with the whole.
The caps of league, day and all bets hold as always and are not judged here.
"""

from collections.abc import Sequence

import msgspec

from keter.domain.exposure import Exposure, ExposureStatus, worst_case
from keter.domain.signals import ApprovedSignal
from keter.domain.verdicts import Reason, Verdict, accept, reject


def check(bet: Exposure, others: Sequence[Exposure]) -> Verdict:
    """Whether ``bet`` beside ``others`` (of any event) leaves its event's worst case where it is,
    or below.
    """
    event = [other for other in others if other.event_uid == bet.event_uid]
    for stakes in (event, [_booked(other) for other in event]):
        stands = worst_case(other for other in stakes if other.status is ExposureStatus.BET)
        with_it = worst_case([*stakes, bet])
        if with_it > stands:
            return reject(Reason.RAISES_EXPOSURE, event_minor=stands, would_be_minor=with_it)
    return accept()


def _booked(exposure: Exposure) -> Exposure:
    if exposure.stands_minor is None:
        return exposure
    return msgspec.structs.replace(exposure, stake_minor=exposure.stands_minor)


def recheck(approved: ApprovedSignal, exposures: Sequence[Exposure]) -> Verdict:
    """The same right before the bet, by the risk book as it stands now: what it was to lie beside
    may have gone.

    An approval from before REDUCING was never judged by its rule and is refused whatever it does.
    """
    if not approved.reducing:
        return reject(Reason.RAISES_EXPOSURE, cause="approved before REDUCING")
    own = next(
        (exposure for exposure in exposures if exposure.decision_id == approved.decision_id), None
    )
    if own is None:
        return reject(Reason.SIGNAL_STALE, cause="the reservation has expired")
    bet = msgspec.structs.replace(own, stake_minor=approved.stake_minor)
    return check(bet, [exposure for exposure in exposures if exposure is not own])
