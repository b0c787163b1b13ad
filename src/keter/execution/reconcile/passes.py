"""When the tracker compares ledger and venue, and what belongs to one pass.

The router stays closed until a pass that began after its takeover is complete. It closes again when
passes cease.
"""

from collections.abc import Sequence

from keter.bus.state.reconciliation import note_pass, pass_counts_for_s, wanted_pass
from keter.context import Context
from keter.domain.market_kinds import Outcome
from keter.domain.markets import Market
from keter.domain.order_states import IN_DOUBT, RESTING
from keter.domain.orders import Order
from keter.execution.reconcile.account_check import AccountWatch
from keter.execution.reconcile.closing_prices import ClosingPrices, FairOdds
from keter.execution.reconcile.exchange_orders import ExchangeReconciler
from keter.execution.reconcile.query_budget import (
    ACCOUNT_EVERY_S,
    QueryBudget,
    account_interval_s,
    fixed_cost,
    pass_cost,
)
from keter.execution.reconcile.reconciler import Pass, Reconciler
from keter.execution.reconcile.risk_updates import ResultsSincePause
from keter.ledger import Ledger
from keter.venues.base import Bookmaker, Exchange, is_exchange

QUICK_S = 3.0  # between passes while a bet is undecided
RETRY_S = 2.0  # after a pass that could not be completed
QUERIES_PER_MINUTE = 60
_UNDECIDED = RESTING | IN_DOUBT


class KnownSelections:
    """The selection that we bet on under each reference of an open bet.

    A venue whose own words for a selection are unclear asks it.
    """

    def __init__(self) -> None:
        self._known: dict[str, tuple[Market, Outcome]] = {}

    def __call__(self, reference: str) -> tuple[Market, Outcome] | None:
        return self._known.get(reference)

    def learn(self, bets: Sequence[Order]) -> None:
        """Know the selections of these bets and no others."""
        self._known = {
            bet.intent.reference: (bet.intent.market, bet.intent.outcome) for bet in bets
        }


class Passes:
    """One account's passes: when the next is due, and what it asks."""

    def __init__(
        self,
        context: Context,
        ledger: Ledger,
        venue: Bookmaker | Exchange,
        selections: KnownSelections,
        results: ResultsSincePause,
        fair_odds: FairOdds,
    ) -> None:
        self._context = context
        self._ledger = ledger
        self._selections = selections
        self._account = context.account.key
        self._interval_s = context.settings.router.reconcile_interval_s
        self._quick_s = min(QUICK_S, self._interval_s)
        self._budget = QueryBudget(context.bus, context.clock, self._account, QUERIES_PER_MINUTE)
        parts = (self._account, self._budget, results, self._quick_s)
        self.reconciler = (
            ExchangeReconciler(context, ledger, venue, *parts)
            if is_exchange(venue)
            else Reconciler(context, ledger, venue, *parts)
        )
        self._account_watch = AccountWatch(context, ledger, venue, self._account)
        self._closing = ClosingPrices(context, ledger, fair_odds)
        self._due = self._account_due = context.clock.monotonic()
        self._begun_for: str | None = None
        self._fresh_s = pass_counts_for_s(self._interval_s)

    def make_due(self) -> None:
        """Let the next turn make a pass, and ask for the account too."""
        self._due = self._account_due = self._context.clock.monotonic()

    async def turn(self) -> bool:
        """Make a pass if one is due and paid for; return whether it was completed.

        One is also due if a router newly waits for it. Raises ledger and bus errors.
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
        found = await self._pass(started, with_account=with_account)
        is_fresh = self._account_watch.fresh(self._fresh_s)
        if not is_fresh:
            self._account_due = min(self._account_due, started + ACCOUNT_EVERY_S)
        if found is None or not found.complete or not is_fresh:
            self._context.heart.count("incomplete_passes")
            return False
        await note_pass(self._context.bus, self._account, token, self._context.run.mark)
        self._completed(found, started)
        return True

    async def _pass(self, started: float, *, with_account: bool) -> Pass | None:
        """Compare once; None if the venue's list could not be read."""
        mode = self._context.account.mode
        known = await self._ledger.orders.open_orders(mode, self._account)
        self._selections.learn(known)
        # Before the venue is asked: its bet lists may be down while its prices are not.
        await self._closing.run(known)
        if with_account:
            self._account_due = started + account_interval_s(self._interval_s)
            await self._account_watch.before()
        found = await self.reconciler.run()
        if found is not None and with_account:
            await self._account_watch.after(found.open_orders)
        return found

    def _completed(self, found: Pass, started: float) -> None:
        heart = self._context.heart
        heart.count("passes")
        heart.gauge("open_bets", len(found.open_orders))
        heart.observe("pass", self._context.clock.monotonic() - started)
        undecided = any(bet.state in _UNDECIDED for bet in found.open_orders)
        self._due = started + (self._quick_s if undecided else self._interval_s)

    async def _paid(self, *, with_account: bool) -> bool:
        """Take what the pass asks in any case from the budget.

        Nothing is taken unless the budget also leaves what the pass owes to single bets.
        """
        if await self._budget.left() < pass_cost(with_account=with_account):
            return False
        return await self._budget.take(fixed_cost(with_account=with_account))
