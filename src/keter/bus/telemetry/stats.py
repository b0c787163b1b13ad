"""Counters of the betting day: what every stage accepted and why it rejected.

Written by the step script of a pipe.
"""

from collections.abc import Mapping
from datetime import UTC, datetime

from keter.bus.connection import Bus
from keter.bus.keys import STATS_MS
from keter.domain.days import day_of


def utc_day() -> str:
    """The UTC date of the machine's clock."""
    return day_of(datetime.now(UTC), UTC)


async def add_counts(bus: Bus, day: str, counts: Mapping[str, int]) -> None:
    """Add to the day's counters, for processes without a pipe."""
    if not counts:
        return
    async with bus.redis.batch(atomic=True) as batch:
        for name, n in counts.items():
            batch.hincrby(bus.keys.stats(day), name, n)
        batch.pexpire(bus.keys.stats(day), STATS_MS)
        await batch.execute()


async def read_counts(bus: Bus, day: str) -> dict[str, int]:
    """All counters of ``day``, ``stage:reason`` -> count; empty when nothing was counted."""
    return {
        name: int(count) for name, count in (await bus.redis.read_hash(bus.keys.stats(day))).items()
    }
