"""Moments that are known."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import accumulate

from keter.bus.queue import QueueFacts
from keter.bus.state.feeds import FeedFacts
from keter.bus.telemetry.heartbeats import BUCKETS_S, Heartbeat
from keter.domain.alerts import Alert
from keter.domain.exposure import DayRisk
from keter.domain.markets import Phase
from keter.domain.processes import EVERYTHING, roles
from keter.domain.tickets import AccountSnapshot
from keter.domain.trading import TradingMode
from keter.ledger import Figures
from keter.metrics import (
    AccountBusPart,
    AccountLimits,
    AccountPart,
    BusPart,
    Known,
    Limits,
    Machine,
    RedisPart,
)

NOW = datetime(2026, 2, 21, 12, tzinfo=UTC)
RULES = [("unknown-bets", "page"), ("feed-stale", "page")]
ACCOUNT = "asianodds:me"
LIMITS = Limits(unknown_s=60, refusals_pct=30, low_ev_streak=500)
ACCOUNT_LIMITS = AccountLimits(
    exposure_minor=100_000, day_loss_minor=14_000, losing_streak=7, feed_age_s=60
)
MACHINE = Machine(
    disk_free_bytes=10, disk_size_bytes=100, license_ends=NOW + timedelta(days=3), pages=2
)
REDIS = RedisPart(memory_bytes=1000, append_only=True, policy="noeviction", imitated=False)
FIGURES = Figures(
    DayRisk("2026-02-21", -1234, 5000, 2, 5), {"WON": 3}, 567, 1000, None, 20, 4, 3, 0.0123
)


def beat(process: str, worker: str | None = None, **fields: str) -> Heartbeat:
    name = worker or process
    return Heartbeat(process, name, 1, "1", NOW - timedelta(hours=1), NOW, 0.5, fields)


def latency_fields(step: str, counts: list[int], sum_s: float) -> dict[str, str]:
    """Return the fields of a heartbeat with ``counts`` observations per bucket."""
    buckets = zip(BUCKETS_S, accumulate(counts), strict=True)
    return {f"h:{step}:{bound:g}": str(n) for bound, n in buckets} | {f"h:{step}:sum": str(sum_s)}


def bus_part(**changes: object) -> BusPart:
    values: dict[str, object] = {
        "revision": 3,
        "heartbeats": [beat("router")],
        "queues": {"raw": QueueFacts(7, 2, 1.5, 1, 0)},
        "counts": {},
        "alerts": [],
        "redis": REDIS,
        "expected": roles(EVERYTHING, [""]),
    }
    return BusPart(**{**values, **changes})  # type: ignore[arg-type]  # handed on


def account_bus(**changes: object) -> AccountBusPart:
    values: dict[str, object] = {
        "mode": TradingMode.ACTIVE,
        "armed": False,
        "feeds": [FeedFacts(ACCOUNT, Phase.LIVE, NOW - timedelta(seconds=4))],
        "snapshot": AccountSnapshot(ACCOUNT, "EUR", 980_110, 63_100, 0, 0, NOW),
        "exposures": (),
    }
    return AccountBusPart(**{**values, **changes})  # type: ignore[arg-type]  # handed on


def account_part(
    account: str = ACCOUNT,
    *,
    bus: AccountBusPart | None = None,
    figures: Figures | None = FIGURES,
) -> AccountPart:
    return AccountPart(account, "DRY", "EUR", ACCOUNT_LIMITS, bus, figures)


def known(
    *,
    bus: BusPart | None = None,
    account: AccountBusPart | None = None,
    figures: Figures | None = FIGURES,
    accounts: Sequence[AccountPart] = (),
) -> Known:
    """Return what is known of one account, or of those in ``accounts``."""
    seen = account or (account_bus() if bus is not None else None)
    parts = accounts or [account_part(bus=seen, figures=figures)]
    return Known(NOW, "1.2.3", "UTC", False, parts, LIMITS, MACHINE, RULES, bus)


def alert(alert_id: str, *, by: str | None = None) -> Alert:
    return Alert(alert_id, "page", "t", "d", NOW, acknowledged_by=by)
