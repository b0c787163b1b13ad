"""The table of a bet's life allows what design section 7 draws and nothing else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keter.domain.order_states import FINAL, NOT_FINAL, SETTLED, TRANSITIONS, OrderState, check_step
from keter.errors import IllegalTransitionError

states = st.sampled_from(OrderState)


@given(states, states)
def test_every_step_is_either_in_the_table_or_raises(
    source: OrderState, target: OrderState
) -> None:
    if target in TRANSITIONS[source]:
        check_step(source, target)
    else:
        with pytest.raises(IllegalTransitionError):
            check_step(source, target)


def test_money_is_only_risked_through_sending() -> None:
    """No state before SENDING leads past it, so nothing can be open at the venue without a
    committed SENDING.
    """
    before = {OrderState.INTENDED, OrderState.QUOTED}
    for state in before:
        assert TRANSITIONS[state] <= {OrderState.QUOTED, OrderState.SENDING, OrderState.SKIPPED}
    assert OrderState.SKIPPED not in {t for s in NOT_FINAL - before for t in TRANSITIONS[s]}


def test_nothing_returns_to_sending() -> None:
    """A placement is never repeated: SENDING is entered once, from QUOTED."""
    assert [s for s in OrderState if OrderState.SENDING in TRANSITIONS[s]] == [OrderState.QUOTED]


def test_every_open_bet_can_come_to_an_end() -> None:
    reach = set(FINAL)
    while grown := {s for s in OrderState if TRANSITIONS[s] & reach} - reach:
        reach |= grown
    assert reach == set(OrderState)
    assert set(FINAL) | set(NOT_FINAL) == set(OrderState)
    assert SETTLED < FINAL
