"""The caps on money at risk. Pure.

The guard checks them before it reserves, the router again, with its own settings, before it bets.
What events may lose is their worst case by ``keter.domain.exposure``. An account's own caps are in
its currency, the common ones on all accounts together in RISK_CURRENCY.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from keter.betting_settings import CommonRiskSettings, RiskSettings
from keter.domain.exposure import Exposure, ExposureStatus, open_stake, worst_cases
from keter.domain.money import to_minor
from keter.domain.verdicts import Reason, Verdict, accept, reject


class Caps(NamedTuple):
    """The caps of an account, and those on all accounts together."""

    risk: RiskSettings
    common: CommonRiskSettings


class CapRow(NamedTuple):
    """A cap in minor units, what is used of it, and the reason of a refusal by it."""

    label: str
    used: int
    limit: int
    reason: Reason


class Held(NamedTuple):
    """What is at risk beside a bet: of its own account, and of all others."""

    own: Sequence[Exposure]
    of_others: Sequence[Exposure] = ()


def totals(bet: Exposure, held: Held, staked_minor: int, caps: Caps) -> dict[str, int]:
    """Return what is at risk with ``bet`` beside what is held, in minor units.

    * ``event_minor``: the worst case of the bet's event.
    * ``league_minor``, ``total_minor``: the sums of the worst cases of its league and of all.
    * ``day_minor``: the stakes of the day. ``staked_minor`` are those so far, without reservations;
      the stakes of reservations are added here.
    * ``common_...``: the first three on all accounts, in the risk currency, if a common cap is set.
    """
    own = [*held.own, bet]
    promised = open_stake(other for other in held.own if other.status is ExposureStatus.RESERVED)
    numbers = _worst(bet, own, in_risk_currency=False)
    numbers["day_minor"] = staked_minor + promised + bet.stake_minor
    if caps.common.has_cap:
        everyone = _worst(bet, [*own, *held.of_others], in_risk_currency=True)
        numbers |= {f"common_{name}": amount for name, amount in everyone.items()}
    return numbers


def _worst(
    bet: Exposure, exposures: Iterable[Exposure], *, in_risk_currency: bool
) -> dict[str, int]:
    everything = list(exposures)
    events = worst_cases(everything, in_risk_currency=in_risk_currency)
    league = worst_cases(
        (one for one in everything if one.league == bet.league), in_risk_currency=in_risk_currency
    )
    return {
        "event_minor": events[bet.event_uid],
        "league_minor": sum(league.values()),
        "total_minor": sum(events.values()),
    }


def cap_refusal(numbers: Mapping[str, int], caps: Caps) -> Verdict | None:
    """Return the refusal for the first cap that ``numbers`` (see ``totals``) exceed, or None."""
    risk = caps.risk
    own = (
        ("event_minor", risk.max_exposure_event, Reason.EXPOSURE_EVENT),
        ("league_minor", risk.max_exposure_league, Reason.EXPOSURE_LEAGUE),
        ("day_minor", risk.max_exposure_day, Reason.EXPOSURE_DAY),
        ("total_minor", risk.max_exposure_total, Reason.EXPOSURE_TOTAL),
    )
    rows = [CapRow("", numbers[name], to_minor(cap), reason) for name, cap, reason in own]
    for row in rows + common_rows(numbers, caps.common):
        if row.used > row.limit:
            return reject(row.reason, would_be_minor=row.used, limit_minor=row.limit)
    return None


def common_rows(numbers: Mapping[str, int], common: CommonRiskSettings) -> list[CapRow]:
    """Return the common caps that are set, with what ``numbers`` (see ``totals``) use of them."""
    rows = (
        ("event", "event", common.common_max_exposure_event, Reason.COMMON_EXPOSURE_EVENT),
        ("league", "league", common.common_max_exposure_league, Reason.COMMON_EXPOSURE_LEAGUE),
        ("all events", "total", common.common_max_exposure_total, Reason.COMMON_EXPOSURE_TOTAL),
    )
    # A common cap of 0 is none.
    return [
        CapRow(f"{label} on all accounts", numbers[f"common_{name}_minor"], to_minor(cap), reason)
        for label, name, cap, reason in rows
        if cap
    ]


def within_own_caps(bet: Exposure, held: Held, staked_minor: int, caps: Caps) -> Verdict:
    """Return whether the caps of the sender, the router, allow ``bet``.

    ``held.own`` may have the bet itself, as a reservation or as a bet. In the latter case
    ``staked_minor`` includes its stake. It counts once.
    """
    limit = to_minor(caps.risk.max_stake)
    if bet.alone_minor > limit:
        return reject(Reason.EXPOSURE_BET, stake_minor=bet.alone_minor, limit_minor=limit)
    own = next((other for other in held.own if other.decision_id == bet.decision_id), None)
    others = held._replace(own=[other for other in held.own if other is not own])
    booked = own.stake_minor if own is not None and own.status is ExposureStatus.BET else 0
    return cap_refusal(totals(bet, others, staked_minor - booked, caps), caps) or accept()
