"""What rests or is locked is named by event and selection, not by a key of Redis."""

from keter.bus.keys import Keys
from keter.dashboard.funnel import confirmed_stage
from keter.dashboard.riskview import hold_row
from tests.kit.execution import ACCOUNT


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
