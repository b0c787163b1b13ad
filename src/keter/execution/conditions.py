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
from keter.domain.trading import TradingState
from keter.domain.verdicts import Reason, Verdict, reject
from keter.execution.placement_checks import PlacementFacts
from keter.system.text_files import is_present


@dataclass(frozen=True, slots=True)
class Sources:
    """What is asked besides Redis and the file system."""

    leading: Callable[[], Awaitable[bool]]  # whether the lease of the account is ours
    last_command: Callable[[], Awaitable[TradingState | None]]  # of the audit
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
        """Return the trading state, and show its revision in the heartbeat.

        Operators wait until the revision of their command has reached the router.
        """
        view = await read_trading(self._context.bus, self._context.clock.now())
        if view.state is not None:
            self._context.heart.gauge("trading_revision", view.state.revision)
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
        )

    async def _may_bet(self, now: datetime) -> tuple[Verdict, bool]:
        """Return the trading state's verdict, and whether the state is REDUCING."""
        view, last = await self.trading(), await self._sources.last_command()
        # A state older than the last command in the audit does not count: Redis has lost it.
        if view.state is not None and last is not None and view.state.revision < last.revision:
            return reject(
                Reason.TRADING_NOT_ACTIVE,
                cause="Redis lost a command",
                revision=view.state.revision,
            ), False
        return view.may_bet(now), view.reducing(now)
