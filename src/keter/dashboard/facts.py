"""What the console knows at one moment, in domain terms, and the pure way from there to the
snapshot.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from keter.betting_settings import RiskSettings, StakeSettings
from keter.bus.queue import QueueFacts, QueueName
from keter.bus.state.feeds import FeedFacts
from keter.bus.telemetry.alerts import Alert, runbook_id
from keter.bus.telemetry.heartbeats import Heartbeat
from keter.control.standing import Standing
from keter.dashboard import models
from keter.dashboard.health import Blocked
from keter.dashboard.views import order_row, pnl_series, signal_row
from keter.domain.bets import Bet, BetState
from keter.domain.exposure import Exposure, open_stake
from keter.domain.money import floor_to_minor, money_text, to_minor
from keter.domain.processes import Process
from keter.domain.runs import OwnerRecord
from keter.domain.signals import Decision
from keter.domain.tickets import AccountSnapshot
from keter.ledger import MoneySummary
from keter.settings import Settings
from keter.supervision.following import following_text

STAGES = ("ingest", "validator", "edge", "guard", "router")
PASSED = "ok"
CONFIRMED = frozenset({BetState.RUNNING, BetState.WON, BetState.LOST, BetState.HALF_WON,
                       BetState.HALF_LOST, BetState.PUSHED, BetState.VOID})  # fmt: skip


@dataclass(frozen=True, slots=True)
class BusFacts:
    """What Redis said.

    Not there at all while Redis is away. ``limits`` are those in force, operators' wishes included.

    ``reconciled_at`` is when ledger and venue were last compared completely; None when nobody
    knows.
    """

    standing: Standing
    armed: bool
    blocked: Blocked
    reconciled_at: datetime | None
    heartbeats: list[Heartbeat]
    queues: dict[QueueName, QueueFacts]
    feeds: list[FeedFacts]
    accounts: list[AccountSnapshot]
    exposures: tuple[Exposure, ...]
    limits: RiskSettings
    counts: dict[str, int]
    alerts: list[Alert]
    ticks: list[models.Tick]
    redis: models.RedisFacts
    owner: OwnerRecord | None


@dataclass(frozen=True, slots=True)
class LedgerFacts:
    """What the ledger said.

    ``bets`` are the newest; ``unknown`` are all whose outcome nobody knows.
    """

    summary: MoneySummary
    bets: list[Bet]
    unknown: list[Bet]
    decisions: list[Decision]
    pnl: list[tuple[datetime, int]]


@dataclass(frozen=True, slots=True)
class Facts:
    at: datetime
    day_start: datetime
    bus: BusFacts
    ledger: LedgerFacts | None
    problems: list[str] = field(default_factory=list)


def following(facts: Facts) -> str | None:
    """What LIVE does while it may not bet, whoever arms it; None where it may."""
    why = facts.bus.blocked.live
    return (
        following_text(facts.ledger.summary.open if facts.ledger is not None else None, why)
        if why is not None
        else None
    )


def trading_view(
    standing: Standing,
    armed: bool,
    unlicensed: str | None,
    settings_differ: Sequence[str] = (),
    following: str | None = None,
) -> models.Trading:
    state = standing.trading.state if standing.trading is not None else None
    mode, cause = standing.mode, standing.cause
    return models.Trading(
        mode=mode.value if mode is not None else None,
        actor=cause.actor if cause else None,
        reason=cause.reason if cause else None,
        since=cause.since if cause else None,
        until=cause.until if cause else None,
        revision=state.revision if state else None,
        stops=list(standing.stops),
        armed=armed,
        unlicensed=unlicensed,
        settings_differ=list(settings_differ),
        following=following,
        problem=standing.problem,
    )


def money_strip(facts: Facts, settings: Settings) -> models.MoneyStrip | None:
    """None when the ledger could not be read: unknown is not zero."""
    if facts.ledger is None:
        return None
    summary, account = facts.ledger.summary, account_of(facts.bus.accounts, settings)
    confirmed = confirmed_stage(facts.ledger)[0].passed
    rejected = summary.states.get(BetState.REFUSED, 0) + summary.states.get(BetState.SKIPPED, 0)
    exposure = open_stake(facts.bus.exposures)
    limit = to_minor(facts.bus.limits.max_exposure_total)
    return models.MoneyStrip(
        day=summary.day,
        since=facts.day_start,
        as_of=account.fetched_at if account else None,
        balance=money_text(account.credit_minor + account.outstanding_minor) if account else None,
        available=money_text(account.credit_minor) if account else None,
        outstanding=money_text(summary.outstanding_minor),
        open=summary.open,
        unknown=summary.unknown,
        unknown_stake=money_text(summary.unknown_stake_minor),
        pnl_today=money_text(summary.pnl_minor),
        settled=summary.settled,
        loss_limit=money_text(daily_loss_limit(facts.bus.limits, settings.stake)),
        confirmed=confirmed,
        rejected=rejected,
        rejected_pct=share(rejected, confirmed + rejected),
        top_reason=_top_reason(facts.ledger.bets),
        exposure=money_text(exposure),
        exposure_limit=money_text(limit),
        exposure_pct=exposure * 100 // limit if limit else None,
    )


def daily_loss_limit(risk: RiskSettings, stake: StakeSettings) -> int:
    """Minor units: units of FIXED_STAKE, rounded down, as the guard counts it."""
    return floor_to_minor(Decimal(str(risk.daily_loss_limit_units)) * stake.fixed_stake)


def share(part: int, whole: int) -> str | None:
    return f"{Decimal(part) * 100 / whole:.1f}" if whole else None


def account_of(accounts: list[AccountSnapshot], settings: Settings) -> AccountSnapshot | None:
    """The configured account; the only one there is when the sandbox gave it its name."""
    named = [account for account in accounts if account.account == settings.venue.ao_user]
    return named[0] if named else accounts[0] if len(accounts) == 1 else None


def _top_reason(bets: list[Bet]) -> str | None:
    """The commonest reason among the newest refused and skipped bets."""
    reasons = [
        bet.reason
        for bet in bets
        if bet.state in {BetState.REFUSED, BetState.SKIPPED} and bet.reason
    ]
    return max(sorted(set(reasons)), key=reasons.count).replace("_", " ") if reasons else None


def worker_row(beat: Heartbeat, heartbeat_s: float) -> models.Worker:
    """``slow`` after one and a half beats; a process without any heartbeat left is not in the list
    at all.
    """
    revision = beat.gauges.get("trading_revision", "")
    return models.Worker(
        process=beat.process,
        worker=beat.worker,
        state="slow" if beat.age_s > 1.5 * heartbeat_s + 0.5 else "ok",
        pid=beat.pid,
        version=beat.version,
        started_at=beat.started_at,
        beat_at=beat.at,
        revision=int(revision) if revision.isdigit() else None,
        last_error=beat.last_error,
        figures={
            **{name: str(n) for name, n in sorted(beat.counters.items())},
            **dict(sorted(beat.gauges.items())),
        },
    )


def lost_workers(known: dict[str, models.Worker], present: set[str]) -> list[models.Worker]:
    """Workers that were seen before and have no heartbeat left."""
    return [
        worker.model_copy(update={"state": "lost"})
        for name, worker in known.items()
        if name not in present
    ]


def silent_processes(workers: list[models.Worker]) -> list[models.Worker]:
    """A row for every process of which nobody has ever heard: nothing at all is worse than late."""
    heard = {worker.process for worker in workers}
    return [
        models.Worker(
            process=process.value,
            worker=process.value,
            state="lost",
            pid=None,
            version="",
            started_at=None,
            beat_at=None,
            revision=None,
            last_error=None,
            figures={},
        )
        for process in Process
        if process.value not in heard
    ]


def queue_row(name: QueueName, queue: QueueFacts) -> models.Queue:
    return models.Queue(
        name=name.value,
        depth=queue.depth,
        in_flight=queue.in_flight,
        oldest_age_s=queue.oldest_age_s,
        consumers=queue.consumers,
        dead=queue.dead,
    )


def funnel(counts: dict[str, int]) -> list[models.FunnelStage]:
    """Per stage what passed and why the rest did not.

    Of ingest, changed markets pass and problems of the feed do not.
    """
    found = []
    for stage in STAGES:
        own = {
            name.partition(":")[2]: n
            for name, n in counts.items()
            if name.partition(":")[0] == stage
        }
        if stage == "ingest":
            own = {PASSED: own.get("changed", 0)} | {
                name.removeprefix("problem_"): n
                for name, n in own.items()
                if name.startswith("problem_")
            }
        # The validator's names beginning with book_ count books, not selections; the router's
        # book_limits is a reason.
        books = {name for name in own if stage == "validator" and name.startswith("book_")}
        reasons = {name: n for name, n in own.items() if name != PASSED and name not in books}
        ordered = dict(sorted(reasons.items(), key=lambda item: (-item[1], item[0])))
        found.append(
            models.FunnelStage(
                stage=stage,
                passed=own.get(PASSED, 0),
                rejected=sum(reasons.values()),
                reasons=ordered,
            )
        )
    return found


def confirmed_stage(ledger: LedgerFacts | None) -> list[models.FunnelStage]:
    """The end of the funnel: what the books did with the day's bets.

    Nothing while the ledger cannot be read.

    Bets whose outcome is awaited or unknown are neither taken nor rejected; their number stands
    beside the refusals.
    """
    if ledger is None:
        return []
    states = ledger.summary.states
    reasons = {
        name: states[state]
        for name, state in (
            ("refused", BetState.REFUSED),
            ("pending", BetState.PENDING),
            ("unknown", BetState.UNKNOWN),
        )
        if states.get(state)
    }
    passed = sum(count for state, count in states.items() if BetState(state) in CONFIRMED)
    return [
        models.FunnelStage(
            stage="confirmed", passed=passed, rejected=reasons.get("refused", 0), reasons=reasons
        )
    ]


def notice(alert: Alert) -> models.Notice:
    return models.Notice(
        id=alert.id,
        level=alert.level,
        title=alert.title,
        detail=alert.detail,
        since=alert.since,
        action=alert.action,
        link=alert.link or "#/alerts",
        runbook=runbook_id(alert.id),
        acknowledged_by=alert.acknowledged_by,
    )


def feed_row(feed: FeedFacts, stale_after_s: float, now: datetime) -> models.Feed:
    """A feed is stale when it was never confirmed, or not within ``stale_after_s``."""
    confirmed = feed.confirmed_at
    return models.Feed(
        account=feed.account,
        phase=feed.phase.value,
        confirmed_at=confirmed,
        stale=confirmed is None or (now - confirmed).total_seconds() > stale_after_s,
        known_markets=feed.known_markets,
        body_bytes=feed.body_bytes,
    )


def order_rows(facts: Facts) -> list[models.BetRow]:
    return [order_row(bet) for bet in facts.ledger.bets] if facts.ledger else []


def signal_rows(facts: Facts) -> list[models.SignalRow]:
    return [signal_row(decision) for decision in facts.ledger.decisions] if facts.ledger else []


def snapshot(facts: Facts, settings: Settings, server: models.Server, position: str, known: dict[str, models.Worker]
             ) -> models.Snapshot:  # fmt: skip
    """Everything the overview shows.

    ``known`` are workers seen before, so that one that died is shown as lost.
    """
    bus = facts.bus
    workers = [worker_row(beat, settings.process.heartbeat_s) for beat in bus.heartbeats]
    present = {worker.worker for worker in workers}
    workers += lost_workers(known, present)
    everyone = sorted(
        [*workers, *silent_processes(workers)],
        key=lambda worker: (order_of(worker.process), worker.worker),
    )
    return models.Snapshot(
        id=position,
        at=facts.at,
        server=server,
        trading=trading_view(
            bus.standing,
            bus.armed,
            bus.blocked.licence,
            bus.owner.differing if bus.owner else (),
            following(facts),
        ),
        money=money_strip(facts, settings),
        attention=[notice(alert) for alert in bus.alerts],
        workers=everyone,
        queues=[queue_row(name, queue) for name, queue in bus.queues.items()],
        feeds=[feed_row(feed, settings.venue.feed_stale_after_s, facts.at) for feed in bus.feeds],
        redis=bus.redis,
        funnel=[*funnel(bus.counts), *confirmed_stage(facts.ledger)],
        pnl=pnl_series(facts.ledger.pnl, facts.day_start) if facts.ledger else [],
        orders=order_rows(facts),
        signals=signal_rows(facts),
        ticks=bus.ticks,
        problems=facts.problems,
    )


def order_of(process: str) -> int:
    """The place of a process in the pipeline; strangers come last."""
    names = [member.value for member in Process]
    return names.index(process) if process in names else len(names)
