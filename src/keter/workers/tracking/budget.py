"""How many questions the venue is asked: so many a minute, saved up for at most one minute.

Not everything may spend the last of it: bets whose outcome is in doubt come before the list, the list before a look at bets
that are merely running.
"""

from enum import Enum

from keter.clock import Clock


class Errand(Enum):
    """What a question is for, and the share of a full minute's budget that it must leave for more urgent ones."""

    DOUBT = 0.0
    LIST = 0.1
    ROUTINE = 0.5


class QueryBudget:
    """A token bucket. What is not granted waits for a later pass; nothing is ever dropped for lack of budget."""

    def __init__(self, clock: Clock, per_minute: float) -> None:
        self._clock = clock
        self._per_s = per_minute / 60
        self._most = per_minute
        self._tokens = per_minute
        self._at = clock.monotonic()

    def take(self, errand: Errand) -> bool:
        """Whether one more question may be asked now for ``errand``; counts it."""
        now = self._clock.monotonic()
        self._tokens = min(self._tokens + (now - self._at) * self._per_s, self._most)
        self._at = now
        if self._tokens < 1 + errand.value * self._most:
            return False
        self._tokens -= 1
        return True
