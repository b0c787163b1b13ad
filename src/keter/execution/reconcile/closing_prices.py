"""The closing price of each bet: what the sharp books thought its selection was worth right before
kick-off.

The last fair price seen before the start is kept with the bet, for closing line value. Where none
was seen close enough to the start there is none: an unknown closing price is not zero and not the
price at placement. What was seen waits in Redis, so that a tracker that starts anew around kick-off
loses nothing.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

import structlog

from keter.bus.errors import PoisonedPayloadError
from keter.bus.state.markets import read_market
from keter.bus.state.reconciliation import ClosingLook, note_closing, read_closing
from keter.context import Context
from keter.domain.bets import Bet, BetState
from keter.domain.markets import Phase
from keter.domain.quotes import MarketUpdate
from keter.ledger import BetChanges, Ledger, UnstorableRowError
from keter.strategies.value.edge import evaluate
from keter.strategies.value.validation import validate

log = structlog.get_logger(__name__)
WINDOW = timedelta(minutes=10)
_STANDS = frozenset({BetState.PENDING, BetState.RUNNING, BetState.UNKNOWN})


class ClosingPrices:
    """Remembers the newest fair price of each bet about to start, and writes it down when the event
    has started.
    """

    def __init__(self, context: Context, ledger: Ledger) -> None:
        self._context = context
        self._ledger = ledger
        self._unseen: set[str] = set()  # started without a look: not worth another question

    async def run(self, open_bets: Sequence[Bet]) -> None:
        """One look at every open bet."""
        now = self._context.clock.now()
        for bet in open_bets:
            if bet.state not in _STANDS or bet.closing_fair_odds is not None:
                continue
            until = bet.intent.kickoff - now
            if timedelta() < until <= WINDOW:
                await self._look(bet, now)
            elif until <= timedelta() and bet.intent.intent_id not in self._unseen:
                await self._started(bet, now)
        self._unseen &= {bet.intent.intent_id for bet in open_bets}

    async def _started(self, bet: Bet, now: datetime) -> None:
        """The kick-off that the bet was made for has come; the match may have been put off
        since.
        """
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

    async def _look(self, bet: Bet, now: datetime) -> None:
        fair_odds = await self._fair_odds(bet, now)
        if fair_odds is not None:
            await note_closing(self._context.bus, bet.intent.intent_id, ClosingLook(fair_odds, now))

    async def _fair_odds(self, bet: Bet, now: datetime) -> float | None:
        settings, intent = self._context.settings, bet.intent
        update = await self._market(bet)
        if update is None or update.phase is Phase.LIVE:
            return None
        _, market = validate(update, settings.validation, now)
        judgements = evaluate(market, settings.edge, now) if market is not None else []
        fair = next((one.fair for one in judgements if one.side is intent.side), None)
        return fair.odds if fair is not None else None

    async def _market(self, bet: Bet) -> MarketUpdate | None:
        try:
            return await read_market(self._context.bus, bet.intent.event_uid, bet.intent.market)
        except PoisonedPayloadError as e:
            log.warning("closing_price_unreadable", **bet.intent.names, error=str(e))
            return None

    async def _write(self, bet: Bet, now: datetime) -> None:
        intent_id = bet.intent.intent_id
        look = await read_closing(self._context.bus, intent_id)
        if look is None:
            self._unseen.add(intent_id)
            return
        try:
            await self._ledger.intents.amend(
                intent_id,
                BetChanges(closing_fair_odds=look.fair_odds),
                at=now,
                cause="closing_price",
                worker=self._context.worker,
                evidence={"seen_at": look.seen_at.isoformat()},
            )
        except UnstorableRowError as e:  # a bet without a closing price is settled like any other
            self._unseen.add(intent_id)
            log.warning("closing_price_not_stored", **bet.intent.names, error=str(e))
