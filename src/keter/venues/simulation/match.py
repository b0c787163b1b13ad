"""Football matches as they are played: clock, goals, and the results of finished periods.

Goals come from true intensities, which news may change. Randomness is injected.
"""

import math
import random
from collections import deque
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

_HALF_MIN = 45.0
_BREAK_MIN = 15.0


class Period(StrEnum):
    BEFORE = "before"
    FIRST = "first"
    BREAK = "break"
    SECOND = "second"
    OVER = "over"


@dataclass(frozen=True, slots=True)
class Result:
    """The score of a finished period.

    ``full`` False: the first half only. ``void``: the match does not count.
    """

    match_id: int
    at_ms: int
    full: bool
    score: tuple[int, int]
    half_time: tuple[int, int] | None
    void: bool = False


class Scenario(Protocol):
    """A set of matches with a clock that only goes forward.

    The same seed and the same times give the same matches.
    """

    def advance(self, now_ms: int) -> list[Result]:
        """Let everything up to ``now_ms`` happen; return the ended periods, oldest first."""
        ...


@dataclass(frozen=True, slots=True)
class MatchClock:
    """The kick-off, the played minutes per real minute, and the added time of each half."""

    start_ms: int
    speed: float
    added: tuple[int, int]

    def played(self, now_ms: int) -> float:
        """Return the minutes of play so far, the break left out."""
        minutes = self._elapsed(now_ms)
        first = min(max(minutes, 0.0), self.first_min)
        return first + min(
            max(minutes - self.first_min - _BREAK_MIN, 0.0), _HALF_MIN + self.added[1]
        )

    def period(self, now_ms: int) -> Period:
        minutes = self._elapsed(now_ms)
        if minutes < 0:
            return Period.BEFORE
        if minutes < self.first_min:
            return Period.FIRST
        if minutes < self.first_min + _BREAK_MIN:
            return Period.BREAK
        return Period.SECOND if now_ms < self.end_ms else Period.OVER

    @property
    def first_min(self) -> float:
        return _HALF_MIN + self.added[0]

    @property
    def length_min(self) -> float:
        """The minutes of play in all."""
        return 2 * _HALF_MIN + sum(self.added)

    @property
    def end_ms(self) -> int:
        return self.start_ms + math.ceil((self.length_min + _BREAK_MIN) * 60_000 / self.speed)

    def _elapsed(self, now_ms: int) -> float:
        return (now_ms - self.start_ms) / 60_000 * self.speed


@dataclass(slots=True)
class Truth:
    """The true goal intensities of a whole match, and how they changed.

    ``steps`` are (ms, home, away), newest last. They reach back ``keep_ms``, as far as the slowest
    book looks.
    """

    steps: deque[tuple[int, float, float]]
    keep_ms: int

    def now(self) -> tuple[float, float]:
        return self.steps[-1][1:]

    def at(self, moment_ms: int) -> tuple[float, float]:
        """Return the intensities at ``moment_ms``; the oldest known for anything earlier."""
        for at_ms, home, away in reversed(self.steps):
            if at_ms <= moment_ms:
                return home, away
        return self.steps[0][1:]

    def move(self, now_ms: int, supremacy: float, total: float) -> None:
        """Shift supremacy and total by goals, within what football knows."""
        home, away = self.now()
        new_total = min(max(home + away + total, 1.7), 4.0)
        new_supremacy = min(max(home - away + supremacy, -1.4), 1.4)
        self.steps.append(
            (now_ms, (new_total + new_supremacy) / 2, (new_total - new_supremacy) / 2)
        )
        while len(self.steps) > 1 and self.steps[1][0] <= now_ms - self.keep_ms:
            self.steps.popleft()


@dataclass(slots=True)
class Play:
    """The course of a match: its score, which ``advance`` brings up to date."""

    clock: MatchClock
    truth: Truth
    rng: random.Random
    score: tuple[int, int] = (0, 0)
    half_time: tuple[int, int] | None = None
    last_goal_ms: int | None = None
    _played: float = field(default=0.0)

    def advance(self, now_ms: int) -> bool:
        """Play on to ``now_ms``; return True if somebody scored."""
        before = self.score
        target = self.clock.played(now_ms)
        if self.half_time is None and target >= self.clock.first_min:
            self._play_to(self.clock.first_min)
            self.half_time = self.score
        self._play_to(target)
        if self.score == before:
            return False
        self.last_goal_ms = now_ms
        return True

    def remaining(self, now_ms: int) -> float:
        """Return the share of the match that is still to be played, 0 to 1."""
        return 1 - self.clock.played(now_ms) / self.clock.length_min

    def _play_to(self, target: float) -> None:
        share = (target - self._played) / self.clock.length_min
        if share <= 0:
            return
        home, away = self.truth.now()
        self.score = (
            self.score[0] + self._goals(home * share),
            self.score[1] + self._goals(away * share),
        )
        self._played = target

    def _goals(self, mean: float) -> int:
        goals, left = 0, self.rng.expovariate(1.0)
        while left < mean:
            goals += 1
            left += self.rng.expovariate(1.0)
        return goals
