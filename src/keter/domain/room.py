"""Pure: which files go when there are too many bytes of them, and for how long the rest of the room
will do.
"""

from collections.abc import Collection, Sequence
from itertools import pairwise
from typing import TypeVar

import msgspec

F = TypeVar("F")
DAY_S = 86_400.0


class Room(msgspec.Struct, frozen=True):
    """One kind of what is stored.

    ``most_bytes`` is its cap; growth is None while it has not been watched for long enough.
    """

    name: str
    used_bytes: int
    most_bytes: int
    growth_bytes_day: int | None = None

    @property
    def days_left(self) -> float | None:
        """Days until the cap at this growth: 0 at the cap, None where nothing grows or the growth
        is not known.
        """
        return days_until(self.most_bytes - self.used_bytes, self.growth_bytes_day)


def days_until(room_bytes: int, growth_bytes_day: int | None) -> float | None:
    """Days until ``room_bytes`` are full."""
    if growth_bytes_day is None or growth_bytes_day <= 0:
        return None
    return max(room_bytes, 0) / growth_bytes_day


def growth(samples: Sequence[tuple[float, int]], least_s: float) -> int | None:
    """Bytes a day between the first and the last of (seconds, bytes), None when they are less than
    ``least_s`` apart.

    What trimming took away is not growth: only steps upwards count.
    """
    if not samples or samples[-1][0] - samples[0][0] < least_s:
        return None
    added = sum(max(later - earlier, 0) for (_, earlier), (_, later) in pairwise(samples))
    return round(added * DAY_S / (samples[-1][0] - samples[0][0]))


def oldest_above(
    files: Sequence[tuple[F, int]], most_bytes: float, kept: Collection[F | None] = ()
) -> list[F]:
    """The oldest of ``files`` (oldest first, with their sizes) that must go for the rest to fit;
    ``kept`` never go.
    """
    surplus, gone = sum(size for _, size in files) - most_bytes, []
    for name, size in files:
        if surplus <= 0:
            break
        if name not in kept:
            gone.append(name)
            surplus -= size
    return gone
