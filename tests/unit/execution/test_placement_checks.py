"""The last check: every condition that may have changed since the approval."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import msgspec
import pytest

from keter.betting_settings import RiskSettings
from keter.domain.exposure import Exposure, ExposureStatus, Terms
from keter.domain.markets import Phase
from keter.domain.runs import RunMark
from keter.domain.signals import ApprovedSignal
from keter.domain.trading import ExecutionMode
from keter.domain.verdicts import Reason, reject
from keter.execution.placement_checks import recheck
from keter.risk.gate import as_exposure
from tests.kit.execution import MARK, NOW, PLACEMENT_LIMITS, an_event, approved, fine_facts

FINE = fine_facts()


def test_a_fresh_approval_in_a_world_that_is_fine_passes() -> None:
    assert recheck(approved(), FINE, PLACEMENT_LIMITS).accepted


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"halt_file": True}, Reason.HALT_FILE),
        ({"trading": reject(Reason.TRADING_NOT_ACTIVE, cause="HALTED")}, Reason.TRADING_NOT_ACTIVE),
        ({"permitted": False}, Reason.NOT_ARMED),
        ({"reconciled": False}, Reason.RECONCILING),
        ({"lock_left_s": 29.9}, Reason.LOCK_LOST),
        ({"now": NOW + timedelta(seconds=15.1)}, Reason.SIGNAL_STALE),
    ],
)
def test_each_thing_that_changed_stops_the_bet_with_its_own_reason(
    change: dict[str, object], reason: Reason
) -> None:
    verdict = recheck(approved(), replace(FINE, **change), PLACEMENT_LIMITS)  # type: ignore[arg-type]  # one field each
    assert (verdict.accepted, verdict.reason) == (False, reason)


@pytest.mark.parametrize(
    "made_in",
    [
        None,
        msgspec.structs.replace(MARK, run_id="another"),
        msgspec.structs.replace(MARK, mode=ExecutionMode.LIVE),
        msgspec.structs.replace(MARK, fingerprint="other settings"),
    ],
    ids=["nobody knows", "run", "mode", "settings"],
)
def test_an_approval_of_another_run_mode_or_settings_is_refused(made_in: RunMark | None) -> None:
    verdict = recheck(msgspec.structs.replace(approved(), run=made_in), FINE, PLACEMENT_LIMITS)
    assert (verdict.accepted, verdict.reason, verdict.numbers["what"]) == (
        False,
        Reason.OTHER_RUN,
        "approval",
    )


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"owner": "another run"}, Reason.OTHER_RUN),
        ({"owner": ""}, Reason.OTHER_RUN),
        ({"book_run": "another run:DRY:f"}, Reason.OTHER_RUN),
        ({"book_run": ""}, Reason.OTHER_RUN),
        ({"leading": False}, Reason.FENCED),
    ],
)
def test_nothing_is_bet_on_a_redis_a_book_or_an_account_that_are_not_the_routers(
    change: dict[str, object], reason: Reason
) -> None:
    assert recheck(approved(), replace(FINE, **change), PLACEMENT_LIMITS).reason is reason  # type: ignore[arg-type]  # one field each


def in_book(signal: ApprovedSignal, status: ExposureStatus, stake_minor: int = 1000) -> Exposure:
    made = as_exposure(signal.signal, stake_minor, Terms(), signal.decision_id)
    return msgspec.structs.replace(made, status=status)


@pytest.mark.parametrize(
    ("caps", "reason"),
    [
        ({"max_stake": Decimal("9.99")}, Reason.EXPOSURE_BET),
        ({"max_exposure_event": Decimal("9.99")}, Reason.EXPOSURE_EVENT),
        ({"max_exposure_league": Decimal("19.99")}, Reason.EXPOSURE_LEAGUE),
        ({"max_exposure_day": Decimal("24.99")}, Reason.EXPOSURE_DAY),
        ({"max_exposure_total": Decimal("19.99")}, Reason.EXPOSURE_TOTAL),
    ],
)
def test_the_router_sends_nothing_above_its_own_caps_whoever_approved(
    caps: dict[str, Decimal], reason: Reason
) -> None:
    """10.00 to be bet beside another's 10.00 in its league, with 15.00 staked today: at the cap it
    passes, a cent above not.
    """
    signal = approved()
    other = in_book(approved(event=an_event("Gamma FC")), ExposureStatus.BET)
    full = {name: value + Decimal("0.01") for name, value in caps.items()}
    for limits, passes in ((full, True), (caps, False)):
        own = RiskSettings().model_copy(update=limits)
        facts = fine_facts(
            book=(in_book(signal, ExposureStatus.RESERVED), other), staked_minor=1500, caps=own
        )
        verdict = recheck(signal, facts, PLACEMENT_LIMITS)
        assert verdict.accepted is passes
        assert passes or verdict.reason is reason


def test_the_bets_own_stake_counts_once_whether_reserved_or_already_a_bet() -> None:
    signal = approved()
    caps = RiskSettings().model_copy(
        update={"max_exposure_total": Decimal(10), "max_exposure_day": Decimal(10)}
    )
    reserved = fine_facts(
        book=(in_book(signal, ExposureStatus.RESERVED),), staked_minor=0, caps=caps
    )
    booked = fine_facts(book=(in_book(signal, ExposureStatus.BET),), staked_minor=1000, caps=caps)
    assert recheck(signal, reserved, PLACEMENT_LIMITS).accepted
    assert recheck(signal, booked, PLACEMENT_LIMITS).accepted


def test_the_age_of_the_consensus_counts_not_that_of_the_approval() -> None:
    """Guard and router may each take the age limit: together they must not."""
    signal = msgspec.structs.replace(approved(at=NOW - timedelta(seconds=16)), approved_at=NOW)
    assert recheck(signal, FINE, PLACEMENT_LIMITS).reason is Reason.SIGNAL_STALE


@pytest.mark.parametrize(("ahead_s", "passes"), [(5.0, True), (5.1, False), (600, False)])
def test_a_signal_from_the_future_is_of_no_known_age(ahead_s: float, passes: bool) -> None:
    """The clock was set back by ten minutes: what waited would be young for ten minutes more."""
    signal = approved(at=NOW + timedelta(seconds=ahead_s))
    verdict = recheck(signal, FINE, PLACEMENT_LIMITS)
    assert verdict.accepted is passes
    assert passes or verdict.reason is Reason.SIGNAL_STALE


def test_an_event_that_has_started_is_bet_only_where_in_play_is_on() -> None:
    begun = approved(event=an_event(kickoff=NOW))
    live = approved(phase=Phase.LIVE)
    for signal in (begun, live):
        assert recheck(signal, FINE, PLACEMENT_LIMITS).reason is Reason.EVENT_STARTED
        assert recheck(signal, FINE, replace(PLACEMENT_LIMITS, in_play=True)).accepted
