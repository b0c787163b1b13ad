"""Keeps the risk book and the trading state complete when Redis has lost them.

The ledger knows every bet and the last command of an operator. Redis has copies of both.
"""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

import msgspec

from keter.bus.connection import Bus
from keter.bus.errors import LeaseLostError, StaleRevisionError
from keter.bus.locks import Held, Lease
from keter.bus.state.permissions import read_limits
from keter.bus.state.risk import AccountDay, RiskBook, rebuild_book
from keter.bus.state.risk_state import RiskState
from keter.bus.state.trading import TradingView, change_trading, read_trading
from keter.context import Context
from keter.domain.bets import NOT_SENT, Bet
from keter.domain.exposure import FOREIGN_PREFIX, DayRisk, Exposure, exposure_of
from keter.domain.limits import lowered
from keter.domain.streaks import losing_streak
from keter.domain.trading import CommandAction, OperatorCommand, TradingMode, TradingState
from keter.ledger import BetFilter, Ledger
from keter.risk.gate import RiskLimits
from keter.risk.ledger_watch import LedgerWatch, note_ledger
from keter.risk.restore import (
    ACTOR,
    catch_up,
    lower_limits,
    results_since_pause,
    still_valid,
)

# A rebuilt book has these as bets. Their stakes count for the day until they are sent or released.
TRIES = 5
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
        self._run = context.run.mark.text
        self.books = {account: self._book(own) for account, own in self._accounts.items()}

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
        """Return the trading state and put its revision into the heartbeat.

        An operator's command waits until the guard's heartbeat has its revision.
        """
        view = await self._trading()
        if view.state is not None:
            self._context.heart.gauge("trading_revision", view.state.revision)
        return view

    async def _trading(self) -> TradingView:
        """Return the trading state, restored from the ledger if Redis has none.

        It is the last command's, or ACTIVE if there never was one.
        """
        now = self._context.clock.now()
        view = await read_trading(self._context.bus, now)
        if view.state is not None:
            return view
        # A Redis that lost the state has lost bets too, whatever others have written since. So the
        # book is rebuilt first: a state that allows bets must not precede it.
        await self._complete(self._context.day())
        await lower_limits(self._context, self._ledger)
        wanted = still_valid(await self._ledger.commands.last_trading(), now)
        self._context.log.warning(
            "trading_state_restored",
            mode=wanted.mode.value,
            actor=wanted.actor,
            reason=wanted.reason,
        )
        try:
            await change_trading(self._context.bus, wanted, expected_revision=0, now=now)
        except StaleRevisionError:
            self._context.log.info("trading_state_set_meanwhile")
        return await read_trading(self._context.bus, now)

    async def _catch_up(self, *, anyway: bool = False) -> None:
        """Apply the ledger's last commands once for each life of the server.

        A server that died comes back without its last second, or empty.
        """
        server = await self._server_life(self._context.bus)
        if anyway or server != self._server:
            await catch_up(self._context, self._ledger)
            self._server = server

    async def change(
        self, mode: TradingMode, reason: str, until: datetime | None, before: TradingState | None
    ) -> bool:
        """Change the trading state as the guard and write the command to the ledger.

        Return False if somebody else has changed the state since ``before`` was read.
        """
        now = self._context.clock.now()
        wanted = TradingState(mode, ACTOR, reason, now, until)
        expected = before.revision if before is not None else None
        try:
            after = await change_trading(
                self._context.bus, wanted, expected_revision=expected, now=now
            )
        except StaleRevisionError:
            return False
        self._context.log.warning("trading_changed", mode=mode.value, reason=reason)
        await self._ledger.commands.add(_command(self._context.ids(), wanted, before, after))
        return True

    async def current_limits(self, account: str, reserved_minor: int | None = None) -> RiskLimits:
        """Return for each limit of the account the lower of the setting and the operator's wish."""
        settings = self._accounts[account].settings
        risk = lowered(settings.risk, await read_limits(self._context.bus, account))
        return RiskLimits(risk, settings.stake, reserved_minor)

    async def state(self, account: str) -> RiskState:
        """Return the account's part of the book with its figures of today.

        The book is rebuilt from the ledger if Redis has lost it.
        """
        today, book = self._context.day(), self.books[account]
        state = await book.read()
        if state.day is None or state.run != self._run:
            await self._complete(today)
            state = await book.read()
        if state.day is not None and state.day.day == today:
            return state
        return await book.read(today)

    async def _complete(self, today: str) -> None:
        """Rebuild the book from the ledger.

        Keep the entries of this run's book that the ledger does not know: reservations and foreign
        tickets.
        """
        for _ in range(TRIES):
            state = await next(iter(self.books.values())).read()
            found = [await self._account_book(own, today) for own in self._accounts.values()]
            booked = {name: stake for one in found for name, stake in one.booked.items()}
            bets = [bet for one in found for bet in one.bets]
            known = {bet.intent.decision_id for bet in bets}
            kept = [one for one in self._still_good(state) if one.decision_id not in known]
            if await rebuild_book(
                self._context.bus,
                [*map(exposure_of, bets), *kept],
                [one.day for one in found],
                lease=self.held,
                clock=self._context.clock,
                revision=state.revision,
                booked=booked,
                run=self._run,
            ):
                await self._remember_sent()
                for account, day in (one.day for one in found):
                    self._context.log.warning(
                        "risk_book_rebuilt",
                        account=account,
                        bets=sum(bet.intent.account == account for bet in bets),
                        kept=len(kept),
                        day=day.day,
                        streak=day.streak,
                    )
                return
        raise LeaseLostError("the risk book could not be rebuilt under our lease")

    async def _account_book(self, own: Context, today: str) -> "_AccountBook":
        """Return what the ledger knows of one account."""
        account = own.account
        bets, day = await self._ledger.risk_picture(today, account.mode)
        bets = [bet for bet in bets if bet.intent.account == account.key]
        todays = [bet for bet in bets if self._ledger.day_of(bet.intent.created_at) == today]
        streak = await self._streak(own, day)
        day, booked = with_begun(msgspec.structs.replace(day, streak=streak), todays)
        return _AccountBook(bets, AccountDay(account.key, day), booked)

    def _still_good(self, state: RiskState) -> list[Exposure]:
        """Return the entries of a book that a rebuild keeps."""
        everything = [*state.exposures, *state.of_others]
        # A book without a run was written since Redis lost everything.
        if state.run in {"", self._run}:
            return everything
        # The approvals of another run are void. Its foreign tickets are still open at the venue,
        # if it ran in the same mode on the same account.
        if state.run.split(":")[1:2] != [self._context.run.mode.value]:
            return []
        return [
            one
            for one in everything
            if one.decision_id.startswith(FOREIGN_PREFIX) and one.account in self._accounts
        ]

    async def _remember_sent(self) -> None:
        """Count the bets of the throttle window again, as if they were sent just now."""
        for account, own in self._accounts.items():
            risk = own.settings.risk
            since = self._context.clock.now() - timedelta(seconds=risk.throttle_window_s)
            lately = await self._ledger.intents.list_bets(
                BetFilter(mode=own.account.mode, since=since), limit=risk.throttle_bets
            )
            for bet in lately:
                if bet.intent.account == account:
                    await self.books[account].note_bet(bet.intent.decision_id)

    async def _streak(self, own: Context, day: DayRisk) -> int:
        """Return the account's losses in a row since the last pause for them.

        Losses before that pause must not cause another one.
        """
        if not day.streak:
            return 0
        results = await results_since_pause(self._ledger, own.account.mode)
        return min(day.streak, losing_streak(state for _, state in results))


class _AccountBook(NamedTuple):
    """What the ledger knows of one account: open bets, its day, and stakes that the day counts."""

    bets: list[Bet]
    day: AccountDay
    booked: dict[str, int]


def _command(
    command_id: str, wanted: TradingState, before: TradingState | None, after: TradingState
) -> OperatorCommand:
    """Return the row of the audit for a state that the guard has set."""
    paused = wanted.mode is TradingMode.PAUSED
    return OperatorCommand(
        command_id=command_id,
        action=CommandAction.PAUSE if paused else CommandAction.HALT,
        actor=ACTOR,
        source=ACTOR,
        target="trading",
        reason=wanted.reason,
        at=wanted.since,
        accepted=True,
        result=f"{wanted.mode.value} by the guard",
        before=before,
        after=after,
    )


def with_begun(day: DayRisk, todays: Sequence[Bet]) -> tuple[DayRisk, dict[str, int]]:
    """Return the ledger's ``day`` with the stakes of its bets that are not sent yet.

    ``todays`` are the day's open bets. Also return the stake that the day counts for each of them,
    by decision id.
    """
    begun = [bet for bet in todays if bet.state in NOT_SENT]
    staked_minor = day.staked_minor + sum(bet.intent.stake_minor for bet in begun)
    booked = {
        bet.intent.decision_id: bet.placed_stake_minor or bet.intent.stake_minor for bet in todays
    }
    day = msgspec.structs.replace(day, staked_minor=staked_minor, bets=day.bets + len(begun))
    return day, booked
