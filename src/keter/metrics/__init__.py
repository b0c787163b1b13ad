"""Metrics for Prometheus: their catalogue, their values, and their text."""

from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4 as CONTENT_TYPE

from keter.metrics.docs_page import metrics_page
from keter.metrics.families import Snapshot, expose
from keter.metrics.known import (
    AccountBusPart,
    AccountLimits,
    AccountPart,
    BusPart,
    Known,
    Limits,
    Machine,
    RedisPart,
)
from keter.metrics.names import CATALOGUE

__all__ = [
    "CATALOGUE",
    "CONTENT_TYPE",
    "AccountBusPart",
    "AccountLimits",
    "AccountPart",
    "BusPart",
    "Known",
    "Limits",
    "Machine",
    "RedisPart",
    "Snapshot",
    "expose",
    "metrics_page",
]
