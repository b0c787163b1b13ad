"""Keeps the risk book and the trading state complete when Redis has lost them.

The ledger knows every bet and the last command of an operator. Redis has copies of both.
"""

from collections.abc import Awaitable, Callable
from datetime import datetime

from keter.bus.connection import Bus
from keter.bus.errors import LeaseLostError, StaleRevisionError
from keter.bus.locks import Held, Lease
from keter.bus.state.permissions import read_limits
from keter.bus.state.risk import RiskBook
from keter.bus.state.risk_state import RiskState
from keter.bus.state.trading import TradingView, change_trading, read_trading
from keter.context import Context
from keter.domain.exposure import terms_of
from keter.domain.limits import lowered
from keter.domain.trading import (
    COMMON,
    CommandAction,
    OperatorCommand,
    TradingMode,
    TradingState,
    target_of,
)
from keter.ledger import Ledger
from keter.risk.gate import RiskLimits
from keter.risk.ledger_watch import LedgerWatch, note_ledger
from keter.risk.rebuilding import BookRebuilder
from keter.risk.restore import (
    ACTOR,
    catch_up,
    lower_limits,
    restore_scoped_trading,
    restore_state,
)

# Returns the id of this life of the Redis server: another one after each restart.
ServerLife = Callable[[Bus], Awaitable[str | None]]


class BookKeeper:
    """Read the book and the trading state, restore what is missing, write under the guard's lease.

    The methods raise the errors of bus and ledger.
    """

    def __init__(
        self, context: Context, ledger: Ledger, lease: Lease, server_life: ServerLife
    ) -> None:
        self._context = context
        self._ledger = ledger
        self._lease = lease
        self._server_life = server_life
        self._server: str | None = None
        self._accounts = {account: context.of(account) for account in context.accounts}
        self._ledger_watches = {
            account: LedgerWatch(own, ledger) for account, own in self._accounts.items()
        }
        # The revisions last seen of the accounts' own trading states.
        self._seen: dict[str, int] = {}
        self._run = context.run.mark.text
        self.books = {account: self._book(own) for account, own in self._accounts.items()}
        self._rebuilder = BookRebuilder(context, ledger, self.books, lambda: self.held)

    def _book(self, own: Context) -> RiskBook:
        zone, life_s = own.settings.mode.zone, own.settings.risk.reservation_ttl_s
        return RiskBook(
            own.bus,
            own.account.key,
            clock=own.clock,
            zone=zone,
            reservation_s=life_s,
            run=self._run,
        )

    @property
    def held(self) -> Held:
        """The guard's lease. Raises LeaseLostError without it."""
        if self._lease.held is None or self._lease.lost.is_set():
            raise LeaseLostError("the guard's lease is gone")
        return self._lease.held

    async def start(self) -> None:
        """Restore everything. With TRADING_ENABLED=false also halt trading."""
        for account, watch in self._ledger_watches.items():
            await watch.compare(await self.books[account].read())
        await note_ledger(self._context)
        await self._catch_up(anyway=True)
        view = await self.trading()
        for account in self._accounts:
            await self.state(account)
        if (
            view.state is not None
            and view.state.may_come_to_bet
            and not self._context.settings.router.trading_enabled
        ):
            await self.change(TradingMode.HALTED, "TRADING_ENABLED=false", None, view.state)

    async def refresh(self) -> None:
        """Catch up with the ledger if the server was restarted; settle the alert of the ledger."""
        await self._catch_up()
        for watch in self._ledger_watches.values():
            await watch.settle()

    async def trading(self) -> TradingView:
        """Return the trading states, and put their revisions into the heartbeat.

        An operator's command waits until the guard's heartbeat has its revision.
        """
        view = await self._trading()
        if any(view.revisions.get(name, 0) < seen for name, seen in self._seen.items()):
            # Only that of an account is gone, so there is no common one to restore.
            await restore_scoped_trading(self._context, self._ledger)
            view = await self._trading()
        self._seen = {name: view.revisions.get(name, 0) for name in self._accounts}
        for name, revision in view.gauges.items():
            self._context.heart.gauge(name, revision)
        return view

    async def _trading(self) -> TradingView:
        """Return the trading states, restored from the ledger if Redis has no common one.

        It is the last command's, or ACTIVE if there never was one.
        """
        view = await self._read()
        if view.state is not None:
            return view
        # A Redis that lost the state has lost bets too, whatever others have written since. So the
        # book is rebuilt first: a state that allows bets must not precede it.
        await self._rebuilder.rebuild(self._context.day())
        await lower_limits(self._context, self._ledger)
        # An account without its own state may bet as soon as there is a common one.
        await restore_scoped_trading(self._context, self._ledger)
        last = await self._ledger.commands.last_trading()
        await restore_state(self._context, last, "trading_state_restored", 0)
        return await self._read()

    async def _read(self) -> TradingView:
        now, scopes = self._context.clock.now(), tuple(self._accounts)
        return await read_trading(self._context.bus, now, scopes)

    async def _catch_up(self, *, anyway: bool = False) -> None:
        """Apply the ledger's last commands once for each life of the server.

        A server that died comes back without its last second, or empty.
        """
        server = await self._server_life(self._context.bus)
        if anyway or server != self._server:
            await catch_up(self._context, self._ledger)
            self._server = server

    async def change(
        self,
        mode: TradingMode,
        reason: str,
        until: datetime | None,
        before: TradingState | None,
        *,
        scope: str = COMMON,
    ) -> bool:
        """Change the trading state of ``scope`` as the guard and write that to the ledger.

        Return False if somebody else has changed the state since ``before`` was read, None for
        none.
        """
        now = self._context.clock.now()
        wanted = TradingState(mode, ACTOR, reason, now, until)
        expected = before.revision if before is not None else 0
        try:
            after = await change_trading(
                self._context.bus, wanted, expected_revision=expected, now=now, scope=scope
            )
        except StaleRevisionError:
            return False
        self._context.log.warning("trading_changed", mode=mode.value, reason=reason, scope=scope)
        command = _command(self._context.ids(), target_of(scope), wanted, before, after)
        await self._ledger.commands.add(command)
        return True

    async def current_limits(self, account: str, reserved_minor: int | None = None) -> RiskLimits:
        """Return for each limit of the account the lower of the setting and the operator's wish."""
        own = self._accounts[account]
        risk = lowered(own.settings.risk, await read_limits(self._context.bus, account))
        return RiskLimits(
            risk,
            own.settings.stake,
            reserved_minor,
            common=own.settings.common_risk,
            terms=terms_of(own.account),
        )

    async def state(self, account: str) -> RiskState:
        """Return the account's part of the book with its figures of today.

        The book is rebuilt from the ledger if Redis has lost it, or has what cannot be read.
        """
        today, book = self._context.day(), self.books[account]
        state = await book.read()
        if state.day is None or state.run != self._run or state.unreadable:
            await self._rebuilder.rebuild(today)
            state = await book.read()
        if state.day is not None and state.day.day == today:
            return state
        return await book.read(today)


def _command(
    command_id: str,
    target: str,
    wanted: TradingState,
    before: TradingState | None,
    after: TradingState,
) -> OperatorCommand:
    """Return the row of the audit for a state that the guard has set."""
    paused = wanted.mode is TradingMode.PAUSED
    return OperatorCommand(
        command_id=command_id,
        action=CommandAction.PAUSE if paused else CommandAction.HALT,
        actor=ACTOR,
        source=ACTOR,
        target=target,
        reason=wanted.reason,
        at=wanted.since,
        accepted=True,
        result=f"{wanted.mode.value} by the guard",
        before=before,
        after=after,
    )
