"""Tickets that no open bet of ours explains.

They are bets by hand, another program's, or one of ours that was believed refused. They count as
exposure while they are open, so that our limits hold for the account as a whole. Their profit is
not ours.
"""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime

import structlog

from keter.bus.state.risk import RiskBook, put_bet
from keter.context import Context
from keter.domain.alerts import AlertKind
from keter.domain.exposure import FOREIGN_PREFIX, Exposure, ExposureStatus, Terms, terms_of
from keter.domain.markets import event_uid, slug
from keter.domain.references import ReferenceForm
from keter.domain.tickets import Ticket, TicketStatus
from keter.execution.reconcile.alarms import Alarms
from keter.execution.reconcile.order_updates import Refuse
from keter.execution.reconcile.query_budget import Waiting
from keter.execution.reconcile.second_copy import SecondCopy
from keter.execution.reconcile.uncertainty import LEAST_DENIALS
from keter.ledger import ForeignTicket, Ledger, UnstorableRowError, ticket_key
from keter.venues.base import VenueError

log = structlog.get_logger(__name__)
OPEN = frozenset({TicketStatus.PENDING, TicketStatus.RUNNING})
# Asks the venue for a reference. Raises VenueError.
Ask = Callable[[str], Awaitable[Sequence[Ticket]]]


class ForeignTickets:
    """The account's tickets that are not ours, in ledger and risk book.

    ``refuse`` takes tickets that the ledger does not store, with its error.
    """

    def __init__(
        self,
        context: Context,
        ledger: Ledger,
        alarms: Alarms,
        account: str,
        refuse: Refuse,
        form: ReferenceForm,
    ) -> None:
        self._context = context
        self._ledger = ledger
        self._alarms = alarms
        self._account = account
        self._mode = context.account.mode
        zone = context.settings.mode.zone
        self._risk = RiskBook(context.bus, context.account.key, clock=context.clock, zone=zone)
        self._terms = terms_of(context.account)
        self._refuse = refuse
        self._denied: dict[str, int] = {}
        self._copies = SecondCopy(context, ledger, alarms, account, form)
        self._unlisted: dict[str, ForeignTicket] = {}
        self._asked: dict[str, datetime] = {}

    async def see(self, tickets: Sequence[Ticket]) -> None:
        """Note tickets as the venue shows them: open ones become exposure, others cease to be.

        One that the ledger does not store is exposure all the same. Raises ledger and bus errors.
        """
        await self._copies.see([ticket for ticket in tickets if ticket.status in OPEN])
        for ticket in tickets:
            is_new = await self._note(ticket)
            if ticket.status not in OPEN:
                await self._risk.release(self._name(ticket_key(ticket)))
                continue
            exposure = exposure_of_ticket(ticket, self._account, self._terms)
            await put_bet(self._context.bus, exposure)
            if is_new:
                self._context.heart.count("foreign")
                log.warning(
                    "foreign_bet", ticket=ticket_key(ticket), stake_minor=ticket.stake_minor
                )

    def _name(self, key: str) -> str:
        return book_name(self._account, key)

    async def _note(self, ticket: Ticket) -> bool:
        """Write the ticket into the ledger; True when it is seen for the first time."""
        now = self._context.clock.now()
        try:
            return await self._ledger.foreign.put(self._account, self._mode, ticket, at=now)
        except UnstorableRowError as e:
            self._refuse([ticket], e)
            return False

    async def unlisted(self, listed: frozenset[str]) -> list[Waiting]:
        """Return the open foreign tickets to ask for: those whose keys are not ``listed``."""
        now = self._context.clock.now()
        rows = await self._ledger.foreign.open(self._account, self._mode)
        self._unlisted = {
            self._name(row.ticket_key): row for row in rows if row.ticket_key not in listed
        }
        self._asked = {key: self._asked.get(key, now) for key in self._unlisted}
        return [Waiting(key, doubtful=False, since=at) for key, at in self._asked.items()]

    async def ask_for(self, ask: Ask, key: str) -> bool:
        """Ask for an unlisted ticket; False if ``key`` is none of them."""
        row = self._unlisted.get(key)
        if row is None:
            return False
        self._asked[key] = self._context.clock.now()
        await self._ask_for(ask, row)
        return True

    async def report(self) -> None:
        """Raise the alert while some are open, and clear it after."""
        now = self._context.clock.now()
        left = await self._ledger.foreign.open(self._account, self._mode)
        self._context.heart.gauge("foreign_open", len(left))
        await self._copies.watch(left)
        if not left:
            await self._alarms.clear(AlertKind.FOREIGN_BETS, now)
            return
        detail = f"{len(left)} open tickets at the venue are not Keter's; they count as exposure."
        await self._alarms.raise_(AlertKind.FOREIGN_BETS, detail, left[0].first_seen_at)

    async def _ask_for(self, ask: Ask, row: ForeignTicket) -> None:
        try:
            found = await ask(row.reference)
        except VenueError as e:
            log.warning("lookup_failed", ticket=row.ticket_key, kind=e.kind)
            return
        # A ticket whose stake cannot be read goes on counting with the stake it had.
        await self.see([ticket for ticket in found if ticket.stake_known])
        # A ticket that is not found under its key goes by another number meanwhile.
        if any(ticket_key(ticket) == row.ticket_key for ticket in found):
            self._denied.pop(row.ticket_key, None)
            return
        self._denied[row.ticket_key] = self._denied.get(row.ticket_key, 0) + 1
        if self._denied[row.ticket_key] >= LEAST_DENIALS:
            self._denied.pop(row.ticket_key)
            await self._ledger.foreign.mark_void(
                self._account, self._mode, row.ticket_key, at=self._context.clock.now()
            )
            await self._risk.release(self._name(row.ticket_key))


def book_name(account: str, key: str) -> str:
    """Return the risk book's name of a ticket that is not ours, by its key on the account."""
    return f"{FOREIGN_PREFIX}{account}:{key}"


def exposure_of_ticket(ticket: Ticket, account: str, terms: Terms) -> Exposure:
    """Return what a foreign ticket puts at risk on its account.

    A running ticket is filled. A pending one may still be refused.
    """
    # Without its time an event has no uid of ours; the names of the teams stand for it then.
    uid = f"foreign-{slug(ticket.home)}-v-{slug(ticket.away)}"
    if ticket.kickoff is not None and ticket.home and ticket.away:
        uid = event_uid(ticket.sport, ticket.kickoff, ticket.home, ticket.away)
    return Exposure(
        decision_id=book_name(account, ticket_key(ticket)),
        event_uid=uid,
        league=ticket.league,
        market=ticket.market,
        outcome=ticket.outcome,
        stake_minor=ticket.stake_minor,
        odds=ticket.odds,
        status=ExposureStatus.BET,
        made_at=ticket.placed_at,
        score_at_bet=ticket.score_at_bet,
        account=account,
        side=ticket.side,
        fills=((ticket.stake_minor, ticket.odds),) if ticket.status is TicketStatus.RUNNING else (),
        strategy="",
        terms=terms,
    )
