"""How a match ended, in the score type of its sport.

A pair is (home, away). A score that cannot be is refused with ValueError, so that a feed's slip is
never settled. Scores carry what the books' void rules ask for; ``sports_settlement`` holds the
rules. A stored score names its sport.
"""

from enum import StrEnum
from operator import index

import msgspec

from keter.domain.market_kinds import Outcome

Pair = tuple[int, int]


class Ending(StrEnum):
    """How a match came to its end.

    * STOPPED began, did not reach its natural end, and is not resumed: retired, called, abandoned.
    * NOT_PLAYED never began, or was postponed: no bet on it counts.
    """

    COMPLETED = "completed"
    STOPPED = "stopped"
    NOT_PLAYED = "not_played"


def pair(value: Pair, what: str = "a score") -> Pair:
    """Return two whole numbers from 0. Raises ValueError for anything else."""
    try:
        home, away = value
        checked = index(home), index(away)
    except (TypeError, ValueError) as e:
        raise ValueError(f"{what} is two whole numbers, not {value!r}") from e
    if min(checked) < 0:
        raise ValueError(f"{what} cannot be negative: {value!r}")
    return checked


class FootballScore(msgspec.Struct, frozen=True, tag_field="sport", tag="fb"):
    """Goals after 90 minutes and stoppage time, and at half-time."""

    full_time: Pair | None = None
    half_time: Pair | None = None
    ending: Ending = Ending.COMPLETED

    def __post_init__(self) -> None:
        for goals in (self.full_time, self.half_time):
            if goals is not None:
                pair(goals)
        if self.ending is Ending.COMPLETED and self.full_time is None:
            raise ValueError("a completed match has a score")


class TennisScore(msgspec.Struct, frozen=True, tag_field="sport", tag="te"):
    """Games by set, and who won or, after a retirement, who goes on.

    * A tie-break is one game, and its set ends 7-6.
    * A match tie-break in place of the last set is the set 1-0: one set and one game.
    * Sets are to six games; other formats are refused.
    """

    sets: tuple[Pair, ...] = ()
    best_of: int = 3
    ending: Ending = Ending.COMPLETED
    winner: Outcome | None = None

    def __post_init__(self) -> None:
        if self.best_of not in {3, 5} or len(self.sets) > self.best_of:
            raise ValueError(f"a match is of 3 or 5 sets, not {len(self.sets)} of {self.best_of}")
        if self.winner not in {None, Outcome.HOME, Outcome.AWAY}:
            raise ValueError(f"a player wins a match, not {self.winner}")
        for number, games in enumerate(self.sets, 1):
            pair(games, "a set")
            if not self.is_complete(number) and (
                self.ending is Ending.COMPLETED or number < len(self.sets)
            ):
                raise ValueError(f"set {number} cannot have ended {games[0]}-{games[1]}")
        self._check_winner()

    def _check_winner(self) -> None:
        needed = self.best_of // 2 + 1
        before_last = self._sets_won(len(self.sets) - 1)
        if max(before_last) >= needed:
            raise ValueError(f"the match was won before its last set: {self.sets}")
        if (max(self.sets_won) >= needed) is not (self.ending is Ending.COMPLETED):
            raise ValueError(f"{self.sets} of {self.best_of} sets is not {self.ending}")
        if self.ending is Ending.COMPLETED and self.winner not in {None, self._leader()}:
            raise ValueError(f"{self.winner} did not win {self.sets}")

    def is_complete(self, number: int) -> bool:
        """Return whether set ``number``, from 1, was played to its end."""
        if not 1 <= number <= len(self.sets):
            return False
        low, high = sorted(self.sets[number - 1])
        if (low, high) == (0, 1):  # 1-0 of a match that went on is a set just begun
            return number == self.best_of and self.ending is Ending.COMPLETED
        if high <= 6:
            return high == 6 and low <= 4
        return high - low == 2 or (low, high) == (6, 7)

    @property
    def sets_won(self) -> Pair:
        """The sets that each player won; an unfinished one counts for neither."""
        return self._sets_won(len(self.sets))

    @property
    def games(self) -> Pair:
        """The games that each player won, those of an unfinished set among them."""
        return sum(home for home, _ in self.sets), sum(away for _, away in self.sets)

    @property
    def champion(self) -> Outcome | None:
        """Who won or goes on; None if nobody does yet."""
        return self._leader() if self.ending is Ending.COMPLETED else self.winner

    def _sets_won(self, first: int) -> Pair:
        played = [self.sets[i] for i in range(max(first, 0)) if self.is_complete(i + 1)]
        return sum(home > away for home, away in played), sum(away > home for home, away in played)

    def _leader(self) -> Outcome:
        home, away = self.sets_won
        return Outcome.HOME if home > away else Outcome.AWAY


class BaseballScore(msgspec.Struct, frozen=True, tag_field="sport", tag="bs"):
    """Runs by inning. The away team bats first, so it may have one inning more.

    * ``scheduled`` is 9, or 7 in some double-headers.
    * ``last_half_finished`` is False if the game was called while the last half inning was played.
    * ``listed_pitchers_started`` is False if a listed starter threw no first pitch.
    """

    home: tuple[int, ...] = ()
    away: tuple[int, ...] = ()
    scheduled: int = 9
    ending: Ending = Ending.COMPLETED
    last_half_finished: bool = True
    listed_pitchers_started: bool = True

    def __post_init__(self) -> None:
        for runs in (*self.home, *self.away):
            pair((runs, 0), "a line score")
        if len(self.away) - len(self.home) not in {0, 1}:
            raise ValueError(f"{len(self.away)} innings at bat away do not go with {self.home}")
        if self.scheduled < 5:
            raise ValueError(f"a game is scheduled for 5 innings or more, not {self.scheduled}")
        if self.ending is Ending.COMPLETED and not (
            self.last_half_finished and self.went(self.scheduled)
        ):
            raise ValueError(f"{self.away} at {self.home} is no completed game; is it STOPPED?")

    @property
    def runs(self) -> Pair:
        """The runs scored until the end, unfinished half innings among them."""
        return self.through(len(self.away))

    @property
    def full_innings(self) -> int:
        """The innings of which both halves were finished."""
        bottoms = len(self.home)
        unfinished = bottoms == len(self.away) and not self.last_half_finished
        return bottoms - 1 if unfinished and bottoms else bottoms

    def through(self, innings: int) -> Pair:
        """Return the runs of the first ``innings`` innings."""
        return sum(self.home[:innings]), sum(self.away[:innings])

    def went(self, innings: int) -> bool:
        """Return whether the game went ``innings`` innings.

        The bottom of the last is not needed while the home team is ahead.
        """
        in_top = len(self.away) > len(self.home) and not self.last_half_finished
        home, away = self.runs
        return self.full_innings >= innings or (len(self.away) - in_top >= innings and home > away)

    @property
    def counted(self) -> Pair:
        """The score that counts: of a game called, that after the last full inning.

        If the home team tied or took the lead in the unfinished bottom half, it is that of then.
        """
        home, away = self.runs
        if self.ending is Ending.COMPLETED:
            return home, away
        if len(self.home) == len(self.away) and self.home and not self.last_half_finished:
            before = home - self.home[-1]
            if before < away <= home or before == away < home:
                return home, away
        return self.through(self.full_innings)


class TimedScore(msgspec.Struct, frozen=True):
    """The score of a game by the clock, at the end of regulation and with overtime.

    * ``final`` is None without overtime.
    * ``minutes_missing`` is what was not played of the scheduled time.
    """

    regulation: Pair = (0, 0)
    final: Pair | None = None
    ending: Ending = Ending.COMPLETED
    minutes_missing: int = 0

    def __post_init__(self) -> None:
        pair(self.regulation)
        home, away = pair(self.with_overtime)
        if home < self.regulation[0] or away < self.regulation[1]:
            raise ValueError(f"overtime takes nothing away: {self.regulation} to {self.final}")
        if self.minutes_missing < 0 or (self.minutes_missing and self.final is not None):
            raise ValueError(f"overtime follows full time: {self.minutes_missing} minutes missing")
        if self.minutes_missing and self.ending is Ending.COMPLETED:
            raise ValueError(f"a game {self.minutes_missing} minutes short is not completed")

    @property
    def with_overtime(self) -> Pair:
        """The score at the very end."""
        return self.regulation if self.final is None else self.final


class BasketballScore(TimedScore, frozen=True, tag_field="sport", tag="bb"):
    """Points; overtime periods are played until one side leads."""


class HockeyScore(TimedScore, frozen=True, tag_field="sport", tag="ih"):
    """Goals; the winner of overtime or of the shootout has exactly one more, not the shootout's."""

    def __post_init__(self) -> None:
        super().__post_init__()
        home, away = self.with_overtime
        if self.final is not None and (
            self.regulation[0] != self.regulation[1] or home + away - sum(self.regulation) > 1
        ):
            raise ValueError(
                f"overtime follows a draw and adds one goal at most: {self.regulation} to"
                f" {self.final}"
            )


MatchScore = FootballScore | TennisScore | BaseballScore | BasketballScore | HockeyScore
