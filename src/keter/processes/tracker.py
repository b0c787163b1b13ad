"""The tracker: what became of the bets.

It asks the venue, pass after pass, and makes ledger, venue and risk book agree. It never sends a
bet. What a pass does is in ``keter.execution.reconcile``.
"""

from datetime import datetime
from functools import partial

from keter.bus.locks import Lease
from keter.context import Context
from keter.domain.market_kinds import Outcome
from keter.domain.quotes import MarketUpdate
from keter.execution.reconcile.passes import KnownSelections, Passes
from keter.ledger import Ledger, LedgerUnavailableError, UnstorableRowError
from keter.opening.stores import open_settings_ledger
from keter.opening.venues import open_bet_venue
from keter.processes.leader import run_as_leader
from keter.processes.redis_following import retry_pauses
from keter.risk.restore import results_since_pause
from keter.settings import Settings
from keter.strategies.value.edge import evaluate
from keter.strategies.value.validation import validate
from keter.venues.base import Bookmaker, Exchange

TICK_S = 0.5


async def run(context: Context) -> None:
    """Track until asked to stop."""
    ledger = await open_settings_ledger(context.settings, clock=context.clock)
    selections = KnownSelections()
    venue = open_bet_venue(
        context.settings,
        context.account,
        context.bus,
        ledger,
        context.clock,
        intended=selections,
    )
    try:
        await track(context, ledger, venue, selections)
    finally:
        await venue.aclose()
        await ledger.aclose()


async def track(
    context: Context, ledger: Ledger, venue: Bookmaker | Exchange, selections: KnownSelections
) -> None:
    """Work while the tracker's lease is ours."""

    async def body(_lease: Lease) -> None:
        await Tracker(context, ledger, venue, selections).run()

    await run_as_leader(context, f"tracker:{context.account.key}", body)


class Tracker:
    """Makes passes until asked to stop."""

    def __init__(
        self,
        context: Context,
        ledger: Ledger,
        venue: Bookmaker | Exchange,
        selections: KnownSelections,
    ) -> None:
        self._context = context
        settings = context.settings
        account = context.account
        results = partial(results_since_pause, ledger, account.mode, account.key)
        fair_odds = partial(_fair_odds, settings)
        self.passes = Passes(context, ledger, venue, selections, results, fair_odds)

    async def run(self) -> None:
        """Make pass after pass until asked to stop. Raises the bus's errors.

        A ledger that fails is waited out. A row that the ledger refuses ends a pass and never the
        tracker, wherever the row came from.
        """
        backoff = retry_pauses()
        while not self._context.stop.is_set():
            try:
                await self.passes.turn()
                backoff.reset()
            except LedgerUnavailableError as e:
                self._context.heart.error(str(e))
                self._context.log.error("ledger_unavailable", error=str(e))  # noqa: TRY400 - an outage, not a bug
                await self._context.pause(backoff.next())
            except UnstorableRowError as e:
                self._context.heart.error(str(e))
                self._context.log.exception("row_refused")
                await self._context.pause(backoff.next())
            await self._context.pause(TICK_S)


def _fair_odds(
    settings: Settings, update: MarketUpdate, outcome: Outcome, at: datetime
) -> float | None:
    """Return the sharp books' fair odds of one outcome; None without a consensus."""
    _, market = validate(update, settings.validation, at)
    judgements = evaluate(market, settings.edge, at) if market is not None else []
    fair = next((one.fair for one in judgements if one.outcome is outcome), None)
    return fair.odds if fair is not None else None
