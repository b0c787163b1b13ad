"""The sums over everything, against the sums of a day and the closing line value that a page
shows.
"""

from datetime import timedelta
from decimal import Decimal

import pytest

from keter.dashboard.performance import settled_only, summarise
from keter.dashboard.rules.betting import LAST_PLACEMENTS as LOOKED_AT
from keter.domain.order_states import ANSWERED, OrderState
from keter.domain.trading import ExecutionMode
from keter.ledger import Ledger, OrderFilter
from keter.ledger.figures import LAST_PLACEMENTS, closing_values
from tests.kit.console_seed import ACCOUNT, seed_ledger
from tests.kit.execution import NOW

DRY = ExecutionMode.DRY
TODAY = "2026-02-21"
MONTH_AGO = NOW - timedelta(days=30)


async def test_the_figures_agree_with_the_bets_and_with_the_day(ledger: Ledger) -> None:
    seed = await seed_ledger(ledger, count=30, now=NOW)
    figures = await ledger.figures(DRY, ACCOUNT, TODAY, clv_since=MONTH_AGO)
    summary = await ledger.summary(DRY, ACCOUNT, TODAY)
    assert sum(figures.states.values()) == len(seed.bets)
    assert figures.states[OrderState.UNKNOWN] == 1
    assert figures.profit_minor == sum(bet.pnl_minor or 0 for bet in seed.bets)
    assert figures.outstanding_minor == summary.outstanding_minor > 0
    assert figures.day == (await ledger.risk_picture(DRY, ACCOUNT, TODAY))[1]
    unknown = next(bet for bet in seed.bets if bet.state is OrderState.UNKNOWN)
    assert figures.unknown_since == unknown.updated_at
    newest = sorted(
        (bet for bet in seed.bets if bet.state in ANSWERED), key=lambda bet: bet.intent.created_at
    )[-20:]
    assert (figures.placements, figures.refused) == (
        20,
        sum(bet.state is OrderState.REFUSED for bet in newest),
    )


async def test_the_closing_line_value_is_that_of_the_performance_screen(ledger: Ledger) -> None:
    await seed_ledger(ledger, count=30, now=NOW)
    figures = await ledger.figures(DRY, ACCOUNT, TODAY, clv_since=MONTH_AGO)
    row = summarise(
        "all", settled_only(await ledger.orders.list_orders(OrderFilter(mode=DRY), limit=1000))
    )
    assert figures.clv_bets == row.clv_count > 10
    assert figures.clv_mean is not None
    assert figures.clv_mean * 100 == pytest.approx(float(Decimal(row.clv_pct or "nan")), abs=0.01)


async def test_bets_settled_before_the_span_do_not_count_for_it(ledger: Ledger) -> None:
    await seed_ledger(ledger, count=20, now=NOW)
    assert (await ledger.figures(DRY, ACCOUNT, TODAY, clv_since=NOW)).clv_mean is None


async def test_another_mode_has_figures_of_its_own(ledger: Ledger) -> None:
    await seed_ledger(ledger, count=20, now=NOW)
    live = await ledger.figures(ExecutionMode.LIVE, ACCOUNT, TODAY, clv_since=MONTH_AGO)
    assert (live.states, live.profit_minor, live.unknown_since, live.placements) == ({}, 0, None, 0)


def test_what_is_no_price_is_left_out_of_the_mean() -> None:
    prices = [
        ("2.2", 2.0),
        (None, 2.0),
        ("1:2", 2.0),
        ("2.0", None),
        ("2.0", 0.0),
        ("nan", 2.0),
        ("inf", 2.0),
    ]
    assert closing_values(prices) == [pytest.approx(0.1)]


def test_the_same_bets_count_as_placements_for_the_alert_and_for_the_figures() -> None:
    assert LAST_PLACEMENTS == LOOKED_AT
