"""Rows of the venue that cannot be believed, or that the ledger does not take: set aside, counted,
told.

Nothing is concluded from such a row, and everything else in the same list is dealt with as always.
Its money counts:

* one of ours stays where the ledger has it, with the stake of the ledger;
* a stranger's with a stake that can be believed is exposure like every ticket that is not ours;
* an open one without such a stake may be of any size. It counts as more than every limit, so that nothing is bet beside it.

What a row was set aside for is forgotten when a later answer shows it whole, or does not show it
any more.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime

import msgspec
import structlog

from keter.bus.state.risk import RiskBook, put_bet
from keter.context import Context
from keter.domain.exposure import FOREIGN_PREFIX, Exposure, ExposureStatus
from keter.domain.tickets import Ticket
from keter.execution.reconcile.alarms import Alarms
from keter.execution.reconcile.foreign_tickets import STANDING, Foreign
from keter.ledger import Ledger, ticket_key
from keter.plain import plain

log = structlog.get_logger(__name__)
ALERT = "unreadable-tickets"
UNTOLD = FOREIGN_PREFIX + "unreadable"  # the risk book's name for all stakes that nobody can read
UNTOLD_MINOR = 10**12  # the settings take no limit as large
MOST_NAMED = 5
REFUSED = "a value that the ledger does not take"


class Unreadable:
    """The rows set aside, by the reference they came under.

    ``take`` begins a pass, ``tell`` ends it.
    """

    def __init__(self, context: Context, ledger: Ledger, calls: Alarms) -> None:
        self._context = context
        self._ledger = ledger
        self._calls = calls
        self._risk = RiskBook(context.bus, clock=context.clock, zone=context.settings.mode.zone)
        self._listed: dict[str, Ticket] = {}
        self._asked: dict[str, list[Ticket]] = {}
        self._refused: dict[str, Ticket] = {}
        self._since: datetime | None = None
        # None: what an earlier life left in the risk book is not known.
        self._untold: bool | None = None

    def take(self, tickets: Iterable[Ticket]) -> list[Ticket]:
        """Of a fresh bet list those that can be used; the others replace what earlier lists had
        brought.

        A row that the ledger has refused stays set aside while the list shows it unchanged: nobody
        tries it again.
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
        """The tickets of one bet that was asked for; None when one of them cannot be read: then
        none is conclusive.
        """
        wrong = [ticket for ticket in tickets if ticket.unreadable]
        if not wrong:
            self._asked.pop(reference, None)
            return tickets
        self._asked[reference] = wrong
        return None

    def refuse(self, tickets: Iterable[Ticket], error: Exception) -> None:
        """The ledger does not take what these tickets say."""
        for ticket in tickets:
            log.error("ticket_not_stored", ticket=ticket_key(ticket), error=str(error))
            self._refused[ticket_key(ticket)] = ticket

    def holds(self, reference: str) -> bool:
        """Whether a row under this reference was set aside."""
        return reference in self._asked or reference in self.listed

    @property
    def listed(self) -> frozenset[str]:
        """The references of the rows that the newest list brought."""
        return frozenset(ticket.reference for ticket in self._listed.values())

    @property
    def keys(self) -> frozenset[str]:
        """The ticket keys of the same rows."""
        return frozenset(self._listed)

    async def tell(self, foreign: Foreign, open_references: frozenset[str]) -> None:
        """Count what was set aside and keeps the alarm. Raises ledger and bus errors."""
        self._asked = {
            reference: rows
            for reference, rows in self._asked.items()
            if reference in open_references
        }
        refused = [
            msgspec.structs.replace(ticket, unreadable=REFUSED) for ticket in self._refused.values()
        ]
        rows = [
            *self._listed.values(),
            *(ticket for tickets in self._asked.values() for ticket in tickets),
            *refused,
        ]
        ours = {
            bet.intent.reference
            for bet in await self._ledger.intents.by_references(sorted(self.listed))
        }
        strangers = [
            ticket
            for ticket in self._listed.values()
            if ticket.stake_known and ticket.reference not in ours
        ]
        await foreign.see(strangers)
        await self._count_untold(
            any(not row.stake_known and row.status in STANDING for row in rows)
        )
        await self._alarm(rows)

    async def _count_untold(self, untold: bool) -> None:
        """An exposure beyond every limit, for as long as an open stake cannot be read."""
        if untold:
            await put_bet(
                self._context.bus, _untold_exposure(self._since or self._context.clock.now())
            )
        elif self._untold is not False:
            await self._risk.release(UNTOLD)
        self._untold = untold

    async def _alarm(self, rows: Sequence[Ticket]) -> None:
        now = self._context.clock.now()
        self._context.heart.gauge("unreadable_tickets", len(rows))
        if not rows:
            self._since = None
            await self._calls.clear(ALERT, now)
            return
        self._since = self._since or now
        named = "; ".join(_sentence(row) for row in rows[:MOST_NAMED])
        more = f"; and {len(rows) - MOST_NAMED} more" if len(rows) > MOST_NAMED else ""
        stop = " Nothing is bet beside an open stake that nobody can read." if self._untold else ""
        action = (
            "Each counts as exposure; nothing is concluded from it. Compare with the venue's own"
            " page."
        )
        title = "Rows of the venue cannot be read"
        await self._calls.raise_(
            ALERT, "page", title, f"{len(rows)}: {named}{more}.{stop}", action, self._since
        )


def _same(one: Ticket, other: Ticket) -> bool:
    """The time does not count: a ticket that tells none is given that of the look."""
    return msgspec.structs.replace(one, placed_at=other.placed_at) == other


def _sentence(ticket: Ticket) -> str:
    name = ticket.ticket_id or ticket.reference or "without a number"
    return plain(
        f"{ticket.book or 'no book'} {name}, {ticket.home} v {ticket.away}: {ticket.unreadable}",
        200,
    )


def _untold_exposure(since: datetime) -> Exposure:
    return Exposure(
        decision_id=UNTOLD,
        event_uid="foreign-unreadable",
        league="",
        market=None,
        side=None,
        stake_minor=UNTOLD_MINOR,
        odds="",
        status=ExposureStatus.BET,
        made_at=since,
    )
