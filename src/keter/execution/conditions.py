"""Reads what the router must know right before it bets."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

from keter.bus.state.ownership import owner_id
from keter.bus.state.permissions import read_limits
from keter.bus.state.reconciliation import pass_counts_for_s, pass_done
from keter.bus.state.risk import RiskBook
from keter.bus.state.trading import TradingView, read_trading
from keter.context import Context
from keter.domain.days import day_of
from keter.domain.limits import lowered
from keter.domain.trading import COMMON, TradingState
from keter.domain.verdicts import Reason, Verdict, reject
from keter.execution.placement_checks import PlacementFacts
from keter.system.text_files import is_present


@dataclass(frozen=True, slots=True)
class Sources:
    """What is asked besides Redis and the file system."""

    leading: Callable[[], Awaitable[bool]]  # whether the lease of the account is ours
    # The last trading state in the audit, of everything or of one account.
    last_command: Callable[[str], Awaitable[TradingState | None]]
    # Why LIVE may not bet, in a word; None when nothing is missing.
    missing_permission: Callable[[], Awaitable[str | None]]


class Conditions:
    """Reads Redis, licence and file system anew each time; nothing is remembered.

    ``token`` names this takeover of the account, for the reconciliation that it waits for.
    """

    def __init__(self, context: Context, account: str, token: str, sources: Sources) -> None:
        self._context = context
        self._settings = context.settings
        self._account = account
        self._token = token
        self._sources = sources
        zone = context.settings.mode.zone
        self._book = RiskBook(context.bus, context.account.key, clock=context.clock, zone=zone)

    def halted(self) -> bool:
        """Return whether the HALT file exists; True also where that cannot be found out."""
        return is_present(self._settings.router.halt_file)

    async def reconciled(self) -> bool:
        """Return whether ledger and venue were compared recently, and since the takeover."""
        within_s = pass_counts_for_s(self._settings.router.reconcile_interval_s)
        run = self._context.run.mark
        return await pass_done(
            self._context.bus, self._account, self._token, run, within_s=within_s
        )

    async def trading(self) -> TradingView:
        """Return common and own trading state, and show their revisions in the heartbeat.

        Operators wait until the revision of their command has reached the router.
        """
        now = self._context.clock.now()
        view = await read_trading(self._context.bus, now, [self._account])
        for name, revision in view.gauges.items():
            self._context.heart.gauge(name, revision)
        return view

    async def read(self, *, lock_left_s: float, call_s: float) -> PlacementFacts:
        """Return everything at once.

        Raises bus and ledger errors: who cannot read the conditions must not bet.
        """
        now, context = self._context.clock.now(), self._context
        trading, reducing = await self._may_bet(now)
        book = await self._book.read(day_of(now, self._settings.mode.zone))
        return PlacementFacts(
            now=now,
            halt_file=self.halted(),
            trading=trading,
            permitted=await self._sources.missing_permission() is None,
            reconciled=await self.reconciled(),
            lock_left_s=lock_left_s,
            call_s=call_s,
            run=context.run.mark,
            owner=await owner_id(context.bus),
            book_run=book.run,
            leading=await self._sources.leading(),
            book=book.exposures,
            staked_minor=book.day.staked_minor if book.day is not None else 0,
            caps=lowered(self._settings.risk, await read_limits(context.bus, self._account)),
            reducing=reducing,
            of_others=book.of_others,
        )

    async def _may_bet(self, now: datetime) -> tuple[Verdict, bool]:
        """Return the trading states' verdict, and whether together they are REDUCING."""
        view = await self.trading()
        for scope in (COMMON, self._account):
            last, found = await self._sources.last_command(scope), view.revisions.get(scope, 0)
            # A state older than the last command in the audit does not count: Redis has lost it.
            if view.state is not None and last is not None and found < last.revision:
                lost = "Redis lost a command"
                return reject(Reason.TRADING_NOT_ACTIVE, cause=lost, revision=found), False
        return view.may_bet(now), view.reducing(now)
