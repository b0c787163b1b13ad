"""Rebuilds the risk book from the ledger, for all accounts of a run, when Redis has lost it."""

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import NamedTuple

import msgspec

from keter.bus.errors import LeaseLostError
from keter.bus.locks import Held
from keter.bus.state.risk import AccountDay, RiskBook, rebuild_book
from keter.bus.state.risk_state import RiskState
from keter.context import Context
from keter.domain.exposure import (
    FOREIGN_PREFIX,
    DayRisk,
    Exposure,
    exposure_of,
    terms_of,
    turnover_of,
)
from keter.domain.order_states import NOT_SENT
from keter.domain.orders import Order
from keter.domain.streaks import losing_streak
from keter.ledger import Ledger, OrderFilter
from keter.risk.restore import results_since_pause

# How often the ledger is read anew because the book has changed meanwhile.
TRIES = 5


class _AccountBook(NamedTuple):
    """What the ledger knows of one account: open bets, its day, and stakes that the day counts."""

    bets: list[Order]
    day: AccountDay
    booked: dict[str, int]


class BookRebuilder:
    """Write the book anew under the guard's lease, which ``held`` returns.

    The methods raise the errors of bus and ledger.
    """

    def __init__(
        self,
        context: Context,
        ledger: Ledger,
        books: Mapping[str, RiskBook],
        held: Callable[[], Held],
    ) -> None:
        self._context = context
        self._ledger = ledger
        self._books = books
        self._held = held
        self._accounts = {account: context.of(account) for account in books}
        self._run = context.run.mark.text

    async def rebuild(self, today: str) -> None:
        """Rebuild the book from the ledger.

        Keep the entries of this run's book that the ledger does not know: reservations and foreign
        tickets.
        """
        for _ in range(TRIES):
            state = await next(iter(self._books.values())).read()
            found = [await self._account_book(own, today) for own in self._accounts.values()]
            booked = {name: stake for one in found for name, stake in one.booked.items()}
            bets = [self._exposure(bet) for one in found for bet in one.bets]
            known = {bet.decision_id for bet in bets}
            kept = [one for one in self._still_good(state) if one.decision_id not in known]
            if await rebuild_book(
                self._context.bus,
                [*bets, *kept],
                [one.day for one in found],
                lease=self._held(),
                clock=self._context.clock,
                revision=state.revision,
                booked=booked,
                run=self._run,
            ):
                await self._remember_sent()
                self._report(found, len(kept))
                return
        raise LeaseLostError("the risk book could not be rebuilt under our lease")

    def _exposure(self, bet: Order) -> Exposure:
        return exposure_of(bet, terms_of(self._accounts[bet.intent.account].account))

    def _report(self, found: Sequence[_AccountBook], kept: int) -> None:
        for one in found:
            account, day = one.day
            self._context.log.warning(
                "risk_book_rebuilt",
                account=account,
                bets=len(one.bets),
                kept=kept,
                day=day.day,
                streak=day.streak,
            )

    async def _account_book(self, own: Context, today: str) -> _AccountBook:
        """Return what the ledger knows of one account."""
        account = own.account
        bets, day = await self._ledger.risk_picture(account.mode, account.key, today)
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
            lately = await self._ledger.orders.list_orders(
                OrderFilter(mode=own.account.mode, account=account, since=since),
                limit=risk.throttle_bets,
            )
            for bet in lately:
                await self._books[account].note_bet(bet.intent.decision_id)

    async def _streak(self, own: Context, day: DayRisk) -> int:
        """Return the account's losses in a row since the last pause for them.

        Losses before that pause must not cause another one.
        """
        if not day.streak:
            return 0
        account = own.account
        results = await results_since_pause(self._ledger, account.mode, account.key)
        return min(day.streak, losing_streak(state for _, state in results))


def with_begun(day: DayRisk, todays: Sequence[Order]) -> tuple[DayRisk, dict[str, int]]:
    """Return the ledger's ``day`` with the stakes of its bets that are not sent yet.

    ``todays`` are the day's open bets. Also return the stake that the day counts for each of them,
    by decision id.
    """
    begun = [bet for bet in todays if bet.state in NOT_SENT]
    staked_minor = day.staked_minor + sum(bet.intent.stake_minor for bet in begun)
    booked = {bet.intent.decision_id: turnover_of(bet) for bet in todays}
    day = msgspec.structs.replace(day, staked_minor=staked_minor, bets=day.bets + len(begun))
    return day, booked
