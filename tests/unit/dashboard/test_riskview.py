"""What rests or is locked is named by event and selection, not by a key of Redis."""

from decimal import Decimal
from typing import Any

import msgspec

from keter.betting_settings import CommonRiskSettings
from keter.bus.keys import Keys
from keter.dashboard.funnel import confirmed_stage
from keter.dashboard.riskview import common_rows, event_rows, hold_row
from keter.domain.exposure import Exposure, ExposureStatus, Terms
from keter.domain.market_kinds import Outcome
from tests.kit.execution import ACCOUNT, NOW, TOTALS


def test_a_rest_of_an_event_and_of_a_selection_and_a_lock_are_read_from_their_keys() -> None:
    keys, uid = Keys("keter:"), "fb-20261127-alpha-fc-v-beta-fc"
    event = hold_row("clear_cooldown", keys.cooldown_event(uid, ACCOUNT), "ok", 41.6, {})
    selection = hold_row(
        "clear_cooldown",
        keys.cooldown_selection(uid, "ft.ah.-0.5.home", ACCOUNT),
        "venue_refused",
        200,
        {},
    )
    lock = hold_row("clear_lock", keys.exec_lock(uid, "ft.ou.2.5.over", ACCOUNT), "router", 9, {})
    assert (event.event_text, event.selection_text, event.remaining_s) == (
        "Alpha Fc v Beta Fc",
        None,
        42,
    )
    assert (selection.event_text, selection.selection_text) == (
        "Alpha Fc v Beta Fc",
        "Alpha Fc -0.5, Handicap",
    )
    assert (lock.event_text, lock.selection_text, lock.why) == (
        "Alpha Fc v Beta Fc",
        "Over 2.5, Over/under",
        "router",
    )


def test_teams_are_written_as_the_bets_on_them_say() -> None:
    uid = "fb-20261127-alpha-fc-v-beta-fc"
    row = hold_row(
        "clear_cooldown",
        Keys("keter:").cooldown_selection(uid, "ft.ah.-0.5.home", ACCOUNT),
        "ok",
        5,
        {uid: ("Alpha FC", "Beta FC")},
    )
    assert (row.event_text, row.selection_text) == ("Alpha FC v Beta FC", "Alpha FC -0.5, Handicap")


def test_without_a_ledger_the_funnel_does_not_claim_that_nothing_was_confirmed() -> None:
    assert confirmed_stage(None) == []


def at_risk(
    name: str, outcome: Outcome, *, filled: bool, stake: int = 1000, **other: Any
) -> Exposure:
    made = Exposure(
        name, "e", "L", TOTALS, outcome, stake, "2.10", ExposureStatus.BET, NOW, account=ACCOUNT,
        fills=((stake, "2.15"),) if filled else (),
    )  # fmt: skip
    return msgspec.structs.replace(made, **other)


def test_an_events_row_is_its_worst_case_and_not_its_stakes() -> None:
    over, under = (at_risk(side, side, filled=True) for side in (Outcome.OVER, Outcome.UNDER))
    (row,) = event_rows([over, under], 10_000, {})
    assert (row.stakes, row.staked, row.worst, row.pct) == (2, "20.00", "0.00", 0)
    waiting = at_risk("u", Outcome.UNDER, filled=False)
    other = at_risk("x", Outcome.OVER, filled=False, stake=500, event_uid="f")
    rows = event_rows([over, waiting, other], 10_000, {})
    assert [(one.event_uid, one.worst, one.pct) for one in rows] == [
        ("e", "10.00", 10),
        ("f", "5.00", 5),
    ]


def test_the_common_caps_that_are_set_are_shown_in_the_risk_currency() -> None:
    dollars = at_risk("d", Outcome.OVER, filled=True, terms=Terms(rate="0.5"), account="v:b")
    everyone = [at_risk("o", Outcome.OVER, filled=True), dollars]
    assert list(common_rows(everyone, CommonRiskSettings())) == []
    caps = CommonRiskSettings(
        common_max_exposure_event=Decimal(30),
        common_max_exposure_league=Decimal(60),
        common_max_exposure_total=Decimal(150),
    )
    rows = [(one.name, one.used, one.limit, one.pct) for one in common_rows(everyone, caps)]
    assert rows == [
        ("common_event", "15.00", "30.00", 50),
        ("common_league", "15.00", "60.00", 25),
        ("common_total", "15.00", "150.00", 10),
    ]
