"""Pure: what is worth calling somebody for.

Each rule looks at one situation and says what it found, or nothing.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from keter.bus.state.reconciliation import pass_counts_for_s
from keter.bus.telemetry.writing import RedisTrouble
from keter.dashboard import models
from keter.dashboard.facts import Facts, following
from keter.dashboard.models.base import Level
from keter.dashboard.presence import KILLS_WINDOW, RESTARTS_WINDOW, Silent, Troubled
from keter.dashboard.standstill import Standing
from keter.dashboard.stores import StoreHealth
from keter.domain.bets import Bet, BetState
from keter.domain.processes import EVERYTHING, Process
from keter.settings import Settings

# Without one of these nothing is bet or settled: the loss of any is a page.
VITAL = frozenset({"ingest", "validator", "edge", "guard", "router", "tracker"})
SERVES = Process.DASHBOARD  # whoever looks is there
LOST_AFTER_S = 15.0
LAST_PLACEMENTS = 20
DISK_FULL_PCT = 90
MEMORY_PCT, MEMORY_PAGE_PCT = 70, 90
DOWN_S = 15.0  # a Redis that is started again is back before
REFUSES_S = 10.0  # long enough for a backup's lock, short enough to be told within 20 s
UNREADABLE_S = 15.0  # one slow answer is none
UNARMED_S = 60.0  # whoever has just started LIVE is about to arm it
PLACED = frozenset(
    {
        BetState.PENDING,
        BetState.RUNNING,
        BetState.REFUSED,
        BetState.UNKNOWN,
        BetState.WON,
        BetState.LOST,
        BetState.HALF_WON,
        BetState.HALF_LOST,
        BetState.PUSHED,
        BetState.VOID,
    }
)


@dataclass(frozen=True, slots=True)
class Situation:
    """Everything the rules look at.

    ``unreadable_since`` and ``unarmed_since`` tell since when that has been so.

    ``watched_since`` is when the watch began: what it has not seen for that long may only be new.
    ``was_armed``: LIVE was armed before in this process's life. ``starts`` are the processes of
    this run: of others nothing is expected.
    """

    facts: Facts
    settings: Settings
    watched_since: datetime
    disk: models.Disk | None
    licence: "Finding | None"
    login_failures: tuple[str, int] | None
    silent: Sequence[Silent] = ()
    restarting: Sequence[Troubled] = ()
    killed: Sequence[Troubled] = ()
    unreadable_since: datetime | None = None
    unarmed_since: datetime | None = None
    was_armed: bool = False
    standstill: Standing | None = None
    starts: frozenset[Process] = EVERYTHING


@dataclass(frozen=True, slots=True)
class Finding:
    """What a rule found: one sentence, the level where it differs from the rule's, and ``about``
    whom, where it may be many.
    """

    detail: str
    level: Level | None = None
    about: str = ""


@dataclass(frozen=True, slots=True)
class Rule:
    """``id`` is also the name of the runbook page.

    ``action`` is what Keter does by itself.

    ``check`` finds one trouble, ``each`` any number, told apart after a colon in the alert's id.
    ``of_stores`` goes by the stores alone: it is asked while nothing else can be known, and goes
    before ``check``. A rule without any is what a worker notices and raises itself; its alerts may
    carry more after a colon.
    """

    id: str
    level: Level
    title: str
    condition: str
    action: str
    link: str
    check: Callable[[Situation], Finding | None] | None
    each: Callable[[Situation], Iterator[Finding]] | None = None
    of_stores: Callable[[StoreHealth], Finding | None] | None = None


def findings(rule: Rule, stores: StoreHealth, situation: Situation | None) -> list[Finding] | None:
    """What ``rule`` finds; None where it cannot tell without a ``situation``.

    A Redis that takes no writes takes no heartbeats: who is silent then cannot be told from who is
    not.
    """
    if rule.of_stores is not None and (found := rule.of_stores(stores)) is not None:
        return [found]
    if rule.check is None and rule.each is None:
        return []
    if situation is None or (rule.each is not None and stores.redis is not None):
        return None
    if rule.each is not None:
        return list(rule.each(situation))
    one = rule.check(situation) if rule.check is not None else None
    return [one] if one is not None else []


def rule_row(rule: Rule) -> models.AlertRule:
    return models.AlertRule(
        id=rule.id, level=rule.level, title=rule.title, condition=rule.condition, action=rule.action
    )


def wanted(starts: frozenset[Process]) -> tuple[str, ...]:
    """The processes whose heartbeats are missed, in a run that ``starts`` these."""
    return tuple(
        process.value for process in Process if process in starts and process is not SERVES
    )


def trading_state_missing(s: Situation) -> Finding | None:
    if Process.GUARD not in s.starts:  # nobody is there to restore it, and nobody bets
        return None
    view = s.facts.bus.standing.trading
    return (
        Finding("Redis holds no trading state.")
        if view is not None and view.state is None
        else None
    )


def heartbeat_lost(s: Situation) -> Iterator[Finding]:
    for one in s.silent:
        if (s.facts.at - one.since).total_seconds() > LOST_AFTER_S:
            vital = one.process in VITAL and one.alone
            yield Finding(f"No heartbeat of {one.worker}.", None if vital else "ticket", one.worker)


def worker_restarting(s: Situation) -> Iterator[Finding]:
    minutes = RESTARTS_WINDOW / timedelta(minutes=1)
    for one in s.restarting:
        detail = f"{one.worker} was started again {one.times} times in {minutes:g} minutes."
        yield Finding(detail, None if one.process in VITAL else "ticket", one.worker)


def worker_hung(s: Situation) -> Iterator[Finding]:
    minutes = KILLS_WINDOW / timedelta(minutes=1)
    for one in s.killed:
        times = "once" if one.times == 1 else f"{one.times} times"
        detail = (
            f"{one.worker} hung and was killed and started again, {times} in {minutes:g} minutes."
        )
        yield Finding(detail, None if one.process in VITAL else "ticket", one.worker)


def nothing_bet(s: Situation) -> Finding | None:
    if s.standstill is None:
        return None
    return Finding(s.standstill.sentence, "ticket" if s.standstill.ordinary else None)


def not_armed(s: Situation) -> Finding | None:
    if s.unarmed_since is None or (s.facts.at - s.unarmed_since).total_seconds() < UNARMED_S:
        return None
    if s.was_armed:
        return Finding("LIVE was armed and is not any more: nothing is bet until somebody arms it.")
    return Finding("LIVE is not armed: nothing is bet until somebody arms it.", "ticket")


def redis_memory(s: Situation) -> Finding | None:
    used, most = s.facts.bus.redis.used_memory_bytes, s.facts.bus.redis.max_memory_bytes
    if not used or not most or used * 100 < MEMORY_PCT * most:
        return None
    level: Level | None = None if used * 100 >= MEMORY_PAGE_PCT * most else "ticket"
    return Finding(
        f"Redis has used {used * 100 // most} % of its memory; full, it takes no writes.", level
    )


def redis_down(stores: StoreHealth) -> Finding | None:
    return _redis(stores, frozenset({RedisTrouble.AWAY}), DOWN_S)


def redis_full(stores: StoreHealth) -> Finding | None:
    return _redis(stores, frozenset({RedisTrouble.FULL}), REFUSES_S)


def redis_read_only(stores: StoreHealth) -> Finding | None:
    return _redis(stores, frozenset({RedisTrouble.READ_ONLY}), REFUSES_S)


def redis_cannot_save(stores: StoreHealth) -> Finding | None:
    return _redis(stores, frozenset({RedisTrouble.CANNOT_SAVE}), REFUSES_S)


def redis_refuses(stores: StoreHealth) -> Finding | None:
    return _redis(stores, frozenset({RedisTrouble.DENIED, RedisTrouble.REFUSING}), REFUSES_S)


def ledger_unwritable(stores: StoreHealth) -> Finding | None:
    if stores.ledger is None or not stores.lasting(stores.ledger, REFUSES_S):
        return None
    return Finding(f"{stores.ledger.detail}.")


def _redis(stores: StoreHealth, kinds: frozenset[RedisTrouble], seconds: float) -> Finding | None:
    trouble = stores.redis
    if trouble is None or trouble.kind not in kinds or not stores.lasting(trouble, seconds):
        return None
    return Finding(f"{trouble.detail}.")


def refusals_rising(s: Situation) -> Finding | None:
    placed = [bet for bet in _bets(s) if bet.state in PLACED][:LAST_PLACEMENTS]
    refused = sum(bet.state is BetState.REFUSED for bet in placed)
    if len(placed) < LAST_PLACEMENTS or refused * 100 <= s.settings.alerts.alert_refusal_pct * len(
        placed
    ):
        return None
    return Finding(f"{refused} of the last {len(placed)} placements were refused.")


def dead_letters(s: Situation) -> Finding | None:
    found = {name.value: queue.dead for name, queue in s.facts.bus.queues.items() if queue.dead}
    return (
        Finding(", ".join(f"{n} in {name}" for name, n in found.items()) + ".") if found else None
    )


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
    return (
        Finding(f"Redis may lose data: {', '.join(faults)}.") if faults and not redis.fake else None
    )


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
    if waited_s <= limit_s or all(
        beat.process != Process.ROUTER for beat in s.facts.bus.heartbeats
    ):
        return None
    last = "none since Keter started" if since is None else f"the last one at {since:%H:%M:%S} UTC"
    return Finding(
        f"Ledger and venue were not compared completely for {waited_s:.0f} s ({last}); nothing is"
        " bet."
    )


def login_failures(s: Situation) -> Finding | None:
    if s.login_failures is None:
        return None
    address, count = s.login_failures
    return Finding(f"{count} failed logins in a row from {address}.")


def ledger_unreadable(s: Situation) -> Finding | None:
    since = s.unreadable_since
    if since is None or (s.facts.at - since).total_seconds() < UNREADABLE_S:
        return None
    return Finding("; ".join(s.facts.problems) + ".")


def _bets(s: Situation) -> Sequence[Bet]:
    return s.facts.ledger.bets if s.facts.ledger is not None else ()


RULES: tuple[Rule, ...] = (
    Rule(
        "unknown-bets",
        "page",
        "Bets with unknown outcome",
        "a bet is UNKNOWN for longer than UNKNOWN_ALERT_S",
        "The tracker asks the venue again and again; nothing is sent twice.",
        "#/orders?state=UNKNOWN",
        None,
    ),
    Rule(
        "daily-loss-limit",
        "page",
        "The day's loss reached its limit",
        "DAILY_LOSS_LIMIT_UNITS",
        "The guard pauses betting until tomorrow; open bets stay open.",
        "#/risk",
        None,
    ),
    Rule(
        "losing-streak",
        "page",
        "Too many losses in a row",
        "LOSING_STREAK_LIMIT",
        "The guard pauses betting for LOSING_STREAK_PAUSE_MIN.",
        "#/risk",
        None,
    ),
    Rule(
        "trading-state-missing",
        "page",
        "The trading state is missing",
        "Redis lost it",
        "No bets until the guard has restored it from the ledger.",
        "#/risk",
        trading_state_missing,
    ),
    Rule(
        "heartbeat-lost",
        "page",
        "A worker is silent",
        "no heartbeat for 15 s; a ticket for recorder and sandbox, or while another copy beats",
        "The supervisor starts a worker again that has ended, or that hangs.",
        "#/health",
        None,
        heartbeat_lost,
    ),
    Rule(
        "worker-restarting",
        "page",
        "A worker is started again and again",
        "3 restarts within 10 minutes; a ticket for recorder, dashboard and sandbox",
        "The supervisor waits up to 30 s before each.",
        "#/health",
        None,
        worker_restarting,
    ),
    Rule(
        "worker-hung",
        "page",
        "A worker hung",
        "the supervisor killed it; a ticket for recorder, dashboard and sandbox",
        "It was killed and started again.",
        "#/health",
        None,
        worker_hung,
    ),
    Rule(
        "nothing-bet",
        "page",
        "Signals are approved and none is bet",
        "3 approvals and no bet within 5 minutes; a ticket where only prices moved",
        "The router refuses each for the reason that is counted.",
        "#/signals?stage=router",
        nothing_bet,
    ),
    Rule(
        "not-armed",
        "page",
        "LIVE is not armed",
        "betting is active and not armed for a minute; a ticket before the first arming",
        "Nothing is bet; open bets are followed.",
        "#/risk",
        not_armed,
    ),
    Rule(
        "reconciliation-incomplete",
        "page",
        "Ledger and venue are not compared",
        "no complete comparison for four times RECONCILE_INTERVAL_S, 60 s at least",
        "Nothing is bet until one is complete; the tracker tries again and again.",
        "#/health",
        reconciliation_incomplete,
    ),
    Rule(
        "account-mismatch",
        "page",
        "Venue and ledger disagree about the money",
        "two comparisons in a row",
        "The tracker halts betting or tells what differs.",
        "#/risk",
        None,
    ),
    Rule(
        "bet-stake-mismatch",
        "page",
        "The venue booked another stake",
        "a ticket's stake is not ours",
        "The ledger holds what the venue says.",
        "#/orders",
        None,
    ),
    Rule(
        "bet-price-mismatch",
        "page",
        "The venue booked a worse price",
        "further below ours than MAX_SLIPPAGE_PCT",
        "The ledger holds what the venue says.",
        "#/orders",
        None,
    ),
    Rule(
        "bet-selection-mismatch",
        "page",
        "The venue booked another selection",
        "a ticket's market or side is not ours",
        "The ledger holds what the venue says.",
        "#/orders",
        None,
    ),
    Rule(
        "bet-state-mismatch",
        "page",
        "A finished bet lives on",
        "a bet that is final here is open at the venue",
        "The ledger holds what the venue says.",
        "#/orders",
        None,
    ),
    Rule(
        "bet-record-mismatch",
        "page",
        "The venue denies a bet",
        "a bet that it had accepted is not in its lists",
        "The ledger holds what the venue says.",
        "#/orders",
        None,
    ),
    Rule(
        "bet-result-mismatch",
        "page",
        "A result does not fit together",
        "the venue contradicts itself about a finished bet",
        "The ledger holds what the venue says.",
        "#/orders",
        None,
    ),
    Rule(
        "bet-settlement-mismatch",
        "page",
        "A bet is settled unlike we settle it",
        "our result from the score is another",
        "The ledger holds what the venue says.",
        "#/orders",
        None,
    ),
    Rule(
        "foreign-bets",
        "ticket",
        "Bets that are not ours",
        "the venue lists tickets that no intent explains",
        "They count as exposure.",
        "#/risk",
        None,
    ),
    Rule(
        "second-copy",
        "page",
        "Another Keter bets on this account",
        "open tickets under a Keter's reference that the ledger does not know, or the session is"
        " taken away for minutes",
        "Betting is paused and LIVE disarmed.",
        "#/orders",
        None,
    ),
    Rule(
        "ledger-replaced",
        "page",
        "The ledger was replaced",
        "LIVE on another ledger than that of the last start, or Redis knows open bets that it"
        " does not",
        "LIVE is disarmed.",
        "#/orders",
        None,
    ),
    Rule(
        "unreadable-tickets",
        "page",
        "Rows of the venue cannot be read",
        "a bet row with an amount beyond belief, or unstorable",
        "Each counts as exposure; nothing is bet beside an open stake that nobody can read.",
        "#/risk",
        None,
    ),
    Rule(
        "login-failures",
        "page",
        "Somebody is guessing the password",
        "5 failed logins in a row from one address",
        "Each further try waits twice as long.",
        "#/logs?worker=dashboard",
        login_failures,
    ),
    Rule(
        "ledger-unreadable",
        "page",
        "The ledger cannot be read",
        "the database does not answer",
        "The router makes no bet that it cannot write down.",
        "#/health",
        ledger_unreadable,
    ),
    Rule(
        "ledger-unwritable",
        "page",
        "The ledger takes no writes",
        "no write for 10 s: locked, read-only, disk full or away",
        "No bet is made and no result written; the channels are told without it.",
        "#/health",
        None,
        None,
        ledger_unwritable,
    ),
    Rule(
        "venue-refused",
        "page",
        "The venue refuses the account",
        "a login or call is rejected for good",
        "Nothing is bet.",
        "#/logs?worker=ingest",
        None,
    ),
    Rule(
        "venue-timeouts",
        "page",
        "The venue does not answer",
        "ALERT_CONSECUTIVE_TIMEOUTS in a row",
        "Calls are spaced out; placements that timed out are UNKNOWN.",
        "#/logs?worker=ingest",
        None,
    ),
    Rule(
        "feed-stale",
        "page",
        "Prices are old",
        "a feed gave no good answer within FEED_STALE_AFTER_S",
        "Old prices are never bet on.",
        "#/health",
        None,
    ),
    Rule(
        "feed-overflow",
        "ticket",
        "The feed holds more than is kept",
        "more than MAX_FIXTURES or MAX_MARKETS",
        "What kicks off last is left out.",
        "#/health",
        None,
    ),
    Rule(
        "refusals-rising",
        "ticket",
        "Many refusals",
        "more than ALERT_REFUSAL_PCT of the last 20 placements",
        "The selections cool down.",
        "#/orders?state=REFUSED",
        refusals_rising,
    ),
    Rule(
        "dead-letters",
        "ticket",
        "Messages that nobody could read",
        "a queue has dead letters",
        "They are kept aside; the workers go on.",
        "#/health",
        dead_letters,
    ),
    Rule(
        "redis-down",
        "page",
        "Redis does not answer",
        "no answer for 15 s",
        "No bets are made until it is back; the channels are told without it.",
        "#/health",
        None,
        None,
        redis_down,
    ),
    Rule(
        "redis-memory",
        "page",
        "Redis runs out of memory",
        "90 % used, or writes refused for 10 s; a ticket from 70 %",
        "A full Redis takes no writes: nothing is bet; the channels are told without it.",
        "#/health",
        redis_memory,
        None,
        redis_full,
    ),
    Rule(
        "redis-read-only",
        "page",
        "Redis is read-only",
        "writes refused for 10 s: it is a replica",
        "Nothing is bet; the channels are told without it.",
        "#/health",
        None,
        None,
        redis_read_only,
    ),
    Rule(
        "redis-cannot-save",
        "page",
        "Redis cannot save",
        "writes refused for 10 s: its disk is full or fails",
        "Nothing is bet; the channels are told without it.",
        "#/health",
        None,
        None,
        redis_cannot_save,
    ),
    Rule(
        "redis-refuses",
        "page",
        "Redis refuses to write",
        "writes refused for 10 s: rights of its user, or its own state",
        "Nothing is bet; the channels are told without it.",
        "#/health",
        None,
        None,
        redis_refuses,
    ),
    Rule(
        "redis-unsafe",
        "ticket",
        "Redis may lose data",
        "append-only file off or an eviction policy",
        "Keter does nothing about it by itself.",
        "#/health",
        redis_unsafe,
    ),
    Rule(
        "disk-full",
        "ticket",
        "The disk is filling up",
        "90 % used",
        "Keter does nothing about it by itself.",
        "#/health",
        disk_full,
    ),
    Rule(
        "low-ev-streak",
        "info",
        "No value for long",
        "ALERT_LOW_EV_MIN without value in ALERT_LOW_EV_STREAK markets",
        "Keter does nothing about it by itself.",
        "#/signals?stage=edge",
        None,
    ),
    Rule(
        "limits-missing",
        "page",
        "LIVE lacks limits set by hand",
        "LIVE runs without the limits it asks for",
        "Open bets are followed to their settlement; nothing is bet.",
        "#/config",
        limits_missing,
    ),
    Rule(
        "licence-ending",
        "info",
        "The licence ends soon or does not hold",
        "14 days before its end; a ticket from 7, a page on the last day and when it is needed and"
        " does not hold",
        "LIVE is blocked without one; open bets are followed.",
        "#/config",
        licence_ending,
    ),
)
