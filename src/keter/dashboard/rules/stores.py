"""Rules about Redis, the ledger, the queues and the disk. Pure."""

from keter.bus.telemetry.writing import RedisTrouble
from keter.dashboard.rules.base import Finding, Situation
from keter.dashboard.stores import StoreHealth
from keter.domain.alerts import Level

DISK_FULL_PCT = 90
MEMORY_PCT, MEMORY_PAGE_PCT = 70, 90
# A Redis that is started again is back before.
DOWN_S = 15.0
# Long enough for a backup's lock, short enough to raise the alert within 20 s.
REFUSES_S = 10.0
# One slow answer does not make the ledger unreadable.
UNREADABLE_S = 15.0


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


def _redis(stores: StoreHealth, kinds: frozenset[RedisTrouble], seconds: float) -> Finding | None:
    trouble = stores.redis
    if trouble is None or trouble.kind not in kinds or not stores.lasting(trouble, seconds):
        return None
    return Finding(f"{trouble.detail}.")


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
    if not faults or redis.fake:
        return None
    return Finding(f"Redis may lose data: {', '.join(faults)}.")


def ledger_unreadable(s: Situation) -> Finding | None:
    since = s.unreadable_since
    if since is None or (s.facts.at - since).total_seconds() < UNREADABLE_S:
        return None
    return Finding("; ".join(s.facts.problems) + ".")


def ledger_unwritable(stores: StoreHealth) -> Finding | None:
    if stores.ledger is None or not stores.lasting(stores.ledger, REFUSES_S):
        return None
    return Finding(f"{stores.ledger.detail}.")


def dead_letters(s: Situation) -> Finding | None:
    found = {name: queue.dead for name, queue in s.facts.bus.queues.items() if queue.dead}
    if not found:
        return None
    return Finding(", ".join(f"{n} in {name}" for name, n in found.items()) + ".")


def disk_full(s: Situation) -> Finding | None:
    if s.disk is None or s.disk.pct_used < DISK_FULL_PCT:
        return None
    return Finding(f"The disk of DATA_DIR is {s.disk.pct_used} % full.")
