"""What plays behind the shop window: it fills the board and says how matches ended."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Result:
    """The score of a finished period.

    ``full`` False: the first half only. ``void``: the match does not count.
    """

    match_id: int
    at_ms: int
    full: bool
    score: tuple[int, int]
    half_time: tuple[int, int] | None
    void: bool = False


class Scenario(Protocol):
    """A world with a clock that only goes forward.

    The same seed and the same times give the same world.
    """

    def advance(self, now_ms: int) -> list[Result]:
        """Lets everything up to ``now_ms`` happen; returns the periods that ended, oldest first."""
        ...
