"""Makes ledger, venue and risk book say the same, pass after pass.

In one pass: final scores are copied, the venue's list is read once, every open bet is brought to where the venue says it is
(asked for singly where the list does not show it, within the query budget), tickets that are not ours become exposure, and the
risk book is held against the ledger. Nothing here ever sends a bet.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

import structlog

from keter.bus.errors import PoisonedPayloadError
from keter.bus.odds import read_score
from keter.bus.reconciliation import note_question
from keter.domain.bets import FINAL, SETTLED, Bet, BetState
from keter.domain.money import money_text
from keter.ledger import Ledger, UnstorableRowError, ticket_key
from keter.venues.base import BetVenue, EventScore, Ticket, VenueError
from keter.workers.runtime import Context
from keter.workers.tracking.absence import Denials
from keter.workers.tracking.applying import Applier
from keter.workers.tracking.budget import Errand, QueryBudget
from keter.workers.tracking.calls import Calls
from keter.workers.tracking.exposures import ExposureAudit
from keter.workers.tracking.foreign import Foreign
from keter.workers.tracking.matching import contradicts, is_whole, read_tickets
from keter.workers.tracking.unreadable import Unreadable

log = structlog.get_logger(__name__)
AT_VENUE = frozenset({BetState.PENDING, BetState.RUNNING, BetState.UNKNOWN})
MAY_SHOW = AT_VENUE | {BetState.SENDING}  # a ticket may be listed before the router has its answer
UNKNOWN_ALERT = "unknown-bets"
# In what order bets that the list does not show are asked for: the doubtful first.
_URGENCY = {BetState.UNKNOWN: 0, BetState.PENDING: 1, BetState.RUNNING: 2}


class Reconciler:
    """One account's comparison. ``complete`` after a pass in which every doubtful bet was asked for."""

    def __init__(self, context: Context, ledger: Ledger, venue: BetVenue, account: str, budget: QueryBudget) -> None:
        self._context = context
        self._ledger = ledger
        self._venue = venue
        self._account = account
        self._mode = context.settings.mode.execution_mode
        self._budget = budget
        self._calls = Calls(context.bus, ledger)
        self._denials = Denials(context.settings.router)
        self._unreadable = Unreadable(context, ledger, self._calls)
        refuse, from_score = self._unreadable.refuse, venue.capability.handicap_from_score_at_bet
        self._applier = Applier(context, ledger, self._calls, refuse, from_score_at_bet=from_score)
        self._foreign = Foreign(context, ledger, self._calls, account, refuse)
        self._audit = ExposureAudit(context, ledger, self._applier)
        self._asked_at: dict[str, float] = {}
        self._digests: dict[str, tuple[object, ...]] = {}

    async def run(self) -> Sequence[Bet] | None:
        """One pass. Returns the bets open afterwards, None when the venue could not be asked. Raises ledger and bus errors."""
        await self._copy_scores()
        if not self._budget.take(Errand.LIST):
            return None
        try:
            tickets = self._unreadable.take(await self._venue.bets())
        except VenueError as e:
            self._context.heart.count("venue_errors")
            log.warning("bet_list_failed", kind=e.kind, detail=e.detail[:200])
            return None
        complete = await self._compare(_grouped(tickets))
        await self._audit.run()
        still_open = await self._ledger.intents.open_bets(self._mode, self._account)
        await self._unreadable.tell(self._foreign, frozenset(bet.intent.reference for bet in still_open))
        known = {bet.intent.intent_id for bet in still_open}
        self._asked_at = {intent_id: at for intent_id, at in self._asked_at.items() if intent_id in known}
        await self._watch_unknown(still_open)
        return still_open if complete else None

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

    async def _compare(self, listed: dict[str, list[Ticket]]) -> bool:
        """Every bet against its tickets; False when a doubtful one could not be asked for."""
        missing: list[Bet] = []
        for found in await self._ledger.intents.open_bets(self._mode, self._account):
            bet = await self._after_silence(found)
            tickets = listed.pop(bet.intent.reference, None)
            if bet.intent.reference in self._unreadable.listed:
                self._denials.forget(bet.intent.intent_id)  # it is there, whatever it says
            elif tickets is not None and bet.state in MAY_SHOW:
                await self._see(bet, tickets)
            elif bet.state in AT_VENUE:
                missing.append(bet)
        complete = await self._ask_for(missing)
        await self._look_at_others(listed)
        return complete

    async def _after_silence(self, bet: Bet) -> Bet:
        """A bet that has been SENDING for longer than any call can take was left by a router that is gone."""
        limit = timedelta(seconds=self._context.settings.router.exec_lock_ttl_s)
        if bet.state is BetState.SENDING and self._context.clock.now() - bet.updated_at > limit:
            return await self._applier.doubt(bet, "router_silent")
        return bet

    async def _see(self, bet: Bet, tickets: Sequence[Ticket]) -> None:
        """Applies what the tickets say. Where they may be a part only (a booked one is missing, or the bet ends with less than
        its stake), the bet itself is asked for first."""
        self._denials.forget(bet.intent.intent_id)
        router = self._context.settings.router
        seen = read_tickets(bet, tickets, router)
        short = sum(ticket.stake_minor for ticket in tickets) < bet.intent.stake_minor
        if not is_whole(bet, tickets) or (seen.state in FINAL and short):
            asked = await self._asked(bet) if self._budget.take(Errand.DOUBT) else None
            if asked is None:
                return  # a later pass asks again: what the list left out may be the rest of the bet
            tickets = asked or tickets
            seen = read_tickets(bet, tickets, router)
        if seen.state is BetState.REFUSED and await self._more_may_come(bet, tickets):
            return
        await self._applier.apply(bet, seen, tickets)

    async def _more_may_come(self, bet: Bet, tickets: Sequence[Ticket]) -> bool:
        """Whether the bet may have a ticket that is not shown yet: it was sent to more books than have refused it, lately."""
        router = self._context.settings.router
        if (self._context.clock.now() - bet.updated_at).total_seconds() >= router.unknown_error_s:
            return False
        sent = [step for step in await self._ledger.intents.trail(bet.intent.intent_id) if step.target is BetState.SENDING]
        prices = sent[-1].evidence.get("prices") if sent else None
        return isinstance(prices, list) and len(tickets) < len(prices)

    async def _ask_for(self, missing: Sequence[Bet]) -> bool:
        complete = True
        for bet in sorted(missing, key=lambda one: (_URGENCY[one.state], self._asked_at.get(one.intent.intent_id, 0.0))):
            doubtful = bet.state is not BetState.RUNNING
            if not self._budget.take(Errand.DOUBT if doubtful else Errand.ROUTINE):
                return complete and not doubtful
            self._asked_at[bet.intent.intent_id] = self._context.clock.monotonic()
            tickets = await self._asked(bet)
            if tickets is None:
                complete = complete and (not doubtful or self._unreadable.holds(bet.intent.reference))
            elif tickets:
                await self._see(bet, tickets)
            else:
                await self._denied(bet)
        return complete

    async def _asked(self, bet: Bet) -> Sequence[Ticket] | None:
        """The bet's own tickets; None when the venue could not be asked."""
        self._context.heart.count("lookups")
        if bet.state is BetState.UNKNOWN:
            await note_question(self._context.bus, bet.intent.intent_id)
        try:
            return self._unreadable.asked(bet.intent.reference, _once(await self._venue.bet(bet.intent.reference)))
        except VenueError as e:
            self._context.heart.count("venue_errors")
            log.warning("lookup_failed", **bet.intent.names, kind=e.kind, detail=e.detail[:200])
            return None

    async def _denied(self, bet: Bet) -> None:
        """The venue says it does not know a bet that it should or may know."""
        intent_id, now = bet.intent.intent_id, self._context.clock.now()
        denials = self._denials.note(intent_id, now)
        answered = bet.state is BetState.PENDING or await self._was_answered(intent_id)
        if not self._denials.believed(intent_id, unknown_since=bet.updated_at, answered=answered, at=now):
            return
        if bet.state is BetState.RUNNING:
            await self._applier.complain(bet, "record", "the venue does not know a bet that it had accepted", now)
            return
        self._denials.forget(intent_id)
        if bet.state is BetState.PENDING:
            await self._applier.doubt(bet, "vanished")
        else:
            await self._applier.never_placed(bet, denials)

    async def _was_answered(self, intent_id: str) -> bool:
        """Whether the placement itself was answered, if only with an error, when the bet became UNKNOWN."""
        steps = [step for step in await self._ledger.intents.trail(intent_id) if step.target is BetState.UNKNOWN]
        return bool(steps) and steps[-1].evidence.get("code") is not None

    async def _look_at_others(self, listed: Mapping[str, list[Ticket]]) -> None:
        """Tickets that belong to no open bet: final bets, which may be regraded, and tickets that are not ours."""
        digests = {reference: _digest(tickets) for reference, tickets in listed.items()}
        fresh = [reference for reference, digest in digests.items() if self._digests.get(reference) != digest]
        ours = {bet.intent.reference: bet for bet in await self._ledger.intents.by_references(fresh)}
        for reference in fresh:
            bet = ours.get(reference)
            if bet is None:
                await self._foreign.see(listed[reference])
            elif bet.state in FINAL and reference not in self._unreadable.listed:
                await self._see_final(bet, listed[reference])
        self._digests = digests
        await self._foreign.follow_up(self._venue, self._budget, self._unreadable.listed.union(listed))

    async def _see_final(self, bet: Bet, tickets: Sequence[Ticket]) -> None:
        """A regrade is applied; a refused bet that lives after all, or a settled one that runs, is first confirmed.

        Of a settled bet in several tickets the list may show only the younger: then the bet itself is asked for, or left alone.
        """
        router = self._context.settings.router
        seen = read_tickets(bet, tickets, router)
        if contradicts(bet.state, seen.state):
            tickets = await self._asked(bet) or ()
            if not tickets or not contradicts(bet.state, read_tickets(bet, tickets, router).state):
                return
            await self._applier.complain(
                bet, "state", f"it is {seen.state} there and {bet.state} here", self._context.clock.now()
            )
            if bet.state not in SETTLED:
                await self._foreign.see(tickets)
            return
        if bet.state in SETTLED and not is_whole(bet, tickets):
            tickets = await self._asked(bet) or ()
            if not tickets or not is_whole(bet, tickets):
                return
            seen = read_tickets(bet, tickets, router)
        await self._applier.apply(bet, seen, tickets)

    async def _watch_unknown(self, open_bets: Iterable[Bet]) -> None:
        """Calls for help while an outcome has been unknown for too long."""
        now, limit = self._context.clock.now(), self._context.settings.router.unknown_alert_s
        unknown = [bet for bet in open_bets if bet.state is BetState.UNKNOWN]
        old = [bet for bet in unknown if (now - bet.updated_at).total_seconds() >= limit]
        self._context.heart.gauge("unknown", len(unknown))
        if not old:
            await self._calls.clear(UNKNOWN_ALERT, now)
            return
        stake = sum(bet.placed_stake_minor or bet.intent.stake_minor for bet in old)
        detail = f"{len(old)} bets UNKNOWN, {self._context.settings.mode.account_currency} {money_text(stake)} at risk."
        action = "The tracker asks the venue again and again; nothing is sent twice."
        await self._calls.raise_(UNKNOWN_ALERT, "page", "Bets with unknown outcome", detail, action, _oldest(old))


def _oldest(bets: Sequence[Bet]) -> datetime:
    return min(bet.updated_at for bet in bets)


def _decides_one(score: EventScore | None, bets: Iterable[Bet]) -> bool:
    return score is not None and any(score.decides(kickoff=bet.intent.kickoff, made_at=bet.intent.created_at) for bet in bets)


def _once(tickets: Iterable[Ticket]) -> list[Ticket]:
    """Each ticket once, the first of a repeated one."""
    return list({ticket_key(ticket): ticket for ticket in reversed(list(tickets))}.values())[::-1]


def _grouped(tickets: Iterable[Ticket]) -> dict[str, list[Ticket]]:
    groups: defaultdict[str, list[Ticket]] = defaultdict(list)
    for ticket in _once(tickets):
        groups[ticket.reference].append(ticket)
    return dict(groups)


def _digest(tickets: Iterable[Ticket]) -> tuple[object, ...]:
    facts = ((ticket_key(t), t.status.value, t.result, t.stake_minor, t.pnl_minor, t.odds) for t in tickets)
    return tuple(sorted(facts, key=str))
