"""A pause ends by itself, a halt does not; LIVE that may not bet is never called active.

A scope has one spelling in the audit and in heartbeats, and a way back.
"""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keter.domain.trading import (
    COMMON,
    DISARMED,
    TradingMode,
    TradingState,
    betting_word,
    gauge_of,
    scope_of,
    strictest,
    target_of,
)

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


def states() -> st.SearchStrategy[TradingState]:
    """States as they can be: with an end, which only a pause has, before or after NOW."""
    ends = st.none() | st.integers(-90, 90).map(lambda minutes: NOW + timedelta(minutes=minutes))
    return st.sampled_from(TradingMode).flatmap(
        lambda mode: st.builds(
            TradingState,
            st.just(mode),
            st.just("ops"),
            st.just("why"),
            st.just(NOW),
            ends if mode is TradingMode.PAUSED else st.none(),
        )
    )


@given(found=st.lists(states(), min_size=1, max_size=4))
def test_the_strictest_state_allows_no_more_than_any_of_them(found: list[TradingState]) -> None:
    order = [TradingMode.ACTIVE, TradingMode.REDUCING, TradingMode.PAUSED, TradingMode.HALTED]
    chosen = strictest(found, NOW)
    assert chosen in found
    assert order.index(chosen.effective(NOW)) == max(order.index(s.effective(NOW)) for s in found)


def test_of_two_pauses_the_one_that_ends_later_counts() -> None:
    short, long = (
        TradingState(TradingMode.PAUSED, "ops", "why", NOW, NOW + timedelta(minutes=minutes))
        for minutes in (5, 20)
    )
    endless = TradingState(TradingMode.PAUSED, "ops", "why", NOW)
    assert strictest((short, long), NOW) is long
    assert strictest((endless, long), NOW) is endless
    over = NOW + timedelta(minutes=30)
    assert strictest((short, long), over) is short, "both are over, so neither is stricter"


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


def test_what_holds_for_everything_keeps_its_plain_names() -> None:
    assert (target_of(COMMON), gauge_of(COMMON)) == ("trading", "trading_revision")
    account = "asianodds:main"
    assert target_of(account) == "trading:asianodds:main"
    assert gauge_of(account) == "trading_revision:asianodds:main"


@given(scope=st.text(max_size=96))
def test_a_scope_is_found_again_in_its_target(scope: str) -> None:
    assert scope_of(target_of(scope)) == scope


@pytest.mark.parametrize("target", ["asianodds:main", "max_stake=5", "trading:", "tradings", ""])
def test_what_is_no_trading_state_has_no_scope(target: str) -> None:
    assert scope_of(target) is None
