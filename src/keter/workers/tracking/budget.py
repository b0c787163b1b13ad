"""How many questions the venue is asked: so many a minute, saved up for at most one minute."""

from keter.clock import Clock


class QueryBudget:
    """A token bucket. What is not granted waits for a later pass; nothing is ever dropped for lack of budget."""

    def __init__(self, clock: Clock, per_minute: float) -> None:
        self._clock = clock
        self._per_s = per_minute / 60
        self._most = per_minute
        self._tokens = per_minute
        self._at = clock.monotonic()

    def take(self) -> bool:
        """Whether one more question may be asked now; counts it."""
        now = self._clock.monotonic()
        self._tokens = min(self._tokens + (now - self._at) * self._per_s, self._most)
        self._at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True
