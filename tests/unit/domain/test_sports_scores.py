"""Scores say what the void rules ask, and scores that cannot be are refused."""

from collections.abc import Callable

import pytest

from keter.domain.market_kinds import Outcome
from keter.domain.sports_scores import (
    BaseballScore,
    BasketballScore,
    Ending,
    FootballScore,
    HockeyScore,
    Pair,
    TennisScore,
    pair,
)

STOPPED = Ending.STOPPED


@pytest.mark.parametrize(
    ("games", "complete"),
    [
        ((6, 0), True),
        ((4, 6), True),
        ((7, 5), True),
        ((6, 7), True),
        ((13, 11), True),
        ((6, 5), False),
        ((6, 6), False),
        ((7, 4), False),
        ((8, 7), False),
        ((5, 3), False),
        ((1, 0), False),
        ((0, 0), False),
    ],
)
def test_a_set_is_complete_when_the_rules_of_tennis_say_so(games: Pair, complete: bool) -> None:
    assert TennisScore((games,), ending=STOPPED).is_complete(1) is complete


def test_a_match_tie_break_is_one_set_and_one_game() -> None:
    score = TennisScore(((6, 4), (3, 6), (0, 1)))
    assert (score.sets_won, score.games, score.champion) == ((1, 2), (9, 11), Outcome.AWAY)
    # The same figures of a match that stopped are a third set just begun.
    stopped = TennisScore(((6, 4), (3, 6), (0, 1)), ending=STOPPED, winner=Outcome.HOME)
    assert (stopped.sets_won, stopped.is_complete(3)) == ((1, 1), False)


def test_who_wins_a_tennis_match_may_have_fewer_games() -> None:
    score = TennisScore(((0, 6), (7, 6), (7, 6)))
    assert (score.champion, score.games) == (Outcome.HOME, (14, 18))


def test_who_goes_on_after_a_retirement_is_the_winner() -> None:
    ahead_retires = TennisScore(((6, 0), (2, 0)), ending=STOPPED, winner=Outcome.AWAY)
    assert ahead_retires.champion is Outcome.AWAY
    assert ahead_retires.sets_won == (1, 0)
    assert not ahead_retires.is_complete(3)
    assert TennisScore(ending=Ending.NOT_PLAYED).champion is None


def test_the_runs_of_a_baseball_game_are_counted_by_inning() -> None:
    game = BaseballScore(home=(0, 2, 0, 0, 1, 0, 0, 4), away=(1, 0, 0, 0, 0, 0, 0, 0, 3))
    assert (game.runs, game.counted, game.full_innings) == ((7, 4), (7, 4), 8)
    assert game.through(5) == (3, 1)
    assert game.went(9) and not game.went(10)


@pytest.mark.parametrize(
    ("home", "away", "finished", "full", "counts", "went_five"),
    [
        # Five full innings; runs of the unfinished top of the sixth are not counted.
        ((1, 0, 0, 0, 0), (0, 0, 0, 0, 0, 3), False, 5, (1, 0), True),
        # The top of the sixth was finished, the bottom never begun: likewise.
        ((1, 0, 0, 0, 0), (0, 0, 0, 0, 0, 3), True, 5, (1, 0), True),
        # The home team takes the lead in the unfinished bottom half.
        ((1, 0, 0, 0, 0, 3), (0, 0, 0, 0, 0, 3), False, 5, (4, 3), True),
        # It ties: a tie is what counts.
        ((1, 0, 0, 0, 0, 2), (0, 0, 0, 0, 0, 3), False, 5, (3, 3), True),
        # It scores without reaching them: back to the last full inning.
        ((1, 0, 0, 0, 0, 1), (0, 0, 0, 0, 0, 3), False, 5, (1, 0), True),
        # It was ahead and adds to it: back to the last full inning.
        ((1, 0, 0, 0, 0, 2), (0, 0, 0, 0, 0, 0), False, 5, (1, 0), True),
        # The score was level before its half, and it takes the lead.
        ((0, 0, 0, 0, 0, 1), (0, 0, 0, 0, 0, 0), False, 5, (1, 0), True),
        # Level before and after: back.
        ((1, 0, 0, 0, 0, 0), (0, 0, 0, 0, 0, 1), False, 5, (1, 0), True),
        # Four and a half with the home team ahead are enough, with it behind or level not.
        ((1, 0, 0, 0), (0, 0, 0, 0, 0), True, 4, (1, 0), True),
        ((0, 0, 0, 0), (1, 0, 0, 0, 0), True, 4, (0, 1), False),
        ((1, 0, 0, 0), (1, 0, 0, 0, 0), True, 4, (1, 1), False),
        # The top of the fifth was not finished.
        ((1, 0, 0, 0), (0, 0, 0, 0, 0), False, 4, (1, 0), False),
        # The home team goes ahead in the bottom of the fifth, unfinished.
        ((0, 0, 0, 0, 2), (1, 0, 0, 0, 0), False, 4, (2, 1), True),
        ((), (), True, 0, (0, 0), False),
        ((), (2,), False, 0, (0, 0), False),
    ],
)
def test_a_game_that_was_called_counts_its_full_innings(
    home: tuple[int, ...],
    away: tuple[int, ...],
    finished: bool,
    full: int,
    counts: Pair,
    went_five: bool,
) -> None:
    game = BaseballScore(home, away, ending=STOPPED, last_half_finished=finished)
    assert (game.full_innings, game.counted, game.went(5)) == (full, counts, went_five)


def test_overtime_is_what_stands_at_the_very_end() -> None:
    assert BasketballScore((100, 100), (112, 109)).with_overtime == (112, 109)
    assert BasketballScore((100, 98)).with_overtime == (100, 98)
    assert HockeyScore((2, 2), (2, 3)).with_overtime == (2, 3)
    assert HockeyScore((2, 2), (2, 2)).with_overtime == (2, 2)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: pair((1, -1)), "negative"),
        (lambda: pair((1.5, 0)), "whole numbers"),  # type: ignore[arg-type]  # as a feed may err
        (lambda: pair((1, 2, 3)), "two whole"),  # type: ignore[arg-type]  # as above
        (FootballScore, "has a score"),
        (lambda: FootballScore((1, 0), (-1, 0)), "negative"),
        (lambda: TennisScore(((6, 5), (6, 0))), "set 1 cannot have ended 6-5"),
        (lambda: TennisScore(((6, 4), (5, 3))), "set 2 cannot"),
        (lambda: TennisScore(((6, 4), (5, 3), (6, 0)), ending=STOPPED), "set 2 cannot"),
        (lambda: TennisScore(((6, 4), (6, 3), (6, 0))), "won before its last set"),
        (lambda: TennisScore(((6, 4),)), "is not completed"),
        (lambda: TennisScore(((6, 4), (6, 4)), ending=STOPPED), "is not stopped"),
        (lambda: TennisScore(((6, 4), (6, 4)), winner=Outcome.AWAY), "did not win"),
        (lambda: TennisScore(((6, 4), (6, 4)), winner=Outcome.DRAW), "a player wins"),
        (lambda: TennisScore(((6, 4), (6, 4)), best_of=4), "3 or 5"),
        (lambda: TennisScore(((6, 4), (1, 0))), "set 2 cannot"),
        (lambda: BaseballScore((0, 0), (0,)), "innings at bat"),
        (lambda: BaseballScore((-1,), (0,), ending=STOPPED), "negative"),
        (lambda: BaseballScore((1,) * 5, (0,) * 5), "is it STOPPED"),
        (lambda: BaseballScore((0,) * 8, (0,) * 9), "is it STOPPED"),
        (lambda: BaseballScore((0,) * 9, (0,) * 9, last_half_finished=False), "is it STOPPED"),
        (lambda: BaseballScore((1,), (0,), scheduled=3), "5 innings or more"),
        (lambda: BasketballScore((100, 90), (99, 91)), "takes nothing away"),
        (lambda: BasketballScore((100, 90), minutes_missing=2), "minutes short"),
        (lambda: BasketballScore((9, 9), (9, 9), STOPPED, 2), "follows full time"),
        (lambda: BasketballScore((9, 9), None, STOPPED, -2), "minutes missing"),
        (lambda: HockeyScore((2, 2), (5, 3)), "adds one goal"),  # a shootout is not its goals
        (lambda: HockeyScore((2, 1), (3, 1)), "follows a draw"),
    ],
)
def test_a_score_that_cannot_be_is_refused(make: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()
