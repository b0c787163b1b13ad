"""What a pass looks up: the own tickets of single bets, and the final scores of events."""

from collections.abc import Iterable, Sequence

import structlog

from keter.bus.errors import PoisonedPayloadError
from keter.bus.state.events import read_score
from keter.context import Context
from keter.domain.feed import EventScore
from keter.domain.orders import Order
from keter.domain.tickets import Ticket
from keter.execution.reconcile.tickets import without_repeats
from keter.execution.reconcile.uncertainty import Uncertainty
from keter.execution.reconcile.unreadable_rows import UnreadableRows
from keter.ledger import Ledger, UnstorableRowError
from keter.venues.base import Bookmaker, VenueError

log = structlog.get_logger(__name__)


class Lookups:
    """Asks the venue for single bets. The caller has paid from the budget."""

    def __init__(
        self,
        context: Context,
        venue: Bookmaker,
        unreadable: UnreadableRows,
        uncertain: Uncertainty,
    ) -> None:
        self._context = context
        self._venue = venue
        self._unreadable = unreadable
        self._uncertain = uncertain

    async def ask(self, bet: Order) -> Sequence[Ticket] | None:
        """Return the bet's own tickets; None if the answer says nothing.

        That is a venue which could not be asked, or a ticket that cannot be read.
        """
        self._context.heart.count("lookups")
        await self._uncertain.note_query(bet)
        reference = bet.intent.reference
        try:
            found = without_repeats(await self._venue.bet(reference))
        except VenueError as e:
            self._context.heart.count("venue_errors")
            log.warning("lookup_failed", **bet.intent.names, kind=e.kind, detail=e.detail[:200])
            return None
        return self._unreadable.asked(reference, found)


class FinalScores:
    """Copies final scores of events with open bets from the feed into the ledger."""

    def __init__(self, context: Context, ledger: Ledger) -> None:
        self._context = context
        self._ledger = ledger

    async def copy(self, open_orders: Iterable[Order]) -> None:
        """Store each score that decides one of the bets and is not stored yet.

        Raises ledger and bus errors.
        """
        now = self._context.clock.now()
        begun = [bet for bet in open_orders if bet.intent.kickoff <= now]
        known = await self._ledger.results.many([bet.intent.event_uid for bet in begun])
        for event_uid in sorted({bet.intent.event_uid for bet in begun}):
            bets = [bet for bet in begun if bet.intent.event_uid == event_uid]
            if _decides_one(known.get(event_uid), bets):
                continue
            score = await self._read(event_uid)
            if score is not None and _decides_one(score, bets):
                await self._store(score)

    async def _read(self, event_uid: str) -> EventScore | None:
        try:
            return await read_score(self._context.bus, event_uid)
        except PoisonedPayloadError as e:
            # The comparison with the venue must not fail by it.
            log.warning("score_unreadable", event_uid=event_uid, error=str(e))
            return None

    async def _store(self, score: EventScore) -> None:
        try:
            await self._ledger.results.put(score)
        except UnstorableRowError as e:
            # Such a score decides nothing: the venue's own result does.
            log.warning("score_not_stored", event_uid=score.event_uid, error=str(e))


def _decides_one(score: EventScore | None, bets: Iterable[Order]) -> bool:
    return score is not None and any(
        score.decides(kickoff=bet.intent.kickoff, made_at=bet.intent.created_at) for bet in bets
    )
