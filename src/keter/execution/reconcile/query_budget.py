"""How many questions the venue is asked about an account: so many a minute, saved up for at most
one minute.

What is left is in Redis, so that a tracker that takes over, or starts again and again, spends what
its predecessor has left.
"""

from keter.bus.connection import Bus
from keter.bus.state.accounts import take_queries
from keter.clock import Clock


class QueryBudget:
    """Everything the tracker asks is paid from here: lists, single bets, the account.

    What is not granted waits.
    """

    def __init__(self, bus: Bus, clock: Clock, account: str, per_minute: int) -> None:
        self._bus = bus
        self._clock = clock
        self._account = account
        self.size = per_minute

    async def take(self, questions: int = 1) -> bool:
        """Whether so many questions may be asked now; counts them. Raises the bus's errors."""
        return (await self._take(questions))[0]

    async def left(self) -> int:
        """How many may be asked now."""
        return (await self._take(0))[1]

    async def _take(self, questions: int) -> tuple[bool, int]:
        now = self._clock.now()
        return await take_queries(
            self._bus, self._account, questions, per_minute=self.size, now=now
        )
