"""Pure: which bets were sent lately, told so that no step of a clock makes one of them be
forgotten.

The server dates each bet by its own wall clock, which may be set. Here each is dated once more, by
the clock of this process that never goes back. A bet that a step forward has aged, or whose note
has expired with it, still counts here. One dated in the future, before the server's clock was set
back, counts as sent when it was first seen.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from keter.domain.exposure import Exposure, ExposureStatus


@dataclass(frozen=True, slots=True)
class Sent:
    """One bet: the server's date, None while it has told none, and the second on this process's
    clock.
    """

    noted_ms: float | None
    at_s: float


@dataclass(slots=True)
class SentLately:
    """The memory of one process. ``kept_s`` is the longest window that is ever asked for."""

    kept_s: float
    _sent: dict[str, Sent] = field(default_factory=dict)
    _reserved: set[str] = field(default_factory=set)

    def reserved(self, decision_id: str) -> None:
        """This decision may become a bet at any moment."""
        self._reserved.add(decision_id)

    def see_book(self, exposures: Iterable[Exposure], now_s: float) -> None:
        """A reservation that has become a bet since the last look was sent in between: now, at the
        latest.
        """
        book = {exposure.decision_id: exposure.status for exposure in exposures}
        for decision_id in self._reserved - self._sent.keys():
            if book.get(decision_id) is ExposureStatus.BET:
                self._sent[decision_id] = Sent(None, now_s)
        self._reserved = {one for one, status in book.items() if status is ExposureStatus.RESERVED}

    def see_notes(self, notes: Mapping[str, float], server_ms: float, now_s: float) -> None:
        """Take in the server's dates, as its clock stands at ``server_ms``."""
        for decision_id, noted_ms in notes.items():
            known = self._sent.get(decision_id)
            if known is not None and known.noted_ms == noted_ms:
                continue  # dated already; the server's clock may have been set since
            at_s = now_s - max(server_ms - noted_ms, 0) / 1000
            at_s = max(at_s, known.at_s) if known is not None else at_s
            self._sent[decision_id] = Sent(noted_ms, at_s)

    def count(self, window_s: float, now_s: float) -> int:
        """Bets sent within the last ``window_s`` seconds."""
        self._sent = {
            one: sent for one, sent in self._sent.items() if sent.at_s > now_s - self.kept_s
        }
        return sum(sent.at_s > now_s - window_s for sent in self._sent.values())
