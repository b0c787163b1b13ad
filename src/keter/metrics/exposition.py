"""A page of samples: families filled one sample at a time, and conversions of values."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from math import inf

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)

from keter.domain.money import to_decimal
from keter.metrics.names import CATALOGUE

OTHER = "other"
MOST_WORDS = 60
WORD = re.compile(r"[a-z][a-z0-9_.-]{0,39}")


class Page:
    """Metric families by name. A family is created with its first sample."""

    def __init__(self) -> None:
        self._families: dict[str, Metric] = {}

    def put(self, name: str, value: float | None, *labels: str) -> None:
        """Add a sample to a gauge or counter; None adds nothing.

        ``name`` is without ``keter_``. ``labels`` are values in the order of the catalogue.
        """
        if value is None:
            return
        family = self._family(f"keter_{name}")
        assert isinstance(family, GaugeMetricFamily | CounterMetricFamily)  # noqa: S101 - the catalogue says so
        family.add_metric(labels, value)

    def put_histogram(
        self, name: str, buckets: Sequence[tuple[float, int]], sum_s: float, *labels: str
    ) -> None:
        """Add a sample to a histogram.

        ``buckets`` are (upper bound, observations up to it); the last bound is infinite.
        """
        family = self._family(f"keter_{name}")
        assert isinstance(family, HistogramMetricFamily)  # noqa: S101 - the catalogue says so
        family.add_metric(labels, [(_bound(bound), count) for bound, count in buckets], sum_s)

    def _family(self, name: str) -> Metric:
        if name not in self._families:
            spec = CATALOGUE[name]
            make = {
                "gauge": GaugeMetricFamily,
                "counter": CounterMetricFamily,
                "histogram": HistogramMetricFamily,
            }[spec.kind]
            self._families[name] = make(name, spec.help, labels=spec.labels)
        return self._families[name]

    def families(self) -> Iterator[Metric]:
        """Return the families that have samples, in the order of the catalogue."""
        return (self._families[name] for name in CATALOGUE if name in self._families)


def bounded(counts: Mapping[str, int], most: int = MOST_WORDS) -> dict[str, int]:
    """Return ``counts`` with at most ``most`` names, sorted.

    The counts of names that do not match WORD, or are too many, are added up as ``other``.
    """
    found = Counter[str]()
    words = sorted(name for name in counts if WORD.fullmatch(name) and name != OTHER)
    kept = set(words if len(words) == len(counts) and len(words) <= most else words[: most - 1])
    for name, n in counts.items():
        found[name if name in kept else OTHER] += n
    return dict(sorted(found.items()))


def money(minor: int) -> float:
    """Return an amount in whole units.

    The text of the sample is exact, because the shortest spelling of the nearest float is the
    decimal itself.
    """
    return float(to_decimal(minor))


def age_s(then: datetime, now: datetime) -> float:
    """Return the seconds from ``then`` to ``now``, never below zero."""
    return max((now - then).total_seconds(), 0.0)


def timestamp(moment: datetime | None) -> float | None:
    """Return the seconds since the epoch; None for None."""
    return moment.timestamp() if moment is not None else None


def number(text: str | None) -> float | None:
    """Return a heartbeat's gauge as a number, or None if it is none."""
    try:
        return float(text) if text is not None else None
    except ValueError:
        return None


def _bound(seconds: float) -> str:
    return "+Inf" if seconds == inf else repr(seconds)
