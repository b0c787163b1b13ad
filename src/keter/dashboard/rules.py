"""Pure: what is worth calling somebody for. Each rule looks at one situation and says what it found, or nothing."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from keter.bus.reconciliation import pass_counts_for_s
from keter.dashboard import models
from keter.dashboard.facts import Facts, following
from keter.dashboard.models.base import Level
from keter.domain.bets import Bet, BetState
from keter.roster import Process
from keter.settings import Settings

VITAL = frozenset({"guard", "router"})
WANTED = ("ingest", "validator", "edge", "guard", "router", "tracker", "recorder")
LOST_AFTER_S = 15.0
LAST_PLACEMENTS = 20
DISK_FULL_PCT = 90
PLACED = frozenset({BetState.PENDING, BetState.RUNNING, BetState.REFUSED, BetState.UNKNOWN, BetState.WON, BetState.LOST,
                    BetState.HALF_WON, BetState.HALF_LOST, BetState.PUSHED, BetState.VOID})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Situation:
    """Everything the rules look at. ``missing_since`` tells since when a wanted process has had no heartbeat.

    ``watched_since`` is when the watch began: what it has not seen for that long may only be new.
    """

    facts: Facts
    settings: Settings
    missing_since: dict[str, datetime]
    watched_since: datetime
    disk: models.Disk | None
    licence: "Finding | None"
    login_failures: tuple[str, int] | None


@dataclass(frozen=True, slots=True)
class Finding:
    """What a rule found: one sentence, and the level where it differs from the rule's."""

    detail: str
    level: Level | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """``id`` is also the name of the runbook page. ``action`` is what Keter does by itself.

    ``check`` is None for what a worker notices and raises itself; its alerts may carry more after a colon.
    """

    id: str
    level: Level
    title: str
    condition: str
    action: str
    link: str
    check: Callable[[Situation], Finding | None] | None


def rule_row(rule: Rule) -> models.AlertRule:
    return models.AlertRule(id=rule.id, level=rule.level, title=rule.title, condition=rule.condition, action=rule.action)


def trading_state_missing(s: Situation) -> Finding | None:
    view = s.facts.bus.standing.trading
    return Finding("Redis holds no trading state.") if view is not None and view.state is None else None


def heartbeat_lost(s: Situation) -> Finding | None:
    gone = [name for name, since in sorted(s.missing_since.items()) if (s.facts.at - since).total_seconds() > LOST_AFTER_S]
    if not gone:
        return None
    return Finding(f"No heartbeat of {', '.join(gone)}.", None if VITAL & set(gone) else "ticket")


def refusals_rising(s: Situation) -> Finding | None:
    placed = [bet for bet in _bets(s) if bet.state in PLACED][:LAST_PLACEMENTS]
    refused = sum(bet.state is BetState.REFUSED for bet in placed)
    if len(placed) < LAST_PLACEMENTS or refused * 100 <= s.settings.alerts.alert_refusal_pct * len(placed):
        return None
    return Finding(f"{refused} of the last {len(placed)} placements were refused.")


def dead_letters(s: Situation) -> Finding | None:
    found = {name.value: queue.dead for name, queue in s.facts.bus.queues.items() if queue.dead}
    return Finding(", ".join(f"{n} in {name}" for name, n in found.items()) + ".") if found else None


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
    if s.licence is None or s.facts.bus.blocked.licence is None or s.settings.missing_live_limits():
        return s.licence
    return Finding(following(s.facts) or s.licence.detail, s.licence.level)


def limits_missing(s: Situation) -> Finding | None:
    told = following(s.facts) if s.settings.missing_live_limits() else None
    return Finding(told) if told is not None else None


def reconciliation_incomplete(s: Situation) -> Finding | None:
    """Only where a router beats: without one nothing is bet anyway, and its silence is told."""
    limit_s = pass_counts_for_s(s.settings.router.reconcile_interval_s)
    since = s.facts.bus.reconciled_at
    waited_s = (s.facts.at - max(since or s.watched_since, s.watched_since)).total_seconds()
    if waited_s <= limit_s or all(beat.process != Process.ROUTER for beat in s.facts.bus.heartbeats):
        return None
    last = "none since Keter started" if since is None else f"the last one at {since:%H:%M:%S} UTC"
    return Finding(f"Ledger and venue were not compared completely for {waited_s:.0f} s ({last}); nothing is bet.")


def login_failures(s: Situation) -> Finding | None:
    if s.login_failures is None:
        return None
    address, count = s.login_failures
    return Finding(f"{count} failed logins in a row from {address}.")


def ledger_unreadable(s: Situation) -> Finding | None:
    return Finding("; ".join(s.facts.problems) + ".") if s.facts.ledger is None and s.facts.problems else None


def _bets(s: Situation) -> Sequence[Bet]:
    return s.facts.ledger.bets if s.facts.ledger is not None else ()


RULES: tuple[Rule, ...] = (
    Rule("unknown-bets", "page", "Bets with unknown outcome", "a bet is UNKNOWN for longer than UNKNOWN_ALERT_S",
         "The tracker asks the venue again and again; nothing is sent twice.", "#/orders?state=UNKNOWN", None),
    Rule("daily-loss-limit", "page", "The day's loss reached its limit", "DAILY_LOSS_LIMIT_UNITS",
         "The guard pauses betting until tomorrow; open bets stay open.", "#/risk", None),
    Rule("losing-streak", "page", "Too many losses in a row", "LOSING_STREAK_LIMIT",
         "The guard pauses betting for LOSING_STREAK_PAUSE_MIN.", "#/risk", None),
    Rule("trading-state-missing", "page", "The trading state is missing", "Redis lost it",
         "No bets until the guard has restored it from the ledger.", "#/risk", trading_state_missing),
    Rule("heartbeat-lost", "page", "A worker is silent", "no heartbeat for 15 s; a ticket unless guard or router",
         "The supervisor starts it again.", "#/health", heartbeat_lost),
    Rule("reconciliation-incomplete", "page", "Ledger and venue are not compared",
         "no complete comparison for four times RECONCILE_INTERVAL_S, 60 s at least",
         "Nothing is bet until one is complete; the tracker tries again and again.", "#/health", reconciliation_incomplete),
    Rule("account-mismatch", "page", "Venue and ledger disagree about the money", "two comparisons in a row",
         "The tracker halts betting or tells what differs.", "#/risk", None),
    Rule("bet-stake-mismatch", "page", "The venue booked another stake", "a ticket's stake is not ours",
         "The ledger holds what the venue says.", "#/orders", None),
    Rule("bet-price-mismatch", "page", "The venue booked a worse price", "further below ours than MAX_SLIPPAGE_PCT",
         "The ledger holds what the venue says.", "#/orders", None),
    Rule("bet-selection-mismatch", "page", "The venue booked another selection", "a ticket's market or side is not ours",
         "The ledger holds what the venue says.", "#/orders", None),
    Rule("bet-state-mismatch", "page", "A finished bet lives on", "a bet that is final here is open at the venue",
         "The ledger holds what the venue says.", "#/orders", None),
    Rule("bet-record-mismatch", "page", "The venue denies a bet", "a bet that it had accepted is not in its lists",
         "The ledger holds what the venue says.", "#/orders", None),
    Rule("bet-result-mismatch", "page", "A result does not fit together", "the venue contradicts itself about a finished bet",
         "The ledger holds what the venue says.", "#/orders", None),
    Rule("bet-settlement-mismatch", "page", "A bet is settled unlike we settle it", "our result from the score is another",
         "The ledger holds what the venue says.", "#/orders", None),
    Rule("foreign-bets", "ticket", "Bets that are not ours", "the venue lists tickets that no intent explains",
         "They count as exposure.", "#/risk", None),
    Rule("second-copy", "page", "Another Keter bets on this account",
         "open tickets under a Keter's reference that the ledger does not know, or the session is taken away for minutes",
         "Betting is paused and LIVE disarmed.", "#/orders", None),
    Rule("ledger-replaced", "page", "The ledger was replaced",
         "LIVE on another ledger than that of the last start, or Redis knows open bets that it does not",
         "LIVE is disarmed.", "#/orders", None),
    Rule("unreadable-tickets", "page", "Rows of the venue cannot be read",
         "a bet row with an amount beyond belief, or unstorable",
         "Each counts as exposure; nothing is bet beside an open stake that nobody can read.", "#/risk", None),
    Rule("login-failures", "page", "Somebody is guessing the password", "5 failed logins in a row from one address",
         "Each further try waits twice as long.", "#/logs?worker=dashboard", login_failures),
    Rule("ledger-unreadable", "page", "The ledger cannot be read", "the database does not answer",
         "The router makes no bet that it cannot write down.", "#/health", ledger_unreadable),
    Rule("venue-refused", "page", "The venue refuses the account", "a login or call is rejected for good",
         "Nothing is bet.", "#/logs?worker=ingest", None),
    Rule("venue-timeouts", "page", "The venue does not answer", "ALERT_CONSECUTIVE_TIMEOUTS in a row",
         "Calls are spaced out; placements that timed out are UNKNOWN.", "#/logs?worker=ingest", None),
    Rule("feed-stale", "page", "Prices are old", "a feed gave no good answer within FEED_STALE_AFTER_S",
         "Old prices are never bet on.", "#/health", None),
    Rule("feed-overflow", "ticket", "The feed holds more than is kept", "more than MAX_FIXTURES or MAX_MARKETS",
         "What kicks off last is left out.", "#/health", None),
    Rule("refusals-rising", "ticket", "Many refusals", "more than ALERT_REFUSAL_PCT of the last 20 placements",
         "The selections cool down.", "#/orders?state=REFUSED", refusals_rising),
    Rule("dead-letters", "ticket", "Messages that nobody could read", "a queue has dead letters",
         "They are kept aside; the workers go on.", "#/health", dead_letters),
    Rule("redis-down", "page", "Redis does not answer", "no answer for 15 s",
         "No bets are made until it is back; the channels are told without it.", "#/health", None),
    Rule("redis-unsafe", "ticket", "Redis may lose data", "append-only file off or an eviction policy",
         "Keter does nothing about it by itself.", "#/health", redis_unsafe),
    Rule("disk-full", "ticket", "The disk is filling up", "90 % used",
         "Keter does nothing about it by itself.", "#/health", disk_full),
    Rule("low-ev-streak", "info", "No value for long", "ALERT_LOW_EV_STREAK rejections for low value in a row",
         "Keter does nothing about it by itself.", "#/signals?stage=edge", None),
    Rule("limits-missing", "page", "LIVE lacks limits set by hand", "LIVE runs without the limits it asks for",
         "Open bets are followed to their settlement; nothing is bet.", "#/config", limits_missing),
    Rule("licence-ending", "info", "The licence ends soon or does not hold",
         "14 days before its end; a ticket from 7, a page on the last day and when it is needed and does not hold",
         "LIVE is blocked without one; open bets are followed.", "#/config", licence_ending),
)  # fmt: skip
