"""Signals that are approved and never bet are told with the reasons, once a whole window says
so.
"""

from datetime import UTC, datetime, timedelta

import pytest

from keter.dashboard.standstill import WINDOW, Standstill, StandstillWatch

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
STEP = timedelta(seconds=10)


def after(
    growth: dict[str, int],
    *,
    steps: int = 31,
    standstill: StandstillWatch | None = None,
    may_bet: bool = True,
) -> Standstill | None:
    """Return what is found when each count grows by so much in every step."""
    watched, counts = (
        standstill or StandstillWatch(),
        {"guard:ok": 50, "router:ok": 20, "router:reconciling": 1},
    )
    found = None
    for number in range(steps):
        found = watched.look(counts, NOON + number * STEP, may_bet=may_bet)
        counts = {
            name: n + growth.get(name, 0)
            for name, n in (counts | {k: counts.get(k, 0) for k in growth}).items()
        }
    return found


def test_approvals_without_a_bet_are_told_with_their_reasons() -> None:
    found = after({"guard:ok": 1, "router:reconciling": 2, "router:price_moved": 1})
    assert found is not None
    assert (
        found.sentence
        == "30 signals were approved in the last 5 minutes and none was bet: reconciling 60, price"
        " moved 30."
    )
    assert not found.ordinary


def test_not_before_the_window_is_full() -> None:
    assert after({"guard:ok": 1, "router:reconciling": 1}, steps=round(WINDOW / STEP)) is None


@pytest.mark.parametrize(
    "growth",
    [
        {"guard:ok": 5, "router:ok": 1, "router:reconciling": 4},
        {"router:reconciling": 9},
        {"guard:throttled": 5},
    ],
)
def test_a_bet_or_no_approval_is_no_standstill(growth: dict[str, int]) -> None:
    assert after(growth) is None


def test_while_betting_is_stopped_there_is_none_and_the_window_begins_anew_after_it() -> None:
    standstill = StandstillWatch()
    assert after({"guard:ok": 1}, standstill=standstill, may_bet=False) is None
    again = standstill.look({"guard:ok": 90}, NOON + 32 * STEP, may_bet=True)
    assert again is None


def test_a_new_day_is_no_standstill() -> None:
    standstill = StandstillWatch()
    after({"guard:ok": 1, "router:reconciling": 1}, standstill=standstill)
    assert standstill.look({"guard:ok": 3}, NOON + 32 * STEP, may_bet=True) is None


def test_a_market_that_moves_is_ordinary_and_a_router_that_takes_nothing_is_not() -> None:
    moves, takes_nothing = after({"guard:ok": 1, "router:price_moved": 1}), after({"guard:ok": 1})
    assert moves is not None
    assert moves.ordinary
    assert takes_nothing is not None
    assert not takes_nothing.ordinary
    assert takes_nothing.sentence.endswith("none was bet: the router took none of them.")
