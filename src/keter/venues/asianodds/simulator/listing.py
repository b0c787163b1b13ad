"""One fixture on show: its match, its books' views, its rows; and how it is made up."""

import random
from collections import deque
from dataclasses import dataclass, field, replace

from keter.venues.asianodds.simulator import bookmakers
from keter.venues.asianodds.simulator.board import Board, Fixture, MarketType, Numbers, Row
from keter.venues.asianodds.simulator.bookmakers import Lines, Situation, Stance
from keter.venues.asianodds.simulator.config import MarketConfig
from keter.venues.asianodds.simulator.match import MatchClock, Play, Truth
from keter.venues.asianodds.simulator.names import NOISE_LEAGUE, Pairing


@dataclass(slots=True)
class Show:
    """``rows`` are the GameIds on show, ``lingering`` those of the Today copy after kick-off."""

    fixture: Fixture
    play: Play
    stances: tuple[Stance, ...]
    next_drift_ms: int
    abandon_ms: int | None
    corners: Fixture | None
    corners_row: int = 0
    market_type: MarketType = MarketType.EARLY
    lines: Lines | None = None
    rows: tuple[int, ...] = ()
    lingering: tuple[int, ...] = ()
    over_ms: int = 0
    signature: object = field(default=None, repr=False)


def new_show(
    pairing: Pairing,
    numbers: Numbers,
    rng: random.Random,
    config: MarketConfig,
    kickoff_ms: int,
    speed: float,
    now_ms: int,
) -> Show:
    """Make up a fixture: strengths, how each book sees it, added time, an early end, corners."""
    noise = rng.random() < config.noise_share
    league = NOISE_LEAGUE if noise else pairing.league
    fixture = Fixture(
        numbers.take(), _league_id(league), league, pairing.home, pairing.away, kickoff_ms
    )
    total, supremacy = rng.uniform(2.2, 3.2), min(max(rng.gauss(0.3, 0.55), -1.2), 1.2)
    keep_ms = round(1000 * (max(*config.sharp_lag_s, *config.soft_lag_s) + 5))
    truth = Truth(deque([(now_ms, (total + supremacy) / 2, (total - supremacy) / 2)]), keep_ms)
    clock = MatchClock(kickoff_ms, speed, (rng.randint(1, 3), rng.randint(2, 6)))
    abandoned = rng.random() < config.abandoned_share
    abandon_ms = (
        kickoff_ms + int((clock.end_ms - kickoff_ms) * rng.uniform(0.2, 0.9)) if abandoned else None
    )
    corners = None
    if not noise and rng.random() < config.corners_share:
        suffix = " - No. of Corners"
        corners = replace(
            fixture, match_id=numbers.take(), home=pairing.home + suffix, away=pairing.away + suffix
        )
    first_drift_ms = now_ms + round(rng.uniform(0, config.drift_every_s) * 1000)
    return Show(
        fixture,
        Play(clock, truth, rng),
        bookmakers.stances(rng, config),
        first_drift_ms,
        abandon_ms,
        corners,
    )


def _league_id(league: str) -> int:
    return -(1000 + sum(position * ord(letter) for position, letter in enumerate(league, 1)))


def corners_row(show: Show, corners: Fixture, numbers: Numbers) -> Row:
    """The only row of a corners market: one line of each kind, at three books."""
    seen = Situation(540, 460, None, (0, 0))
    lines = bookmakers.main_lines(seen)
    views = [(stance, seen) for stance in show.stances[:3]]
    offers = bookmakers.offers(
        views, {("H", True): lines.handicap_q, ("O", True): lines.total_q}, side_line=False
    )
    show.corners_row = numbers.take()
    return Row(show.corners_row, corners, MarketType.TODAY, offers)


def final_rows(show: Show, board: Board, now_ms: int) -> list[Row]:
    """The fixture's rows as they stand at the end: the final score, nothing to bet on."""
    minutes = show.play.clock.code(now_ms)
    return [
        replace(board.rows[game_id], score=show.fixture.score, minutes=minutes, active=False)
        for game_id in show.rows
        if game_id in board.rows
    ]
