"""The router: approved signals to bets, one at a time, by the one process that owns the account.

What it does to a signal is in ``keter.execution``. Here are the queue around it and the rules of
strategy and risk that it holds a bet against.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from functools import partial

from keter.bus.codec import decode, encode
from keter.bus.errors import LeaseLostError, PoisonedPayloadError
from keter.bus.locks import Lease
from keter.bus.queue import Item, Pipe, approved_for
from keter.context import Context
from keter.domain.exposure import terms_of
from keter.domain.signals import ApprovedSignal
from keter.domain.verdicts import Verdict
from keter.execution.approvals import STAGE, ApprovalHandler
from keter.execution.conditions import Sources
from keter.execution.placement_checks import PlacementFacts, PlacementLimits, PlacementRules
from keter.ledger import FencedError, Ledger, LedgerUnavailableError
from keter.opening.stores import open_settings_ledger
from keter.opening.venues import open_bet_venue
from keter.processes.leader import run_as_leader
from keter.processes.redis_following import REDIS_TROUBLE, retry_pauses
from keter.processes.serving import serve
from keter.processes.turns import Handled, traced
from keter.risk import reduce_only
from keter.risk.caps import Caps, Held, within_own_caps
from keter.risk.gate import as_exposure
from keter.risk.permission import Permission
from keter.settings import Settings
from keter.strategies.value.recheck import recheck_price
from keter.system.tasks import end_tasks, sleep
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


def placement_limits(settings: Settings) -> PlacementLimits:
    """Return the settings and rules that every placement is held against."""
    price = partial(recheck_price, settings.edge)
    caps = partial(_within_caps, settings)
    rules = PlacementRules(price, reduce_only.recheck, caps)
    return PlacementLimits(settings.router, settings.stake, settings.validation.in_play, rules)


def _within_caps(settings: Settings, approved: ApprovedSignal, facts: PlacementFacts) -> Verdict:
    terms, common = terms_of(settings.account), settings.common_risk
    bet = as_exposure(approved.signal, approved.stake_minor, terms, approved.decision_id)
    held, caps = Held(facts.book, facts.of_others), Caps(facts.caps, common)
    return within_own_caps(bet, held, facts.staked_minor, caps)


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
        self._pipe: Pipe | None = None

    async def run(self) -> None:
        """Take over, wait for the reconciliation, then serve the queue until asked to stop.

        Raises FencedError, LedgerUnavailableError and the bus's errors.
        """
        await self.approvals.take_over()
        await self.approvals.until_reconciled()
        self._pipe = self._context.pipe(approved_for(self._account))
        await serve(self._context, self._pipe, self.handle, batch=1, tick=self.tick)

    async def tick(self) -> Handled:
        """Acknowledge commands while there is nothing to bet."""
        await self.approvals.watch_trading()
        return Handled()

    async def handle(self, item: Item) -> Handled:
        """Handle one approval.

        Raises PoisonedPayloadError for what is no approval, or one for another account.
        """
        approved = decode(ApprovedSignal, item.payload)
        update = approved.signal.update
        if update.account != self._account:
            wrong = f"approved for account {update.account}, not for {self._account}"
            raise PoisonedPayloadError(wrong)
        renewal = asyncio.create_task(self._renew_lease(), name="pipe lease")
        try:
            with traced(update, approved.signal.selection_id):
                result, decision = await self.approvals.handle(approved)
        finally:
            await end_tasks(renewal)
        count = self._context.count_name(STAGE, result.verdict.reason.value, self._account)
        return Handled(counts={count: 1}, audit=[encode(decision)])

    async def _renew_lease(self) -> None:
        """Renew the pipe's lease, which a placement may outlast."""
        period_s = self._context.settings.process.worker_lease_ttl_s / 3
        # The pipe's next step meets the same trouble and acts on it.
        with contextlib.suppress(*REDIS_TROUBLE):
            while self._pipe is not None:
                await sleep(period_s)
                await self._pipe.touch()
