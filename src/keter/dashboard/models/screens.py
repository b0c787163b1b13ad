"""What the screens behind the overview ask for and get."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from keter.dashboard.models.base import AccountQuery, Model, Moment, Money, Percent
from keter.dashboard.models.commands import AuditRow
from keter.dashboard.models.overview import (
    BetRow,
    Check,
    Feed,
    FunnelStage,
    Notice,
    Queue,
    RedisFacts,
    SeriesPoint,
    SignalRow,
    Worker,
)
from keter.domain.alerts import Level
from keter.domain.order_states import OrderState


class OrdersQuery(AccountQuery):
    """Filters of the orders. ``before`` continues a listing from the last row's id."""

    state: OrderState | None = None
    book: Annotated[str, StringConstraints(pattern=r"^[\w .&-]{1,32}$")] | None = None
    text: Annotated[str, StringConstraints(max_length=80)] | None = None
    sport: Annotated[str, StringConstraints(pattern=r"^[A-Za-z ]{2,24}$")] | None = None
    market: Literal["1x2", "ah", "ou", "ml"] | None = None
    min_ev: Annotated[float, Field(ge=-100, le=1000, allow_inf_nan=False)] | None = None
    since: Moment | None = None
    until: Moment | None = None
    before: Annotated[str, StringConstraints(pattern=r"^[\w-]{1,64}$")] | None = None
    limit: Annotated[int, Field(ge=1, le=1000)] = 100


class Orders(Model):
    items: list[BetRow]
    more: bool


class TrailStep(Model):
    """One stage of a signal's life. ``delta_s`` counts from the step before."""

    at: datetime
    delta_s: float | None
    stage: str
    worker: str
    outcome: str
    ok: bool
    text: str
    raw: dict[str, Any]


class Doubt(Model):
    """An unknown outcome: since when, how often the venue was asked, and when last.

    ``asked`` is None while Redis cannot be asked.
    """

    since: datetime
    asked: int | None
    last_at: datetime | None


class OrderTrail(Model):
    """``doubt`` is None for a bet whose outcome is known."""

    order: BetRow
    doubt: Doubt | None = None
    steps: list[TrailStep]
    previous: str | None
    next: str | None


class SignalsQuery(AccountQuery):
    stage: Annotated[str, StringConstraints(pattern=r"^[a-z]{1,20}$")] | None = None
    reason: Annotated[str, StringConstraints(pattern=r"^[a-z_]{1,40}$")] | None = None
    limit: Annotated[int, Field(ge=1, le=1000)] = 200


class Signals(Model):
    funnel: list[FunnelStage]
    items: list[SignalRow]


class History(Model):
    """The original system's history call: settled bets, newest first."""

    items: list[BetRow]


class LegacyAlerts(Model):
    """The original system's alerts call."""

    items: list[Notice]


class Limit(Model):
    """One limit and how much of it is used. Amounts are money unless ``counted``."""

    name: str
    label: str
    used: str | None
    limit: str
    pct: int | None
    counted: bool = False
    note: str = ""


class ExposureRow(Model):
    decision_id: str
    event_uid: str
    event_text: str
    league: str
    selection_text: str
    stake: Money
    odds: str
    status: Literal["reserved", "bet"]
    made_at: datetime
    expires_at: datetime | None


class EventRisk(Model):
    """The largest loss an event may cause with all its open bets and reservations."""

    event_uid: str
    event_text: str
    league: str
    stakes: int
    staked: Money
    worst: Money
    pct: int


class Hold(Model):
    """A cooldown or a lock that keeps an event or selection from being bet; ``action`` ends it.

    ``selection_text`` is None when the whole event cools down.
    """

    action: Literal["clear_cooldown", "clear_lock"]
    key: str
    event_text: str
    selection_text: str | None
    why: str
    remaining_s: int


class Risk(Model):
    holds: list[Hold]
    limits: list[Limit]
    events: list[EventRisk]
    exposures: list[ExposureRow]
    audit: list[AuditRow]


class Disk(Model):
    free_bytes: int
    total_bytes: int
    pct_used: int
    days_left: float | None = None


class Store(Model):
    """The room that one kind of data takes.

    ``growth_bytes_day`` is None until it has been watched for ten minutes.
    """

    name: str
    used_bytes: int
    most_bytes: int
    growth_bytes_day: int | None
    days_left: float | None


class Health(Model):
    checks: list[Check]
    workers: list[Worker]
    queues: list[Queue]
    feeds: list[Feed]
    redis: RedisFacts
    disk: Disk | None
    storage: list[Store]
    licence: str
    problems: list[str]


class AlertHistory(Model):
    id: str
    level: str
    title: str
    detail: str
    opened_at: datetime
    closed_at: datetime | None


class AlertRule(Model):
    """One kind of alert."""

    id: str
    level: Level
    title: str
    condition: str
    action: str


class Alerts(Model):
    active: list[Notice]
    acknowledged: list[Notice]
    history: list[AlertHistory]
    rules: list[AlertRule]


class PerformanceQuery(AccountQuery):
    mode: Literal["DEMO", "DRY", "LIVE"] | None = None
    days: Annotated[int, Field(ge=1, le=366)] = 30
    by: Literal["book", "sport", "market", "league", "edge", "day"] = "book"


class PerformanceRow(Model):
    """``clv_pct`` is the mean over the ``clv_count`` bets whose closing price is known."""

    group: str
    bets: int
    turnover: Money
    pnl: Money
    yield_pct: Percent | None
    expected: Money
    clv_pct: Percent | None
    clv_count: int


class Performance(Model):
    mode: Literal["DEMO", "DRY", "LIVE"]
    days: int
    by: str
    total: PerformanceRow
    rows: list[PerformanceRow]
    series: list[SeriesPoint]
    truncated: bool


class LogsQuery(Model):
    worker: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,40}$")] | None = None
    level: Literal["debug", "info", "warning", "error"] = "info"
    trace: Annotated[str, StringConstraints(pattern=r"^[\w-]{1,64}$")] | None = None
    text: Annotated[str, StringConstraints(max_length=80)] | None = None
    limit: Annotated[int, Field(ge=1, le=1000)] = 200


class LogLine(Model):
    at: str
    level: str
    worker: str
    event: str
    details: dict[str, Any]


class Logs(Model):
    workers: list[str]
    items: list[LogLine]


class ConfigEntry(Model):
    name: str
    group: str
    value: str
    source: Literal["default", ".env", "environment"]
    secret: bool
    description: str


class Config(Model):
    entries: list[ConfigEntry]
    version: str
    licence: str
    vendored: list[str]
