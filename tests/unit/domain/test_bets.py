"""The table of a bet's life allows what design section 7 draws and nothing else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keter.domain.bets import (
    FINAL,
    OPEN,
    SETTLED,
    TRANSITIONS,
    BetState,
    check_transition,
    reference_of,
)
from keter.errors import IllegalTransitionError

states = st.sampled_from(BetState)


@given(states, states)
def test_every_step_is_either_in_the_table_or_raises(source: BetState, target: BetState) -> None:
    if target in TRANSITIONS[source]:
        check_transition(source, target)
    else:
        with pytest.raises(IllegalTransitionError):
            check_transition(source, target)


def test_money_is_only_risked_through_sending() -> None:
    """No state before SENDING leads past it, so nothing can be open at the venue without a
    committed SENDING.
    """
    before = {BetState.INTENDED, BetState.QUOTED}
    for state in before:
        assert TRANSITIONS[state] <= {BetState.QUOTED, BetState.SENDING, BetState.SKIPPED}
    assert BetState.SKIPPED not in {t for s in OPEN - before for t in TRANSITIONS[s]}


def test_nothing_returns_to_sending() -> None:
    """A placement is never repeated: SENDING is entered once, from QUOTED."""
    assert [s for s in BetState if BetState.SENDING in TRANSITIONS[s]] == [BetState.QUOTED]


def test_every_open_bet_can_come_to_an_end() -> None:
    reach = set(FINAL)
    while grown := {s for s in BetState if TRANSITIONS[s] & reach} - reach:
        reach |= grown
    assert reach == set(BetState)
    assert set(FINAL) | set(OPEN) == set(BetState)
    assert SETTLED < FINAL


def test_a_reference_fits_the_venue_and_names_one_intent() -> None:
    assert reference_of("a" * 32) == "kt" + "a" * 32
    with pytest.raises(ValueError, match="too long"):
        reference_of("a" * 39)
