"""Losses in a row, told again from the whole history after every step."""

from hypothesis import given
from hypothesis import strategies as st

from keter.domain.order_states import SETTLED, OrderState
from keter.domain.streaks import losing_streak, streak_change

S = OrderState
STATES = st.sampled_from(sorted(SETTLED))


def by_hand(oldest_first: list[OrderState]) -> int:
    """Compute the reference: one bet after another."""
    streak = 0
    for state in oldest_first:
        if state in {S.LOST, S.HALF_LOST}:
            streak += 1
        elif state in {S.WON, S.HALF_WON}:
            streak = 0
    return streak


@given(st.lists(STATES, max_size=12))
def test_the_row_is_counted_back_to_the_newest_win(states: list[OrderState]) -> None:
    assert losing_streak(reversed(states)) == by_hand(states)


@given(st.lists(STATES, min_size=1, max_size=12), st.data())
def test_a_change_is_the_difference_between_both_histories(
    states: list[OrderState], data: st.DataObject
) -> None:
    place, before = data.draw(st.integers(0, len(states) - 1)), data.draw(st.none() | STATES)
    earlier = [before if n == place else state for n, state in enumerate(states)]
    expected = by_hand(states) - by_hand([state for state in earlier if state is not None])
    results = [(f"b{n}", state) for n, state in reversed(list(enumerate(states)))]
    assert streak_change(results, f"b{place}", before) == expected


def test_a_loss_that_becomes_void_leaves_those_before_it() -> None:
    assert streak_change([("c", S.VOID), ("b", S.LOST), ("a", S.LOST)], "c", S.LOST) == -1
    assert streak_change([("c", S.LOST), ("b", S.LOST), ("a", S.LOST)], "c", S.VOID) == 1
    assert streak_change([("c", S.LOST), ("b", S.LOST), ("a", S.LOST)], "b", S.WON) == 2
