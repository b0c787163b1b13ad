"""One listed fixture: its match, what its books think of it, its rows; and how it is made up."""

import random
from collections import deque
from dataclasses import dataclass, field, replace

from keter.venues.asianodds.simulator import book_prices
from keter.venues.asianodds.simulator.board import Board, Fixture, MarketType, Numbers, Row
from keter.venues.asianodds.simulator.book_prices import Lines, Opinion, Situation
from keter.venues.asianodds.simulator.config import MarketConfig
from keter.venues.asianodds.simulator.wording import in_game_minutes
from keter.venues.simulation.clubs import NOISE_LEAGUE, Pairing
from keter.venues.simulation.match import MatchClock, Play, Truth

# A corners market never changes: ten corners are expected, and the first books price it.
_CORNERS = Situation(540, 460, None, (0, 0))
_CORNERS_BOOKS = 3


@dataclass(slots=True)
class Listing:
    """A fixture with everything that the made-up market knows of it. Times are ms.

    ``rows`` are the GameIds of its current rows, ``lingering`` those of the Today copy after
    kick-off. ``signature`` is what the rows were last made from.
    """

    fixture: Fixture
    play: Play
    opinions: tuple[Opinion, ...]
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


def new_listing(
    pairing: Pairing,
    numbers: Numbers,
    rng: random.Random,
    config: MarketConfig,
    kickoff_ms: int,
    speed: float,
    now_ms: int,
) -> Listing:
    """Make up a fixture: strengths, its books' opinions, added time, an early end, corners."""
    # The order of the draws is part of the market that a seed stands for.
    noise = rng.random() < config.noise_share
    league = NOISE_LEAGUE if noise else pairing.league
    fixture = Fixture(
        numbers.take(), _league_id(league), league, pairing.home, pairing.away, kickoff_ms
    )
    truth = _draw_truth(rng, config, now_ms)
    clock = MatchClock(kickoff_ms, speed, (rng.randint(1, 3), rng.randint(2, 6)))
    abandon_ms = None
    if rng.random() < config.abandoned_share:
        abandon_ms = kickoff_ms + int((clock.end_ms - kickoff_ms) * rng.uniform(0.2, 0.9))
    corners = None
    if not noise and rng.random() < config.corners_share:
        suffix = " - No. of Corners"
        corners = replace(
            fixture, match_id=numbers.take(), home=pairing.home + suffix, away=pairing.away + suffix
        )
    first_drift_ms = now_ms + round(rng.uniform(0, config.drift_every_s) * 1000)
    opinions = book_prices.draw_opinions(rng, config)
    return Listing(fixture, Play(clock, truth, rng), opinions, first_drift_ms, abandon_ms, corners)


def _draw_truth(rng: random.Random, config: MarketConfig, now_ms: int) -> Truth:
    total, supremacy = rng.uniform(2.2, 3.2), min(max(rng.gauss(0.3, 0.55), -1.2), 1.2)
    keep_ms = round(1000 * (max(*config.sharp_lag_s, *config.soft_lag_s) + 5))
    return Truth(deque([(now_ms, (total + supremacy) / 2, (total - supremacy) / 2)]), keep_ms)


def _league_id(league: str) -> int:
    return -(1000 + sum(position * ord(letter) for position, letter in enumerate(league, 1)))


def corners_row(listing: Listing, corners: Fixture, numbers: Numbers) -> Row:
    """Return the only row of a corners market: one line of each kind, at three books."""
    lines = book_prices.main_lines(_CORNERS)
    views = [(opinion, _CORNERS) for opinion in listing.opinions[:_CORNERS_BOOKS]]
    offers = book_prices.offers(
        views, {("H", True): lines.handicap_q, ("O", True): lines.total_q}, side_line=False
    )
    listing.corners_row = numbers.take()
    return Row(listing.corners_row, corners, MarketType.TODAY, offers)


def final_rows(listing: Listing, board: Board, now_ms: int) -> list[Row]:
    """Return the fixture's rows as they are at the end: the final score, nothing to bet on."""
    minutes = in_game_minutes(listing.play.clock, now_ms)
    return [
        replace(board.rows[game_id], score=listing.fixture.score, minutes=minutes, active=False)
        for game_id in listing.rows
        if game_id in board.rows
    ]
