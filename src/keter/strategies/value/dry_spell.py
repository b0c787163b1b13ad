"""Pure: for how long, and over how many different markets, the gate has found no value."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal

from keter.domain.verdicts import Reason
from keter.strategies.value.edge import Judgement

# Markets counted. More of them change nothing.
MOST_MARKETS = 20_000


class DrySpell:
    """Count the markets judged since the last value.

    A market counts once, however often its price changes.
    """

    def __init__(self, begun: datetime, *, least_minutes: float, least_markets: int) -> None:
        """Begin at ``begun``.

        It is a long one after ``least_minutes`` and over ``least_markets``. Both are required: a
        quiet night has no markets, and one full answer of the feed has many.
        """
        self._begun = begun
        self._least = timedelta(minutes=least_minutes)
        self._least_markets = least_markets
        self._markets: set[str] = set()
        # Whether the alert is raised; None while an earlier process may have raised it.
        self._raised: bool | None = None

    @property
    def markets(self) -> int:
        """How many different markets were judged since the last value."""
        return len(self._markets)

    def note(
        self, market: str, judgements: Sequence[Judgement], now: datetime
    ) -> Literal["raise", "clear"] | None:
        """Count a market that was worth too little, or end the spell with a value.

        Return what must be done to the alert, None for nothing.
        """
        has_value = any(one.verdict.accepted for one in judgements)
        if has_value:
            self._begun = now
            self._markets.clear()
        too_low = any(one.verdict.reason is Reason.EV_TOO_LOW for one in judgements)
        if too_low and not has_value and len(self._markets) < MOST_MARKETS:
            self._markets.add(market)
        if self.is_long(now) and not self._raised:
            return "raise"
        return "clear" if has_value and self._raised is not False else None

    def minutes(self, now: datetime) -> int:
        """Return how long it has lasted, in whole minutes."""
        return int((now - self._begun) / timedelta(minutes=1))

    def is_long(self, now: datetime) -> bool:
        """Return True if somebody should look at it."""
        return now - self._begun >= self._least and len(self._markets) >= self._least_markets

    def note_alert(self, *, raised: bool) -> None:
        """Note that the alert was raised or cleared."""
        self._raised = raised
