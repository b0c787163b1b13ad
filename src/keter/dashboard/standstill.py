"""Whether signals are approved and none becomes a bet, and what happens to them instead. Pure."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

WINDOW = timedelta(minutes=5)
LEAST_APPROVALS = 3
# A look every two seconds fills the window with 150.
SAMPLES = 200
# Reasons of a moving market. Where there are only these, the settings are to blame, not a fault.
ORDINARY = frozenset(
    {
        "price_moved",
        "edge_gone",
        "no_quote",
        "book_limits",
        "signal_stale",
        "duplicate_decision",
        "venue_refused",
    }
)
_APPROVED, _ROUTER, _BET = "guard:ok", "router:", "router:ok"


@dataclass(frozen=True, slots=True)
class Standstill:
    """``approved`` signals of the last WINDOW of which none was bet.

    ``reasons`` are the router's, each with its number.
    """

    approved: int
    reasons: tuple[tuple[str, int], ...]

    @property
    def ordinary(self) -> bool:
        """Whether moving prices alone explain it."""
        return bool(self.reasons) and all(reason in ORDINARY for reason, _ in self.reasons)

    @property
    def sentence(self) -> str:
        """The standstill in words."""
        why = ", ".join(f"{reason.replace('_', ' ')} {n}" for reason, n in self.reasons)
        minutes = WINDOW / timedelta(minutes=1)
        outcome = why or "the router took none of them"
        return (
            f"{self.approved} signals were approved in the last {minutes:g} minutes and none was"
            f" bet: {outcome}."
        )


class StandstillWatch:
    """Remembers the day's counts from look to look."""

    def __init__(self) -> None:
        self._samples: deque[tuple[datetime, Mapping[str, int]]] = deque(maxlen=SAMPLES)

    def look(self, counts: Mapping[str, int], at: datetime, *, may_bet: bool) -> Standstill | None:
        """Return the standstill that the window shows.

        None until the window is full, while nothing may be bet, and where something was bet.
        """
        own = {
            name: n for name, n in counts.items() if name == _APPROVED or name.startswith(_ROUTER)
        }
        if not may_bet or (
            self._samples and own.get(_APPROVED, 0) < self._samples[-1][1].get(_APPROVED, 0)
        ):
            # A new day, a lost Redis, or a stop: what was before explains nothing.
            self._samples.clear()
        self._samples.append((at, own))
        return self._found(at, own)

    def _found(self, at: datetime, counts: Mapping[str, int]) -> Standstill | None:
        while len(self._samples) > 1 and self._samples[1][0] <= at - WINDOW:
            self._samples.popleft()
        began, before = self._samples[0]
        if at - began < WINDOW:
            return None
        grown = {
            name: n - before.get(name, 0) for name, n in counts.items() if n > before.get(name, 0)
        }
        approved = grown.get(_APPROVED, 0)
        if approved < LEAST_APPROVALS or grown.get(_BET):
            return None
        reasons = sorted(
            ((n, name.removeprefix(_ROUTER)) for name, n in grown.items() if name != _APPROVED),
            reverse=True,
        )
        return Standstill(approved, tuple((name, n) for n, name in reasons))
