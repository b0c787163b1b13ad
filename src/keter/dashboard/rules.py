"""Pure: what is worth calling somebody for. Each rule looks at one situation and says what it found, or nothing."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from keter.bus.heartbeats import Heartbeat
from keter.dashboard import models
from keter.dashboard.facts import Facts, feed_row
from keter.domain.bets import Bet, BetState
from keter.domain.money import money_text
from keter.domain.trading import TradingMode
from keter.settings import Settings

Level = Literal["page", "ticket", "info"]
VITAL = frozenset({"guard", "router"})
WANTED = ("ingest", "validator", "edge", "guard", "router", "tracker", "recorder")
LOST_AFTER_S = 15.0
LAST_PLACEMENTS = 20
DISK_FULL_PCT = 90
PLACED = frozenset({BetState.PENDING, BetState.RUNNING, BetState.REFUSED, BetState.UNKNOWN, BetState.WON, BetState.LOST,
                    BetState.HALF_WON, BetState.HALF_LOST, BetState.PUSHED, BetState.VOID})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Situation:
    """Everything the rules look at. ``missing_since`` tells since when a wanted process has had no heartbeat."""

    facts: Facts
    settings: Settings
    missing_since: dict[str, datetime]
    disk: models.Disk | None
    licence_warning: str | None
    login_failures: tuple[str, int] | None
    low_ev_streak: int


@dataclass(frozen=True, slots=True)
class Finding:
    """What a rule found: one sentence, and the level where it differs from the rule's."""

    detail: str
    level: Level | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """``id`` is also the name of the runbook page. ``action`` is what Keter does by itself."""

    id: str
    level: Level
    title: str
    condition: str
    action: str
    link: str
    check: Callable[[Situation], Finding | None]


def rule_row(rule: Rule) -> models.AlertRule:
    return models.AlertRule(id=rule.id, level=rule.level, title=rule.title, condition=rule.condition, action=rule.action)


def unknown_bets(s: Situation) -> Finding | None:
    if s.facts.ledger is None:
        return None
    limit = s.settings.router.unknown_alert_s
    old = [bet for bet in s.facts.ledger.unknown if (s.facts.at - bet.updated_at).total_seconds() > limit]
    if not old:
        return None
    stake = sum(bet.placed_stake_minor or bet.intent.stake_minor for bet in old)
    currency = s.settings.mode.account_currency
    return Finding(f"{len(old)} bet{'s' if len(old) > 1 else ''} UNKNOWN, {currency} {money_text(stake)} at risk.")


def guard_trip(s: Situation) -> Finding | None:
    view = s.facts.bus.standing.trading
    state = view.state if view is not None else None
    if state is None or state.actor != "guard" or state.effective(s.facts.at) not in {TradingMode.PAUSED, TradingMode.HALTED}:
        return None
    return Finding(
        f"{state.effective(s.facts.at).value}: {state.reason}.", None if state.mode is TradingMode.HALTED else "ticket"
    )


def trading_state_missing(s: Situation) -> Finding | None:
    view = s.facts.bus.standing.trading
    return Finding("Redis holds no trading state.") if view is not None and view.state is None else None


def heartbeat_lost(s: Situation) -> Finding | None:
    gone = [name for name, since in sorted(s.missing_since.items()) if (s.facts.at - since).total_seconds() > LOST_AFTER_S]
    if not gone:
        return None
    return Finding(f"No heartbeat of {', '.join(gone)}.", None if VITAL & set(gone) else "ticket")


def feed_stale(s: Situation) -> Finding | None:
    rows = [feed_row(feed, s.settings.venue.feed_stale_after_s, s.facts.at) for feed in s.facts.bus.feeds]
    stale = [f"{row.account} {row.phase}" for row in rows if row.stale]
    if not stale:
        return None
    return Finding(f"No good answer lately: {', '.join(stale)}.", "page" if len(stale) == len(rows) else None)


def refusals_rising(s: Situation) -> Finding | None:
    placed = [bet for bet in _bets(s) if bet.state in PLACED][:LAST_PLACEMENTS]
    refused = sum(bet.state is BetState.REFUSED for bet in placed)
    if len(placed) < LAST_PLACEMENTS or refused * 100 <= s.settings.alerts.alert_refusal_pct * len(placed):
        return None
    return Finding(f"{refused} of the last {len(placed)} placements were refused.")


def consecutive_timeouts(s: Situation) -> Finding | None:
    worst = max((_number(beat, "timeouts_in_a_row") for beat in s.facts.bus.heartbeats), default=0)
    if worst < s.settings.alerts.alert_consecutive_timeouts:
        return None
    return Finding(f"The venue timed out {worst} times in a row.")


def low_ev_streak(s: Situation) -> Finding | None:
    if s.low_ev_streak < s.settings.alerts.alert_low_ev_streak:
        return None
    return Finding(f"{s.low_ev_streak} selections in a row were rejected for low value.")


def dead_letters(s: Situation) -> Finding | None:
    found = {name.value: queue.dead for name, queue in s.facts.bus.queues.items() if queue.dead}
    return Finding(", ".join(f"{n} in {name}" for name, n in found.items()) + ".") if found else None


def balance_mismatch(s: Situation) -> Finding | None:
    """The venue's outstanding stakes against ours; only LIVE, where the venue books our bets."""
    if not s.settings.live or s.facts.ledger is None:
        return None
    for account in s.facts.bus.accounts:
        off = account.outstanding_minor - s.facts.ledger.summary.outstanding_minor
        if abs(off) > s.settings.stake.unit_minor:
            return Finding(f"{account.account}: the venue's outstanding stakes differ from the ledger's by {money_text(off)}.")
    return None


def redis_unsafe(s: Situation) -> Finding | None:
    redis = s.facts.bus.redis
    faults = [
        text
        for text, wrong in (
            ("the append-only file is off", redis.aof is False),
            (f"the eviction policy is {redis.policy}", redis.policy not in {None, "noeviction"}),
        )
        if wrong
    ]
    return Finding(f"Redis may lose data: {', '.join(faults)}.") if faults and not redis.fake else None


def disk_full(s: Situation) -> Finding | None:
    if s.disk is None or s.disk.pct_used < DISK_FULL_PCT:
        return None
    return Finding(f"The disk of DATA_DIR is {s.disk.pct_used} % full.")


def licence_ending(s: Situation) -> Finding | None:
    return Finding(s.licence_warning) if s.licence_warning is not None else None


def login_failures(s: Situation) -> Finding | None:
    if s.login_failures is None:
        return None
    address, count = s.login_failures
    return Finding(f"{count} failed logins in a row from {address}.")


def ledger_unreadable(s: Situation) -> Finding | None:
    return Finding("; ".join(s.facts.problems) + ".") if s.facts.ledger is None and s.facts.problems else None


def _bets(s: Situation) -> Sequence[Bet]:
    return s.facts.ledger.bets if s.facts.ledger is not None else ()


def _number(beat: Heartbeat, name: str) -> int:
    text = beat.gauges.get(name, "0")
    return int(float(text)) if text.replace(".", "", 1).isdigit() else 0


RULES: tuple[Rule, ...] = (
    Rule("unknown-bets", "page", "Bets with unknown outcome", "a bet is UNKNOWN for longer than UNKNOWN_ALERT_S",
         "The tracker asks the venue again and again; nothing is sent twice.", "#/orders?state=UNKNOWN", unknown_bets),
    Rule("guard-trip", "page", "The guard stopped betting", "daily loss or losing streak reached its limit",
         "No new bets; open bets stay open.", "#/risk", guard_trip),
    Rule("trading-state-missing", "page", "The trading state is missing", "Redis lost it",
         "No bets until the guard has restored it from the ledger.", "#/risk", trading_state_missing),
    Rule("heartbeat-lost", "page", "A worker is silent", "no heartbeat for 15 s; a ticket unless guard or router",
         "The supervisor starts it again.", "#/health", heartbeat_lost),
    Rule("balance-mismatch", "page", "Venue and ledger disagree", "outstanding stakes differ by more than one unit",
         "The tracker reconciles; the router stays closed while it has not.", "#/risk", balance_mismatch),
    Rule("login-failures", "page", "Somebody is guessing the password", "5 failed logins in a row from one address",
         "Each further try waits twice as long.", "#/logs?worker=dashboard", login_failures),
    Rule("feed-stale", "ticket", "Prices are old", "a feed gave no good answer within FEED_STALE_AFTER_S; all of them: page",
         "Old prices are never bet on.", "#/health", feed_stale),
    Rule("refusals-rising", "ticket", "Many refusals", "more than ALERT_REFUSAL_PCT of the last 20 placements",
         "The selections cool down.", "#/orders?state=REFUSED", refusals_rising),
    Rule("consecutive-timeouts", "ticket", "The venue times out", "ALERT_CONSECUTIVE_TIMEOUTS in a row",
         "Calls are spaced out; placements that timed out are UNKNOWN.", "#/logs?level=warning", consecutive_timeouts),
    Rule("dead-letters", "ticket", "Messages that nobody could read", "a queue has dead letters",
         "They are kept aside; the workers go on.", "#/health", dead_letters),
    Rule("redis-unsafe", "ticket", "Redis may lose data", "append-only file off or an eviction policy",
         "None.", "#/health", redis_unsafe),
    Rule("disk-full", "ticket", "The disk is filling up", "90 % used", "None.", "#/health", disk_full),
    Rule("ledger-unreadable", "page", "The ledger cannot be read", "the database does not answer",
         "The router makes no bet that it cannot write down.", "#/health", ledger_unreadable),
    Rule("low-ev-streak", "info", "No value for long", "ALERT_LOW_EV_STREAK rejections for low value in a row",
         "None.", "#/signals?stage=edge", low_ev_streak),
    Rule("licence-ending", "info", "The licence ends soon", "14 days before its end",
         "LIVE is blocked when it has ended.", "#/config", licence_ending),
)  # fmt: skip
