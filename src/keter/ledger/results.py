"""The repository of match results."""

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import select
from sqlalchemy.engine import Row

from keter.domain.feed import EventScore
from keter.domain.quotes import Score
from keter.domain.sports_scores import MatchScore
from keter.ledger import rows
from keter.ledger.database import Database
from keter.ledger.schema import results
from keter.ledger.statements import upsert


class Results:
    """The newest score of each event; ``ended`` marks a final one."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def put(self, result: EventScore) -> None:
        """Store the score in place of an earlier one of the event."""
        half = result.half_time or (None, None)
        score = result.score
        values = {
            "home": score.home,
            "away": score.away,
            "minute": score.minute,
            "red_home": score.red_home,
            "red_away": score.red_away,
            "half_time_home": half[0],
            "half_time_away": half[1],
            "ended": result.ended,
            "observed_at": result.observed_at,
            "match_score": result.match,
        }
        await self._database.write(
            lambda c: upsert(c, results, {"event_uid": result.event_uid}, values, first={})
        )

    async def get(self, event_uid: str) -> EventScore | None:
        """Return the event's score, or None if there is none."""
        return (await self.many([event_uid])).get(event_uid)

    async def many(self, event_uids: Sequence[str]) -> dict[str, EventScore]:
        """Return the scores by event; events without a score are left out."""
        query = select(results).where(results.c.event_uid.in_(sorted(set(event_uids))))
        found = await self._database.read(lambda c: c.execute(query).all()) if event_uids else []
        return {row.event_uid: _score(row) for row in found}


def _score(row: Row[Any]) -> EventScore:
    score = Score(row.home, row.away, row.minute, row.red_home, row.red_away)
    half_time = rows.pair(row.half_time_home, row.half_time_away)
    stored = row.match_score
    match = None if stored is None else msgspec.convert(stored, MatchScore)
    return EventScore(row.event_uid, score, half_time, row.ended, row.observed_at, match)
