"""Stores that take no writes: which rule tells it, after how long, and that nothing else is
concluded from it.
"""

from datetime import UTC, datetime, timedelta

import pytest

from keter.bus.telemetry.writing import RedisTrouble
from keter.dashboard.rules.base import findings
from keter.dashboard.rules.stores import DOWN_S, REFUSES_S
from keter.dashboard.rules.table import RULES
from keter.dashboard.stores import StoreHealth, StoreTrouble
from keter.ledger.writing import LedgerTrouble

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
OF_REDIS = [
    (RedisTrouble.AWAY, "redis-down", DOWN_S),
    (RedisTrouble.FULL, "redis-memory", REFUSES_S),
    (RedisTrouble.READ_ONLY, "redis-read-only", REFUSES_S),
    (RedisTrouble.CANNOT_SAVE, "redis-cannot-save", REFUSES_S),
    (RedisTrouble.DENIED, "redis-refuses", REFUSES_S),
    (RedisTrouble.REFUSING, "redis-refuses", REFUSES_S),
]


def told(health: StoreHealth) -> dict[str, str]:
    """Rule and sentence of all that is found while nothing but the stores' own state is known."""
    return {rule.kind.id: one.detail for rule in RULES for one in findings(rule, health, []) or ()}


@pytest.mark.parametrize(("kind", "rule", "after_s"), OF_REDIS)
def test_each_trouble_of_redis_has_its_rule_and_its_patience(
    kind: RedisTrouble, rule: str, after_s: float
) -> None:
    trouble = StoreTrouble(kind, NOON, "Redis says no")
    assert told(StoreHealth(NOON + timedelta(seconds=after_s - 1), redis=trouble)) == {}
    assert told(StoreHealth(NOON + timedelta(seconds=after_s), redis=trouble)) == {
        rule: "Redis says no."
    }


@pytest.mark.parametrize("kind", LedgerTrouble)
def test_a_ledger_that_takes_no_writes_is_told_and_one_slow_answer_is_not(
    kind: LedgerTrouble,
) -> None:
    trouble = StoreTrouble(kind, NOON, "it is locked")
    assert told(StoreHealth(NOON, ledger=trouble)) == {}
    later = StoreHealth(NOON + timedelta(seconds=REFUSES_S), ledger=trouble)
    assert told(later) == {"ledger-unwritable": "it is locked."}


def test_who_is_silent_cannot_be_told_from_a_redis_that_takes_no_heartbeats() -> None:
    health = StoreHealth(NOON, redis=StoreTrouble(RedisTrouble.READ_ONLY, NOON, ""))
    by_id = {rule.kind.id: rule for rule in RULES}
    assert [findings(by_id[name], health, []) for name in ("heartbeat-lost", "worker-hung")] == [
        None,
        None,
    ]
