"""`keter status` over several accounts: a line for each, and none where there is but one."""

from datetime import UTC, datetime
from typing import Any

import pytest

from keter.bus.telemetry.heartbeats import Heartbeat
from keter.cli.status_accounts import account_lines, open_orders
from tests.kit.beats import beat

ALICE, BOB = "asianodds:alice", "asianodds:bob"


def tracker(account: str, count: str, worker: str = "tracker") -> Heartbeat:
    return beat("tracker", worker, **{"account": account, "g:open_bets": count})


def test_open_bets_are_those_of_the_account_or_of_all() -> None:
    beats = [tracker(ALICE, "3"), tracker(BOB, "2"), beat("router")]
    assert (open_orders(beats, ALICE), open_orders(beats, BOB), open_orders(beats)) == (3, 2, 5)
    assert open_orders([beat("router")]) is None


def test_a_tracker_that_stands_by_is_not_counted_twice() -> None:
    assert open_orders([tracker(ALICE, "3"), tracker(ALICE, "3", "tracker@other")]) == 3


def facts(account: str, **changes: Any) -> dict[str, Any]:
    calm: dict[str, Any] = {
        "account": account,
        "mode": "DRY",
        "currency": "EUR",
        "state": "ACTIVE",
        "stops": [],
        "by": None,
        "reason": None,
        "since": datetime(2026, 11, 21, 11, tzinfo=UTC),
        "until": None,
        "armed": False,
        "open_bets": 2,
        "pnl_today": "-4.70",
    }
    return calm | changes


def test_each_account_has_a_line() -> None:
    live = facts(BOB, mode="LIVE", open_bets=None, pnl_today=None)
    assert list(account_lines([facts(ALICE), live])) == [
        "  asianodds:alice  DRY  ACTIVE  2 open  PnL today EUR -4.70",
        "  asianodds:bob  LIVE  DISARMED",
    ]


@pytest.mark.parametrize("state", ["PAUSED", "HALTED"])
def test_a_stop_of_one_account_says_who_and_why(state: str) -> None:
    stopped = facts(ALICE, state=state, by="ops", reason="lunch", stops=["HALT file"])
    assert list(account_lines([stopped]))[1:] == [
        "    stopped by HALT file",
        "    since 2026-11-21 11:00:00 UTC, by ops: lunch",
    ]


def test_without_several_there_is_no_line() -> None:
    assert list(account_lines(())) == []
