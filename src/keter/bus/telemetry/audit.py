"""What every stage decided: decisions on their way to the recorder, and the day's counters.

The step script of a pipe writes both. ``take_audit`` moves a batch aside and hands it out;
``done_audit`` removes it. After a recorder dies in between, the next gets the same batch again, so
what a recorder writes must bear repetition. Only one recorder works at a time: a batch that another
has taken again is no longer the first one's to finish.
"""

from collections import Counter
from collections.abc import Mapping

import msgspec

from keter.bus.connection import Bus
from keter.bus.keys import STATS_MS
from keter.clock import Ids, random_id
from keter.domain.trading import ExecutionMode

# Between the name of a counter and the account that it counts for.
_OF = "@"


class AuditBatch(msgspec.Struct, frozen=True):
    """Encoded Decisions, oldest first."""

    batch_id: str
    entries: tuple[bytes, ...]


async def take_audit(bus: Bus, n: int = 500, *, ids: Ids = random_id) -> AuditBatch:
    """Return the next batch of at most ``n``, or the batch that was taken and never finished."""
    batch_id = ids()
    keys = [bus.keys.audit, bus.keys.audit_taken, bus.keys.audit_batch]
    return AuditBatch(batch_id, tuple(await bus.redis.run("record_take", keys, [batch_id, n])))


async def done_audit(bus: Bus, batch: AuditBatch) -> bool:
    """Remove a batch that is written down; return False if another recorder has taken it since."""
    keys = [bus.keys.audit_taken, bus.keys.audit_batch]
    return bool(await bus.redis.run("record_done", keys, [batch.batch_id]))


def period_of(day: str, mode: ExecutionMode) -> str:
    """Return under which name the counters of a betting day (ISO date) are kept.

    What was counted on simulated prices is kept apart.
    """
    return f"{day}:{mode.value}" if mode is ExecutionMode.DEMO else day


def count_name(stage: str, what: str, account: str = "") -> str:
    """Return the name of a counter; with ``account`` it counts for that account alone."""
    return f"{stage}:{what}{_OF if account else ''}{account}"


def counts_of(counts: Mapping[str, int], account: str | None = None) -> dict[str, int]:
    """Return the counters of one account, under the names without it.

    What is counted for all together is in there too. None means the sum over all accounts.
    """
    found = Counter[str]()
    for name, n in counts.items():
        plain, _, owner = name.partition(_OF)
        if account is None or owner in {"", account}:
            found[plain] += n
    return dict(found)


async def add_counts(bus: Bus, period: str, counts: Mapping[str, int]) -> None:
    """Add to the counters of ``period`` (see ``period_of``); for processes without a pipe."""
    if not counts:
        return
    async with bus.redis.batch(atomic=True) as batch:
        for name, n in counts.items():
            batch.hincrby(bus.keys.stats(period), name, n)
        batch.pexpire(bus.keys.stats(period), STATS_MS)
        await batch.execute()


async def read_counts(bus: Bus, period: str) -> dict[str, int]:
    """Return all counters of ``period`` by ``count_name``; empty if there are none."""
    found = await bus.redis.read_hash(bus.keys.stats(period))
    return {name: int(count) for name, count in found.items()}
