"""The router's queue of cancels, which it serves before everything else.

What waits is one batch: one call to the venue. Nothing else is asked than the ledger, so cancels
pass while trading is halted and while the router is closed.
"""

from collections.abc import Sequence

from keter.bus.codec import decode, encode
from keter.bus.errors import (
    BusRefusedError,
    ConnectionLostError,
    LeaseLostError,
    PoisonedPayloadError,
)
from keter.bus.queue import MOST_CLAIMED, Item, cancels_for
from keter.context import Context
from keter.domain.order_calls import WantedCancel
from keter.domain.signals import Decision
from keter.execution.approvals import STAGE
from keter.execution.cancelling import Cancelled, Canceller
from keter.processes.handling import put_away
from keter.processes.turns import Handled, Turn

# Counted apart from the router's verdicts, which are about bets.
COUNTED_AS = "cancel"


class CancelTurns:
    """Serves the cancels of one account for one ownership."""

    def __init__(self, context: Context, canceller: Canceller, account: str) -> None:
        self._context = context
        self.canceller = canceller
        self._account = account
        self.pipe = context.pipe(cancels_for(account))
        # Of the items in hand, what came of each; in the order of the queue.
        self._done: list[tuple[Item, Handled | PoisonedPayloadError]] = []

    async def turn(self) -> None:
        """Serve every cancel that waits.

        A lost lease or reply drops everything in hand and begins anew; what a full Redis refuses is
        written at the next turn. Raises FencedError, LedgerUnavailableError, and
        ConnectionLostError if Redis does not answer even then.
        """
        try:
            while items := await self._settle():
                self._done = await self._handle(items)
        except BusRefusedError as e:
            self._context.heart.count("refused")
            self._context.heart.error(str(e))
        except (LeaseLostError, ConnectionLostError) as e:
            self._context.heart.count("reopened")
            self._context.log.warning("pipe_reopened", error=str(e))
            self._done = []
            await self.pipe.reopen()

    async def _settle(self) -> list[Item]:
        """Acknowledge what is done, in the order of the queue, and return what comes next."""
        place = _first_poisoned(self._done)
        while place is not None:
            await self._acknowledge(place, claim=0)
            item, error = self._done[0]
            if isinstance(error, PoisonedPayloadError):
                await put_away(self._context, self.pipe, item, error)
            del self._done[0]
            place = _first_poisoned(self._done)
        return await self._acknowledge(len(self._done), claim=MOST_CLAIMED)

    async def _acknowledge(self, count: int, *, claim: int) -> list[Item]:
        turn = Turn()
        for _, handled in self._done[:count]:
            if isinstance(handled, Handled):
                turn.add(handled, done=1)
        items = await turn.write(self.pipe, claim)
        del self._done[:count]
        return items

    async def _handle(
        self, items: Sequence[Item]
    ) -> list[tuple[Item, Handled | PoisonedPayloadError]]:
        """Return what came of each item; all that can be read are one batch."""
        read = [self._read(item) for item in items]
        wishes = [one for one in read if isinstance(one, WantedCancel)]
        cancelled = iter(await self.canceller.cancel(wishes))
        return [
            (item, self._handled(next(cancelled)) if isinstance(one, WantedCancel) else one)
            for item, one in zip(items, read, strict=True)
        ]

    def _read(self, item: Item) -> WantedCancel | PoisonedPayloadError:
        try:
            wanted = decode(WantedCancel, item.payload)
        except PoisonedPayloadError as e:
            return e
        if wanted.account != self._account:
            wrong = f"a cancel for account {wanted.account}, not for {self._account}"
            return PoisonedPayloadError(wrong)
        return wanted

    def _handled(self, one: Cancelled) -> Handled:
        name = self._context.count_name(COUNTED_AS, one.verdict.reason.value, self._account)
        return Handled(counts={name: 1}, audit=[encode(self._decision(one))])

    def _decision(self, one: Cancelled) -> Decision:
        wanted, order = one.wanted, one.order
        details: dict[str, object] = {
            "cancel": wanted.intent_id,
            "asked_by": wanted.asked_by,
            "why": wanted.reason,
            "strategy": wanted.strategy,
            "asked_at": wanted.at.isoformat(),
        }
        if order is not None:
            intent = order.intent
            named = {"home": intent.home, "away": intent.away, "league": intent.league}
            details |= {**named, "state": order.state.value, "reference": intent.reference}
        return Decision(
            trace_id=order.intent.trace_id if order is not None else wanted.intent_id,
            stage=STAGE,
            worker=self._context.worker,
            event_uid=order.intent.event_uid if order is not None else "",
            selection_id=order.intent.selection_id if order is not None else "",
            verdict=one.verdict,
            at=self._context.clock.now(),
            details=details,
            decision_id=order.intent.decision_id if order is not None else None,
            account=self._account,
        )


def _first_poisoned(done: Sequence[tuple[Item, Handled | PoisonedPayloadError]]) -> int | None:
    places = (n for n, (_, what) in enumerate(done) if isinstance(what, PoisonedPayloadError))
    return next(places, None)
