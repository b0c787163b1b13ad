"""Tickets that no open bet of ours explains: bets by hand, another program's, or one of ours that
was believed refused.

They count as exposure for as long as they stand, so that our limits hold for the account as a
whole; their profit is not ours.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime

import structlog

from keter.bus.state.risk import RiskBook, put_bet
from keter.context import Context
from keter.domain.exposure import FOREIGN_PREFIX, Exposure, ExposureStatus
from keter.domain.markets import event_uid, slug
from keter.domain.tickets import Ticket, TicketStatus
from keter.execution.reconcile.alarms import Alarms
from keter.execution.reconcile.not_found import LEAST_DENIALS
from keter.execution.reconcile.query_order import Waiting
from keter.execution.reconcile.second_copy import SecondCopy
from keter.ledger import ForeignTicket, Ledger, UnstorableRowError, ticket_key
from keter.venues.base import BetVenue, VenueError

log = structlog.get_logger(__name__)
ALERT = "foreign-bets"
STANDING = frozenset({TicketStatus.PENDING, TicketStatus.RUNNING})


Refuse = Callable[[Iterable[Ticket], Exception], None]


class Foreign:
    """The account's tickets that are not ours, in ledger and risk book."""

    def __init__(
        self, context: Context, ledger: Ledger, calls: Alarms, account: str, refuse: Refuse
    ) -> None:
        self._context = context
        self._ledger = ledger
        self._calls = calls
        self._account = account
        self._mode = context.settings.mode.execution_mode
        self._risk = RiskBook(context.bus, clock=context.clock, zone=context.settings.mode.zone)
        self._refuse = refuse
        self._denied: dict[str, int] = {}
        self._copies = SecondCopy(context, ledger, calls, account)
        self._gone: dict[str, ForeignTicket] = {}
        self._asked: dict[str, datetime] = {}

    async def see(self, tickets: Sequence[Ticket]) -> None:
        """Note tickets as the venue shows them; those that stand become exposure, others cease to
        be.

        One that the ledger does not take is exposure all the same.
        """
        await self._copies.see([ticket for ticket in tickets if ticket.status in STANDING])
        for ticket in tickets:
            new = await self._note(ticket)
            if ticket.status in STANDING:
                await put_bet(self._context.bus, exposure_of_ticket(ticket))
                if new:
                    self._context.heart.count("foreign")
                    log.warning(
                        "foreign_bet", ticket=ticket_key(ticket), stake_minor=ticket.stake_minor
                    )
            else:
                await self._risk.release(FOREIGN_PREFIX + ticket_key(ticket))

    async def _note(self, ticket: Ticket) -> bool:
        """Write the ticket down; True when it is seen for the first time."""
        try:
            return await self._ledger.foreign.put(
                self._account, self._mode, ticket, at=self._context.clock.now()
            )
        except UnstorableRowError as e:
            self._refuse([ticket], e)
            return False

    async def unlisted(self, listed: frozenset[str]) -> list[Waiting]:
        """The open foreign tickets that the list, with these ticket keys, does not show any more:
        to be asked for.
        """
        now = self._context.clock.now()
        standing = await self._ledger.foreign.open(self._account, self._mode)
        self._gone = {
            FOREIGN_PREFIX + row.ticket_key: row for row in standing if row.ticket_key not in listed
        }
        self._asked = {key: self._asked.get(key, now) for key in self._gone}
        return [Waiting(key, doubtful=False, since=at) for key, at in self._asked.items()]

    async def ask_for(self, venue: BetVenue, key: str) -> bool:
        """Asks for one of them; False when it is none."""
        row = self._gone.get(key)
        if row is None:
            return False
        self._asked[key] = self._context.clock.now()
        await self._ask_for(venue, row)
        return True

    async def tell(self) -> None:
        """Keep the alert as long as some stand."""
        now = self._context.clock.now()
        left = await self._ledger.foreign.open(self._account, self._mode)
        self._context.heart.gauge("foreign_open", len(left))
        await self._copies.look(left)
        if not left:
            await self._calls.clear(ALERT, now)
            return
        detail = f"{len(left)} open tickets at the venue are not Keter's; they count as exposure."
        action = "Nothing is done to them. If nobody made them, change the account's password."
        await self._calls.raise_(
            ALERT, "ticket", "Bets that are not ours", detail, action, left[0].first_seen_at
        )

    async def _ask_for(self, venue: BetVenue, row: ForeignTicket) -> None:
        try:
            found = await venue.bet(row.reference)
        except VenueError as e:
            log.warning("lookup_failed", ticket=row.ticket_key, kind=e.kind)
            return
        # Else it counts with the stake it had.
        await self.see([ticket for ticket in found if ticket.stake_known])
        # Else it goes by another number meanwhile.
        if any(ticket_key(ticket) == row.ticket_key for ticket in found):
            self._denied.pop(row.ticket_key, None)
            return
        self._denied[row.ticket_key] = self._denied.get(row.ticket_key, 0) + 1
        if self._denied[row.ticket_key] >= LEAST_DENIALS:
            self._denied.pop(row.ticket_key)
            await self._ledger.foreign.mark_void(
                self._account, self._mode, row.ticket_key, at=self._context.clock.now()
            )
            await self._risk.release(FOREIGN_PREFIX + row.ticket_key)


def exposure_of_ticket(ticket: Ticket) -> Exposure:
    """What a foreign ticket puts at risk; one whose event has no date still falls under a name of
    its own.
    """
    known = ticket.kickoff is not None and ticket.home and ticket.away
    uid = (
        event_uid(ticket.sport, ticket.kickoff, ticket.home, ticket.away)
        if known and ticket.kickoff is not None
        else f"foreign-{slug(ticket.home)}-v-{slug(ticket.away)}"
    )
    return Exposure(
        decision_id=FOREIGN_PREFIX + ticket_key(ticket),
        event_uid=uid,
        league=ticket.league,
        market=ticket.market,
        side=ticket.side,
        stake_minor=ticket.stake_minor,
        odds=ticket.odds,
        status=ExposureStatus.BET,
        made_at=ticket.placed_at,
        score_at_bet=ticket.score_at_bet,
    )
