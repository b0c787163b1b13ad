"""Cancels that got no clear answer, handed to the router again until the venue has confirmed them.

The router alone calls the venue. A cancel may be repeated: at worst it finds nothing that rests.
"""

from collections.abc import Iterable
from datetime import timedelta

from keter.bus.codec import encode
from keter.bus.queue import Output, cancels_for
from keter.context import Context
from keter.domain.order_calls import WantedCancel
from keter.domain.order_states import OrderState
from keter.domain.orders import Order

# The router may be in the middle of the first call.
WAIT = timedelta(seconds=2)
BY = "tracker"
WHY = "no clear answer to the cancel before"


class RepeatedCancels:
    """The unconfirmed cancels of one account."""

    def __init__(self, context: Context, account: str) -> None:
        self._context = context
        self._account = account
        self._pipe = context.pipe(None)

    async def ask(self, open_orders: Iterable[Order]) -> None:
        """Queue a cancel for each order that waits for one. Raises the bus's errors."""
        now = self._context.clock.now()
        waiting = [
            WantedCancel(order.intent.intent_id, self._account, order.intent.strategy, WHY, BY, now)
            for order in open_orders
            if order.state is OrderState.CANCELLING and now - order.updated_at >= WAIT
        ]
        if waiting:
            self._context.heart.count("cancels_repeated", len(waiting))
            queue = cancels_for(self._account)
            outputs = [Output(queue, one.queue_key, encode(one)) for one in waiting]
            await self._pipe.step(outputs=outputs)
