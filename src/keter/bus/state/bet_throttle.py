"""How many bets were sent within the last seconds, for the throttle, through any step of a clock.

The server dates each bet by its own wall clock, which may be set. Here each bet is dated once more,
by the monotonic clock of this process.

* A bet that a step forward has aged, or whose note has expired with it, still counts.
* A bet dated in the future, before the server's clock was set back, counts from when it was seen.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from keter.bus.connection import Bus
from keter.bus.keys import BETS_MS
from keter.clock import Clock
from keter.domain.exposure import Exposure, ExposureStatus


@dataclass(frozen=True, slots=True)
class SentBet:
    """One bet, dated twice.

    ``noted_ms`` is the server's date, None until it has been read. ``at_s`` is the monotonic
    second on this process's clock.
    """

    noted_ms: float | None
    at_s: float


@dataclass(slots=True)
class RecentBets:
    """The bets that one process has seen; pure. ``kept_s`` is the longest window ever asked for."""

    kept_s: float
    _sent: dict[str, SentBet] = field(default_factory=dict)
    _reserved: set[str] = field(default_factory=set)

    def reserved(self, decision_id: str) -> None:
        """Note that this decision may become a bet at any moment."""
        self._reserved.add(decision_id)

    def see_book(self, exposures: Iterable[Exposure], now_s: float) -> None:
        """Date as sent now every reservation that has become a bet since the last call."""
        book = {exposure.decision_id: exposure.status for exposure in exposures}
        for decision_id in self._reserved - self._sent.keys():
            if book.get(decision_id) is ExposureStatus.BET:
                self._sent[decision_id] = SentBet(None, now_s)
        self._reserved = {one for one, status in book.items() if status is ExposureStatus.RESERVED}

    def see_notes(self, notes: Mapping[str, float], server_ms: float, now_s: float) -> None:
        """Take in the server's dates of bets (ms by decision id), read at ``server_ms``."""
        for decision_id, noted_ms in notes.items():
            known = self._sent.get(decision_id)
            if known is not None and known.noted_ms == noted_ms:
                continue  # dated already; the server's clock may have been set since
            at_s = now_s - max(server_ms - noted_ms, 0) / 1000
            at_s = max(at_s, known.at_s) if known is not None else at_s
            self._sent[decision_id] = SentBet(noted_ms, at_s)

    def count(self, window_s: float, now_s: float) -> int:
        """Return the number of bets sent within the last ``window_s`` seconds."""
        self._sent = {
            one: sent for one, sent in self._sent.items() if sent.at_s > now_s - self.kept_s
        }
        return sum(sent.at_s > now_s - window_s for sent in self._sent.values())


class BetThrottle:
    """The bets of one account noted in Redis, together with those that this process has seen."""

    def __init__(self, bus: Bus, clock: Clock, account: str) -> None:
        self._bus = bus
        self._book = bus.keys.risk_bets(account)
        self._clock = clock
        self._recent = RecentBets(BETS_MS / 1000)

    def reserved(self, decision_id: str) -> None:
        """Note that this decision may become a bet at any moment."""
        self._recent.reserved(decision_id)

    def see_book(self, exposures: Iterable[Exposure]) -> None:
        """Date as sent now every reservation that has become a bet since the last call."""
        self._recent.see_book(exposures, self._clock.monotonic())

    async def note_bet(self, decision_id: str) -> None:
        """Note in Redis that the bet is sent now, by the server's clock."""
        now_ms = await self._bus.now_ms()
        async with self._bus.redis.batch(atomic=True) as batch:
            batch.zadd(self._book, {decision_id: now_ms})
            batch.zremrangebyscore(self._book, "-inf", now_ms - BETS_MS)
            batch.pexpire(self._book, BETS_MS)
            await batch.execute()

    async def bets_in_window(self, window_s: float) -> int:
        """Return the bets sent or about to be sent within the last ``window_s`` seconds.

        The window is an hour at most.
        """
        server_ms = await self._bus.now_ms()
        since = f"({server_ms - round(window_s * 1000)}"
        flat: Sequence[bytes] = await self._bus.redis.execute_command(
            "ZRANGEBYSCORE", self._book, since, "+inf", "WITHSCORES"
        )
        notes = {flat[i].decode(): float(flat[i + 1]) for i in range(0, len(flat), 2)}
        now_s = self._clock.monotonic()
        self._recent.see_notes(notes, server_ms, now_s)
        return self._recent.count(window_s, now_s)
