"""The caps on money at risk. Pure.

The guard checks them before it reserves, the router again, with its own settings, before it bets.
"""

from collections.abc import Mapping, Sequence

from keter.betting_settings import RiskSettings
from keter.domain.exposure import Exposure, ExposureStatus, open_stake, worst_case
from keter.domain.money import to_minor
from keter.domain.verdicts import Reason, Verdict, accept, reject


def totals(bet: Exposure, others: Sequence[Exposure], staked_minor: int) -> dict[str, int]:
    """Return what is at risk with ``bet`` beside ``others``, in minor units.

    * ``event_minor``: the worst case of the bet's event.
    * ``league_minor``, ``total_minor``: the open stakes of its league, and all open stakes.
    * ``day_minor``: the stakes of the day. ``staked_minor`` are those so far, without reservations;
      the stakes of reservations are added here.
    """
    promised = open_stake(other for other in others if other.status is ExposureStatus.RESERVED)
    return {
        "event_minor": worst_case(
            [other for other in others if other.event_uid == bet.event_uid] + [bet]
        ),
        "league_minor": open_stake(other for other in others if other.league == bet.league)
        + bet.stake_minor,
        "total_minor": open_stake(others) + bet.stake_minor,
        "day_minor": staked_minor + promised + bet.stake_minor,
    }


def cap_refusal(numbers: Mapping[str, int], risk: RiskSettings) -> Verdict | None:
    """Return the refusal for the first cap that ``numbers`` (see ``totals``) exceed, or None."""
    caps = (
        ("event_minor", risk.max_exposure_event, Reason.EXPOSURE_EVENT),
        ("league_minor", risk.max_exposure_league, Reason.EXPOSURE_LEAGUE),
        ("day_minor", risk.max_exposure_day, Reason.EXPOSURE_DAY),
        ("total_minor", risk.max_exposure_total, Reason.EXPOSURE_TOTAL),
    )
    for name, cap, reason in caps:
        if numbers[name] > to_minor(cap):
            return reject(reason, would_be_minor=numbers[name], limit_minor=to_minor(cap))
    return None


def within_own_caps(
    bet: Exposure, book: Sequence[Exposure], staked_minor: int, risk: RiskSettings
) -> Verdict:
    """Return whether the caps of the sender, the router, allow ``bet``.

    ``book`` may have the bet itself, as a reservation or as a bet. In the latter case
    ``staked_minor`` includes its stake. It counts once.
    """
    if bet.stake_minor > to_minor(risk.max_stake):
        return reject(
            Reason.EXPOSURE_BET, stake_minor=bet.stake_minor, limit_minor=to_minor(risk.max_stake)
        )
    own = next((other for other in book if other.decision_id == bet.decision_id), None)
    others = [other for other in book if other is not own]
    booked = own.stake_minor if own is not None and own.status is ExposureStatus.BET else 0
    return cap_refusal(totals(bet, others, staked_minor - booked), risk) or accept()
