"""The closing price of each bet: the sharp books' fair price right before kick-off.

The last fair price seen before the start is kept with the bet, for closing line value. If none was
seen close enough to the start there is none: an unknown closing price is not zero and not the price
at placement. What was seen is kept in Redis, so that a tracker that starts anew around kick-off
loses nothing.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import structlog

from keter.bus.errors import PoisonedPayloadError
from keter.bus.state.markets import read_market
from keter.bus.state.reconciliation import ClosingLook, note_closing, read_closing
from keter.context import Context
from keter.domain.market_kinds import Outcome
from keter.domain.markets import Phase
from keter.domain.order_states import ENDED, RESTING, OrderState
from keter.domain.orders import Order
from keter.domain.quotes import MarketUpdate
from keter.ledger import Ledger, OrderChanges, UnstorableRowError

log = structlog.get_logger(__name__)
WINDOW = timedelta(minutes=10)
_MAY_RUN = RESTING | ENDED | {OrderState.UNKNOWN}
# Of market, outcome and time: the fair odds, None without a consensus. Handed in, because execution
# knows no strategy.
FairOdds = Callable[[MarketUpdate, Outcome, datetime], float | None]


class ClosingPrices:
    """Notes the newest fair price of each bet about to start, and stores it after the start."""

    def __init__(self, context: Context, ledger: Ledger, fair_odds: FairOdds) -> None:
        self._context = context
        self._ledger = ledger
        self._fair_odds_of = fair_odds
        self._unseen: set[str] = set()  # started without a price seen: not worth another question

    async def run(self, open_orders: Sequence[Order]) -> None:
        """Go once through every open bet. Raises ledger and bus errors."""
        now = self._context.clock.now()
        for bet in open_orders:
            if bet.state not in _MAY_RUN or bet.closing_fair_odds is not None:
                continue
            until = bet.intent.kickoff - now
            if timedelta() < until <= WINDOW:
                await self._look(bet, now)
            elif until <= timedelta() and bet.intent.intent_id not in self._unseen:
                await self._started(bet, now)
        self._unseen &= {bet.intent.intent_id for bet in open_orders}

    async def _started(self, bet: Order, now: datetime) -> None:
        """Store the price of a bet whose kick-off has come, unless the match was put off since."""
        update = await self._market(bet)
        until = (
            update.event.kickoff - now
            if update is not None and update.phase is not Phase.LIVE
            else timedelta()
        )
        if until <= timedelta():
            await self._write(bet, now)
        elif until <= WINDOW:
            await self._look(bet, now)

    async def _look(self, bet: Order, now: datetime) -> None:
        fair_odds = await self._fair_odds(bet, now)
        if fair_odds is not None:
            await note_closing(self._context.bus, bet.intent.intent_id, ClosingLook(fair_odds, now))

    async def _fair_odds(self, bet: Order, now: datetime) -> float | None:
        update = await self._market(bet)
        if update is None or update.phase is Phase.LIVE:
            return None
        return self._fair_odds_of(update, bet.intent.outcome, now)

    async def _market(self, bet: Order) -> MarketUpdate | None:
        try:
            return await read_market(
                self._context.bus, bet.intent.account, bet.intent.event_uid, bet.intent.market
            )
        except PoisonedPayloadError as e:
            log.warning("closing_price_unreadable", **bet.intent.names, error=str(e))
            return None

    async def _write(self, bet: Order, now: datetime) -> None:
        intent_id = bet.intent.intent_id
        look = await read_closing(self._context.bus, intent_id)
        if look is None:
            self._unseen.add(intent_id)
            return
        try:
            await self._ledger.orders.amend(
                intent_id,
                OrderChanges(closing_fair_odds=look.fair_odds),
                at=now,
                cause="closing_price",
                worker=self._context.worker,
                evidence={"seen_at": look.seen_at.isoformat()},
            )
        except UnstorableRowError as e:
            # A bet without a closing price is settled like any other.
            self._unseen.add(intent_id)
            log.warning("closing_price_not_stored", **bet.intent.names, error=str(e))
