"""Is another Keter on this account?

Two copies on two ledgers know nothing of each other: each passes the other's decisions.

Two signs: open tickets under a reference that a Keter makes and this ledger does not know, and a
session that is taken away again and again. Either stops betting until somebody has looked: a pause
without end, and LIVE disarmed.
"""

from collections.abc import Iterable, Sequence

import structlog

from keter.bus.state.accounts import contested
from keter.context import Context
from keter.control.base import Operator
from keter.domain.bets import made_by_keter
from keter.domain.processes import Process
from keter.domain.tickets import Ticket
from keter.errors import RetryLaterError, UsageError
from keter.execution.reconcile.alarms import Alarms, control_of
from keter.ledger import ForeignTicket, Ledger, ticket_key

log = structlog.get_logger(__name__)
ALERT = "second-copy"
REASON = "second copy"
# As the guard: a pause that protects is only ended by somebody who proves who he is.
OPERATOR = Operator(Process.GUARD.value, "tracker")


class SecondCopy:
    """One account's signs of another Keter.

    Stops betting once per sign, before the sign itself is written down.
    """

    def __init__(self, context: Context, ledger: Ledger, calls: Alarms, account: str) -> None:
        self._context = context
        self._ledger = ledger
        self._calls = calls
        self._account = account
        self._contested = False

    async def see(self, standing: Sequence[Ticket]) -> None:
        """Open foreign tickets, not yet in the ledger's list of them: a Keter's reference among
        them stops betting.
        """
        unknown = await self._unknown(ticket.reference for ticket in standing)
        suspects = [ticket for ticket in standing if ticket.reference in unknown]
        if not suspects:
            return
        mode = self._context.settings.mode.execution_mode
        known = {row.ticket_key for row in await self._ledger.foreign.open(self._account, mode)}
        fresh = [ticket for ticket in suspects if ticket_key(ticket) not in known]
        if fresh:
            made_at = (await self._ledger.identity()).made_at
            older = sum(ticket.placed_at < made_at for ticket in fresh)
            await self._stop(
                f"{len(fresh)} open tickets of a Keter that this ledger does not know, {older}"
                " older than it"
            )

    async def look(self, standing: Sequence[ForeignTicket]) -> None:
        """Keep the alert for as long as there is a sign; a session fought over stops betting
        once.
        """
        fought = await contested(self._context.bus, self._account)
        if fought and not self._contested:
            await self._stop("the session was taken away again and again")
        self._contested = fought
        unknown = await self._unknown(row.reference for row in standing)
        theirs = [row for row in standing if row.reference in unknown]
        now = self._context.clock.now()
        if not theirs and not fought:
            await self._calls.clear(ALERT, now)
            return
        signs = (
            [f"{len(theirs)} open tickets carry a Keter's reference that this ledger does not know"]
            if theirs
            else []
        )
        signs += ["another program keeps taking the session"] if fought else []
        action = (
            "Stop the other copy, or put the right ledger back. Then `keter resume` and, in LIVE,"
            " `keter arm`."
        )
        title = "Another Keter bets on this account"
        since = theirs[0].first_seen_at if theirs else now
        await self._calls.raise_(
            ALERT, "page", title, f"{'; '.join(signs)}. Betting was paused.", action, since
        )

    async def _unknown(self, references: Iterable[str]) -> set[str]:
        """Those of a Keter's making that this ledger never gave out: a bet of ours that was
        believed refused may live.
        """
        made = {reference for reference in references if made_by_keter(reference)}
        ours = await self._ledger.intents.by_references(sorted(made))
        return made - {bet.intent.reference for bet in ours}

    async def _stop(self, why: str) -> None:
        log.error("second_copy", account=self._account, reason=why)
        control = control_of(self._context, self._ledger)
        await control.disarm(OPERATOR, self._account, f"{REASON}: {why}")
        try:
            await control.pause(OPERATOR, f"{REASON}: {why}")
        except UsageError as e:  # trading is halted, which is stronger
            log.info("stopped_already", reason=str(e))
        except RetryLaterError as e:
            # Somebody changed the state at this very moment; LIVE is disarmed in any case.
            log.warning("pause_overtaken", error=str(e))
