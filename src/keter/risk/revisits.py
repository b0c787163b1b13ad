"""Signals that a cooldown or the throttle refused: their markets are judged again when it ends.

What is remembered is the market, not the signal: its price may be another by then. The market goes
back to the head of the pipeline as it is on offer, and every gate judges it anew. The memory ends
with the process. A market that it forgets is judged again with its next price change.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta

from cachetools import FIFOCache

from keter.bus.codec import encode
from keter.bus.errors import PoisonedPayloadError
from keter.bus.queue import Output, QueueName
from keter.bus.state.cooldowns import cooldown_left_s
from keter.bus.state.markets import read_market
from keter.bus.state.risk import RiskBook
from keter.context import Context
from keter.domain.exposure import ExposureStatus
from keter.domain.quotes import MarketUpdate
from keter.domain.signals import ConfirmedSignal
from keter.domain.verdicts import COOLING_DOWN, Reason, Verdict

# Markets. The oldest is forgotten first.
MEMORY = 2_000
# The cooldowns of many matches may end at once, and each market costs some reads.
PER_TURN = 50
SHORTEST = timedelta(seconds=1)


class Revisits:
    """Remember which markets must be judged again, and when."""

    def __init__(self, context: Context, books: Mapping[str, RiskBook]) -> None:
        self._context = context
        self._books = books
        # By queue key: when to look again, the signal, and what refused it.
        self._due: FIFOCache[str, tuple[datetime, ConfirmedSignal, Reason]] = FIFOCache(MEMORY)

    def note(self, signal: ConfirmedSignal, verdict: Verdict) -> None:
        """Remember the market of a signal that a cooldown or the throttle refused.

        Signals with another verdict are ignored.
        """
        if verdict.reason in COOLING_DOWN and signal.account in self._books:
            at = self._context.clock.now() + SHORTEST
            self._due[signal.update.queue_key] = at, signal, verdict.reason

    async def due(self) -> list[Output]:
        """Return the markets whose cooldown is over, as they are on offer, for the raw queue.

        They replace nothing newer there. Raises bus errors.
        """
        now = self._context.clock.now()
        ready = [key for key, (at, _, _) in self._due.items() if at <= now][:PER_TURN]
        reserved = await self._reserved() if ready else frozenset()
        found = [await self._look(key, now, reserved) for key in ready]
        return [
            Output(QueueName.RAW, one.queue_key, encode(one), returned=True)
            for one in found
            if one is not None
        ]

    async def _reserved(self) -> frozenset[tuple[str, str]]:
        """Return the account and event of each reservation: a cooldown has begun without a bet."""
        exposures = [one for book in self._books.values() for one in (await book.read()).exposures]
        return frozenset(
            (one.account, one.event_uid)
            for one in exposures
            if one.status is ExposureStatus.RESERVED
        )

    async def _look(
        self, key: str, now: datetime, reserved: frozenset[tuple[str, str]]
    ) -> MarketUpdate | None:
        """Return the market if its cooldown is over, else remember it for later."""
        _, signal, reason = self._due.pop(key)
        left = SHORTEST
        if (signal.account, signal.event_uid) not in reserved:
            left = timedelta(seconds=await self._left_s(signal, reason))
        if left > timedelta(0):
            self._due[key] = now + max(left, SHORTEST), signal, reason
            return None
        try:
            return await read_market(
                self._context.bus, signal.account, signal.event_uid, signal.update.market
            )
        except PoisonedPayloadError as e:
            # The next price change writes the market anew.
            self._context.log.warning("market_unreadable", key=key, error=str(e))
            return None

    async def _left_s(self, signal: ConfirmedSignal, reason: Reason) -> float:
        """Return the seconds until the signal may pass; 0 if it may now."""
        account, bus = signal.account, self._context.bus
        risk = self._context.of(account).settings.risk
        if reason is Reason.THROTTLED:
            sent = await self._books[account].bets_in_window(risk.throttle_window_s)
            return SHORTEST.total_seconds() if sent >= risk.throttle_bets else 0.0
        return await cooldown_left_s(bus, account, signal.event_uid, signal.selection_id)
