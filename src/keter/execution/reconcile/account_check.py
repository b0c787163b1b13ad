"""Compares the account as the venue reports it with the ledger.

What must agree is the stake outstanding. It is at least that of the bets known to run, and at most
that and everything that may have been accepted. Credit is not compared: deposits and bets by hand
change it without us. A difference seen twice stops betting.
"""

from collections.abc import Sequence

import structlog

from keter.bus.state.accounts import write_account
from keter.context import Context
from keter.control.base import Operator
from keter.domain.alerts import AlertKind
from keter.domain.money import money_text
from keter.domain.order_states import IN_DOUBT, RESTING, OrderState
from keter.domain.orders import Order
from keter.domain.tickets import AccountSnapshot, TicketStatus
from keter.execution.reconcile.alarms import Alarms, control_of
from keter.ledger import Ledger, UnstorableRowError
from keter.venues.base import Bookmaker, Exchange, VenueError, is_exchange

log = structlog.get_logger(__name__)
TOLERANCE_MINOR = 1
TIMES = 2
HISTORY_EVERY_S = 600.0
_MAY_RUN = RESTING | IN_DOUBT


class AccountWatch:
    """Asks for one account ``before`` a pass, and ``after`` it with the bets open then."""

    def __init__(
        self, context: Context, ledger: Ledger, venue: Bookmaker | Exchange, account: str
    ) -> None:
        self._context = context
        self._ledger = ledger
        self._venue = venue
        self._account = account
        self._alarms = Alarms(context.bus, ledger, context.account.key)
        self._mismatches = 0
        self._halted = False
        self._first: AccountSnapshot | None = None
        self._stored: AccountSnapshot | None = None
        self._stored_at = -HISTORY_EVERY_S
        self._read_at: float | None = None

    async def before(self) -> None:
        """Ask before a pass: what moves while the pass runs cannot be compared."""
        self._first = await self._read()

    async def after(self, open_orders: Sequence[Order]) -> None:
        """Ask again after the bets were compared; compare the money if it has not moved meanwhile.

        Raises ledger and bus errors.
        """
        snapshot = await self._read()
        if snapshot is None:
            return
        await self._keep(snapshot)
        if is_exchange(self._venue):
            # What an exchange counts as outstanding is its own rule: netting, commission, what
            # rests. Its orders are compared one by one.
            return
        if self._first is not None and self._first.outstanding_minor == snapshot.outstanding_minor:
            await self._compare(snapshot, open_orders)

    def fresh(self, within_s: float) -> bool:
        """Return whether the venue reported the account within so many seconds."""
        return (
            self._read_at is not None
            and self._context.clock.monotonic() - self._read_at <= within_s
        )

    async def _read(self) -> AccountSnapshot | None:
        """Return what the venue says, and publish it; None if the venue cannot be asked."""
        self._context.heart.count("account_questions")
        try:
            snapshot = await self._venue.account()
        except VenueError as e:
            self._context.heart.count("venue_errors")
            log.warning("account_failed", kind=e.kind, detail=e.detail[:200])
            return None
        self._read_at = self._context.clock.monotonic()
        await write_account(self._context.bus, snapshot)
        return snapshot

    async def _keep(self, snapshot: AccountSnapshot) -> None:
        """Write a row of history when money moved, and every HISTORY_EVERY_S seconds."""
        now, last = self._context.clock.monotonic(), self._stored
        moved = last is None or (last.credit_minor, last.outstanding_minor) != (
            snapshot.credit_minor,
            snapshot.outstanding_minor,
        )
        if moved or now - self._stored_at >= HISTORY_EVERY_S:
            try:
                await self._ledger.accounts.add(snapshot)
            except UnstorableRowError as e:
                # This is history only: what is compared is the snapshot itself.
                self._context.heart.error(str(e))
                log.warning("account_not_stored", error=str(e))
            self._stored, self._stored_at = snapshot, now

    async def _compare(self, snapshot: AccountSnapshot, open_orders: Sequence[Order]) -> None:
        least, most = await self._bounds(open_orders)
        now = self._context.clock.now()
        if least - TOLERANCE_MINOR <= snapshot.outstanding_minor <= most + TOLERANCE_MINOR:
            self._mismatches, self._halted = 0, False
            await self._alarms.clear(AlertKind.ACCOUNT_MISMATCH, now)
            return
        self._mismatches += 1
        self._context.heart.count("account_mismatches")
        detail = (
            f"outstanding is {money_text(snapshot.outstanding_minor)} at the venue, "
            f"{money_text(least)} to {money_text(most)} by the ledger"
        )
        log.warning("account_mismatch", times=self._mismatches, detail=detail)
        if self._mismatches < TIMES:
            return
        await self._alarms.raise_(AlertKind.ACCOUNT_MISMATCH, detail, now)
        if not self._halted:
            await self._halt(detail)

    async def _bounds(self, open_orders: Sequence[Order]) -> tuple[int, int]:
        """Return the least and the most that may be outstanding, foreign tickets included."""
        least = most = 0
        for bet in open_orders:
            stake = max(bet.standing_minor, 0) or bet.intent.stake_minor
            if bet.state is OrderState.FILLED:
                least, most = least + stake, most + stake
            elif bet.state in _MAY_RUN:
                most += max(stake, bet.intent.stake_minor)
        for row in await self._ledger.foreign.open(self._account, self._context.account.mode):
            most += row.stake_minor
            least += row.stake_minor if row.status == TicketStatus.RUNNING.value else 0
        return least, most

    async def _halt(self, detail: str) -> None:
        control = control_of(self._context, self._ledger)
        await control.halt(Operator("tracker", "tracker"), f"account mismatch: {detail}")
        self._halted = True
