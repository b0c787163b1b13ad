"""The table of all rules, in the order in which pages and documents list them."""

from keter.dashboard import models
from keter.dashboard.rules import betting, stores, workers
from keter.dashboard.rules.base import Rule
from keter.domain.alerts import AlertKind

# What the dashboard looks for itself.
WATCHED = (
    Rule(AlertKind.TRADING_STATE_MISSING, betting.trading_state_missing),
    Rule(AlertKind.HEARTBEAT_LOST, each=workers.heartbeat_lost),
    Rule(AlertKind.WORKER_RESTARTING, each=workers.worker_restarting),
    Rule(AlertKind.WORKER_HUNG, each=workers.worker_hung),
    Rule(AlertKind.NOTHING_BET, of_account=betting.nothing_bet),
    Rule(AlertKind.NOT_ARMED, of_account=betting.not_armed),
    Rule(AlertKind.RECONCILIATION_INCOMPLETE, of_account=betting.reconciliation_incomplete),
    Rule(AlertKind.LOGIN_FAILURES, betting.login_failures),
    Rule(AlertKind.LEDGER_UNREADABLE, stores.ledger_unreadable),
    Rule(AlertKind.LEDGER_UNWRITABLE, of_stores=stores.ledger_unwritable),
    Rule(AlertKind.REFUSALS_RISING, of_account=betting.refusals_rising),
    Rule(AlertKind.DEAD_LETTERS, stores.dead_letters),
    Rule(AlertKind.REDIS_DOWN, of_stores=stores.redis_down),
    Rule(AlertKind.REDIS_MEMORY, stores.redis_memory, of_stores=stores.redis_full),
    Rule(AlertKind.REDIS_READ_ONLY, of_stores=stores.redis_read_only),
    Rule(AlertKind.REDIS_CANNOT_SAVE, of_stores=stores.redis_cannot_save),
    Rule(AlertKind.REDIS_REFUSES, of_stores=stores.redis_refuses),
    Rule(AlertKind.REDIS_UNSAFE, stores.redis_unsafe),
    Rule(AlertKind.DISK_FULL, stores.disk_full),
    Rule(AlertKind.LIMITS_MISSING, of_account=betting.limits_missing),
    Rule(AlertKind.LICENCE_ENDING, betting.licence_ending),
)
_BY_KIND = {rule.kind: rule for rule in WATCHED}
# A test alert is sent, never raised: it has no rule.
RULES = tuple(
    _BY_KIND.get(kind, Rule(kind)) for kind in AlertKind if kind is not AlertKind.TEST_ALERT
)
# The ids of the kinds that the dashboard raises and clears itself.
OWN = frozenset(rule.kind.id for rule in WATCHED)


def rule_row(rule: Rule) -> models.AlertRule:
    """Return a rule as the Alerts screen lists it."""
    kind = rule.kind
    return models.AlertRule(
        id=kind.id,
        level=kind.level,
        title=kind.title,
        condition=kind.condition,
        action=kind.action,
    )
