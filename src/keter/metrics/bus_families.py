"""The families of metrics whose values come from Redis.

Label values are words of our own. Others (a counter that a worker named) must look like a word, and
one label takes at most MOST_WORDS of them: see ``bounded``.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from math import inf

from keter.bus.state.feeds import FeedFacts
from keter.bus.telemetry.heartbeats import Heartbeat
from keter.domain.alerts import Alert
from keter.domain.exposure import ExposureStatus, worst_cases
from keter.domain.processes import Process
from keter.domain.trading import TradingMode
from keter.domain.verdicts import Reason
from keter.metrics.exposition import (
    MOST_WORDS,
    OTHER,
    WORD,
    Page,
    age_s,
    bounded,
    money,
    number,
    timestamp,
)
from keter.metrics.known import AccountBusPart, BusPart, Known

MOST_WORKERS = 80  # 32 copies each of validator and edge, and one of every other process
NO_MODE = "UNKNOWN"
STAGES = ("validator", "edge", "guard", "router", "cancel")
NEWS = ("answers", "changed", "removed")
# A worker's name is followed by its machine if there are several.
_WORKER = re.compile(r"[a-z][a-z0-9_.-]{0,39}(@[A-Za-z0-9-]{1,40})?")
_PROBLEM, _BOOK = "problem_", "book_"


def put_bus(page: Page, bus: BusPart, known: Known) -> None:
    """Add the samples of everything that Redis holds of all accounts together."""
    page.put("trading_revision", bus.revision)
    _put_counts(page, bus.counts)
    for name, queue in bus.queues.items():
        page.put("queue_depth", queue.depth, name)
        page.put("queue_in_flight", queue.in_flight, name)
        page.put("queue_oldest_age_seconds", queue.oldest_age_s or 0, name)
        page.put("queue_consumers", queue.consumers, name)
        page.put("queue_dead_letters", queue.dead, name)
    _put_workers(page, bus.heartbeats, bus.expected)
    _put_foreign(page, bus.heartbeats, [one.account for one in known.accounts])
    _put_alerts(page, bus.alerts, known.rules)
    page.put("redis_memory_bytes", bus.redis.memory_bytes)
    page.put("redis_append_only", bus.redis.append_only)
    page.put("redis_evicts", None if bus.redis.policy is None else bus.redis.policy != "noeviction")
    page.put("redis_imitated", bus.redis.imitated)


def put_account_bus(page: Page, bus: AccountBusPart, account: str, at: datetime) -> None:
    """Add the samples of what Redis holds of one account."""
    for mode in (*TradingMode, NO_MODE):
        page.put("trading_mode", mode == (bus.mode or NO_MODE), account, mode)
    page.put("trading_armed", bus.armed, account)
    _put_feeds(page, bus.feeds, account, at)
    latest = bus.snapshot
    if latest is not None:
        page.put("account_balance", money(latest.credit_minor + latest.outstanding_minor), account)
        page.put("account_available", money(latest.credit_minor), account)
        page.put("account_outstanding", money(latest.outstanding_minor), account)
        page.put("account_age_seconds", age_s(latest.fetched_at, at), account)
    for status in ExposureStatus:
        exposures = [exposure for exposure in bus.exposures if exposure.status is status]
        worst = sum(worst_cases(exposures).values())
        page.put("exposure", money(worst), account, status.value)
        page.put("exposures", len(exposures), account, status.value)


def _put_counts(page: Page, counts: Mapping[str, int]) -> None:
    """Add the day's counters, which are named ``stage:what``.

    ``what`` is the reason of a verdict or another thing that ingest or validator counts.
    """
    parts = [(*name.partition(":")[::2], n) for name, n in counts.items()]
    reasons = set(map(str, Reason))
    _put_verdicts(page, parts, reasons)
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


def _put_verdicts(page: Page, parts: Sequence[tuple[str, str, int]], reasons: set[str]) -> None:
    for stage in STAGES:
        verdicts = Counter[str]()
        for of, what, n in parts:
            if of == stage and (what in reasons or not what.startswith(_BOOK)):
                verdicts[what if what in reasons else OTHER] += n
        for reason, n in verdicts.items():
            verdict = "accepted" if reason == Reason.OK else "rejected"
            page.put("verdicts_total", n, stage, verdict, reason)


def _put_feeds(page: Page, feeds: Iterable[FeedFacts], account: str, at: datetime) -> None:
    for feed in feeds:
        phase = feed.phase.value
        age = inf if feed.confirmed_at is None else age_s(feed.confirmed_at, at)
        page.put("feed_age_seconds", age, account, phase)
        page.put("feed_markets", feed.known_markets, account, phase)
        page.put("feed_body_bytes", feed.body_bytes, account, phase)
        page.put("feed_parse_seconds", feed.parse_s, account, phase)


def _put_workers(
    page: Page, heartbeats: Sequence[Heartbeat], expected: Mapping[str, Process]
) -> None:
    alive = Counter(beat.role for beat in heartbeats)
    for role, process in expected.items():
        page.put("workers", alive[role], process.value, role)
    known = [
        beat
        for beat in heartbeats
        if beat.process in set(Process) and _WORKER.fullmatch(beat.worker)
    ]
    for beat in known[:MOST_WORKERS]:
        _put_worker(page, beat)
    page.put("low_ev_streak", max(_gauges(known, Process.EDGE, "low_ev_streak"), default=None))


def _put_foreign(page: Page, heartbeats: Sequence[Heartbeat], accounts: Iterable[str]) -> None:
    """Add what each account's tracker found that is not ours."""
    for account in accounts:
        own = [beat for beat in heartbeats if beat.account == account]
        page.put(
            "foreign_bets", next(iter(_gauges(own, Process.TRACKER, "foreign_open")), None), account
        )


def _gauges(heartbeats: Iterable[Heartbeat], process: Process, name: str) -> list[float]:
    """Return the gauge of each worker of the process that has it, in the order of heartbeats."""
    found = [number(beat.gauges.get(name)) for beat in heartbeats if beat.process == process]
    return [value for value in found if value is not None]


def _put_worker(page: Page, beat: Heartbeat) -> None:
    labels, gauges = (beat.process, beat.worker), beat.gauges
    page.put("worker_heartbeat_age_seconds", beat.age_s, *labels)
    page.put("worker_start_timestamp_seconds", timestamp(beat.started_at), *labels)
    page.put("worker_last_error_timestamp_seconds", timestamp(beat.error_at), *labels)
    page.put("worker_loop_lag_seconds", number(gauges.get("loop_lag_s")), *labels)
    page.put("worker_leader", number(gauges.get("leader")), *labels)
    page.put("worker_trading_revision", number(gauges.get("trading_revision")), *labels)
    for event, n in bounded(beat.counters).items():
        page.put("worker_events_total", n, *labels, event)
    for step, histogram in sorted(beat.histograms.items())[:MOST_WORDS]:
        if WORD.fullmatch(step) and histogram.buckets:
            page.put_histogram("step_seconds", histogram.buckets, histogram.sum_s, *labels, step)


def _put_alerts(page: Page, alerts: Iterable[Alert], rules: Sequence[tuple[str, str]]) -> None:
    names = {name for name, _ in rules}
    found = Counter({(name, level, "false"): 0 for name, level in rules})
    for alert in alerts:
        name = alert.id.partition(":")[0].replace("_", "-")
        acknowledged = "true" if alert.acknowledged_by is not None else "false"
        found[name if name in names else OTHER, alert.level, acknowledged] += 1
    for labels, count in sorted(found.items()):
        page.put("alerts", count, *labels)
