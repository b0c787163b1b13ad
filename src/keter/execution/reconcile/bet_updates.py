"""Writes into ledger and risk book what the venue says of one bet: a step of its life, or a
correction where it stands.
"""

from collections.abc import Sequence
from datetime import datetime

import structlog

from keter.bus.state.cooldowns import cool_down
from keter.bus.state.risk import Booking, RiskBook, put_bet
from keter.context import Context
from keter.domain.bets import FINAL, SETTLED, Bet, BetState
from keter.domain.exposure import exposure_of
from keter.domain.streaks import LOSSES, streak_change
from keter.domain.tickets import Ticket
from keter.errors import IllegalTransitionError
from keter.execution.reconcile.alarms import Alarms
from keter.execution.reconcile.foreign_tickets import Refuse
from keter.execution.reconcile.settling import compare, own_settlement
from keter.execution.reconcile.tickets import Seen, news, next_state
from keter.ledger import BetChanges, Ledger, UnstorableRowError
from keter.risk.streaks import results_since_pause
from keter.settings import Settings

log = structlog.get_logger(__name__)


class BetUpdater:
    """One bet at a time.

    The ledger is written first; if we die before its echo in Redis, the exposure audit makes it
    good.
    """

    def __init__(
        self,
        context: Context,
        ledger: Ledger,
        calls: Alarms,
        refuse: Refuse,
        *,
        from_score_at_bet: bool,
    ) -> None:
        self._context = context
        self._settings: Settings = context.settings
        self._ledger = ledger
        self._calls = calls
        self._refuse = refuse
        self._from_score_at_bet = from_score_at_bet
        self._risk = RiskBook(context.bus, clock=context.clock, zone=context.settings.mode.zone)

    async def apply(self, bet: Bet, seen: Seen, tickets: Sequence[Ticket]) -> Bet:
        """Brings the bet to where the venue says it is; returns it as it stands then.

        Where the ledger does not take what the tickets say, the bet stays as it is, and the tickets
        are set aside.
        """
        try:
            return await self._applied(bet, seen, tickets)
        except UnstorableRowError as e:
            self._refuse(tickets, e)
            return await self._ledger.intents.get(bet.intent.intent_id)

    async def _applied(self, bet: Bet, seen: Seen, tickets: Sequence[Ticket]) -> Bet:
        now = self._context.clock.now()
        for word, sentence in seen.problems.items():
            await self.complain(bet, word, sentence, now)
        target, changes = next_state(bet.state, seen.state), news(bet, seen.changes)
        if target is not None:
            return await self._step(bet, target, seen, tickets, now)
        if changes is not None and (bet.state is seen.state or bet.state not in FINAL):
            return await self._correct(bet, seen, changes, tickets, now)
        return bet

    async def never_placed(self, bet: Bet, denials: int, since: datetime) -> Bet:
        """The venue has denied it for long enough: it is refused, its exposure free.

        It has been unknown ``since`` then.
        """
        evidence: dict[str, object] = {"denials": denials, "unknown_since": since.isoformat()}
        return await self._end_refused(
            bet, "absent", BetChanges(reason="never reached the venue"), evidence
        )

    async def doubt(self, bet: Bet, cause: str) -> Bet:
        """A bet that should be known is not, or a router fell silent while sending: UNKNOWN until
        the venue tells.
        """
        moved = await self._move(
            bet, BetState.UNKNOWN, self._context.clock.now(), cause, BetChanges(reason=cause), {}
        )
        return moved or await self._ledger.intents.get(bet.intent.intent_id)

    async def _move(
        self,
        bet: Bet,
        target: BetState,
        at: datetime,
        cause: str,
        changes: BetChanges,
        evidence: dict[str, object],
    ) -> Bet | None:
        """One step from where the bet was seen.

        None when it stands elsewhere by now: router or another tracker was quicker, or we slept;
        what we decided is then about the past.
        """
        try:
            return await self._ledger.intents.transition(
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
        self, bet: Bet, target: BetState, seen: Seen, tickets: Sequence[Ticket], now: datetime
    ) -> Bet:
        evidence: dict[str, object] = {
            "tickets": [_facts(ticket) for ticket in tickets],
            **seen.problems,
        }
        if target is BetState.REFUSED:
            return await self._end_refused(bet, "venue", seen.changes, evidence)
        changes = seen.changes
        if target in SETTLED:
            changes = _with(changes, settled_at=bet.settled_at or now)
        after = await self._move(bet, target, now, "venue", changes, evidence)
        if after is None:
            return await self._ledger.intents.get(bet.intent.intent_id)
        log.info("bet_moved", **bet.intent.names, source=bet.state.value, target=target.value)
        await self._follow(bet, after, tickets, now)
        return after

    async def _follow(
        self, before: Bet, after: Bet, tickets: Sequence[Ticket], now: datetime
    ) -> None:
        """What the risk book must know: the stake as booked, and the end of a settled bet."""
        if before.state not in SETTLED and after.placed_stake_minor != before.placed_stake_minor:
            await self.put(after)
        if after.state in SETTLED:
            await self._settled(before, after, tickets, now)

    async def put(self, bet: Bet) -> None:
        """Make the bet stand in the risk book and its stake on the day it was made."""
        booking = Booking(
            self._ledger.day_of(bet.intent.created_at),
            bet.placed_stake_minor or bet.intent.stake_minor,
        )
        await put_bet(self._context.bus, exposure_of(bet), booking)

    async def _correct(
        self, bet: Bet, seen: Seen, changes: BetChanges, tickets: Sequence[Ticket], now: datetime
    ) -> Bet:
        evidence: dict[str, object] = {
            "tickets": [_facts(ticket) for ticket in tickets],
            **seen.problems,
        }
        try:
            after = await self._ledger.intents.amend(
                bet.intent.intent_id,
                changes,
                at=now,
                cause="venue",
                worker=self._context.worker,
                evidence=evidence,
            )
        except IllegalTransitionError as e:
            # The stake of a final bet; one that was open when we looked has moved meanwhile.
            if bet.state in FINAL:
                await self.complain(
                    bet,
                    "stake",
                    f"the venue now books {changes.placed_stake_minor} minor units; {e}",
                    now,
                )
            return await self._ledger.intents.get(bet.intent.intent_id)
        await self._follow(bet, after, tickets, now)
        return after

    async def _end_refused(
        self, bet: Bet, cause: str, changes: BetChanges, evidence: dict[str, object]
    ) -> Bet:
        after = await self._move(
            bet, BetState.REFUSED, self._context.clock.now(), cause, changes, evidence
        )
        if after is None:
            return await self._ledger.intents.get(bet.intent.intent_id)
        await self._risk.release(bet.intent.decision_id)
        await cool_down(
            self._context.bus,
            event_uid=bet.intent.event_uid,
            selection_id=bet.intent.selection_id,
            seconds=self._settings.risk.cooldown_selection_sec,
            reason="venue_refused",
        )
        self._context.heart.count("refused")
        return after

    async def _settled(
        self, before: Bet, after: Bet, tickets: Sequence[Ticket], now: datetime
    ) -> None:
        result = await self._ledger.results.get(after.intent.event_uid)
        if result is not None and not result.decides(
            kickoff=after.intent.kickoff, made_at=after.intent.created_at
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
        await self.book_result(before, after)

    async def book_result(self, before: Bet, after: Bet, *, late: bool = False) -> None:
        """Take the bet out of the risk book and books its profit; of a regrade only the
        difference.

        A regrade changes the losing streak where the bet was first settled, as does a settlement
        that is booked ``late``.
        """
        regraded = before.state in SETTLED
        difference = (after.pnl_minor or 0) - (before.pnl_minor or 0 if regraded else 0)
        change = (
            await self._streak_change(after, before.state if regraded else None)
            if regraded or late
            else None
        )
        if regraded:
            if difference == 0 and not change:
                return
            await put_bet(self._context.bus, exposure_of(after))
        await self._risk.settle(
            after.intent.decision_id,
            day=self._ledger.day_of(after.settled_at or self._context.clock.now()),
            pnl_minor=difference,
            lost=not regraded and after.state in LOSSES,
            streak_change=change,
        )

    async def _streak_change(self, after: Bet, before: BetState | None) -> int:
        results = await results_since_pause(self._ledger, self._settings.mode.execution_mode)
        return streak_change(results, after.intent.intent_id, before)

    async def complain(self, bet: Bet, word: str, sentence: str, now: datetime) -> None:
        intent = bet.intent
        await self._calls.raise_(
            f"bet-{word}-mismatch:{intent.intent_id}",
            "page",
            f"The venue's {word} is not ours",
            f"{intent.home} v {intent.away} {intent.selection_id}: {sentence}",
            "The ledger holds what the venue says; compare with the venue's own page and clear the"
            " alert.",
            now,
        )


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


def _with(changes: BetChanges, **more: object) -> BetChanges:
    values = {name: getattr(changes, name) for name in changes.__struct_fields__}
    return BetChanges(**{**values, **more})
