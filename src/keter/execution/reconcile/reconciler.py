"""Makes ledger, venue and risk book say the same, pass after pass.

In one pass: final scores are copied, the venue's list is read once, every open bet is brought to
where the venue says it is, tickets that are not ours become exposure, and the risk book is held
against the ledger. What the list does not explain is asked for singly, in turn and within the query
budget (``asking``). Nothing here ever sends a bet.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from keter.bus.errors import PoisonedPayloadError
from keter.bus.state.events import read_score
from keter.context import Context
from keter.domain.bets import FINAL, SETTLED, Bet, BetState
from keter.domain.feed import EventScore
from keter.domain.tickets import Ticket
from keter.execution.reconcile.alarms import Alarms
from keter.execution.reconcile.bet_updates import BetUpdater
from keter.execution.reconcile.foreign_tickets import Foreign
from keter.execution.reconcile.not_found import NotFound
from keter.execution.reconcile.query_budget import QueryBudget
from keter.execution.reconcile.query_order import choose, overdue
from keter.execution.reconcile.risk_audit import ExposureAudit
from keter.execution.reconcile.tickets import Seen, contradicts, is_whole, read_tickets
from keter.execution.reconcile.uncertainty import Doubts
from keter.execution.reconcile.unreadable_rows import Unreadable
from keter.ledger import Ledger, UnstorableRowError, ticket_key
from keter.venues.base import BetVenue, VenueError

log = structlog.get_logger(__name__)
AT_VENUE = frozenset({BetState.PENDING, BetState.RUNNING, BetState.UNKNOWN})
MAY_SHOW = AT_VENUE | {BetState.SENDING}  # a ticket may be listed before the router has its answer
_TOLD = tuple(name for name in Ticket.__struct_fields__ if name != "placed_at")


@dataclass(frozen=True, slots=True)
class Pass:
    """The bets open after a pass.

    ``complete`` when every doubtful bet was asked for within its bound.
    """

    open_bets: Sequence[Bet]
    complete: bool


@dataclass(frozen=True, slots=True)
class Unclear:
    """A bet that the list does not explain.

    ``shown`` are its tickets there: none, or perhaps not all.
    """

    bet: Bet
    shown: Sequence[Ticket]

    @property
    def doubtful(self) -> bool:
        """Not of a bet that surely runs and is only too old for the list."""
        return bool(self.shown) or self.bet.state is not BetState.RUNNING


class Reconciler:
    """One account's comparison.

    ``apart_s`` is how long passes are apart while a bet is undecided.
    """

    def __init__(
        self,
        context: Context,
        ledger: Ledger,
        venue: BetVenue,
        account: str,
        budget: QueryBudget,
        apart_s: float,
    ) -> None:
        self._context = context
        self._ledger = ledger
        self._venue = venue
        self._account = account
        self._mode = context.settings.mode.execution_mode
        self._budget = budget
        self._calls = Alarms(context.bus, ledger)
        self._denials = NotFound(context.settings.router)
        self._unreadable = Unreadable(context, ledger, self._calls)
        refuse, from_score = self._unreadable.refuse, venue.capability.handicap_from_score_at_bet
        self._applier = BetUpdater(
            context, ledger, self._calls, refuse, from_score_at_bet=from_score
        )
        self._foreign = Foreign(context, ledger, self._calls, account, refuse)
        self._audit = ExposureAudit(context, ledger, self._applier)
        self._doubts = Doubts(context, ledger, self._calls)
        self._apart_s = apart_s
        self._began = context.clock.now()
        self._asked_at = self._began
        self._digests: dict[str, tuple[object, ...]] = {}

    async def run(self) -> Pass | None:
        """One pass, whose list is paid for.

        None when the list could not be read. Raises ledger and bus errors.
        """
        await self._copy_scores()
        self._asked_at = self._context.clock.now()
        try:
            tickets = self._unreadable.take(await self._venue.bets())
        except VenueError as e:
            self._context.heart.count("venue_errors")
            log.warning("bet_list_failed", kind=e.kind, detail=e.detail[:200])
            return None
        late = await self._compare(_grouped(tickets))
        await self._audit.run()
        still_open = await self._ledger.intents.open_bets(self._mode, self._account)
        await self._unreadable.tell(
            self._foreign, frozenset(bet.intent.reference for bet in still_open)
        )
        await self._doubts.learn(still_open)
        await self._doubts.watch(still_open)
        if late:
            log.warning("bets_not_asked_in_time", late=len(late), intent_id=late[0])
        return Pass(still_open, complete=not late)

    async def _copy_scores(self) -> None:
        """Final scores of events with open bets, from the feed into the ledger."""
        now = self._context.clock.now()
        open_bets = await self._ledger.intents.open_bets(self._mode, self._account)
        begun = [bet for bet in open_bets if bet.intent.kickoff <= now]
        known = await self._ledger.results.many([bet.intent.event_uid for bet in begun])
        for event_uid in sorted({bet.intent.event_uid for bet in begun}):
            bets = [bet for bet in begun if bet.intent.event_uid == event_uid]
            if not _decides_one(known.get(event_uid), bets):
                score = await self._score(event_uid)
                if score is not None and _decides_one(score, bets):
                    await self._keep_score(score)

    async def _keep_score(self, score: EventScore) -> None:
        """A score that the ledger refuses decides nothing: the venue's own result does."""
        try:
            await self._ledger.results.put(score)
        except UnstorableRowError as e:
            log.warning("score_not_stored", event_uid=score.event_uid, error=str(e))

    async def _score(self, event_uid: str) -> EventScore | None:
        """One that cannot be read is none: the comparison with the venue must not fail by it."""
        try:
            return await read_score(self._context.bus, event_uid)
        except PoisonedPayloadError as e:
            log.warning("score_unreadable", event_uid=event_uid, error=str(e))
            return None

    async def _compare(self, listed: dict[str, list[Ticket]]) -> list[str]:
        """Every bet against its tickets; returns the doubtful bets that wait for their question for
        too long.
        """
        unclear: dict[str, Unclear] = {}
        open_bets = await self._ledger.intents.open_bets(self._mode, self._account)
        await self._doubts.learn(open_bets)
        for found in open_bets:
            bet = await self._after_silence(found)
            shown = listed.pop(bet.intent.reference, None)
            if bet.intent.reference in self._unreadable.listed:
                self._denials.forget(bet.intent.intent_id)  # it is there, whatever it says
            elif shown is not None and bet.state in MAY_SHOW:
                if not await self._see(bet, shown):
                    unclear[bet.intent.intent_id] = Unclear(bet, shown)
            elif bet.state in AT_VENUE:
                unclear[bet.intent.intent_id] = Unclear(bet, ())
        keys = (ticket_key(ticket) for tickets in listed.values() for ticket in tickets)
        late = await self._ask_in_turn(unclear, self._unreadable.keys.union(keys))
        await self._look_at_others(listed)
        return late

    async def _after_silence(self, bet: Bet) -> Bet:
        """A bet that has been SENDING for longer than any call can take was left by a router that
        is gone.
        """
        limit = timedelta(seconds=self._context.settings.router.exec_lock_ttl_s)
        if bet.state is BetState.SENDING and self._context.clock.now() - bet.updated_at > limit:
            return await self._applier.doubt(bet, "router_silent")
        return bet

    async def _see(self, bet: Bet, tickets: Sequence[Ticket]) -> bool:
        """Apply what the list shows.

        False where that may be a part only: a booked ticket is missing, or the bet ends with less
        than its stake. Then the bet itself must be asked for: what the list left out may be the
        rest of it.
        """
        seen = read_tickets(bet, tickets, self._context.settings.router)
        short = sum(ticket.stake_minor for ticket in tickets) < bet.intent.stake_minor
        if not is_whole(bet, tickets) or (seen.state in FINAL and short):
            self._denials.forget(bet.intent.intent_id)
            return False
        await self._take_over(bet, tickets)
        return True

    async def _take_over(self, bet: Bet, tickets: Sequence[Ticket]) -> None:
        self._denials.forget(bet.intent.intent_id)
        seen = read_tickets(bet, tickets, self._context.settings.router)
        if seen.state is not BetState.REFUSED or not await self._more_may_come(bet, tickets):
            await self._applier.apply(bet, seen, tickets)

    async def _more_may_come(self, bet: Bet, tickets: Sequence[Ticket]) -> bool:
        """Whether the bet may have a ticket that is not shown yet: it was sent to more books than
        have refused it, lately.
        """
        router = self._context.settings.router
        if (
            self._context.clock.now() - self._doubts.since(bet)
        ).total_seconds() >= router.unknown_error_s:
            return False
        sent = [
            step
            for step in await self._ledger.intents.trail(bet.intent.intent_id)
            if step.target is BetState.SENDING
        ]
        prices = sent[-1].evidence.get("prices") if sent else None
        return isinstance(prices, list) and len(tickets) < len(prices)

    async def _ask_in_turn(
        self, unclear: Mapping[str, Unclear], listed: frozenset[str]
    ) -> list[str]:
        """Asks for what the list does not explain, who has waited longest first, as far as the
        budget goes.
        """
        bets = self._doubts.waiting([(one.bet, one.doubtful) for one in unclear.values()])
        waiting = bets + await self._foreign.unlisted(listed)
        for key in choose(waiting, await self._budget.left(), self._budget.size):
            if not await self._budget.take():
                break
            if not await self._foreign.ask_for(self._venue, key):
                await self._ask_for(unclear[key])
            waiting = [one for one in waiting if one.key != key]
        return overdue(
            waiting, self._context.clock.now(), self._began, self._budget.size, self._apart_s
        )

    async def _ask_for(self, one: Unclear) -> None:
        tickets = await self._asked(one.bet)
        if tickets is None:
            return  # a later pass asks again
        if tickets or one.shown:
            await self._take_over(one.bet, tickets or one.shown)
        else:
            await self._denied(one.bet)

    async def _asked(self, bet: Bet) -> Sequence[Ticket] | None:
        """The bet's own tickets; None when the venue could not be asked."""
        self._context.heart.count("lookups")
        await self._doubts.note(bet)
        try:
            return self._unreadable.asked(
                bet.intent.reference, _once(await self._venue.bet(bet.intent.reference))
            )
        except VenueError as e:
            self._context.heart.count("venue_errors")
            log.warning("lookup_failed", **bet.intent.names, kind=e.kind, detail=e.detail[:200])
            return None

    async def _denied(self, bet: Bet) -> None:
        """The venue says it does not know a bet that it should or may know."""
        intent_id, now = bet.intent.intent_id, self._context.clock.now()
        denials = self._denials.note(intent_id, now)
        answered = bet.state is BetState.PENDING or await self._was_answered(intent_id)
        if not self._denials.believed(
            intent_id, unknown_since=self._doubts.since(bet), answered=answered, at=now
        ):
            return
        if bet.state is BetState.RUNNING:
            await self._applier.complain(
                bet, "record", "the venue does not know a bet that it had accepted", now
            )
            return
        self._denials.forget(intent_id)
        if bet.state is BetState.PENDING:
            await self._applier.doubt(bet, "vanished")
        else:
            await self._applier.never_placed(bet, denials, self._doubts.since(bet))

    async def _was_answered(self, intent_id: str) -> bool:
        """Whether the placement itself was answered, if only with an error, when the bet became
        UNKNOWN.
        """
        steps = [
            step
            for step in await self._ledger.intents.trail(intent_id)
            if step.target is BetState.UNKNOWN
        ]
        return bool(steps) and steps[-1].evidence.get("code") is not None

    async def _look_at_others(self, listed: Mapping[str, list[Ticket]]) -> None:
        """Tickets that belong to no open bet: final bets, which may be regraded, and tickets that
        are not ours.
        """
        digests = {
            reference: _digest(tickets, self._asked_at) for reference, tickets in listed.items()
        }
        fresh = [
            reference
            for reference, digest in digests.items()
            if self._digests.get(reference) != digest
        ]
        ours = {
            bet.intent.reference: bet for bet in await self._ledger.intents.by_references(fresh)
        }
        for reference in fresh:
            bet = ours.get(reference)
            if bet is None:
                await self._foreign.see(listed[reference])
            elif reference in self._unreadable.listed:
                continue
            elif bet.state in FINAL and not await self._see_final(bet, listed[reference]):
                del digests[reference]  # a later pass looks again
        self._digests = digests
        await self._foreign.tell()

    async def _see_final(self, bet: Bet, tickets: Sequence[Ticket]) -> bool:
        """A regrade is applied; a refused bet that lives after all, or a settled one that runs, is
        first confirmed.

        Of a settled bet in several tickets the list may show only the younger: then the bet itself
        is asked for, or left alone. False when the venue could not be asked for it.
        """
        router = self._context.settings.router
        seen = read_tickets(bet, tickets, router)
        contradicted = contradicts(bet.state, seen.state)
        if contradicted or (bet.state in SETTLED and not is_whole(bet, tickets)):
            asked = await self._asked(bet) if await self._budget.take() else None
            if asked is None:
                return False
            if contradicted:
                await self._lives_on(bet, seen, asked)
                return True
            if not asked or not is_whole(bet, asked):
                return True
            tickets, seen = asked, read_tickets(bet, asked, router)
        await self._applier.apply(bet, seen, tickets)
        return True

    async def _lives_on(self, bet: Bet, seen: Seen, asked: Sequence[Ticket]) -> None:
        """The list shows a final bet open.

        It is called out where the bet's own tickets say the same.
        """
        if not asked or not contradicts(
            bet.state, read_tickets(bet, asked, self._context.settings.router).state
        ):
            return
        await self._applier.complain(
            bet,
            "state",
            f"it is {seen.state} there and {bet.state} here",
            self._context.clock.now(),
        )
        if bet.state not in SETTLED:
            await self._foreign.see(asked)


def _decides_one(score: EventScore | None, bets: Iterable[Bet]) -> bool:
    return score is not None and any(
        score.decides(kickoff=bet.intent.kickoff, made_at=bet.intent.created_at) for bet in bets
    )


def _once(tickets: Iterable[Ticket]) -> list[Ticket]:
    """Each ticket once, the first of a repeated one."""
    return list({ticket_key(ticket): ticket for ticket in reversed(list(tickets))}.values())[::-1]


def _grouped(tickets: Iterable[Ticket]) -> dict[str, list[Ticket]]:
    groups: defaultdict[str, list[Ticket]] = defaultdict(list)
    for ticket in _once(tickets):
        groups[ticket.reference].append(ticket)
    return dict(groups)


def _digest(tickets: Iterable[Ticket], asked_at: datetime) -> tuple[object, ...]:
    """All that the tickets say.

    One that tells no time is given that of the look, which says nothing.
    """
    facts = (
        (*(getattr(t, name) for name in _TOLD), t.placed_at if t.placed_at < asked_at else None)
        for t in tickets
    )
    return tuple(sorted(facts, key=str))
