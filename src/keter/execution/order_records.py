"""Takes an order through events of its life, each set of them one row in the ledger.

Router and tracker write to the same orders. An order that has moved since is read again, and the
same events are applied to what stands there: facts only grow.
"""

from collections.abc import Mapping, Sequence

import msgspec

from keter.clock import Clock
from keter.domain.order_events import OrderEvent
from keter.domain.order_life import apply
from keter.domain.orders import Order
from keter.errors import IllegalTransitionError, RetryLaterError
from keter.ledger import Ledger

# Each further try means that somebody else wrote to the same order in between.
MOST_TRIES = 10


class OrderRecords:
    """Writes events for one worker."""

    def __init__(self, ledger: Ledger, worker: str, clock: Clock) -> None:
        self._ledger = ledger
        self._worker = worker
        self._clock = clock

    async def add(
        self,
        order: Order,
        events: OrderEvent | Sequence[OrderEvent],
        cause: str,
        evidence: Mapping[str, object],
        fence: int | None = None,
    ) -> Order:
        """Return the order after the events; nothing is written where they say nothing new.

        A ``fence`` must be the account's newest. Raises IllegalTransitionError and
        OrderConflictError as ``order_life.apply`` does, and the ledger's errors.
        """
        each = events if isinstance(events, Sequence) else (events,)
        for _ in range(MOST_TRIES):
            after = order
            for event in each:
                after = apply(after, event)
            if after == order:
                return order
            after = msgspec.structs.replace(after, updated_at=self._clock.now())
            try:
                return await self._ledger.orders.record(
                    order,
                    after,
                    cause=cause,
                    worker=self._worker,
                    evidence=dict(evidence),
                    fence=fence,
                )
            except IllegalTransitionError:
                stored = await self._ledger.orders.get(order.intent.intent_id)
                if stored == order:
                    raise  # it has not moved: the step itself is not legal
                order = stored
        raise RetryLaterError(f"order {order.intent.intent_id} moves faster than it is written")
