"""The router: approved signals to bets, one at a time, by the one process that owns the account.

What it does to a signal is in ``keter.execution``. Here are the queues around it and the rules of
strategy and risk that it holds a bet against. Cancels go first, in every turn, open or closed.
"""

import contextlib
from collections.abc import Awaitable, Callable

from keter.bus.codec import decode, encode
from keter.bus.errors import LeaseLostError, PoisonedPayloadError
from keter.bus.locks import Lease
from keter.bus.queue import Item, Pipe, approved_for
from keter.context import Context
from keter.domain.signals import ApprovedSignal
from keter.execution.approvals import STAGE, ApprovalHandler
from keter.execution.cancelling import Canceller
from keter.execution.conditions import Sources
from keter.ledger import FencedError, Ledger, LedgerUnavailableError
from keter.opening.stores import open_settings_ledger
from keter.opening.venues import open_bet_venue
from keter.processes.cancel_turns import CancelTurns
from keter.processes.handling import kept_leases
from keter.processes.leader import run_as_leader
from keter.processes.placement_rules import placement_limits
from keter.processes.redis_following import REDIS_TROUBLE, retry_pauses
from keter.processes.serving import serve
from keter.processes.turns import Handled, traced
from keter.risk.permission import Permission
from keter.venues.base import Bookmaker


async def run(context: Context) -> None:
    """Route until asked to stop."""
    ledger = await open_settings_ledger(context.settings, clock=context.clock)
    venue = open_bet_venue(context.settings, context.account, context.bus, ledger, context.clock)
    try:
        await route(context, ledger, venue)
    finally:
        await venue.aclose()
        await ledger.aclose()


async def route(context: Context, ledger: Ledger, venue: Bookmaker) -> None:
    """Own the account whenever the lease is ours.

    An ownership begins anew whenever the lease or the ledger was lost.
    """
    account = context.account.key
    backoff = retry_pauses()

    async def body(lease: Lease) -> None:
        while not context.stop.is_set():
            try:
                await Router(context, ledger, venue, account, leading=lease.valid).run()
            except FencedError as e:
                raise LeaseLostError(str(e)) from e
            except LedgerUnavailableError as e:
                context.heart.error(str(e))
                context.log.error("ledger_unavailable", error=str(e))  # noqa: TRY400 - an outage, not a bug
                await context.pause(backoff.next())

    await run_as_leader(context, f"router:{account}", body)


class Router:
    """One ownership of the account with its queue."""

    def __init__(
        self,
        context: Context,
        ledger: Ledger,
        venue: Bookmaker,
        account: str,
        *,
        leading: Callable[[], Awaitable[bool]],
    ) -> None:
        self._context = context
        self._account = account
        settings, run = context.settings, context.run.mark
        permission = Permission(context.bus, settings, context.clock, account, run)
        sources = Sources(leading, ledger.commands.last_trading, permission.missing)
        limits = placement_limits(settings)
        self.approvals = ApprovalHandler(context, ledger, venue, account, limits, sources)
        self._ledger, self._venue = ledger, venue
        self._cancels: list[CancelTurns] = []  # one from the takeover on
        self._pipes: list[Pipe] = []

    async def run(self) -> None:
        """Take over, wait for the reconciliation, then serve the queue until asked to stop.

        Cancels are served from the takeover on. Raises FencedError, LedgerUnavailableError and the
        bus's errors.
        """
        cancels = await self.begin()
        try:
            await self.approvals.until_reconciled(self.serve_cancels)
            pipe = self._context.pipe(approved_for(self._account))
            self._pipes.append(pipe)
            await serve(
                self._context, pipe, self.handle, batch=1, tick=self.tick, beside=[cancels.pipe]
            )
        finally:
            # What is in hand returns to its queue at once; else when its lease has expired.
            with contextlib.suppress(*REDIS_TROUBLE):
                await cancels.pipe.close()

    async def begin(self) -> CancelTurns:
        """Take over, and serve cancels from now on."""
        owner = await self.approvals.take_over()
        canceller = Canceller(owner, self._venue, self._ledger, clock=self._context.clock)
        cancels = CancelTurns(self._context, canceller, self._account)
        await cancels.pipe.open()
        self._cancels, self._pipes = [cancels], [cancels.pipe]
        return cancels

    async def tick(self) -> Handled:
        """Serve the cancels, and acknowledge commands while there is nothing to bet."""
        await self.serve_cancels()
        await self.approvals.watch_trading()
        return Handled()

    async def serve_cancels(self) -> None:
        """Serve every cancel that waits, whatever keeps bets from being made."""
        async with kept_leases(self._context, self._pipes):
            for cancels in self._cancels:
                await cancels.turn()

    async def handle(self, item: Item) -> Handled:
        """Handle one approval.

        Raises PoisonedPayloadError for what is no approval, or one for another account.
        """
        approved = decode(ApprovedSignal, item.payload)
        update = approved.signal.update
        if update.account != self._account:
            wrong = f"approved for account {update.account}, not for {self._account}"
            raise PoisonedPayloadError(wrong)
        named = traced(update, approved.signal.selection_id)
        async with kept_leases(self._context, self._pipes):
            with named:
                result, decision = await self.approvals.handle(approved)
        count = self._context.count_name(STAGE, result.verdict.reason.value, self._account)
        return Handled(counts={count: 1}, audit=[encode(decision)])
