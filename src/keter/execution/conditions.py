"""What the router must know of the world right before it bets."""

from collections.abc import Awaitable, Callable
from datetime import datetime

from keter.bus.connection import Bus
from keter.bus.state.ownership import owner_id
from keter.bus.state.permissions import read_limits
from keter.bus.state.reconciliation import pass_counts_for_s, pass_done
from keter.bus.state.risk import RiskBook
from keter.bus.state.trading import TradingView, read_trading
from keter.bus.telemetry.heartbeats import Heart
from keter.clock import Clock, day_of
from keter.domain.runs import RunMark
from keter.domain.trading import TradingState
from keter.domain.verdicts import Reason, Verdict, reject
from keter.execution.placement_checks import PlacementWorld
from keter.risk.limits import lowered
from keter.risk.permission import Permission
from keter.settings import Settings
from keter.system.text_files import is_present


class Conditions:
    """Looks at Redis, licence and file system anew each time; nothing is remembered."""

    def __init__(
        self,
        bus: Bus,
        settings: Settings,
        clock: Clock,
        heart: Heart,
        *,
        account: str,
        token: str,
        run: RunMark,
        leading: Callable[[], Awaitable[bool]],
        last_command: Callable[[], Awaitable[TradingState | None]],
    ) -> None:
        self._bus = bus
        self._settings = settings
        self._clock = clock
        self._heart = heart
        self._account = account
        self._token = token
        self._run = run
        self._leading = leading
        self._last_command = last_command
        self._permission = Permission(bus, settings, clock, account, run)
        self._book = RiskBook(bus, clock=clock, zone=settings.mode.zone)

    def halted(self) -> bool:
        """Whether the HALT file exists; also when nobody can tell."""
        return is_present(self._settings.router.halt_file)

    async def reconciled(self) -> bool:
        """Whether ledger and venue were compared since this router took the account over, and
        recently.
        """
        within_s = pass_counts_for_s(self._settings.router.reconcile_interval_s)
        return await pass_done(self._bus, self._account, self._token, self._run, within_s=within_s)

    async def trading(self) -> TradingView:
        """The trading state, and the heartbeat says which: operators wait until it has reached the
        router.
        """
        view = await read_trading(self._bus, self._clock.now())
        if view.state is not None:
            self._heart.gauge("trading_revision", view.state.revision)
        return view

    async def look(self, *, lock_left_s: float, call_s: float) -> PlacementWorld:
        """Everything at once. Raises bus and ledger errors: who cannot look must not bet."""
        now = self._clock.now()
        trading, reducing = await self._may_bet(now)
        book = await self._book.read(day_of(now, self._settings.mode.zone))
        return PlacementWorld(
            now=now,
            halt_file=self.halted(),
            trading=trading,
            permitted=await self._permission.missing() is None,
            reconciled=await self.reconciled(),
            lock_left_s=lock_left_s,
            call_s=call_s,
            run=self._run,
            owner=await owner_id(self._bus),
            book_run=book.run,
            leading=await self._leading(),
            book=book.exposures,
            staked_minor=book.day.staked_minor if book.day is not None else 0,
            caps=lowered(self._settings.risk, await read_limits(self._bus)),
            reducing=reducing,
        )

    async def _may_bet(self, now: datetime) -> tuple[Verdict, bool]:
        """The trading state's verdict, and whether it is REDUCING.

        No state counts that is older than the last command in the audit: Redis has lost it then.
        """
        view, last = await self.trading(), await self._last_command()
        if view.state is not None and last is not None and view.state.revision < last.revision:
            return reject(
                Reason.TRADING_NOT_ACTIVE,
                cause="Redis lost a command",
                revision=view.state.revision,
            ), False
        return view.may_bet(now), view.reducing(now)
