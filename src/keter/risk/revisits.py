"""Values that a rest or the throttle kept from being bet: looked at again when that has ended,
whether or not prices moved.

The guard remembers the market, not the signal: by then the price may be another. The market goes
back to the head of the pipeline as it stands, where every gate judges it anew. The memory is this
process's own; a market that a restart forgets returns with its next price change.
"""

from datetime import datetime, timedelta

from keter.bus.codec import encode
from keter.bus.errors import PoisonedPayloadError
from keter.bus.queue import Output, QueueName
from keter.bus.state.cooldowns import cooldown_left_s
from keter.bus.state.risk import RiskBook
from keter.context import Context
from keter.domain.exposure import ExposureStatus
from keter.domain.quotes import MarketUpdate
from keter.domain.signals import ConfirmedSignal
from keter.domain.verdicts import COOLING_DOWN, Reason, Verdict
from keter.strategies.value.markets_view import read_market

MEMORY = 2_000  # markets; the oldest is forgotten first
# A rest of a league's worth of matches may end at once, and each market costs some reads.
PER_TURN = 50
SHORTEST = timedelta(seconds=1)


class Revisits:
    """What is to be looked at again, and when."""

    def __init__(self, context: Context, book: RiskBook) -> None:
        self._context = context
        self._book = book
        self._due: dict[str, tuple[datetime, ConfirmedSignal, Reason]] = {}

    def note(self, signal: ConfirmedSignal, verdict: Verdict) -> None:
        """Remembers the market of a signal that a rest or the throttle refused; other verdicts are
        nothing to it.
        """
        if verdict.reason not in COOLING_DOWN:
            return
        key = signal.update.queue_key
        self._due.pop(key, None)
        self._due[key] = self._context.clock.now() + SHORTEST, signal, verdict.reason
        while len(self._due) > MEMORY:
            del self._due[next(iter(self._due))]

    async def due(self) -> list[Output]:
        """The markets whose rest is over, as they stand, for the raw queue, where they replace
        nothing newer.
        """
        now = self._context.clock.now()
        ready = [key for key, (at, _, _) in self._due.items() if at <= now][:PER_TURN]
        held = await self._reserved() if ready else frozenset()
        found = [await self._look(key, now, held) for key in ready]
        return [
            Output(QueueName.RAW, one.queue_key, encode(one), returned=True)
            for one in found
            if one is not None
        ]

    async def _reserved(self) -> frozenset[str]:
        """The events that a reservation keeps at rest, before there is a bet."""
        exposures = (await self._book.read()).exposures
        return frozenset(
            one.event_uid for one in exposures if one.status is ExposureStatus.RESERVED
        )

    async def _look(self, key: str, now: datetime, held: frozenset[str]) -> MarketUpdate | None:
        _, signal, reason = self._due.pop(key)
        left = (
            SHORTEST
            if signal.event_uid in held
            else timedelta(seconds=await self._left_s(signal, reason))
        )
        if left > timedelta(0):
            self._due[key] = now + max(left, SHORTEST), signal, reason
            return None
        try:
            return await read_market(self._context.bus, signal.event_uid, signal.update.market)
        except PoisonedPayloadError as e:  # its next price change writes it anew
            self._context.log.warning("market_unreadable", key=key, error=str(e))
            return None

    async def _left_s(self, signal: ConfirmedSignal, reason: Reason) -> float:
        """Seconds until it is worth asking again; 0 when nothing rests."""
        risk = self._context.settings.risk
        if reason is Reason.THROTTLED:
            sent = await self._book.bets_in_window(risk.throttle_window_s)
            return SHORTEST.total_seconds() if sent >= risk.throttle_bets else 0.0
        return await cooldown_left_s(self._context.bus, signal.event_uid, signal.selection_id)
