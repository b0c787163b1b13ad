"""Pure: what is known at one moment, as families of metrics.

What is not known is absent, never zero.

Names come from ``keter.metrics.names``. Label values are our own words; where a word is not (a
counter that a worker made up), it must look like one, and one label takes MOST_WORDS different
values at most: the rest is summed up as ``other``.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from math import inf

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector

from keter.bus.state.feeds import FeedFacts
from keter.bus.telemetry.alerts import Alert
from keter.bus.telemetry.heartbeats import Heartbeat
from keter.domain.bets import BetState
from keter.domain.exposure import ExposureStatus, open_stake
from keter.domain.money import to_decimal
from keter.domain.processes import Process
from keter.domain.trading import TradingMode
from keter.domain.verdicts import Reason
from keter.ledger import Figures
from keter.metrics.known import BusPart, Known, Limits, Machine
from keter.metrics.names import CATALOGUE

OTHER = "other"
MOST_WORDS = 60
MOST_WORKERS = 80  # 32 copies each of validator and edge, and one of every other process
NO_MODE = "UNKNOWN"
STAGES = ("validator", "edge", "guard", "router")
NEWS = ("answers", "changed", "removed")
_WORD = re.compile(r"[a-z][a-z0-9_.-]{0,39}")
# With its machine where there are several.
_WORKER = re.compile(r"[a-z][a-z0-9_.-]{0,39}(@[A-Za-z0-9-]{1,40})?")
_PROBLEM, _BOOK = "problem_", "book_"


class Snapshot(Collector):
    """The families of one moment, for whatever in prometheus_client takes a collector."""

    def __init__(self, known: Known) -> None:
        self._known = known

    def collect(self) -> Iterator[Metric]:
        page = _Page()
        _keter(page, self._known)
        _limits(page, self._known.limits)
        _machine(page, self._known.machine)
        if self._known.figures is not None:
            _figures(page, self._known.figures, self._known.mode, self._known.at)
        if self._known.bus is not None:
            _bus(page, self._known.bus, self._known)
        return page.families()


def expose(known: Known) -> bytes:
    """The page in the text format that CONTENT_TYPE names."""
    return generate_latest(Snapshot(known))


class _Page:
    """Families by name, made when their first sample comes."""

    def __init__(self) -> None:
        self._families: dict[str, Metric] = {}

    def put(self, name: str, value: float | None, *labels: str) -> None:
        """One sample of a gauge or counter; None is none."""
        if value is None:
            return
        family = self._family(f"keter_{name}")
        assert isinstance(family, GaugeMetricFamily | CounterMetricFamily)  # noqa: S101 - the catalogue says so
        family.add_metric(labels, value)

    def histogram(
        self, name: str, buckets: Sequence[tuple[float, int]], sum_s: float, *labels: str
    ) -> None:
        """``buckets`` as (upper bound, observations up to it), the last one infinite."""
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
        """In the order of the catalogue."""
        return (self._families[name] for name in CATALOGUE if name in self._families)


def _keter(page: _Page, known: Known) -> None:
    redis_up, ledger_up = (
        known.bus is not None and known.redis_writes,
        known.figures is not None and known.ledger_writes,
    )
    page.put("up", redis_up and ledger_up)
    page.put("redis_up", redis_up)
    page.put("ledger_up", ledger_up)
    page.put("build_info", 1, known.version)
    page.put("run_info", 1, known.mode, known.currency, known.zone)
    page.put("trading_stopped", known.stopped)


def _limits(page: _Page, limits: Limits) -> None:
    page.put("limit_exposure", _money(limits.exposure_minor))
    page.put("limit_day_loss", _money(limits.day_loss_minor))
    page.put("limit_losing_streak", limits.losing_streak)
    page.put("limit_feed_age_seconds", limits.feed_age_s)
    page.put("limit_unknown_seconds", limits.unknown_s)
    page.put("limit_refusals_ratio", limits.refusals_pct / 100)
    page.put("limit_low_ev_streak", limits.low_ev_streak)


def _machine(page: _Page, machine: Machine) -> None:
    page.put("disk_free_bytes", machine.disk_free_bytes)
    page.put("disk_size_bytes", machine.disk_size_bytes)
    for room in machine.rooms:
        page.put("storage_bytes", room.used_bytes, room.name)
        page.put("storage_limit_bytes", room.most_bytes, room.name)
        page.put("storage_growth_bytes_per_day", room.growth_bytes_day, room.name)
        page.put("storage_days_left", room.days_left, room.name)
    page.put("license_expiry_timestamp_seconds", _stamp(machine.license_ends))
    page.put("console_pages", machine.pages)


def _figures(page: _Page, figures: Figures, mode: str, at: datetime) -> None:
    page.put("outstanding", _money(figures.outstanding_minor), mode)
    page.put("profit", _money(figures.profit_minor), mode)
    page.put("day_profit", _money(figures.day.pnl_minor), mode)
    page.put("day_staked", _money(figures.day.staked_minor), mode)
    page.put("day_bets", figures.day.bets, mode)
    page.put("losing_streak", figures.day.streak, mode)
    for state in BetState:
        page.put("bets", figures.states.get(state.value, 0), mode, state.value)
    page.put("unknown_oldest_seconds", _age_s(figures.unknown_since or at, at), mode)
    page.put("recent_placements", figures.placements, mode)
    page.put("recent_refusals", figures.refused, mode)
    page.put("clv_mean_ratio", figures.clv_mean, mode)
    page.put("clv_bets", figures.clv_bets, mode)


def _bus(page: _Page, bus: BusPart, known: Known) -> None:
    for mode in (*TradingMode, NO_MODE):
        page.put("trading_mode", mode == (bus.mode or NO_MODE), mode)
    page.put("trading_armed", bus.armed)
    page.put("trading_revision", bus.revision)
    _account(page, bus, known.at)
    _counts(page, bus.counts)
    _feeds(page, bus.feeds, known.at)
    for name, queue in bus.queues.items():
        page.put("queue_depth", queue.depth, name)
        page.put("queue_in_flight", queue.in_flight, name)
        page.put("queue_oldest_age_seconds", queue.oldest_age_s or 0, name)
        page.put("queue_consumers", queue.consumers, name)
        page.put("queue_dead_letters", queue.dead, name)
    _workers(page, bus.heartbeats)
    _alerts(page, bus.alerts, known.rules)
    page.put("redis_memory_bytes", bus.redis.memory_bytes)
    page.put("redis_append_only", bus.redis.append_only)
    page.put("redis_evicts", None if bus.redis.policy is None else bus.redis.policy != "noeviction")
    page.put("redis_imitated", bus.redis.imitated)


def _account(page: _Page, bus: BusPart, at: datetime) -> None:
    account = bus.account
    if account is not None:
        page.put("account_balance", _money(account.credit_minor + account.outstanding_minor))
        page.put("account_available", _money(account.credit_minor))
        page.put("account_outstanding", _money(account.outstanding_minor))
        page.put("account_age_seconds", _age_s(account.fetched_at, at))
    for status in ExposureStatus:
        ours = [exposure for exposure in bus.exposures if exposure.status is status]
        page.put("exposure", _money(open_stake(ours)), status.value)
        page.put("exposures", len(ours), status.value)


def _counts(page: _Page, counts: Mapping[str, int]) -> None:
    """The day's counters, ``stage:what``: verdicts by reason, and what ingest and validator count
    besides.
    """
    parts = [(*name.partition(":")[::2], n) for name, n in counts.items()]
    reasons = set(map(str, Reason))
    for stage in STAGES:
        verdicts = Counter[str]()
        for of, what, n in parts:
            if of == stage and (what in reasons or not what.startswith(_BOOK)):
                verdicts[what if what in reasons else OTHER] += n
        for reason, n in verdicts.items():
            page.put(
                "verdicts_total",
                n,
                stage,
                "accepted" if reason == Reason.OK else "rejected",
                reason,
            )
    ingest = {what: n for of, what, n in parts if of == "ingest"}
    for kind in NEWS:
        page.put("feed_news_total", ingest.get(kind, 0), kind)
    problems = {
        what.removeprefix(_PROBLEM): n for what, n in ingest.items() if what.startswith(_PROBLEM)
    }
    for kind, n in bounded(problems).items():
        page.put("feed_problems_total", n, kind)
    books = {
        what.removeprefix(_BOOK): n
        for of, what, n in parts
        if of == "validator" and what.startswith(_BOOK) and what not in reasons
    }
    for reason, n in bounded(books).items():
        page.put("books_dropped_total", n, reason)


def _feeds(page: _Page, feeds: Iterable[FeedFacts], at: datetime) -> None:
    for feed in feeds:
        phase = feed.phase.value
        page.put(
            "feed_age_seconds",
            inf if feed.confirmed_at is None else _age_s(feed.confirmed_at, at),
            phase,
        )
        page.put("feed_markets", feed.known_markets, phase)
        page.put("feed_body_bytes", feed.body_bytes, phase)
        page.put("feed_parse_seconds", feed.parse_s, phase)


def _workers(page: _Page, heartbeats: Sequence[Heartbeat]) -> None:
    alive = Counter(beat.process for beat in heartbeats)
    for process in Process:
        page.put("workers", alive[process.value], process.value)
    known = [
        beat
        for beat in heartbeats
        if beat.process in set(Process) and _WORKER.fullmatch(beat.worker)
    ]
    for beat in known[:MOST_WORKERS]:
        _worker(page, beat)
    streaks = [
        _number(beat.gauges.get("low_ev_streak")) for beat in known if beat.process == Process.EDGE
    ]
    page.put(
        "low_ev_streak", max((streak for streak in streaks if streak is not None), default=None)
    )
    foreign = [
        _number(beat.gauges.get("foreign_open"))
        for beat in known
        if beat.process == Process.TRACKER
    ]
    page.put("foreign_bets", next((count for count in foreign if count is not None), None))


def _worker(page: _Page, beat: Heartbeat) -> None:
    labels, gauges = (beat.process, beat.worker), beat.gauges
    page.put("worker_heartbeat_age_seconds", beat.age_s, *labels)
    page.put("worker_start_timestamp_seconds", _stamp(beat.started_at), *labels)
    page.put("worker_last_error_timestamp_seconds", _stamp(beat.error_at), *labels)
    page.put("worker_loop_lag_seconds", _number(gauges.get("loop_lag_s")), *labels)
    page.put("worker_leader", _number(gauges.get("leader")), *labels)
    page.put("worker_trading_revision", _number(gauges.get("trading_revision")), *labels)
    for event, n in bounded(beat.counters).items():
        page.put("worker_events_total", n, *labels, event)
    for step, histogram in sorted(beat.histograms.items())[:MOST_WORDS]:
        if _WORD.fullmatch(step) and histogram.buckets:
            page.histogram("step_seconds", histogram.buckets, histogram.sum_s, *labels, step)


def _alerts(page: _Page, alerts: Iterable[Alert], rules: Sequence[tuple[str, str]]) -> None:
    names = {name for name, _ in rules}
    found = Counter({(name, level, "false"): 0 for name, level in rules})
    for alert in alerts:
        name = alert.id.partition(":")[0].replace("_", "-")
        found[
            name if name in names else OTHER,
            alert.level,
            "true" if alert.acknowledged_by is not None else "false",
        ] += 1
    for labels, count in sorted(found.items()):
        page.put("alerts", count, *labels)


def bounded(counts: Mapping[str, int], most: int = MOST_WORDS) -> dict[str, int]:
    """``counts`` by ``most`` names at most: what looks like no word of ours, or is too much, is
    summed as ``other``.
    """
    found = Counter[str]()
    words = sorted(name for name in counts if _WORD.fullmatch(name) and name != OTHER)
    kept = set(words if len(words) == len(counts) and len(words) <= most else words[: most - 1])
    for name, n in counts.items():
        found[name if name in kept else OTHER] += n
    return dict(sorted(found.items()))


def _bound(seconds: float) -> str:
    return "+Inf" if seconds == inf else repr(seconds)


def _money(minor: int) -> float:
    """Whole units; exact in the text, because the shortest spelling of the nearest float is the
    decimal itself.
    """
    return float(to_decimal(minor))


def _age_s(then: datetime, now: datetime) -> float:
    return max((now - then).total_seconds(), 0.0)


def _stamp(moment: datetime | None) -> float | None:
    return moment.timestamp() if moment is not None else None


def _number(text: str | None) -> float | None:
    """A gauge of a heartbeat, where it is a number."""
    try:
        return float(text) if text is not None else None
    except ValueError:
        return None
