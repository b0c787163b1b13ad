"""Places orders at an exchange, each with one call at most.

The order of the steps is the promise, as in ``keter.execution.placing``:

1. The intent is committed.
2. SENDING is committed before the call, and the call is made once for the whole batch.
3. Each answer is committed. What is no clear answer is UNKNOWN, and the tracker asks for it.

The gates come before: whoever calls has held each intent against limits and trading states.
"""

from collections.abc import Sequence

import structlog

from keter.clock import Clock
from keter.domain.order_calls import OrderRequest, PlaceAnswer, PlaceResult
from keter.domain.order_events import SendingCommitted
from keter.domain.order_states import Side
from keter.domain.orders import Intent, Order
from keter.domain.quotes import VenueRef
from keter.execution.intents import Owner, answer_evidence
from keter.execution.order_records import OrderRecords
from keter.ledger import Ledger
from keter.venues.base import Capability, Exchange

log = structlog.get_logger(__name__)


def request_of(intent: Intent, capability: Capability) -> OrderRequest:
    """Return the request that places an intent. Pure.

    Raises ValueError for an order against an outcome where the venue takes none.
    """
    if intent.side is Side.LAY and not capability.can_lay:
        raise ValueError(f"{capability.venue} takes no orders against an outcome")
    return OrderRequest(
        VenueRef(intent.venue, intent.venue_key),
        intent.market,
        intent.outcome,
        (("", intent.asked_odds),),
        intent.stake_minor,
        intent.reference,
        intent.side,
    )


class ExchangePlacer:
    """Places one batch after another for one owner of an account."""

    def __init__(self, owner: Owner, exchange: Exchange, ledger: Ledger, *, clock: Clock) -> None:
        self._owner = owner
        self._exchange = exchange
        self._ledger = ledger
        self._records = OrderRecords(ledger, owner.worker, clock)

    async def place(self, intents: Sequence[Intent]) -> list[Order]:
        """Return the orders in the order of their intents.

        Nothing is sent if an intent cannot be written. Raises what ``ledger.orders.create`` raises,
        and ValueError as ``request_of`` does.
        """
        requests = [request_of(intent, self._exchange.capability) for intent in intents]
        made = [
            await self._ledger.orders.create(intent, worker=self._owner.worker)
            for intent in intents
        ]
        sending = [
            await self._records.add(one, SendingCommitted(), "sending", {}, self._owner.fence)
            for one in made
        ]
        answers = await self._call(requests)
        return [
            # Not fenced: what the venue has done is true, whoever owns the account by now.
            await self._records.add(order, answer.event, answer.cause, answer_evidence(answer))
            for order, answer in zip(sending, answers, strict=True)
        ]

    async def _call(self, requests: Sequence[OrderRequest]) -> Sequence[PlaceAnswer]:
        """Make the one call. Whatever goes wrong in it, the answers are values."""
        try:
            answers = await self._exchange.place_many(requests)
        except Exception as e:
            log.exception("place_raised", orders=len(requests))
            kind = f"raised_{type(e).__name__}"
            return [PlaceAnswer(PlaceResult.UNKNOWN, kind, str(e)[:200])] * len(requests)
        if len(answers) != len(requests):
            log.error("place_answers_missing", orders=len(requests), answers=len(answers))
            return [PlaceAnswer(PlaceResult.UNKNOWN, "answers_missing")] * len(requests)
        return answers
