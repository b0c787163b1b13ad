"""What bets say of themselves is computed as the reference states it, and nothing is zero for want
of data.
"""

from datetime import UTC, datetime, timedelta
from math import log

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keter.replay.performance import equity, performance
from keter.replay.records import BetRecord
from keter.replay.report import html_report

KICKOFF = datetime(2026, 2, 21, 15, tzinfo=UTC)


def bet(number: int, pnl_minor: int | None, **changes: object) -> BetRecord:
    """Return a bet of 10.00 at 2.10 on an event and day of its own."""
    state = (
        "FILLED"
        if pnl_minor is None
        else "WON"
        if pnl_minor > 0
        else "LOST"
        if pnl_minor < 0
        else "PUSHED"
    )
    kickoff = KICKOFF + timedelta(days=number)
    values: dict[str, object] = {
        "bet_id": str(number),
        "mode": "DRY",
        "event_uid": f"e{number}",
        "day": kickoff.date().isoformat(),
        "league": "A",
        "book": "IBC",
        "kind": "1x2",
        "selection_id": "ft.1x2.home",
        "odds": 2.1,
        "stake_minor": 1000,
        "pnl_minor": pnl_minor,
        "state": state,
        "ev_pct": 5.0,
        "fair_p": 0.5,
        "closing_p": 0.49,
        "placed_at": kickoff - timedelta(hours=2),
        "kickoff": kickoff,
    }
    return BetRecord(**{**values, **changes})  # type: ignore[arg-type]  # test values by name


def test_the_reference_vector_of_ten_returns_comes_out() -> None:
    """Yield -0.097 and drawdown 2.12 units; with a day of its own for each bet the clustered error
    is sd/sqrt(n).
    """
    returns = [1.05, -1, -1, 0.92, -0.5, 0.46, -1, 1.1, 0, -1]
    result = performance([bet(i, round(1000 * r)) for i, r in enumerate(returns)])
    assert result.yield_ is not None
    assert result.yield_.value == pytest.approx(-0.097)
    assert result.yield_.t == pytest.approx(-0.3354277991)
    assert result.max_drawdown_minor == 2120


def test_bets_of_one_day_count_as_one_observation() -> None:
    apart = performance([bet(i, 1000 if i % 3 else -1000) for i in range(30)])
    together = performance(
        [
            bet(i, 1000 if i % 3 else -1000, day="2026-02-21" if i < 15 else "2026-02-22")
            for i in range(30)
        ]
    )
    assert apart.yield_ is not None
    assert together.yield_ is not None
    assert (apart.yield_.clusters, together.yield_.clusters) == (30, 2)
    assert apart.yield_.value == together.yield_.value
    assert apart.yield_.t_single == together.yield_.t_single == pytest.approx(apart.yield_.t)
    assert together.yield_.t != pytest.approx(together.yield_.t_single)


def test_the_parts_of_the_profit_sum_to_it() -> None:
    """10.00 at 2.10 asked at 2.20, promised 5 %, worth 2.9 % at the close; a bet without a close
    counts nowhere.
    """
    result = performance(
        [bet(0, 1100, asked_odds=2.2), bet(1, -1000), bet(2, -1000, closing_p=None)]
    )
    split = result.attribution
    assert split is not None
    assert split.n == 2
    assert split.promised_minor == pytest.approx(100)
    assert split.slippage_minor == pytest.approx(1000 * 0.5 * -0.1)
    assert split.drift_minor == pytest.approx(2 * 1000 * (2.1 * 0.49 - 1) - 100 + 50)
    assert (
        split.promised_minor + split.slippage_minor + split.drift_minor + split.luck_minor
        == pytest.approx(100)
    )
    assert "Drift to the close" in html_report(
        "t", "i", [], [bet(0, 1100, asked_odds=2.2)], performance([bet(0, 1100)])
    )
    assert performance([bet(0, 1100, closing_p=None)]).attribution is None


def test_a_modelled_close_is_told_apart_and_is_no_part_of_the_closing_line_value() -> None:
    bets = [
        bet(0, 1100),
        bet(1, -1000, closing_p=None, modelled_p=0.5),
        bet(2, -1000, closing_p=None),
        bet(3, 1, modelled_p=0.9),
    ]
    result = performance(bets)
    assert result.clv is not None
    assert result.clv_modelled is not None
    assert (result.clv.n, result.clv_missing, result.clv_modelled.n) == (2, 2, 1)
    assert result.clv_modelled.value == pytest.approx(2.1 * 0.5 - 1)
    assert "Modelled on 1 of these from another line" in html_report("t", "i", [], bets, result)
    assert performance([bet(0, 1100)]).clv_modelled is None


def test_a_missing_close_is_left_out_and_counted() -> None:
    result = performance([bet(0, 1100), bet(1, -1000, closing_p=None)])
    assert result.clv is not None
    assert (result.clv.n, result.clv_missing) == (1, 1)
    assert result.clv.value == pytest.approx(2.1 * 0.49 - 1)
    assert result.clv.low is None, "one event says nothing about the error"


def test_without_settled_bets_everything_is_unknown_and_nothing_zero() -> None:
    result = performance([bet(0, None)])
    assert (result.bets, result.open) == (0, 1)
    assert result.yield_ is None
    assert result.clv is None
    assert result.luck_minor is None
    assert result.brier is None
    assert result.calibration == ()


def test_modes_are_never_mixed() -> None:
    with pytest.raises(ValueError, match="never measured together"):
        performance([bet(0, 1), bet(1, 1, mode="LIVE")])


def test_expected_closing_and_luck_add_up() -> None:
    result = performance([bet(0, 1100), bet(1, -1000)])
    assert result.expected_minor == pytest.approx(100)
    assert result.closing_minor == pytest.approx(2 * 1000 * (2.1 * 0.49 - 1))
    assert result.luck_minor == pytest.approx(100 - (result.closing_minor or 0))


def test_scores_are_of_the_fair_probability() -> None:
    result = performance(
        [bet(0, 1100, fair_p=0.6), bet(1, -1000, fair_p=0.3), bet(2, 0, fair_p=0.9)]
    )
    assert result.brier == pytest.approx((0.16 + 0.09) / 2)
    assert result.log_loss == pytest.approx(-(log(0.6) + log(0.7)) / 2)
    assert (result.longest_win_streak, result.longest_losing_streak) == (1, 1)


@given(st.lists(st.integers(-2000, 3000), min_size=1, max_size=60))
def test_equity_ends_at_the_profit_and_drawdown_is_the_distance_to_the_peak(
    pnls: list[int],
) -> None:
    bets = [bet(i, pnl) for i, pnl in enumerate(pnls)]
    points = equity(bets)
    assert points[-1].pnl_minor == sum(pnls)
    assert all(
        p.drawdown_minor == max(0, *(q.pnl_minor for q in points[: i + 1])) - p.pnl_minor
        for i, p in enumerate(points)
    )
    assert performance(bets).max_drawdown_minor == max(p.drawdown_minor for p in points)


@given(st.lists(st.tuples(st.floats(0.01, 0.99), st.booleans()), min_size=1, max_size=80))
def test_calibration_bins_hold_every_decided_bet_once(decided: list[tuple[float, bool]]) -> None:
    bins = performance(
        [bet(i, 1100 if won else -1000, fair_p=p) for i, (p, won) in enumerate(decided)]
    ).calibration
    assert sum(one.n for one in bins) == len(decided)
    assert all(one.low <= one.actual + 1e-12 and one.actual <= one.high + 1e-12 for one in bins)
    assert [one.expected for one in bins] == sorted(one.expected for one in bins)
