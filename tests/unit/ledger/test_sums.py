"""The betting day and the money strip, summed from bets whose numbers are known."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from keter.clock import ManualClock
from keter.domain.exposure import DayRisk
from keter.domain.order_states import OrderState
from keter.domain.trading import ExecutionMode
from keter.ledger import Ledger, OrderChanges, open_ledger
from tests.kit.execution import ACCOUNT, NOW, an_event, an_intent
from tests.kit.ledger_contract import put_in
from tests.kit.orders import one_fill

DRY = ExecutionMode.DRY
S = OrderState
TODAY = "2026-02-21"


async def day_risk(ledger: Ledger, day: str) -> DayRisk:
    """Return the sums of a day as the guard reads them."""
    return (await ledger.risk_picture(DRY, ACCOUNT, day))[1]


async def settle(
    ledger: Ledger,
    intent_id: str,
    state: OrderState,
    pnl_minor: int,
    at: datetime,
    made: datetime = NOW,
) -> None:
    await put_in(ledger, S.FILLED, intent_id, created_at=made)
    changes = OrderChanges(pnl_minor=pnl_minor, settled_at=at)
    await ledger.orders.transition(
        intent_id, state, at=at, cause="venue", worker="t", changes=changes
    )


async def test_the_day_sums_what_was_settled_and_staked_on_it(ledger: Ledger) -> None:
    await settle(
        ledger, "yesterday", S.LOST, -1000, NOW - timedelta(days=1), NOW - timedelta(days=1)
    )
    await settle(ledger, "over-night", S.WON, 1200, NOW, NOW - timedelta(days=1))
    await settle(ledger, "today", S.LOST, -1000, NOW + timedelta(hours=1))
    await put_in(ledger, S.UNKNOWN, "unknown", stake_minor=2500)
    await put_in(ledger, S.REFUSED, "refused")
    await put_in(ledger, S.SKIPPED, "skipped")
    assert await day_risk(ledger, TODAY) == DayRisk(
        TODAY, pnl_minor=200, staked_minor=3500, streak=1, bets=2
    )


async def test_the_stake_that_the_venue_booked_counts_once_it_is_known(ledger: Ledger) -> None:
    await put_in(ledger, S.OPEN, "i1")
    changes = OrderChanges(fills=one_fill(400))
    await ledger.orders.transition(
        "i1", S.FILLED, at=NOW, cause="venue", worker="t", changes=changes
    )
    assert (await day_risk(ledger, TODAY)).staked_minor == 400
    assert (await ledger.summary(DRY, ACCOUNT)).outstanding_minor == 400


@pytest.mark.parametrize(
    ("results", "streak"),
    [
        ((), 0),
        ((S.LOST, S.LOST), 2),
        ((S.LOST, S.WON), 0),
        ((S.WON, S.LOST, S.HALF_LOST), 2),
        ((S.LOST, S.PUSHED, S.VOID, S.LOST), 2),
        ((S.LOST, S.HALF_WON, S.LOST), 1),
    ],
)
async def test_pushes_and_void_bets_neither_lengthen_nor_end_a_losing_streak(
    ledger: Ledger, results: tuple[OrderState, ...], streak: int
) -> None:
    for n, state in enumerate(results):
        await settle(ledger, f"i{n}", state, 0, NOW + timedelta(seconds=n))
    assert (await day_risk(ledger, TODAY)).streak == streak


async def test_the_streak_of_a_past_day_ends_with_that_day(ledger: Ledger) -> None:
    await settle(ledger, "i0", S.LOST, -1, NOW)
    await settle(ledger, "i1", S.WON, 1, NOW + timedelta(days=1))
    assert (await day_risk(ledger, TODAY)).streak == 1
    assert (await day_risk(ledger, "2026-02-22")).streak == 0


async def test_the_day_begins_in_the_configured_zone(tmp_path: Path) -> None:
    ledger = await open_ledger(
        f"sqlite:///{tmp_path}/l.db", clock=ManualClock(NOW), zone=ZoneInfo("Asia/Tokyo")
    )
    late = datetime(2026, 2, 21, 15, 0, tzinfo=UTC)  # midnight in Tokyo
    await settle(ledger, "before", S.WON, 100, late - timedelta(microseconds=1))
    await settle(ledger, "after", S.WON, 7, late)
    assert ledger.day_of(late) == "2026-02-22"
    assert (await day_risk(ledger, "2026-02-21")).pnl_minor == 100
    assert (await day_risk(ledger, "2026-02-22")).pnl_minor == 7
    await ledger.aclose()


async def test_the_strip_tells_open_and_unknown_money_apart(ledger: Ledger) -> None:
    await put_in(ledger, S.FILLED, "r", stake_minor=1000)
    await put_in(ledger, S.UNKNOWN, "u", stake_minor=300)
    await put_in(ledger, S.QUOTED, "q", stake_minor=5000)
    await settle(ledger, "w", S.WON, 1200, NOW)
    await settle(ledger, "l", S.HALF_LOST, -500, NOW)
    strip = await ledger.summary(DRY, ACCOUNT)
    assert (strip.open, strip.outstanding_minor) == (2, 1300)
    assert (strip.unknown, strip.unknown_stake_minor) == (1, 300)
    assert (strip.settled, strip.won, strip.lost, strip.pnl_minor) == (2, 1, 1, 700)
    assert strip.states == {"FILLED": 1, "UNKNOWN": 1, "QUOTED": 1, "WON": 1, "HALF_LOST": 1}
    assert await ledger.pnl_points(DRY, ACCOUNT, NOW) == [(NOW, -500), (NOW, 1200)]


async def test_modes_do_not_mix(ledger: Ledger) -> None:
    await ledger.orders.create(
        an_intent("live", mode=ExecutionMode.LIVE, event=an_event("Live FC")), worker="w"
    )
    for state in (S.QUOTED, S.SENDING, S.OPEN):
        await ledger.orders.transition("live", state, at=NOW, cause="c", worker="w")
    assert (await ledger.summary(DRY, ACCOUNT)).open == 0
    assert (await ledger.summary(ExecutionMode.LIVE, ACCOUNT)).open == 1
