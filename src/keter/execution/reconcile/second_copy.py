"""Finds another Keter on the account.

Two copies on two ledgers know nothing of each other: each passes the other's decisions. There are
two signs. One is open tickets under a reference that a Keter makes and this ledger does not know.
The other is a session that is taken away again and again. Either stops betting until a person has
looked: a pause without end, and LIVE disarmed.
"""

from collections.abc import Iterable, Sequence

import structlog

from keter.bus.state.accounts import contested
from keter.context import Context
from keter.control.base import Operator
from keter.domain.alerts import AlertKind
from keter.domain.processes import Process
from keter.domain.references import ReferenceForm, is_ours
from keter.domain.tickets import Ticket
from keter.errors import RetryLaterError, UsageError
from keter.execution.reconcile.alarms import Alarms, control_of
from keter.ledger import ForeignTicket, Ledger, ticket_key

log = structlog.get_logger(__name__)
REASON = "second copy"
# In the guard's name: a pause that protects is only ended by somebody who proves who he is.
OPERATOR = Operator(Process.GUARD.value, "tracker")


class SecondCopy:
    """One account's signs of another Keter.

    Betting is stopped once for each sign, before the sign itself is written down. ``form`` is that
    of our references at the venue.
    """

    def __init__(
        self,
        context: Context,
        ledger: Ledger,
        alarms: Alarms,
        account: str,
        form: ReferenceForm,
    ) -> None:
        self._context = context
        self._ledger = ledger
        self._alarms = alarms
        self._account = account
        self._form = form
        self._contested = False

    async def see(self, open_tickets: Sequence[Ticket]) -> None:
        """Stop betting if a new foreign ticket has a Keter's reference.

        New tickets are not in the ledger yet. Raises ledger and bus errors.
        """
        unknown = await self._unknown(ticket.reference for ticket in open_tickets)
        suspects = [ticket for ticket in open_tickets if ticket.reference in unknown]
        if not suspects:
            return
        mode = self._context.account.mode
        known = {row.ticket_key for row in await self._ledger.foreign.open(self._account, mode)}
        fresh = [ticket for ticket in suspects if ticket_key(ticket) not in known]
        if fresh:
            made_at = (await self._ledger.identity()).made_at
            older = sum(ticket.placed_at < made_at for ticket in fresh)
            await self._stop(
                f"{len(fresh)} open tickets of a Keter that this ledger does not know, {older}"
                " older than it"
            )

    async def watch(self, open_rows: Sequence[ForeignTicket]) -> None:
        """Keep the alert as long as there is a sign; stop betting once for a contested session."""
        fought = await contested(self._context.bus, self._account)
        if fought and not self._contested:
            await self._stop("the session was taken away again and again")
        self._contested = fought
        unknown = await self._unknown(row.reference for row in open_rows)
        theirs = [row for row in open_rows if row.reference in unknown]
        now = self._context.clock.now()
        if not theirs and not fought:
            await self._alarms.clear(AlertKind.SECOND_COPY, now)
            return
        signs = (
            [f"{len(theirs)} open tickets carry a Keter's reference that this ledger does not know"]
            if theirs
            else []
        )
        signs += ["another program keeps taking the session"] if fought else []
        since = theirs[0].first_seen_at if theirs else now
        detail = f"{'; '.join(signs)}. Betting was paused."
        await self._alarms.raise_(AlertKind.SECOND_COPY, detail, since)

    async def _unknown(self, references: Iterable[str]) -> set[str]:
        """Return the references that a Keter made and this ledger never gave out.

        One that it gave out may be a bet of ours that was believed refused and lives.
        """
        made = {reference for reference in references if is_ours(reference, self._form)}
        ours = await self._ledger.orders.by_references(sorted(made))
        return made - {bet.intent.reference for bet in ours}

    async def _stop(self, why: str) -> None:
        log.error("second_copy", account=self._account, reason=why)
        control = control_of(self._context, self._ledger)
        await control.disarm(OPERATOR, self._account, f"{REASON}: {why}")
        try:
            await control.pause(OPERATOR, f"{REASON}: {why}")
        except UsageError as e:
            # Trading is halted, which is stronger.
            log.info("stopped_already", reason=str(e))
        except RetryLaterError as e:
            # Somebody changed the state at this very moment; LIVE is disarmed in any case.
            log.warning("pause_overtaken", error=str(e))
