"""Holds the risk book against the ledger: makes good what a death between a ledger write and its
echo in Redis left behind.
"""

from datetime import datetime, timedelta

import msgspec
import structlog

from keter.bus.state.risk import RiskBook
from keter.context import Context
from keter.domain.bets import SETTLED, Bet, BetState
from keter.domain.exposure import FOREIGN_PREFIX, Exposure, ExposureStatus
from keter.execution.reconcile.bet_updates import BetUpdater
from keter.ledger import Ledger

log = structlog.get_logger(__name__)
AT_RISK = frozenset({BetState.SENDING, BetState.PENDING, BetState.RUNNING, BetState.UNKNOWN})
# What changed later may still be on its way from the router to the risk book.
SETTLING_TIME = timedelta(seconds=5)


class ExposureAudit:
    """Every bet of the book must be open in the ledger, and every open bet in the book."""

    def __init__(self, context: Context, ledger: Ledger, applier: BetUpdater) -> None:
        self._context = context
        self._ledger = ledger
        self._applier = applier
        self._risk = RiskBook(context.bus, clock=context.clock, zone=context.settings.mode.zone)
        self._orphans: set[str] = set()

    async def run(self) -> None:
        """The book is read before the ledger, so that a bet made in between is not taken for an
        orphan.
        """
        state = await self._risk.read()
        if state.day is None:
            return  # Redis lost the book: the guard rebuilds it from the ledger as a whole
        standing = {e.decision_id: e for e in state.exposures if e.status is ExposureStatus.BET}
        now = self._context.clock.now()
        open_bets = await self._ledger.intents.open_bets(self._context.settings.mode.execution_mode)
        for bet in open_bets:
            missing = bet.intent.decision_id not in standing
            if bet.state in AT_RISK and missing and now - bet.updated_at > SETTLING_TIME:
                log.warning("exposure_restored", **bet.intent.names)
                await self._applier.put(bet)
        known_open = {bet.intent.decision_id for bet in open_bets}
        suspects = [
            e
            for name, e in standing.items()
            if name not in known_open and not name.startswith(FOREIGN_PREFIX)
        ]
        orphans: set[str] = set()
        for exposure in suspects:
            if await self._end(exposure, now - SETTLING_TIME):
                orphans.add(exposure.decision_id)
        self._orphans = orphans

    async def _end(self, exposure: Exposure, before: datetime) -> bool:
        """Take out what is not at risk.

        True for an exposure without any intent, which must be seen twice to go.
        """
        bet = await self._ledger.intents.by_decision(exposure.decision_id)
        if bet is None:
            if exposure.decision_id not in self._orphans:
                return True
            await self._risk.release(exposure.decision_id)
        elif bet.updated_at > before:
            return False
        elif bet.state in SETTLED:
            await self._applier.book_result(_running(bet), bet, late=True)
        else:
            await self._risk.release(exposure.decision_id)
        log.warning(
            "exposure_ended",
            decision_id=exposure.decision_id,
            state=bet.state.value if bet is not None else None,
        )
        return False


def _running(bet: Bet) -> Bet:
    """The bet as it was before it was settled: all of its profit is still to be booked."""
    return msgspec.structs.replace(bet, state=BetState.RUNNING, pnl_minor=None)
