"""What follows once an order at an exchange has moved: risk book, settlements, alerts."""

from collections.abc import Sequence

from keter.context import Context
from keter.domain.alerts import mismatch
from keter.domain.order_reconciling import Mismatch
from keter.domain.order_states import SETTLED, OrderState
from keter.domain.orders import Order
from keter.execution.reconcile.alarms import Alarms
from keter.execution.reconcile.risk_updates import RiskUpdater
from keter.execution.reconcile.settling import compare
from keter.ledger import Ledger

# The word of the alert ``bet-<word>-mismatch``, and what stands in it.
_ALERTS = {
    Mismatch.ABSENT: ("record", "the exchange does not know an order that it had taken"),
    Mismatch.NEVER_PLACED: ("state", "the exchange has an order that ended before it was placed"),
    Mismatch.OTHER_ID: ("record", "the exchange has it under another number: perhaps a second one"),
    Mismatch.OTHER_SIDE: ("selection", "the exchange has the other side of it"),
    Mismatch.OTHER_SIZE: ("stake", "the exchange has another size"),
    Mismatch.OTHER_FILLS: ("stake", "the exchange has filled another amount"),
    Mismatch.RESTS_AFTER_END: ("state", "the exchange lets an order rest that had ended"),
    Mismatch.OTHER_RESULT: ("result", "the exchange has another result"),
}


class OrderConsequences:
    """Writes what follows for one account.

    The ledger was written before. If we die in between, the exposure audit makes it good.
    """

    def __init__(self, context: Context, ledger: Ledger, alarms: Alarms, risk: RiskUpdater) -> None:
        self._context = context
        self._ledger = ledger
        self._alarms = alarms
        self._risk = risk

    async def follow(self, before: Order, after: Order) -> None:
        """Bring the risk book up to the ledger. Raises ledger and bus errors."""
        if after.state in SETTLED:
            await self._settled(before, after)
        elif after.state is OrderState.REFUSED:
            await self._risk.refused(after)
        elif after.is_final:
            await self._risk.ended(after)
        else:
            await self._risk.put(after)

    async def _settled(self, before: Order, after: Order) -> None:
        if (before.state, before.pnl_minor) == (after.state, after.pnl_minor):
            return
        pnl_minor = after.pnl_minor or 0
        # An exchange shows no score, so there is nothing to settle by ourselves.
        row = compare(after, after.state, pnl_minor, None, (), self._context.clock.now())
        await self._ledger.settlements.add(row)
        self._context.heart.count("settled")
        await self._risk.book_result(before, after)

    async def complain(self, order: Order, found: Sequence[Mismatch]) -> None:
        """Raise an alert for each mismatch of an order."""
        intent, now = order.intent, self._context.clock.now()
        for one in found:
            word, sentence = _ALERTS[one]
            detail = f"{intent.home} v {intent.away} {intent.selection_id}: {sentence}"
            await self._alarms.raise_(mismatch(word), detail, now, about=intent.intent_id)
