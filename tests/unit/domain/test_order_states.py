"""The table of an order's life allows what design section 7 draws and little else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keter.domain.order_states import (
    ENDED,
    FINAL,
    IN_DOUBT,
    NEVER_PLACED,
    NOT_FINAL,
    NOT_SENT,
    RESTING,
    SETTLED,
    TRANSITIONS,
    OrderState,
    check_step,
)
from keter.errors import IllegalTransitionError

S = OrderState
states = st.sampled_from(OrderState)


@given(states, states)
def test_every_step_is_in_the_table_or_raises_with_both_ends(
    source: OrderState, target: OrderState
) -> None:
    if target in TRANSITIONS[source]:
        check_step(source, target)
    else:
        with pytest.raises(IllegalTransitionError, match=f"from {source} to {target}"):
            check_step(source, target)


def test_every_state_stands_in_the_table_and_in_one_group() -> None:
    groups = [NOT_SENT, IN_DOUBT, RESTING, ENDED, SETTLED, NEVER_PLACED]
    assert sorted(state for group in groups for state in group) == sorted(OrderState)
    assert set(TRANSITIONS) == set(OrderState)


def test_nothing_returns_to_a_state_before_the_call() -> None:
    for source, targets in TRANSITIONS.items():
        if source not in NOT_SENT:
            assert not targets & (NOT_SENT | {S.SENDING, S.SKIPPED})


def test_only_a_committed_sending_leads_to_the_venue() -> None:
    for source in NOT_SENT:
        assert TRANSITIONS[source] <= NOT_SENT | {S.SENDING, S.SKIPPED}


def test_an_end_is_left_only_for_the_last_fill_or_a_result() -> None:
    # A bookmaker may take back what it had accepted.
    assert TRANSITIONS[S.FILLED] == SETTLED | {S.REFUSED}
    assert TRANSITIONS[S.CANCELLED] == TRANSITIONS[S.LAPSED] == SETTLED | {S.FILLED}


def test_every_state_can_be_reached() -> None:
    reached, ahead = {S.INTENDED}, [S.INTENDED]
    while ahead:
        fresh = TRANSITIONS[ahead.pop()] - reached
        reached |= fresh
        ahead += fresh
    assert reached == set(OrderState)


def test_every_order_can_come_to_an_end() -> None:
    reach = set(FINAL)
    while grown := {one for one in OrderState if TRANSITIONS[one] & reach} - reach:
        reach |= grown
    assert reach == set(OrderState)
    assert set(OrderState) == FINAL | NOT_FINAL
    assert not FINAL & NOT_FINAL


def test_a_placement_is_never_repeated() -> None:
    assert {one for one in OrderState if S.SENDING in TRANSITIONS[one]} == NOT_SENT
