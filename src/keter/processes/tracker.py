"""The tracker: what became of the bets.

It asks the venue, pass after pass, and makes ledger, venue and risk book agree.

It never sends a bet. The router stays closed until a pass that began after its takeover is
complete, and closes again when passes cease.
"""

from collections.abc import Sequence

from keter.bus.locks import Lease
from keter.bus.state.reconciliation import note_pass, pass_counts_for_s, wanted_pass
from keter.context import Context
from keter.domain.bets import Bet, BetState
from keter.domain.markets import Market, Outcome
from keter.execution.reconcile.account_check import AccountWatch
from keter.execution.reconcile.closing_prices import ClosingPrices
from keter.execution.reconcile.query_budget import QueryBudget
from keter.execution.reconcile.query_order import (
    ACCOUNT_EVERY_S,
    account_interval_s,
    fixed_cost,
    pass_cost,
)
from keter.execution.reconcile.reconciler import Reconciler
from keter.ledger import Ledger, LedgerUnavailableError, UnstorableRowError
from keter.opening import open_bet_venue, open_settings_ledger
from keter.processes.leader import run_as_leader
from keter.processes.redis_following import retry_pauses
from keter.venues.base import BetVenue

TICK_S = 0.5
QUICK_S = 3.0  # between passes while a bet is undecided
RETRY_S = 2.0  # after a pass that could not be completed
QUERIES_PER_MINUTE = 60
_UNDECIDED = frozenset({BetState.SENDING, BetState.PENDING, BetState.UNKNOWN})


class KnownSelections:
    """What we bet on under each reference of an open bet, for a venue whose own words leave it in
    doubt.
    """

    def __init__(self) -> None:
        self._known: dict[str, tuple[Market, Outcome]] = {}

    def __call__(self, reference: str) -> tuple[Market, Outcome] | None:
        return self._known.get(reference)

    def learn(self, bets: Sequence[Bet]) -> None:
        self._known = {bet.intent.reference: (bet.intent.market, bet.intent.side) for bet in bets}


async def run(context: Context) -> None:
    """Tracks until asked to stop."""
    ledger = await open_settings_ledger(context.settings, clock=context.clock)
    selections = KnownSelections()
    venue = open_bet_venue(
        context.settings, context.bus, ledger, context.clock, intended=selections
    )
    try:
        await track(context, ledger, venue, selections)
    finally:
        await venue.aclose()
        await ledger.aclose()


async def track(
    context: Context, ledger: Ledger, venue: BetVenue, selections: KnownSelections
) -> None:
    """Works while it holds the tracker's lease."""

    async def body(_lease: Lease) -> None:
        await Tracker(context, ledger, venue, selections).run()

    await run_as_leader(context, "tracker", body)


class Tracker:
    """The rhythm of the passes."""

    def __init__(
        self, context: Context, ledger: Ledger, venue: BetVenue, selections: KnownSelections
    ) -> None:
        self._context = context
        self._ledger = ledger
        self._selections = selections
        self._account = context.settings.venue.ao_user
        self._interval_s = context.settings.router.reconcile_interval_s
        self._quick_s = min(QUICK_S, self._interval_s)
        self._budget = QueryBudget(context.bus, context.clock, self._account, QUERIES_PER_MINUTE)
        self._reconciler = Reconciler(
            context, ledger, venue, self._account, self._budget, self._quick_s
        )
        self._account_watch = AccountWatch(context, ledger, venue, self._account)
        self._closing = ClosingPrices(context, ledger)
        self._due = context.clock.monotonic()
        self._account_due = context.clock.monotonic()
        self._begun_for: str | None = None
        self._patience_s = pass_counts_for_s(self._interval_s)

    async def run(self) -> None:
        """Pass after pass until asked to stop; a ledger that fails is waited out.

        Raises the bus's errors.

        A row that the ledger refuses, wherever it came from, ends a pass and never the tracker.
        """
        waits = retry_pauses()
        while not self._context.stop.is_set():
            try:
                await self.turn()
                waits.reset()
            except LedgerUnavailableError as e:
                self._context.heart.error(str(e))
                self._context.log.error("ledger_unavailable", error=str(e))  # noqa: TRY400 - an outage, not a bug
                await self._context.pause(waits.next())
            except UnstorableRowError as e:
                self._context.heart.error(str(e))
                self._context.log.exception("row_refused")
                await self._context.pause(waits.next())
            await self._context.pause(TICK_S)

    async def turn(self) -> bool:
        """One pass, if it is due or a router newly waits for it, and is paid for; True when one was
        completed.
        """
        clock = self._context.clock
        token = await wanted_pass(self._context.bus, self._account)
        if clock.monotonic() < self._due and token == self._begun_for:
            return False
        started = clock.monotonic()
        with_account = started >= self._account_due
        if not await self._paid(with_account=with_account):
            return False
        self._due, self._begun_for = started + RETRY_S, token
        mode = self._context.settings.mode.execution_mode
        known = await self._ledger.intents.open_bets(mode, self._account)
        self._selections.learn(known)
        # Before the venue is asked: its bet lists may be down while its prices are not.
        await self._closing.run(known)
        if with_account:
            self._account_due = started + account_interval_s(self._interval_s)
            await self._account_watch.before()
        found = await self._reconciler.run()
        if found is not None and with_account:
            await self._account_watch.after(found.open_bets)
        fresh = self._account_watch.fresh(self._patience_s)
        if not fresh:
            self._account_due = min(self._account_due, started + ACCOUNT_EVERY_S)
        if found is None or not found.complete or not fresh:
            self._context.heart.count("incomplete_passes")
            return False
        await note_pass(self._context.bus, self._account, token, self._context.run.mark)
        self._context.heart.count("passes")
        self._context.heart.gauge("open_bets", len(found.open_bets))
        self._context.heart.observe("pass", clock.monotonic() - started)
        undecided = any(bet.state in _UNDECIDED for bet in found.open_bets)
        self._due = started + (self._quick_s if undecided else self._interval_s)
        return True

    async def _paid(self, *, with_account: bool) -> bool:
        """Take what the pass asks for in any case from the budget, if it also leaves what the pass
        owes to single bets.
        """
        if await self._budget.left() < pass_cost(with_account=with_account):
            return False
        return await self._budget.take(fixed_cost(with_account=with_account))
