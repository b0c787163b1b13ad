"""Real fixtures as a scenario: listed, priced, played and settled as the files say, from now on.

**When.** The first kick-off comes ``start_after_s`` plus the lead after the start. Every later one
comes as much later as in the files, divided by ``speed``. A fixture is listed one lead (``lead_h``
/ speed) before its kick-off. Matches last 111 minutes / speed. Lead, match and final score last at
least as long as a client at the throttle's pace needs to see them.

**Which price.** Let f run from 0 at listing to 1 at kick-off. A book shows its earlier prices while
f is below its entry in ``TURNS``, and its closing prices from then on. A book without closing
prices keeps the earlier ones. A book without earlier prices is silent until its turn. Nothing is
interpolated: every price shown is a cell of the file, at the line of its moment.

**What is made up.** The minutes of the goals, and so the half-time score, are drawn from the seed.
There are no in-play prices: Live rows have score and minutes only. A pairing that comes again gets
numbered team names, so that two seasons of one league played on one day stay apart.
"""

import heapq
import random
from bisect import bisect_right
from collections import Counter
from dataclasses import dataclass, field
from typing import Self

from keter.clock import to_ms
from keter.errors import UsageError
from keter.venues.asianodds.simulator.board import (
    Board,
    Fixture,
    MarketType,
    Numbers,
    Offer,
    Row,
    Slot,
)
from keter.venues.asianodds.simulator.config import FEED_INTERVAL_S, SandboxConfig
from keter.venues.asianodds.simulator.csv_files import (
    GOAL_LINE_Q,
    LEAGUES,
    CsvMatch,
    Moment,
    played_between,
    read_files,
)
from keter.venues.asianodds.simulator.wording import Prices, in_game_minutes
from keter.venues.simulation.match import MatchClock, Period, Result

# When each book turns to its closing prices: sharp books first.
TURNS = {"PIN": 0.50, "ISN": 0.52, "SBO": 0.55, "3ET": 0.60, "IBC": 0.80, "GA": 0.85}
_ADDED = (2, 4)
_MATCH_MIN = 111.0  # two halves, the break and the added time
_REFRESH_MIN = 5
_LEAST_S = 1.0


MarketKey = tuple[str, int | None]  # game type and line in quarters


@dataclass(slots=True)
class CsvListing:
    """One listed match.

    Times are ms. ``goals`` are (played minute, 0 for home or 1 for away), in order.
    """

    match: CsvMatch
    fixture: Fixture
    listed_ms: int
    clock: MatchClock
    off_ms: int
    goals: list[tuple[float, int]]
    rows: dict[MarketKey, int] = field(default_factory=dict)
    live_row: int | None = None

    def score_at(self, played_min: float) -> tuple[int, int]:
        """Return the goals of home and away by a played minute."""
        scored = [team for _, team in self.goals[: bisect_right(self.goals, (played_min, 1))]]
        return scored.count(0), scored.count(1)

    def prices(self, now_ms: int) -> dict[MarketKey, dict[str, Prices]]:
        """Return what each market offers before kick-off: book to prices."""
        part = (now_ms - self.listed_ms) / (self.clock.start_ms - self.listed_ms)
        found: dict[MarketKey, dict[str, Prices]] = {}
        for book, turn in TURNS.items():
            moments = [self.match.closing] if part >= turn else []
            moments.append(self.match.earlier)
            for kind in ("H", "O", "X"):
                moment = next((m for m in moments if book in m.prices.get(kind, {})), None)
                if moment is not None:
                    key = (kind, _line_q(kind, moment))
                    found.setdefault(key, {})[book] = moment.prices[kind][book]
        return found

    def times(self) -> list[int]:
        """Return every moment at which something about the match changes."""
        start_ms, speed = self.clock.start_ms, self.clock.speed
        lead_ms = start_ms - self.listed_ms
        turns = [self.listed_ms + _ceil(lead_ms * turn) for turn in TURNS.values()]
        minutes = [
            start_ms + _ceil(m * 60_000 / speed) for m in range(0, int(_MATCH_MIN), _REFRESH_MIN)
        ]
        goals = [
            start_ms + _ceil(_real_minute(self.clock, minute) * 60_000 / speed)
            for minute, _ in self.goals
        ]
        return sorted({self.listed_ms, *turns, *minutes, *goals, self.clock.end_ms, self.off_ms})


class CsvScenario:
    """Serves ``listings``, in order of kick-off.

    ``problems`` counts cells and rows that could not be used, by kind.
    """

    def __init__(
        self, listings: list[CsvListing], board: Board, numbers: Numbers, problems: Counter[str]
    ) -> None:
        self.listings, self.problems = listings, problems
        self._board, self._numbers = board, numbers
        self._next = 0
        self._due: list[tuple[int, int]] = []

    @classmethod
    def load(cls, config: SandboxConfig, board: Board, start_ms: int) -> Self:
        """Read the files of ``config.csv``. Raises UsageError when they hold nothing to serve."""
        problems: Counter[str] = Counter()
        matches = played_between(
            read_files(config.csv.paths, problems), config.csv.first, config.csv.last
        )
        if not matches:
            raise UsageError("the CSV files hold no finished match within the dates asked for")
        numbers = Numbers(config.seed)
        return cls(_schedule(matches, config, numbers, start_ms), board, numbers, problems)

    def advance(self, now_ms: int) -> list[Result]:
        """Let everything up to ``now_ms`` happen; return the ended periods, oldest first."""
        results: list[Result] = []
        while self._next < len(self.listings) and self.listings[self._next].listed_ms <= now_ms:
            for time_ms in self.listings[self._next].times():
                heapq.heappush(self._due, (time_ms, self._next))
            self._next += 1
        while self._due and self._due[0][0] <= now_ms:
            time_ms, index = heapq.heappop(self._due)
            self._refresh(self.listings[index], time_ms, results)
        self._board.purge(now_ms)
        return results

    def _refresh(self, listing: CsvListing, now_ms: int, results: list[Result]) -> None:
        """Bring the board to the state of the match at ``now_ms``."""
        if now_ms < listing.clock.start_ms:
            self._show_prices(listing, now_ms)
        elif now_ms < listing.off_ms:
            self._show_score(listing, now_ms, results)
        elif listing.live_row is not None:
            self._board.close(listing.live_row, now_ms)

    def _show_prices(self, listing: CsvListing, now_ms: int) -> None:
        """Put one row per handicap line on the board; totals and 1X2 are on the first."""
        shown = listing.prices(now_ms)
        lines = [key for key in shown if key[0] == "H"] or [("H", None)]
        for key in lines:
            listing.rows.setdefault(key, self._numbers.take())
        for index, (key, game_id) in enumerate(listing.rows.items()):
            offers: dict[Slot, Offer] = (
                {("H", True): Offer(key[1], shown[key])} if key in shown else {}
            )
            if index == 0:
                offers |= {
                    (kind, True): Offer(line_q, books)
                    for (kind, line_q), books in shown.items()
                    if kind != "H"
                }
            if offers:
                self._board.put(Row(game_id, listing.fixture, MarketType.TODAY, offers), now_ms)
            elif game_id in self._board.rows:
                self._board.close(game_id, now_ms)

    def _show_score(self, listing: CsvListing, now_ms: int, results: list[Result]) -> None:
        clock, fixture = listing.clock, listing.fixture
        for game_id in listing.rows.values():
            if game_id in self._board.rows:
                self._board.close(game_id, now_ms)
        if listing.live_row is None:
            listing.live_row = self._numbers.take()
        fixture.score = listing.score_at(clock.played(now_ms))
        if fixture.half_time is None and clock.period(now_ms) not in {Period.BEFORE, Period.FIRST}:
            fixture.half_time = listing.score_at(clock.first_min)
            results.append(
                Result(fixture.match_id, now_ms, False, fixture.half_time, fixture.half_time)
            )
        over = clock.period(now_ms) is Period.OVER
        if over and fixture.full_time is None:
            fixture.full_time = fixture.score
            results.append(Result(fixture.match_id, now_ms, True, fixture.score, fixture.half_time))
        self._board.put(
            Row(
                listing.live_row,
                fixture,
                MarketType.LIVE,
                {},
                fixture.score,
                (0, 0),
                in_game_minutes(clock, now_ms),
                active=False,
            ),
            now_ms,
        )


def _line_q(kind: str, moment: Moment) -> int | None:
    return {"H": moment.handicap_q, "O": GOAL_LINE_Q}.get(kind)


def _ceil(value: float) -> int:
    return -int(-value // 1)


def _real_minute(clock: MatchClock, played: float) -> float:
    return played if played <= clock.first_min else played + 15.0


def _schedule(
    matches: list[CsvMatch], config: SandboxConfig, numbers: Numbers, start_ms: int
) -> list[CsvListing]:
    today_s, live_s = (FEED_INTERVAL_S[kind] * config.feed_interval_scale for kind in (1, 0))
    lead_ms = round(1000 * max(config.csv.lead_h * 3600 / config.speed, 6 * today_s, _LEAST_S))
    length_s = max(_MATCH_MIN * 60 / config.speed, 4 * live_s, _LEAST_S)
    zero_ms = start_ms + round(config.csv.start_after_s * 1000) + lead_ms
    first_ms = to_ms(matches[0].kickoff)
    seen: Counter[tuple[str, str]] = Counter()
    listings = []
    for match in matches:
        seen[match.home, match.away] += 1
        kickoff_ms = zero_ms + round((to_ms(match.kickoff) - first_ms) / config.speed)
        fixture = _fixture(match, numbers.take(), kickoff_ms, seen[match.home, match.away])
        clock = MatchClock(kickoff_ms, _MATCH_MIN * 60 / length_s, _ADDED)
        goals = _goal_minutes(match, config.seed, clock.length_min)
        off_ms = clock.end_ms + config.final_shown_ms
        listings.append(CsvListing(match, fixture, kickoff_ms - lead_ms, clock, off_ms, goals))
    return listings


def _fixture(match: CsvMatch, match_id: int, kickoff_ms: int, nth: int) -> Fixture:
    """Return the fixture of a match that is the ``nth`` of its pairing."""
    suffix = "" if nth == 1 else f" {nth}"
    league = LEAGUES.get(match.division, match.division)
    league_id = -sum(ord(letter) << index for index, letter in enumerate(match.division))
    home, away = match.home + suffix, match.away + suffix
    return Fixture(match_id, league_id, league, home, away, kickoff_ms)


def _goal_minutes(match: CsvMatch, seed: int, length_min: float) -> list[tuple[float, int]]:
    rng = random.Random(f"{seed}:{match.file}:{match.row}")  # noqa: S311 - must be repeatable
    return sorted(
        (rng.uniform(1, length_min - 1), team) for team in (0, 1) for _ in range(match.score[team])
    )
