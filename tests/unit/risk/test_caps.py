"""Caps count what events may lose: an account's own in its currency, common ones in one."""

from typing import Any

import msgspec
import pytest

from keter.betting_settings import CommonRiskSettings, RiskSettings
from keter.domain.exposure import Exposure, ExposureStatus, Terms
from keter.domain.market_kinds import Outcome
from keter.domain.order_states import Side
from keter.domain.verdicts import Reason
from keter.risk.caps import Caps, Held, cap_refusal, totals, within_own_caps
from tests.kit.execution import NOW, TOTALS

ALICE, BOB = "asianodds:alice", "asianodds:bob"
DOLLARS = Terms(rate="0.5")


def bet(outcome: Outcome = Outcome.OVER, stake: int = 1000, **other: Any) -> Exposure:
    made = Exposure(
        other.pop("name", "own"), "e", "L", TOTALS, outcome, stake, "2.10",
        ExposureStatus.RESERVED, NOW, account=ALICE,
    )  # fmt: skip
    return msgspec.structs.replace(made, **other)


def filled(outcome: Outcome, **other: Any) -> Exposure:
    made = bet(outcome, name=other.get("account", "other"), status=ExposureStatus.BET, **other)
    return msgspec.structs.replace(made, fills=((made.stake_minor, "2.10"),))


def caps(risk: dict[str, Any] | None = None, **common: Any) -> Caps:
    return Caps(RiskSettings(**(risk or {})), CommonRiskSettings(**common))


def test_league_and_total_are_sums_of_the_worst_cases_of_events() -> None:
    elsewhere = filled(Outcome.OVER, event_uid="f", league="M")
    near = filled(Outcome.OVER, event_uid="g", stake=300)
    numbers = totals(bet(), Held([filled(Outcome.UNDER), elsewhere, near]), 0, caps())
    # Of its own event the bet loses 1000 at two goals, beside 1100 won by the other side.
    assert numbers["event_minor"] == 1000
    assert numbers["league_minor"] == 1000 + 300
    assert numbers["total_minor"] == 1000 + 300 + 1000


def test_the_day_counts_stakes_whatever_they_cover() -> None:
    reserved = bet(Outcome.UNDER, name="r")
    numbers = totals(bet(), Held([filled(Outcome.UNDER), reserved]), 1000, caps())
    assert numbers["day_minor"] == 1000 + 1000 + 1000


def test_without_a_common_cap_nothing_is_counted_together() -> None:
    others = [bet(account=BOB, name="b")]
    numbers = totals(bet(), Held([], others), 0, caps())
    assert not [name for name in numbers if name.startswith("common_")]


@pytest.mark.parametrize(
    ("cap", "reason"),
    [
        ("common_max_exposure_event", Reason.COMMON_EXPOSURE_EVENT),
        ("common_max_exposure_league", Reason.COMMON_EXPOSURE_LEAGUE),
        ("common_max_exposure_total", Reason.COMMON_EXPOSURE_TOTAL),
    ],
)
def test_a_common_cap_refuses_above_it_in_the_risk_currency(cap: str, reason: Reason) -> None:
    """10 dollars at 0.50 beside 10 euros of another account."""
    held, mine = Held([], [bet(account=BOB, name="b")]), bet(terms=DOLLARS)
    for limit, passes in (("15", True), ("14.99", False)):
        limits = caps(None, **{cap: limit})
        numbers = totals(mine, held, 0, limits)
        assert numbers["common_total_minor"] == 1500
        assert numbers["total_minor"] == 1000
        refusal = cap_refusal(numbers, limits)
        assert (refusal is None) is passes
        assert refusal is None or refusal.reason is reason
        # The router, which finds the bet itself in the book, counts it once.
        in_book = held._replace(own=[mine])
        assert within_own_caps(mine, in_book, 0, limits).accepted is passes


def test_the_filled_bet_of_another_account_covers_ours_in_the_common_cap() -> None:
    """At two goals ours loses 10 and the other wins 22; at three the other loses 20."""
    limits, mine = caps(common_max_exposure_event="1"), bet(Outcome.OVER)
    beside = filled(Outcome.UNDER, account=BOB, stake_minor=2000)
    same_side = filled(Outcome.OVER, account=BOB, stake_minor=2000)
    for other, together in ((beside, 2000), (same_side, 3000)):
        numbers = totals(mine, Held([], [other]), 0, limits)
        assert (numbers["common_event_minor"], numbers["event_minor"]) == (together, 1000)


def test_the_cap_of_a_stake_is_held_against_a_lays_liability() -> None:
    lay = bet(side=Side.LAY, stake=1000, odds="4.00")
    verdict = within_own_caps(lay, Held([]), 0, caps({"max_stake": 29}))
    assert (verdict.reason, verdict.numbers["stake_minor"]) == (Reason.EXPOSURE_BET, 3000)
    assert within_own_caps(lay, Held([]), 0, caps({"max_stake": 30})).accepted
