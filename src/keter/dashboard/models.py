"""What the API sends and takes. Money and odds are decimal strings, times aware UTC; None means unknown, never zero."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Money = Annotated[str, Field(pattern=r"^-?\d+\.\d{2}$", examples=["-84.20"])]
Odds = Annotated[str, Field(pattern=r"^\d+(\.\d+)?$", examples=["2.04"])]
Percent = Annotated[str, Field(pattern=r"^-?\d+(\.\d+)?$", examples=["3.41"])]
Level = Literal["page", "ticket", "info"]


class Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ProblemBody(Model):
    code: str
    message: str
    incident: str | None = None
    details: Any = None


class Problem(Model):
    """Every answer that is not 2xx."""

    error: ProblemBody


class Alive(Model):
    status: Literal["ok"] = "ok"


class Check(Model):
    name: str
    ok: bool
    detail: str


class Ready(Model):
    """Whether the whole can do its work; ``checks`` say what is missing."""

    status: Literal["ready", "not_ready"]
    checks: list[Check]


class Beat(Model):
    age_s: float
    pid: int | None
    version: str


class StatusAnswer(Model):
    """The original's status call."""

    mode: str
    state: str | None
    balance: Money | None
    outstanding: Money | None
    pnl_today: Money | None
    confirmed: int | None
    rejected: int | None
    heartbeats: dict[str, Beat]


class Server(Model):
    version: str
    host: str
    started_at: datetime
    zone: str
    currency: str
    mode: Literal["DRY", "LIVE"]
    account: str
    sandbox: bool


class Trading(Model):
    """``mode`` is None when nobody knows. ``stops`` name kill switches that hold beside it."""

    mode: Literal["ACTIVE", "REDUCING", "PAUSED", "HALTED"] | None
    actor: str | None = None
    reason: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    revision: int | None = None
    stops: list[str] = []
    armed: bool | None = None
    problem: str | None = None


class MoneyStrip(Model):
    """``as_of`` is when the venue told the balance. ``pnl_today`` holds settled bets only; ``since`` starts the day."""

    day: str
    since: datetime
    as_of: datetime | None
    balance: Money | None
    available: Money | None
    outstanding: Money | None
    open: int | None
    unknown: int | None
    unknown_stake: Money | None
    pnl_today: Money | None
    settled: int | None
    loss_limit: Money
    confirmed: int | None
    rejected: int | None
    rejected_pct: Percent | None
    top_reason: str | None
    exposure: Money | None
    exposure_limit: Money
    exposure_pct: int | None


class Worker(Model):
    """``state`` ok, slow (late beat), lost (no beat left) or problem (its last error is fresh)."""

    process: str
    worker: str
    state: Literal["ok", "slow", "lost"]
    pid: int | None
    version: str
    started_at: datetime | None
    beat_at: datetime
    revision: int | None
    last_error: str | None
    figures: dict[str, str]


class Queue(Model):
    name: str
    depth: int
    in_flight: int
    oldest_age_s: float | None
    consumers: int
    dead: int


class Feed(Model):
    account: str
    phase: str
    confirmed_at: datetime | None
    stale: bool
    known_markets: int | None
    body_bytes: int | None


class RedisFacts(Model):
    ok: bool
    detail: str
    version: str | None = None
    used_memory_bytes: int | None = None
    aof: bool | None = None
    policy: str | None = None
    fake: bool | None = None


class FunnelStage(Model):
    stage: str
    passed: int
    rejected: int
    reasons: dict[str, int]


class Notice(Model):
    """One thing that wants attention. ``runbook`` is a page of the documentation."""

    id: str
    level: Level
    title: str
    detail: str
    since: datetime
    action: str
    link: str
    runbook: str
    acknowledged_by: str | None = None
    resolved_at: datetime | None = None


class SeriesPoint(Model):
    at: datetime
    value: Money


class Order(Model):
    """One bet as a row. ``odds`` is what was got, ``asked_odds`` what was asked for."""

    id: str
    trace_id: str
    at: datetime
    updated_at: datetime
    mode: Literal["DRY", "LIVE"]
    state: str
    event_uid: str
    home: str
    away: str
    league: str
    kickoff: datetime
    market: str
    market_text: str
    side: str
    side_text: str
    book: str
    asked_odds: Odds
    odds: str | None
    fair_odds: Odds
    ev_pct: Percent
    stake: Money
    placed_stake: Money | None
    pnl: Money | None
    reason: str | None
    reason_text: str | None
    ticket: str | None
    settled_at: datetime | None
    clv_pct: Percent | None


class SignalRow(Model):
    """One gate's verdict."""

    trace_id: str
    at: datetime
    stage: str
    worker: str
    event_uid: str
    event_text: str
    selection_id: str
    selection_text: str
    accepted: bool
    reason: str
    reason_text: str
    numbers: dict[str, Any]


class Tick(Model):
    """One selection's price at one book, as it was last confirmed."""

    event_uid: str
    event_text: str
    selection_id: str
    selection_text: str
    book: str
    odds: Odds
    previous: Odds | None
    at: datetime


class Snapshot(Model):
    """Everything the overview shows. ``id`` is the stream position it belongs to."""

    v: Literal[1] = 1
    id: str
    at: datetime
    server: Server
    trading: Trading
    money: MoneyStrip | None
    attention: list[Notice]
    workers: list[Worker]
    queues: list[Queue]
    feeds: list[Feed]
    redis: RedisFacts
    funnel: list[FunnelStage]
    pnl: list[SeriesPoint]
    orders: list[Order]
    signals: list[SignalRow]
    ticks: list[Tick]
    problems: list[str]


class Frame(Model):
    """One message of the WebSocket. ``data`` replaces the snapshot's sections of the same names; rows are added by id."""

    v: Literal[1] = 1
    id: str
    ts: datetime
    type: Literal["state", "order", "signal", "tick", "beat", "alert", "resync"]
    data: dict[str, Any]


class LiveQuery(Model):
    since: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{8}-\d{1,12}$")] | None = None


class OrdersQuery(Model):
    """Filters combine; ``before`` continues a listing from the last row's id."""

    state: Annotated[str, StringConstraints(pattern=r"^[A-Z_]{3,10}$")] | None = None
    book: Annotated[str, StringConstraints(pattern=r"^[\w .&-]{1,32}$")] | None = None
    text: Annotated[str, StringConstraints(max_length=80)] | None = None
    market: Literal["1x2", "ah", "ou", "ml"] | None = None
    min_ev: Annotated[float, Field(ge=-100, le=1000, allow_inf_nan=False)] | None = None
    since: datetime | None = None
    until: datetime | None = None
    before: Annotated[str, StringConstraints(pattern=r"^[\w-]{1,64}$")] | None = None
    limit: Annotated[int, Field(ge=1, le=1000)] = 100


class Orders(Model):
    items: list[Order]
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


class OrderTrail(Model):
    order: Order
    steps: list[TrailStep]
    previous: str | None
    next: str | None


class SignalsQuery(Model):
    stage: Annotated[str, StringConstraints(pattern=r"^[a-z]{1,20}$")] | None = None
    reason: Annotated[str, StringConstraints(pattern=r"^[a-z_]{1,40}$")] | None = None
    limit: Annotated[int, Field(ge=1, le=1000)] = 200


class Signals(Model):
    funnel: list[FunnelStage]
    items: list[SignalRow]


class History(Model):
    """The original's history call: settled bets, newest first."""

    items: list[Order]


class LegacyAlerts(Model):
    """The original's alerts call."""

    items: list[Notice]


class SessionAnswer(Model):
    """Who the caller is. ``secure`` is false where the browser would not keep the login (plain HTTP on an address)."""

    login_required: bool
    name: str | None
    role: Literal["viewer", "operator"] | None
    mode: Literal["DRY", "LIVE"]
    host: str
    version: str
    password_set: bool
    viewer: bool
    totp: bool
    secure: bool


class LoginBody(Model):
    user: Annotated[str, StringConstraints(max_length=32)]
    password: Annotated[str, StringConstraints(min_length=1, max_length=512)]
    code: Annotated[str, StringConstraints(pattern=r"^\d{6}$")] | None = None


class LogoutBody(Model):
    """Nothing to say."""


class Done(Model):
    done: Literal[True] = True


Action = Literal["pause", "halt", "resume", "arm", "disarm", "acknowledge", "clear_cooldown"]


class PrepareBody(Model):
    """``target`` is ``trading``, an account, an alert's id or ``event|selection``. ``for_s`` bounds a pause."""

    action: Action
    target: Annotated[str, StringConstraints(pattern=r"^[\w.:|@ +-]{1,160}$")] = "trading"
    reason: Annotated[str, StringConstraints(max_length=200)] = "from the console"
    for_s: Annotated[float, Field(gt=0, le=86400)] | None = None


class Prepared(Model):
    """What a command would do, in the server's words. ``needs`` names the proofs that the commit must carry."""

    token: str
    expires_in: int
    revision: int | None
    summary: str
    needs: list[Literal["word", "password"]]


class CommitBody(Model):
    token: Annotated[str, StringConstraints(pattern=r"^[\w-]{16,64}$")]
    word: Annotated[str, StringConstraints(max_length=32)] | None = None
    password: Annotated[str, StringConstraints(max_length=512)] | None = None


class CommandResult(Model):
    """What was done. ``revision`` is the trading state that guard and router must reach."""

    command_id: str
    action: str
    sentence: str
    revision: int | None
    audited: bool
    warnings: list[str]


class AuditRow(Model):
    at: datetime
    action: str
    actor: str
    source: str
    target: str
    reason: str
    accepted: bool
    result: str
    before: str | None
    after: str | None


class AuditList(Model):
    items: list[AuditRow]


class OpenApi(BaseModel):
    """An OpenAPI 3.1 document."""

    model_config = ConfigDict(extra="allow")

    openapi: str
    info: dict[str, Any]
    paths: dict[str, Any]


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


class Risk(Model):
    limits: list[Limit]
    events: list[EventRisk]
    exposures: list[ExposureRow]
    audit: list[AuditRow]


class Disk(Model):
    free_bytes: int
    total_bytes: int
    pct_used: int


class Health(Model):
    checks: list[Check]
    workers: list[Worker]
    queues: list[Queue]
    feeds: list[Feed]
    redis: RedisFacts
    disk: Disk | None
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
    """One thing that may raise an alert."""

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


class PerformanceQuery(Model):
    mode: Literal["DRY", "LIVE"] | None = None
    days: Annotated[int, Field(ge=1, le=366)] = 30
    by: Literal["book", "market", "league", "edge", "day"] = "book"


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
    mode: Literal["DRY", "LIVE"]
    days: int
    by: str
    total: PerformanceRow
    rows: list[PerformanceRow]
    series: list[SeriesPoint]
    truncated: bool


class LogsQuery(Model):
    worker: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z-]{0,20}(-\d{1,2})?$")] | None = None
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
