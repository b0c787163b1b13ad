"""How the tracker's questions to the venue are shared out, so that every bet has its turn.

So many questions a minute may be asked about an account, saved up for at most one minute. A pass
begins only when its list, the account and a few single bets can be paid. Of the bets that the list
does not explain, the one that has waited longest comes first. A bet is *doubtful* while its
outcome is uncertain:

* with n doubtful bets each is asked for within ceil(n / DOUBTFUL_PER_PASS) passes;
* with m others each is asked for within ceil(m / OTHERS_PER_PASS) passes.

What is left of the budget makes it sooner.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from math import ceil

import msgspec

from keter.bus.connection import Bus
from keter.bus.state.accounts import take_queries
from keter.clock import Clock

LIST_COST = 1
ACCOUNT_COST = 2  # once before the list and once after it: what moved meanwhile cannot be compared
DOUBTFUL_PER_PASS = 2
OTHERS_PER_PASS = 1
# A final bet that the list shows otherwise is asked for before anything is made of it.
CONFIRMED_PER_PASS = 1
MOST_PER_PASS = 12  # a pass must end soon: it is what keeps the router open
# At least so long between two questions for the account: a fifth of 60 questions a minute.
ACCOUNT_EVERY_S = 10.0
# Passes may take so many times as long as the budget makes them before the bound counts as broken.
PATIENCE = 3
LEAST_BOUND_S = 60.0


class QueryBudget:
    """Pays for everything the tracker asks: lists, single bets, the account.

    What is left is kept in Redis, so that a tracker that takes over, or starts again and again,
    spends what its predecessor has left.
    """

    def __init__(self, bus: Bus, clock: Clock, account: str, per_minute: int) -> None:
        self._bus = bus
        self._clock = clock
        self._account = account
        self.size = per_minute

    async def take(self, questions: int = 1) -> bool:
        """Take so many questions from the budget; False if it has not as many.

        Raises the bus's errors.
        """
        return (await self._take(questions))[0]

    async def left(self) -> int:
        """Return how many questions may be asked now."""
        return (await self._take(0))[1]

    async def _take(self, questions: int) -> tuple[bool, int]:
        now = self._clock.now()
        return await take_queries(
            self._bus, self._account, questions, per_minute=self.size, now=now
        )


class Waiting(msgspec.Struct, frozen=True):
    """Something to ask the venue for; ``since`` it waits for a question."""

    key: str
    doubtful: bool
    since: datetime


def fixed_cost(*, with_account: bool) -> int:
    """Return how many questions a pass asks before any single bet."""
    return LIST_COST + (ACCOUNT_COST if with_account else 0)


def pass_cost(*, with_account: bool) -> int:
    """Return how many questions must be left for a pass to begin.

    Each bet that the pass owes a question can be asked for then.
    """
    return (
        fixed_cost(with_account=with_account)
        + DOUBTFUL_PER_PASS
        + OTHERS_PER_PASS
        + CONFIRMED_PER_PASS
    )


def account_interval_s(reconcile_interval_s: float) -> float:
    """Return the seconds between two questions for the account."""
    return max(reconcile_interval_s, ACCOUNT_EVERY_S)


def choose(waiting: Sequence[Waiting], left: int, size: int) -> list[str]:
    """Return whom to ask in this pass, in order, when ``left`` of a budget of ``size`` is left.

    First come the turns that are owed. Further doubtful bets follow while the next pass stays paid,
    others while half is left.
    """
    ordered = sorted(waiting, key=lambda one: (one.since, one.key))
    doubtful, others = (
        [one.key for one in ordered if one.doubtful is kind] for kind in (True, False)
    )
    chosen = (doubtful[:DOUBTFUL_PER_PASS] + others[:OTHERS_PER_PASS])[: max(left, 0)]
    room = min(MOST_PER_PASS, left - pass_cost(with_account=True)) - len(chosen)
    more = doubtful[DOUBTFUL_PER_PASS:][: max(room, 0)]
    room = min(MOST_PER_PASS - len(chosen) - len(more), left - size // 2 - len(chosen) - len(more))
    return chosen + more + others[OTHERS_PER_PASS:][: max(room, 0)]


def bound_s(doubtful: int, size: int, pass_s: float) -> float:
    """Return within how many seconds each of so many doubtful bets must have its turn.

    A pass counts as complete only then. ``pass_s`` is how long passes are apart where the budget
    does not make it longer.
    """
    apart_s = max(pass_s, 60 * pass_cost(with_account=True) / size)
    return max(PATIENCE * apart_s * ceil(doubtful / DOUBTFUL_PER_PASS), LEAST_BOUND_S)


def overdue(
    waiting: Iterable[Waiting], now: datetime, began: datetime, size: int, pass_s: float
) -> list[str]:
    """Return the doubtful bets that have waited beyond the bound.

    They wait since the tracker ``began`` at the earliest.
    """
    doubtful = [one for one in waiting if one.doubtful]
    limit = timedelta(seconds=bound_s(len(doubtful), size, pass_s))
    return [one.key for one in doubtful if now - max(one.since, began) > limit]
