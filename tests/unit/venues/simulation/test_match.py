"""How one match is played."""

import random
from collections import deque

import pytest

from keter.venues.simulation.match import MatchClock, Period, Play, Truth

SPEED = 30.0
CLOCK = MatchClock(0, SPEED, (2, 4))


def at(minute: float) -> int:
    """Return the milliseconds after kick-off when ``minute`` minutes have passed there."""
    return round(minute * 60_000 / SPEED)


def a_play(home: float = 1.5, away: float = 1.2, seed: int = 1) -> Play:
    return Play(CLOCK, Truth(deque([(0, home, away)]), 60_000), random.Random(seed))


@pytest.mark.parametrize(
    ("minute", "period", "played"),
    [
        (-1, Period.BEFORE, 0),
        (0, Period.FIRST, 0),
        (30, Period.FIRST, 30),
        (46, Period.FIRST, 46),
        (50, Period.BREAK, 47),
        (62, Period.SECOND, 47),
        (92, Period.SECOND, 77),
        (110, Period.SECOND, 95),
        (111, Period.OVER, 96),
        (200, Period.OVER, 96),
    ],
)
def test_the_clock_gives_period_and_played_minutes(
    minute: int, period: Period, played: float
) -> None:
    now_ms = at(minute)
    assert CLOCK.period(now_ms) is period
    assert CLOCK.played(now_ms) == pytest.approx(played, abs=0.01)


def test_goals_follow_the_true_intensities() -> None:
    """Over 4,000 matches both means are within four standard errors."""
    plays = [a_play(seed=seed) for seed in range(4000)]
    for play in plays:
        play.advance(CLOCK.end_ms)
    for outcome, mean in ((0, 1.5), (1, 1.2)):
        scored = sum(play.score[outcome] for play in plays) / len(plays)
        assert scored == pytest.approx(mean, abs=4 * (mean / len(plays)) ** 0.5)


def test_the_half_time_score_is_that_of_the_break_however_rarely_one_looks() -> None:
    often, once = a_play(seed=5), a_play(seed=5)
    for minute in range(112):
        often.advance(at(minute))
    once.advance(CLOCK.end_ms)
    for play in (often, once):
        assert play.half_time is not None
        assert all(half <= full for half, full in zip(play.half_time, play.score, strict=True))
    assert sum(often.score) > 0


def test_nothing_is_scored_before_kick_off_nor_after_the_end() -> None:
    play = a_play(home=50)
    play.advance(at(-5))
    assert play.score == (0, 0)
    play.advance(CLOCK.end_ms)
    final = play.score
    assert not play.advance(CLOCK.end_ms * 2)
    assert play.score == final != (0, 0)


def test_a_book_sees_the_truth_as_it_was() -> None:
    truth = Truth(deque([(0, 1.5, 1.0)]), 60_000)
    truth.move(10_000, 0.2, 0.0)
    assert truth.at(9_999) == (1.5, 1.0)
    assert truth.at(10_000) == pytest.approx((1.6, 0.9))
    for step in range(1000):
        truth.move(20_000 + step * 1000, 0.001, 0.0)
    assert len(truth.steps) < 70


def test_strengths_stay_within_what_football_knows() -> None:
    truth = Truth(deque([(0, 1.5, 1.0)]), 1)
    for step in range(100):
        truth.move(step, 0.5, 0.5)
    home, away = truth.now()
    assert (home + away, home - away) == pytest.approx((4.0, 1.4))
