"""Writes into the risk book what the ledger says of a bet, and audits the one against the other."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

import msgspec
import structlog

from keter.bus.state.cooldowns import cool_down
from keter.bus.state.risk import Booking, RiskBook, put_bet
from keter.context import Context
from keter.domain.exposure import (
    FOREIGN_PREFIX,
    Exposure,
    ExposureStatus,
    exposure_of,
    terms_of,
    turnover_of,
)
from keter.domain.order_states import SETTLED, OrderState
from keter.domain.orders import Order
from keter.domain.streaks import LOSSES, Results, streak_change
from keter.ledger import Ledger

log = structlog.get_logger(__name__)
# What changed later may still be on its way from the router to the risk book.
SETTLING_TIME = timedelta(seconds=5)
# Returns the bets settled since the last pause for a losing streak, the newest first.
ResultsSincePause = Callable[[], Awaitable[Results]]


class RiskUpdater:
    """The risk book's side of an update of a bet."""

    def __init__(self, context: Context, ledger: Ledger, results: ResultsSincePause) -> None:
        self._context = context
        self._ledger = ledger
        self._results = results
        zone = context.settings.mode.zone
        self._book = RiskBook(context.bus, context.account.key, clock=context.clock, zone=zone)
        self._terms = terms_of(context.account)

    async def put(self, bet: Order) -> None:
        """Write the bet into the risk book, and its stake on the day it was made."""
        day = self._ledger.day_of(bet.intent.created_at)
        booking = Booking(day, turnover_of(bet))
        await put_bet(self._context.bus, exposure_of(bet, self._terms), booking)

    def is_of(self, found: Exposure | None, bet: Order) -> bool:
        """Return whether an entry of the book has the fills and the stake of the bet."""
        made = exposure_of(bet, self._terms)
        return found is not None and (found.stake_minor, found.fills) == (
            made.stake_minor,
            made.fills,
        )

    async def ended(self, order: Order) -> None:
        """Release the exposure of an order that ended with nothing filled."""
        await self._book.release(order.intent.decision_id)

    async def refused(self, bet: Order) -> None:
        """Release the exposure of a refused bet, and let its selection cool down."""
        await self._book.release(bet.intent.decision_id)
        await cool_down(
            self._context.bus,
            bet.intent.account,
            event_uid=bet.intent.event_uid,
            selection_id=bet.intent.selection_id,
            seconds=self._context.settings.risk.cooldown_selection_sec,
            reason="venue_refused",
        )
        self._context.heart.count("refused")

    async def book_result(self, before: Order, after: Order, *, late: bool = False) -> None:
        """Take the bet out of the risk book and book its profit; of a regrade only the difference.

        A regrade changes the losing streak where the bet was first settled, as does a settlement
        that is booked ``late``.
        """
        regraded = before.state in SETTLED
        difference = (after.pnl_minor or 0) - (before.pnl_minor or 0 if regraded else 0)
        change = None
        if regraded or late:
            change = streak_change(
                await self._results(), after.intent.intent_id, before.state if regraded else None
            )
        if regraded:
            if difference == 0 and not change:
                return
            await put_bet(self._context.bus, exposure_of(after, self._terms))
        await self._book.settle(
            after.intent.decision_id,
            day=self._ledger.day_of(after.settled_at or self._context.clock.now()),
            pnl_minor=difference,
            lost=not regraded and after.state in LOSSES,
            streak_change=change,
        )


class ExposureAudit:
    """Makes good what a death between a write to the ledger and one to the risk book left behind.

    Every bet of the book must be open in the ledger. Every open bet must be in the book, with the
    fills and the rest that the ledger has.
    """

    def __init__(self, context: Context, ledger: Ledger, risk: RiskUpdater) -> None:
        self._context = context
        self._ledger = ledger
        self._risk = risk
        zone = context.settings.mode.zone
        self._book = RiskBook(context.bus, context.account.key, clock=context.clock, zone=zone)
        self._orphans: set[str] = set()

    async def run(self) -> None:
        """Compare risk book and ledger once. Raises ledger and bus errors."""
        # The book is read first, so that a bet made in between is not taken for an orphan.
        state = await self._book.read()
        if state.day is None:
            return  # Redis lost the book: the guard rebuilds it from the ledger as a whole
        booked = {e.decision_id: e for e in state.exposures if e.status is ExposureStatus.BET}
        account, now = self._context.account, self._context.clock.now()
        open_orders = await self._ledger.orders.open_orders(account.mode, account.key)
        for bet in open_orders:
            found = booked.get(bet.intent.decision_id)
            if not bet.risk_minor or now - bet.updated_at <= SETTLING_TIME:
                continue
            if found is None:
                log.warning("exposure_restored", **bet.intent.names)
            # The router, which cancels, writes into the ledger alone.
            if not self._risk.is_of(found, bet):
                await self._risk.put(bet)
        known_open = {bet.intent.decision_id for bet in open_orders}
        orphans: set[str] = set()
        for name, exposure in booked.items():
            if name in known_open or name.startswith(FOREIGN_PREFIX):
                continue
            if await self._end(exposure, now - SETTLING_TIME):
                orphans.add(name)
        self._orphans = orphans

    async def _end(self, exposure: Exposure, before: datetime) -> bool:
        """Take out what is not at risk.

        Return True for an exposure without any intent, which must be seen twice to go.
        """
        bet = await self._ledger.orders.by_decision(exposure.decision_id)
        if bet is None:
            if exposure.decision_id not in self._orphans:
                return True
            await self._book.release(exposure.decision_id)
        elif bet.updated_at > before:
            return False
        elif bet.state in SETTLED:
            await self._risk.book_result(_running(bet), bet, late=True)
        else:
            await self._book.release(exposure.decision_id)
        log.warning(
            "exposure_ended",
            decision_id=exposure.decision_id,
            state=bet.state.value if bet is not None else None,
        )
        return False


def _running(bet: Order) -> Order:
    """Return the bet as it was before it was settled: all of its profit is still to be booked."""
    return msgspec.structs.replace(bet, state=OrderState.FILLED, pnl_minor=None)
