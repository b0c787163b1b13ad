"""The snapshot: everything the overview shows, and the frames that keep it fresh."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from keter.dashboard.models.base import AccountQuery, Model, Money, Odds, Percent
from keter.domain.alerts import Level


class Alive(Model):
    status: Literal["ok"] = "ok"


class Check(Model):
    name: str
    ok: bool
    detail: str


class Ready(Model):
    """Whether everything works; ``checks`` say what is missing."""

    status: Literal["ready", "not_ready"]
    checks: list[Check]


class Beat(Model):
    age_s: float
    pid: int | None
    version: str


class StatusAnswer(Model):
    """The original system's status call.

    Every field is always there. It is null where nobody knows, and ``problem`` then says why.

    ``following`` is what LIVE does while it may not bet, whoever arms it; null where it may, and in
    DRY. ``state`` is DISARMED where betting is active and LIVE is not armed.
    """

    mode: Literal["DEMO", "DRY", "LIVE"]
    state: str | None
    following: str | None
    armed: bool | None
    balance: Money | None
    outstanding: Money | None
    pnl_today: Money | None
    confirmed: int | None
    rejected: int | None
    heartbeats: dict[str, Beat] | None
    settings_differ: list[str] | None
    problem: str | None


class Server(Model):
    version: str
    host: str
    started_at: datetime
    zone: str
    currency: str
    mode: Literal["DEMO", "DRY", "LIVE"]
    account: str
    sandbox: bool


class Trading(Model):
    """The trading state. ``mode`` is None when nobody knows.

    ``stops`` name kill switches that are on as well.

    ``unlicensed`` says why no licence allows a bet; None where one does or none is needed.
    ``settings_differ`` names settings whose values on disk are not those in force. They count from
    the next start on. ``following`` says why LIVE follows its open bets only, whoever arms it; None
    where it may bet, and in DRY.
    """

    mode: Literal["ACTIVE", "REDUCING", "PAUSED", "HALTED"] | None
    actor: str | None = None
    reason: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    revision: int | None = None
    stops: list[str] = Field(default_factory=list)
    armed: bool | None = None
    unlicensed: str | None = None
    settings_differ: list[str] = Field(default_factory=list)
    following: str | None = None
    problem: str | None = None


class MoneyStrip(Model):
    """The money row. ``as_of`` is when the venue reported the balance.

    ``pnl_today`` holds settled bets only; ``since`` is the start of the day.
    """

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
    """One worker. ``state`` is ok, slow (late beat) or lost (no heartbeat left).

    Workers of one ``role`` do the same work. It is the name of the process, and where there are
    several accounts also the account. Without ``beat_at`` it has never beaten.
    """

    process: str
    role: str
    worker: str
    state: Literal["ok", "slow", "lost"]
    pid: int | None
    version: str
    started_at: datetime | None
    beat_at: datetime | None
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
    """The Redis server. ``ok``: it answers. ``writes``: it takes writes. ``detail``:
    what is wrong.
    """

    ok: bool
    detail: str
    writes: bool = True
    version: str | None = None
    used_memory_bytes: int | None = None
    max_memory_bytes: int | None = None
    aof: bool | None = None
    policy: str | None = None
    fake: bool | None = None


class FunnelStage(Model):
    """How many of the day a stage let through and turned down, and why.

    The last stage also shows what is not known yet.
    """

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


class BetRow(Model):
    """One bet as a row. ``odds`` is what was got, ``asked_odds`` what was asked for."""

    id: str
    trace_id: str
    at: datetime
    updated_at: datetime
    mode: Literal["DEMO", "DRY", "LIVE"]
    state: str
    event_uid: str
    sport: str
    home: str
    away: str
    league: str
    kickoff: datetime
    market: str
    market_text: str
    outcome: str
    outcome_text: str
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


class AccountLine(Model):
    """One of several accounts. ``name`` is its name at the venue.

    ``state`` is the trading mode, or DISARMED where LIVE is not armed. ``trouble`` is what keeps
    the account from betting and what nobody knows of it.
    """

    account: str
    name: str
    mode: Literal["DEMO", "DRY", "LIVE"]
    state: str | None
    currency: str
    pnl_today: Money | None
    open: int | None
    trouble: list[str]


class Snapshot(Model):
    """Everything the overview shows of one account.

    ``id`` is the stream position it belongs to. ``accounts`` are all accounts where there are
    several.
    """

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
    orders: list[BetRow]
    signals: list[SignalRow]
    ticks: list[Tick]
    problems: list[str]
    accounts: list[AccountLine]


class Frame(Model):
    """One message of the WebSocket.

    ``data`` replaces the snapshot's sections of the same names; rows are added by id.
    """

    v: Literal[1] = 1
    id: str
    ts: datetime
    type: Literal["state", "order", "signal", "tick", "beat", "alert", "resync"]
    data: dict[str, Any]


class LiveQuery(AccountQuery):
    since: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{8}-\d{1,12}$")] | None = None
