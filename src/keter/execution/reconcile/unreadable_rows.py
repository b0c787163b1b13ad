"""Rows of the venue that cannot be believed, or that the ledger does not store.

They are set aside, counted and reported. Nothing is concluded from such a row, and everything else
in the same list is dealt with as always. Its money counts:

* One of ours stays where the ledger has it, with the stake of the ledger.
* A foreign one with a stake that can be believed is exposure like every foreign ticket.
* An open one without such a stake may be of any size. It counts as more than every limit, so that
  nothing is bet beside it.

A row that was set aside is forgotten when a later answer shows it whole, or does not show it.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime

import msgspec
import structlog

from keter.bus.state.risk import RiskBook, put_bet
from keter.context import Context
from keter.domain.alerts import AlertKind
from keter.domain.exposure import UNKNOWN_STAKE_MINOR, Exposure, ExposureStatus
from keter.domain.tickets import Ticket
from keter.execution.reconcile.alarms import Alarms
from keter.execution.reconcile.foreign_tickets import OPEN, ForeignTickets, book_name
from keter.ledger import Ledger, ticket_key
from keter.plain import plain

log = structlog.get_logger(__name__)
UNKNOWN_STAKE = "unreadable"  # the risk book's name for all stakes of this kind
MOST_NAMED = 5
REFUSED = "a value that the ledger does not take"


class UnreadableRows:
    """The rows set aside, by the reference they came under.

    ``take`` begins a pass, ``report`` ends it.
    """

    def __init__(self, context: Context, ledger: Ledger, alarms: Alarms) -> None:
        self._context = context
        self._ledger = ledger
        self._alarms = alarms
        zone = context.settings.mode.zone
        self._risk = RiskBook(context.bus, context.account.key, clock=context.clock, zone=zone)
        self._listed: dict[str, Ticket] = {}
        self._asked: dict[str, list[Ticket]] = {}
        self._refused: dict[str, Ticket] = {}
        self._since: datetime | None = None
        # Whether an open stake cannot be read. None: what an earlier process left is not known.
        self._stake_unknown: bool | None = None

    def take(self, tickets: Iterable[Ticket]) -> list[Ticket]:
        """Return the tickets of a new list that can be used; set the others aside.

        Those replace what earlier lists had brought. A row that the ledger has refused stays set
        aside while the list shows it unchanged, so that nobody tries it again.
        """
        found = list(tickets)
        self._listed = {ticket_key(ticket): ticket for ticket in found if ticket.unreadable}
        shown = {ticket_key(ticket): ticket for ticket in found}
        self._refused = {
            key: old
            for key, old in self._refused.items()
            if key in shown and _same(old, shown[key])
        }
        for ticket in found:
            self._asked.pop(ticket.reference, None)
        return [ticket for ticket in found if not ticket.unreadable]

    def asked(self, reference: str, tickets: Sequence[Ticket]) -> Sequence[Ticket] | None:
        """Return the tickets of one bet that was asked for.

        Return None if one of them cannot be read: then none is conclusive.
        """
        wrong = [ticket for ticket in tickets if ticket.unreadable]
        if not wrong:
            self._asked.pop(reference, None)
            return tickets
        self._asked[reference] = wrong
        return None

    def refuse(self, tickets: Iterable[Ticket], error: Exception) -> None:
        """Set tickets aside that the ledger does not store."""
        for ticket in tickets:
            log.error("ticket_not_stored", ticket=ticket_key(ticket), error=str(error))
            self._refused[ticket_key(ticket)] = ticket

    @property
    def listed(self) -> frozenset[str]:
        """The references of the rows that the newest list brought."""
        return frozenset(ticket.reference for ticket in self._listed.values())

    @property
    def keys(self) -> frozenset[str]:
        """The ticket keys of the same rows."""
        return frozenset(self._listed)

    async def report(self, foreign: ForeignTickets, open_references: frozenset[str]) -> None:
        """Count what was set aside as exposure, and keep the alert. Raises ledger and bus errors.

        Answers about bets that are not open by now are forgotten.
        """
        self._asked = {
            reference: rows
            for reference, rows in self._asked.items()
            if reference in open_references
        }
        references = sorted(self.listed)
        ours = {bet.intent.reference for bet in await self._ledger.orders.by_references(references)}
        strangers = [
            ticket
            for ticket in self._listed.values()
            if ticket.stake_known and ticket.reference not in ours
        ]
        rows = self._rows()
        await foreign.see(strangers)
        await self._count_unknown(any(not row.stake_known and row.status in OPEN for row in rows))
        await self._alert(rows)

    def _rows(self) -> list[Ticket]:
        """Return everything that is set aside."""
        refused = [
            msgspec.structs.replace(ticket, unreadable=REFUSED) for ticket in self._refused.values()
        ]
        asked = [ticket for tickets in self._asked.values() for ticket in tickets]
        return [*self._listed.values(), *asked, *refused]

    async def _count_unknown(self, stake_unknown: bool) -> None:
        """Keep an exposure beyond every limit for as long as an open stake cannot be read."""
        if stake_unknown:
            since = self._since or self._context.clock.now()
            await put_bet(self._context.bus, _unknown_exposure(self._context.account.key, since))
        elif self._stake_unknown is not False:
            await self._risk.release(book_name(self._context.account.key, UNKNOWN_STAKE))
        self._stake_unknown = stake_unknown

    async def _alert(self, rows: Sequence[Ticket]) -> None:
        now = self._context.clock.now()
        self._context.heart.gauge("unreadable_tickets", len(rows))
        if not rows:
            self._since = None
            await self._alarms.clear(AlertKind.UNREADABLE_TICKETS, now)
            return
        self._since = self._since or now
        named = "; ".join(_sentence(row) for row in rows[:MOST_NAMED])
        more = f"; and {len(rows) - MOST_NAMED} more" if len(rows) > MOST_NAMED else ""
        stop = (
            " Nothing is bet beside an open stake that nobody can read."
            if self._stake_unknown
            else ""
        )
        detail = f"{len(rows)}: {named}{more}.{stop}"
        await self._alarms.raise_(AlertKind.UNREADABLE_TICKETS, detail, self._since)


def _same(one: Ticket, other: Ticket) -> bool:
    """Return whether both say the same, but for the time.

    A ticket without a time of its own is given that of the question.
    """
    return msgspec.structs.replace(one, placed_at=other.placed_at) == other


def _sentence(ticket: Ticket) -> str:
    name = ticket.ticket_id or ticket.reference or "without a number"
    return plain(
        f"{ticket.book or 'no book'} {name}, {ticket.home} v {ticket.away}: {ticket.unreadable}",
        200,
    )


def _unknown_exposure(account: str, since: datetime) -> Exposure:
    return Exposure(
        decision_id=book_name(account, UNKNOWN_STAKE),
        event_uid="foreign-unreadable",
        league="",
        market=None,
        outcome=None,
        stake_minor=UNKNOWN_STAKE_MINOR,
        odds="",
        status=ExposureStatus.BET,
        made_at=since,
        account=account,
        strategy="",
    )
