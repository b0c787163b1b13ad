"""Cancels orders that rest at an exchange.

A cancel always passes: no trading state, halt, arming or reconciliation is asked. What is looked at
is whether there is something to cancel. The order of the steps is the promise:

1. CANCELLING is committed before the call.
2. The call is made once for all orders of a batch.
3. Each answer is committed. Without a clear one the order counts as resting, and the tracker lets
   the cancel be repeated. A cancel may be repeated; a placement never.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import structlog

from keter.clock import Clock
from keter.domain.order_calls import CancelAnswer, CancelOrder, CancelResult, WantedCancel
from keter.domain.order_events import CancelAsked, CancelConfirmed, CancelUnknown, OrderEvent
from keter.domain.order_life import apply
from keter.domain.order_states import IN_DOUBT, RESTING
from keter.domain.orders import Order
from keter.domain.verdicts import Reason, Verdict, accept, reject
from keter.execution.intents import Owner
from keter.execution.order_records import OrderRecords
from keter.ledger import Ledger, NotInLedgerError
from keter.venues.base import Bookmaker, Capability, Exchange, is_exchange

log = structlog.get_logger(__name__)
_REASONS = {
    CancelResult.CANCELLED: Reason.OK,
    CancelResult.REFUSED: Reason.CANCEL_REFUSED,
    CancelResult.GONE: Reason.CANCEL_UNKNOWN,
    CancelResult.NOT_YET: Reason.CANCEL_UNKNOWN,
    CancelResult.UNKNOWN: Reason.CANCEL_UNKNOWN,
}


@dataclass(frozen=True, slots=True)
class Cancelled:
    """What became of a wish to cancel; ``order`` is None where the ledger has none."""

    wanted: WantedCancel
    verdict: Verdict
    order: Order | None


def judge(order: Order | None, owner: Owner, capability: Capability) -> Verdict:
    """Return whether there is something to cancel. Pure."""
    if order is None or (order.intent.account, order.intent.mode) != (owner.account, owner.mode):
        return reject(Reason.ORDER_NOT_OURS)
    if not capability.can_cancel:
        return reject(Reason.NOT_CANCELLABLE, state=order.state.value)
    # One in doubt may rest at the venue as well.
    if order.state not in RESTING | IN_DOUBT:
        return reject(Reason.ORDER_ENDED, state=order.state.value)
    return accept(state=order.state.value)


def events_of(answer: CancelAnswer, order: Order) -> tuple[OrderEvent, ...]:
    """Return the events that an answer is for the order. Pure.

    A cancel that leaves a part of the stake unaccounted for has raced a fill that is not known yet.
    That part counts as resting until the order is read.
    """
    event = answer.event
    if isinstance(event, CancelConfirmed) and apply(order, event).awaited_minor:
        part = CancelConfirmed(event.total_minor, nothing_rests=False)
        return part, CancelUnknown("fill_awaited")
    return (event,)


def verdict_on(answer: CancelAnswer, after: Order) -> Verdict:
    """Return the verdict on a cancel, by the answer and the order as it is then. Pure."""
    reason = _REASONS[answer.result]
    if reason is Reason.OK and after.state in RESTING | IN_DOUBT:
        # A cancel may overtake the request to place: the order may arrive after it.
        reason = Reason.CANCEL_UNKNOWN
    return Verdict(reason is Reason.OK, reason, {"kind": answer.kind, "state": after.state.value})


class Canceller:
    """Cancels one batch after another for one owner of an account."""

    def __init__(
        self, owner: Owner, venue: Bookmaker | Exchange, ledger: Ledger, *, clock: Clock
    ) -> None:
        self.owner = owner
        self._venue = venue
        self._ledger = ledger
        self._records = OrderRecords(ledger, owner.worker, clock)

    async def cancel(self, wishes: Sequence[WantedCancel]) -> list[Cancelled]:
        """Take every wish to the end of what the router may do with it, with one call at most.

        Raises FencedError when another router owns the account, and LedgerUnavailableError.
        """
        found = [await self._judged(wanted) for wanted in wishes]
        asked: dict[str, Order] = {}
        for one in found:
            if one.verdict.accepted and one.order is not None:
                asked[one.wanted.intent_id] = await self._records.add(
                    one.order, CancelAsked(), "cancel_asked", _why(one.wanted), self.owner.fence
                )
        answers = dict(zip(asked, await self._call(list(asked.values())), strict=True))
        done = [
            await self._answered(one, asked[name], answers[name])
            if (name := one.wanted.intent_id) in answers
            else one
            for one in found
        ]
        for one in done:
            log.info(
                "cancel",
                intent_id=one.wanted.intent_id,
                asked_by=one.wanted.asked_by,
                reason=one.verdict.reason.value,
                state=one.order.state.value if one.order is not None else None,
            )
        return done

    async def _judged(self, wanted: WantedCancel) -> Cancelled:
        try:
            order = await self._ledger.orders.get(wanted.intent_id)
        except NotInLedgerError:
            order = None
        return Cancelled(wanted, judge(order, self.owner, self._venue.capability), order)

    async def _call(self, orders: Sequence[Order]) -> list[CancelAnswer]:
        """Make the one call; return an answer for each order. Whatever goes wrong is a value."""
        named = [
            CancelOrder(order.intent.reference, order.venue_order_id)
            for order in orders
            if order.venue_order_id or self._venue.capability.cancels_by_reference
        ]
        answers = iter(await self._ask(named))
        # The venue has not said its id yet: the tracker finds it, and the wish stands.
        unnamed = CancelAnswer(CancelResult.UNKNOWN, "no_venue_id")
        references = {one.reference for one in named}
        return [
            next(answers) if order.intent.reference in references else unnamed for order in orders
        ]

    async def _ask(self, cancels: Sequence[CancelOrder]) -> Sequence[CancelAnswer]:
        if not cancels or not is_exchange(self._venue):
            return ()
        try:
            answers = await self._venue.cancel_many(cancels)
        except Exception as e:
            log.exception("cancel_raised", orders=len(cancels))
            return [CancelAnswer(CancelResult.UNKNOWN, f"raised_{type(e).__name__}")] * len(cancels)
        if len(answers) != len(cancels):
            log.error("cancel_answers_missing", orders=len(cancels), answers=len(answers))
            return [CancelAnswer(CancelResult.UNKNOWN, "answers_missing")] * len(cancels)
        return answers

    async def _answered(self, one: Cancelled, order: Order, answer: CancelAnswer) -> Cancelled:
        evidence = {
            "kind": answer.kind,
            "message": answer.message[:500],
            "cancelled_minor": answer.cancelled_minor,
        }
        cause = f"cancel_{answer.result.value}"
        # Not fenced: what the venue has done is true, whoever owns the account by now.
        after = await self._records.add(order, events_of(answer, order), cause, evidence)
        return Cancelled(one.wanted, verdict_on(answer, after), after)


def _why(wanted: WantedCancel) -> dict[str, object]:
    return {
        "reason": wanted.reason[:500],
        "asked_by": wanted.asked_by,
        "asked_at": wanted.at.isoformat(),
    }
