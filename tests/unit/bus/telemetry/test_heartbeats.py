"""Histograms without Redis."""

from keter.bus.telemetry.heartbeats import BUCKETS_S, Histogram


def test_a_histogram_counts_every_observation() -> None:
    values = [0.001, 0.2, 500.0]
    buckets = tuple((bound, sum(value <= bound for value in values)) for bound in BUCKETS_S)
    assert Histogram(buckets, sum(values)).count == 3


def test_nothing_observed_counts_nothing() -> None:
    assert Histogram((), 0.0).count == 0
