"""Results come back as they were written."""

from datetime import timedelta

import pytest

from keter.domain.feed import EventScore
from keter.domain.quotes import Score
from keter.domain.sports_scores import (
    BaseballScore,
    BasketballScore,
    Ending,
    FootballScore,
    HockeyScore,
    MatchScore,
    TennisScore,
)
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


@pytest.mark.parametrize(
    "match",
    [
        FootballScore(None, (1, 0), Ending.STOPPED),
        TennisScore(((6, 4), (3, 6), (7, 6))),
        BaseballScore((0, 0, 1, 0, 0, 0, 3, 0), (1, 0, 0, 1, 0, 0, 0, 0, 0)),
        BasketballScore((101, 101), (110, 113)),
        HockeyScore((2, 2), (3, 2)),
    ],
    ids=lambda match: type(match).__name__,
)
async def test_the_score_of_each_sport_comes_back_as_it_was(
    ledger: Ledger, match: MatchScore
) -> None:
    result = EventScore("ev", Score(1, 0), None, ended=True, observed_at=NOW, match=match)
    await ledger.results.put(result)
    assert await ledger.results.get("ev") == result
