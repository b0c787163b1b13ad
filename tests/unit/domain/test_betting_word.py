"""What people are told of the mode: never that LIVE is active while nothing may be bet."""

import pytest

from keter.domain.trading import DISARMED, TradingMode, betting_word


@pytest.mark.parametrize("mode", [TradingMode.ACTIVE, TradingMode.REDUCING])
def test_live_that_is_not_armed_is_called_disarmed(mode: TradingMode) -> None:
    assert betting_word(mode, live=True, armed=False) == DISARMED
    assert betting_word(mode, live=True, armed=True) == mode
    assert betting_word(mode, live=False, armed=False) == mode


@pytest.mark.parametrize("mode", [TradingMode.PAUSED, TradingMode.HALTED, None])
def test_what_stops_betting_anyway_is_called_by_its_name(mode: TradingMode | None) -> None:
    assert betting_word(mode, live=True, armed=False) == mode


def test_not_knowing_whether_it_is_armed_is_not_being_disarmed() -> None:
    assert betting_word("ACTIVE", live=True, armed=None) == "ACTIVE"
