"""Moving prices: the selections judged last, at their best book, with the price before."""

from collections.abc import Iterable, Sequence

from keter.bus.connection import Bus
from keter.bus.state.odds import LatestOdds, LatestPrice, read_odds
from keter.dashboard.models import Tick
from keter.dashboard.views import odds_text, selection_text
from keter.domain.markets import stored_selection
from keter.domain.orders import Order
from keter.domain.signals import Decision

SHOWN = 12


def watched(decisions: Iterable[Decision], bets: Iterable[Order]) -> list[tuple[str, str]]:
    """Return up to SHOWN selections (event_uid, selection_id), those judged last first."""
    seen = dict.fromkeys((decision.event_uid, decision.selection_id) for decision in decisions)
    seen |= dict.fromkeys((bet.intent.event_uid, bet.intent.selection_id) for bet in bets)
    return [pair for pair in seen if _is_selection(*pair)][:SHOWN]


def _is_selection(event_uid: str, selection_id: str) -> bool:
    try:
        stored_selection(event_uid, selection_id)
    except ValueError:
        return False
    return True


class Ticker:
    """Remembers the last price of each watched selection, to say how it moved."""

    def __init__(self) -> None:
        self._last: dict[tuple[str, str], tuple[str, str | None]] = {}

    async def read(
        self, bus: Bus, account: str, selections: Sequence[tuple[str, str]]
    ) -> list[Tick]:
        """Return one row per selection with a price on the account's feed. Raises bus errors."""
        found = {pair: await read_odds(bus, account, *pair) for pair in selections}
        rows = [
            self._row(pair, latest)
            for pair, latest in found.items()
            if latest is not None and latest.prices
        ]
        self._last = {pair: last for pair, last in self._last.items() if pair in found}
        return rows

    def _row(self, pair: tuple[str, str], latest: LatestOdds) -> Tick:
        best: LatestPrice = max(latest.prices, key=lambda price: (price.odds, price.book))
        odds = odds_text(best.odds)
        before, previous = self._last.get(pair, (odds, None))
        if before != odds:
            previous = before
        self._last[pair] = (odds, previous)
        return Tick(
            event_uid=pair[0],
            event_text=f"{latest.event.home} v {latest.event.away}",
            selection_id=pair[1],
            selection_text=selection_text(pair[0], pair[1], latest.event.home, latest.event.away),
            book=best.book,
            odds=odds,
            previous=previous,
            at=max(best.confirmed_at, latest.confirmed_at),
        )
