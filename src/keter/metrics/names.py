"""The catalogue of metrics that ``GET /metrics`` serves: name, kind, labels, help.

``docs/metrics.md`` is generated from it.

Units are the base units that Prometheus asks for: seconds, bytes, ratios, and whole units of the
account's currency. Labels hold words of our own (processes, states, reasons), never names of
events, leagues or books. What is of one account has it as ``venue:name`` in the label ``account``,
also where there is but one. Source: prometheus.io, "Metric and label naming".
"""

from dataclasses import dataclass
from typing import Literal

Kind = Literal["gauge", "counter", "histogram"]


@dataclass(frozen=True, slots=True)
class Spec:
    """One family of metrics; ``name`` is the one that queries use."""

    name: str
    kind: Kind
    labels: tuple[str, ...]
    help: str


def _gauge(name: str, text: str, *labels: str) -> Spec:
    return Spec(f"keter_{name}", "gauge", labels, text)


def _counter(name: str, text: str, *labels: str) -> Spec:
    return Spec(f"keter_{name}_total", "counter", labels, text)


GROUPS: dict[str, tuple[Spec, ...]] = {
    "Keter itself": (
        _gauge("up", "1 when Redis and the ledger both answered for this scrape and took a write."),
        _gauge(
            "redis_up",
            "1 when Redis answered and took a write; without an answer most families are absent.",
        ),
        _gauge(
            "ledger_up",
            "1 when the ledger answered and took a write; without an answer money and bets are"
            " absent.",
        ),
        _gauge("build_info", "Always 1; the version in its label.", "version"),
        _gauge(
            "run_info",
            "Always 1; mode (DRY, LIVE or DEMO), currency of every amount, zone of the betting"
            " day.",
            "account",
            "mode",
            "currency",
            "zone",
        ),
    ),
    "Trading": (
        _gauge(
            "trading_mode",
            "1 for the trading mode that holds, 0 for the others; UNKNOWN when Redis holds none.",
            "account",
            "mode",
        ),
        _gauge(
            "trading_stopped",
            "1 while a HALT file, GLOBAL_STOP or trading_enabled=0 forbids betting.",
        ),
        _gauge("trading_armed", "1 while the account is armed for LIVE.", "account"),
        _gauge("trading_revision", "Revision of the trading state."),
        _gauge(
            "worker_trading_revision",
            "Revision of the trading state that a worker last acted on.",
            "process",
            "worker",
        ),
    ),
    "Money": (
        _gauge("account_balance", "Balance at the venue, open stakes included.", "account"),
        _gauge("account_available", "Credit at the venue that may still be staked.", "account"),
        _gauge("account_outstanding", "Open stakes as the venue counts them.", "account"),
        _gauge("account_age_seconds", "Seconds since the venue told the balance.", "account"),
        _gauge(
            "outstanding",
            "Stake of every bet that may be at the venue, unknown ones included.",
            "account",
            "mode",
        ),
        _gauge("profit", "Profit of all settled bets there are in the ledger.", "account", "mode"),
        _gauge("day_profit", "Profit of the bets settled on this betting day.", "account", "mode"),
        _gauge("day_staked", "Stake of the bets made on this betting day.", "account", "mode"),
        _gauge(
            "day_bets", "Bets made on this betting day that reached the venue.", "account", "mode"
        ),
        _gauge("losing_streak", "Losses in a row up to the last settled bet.", "account", "mode"),
        _gauge(
            "exposure",
            "Sum of the worst cases of all events by the risk book; reservations end alone.",
            "account",
            "status",
        ),
        _gauge("exposures", "Number of stakes in the risk book.", "account", "status"),
    ),
    "Bets": (
        _gauge("bets", "Bets in the ledger by the state they are in.", "account", "mode", "state"),
        _gauge(
            "unknown_oldest_seconds",
            "How long the oldest bet with unknown outcome has been so; 0 without any.",
            "account",
            "mode",
        ),
        _gauge(
            "recent_placements",
            "Newest placements that came to something, 20 at most.",
            "account",
            "mode",
        ),
        _gauge("recent_refusals", "How many of them were refused.", "account", "mode"),
        _gauge(
            "clv_mean_ratio",
            "Mean closing line value of the bets settled in the last 30 days; 0.02 is 2 %.",
            "account",
            "mode",
        ),
        _gauge(
            "clv_bets",
            "How many bets that mean is of: settled, with a known closing price.",
            "account",
            "mode",
        ),
        _gauge(
            "foreign_bets", "Open tickets at the venue that no intent of ours explains.", "account"
        ),
    ),
    "Limits": (
        _gauge("limit_exposure", "MAX_EXPOSURE_TOTAL in force.", "account"),
        _gauge(
            "limit_day_loss",
            "Settled loss of a day that stops betting: DAILY_LOSS_LIMIT_UNITS in force, of"
            " FIXED_STAKE.",
            "account",
        ),
        _gauge("limit_losing_streak", "LOSING_STREAK_LIMIT.", "account"),
        _gauge("limit_feed_age_seconds", "FEED_STALE_AFTER_S.", "account"),
        _gauge("limit_unknown_seconds", "UNKNOWN_ALERT_S."),
        _gauge("limit_refusals_ratio", "ALERT_REFUSAL_PCT as a ratio."),
        _gauge("limit_low_ev_streak", "ALERT_LOW_EV_STREAK."),
    ),
    "Funnel": (
        _counter(
            "verdicts",
            "Verdicts of each stage on this betting day, by reason; starts again at 0 with every"
            " day.",
            "stage",
            "verdict",
            "reason",
        ),
        _counter(
            "feed_news",
            "Answers, changed and removed markets of the feed on this betting day.",
            "kind",
        ),
        _counter(
            "feed_problems", "What could not be used of the feed on this betting day.", "kind"
        ),
        _counter(
            "books_dropped", "Books left out of validated markets on this betting day.", "reason"
        ),
        _gauge(
            "low_ev_streak",
            "Different markets judged since the last value; the most of the edge workers.",
        ),
    ),
    "Feeds": (
        _gauge(
            "feed_age_seconds",
            "Seconds since the feed was last confirmed; +Inf before the first time.",
            "account",
            "phase",
        ),
        _gauge("feed_markets", "Markets that the feed knows.", "account", "phase"),
        _gauge("feed_body_bytes", "Size of the feed's last answer.", "account", "phase"),
        _gauge("feed_parse_seconds", "Time that reading the last answer took.", "account", "phase"),
    ),
    "Queues": (
        _gauge("queue_depth", "Items that wait.", "queue"),
        _gauge("queue_in_flight", "Items in a worker's hands.", "queue"),
        _gauge(
            "queue_oldest_age_seconds",
            "How long the oldest waiting item has waited; 0 when none waits.",
            "queue",
        ),
        _gauge("queue_consumers", "Workers with a live lease.", "queue"),
        _gauge("queue_dead_letters", "Messages that nobody could read.", "queue"),
    ),
    "Workers": (
        _gauge(
            "workers",
            "Workers that beat and do this part of the work: that of their process, or of one"
            " account.",
            "process",
            "role",
        ),
        _gauge(
            "worker_heartbeat_age_seconds",
            "Seconds since the last heartbeat, by the server's clock.",
            "process",
            "worker",
        ),
        _gauge("worker_start_timestamp_seconds", "When the worker started.", "process", "worker"),
        _gauge(
            "worker_last_error_timestamp_seconds",
            "When the worker's last error happened; absent without any.",
            "process",
            "worker",
        ),
        _gauge(
            "worker_loop_lag_seconds",
            "How late the worker's event loop was at its last heartbeat.",
            "process",
            "worker",
        ),
        _gauge(
            "worker_leader", "1 while the worker holds its process's lease.", "process", "worker"
        ),
        _counter(
            "worker_events",
            "What the worker counted since it started.",
            "process",
            "worker",
            "event",
        ),
        Spec(
            "keter_step_seconds",
            "histogram",
            ("process", "worker", "step"),
            "How long the worker's steps took.",
        ),
    ),
    "Alerts": (
        _gauge(
            "alerts",
            "Alerts that stand, by the name of their rule; 0 for rules without any.",
            "alert",
            "level",
            "acknowledged",
        ),
    ),
    "Machine": (
        _gauge("redis_memory_bytes", "Memory that Redis uses for data."),
        _gauge("redis_append_only", "1 when the append-only file is on."),
        _gauge("redis_evicts", "1 when the eviction policy is not noeviction."),
        _gauge("redis_imitated", "1 when an imitation stands in for Redis; it keeps nothing."),
        _gauge("disk_free_bytes", "Room left on the disk of DATA_DIR."),
        _gauge("disk_size_bytes", "Size of that disk."),
        _gauge("storage_bytes", "What is stored of it: ledger, captures or logs.", "store"),
        _gauge(
            "storage_limit_bytes",
            "LEDGER_MAX_MB, CAPTURE_MAX_MB or LOG_TOTAL_MAX_MB in bytes.",
            "store",
        ),
        _gauge(
            "storage_growth_bytes_per_day",
            "How fast it grows; absent until it has been watched for ten minutes.",
            "store",
        ),
        _gauge(
            "storage_days_left",
            "Days until the limit at this growth; absent where it is not known or nothing grows.",
            "store",
        ),
        _gauge(
            "license_expiry_timestamp_seconds",
            "When the licence ends; absent without one that holds.",
        ),
        _gauge("console_pages", "Open pages of the console."),
    ),
}
CATALOGUE: dict[str, Spec] = {spec.name: spec for group in GROUPS.values() for spec in group}
