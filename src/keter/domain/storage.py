"""How much space stored data takes: days until a cap is reached, and the files to remove. Pure.

Also how long a store may take to show that it can be written to.
"""

from collections.abc import Collection, Sequence
from itertools import pairwise
from typing import TypeVar

import msgspec

F = TypeVar("F")
DAY_S = 86_400.0
# How long a write that only probes a store may take: less than the deadline of /readyz, 3 s.
WRITE_PROBE_S = 2.5


class StorageUse(msgspec.Struct, frozen=True):
    """The bytes that one kind of stored data takes, of the most that it may.

    ``growth_bytes_day`` is None until growth has been measured for long enough.
    """

    name: str
    used_bytes: int
    most_bytes: int
    growth_bytes_day: int | None = None

    @property
    def days_left(self) -> float | None:
        """Days until the cap at this growth: 0 at the cap, None without known growth."""
        return days_until(self.most_bytes - self.used_bytes, self.growth_bytes_day)


def days_until(free_bytes: int, growth_bytes_day: int | None) -> float | None:
    """Return the days until ``free_bytes`` are used up, None without growth."""
    if growth_bytes_day is None or growth_bytes_day <= 0:
        return None
    return max(free_bytes, 0) / growth_bytes_day


def growth(samples: Sequence[tuple[float, int]], least_s: float) -> int | None:
    """Return the bytes added per day between the first and the last of (seconds, bytes) samples.

    Return None if these are less than ``least_s`` apart. Only increases count: bytes that trimming
    removed are not subtracted.
    """
    if not samples or samples[-1][0] - samples[0][0] < least_s:
        return None
    added = sum(max(later - earlier, 0) for (_, earlier), (_, later) in pairwise(samples))
    return round(added * DAY_S / (samples[-1][0] - samples[0][0]))


def oldest_above(
    files: Sequence[tuple[F, int]], most_bytes: float, kept: Collection[F | None] = ()
) -> list[F]:
    """Return the oldest files that must be removed for the others to fit into ``most_bytes``.

    ``files`` are (name, bytes), oldest first. Files in ``kept`` are never removed.
    """
    surplus, removed = sum(size for _, size in files) - most_bytes, []
    for name, size in files:
        if surplus <= 0:
            break
        if name not in kept:
            removed.append(name)
            surplus -= size
    return removed
