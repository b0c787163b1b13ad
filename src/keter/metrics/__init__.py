"""Metrics for Prometheus: their names, what they are made of, and the pure way from there to the
text.
"""

from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4 as CONTENT_TYPE

from keter.metrics.families import Snapshot, expose
from keter.metrics.known import BusPart, Known, Limits, Machine, RedisPart
from keter.metrics.names import CATALOGUE, metrics_page

__all__ = [
    "CATALOGUE",
    "CONTENT_TYPE",
    "BusPart",
    "Known",
    "Limits",
    "Machine",
    "RedisPart",
    "Snapshot",
    "expose",
    "metrics_page",
]
