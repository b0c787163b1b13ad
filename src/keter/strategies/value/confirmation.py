"""Which values wait for confirmation, and since when. Pure.

Some values only lack time: CONFIRMATION_WINDOW_SEC or ANCHOR_SETTLE_SEC has not passed. They are
judged again when it has, also if no price of the market changes until then.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from cachetools import FIFOCache

from keter.domain.market_kinds import Outcome
from keter.domain.quotes import MarketUpdate
from keter.domain.verdicts import AWAITED, Reason, Verdict
from keter.strategies.value.edge import Judgement, first_seen

# Markets remembered. The oldest is forgotten first.
MEMORY = 20_000
# An anchor's price settles with the feed's next answer, which nobody can hurry.
SHORTEST_WAIT_S = 1.0
AUDITED = frozenset(
    {Reason.OK, Reason.EV_TOO_HIGH, Reason.AWAITING_CONFIRMATION, Reason.ANCHOR_UNSETTLED}
)


class Known(NamedTuple):
    """What the last look at a market found.

    ``seen`` gives since when each side has had value, ``unsettled`` the sides whose best price is
    an unsettled one of the anchor.
    """

    seen: Mapping[Outcome, datetime]
    unsettled: frozenset[Outcome]

    def is_news(self, judgement: Judgement) -> bool:
        """Return True if a judgement is to be audited.

        A value that waits is audited when it is first seen, not at every look.
        """
        reason = judgement.verdict.reason
        if reason is Reason.AWAITING_CONFIRMATION:
            return judgement.outcome not in self.seen
        if reason is Reason.ANCHOR_UNSETTLED:
            return judgement.outcome not in self.unsettled
        return reason in AUDITED


class Confirmation:
    """Remember for each market what ``evaluate`` needs at the next look, and when that is due.

    Markets are named by their queue keys. ``window_s`` is CONFIRMATION_WINDOW_SEC.
    """

    def __init__(self, window_s: float) -> None:
        self._window_s = window_s
        self._seen: FIFOCache[str, dict[Outcome, datetime]] = FIFOCache(MEMORY)
        self._unsettled: FIFOCache[str, frozenset[Outcome]] = FIFOCache(MEMORY)
        self._due: FIFOCache[str, tuple[datetime, MarketUpdate]] = FIFOCache(MEMORY)

    def take(self, key: str) -> Known:
        """Return and forget what the last look at a market found."""
        return Known(self._seen.pop(key, {}), self._unsettled.pop(key, frozenset()))

    def forget_value(self, key: str) -> None:
        """Forget since when a market has had value: it has none."""
        self._seen.pop(key, None)

    def note(
        self, update: MarketUpdate, judgements: Sequence[Judgement], known: Known, now: datetime
    ) -> None:
        """Remember the judgements made at ``now``, ``known`` before."""
        key = update.queue_key
        self._due.pop(key, None)
        seen = first_seen(judgements, known.seen, now)
        if self._window_s and seen:
            self._seen[key] = seen
        unsettled = [
            one.outcome for one in judgements if one.verdict.reason is Reason.ANCHOR_UNSETTLED
        ]
        if unsettled:
            self._unsettled[key] = frozenset(unsettled)
        waits_s = [_wait_s(one.verdict) for one in judgements if one.verdict.reason in AWAITED]
        if waits_s:
            self._due[key] = (now + timedelta(seconds=min(waits_s)), update)

    def due(self, now: datetime) -> list[str]:
        """Return the markets to judge again at ``now``."""
        return [key for key, (at, _) in self._due.items() if at <= now]

    def take_due(self, key: str) -> MarketUpdate:
        """Return a market that is due, as it was at the last look; it is not due any more."""
        return self._due.pop(key)[1]


def _wait_s(verdict: Verdict) -> float:
    wait_s = float(verdict.numbers["wait_s"] or 0)
    return max(wait_s, SHORTEST_WAIT_S) if verdict.reason is Reason.ANCHOR_UNSETTLED else wait_s
