"""Results come back as they were written."""

from datetime import timedelta

from keter.domain.feed import EventScore
from keter.domain.quotes import Score
from keter.ledger import Ledger
from tests.kit.execution import NOW


async def test_a_result_replaces_an_earlier_score(ledger: Ledger) -> None:
    await ledger.results.put(
        EventScore("ev", Score(1, 0, 45), (1, 0), ended=False, observed_at=NOW)
    )
    final = EventScore(
        "ev", Score(2, 1, 90, 1, 0), (1, 0), ended=True, observed_at=NOW + timedelta(hours=1)
    )
    await ledger.results.put(final)
    assert await ledger.results.get("ev") == final
    assert await ledger.results.get("other") is None
