"""Pure: how long, and over how many different markets, the edge has seen no value."""

from datetime import datetime, timedelta

MOST_MARKETS = 20_000  # remembered at most


class DrySpell:
    """From the last value seen, or from the start, on.

    One market counts once, however often its price moves.
    """

    def __init__(self, begun: datetime) -> None:
        self._begun = begun
        self._markets: set[str] = set()

    @property
    def markets(self) -> int:
        """How many different markets were judged since the last value."""
        return len(self._markets)

    def value(self, now: datetime) -> None:
        """A selection was worth a bet: the spell is over and the next one begins."""
        self._begun = now
        self._markets.clear()

    def none(self, market: str) -> None:
        """A selection of ``market`` was worth too little."""
        if len(self._markets) < MOST_MARKETS:
            self._markets.add(market)

    def minutes(self, now: datetime) -> int:
        """How long it lasts, in whole minutes."""
        return int((now - self._begun) / timedelta(minutes=1))

    def long(self, now: datetime, *, least_minutes: float, least_markets: int) -> bool:
        """Whether it is worth telling: a quiet night without markets is none, nor is one full
        answer of the feed.
        """
        return (
            now - self._begun >= timedelta(minutes=least_minutes)
            and len(self._markets) >= least_markets
        )
