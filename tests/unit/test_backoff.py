"""Pauses grow from the first to the longest, and start over after a success."""

import random

from hypothesis import given
from hypothesis import strategies as st

from keter.backoff import Backoff


def test_pauses_double_up_to_the_longest_and_start_over_after_a_reset() -> None:
    backoff = Backoff(0.5, 3.0)
    assert [backoff.next() for _ in range(5)] == [0.5, 1.0, 2.0, 3.0, 3.0]
    backoff.reset()
    assert backoff.next() == 0.5


def test_without_a_failure_there_is_no_pause() -> None:
    assert Backoff(0.5, 3.0).pause_s(0) == 0.0


def test_any_number_of_failures_has_a_pause_in_bounds() -> None:
    assert Backoff(0.5, 30.0, factor=1.5).pause_s(1_000_000) == 30.0


@given(
    first=st.floats(0.01, 10),
    failures=st.integers(1, 200),
    factor=st.floats(1, 4),
    jitter=st.floats(0, 0.5),
    seed=st.integers(0, 1000),
)
def test_a_pause_stays_within_its_spread(
    first: float, failures: int, factor: float, jitter: float, seed: int
) -> None:
    backoff = Backoff(first, 60.0, factor, jitter, random.Random(seed), failures - 1)
    plain = backoff.pause_s(failures)
    assert first <= plain <= 60.0
    assert plain * (1 - jitter) * (1 - 1e-9) <= backoff.next() <= plain * (1 + jitter) * (1 + 1e-9)


def test_pauses_never_shrink_while_failures_go_on() -> None:
    backoff = Backoff(0.1, 20.0, factor=1.7)
    pauses = [backoff.pause_s(n) for n in range(1, 50)]
    assert pauses == sorted(pauses)
