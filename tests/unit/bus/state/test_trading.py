"""Of the states that hold for an account the strictest decides; the kill switches stand above."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from keter.bus.state.trading import TradingView
from keter.domain.trading import TradingMode, TradingState

NOW = datetime(2026, 2, 21, 12, tzinfo=UTC)
ENDS = st.none() | st.integers(-90, 90).map(lambda minutes: NOW + timedelta(minutes=minutes))
STATES = st.sampled_from(TradingMode).flatmap(
    lambda mode: st.builds(
        TradingState,
        st.just(mode),
        st.just("ops"),
        st.just("why"),
        st.just(NOW),
        ENDS if mode is TradingMode.PAUSED else st.none(),
        st.integers(1, 99),
    )
)
SCOPED = st.dictionaries(st.sampled_from(["a:one", "a:two", "b:one"]), STATES)


def view(state: TradingState | None, scoped: dict[str, TradingState]) -> TradingView:
    return TradingView(state, trading_enabled=True, global_stop=False, scoped=scoped)


@given(state=STATES, scoped=SCOPED)
def test_the_strictest_wins(state: TradingState, scoped: dict[str, TradingState]) -> None:
    modes = {each.effective(NOW) for each in (state, *scoped.values())}
    looked = view(state, scoped)
    assert looked.may_bet(NOW).accepted == (modes == {TradingMode.ACTIVE})
    stops = {TradingMode.PAUSED, TradingMode.HALTED}
    assert looked.reducing(NOW) == (TradingMode.REDUCING in modes and not modes & stops)


@given(state=STATES, scoped=SCOPED)
def test_an_account_is_not_concerned_by_anothers_state(
    state: TradingState, scoped: dict[str, TradingState]
) -> None:
    own = {name: each for name, each in scoped.items() if name == "a:one"}
    narrowed, alone = view(state, scoped).narrowed("a:one"), view(state, own)
    assert narrowed == alone
    assert narrowed.of("a:one") == scoped.get("a:one")
    assert narrowed.of("a:two") is None
    assert narrowed.of("") == state


@given(scoped=SCOPED)
def test_without_a_common_state_nothing_is_bet(scoped: dict[str, TradingState]) -> None:
    looked = view(None, scoped)
    assert not looked.may_bet(NOW).accepted
    assert not looked.reducing(NOW)
    assert looked.strictest(NOW) is None


def test_a_refusal_carries_the_revision_of_the_state_that_decided() -> None:
    active = TradingState(TradingMode.ACTIVE, "ops", "why", NOW, revision=9)
    paused = TradingState(TradingMode.PAUSED, "guard", "losses", NOW, revision=2)
    verdict = view(active, {"a:one": paused}).may_bet(NOW)
    assert verdict.numbers == {"cause": "PAUSED", "revision": 2}
