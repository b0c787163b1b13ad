"""Writes into the ledger what the venue says of one bet: a step of its life, or a correction."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime

import structlog

from keter.context import Context
from keter.domain.alerts import mismatch
from keter.domain.order_states import FINAL, SETTLED, OrderState
from keter.domain.orders import Order
from keter.domain.tickets import Ticket
from keter.errors import IllegalTransitionError
from keter.execution.reconcile.alarms import Alarms
from keter.execution.reconcile.risk_updates import RiskUpdater
from keter.execution.reconcile.settling import compare, own_settlement
from keter.execution.reconcile.tickets import OrderUpdate, new_changes, next_state
from keter.ledger import Ledger, OrderChanges, UnstorableRowError

log = structlog.get_logger(__name__)
Refuse = Callable[[Iterable[Ticket], Exception], None]


class OrderUpdater:
    """Updates one bet at a time.

    The ledger is written first. If we die before the risk book follows, the exposure audit makes
    it good. ``refuse`` takes tickets that the ledger does not store, with its error.
    """

    def __init__(
        self,
        context: Context,
        ledger: Ledger,
        alarms: Alarms,
        risk: RiskUpdater,
        refuse: Refuse,
        *,
        from_score_at_bet: bool,
    ) -> None:
        self._context = context
        self._ledger = ledger
        self._alarms = alarms
        self._risk = risk
        self._refuse = refuse
        self._from_score_at_bet = from_score_at_bet

    async def apply(self, bet: Order, update: OrderUpdate, tickets: Sequence[Ticket]) -> Order:
        """Bring the bet to where the venue says it is, and return it as it is then.

        Where the ledger does not store what the tickets say, the bet stays as it is and the tickets
        are set aside. Raises ledger and bus errors.
        """
        try:
            return await self._applied(bet, update, tickets)
        except UnstorableRowError as e:
            self._refuse(tickets, e)
            return await self._current(bet)

    async def _applied(self, bet: Order, update: OrderUpdate, tickets: Sequence[Ticket]) -> Order:
        now = self._context.clock.now()
        for word, sentence in update.problems.items():
            await self.complain(bet, word, sentence, now)
        target = next_state(bet.state, update.state)
        if target is not None:
            return await self._step(bet, target, update, tickets, now)
        changes = new_changes(bet, update.changes)
        if changes is not None and (bet.state is update.state or bet.state not in FINAL):
            return await self._correct(bet, changes, _evidence(update, tickets), tickets, now)
        return bet

    async def never_placed(self, bet: Order, denials: int, since: datetime) -> Order:
        """Refuse a bet that the venue has denied for long enough; its exposure is free again.

        It has been UNKNOWN ``since`` then.
        """
        evidence: dict[str, object] = {"denials": denials, "unknown_since": since.isoformat()}
        changes = OrderChanges(reason="never reached the venue")
        return await self._refuse_bet(bet, "absent", changes, evidence)

    async def mark_unknown(self, bet: Order, cause: str) -> Order:
        """Make a bet UNKNOWN until the venue says what became of it.

        That is a bet which the venue should know and does not, or one whose router fell silent
        while sending.
        """
        now, changes = self._context.clock.now(), OrderChanges(reason=cause)
        moved = await self._move(bet, OrderState.UNKNOWN, now, cause, changes, {})
        return moved or await self._current(bet)

    async def complain(self, bet: Order, word: str, sentence: str, now: datetime) -> None:
        """Raise the alert ``bet-<word>-mismatch`` of this bet."""
        intent = bet.intent
        detail = f"{intent.home} v {intent.away} {intent.selection_id}: {sentence}"
        await self._alarms.raise_(mismatch(word), detail, now, about=intent.intent_id)

    async def _current(self, bet: Order) -> Order:
        return await self._ledger.orders.get(bet.intent.intent_id)

    async def _move(
        self,
        bet: Order,
        target: OrderState,
        at: datetime,
        cause: str,
        changes: OrderChanges,
        evidence: dict[str, object],
    ) -> Order | None:
        """Make one step from where the bet was seen.

        Return None if the bet is elsewhere by now: router or another tracker was quicker, or we
        were asleep. What was decided is about the past then.
        """
        try:
            return await self._ledger.orders.transition(
                bet.intent.intent_id,
                target,
                at=at,
                cause=cause,
                worker=self._context.worker,
                evidence=evidence,
                changes=changes,
                expected=bet.state,
            )
        except IllegalTransitionError as e:
            log.info("bet_moved_meanwhile", **bet.intent.names, error=str(e))
            return None

    async def _step(
        self,
        bet: Order,
        target: OrderState,
        update: OrderUpdate,
        tickets: Sequence[Ticket],
        now: datetime,
    ) -> Order:
        evidence, changes = _evidence(update, tickets), update.changes
        if target is OrderState.REFUSED:
            return await self._refuse_bet(bet, "venue", changes, evidence)
        if target in SETTLED:
            changes = _with(changes, settled_at=bet.settled_at or now)
        after = await self._move(bet, target, now, "venue", changes, evidence)
        if after is None:
            return await self._current(bet)
        log.info("bet_moved", **bet.intent.names, source=bet.state.value, target=target.value)
        await self._follow(bet, after, tickets, now)
        return after

    async def _correct(
        self,
        bet: Order,
        changes: OrderChanges,
        evidence: dict[str, object],
        tickets: Sequence[Ticket],
        now: datetime,
    ) -> Order:
        """Write what the venue booked of a bet whose state stays."""
        try:
            after = await self._ledger.orders.amend(
                bet.intent.intent_id,
                changes,
                at=now,
                cause="venue",
                worker=self._context.worker,
                evidence=evidence,
            )
        except IllegalTransitionError as e:
            # The stake of a final bet never changes. One that was open has moved meanwhile.
            if bet.state in FINAL:
                booked = sum(fill.size_minor for fill in changes.fills or ())
                sentence = f"the venue now books {booked} minor units; {e}"
                await self.complain(bet, "stake", sentence, now)
            return await self._current(bet)
        await self._follow(bet, after, tickets, now)
        return after

    async def _follow(
        self, before: Order, after: Order, tickets: Sequence[Ticket], now: datetime
    ) -> None:
        """Bring the risk book up to the ledger: what is filled, the end of a settled bet."""
        if before.state not in SETTLED and after.fills != before.fills:
            await self._risk.put(after)
        if after.state in SETTLED:
            await self._settled(before, after, tickets, now)

    async def _refuse_bet(
        self, bet: Order, cause: str, changes: OrderChanges, evidence: dict[str, object]
    ) -> Order:
        now = self._context.clock.now()
        after = await self._move(bet, OrderState.REFUSED, now, cause, changes, evidence)
        if after is None:
            return await self._current(bet)
        await self._risk.refused(bet)
        return after

    async def _settled(
        self, before: Order, after: Order, tickets: Sequence[Ticket], now: datetime
    ) -> None:
        """Compare the venue's settlement with our own, and book the result."""
        intent = after.intent
        result = await self._ledger.results.get(intent.event_uid)
        if result is not None and not result.decides(
            kickoff=intent.kickoff, made_at=intent.created_at
        ):
            result = None
        own = own_settlement(after, tickets, result, from_score_at_bet=self._from_score_at_bet)
        row = compare(after, after.state, after.pnl_minor or 0, own, tickets, now)
        await self._ledger.settlements.add(row)
        if row.agrees is False and own is not None:
            sentence = (
                f"venue {row.venue_state} {row.venue_pnl_minor}, we {own.state} {own.profit_minor}"
                " minor units"
            )
            await self.complain(after, "settlement", sentence, now)
        self._context.heart.count("settled")
        await self._risk.book_result(before, after)


def _evidence(update: OrderUpdate, tickets: Sequence[Ticket]) -> dict[str, object]:
    return {"tickets": [_facts(ticket) for ticket in tickets], **update.problems}


def _facts(ticket: Ticket) -> dict[str, object]:
    return {
        "ticket_id": ticket.ticket_id,
        "book": ticket.book,
        "status": ticket.status.value,
        "odds": ticket.odds,
        "stake_minor": ticket.stake_minor,
        "pnl_minor": ticket.pnl_minor,
        "result": ticket.result,
        "message": ticket.message[:200],
    }


def _with(changes: OrderChanges, **more: object) -> OrderChanges:
    values = {name: getattr(changes, name) for name in changes.__struct_fields__}
    return OrderChanges(**{**values, **more})
