"""Scores of matches in play, told from the feed's rows: what changed, the score at half time, and
which score was final.

The feed never says that a match is over; its rows just go. The rule for a **final score**, all four
parts needed:

1. the match was seen live, and the row observed last (by the venue's own time) gave a score;
2. that observation was in the second half at minute 85 played (``LATE_MINUTE``) or later;
3. every live row of the match has gone, and none came back for ``final_after`` (``FINAL_AFTER`` by default);
4. the chain of answers was not broken in between (``forget``): a goal may hide in a gap.

Anything else has no final score here: whoever settles must take the result from elsewhere.

The rule for the **half-time score**: the score last observed before the second half, if the first
observation in the second half shows the same goals. If it shows others, a goal fell between the two
and nobody knows in which half: no half-time score.
"""

from datetime import datetime, timedelta

import msgspec

from keter.domain.feed import EventScore
from keter.domain.quotes import Score
from keter.venues.asianodds.normalise import GameClock

LATE_MINUTE = 85
FINAL_AFTER = timedelta(seconds=20)


class _Match(msgspec.Struct):
    score: Score
    half: int
    observed_ms: int
    observed_at: datetime
    before_break: tuple[int, int] | None = None
    half_time: tuple[int, int] | None = None
    gone_since: datetime | None = None


class ScoreBook:
    """Remembers matches in play. ``observe`` and ``due`` return what is worth passing on."""

    def __init__(self, final_after: timedelta = FINAL_AFTER) -> None:
        self._final_after = final_after
        self._matches: dict[str, _Match] = {}

    def observe(
        self, uid: str, score: Score, clock: GameClock, observed_ms: int, now: datetime
    ) -> EventScore | None:
        """Take a row's score, unless a row changed later has told one already.

        Returns it when it is news.
        """
        goals = (score.home, score.away)
        match = self._matches.get(uid)
        if match is None:
            # Joined in the second half: what the first half brought is unknown.
            match = _Match(score, clock.half, observed_ms, now, None if clock.half == 2 else goals)
            self._matches[uid] = match
            return self._told(uid, match)
        if observed_ms < match.observed_ms:
            return None
        if clock.half == 2 and match.half != 2 and match.before_break == goals:
            match.half_time = goals
        if clock.half != 2 and match.half != 2:
            match.before_break = goals
        news = score != match.score
        match.score, match.observed_ms, match.observed_at = score, observed_ms, now
        match.half = max(match.half, clock.half)
        return self._told(uid, match) if news else None

    def current(self, uid: str) -> Score | None:
        match = self._matches.get(uid)
        return match.score if match is not None else None

    def gone(self, uid: str, now: datetime) -> None:
        """The last live row of the match has gone."""
        match = self._matches.get(uid)
        if match is not None and match.gone_since is None:
            match.gone_since = now

    def back(self, uid: str) -> None:
        """The match has a live row."""
        match = self._matches.get(uid)
        if match is not None:
            match.gone_since = None

    def forget(self, uid: str) -> None:
        """Answers were missed: nothing may be concluded from the rows of this match having gone."""
        self._matches.pop(uid, None)

    def due(self, now: datetime) -> list[EventScore]:
        """Final scores of matches gone for long enough, each told once; matches gone without one
        are dropped silently.
        """
        over = [
            (uid, match)
            for uid, match in self._matches.items()
            if match.gone_since is not None and now - match.gone_since >= self._final_after
        ]
        for uid, _ in over:
            del self._matches[uid]
        return [self._told(uid, match, ended=True) for uid, match in over if _late(match)]

    @staticmethod
    def _told(uid: str, match: _Match, *, ended: bool = False) -> EventScore:
        return EventScore(uid, match.score, match.half_time, ended, match.observed_at)


def _late(match: _Match) -> bool:
    return match.half == 2 and (match.score.minute or 0) >= LATE_MINUTE
