"""Histograms without Redis."""

from hypothesis import given
from hypothesis import strategies as st

from keter.bus.telemetry.heartbeats import BUCKETS_S, Histogram


def histogram_of(values: list[float]) -> Histogram:
    return Histogram(
        tuple((bound, sum(value <= bound for value in values)) for bound in BUCKETS_S), sum(values)
    )


@given(values=st.lists(st.floats(0, 200), min_size=1, max_size=80), q=st.floats(0.01, 1))
def test_a_quantile_is_the_bound_above_the_true_one(values: list[float], q: float) -> None:
    bound = histogram_of(values).quantile_s(q)
    assert bound is not None
    assert sum(value <= bound for value in values) >= q * len(values)
    lower = [each for each in BUCKETS_S if each < bound]
    assert not lower or sum(value <= lower[-1] for value in values) < q * len(values)


def test_nothing_observed_has_no_quantile() -> None:
    assert Histogram((), 0.0).quantile_s(0.5) is None
    assert histogram_of([]).quantile_s(0.99) is None
    assert histogram_of([]).count == 0
