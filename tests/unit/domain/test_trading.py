"""A pause ends by itself; a halt does not."""

from datetime import UTC, datetime, timedelta

from keter.domain.trading import TradingMode, TradingState

NOW = datetime(2026, 2, 21, 12, tzinfo=UTC)


def test_a_pause_holds_until_its_time_and_not_longer() -> None:
    paused = TradingState(TradingMode.PAUSED, "ops", "lunch", NOW, NOW + timedelta(minutes=20))
    assert paused.effective(NOW + timedelta(minutes=19, seconds=59)) is TradingMode.PAUSED
    assert paused.effective(NOW + timedelta(minutes=20)) is TradingMode.ACTIVE


def test_a_pause_without_end_and_a_halt_hold_for_ever() -> None:
    for mode in (TradingMode.PAUSED, TradingMode.HALTED, TradingMode.REDUCING):
        assert TradingState(mode, "ops", "why", NOW).effective(NOW + timedelta(days=4000)) is mode


def test_a_pause_that_ends_by_itself_leads_to_bets_and_one_without_end_does_not() -> None:
    until = {TradingMode.PAUSED: NOW + timedelta(minutes=20)}
    bets = {
        mode: TradingState(mode, "ops", "why", NOW, until.get(mode)).may_come_to_bet
        for mode in TradingMode
    }
    assert bets == {
        TradingMode.ACTIVE: True,
        TradingMode.REDUCING: True,
        TradingMode.PAUSED: True,
        TradingMode.HALTED: False,
    }
    assert not TradingState(TradingMode.PAUSED, "ops", "lunch", NOW).may_come_to_bet
