"""Scores of every sport, as hypothesis draws them: completed ones, and some that were stopped."""

from hypothesis import strategies as st

from keter.domain.market_kinds import Outcome
from keter.domain.sports_scores import (
    BaseballScore,
    BasketballScore,
    Ending,
    FootballScore,
    HockeyScore,
    MatchScore,
    Pair,
    TennisScore,
)

goals = st.integers(0, 6)
points = st.integers(60, 130)
runs = st.lists(st.integers(0, 4), min_size=9, max_size=9).map(tuple)
set_scores = st.sampled_from(
    [(6, low) for low in range(5)] + [(7, 5), (7, 6)]
    + [(low, 6) for low in range(5)] + [(5, 7), (6, 7)]
)  # fmt: skip


@st.composite
def tennis_scores(draw: st.DrawFn) -> TennisScore:
    best_of = draw(st.sampled_from([3, 5]))
    sets: list[Pair] = []
    while max(sum(h > a for h, a in sets), sum(a > h for h, a in sets)) <= best_of // 2:
        sets.append(draw(set_scores))
    return TennisScore(tuple(sets), best_of)


@st.composite
def baseball_scores(draw: st.DrawFn) -> BaseballScore:
    home, away = draw(runs), draw(runs)
    ahead = sum(home[:8]) > sum(away)  # the home team does not bat when it leads
    return BaseballScore(home[:8] if ahead else home, away)


@st.composite
def basketball_scores(draw: st.DrawFn) -> BasketballScore:
    home, away = draw(points), draw(points)
    overtime = draw(st.tuples(st.integers(1, 20), st.integers(1, 20)))
    if home != away:
        return BasketballScore((home, away))
    return BasketballScore((home, away), (home + overtime[0], away + overtime[1]))


@st.composite
def hockey_scores(draw: st.DrawFn) -> HockeyScore:
    home, away = draw(goals), draw(goals)
    if home != away:
        return HockeyScore((home, away))
    return HockeyScore((home, away), draw(st.sampled_from([(home + 1, away), (home, away + 1)])))


SCORES: dict[str, st.SearchStrategy[MatchScore]] = {
    "fb": st.builds(FootballScore, st.tuples(goals, goals), st.tuples(goals, goals)),
    "te": tennis_scores(),
    "bs": baseball_scores(),
    "bb": basketball_scores(),
    "ih": hockey_scores(),
}


@st.composite
def baseball_called(draw: st.DrawFn) -> BaseballScore:
    """Return a game that was called in any inning."""
    innings = draw(st.integers(1, 8))
    half = st.integers(0, 4)
    away = tuple(draw(half) for _ in range(innings))
    home = tuple(draw(half) for _ in range(innings - draw(st.integers(0, 1))))
    finished = draw(st.booleans())
    return BaseballScore(home, away, ending=Ending.STOPPED, last_half_finished=finished)


@st.composite
def tennis_given_up(draw: st.DrawFn) -> TennisScore:
    """Return a match that a player gave up after one set."""
    sets = draw(set_scores), draw(st.tuples(st.integers(0, 5), st.integers(0, 5)))
    winner = draw(st.sampled_from([Outcome.HOME, Outcome.AWAY]))
    return TennisScore(sets, best_of=5, ending=Ending.STOPPED, winner=winner)


# The sports in which the markets of a match that was stopped do not all stand or fall together.
STOPPED: dict[str, st.SearchStrategy[MatchScore]] = {
    "te": tennis_given_up(),
    "bs": baseball_called(),
}
