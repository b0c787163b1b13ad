"""Scores of matches in play: what changed, the score at half time, and which score was final.

The feed never says that a match is over; its rows just go. A **final score** needs all of this:

1. The match was seen live, and the row observed last (by the venue's time) gave a score.
2. That observation was in the second half, at minute 85 played (``LATE_MINUTE``) or later.
3. Every live row of the match has gone, and none came back for ``final_after``.
4. The chain of answers was not broken in between (``forget``): a goal may hide in a gap.

Otherwise there is no final score here, and whoever settles must take the result from elsewhere.

The **half-time score** is the score last observed before the second half, if the first observation
in the second half shows the same goals. If it shows others, a goal fell between the two in an
unknown half, and there is no half-time score.

Pure.
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
    """Remembers the scores of matches in play, by uid."""

    def __init__(self, final_after: timedelta = FINAL_AFTER) -> None:
        self._final_after = final_after
        self._matches: dict[str, _Match] = {}

    def observe(
        self, uid: str, score: Score, clock: GameClock, observed_ms: int, now: datetime
    ) -> EventScore | None:
        """Take a row's score, unless a row that changed later gave one already.

        ``observed_ms`` is the row's change time. Return the score if it changed, else None.
        """
        goals = (score.home, score.away)
        match = self._matches.get(uid)
        if match is None:
            # Joined in the second half: what the first half brought is unknown.
            match = _Match(score, clock.half, observed_ms, now, None if clock.half == 2 else goals)
            self._matches[uid] = match
            return self._event_score(uid, match)
        if observed_ms < match.observed_ms:
            return None
        if clock.half == 2 and match.half != 2 and match.before_break == goals:
            match.half_time = goals
        if clock.half != 2 and match.half != 2:
            match.before_break = goals
        changed = score != match.score
        match.score, match.observed_ms, match.observed_at = score, observed_ms, now
        match.half = max(match.half, clock.half)
        return self._event_score(uid, match) if changed else None

    def current(self, uid: str) -> Score | None:
        """Return the latest score; None for a match that is not known."""
        match = self._matches.get(uid)
        return match.score if match is not None else None

    def gone(self, uid: str, now: datetime) -> None:
        """Note that the last live row of the match has gone."""
        match = self._matches.get(uid)
        if match is not None and match.gone_since is None:
            match.gone_since = now

    def back(self, uid: str) -> None:
        """Note that the match has a live row."""
        match = self._matches.get(uid)
        if match is not None:
            match.gone_since = None

    def forget(self, uid: str) -> None:
        """Drop a match of which answers were missed: that its rows went proves nothing."""
        self._matches.pop(uid, None)

    def due(self, now: datetime) -> list[EventScore]:
        """Return the final scores of matches gone for long enough, each once.

        Matches that went without a final score are dropped.
        """
        over = [
            (uid, match)
            for uid, match in self._matches.items()
            if match.gone_since is not None and now - match.gone_since >= self._final_after
        ]
        for uid, _ in over:
            del self._matches[uid]
        return [self._event_score(uid, match, ended=True) for uid, match in over if _late(match)]

    @staticmethod
    def _event_score(uid: str, match: _Match, *, ended: bool = False) -> EventScore:
        return EventScore(uid, match.score, match.half_time, ended, match.observed_at)


def _late(match: _Match) -> bool:
    return match.half == 2 and (match.score.minute or 0) >= LATE_MINUTE
