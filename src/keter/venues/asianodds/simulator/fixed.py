"""A fixed scenario for tests: fixtures do not change until a test ends them.

Every one offers the same value. The sharp books agree, and IBC pays ``VALUE_PCT`` over the fair
price of home, at the handicap and, in football, at 1X2.
"""

from collections import deque
from dataclasses import replace

from keter.venues.asianodds.simulator.board import (
    Board,
    Fixture,
    MarketType,
    Numbers,
    Offer,
    Row,
    Slot,
)
from keter.venues.asianodds.simulator.book_prices import STYLES
from keter.venues.asianodds.simulator.config import SHARP_BOOKS
from keter.venues.asianodds.simulator.wording import Prices
from keter.venues.asianodds.sport_terms import FOOTBALL_NUMBER
from keter.venues.simulation import chance
from keter.venues.simulation.match import Result

VALUE_PCT = 8.0
HANDICAP_Q = -1
_HOME_CENTI, _AWAY_CENTI = 155, 120
_KICKOFF_AFTER_MS = 3 * 3_600_000
_FINAL_MINUTES = 168
_MARKS = {3: " (Sets)"}  # what a row of tennis adds to its names


class FixedScenario:
    """Fixtures that a test ends: ``fixtures`` by match id, their GameIds in ``games``.

    Final scores are shown for ``shown_ms`` before the row is closed.
    """

    def __init__(
        self,
        count: int,
        board: Board,
        start_ms: int,
        *,
        sport: int = FOOTBALL_NUMBER,
        seed: int = 0,
        shown_ms: int = 1000,
    ) -> None:
        self._board, self._shown_ms = board, shown_ms
        self._leaving: deque[tuple[int, int]] = deque()
        self._finished: dict[int, tuple[tuple[int, int], tuple[int, int], bool]] = {}
        numbers = Numbers(seed)
        self.fixtures: dict[int, Fixture] = {}
        self.games: dict[int, int] = {}
        for number in range(count):
            match_id = numbers.take()
            mark = _MARKS.get(sport, "")
            names = f"Home {number:03d} FC{mark}", f"Away {number:03d} FC{mark}"
            fixture = Fixture(
                match_id, -77, "*SANDBOX STILL LEAGUE", *names, start_ms + _KICKOFF_AFTER_MS, sport
            )
            self.fixtures[match_id], self.games[match_id] = fixture, numbers.take()
            offers: dict[Slot, Offer] = {("H", True): Offer(HANDICAP_Q, _handicap())}
            if sport == FOOTBALL_NUMBER:
                offers["X", True] = Offer(None, _one_x_two())
            board.put(Row(self.games[match_id], fixture, MarketType.TODAY, offers), start_ms)

    def finish(
        self,
        match_id: int,
        score: tuple[int, int],
        half_time: tuple[int, int] = (0, 0),
        *,
        void: bool = False,
    ) -> None:
        """End a match; it settles with the next ``advance``.

        Raises KeyError for a match that is unknown or has ended.
        """
        if not self.is_open(match_id):
            raise KeyError(match_id)
        self._finished[match_id] = score, half_time, void

    def is_open(self, match_id: int) -> bool:
        """Return whether nobody has ended the match."""
        return self.fixtures[match_id].full_time is None and match_id not in self._finished

    def advance(self, now_ms: int) -> list[Result]:
        """Settle what was ended and take old final scores off; return the ended periods."""
        results = []
        for match_id, (score, half_time, void) in self._finished.items():
            fixture, game_id = self.fixtures[match_id], self.games[match_id]
            fixture.score = fixture.full_time = score
            fixture.half_time, fixture.void = half_time, void
            live = replace(
                self._board.rows[game_id],
                market_type=MarketType.LIVE,
                score=score,
                minutes=_FINAL_MINUTES,
            )
            self._board.put(replace(live, active=False, offers={}), now_ms)
            self._leaving.append((now_ms + self._shown_ms, game_id))
            results += [
                Result(match_id, now_ms, False, half_time, half_time, void=void),
                Result(match_id, now_ms, True, score, half_time, void=void),
            ]
        self._finished.clear()
        while self._leaving and self._leaving[0][0] <= now_ms:
            self._board.close(self._leaving.popleft()[1], now_ms)
        self._board.purge(now_ms)
        return results


def _handicap() -> dict[str, Prices]:
    home = chance.home_covers(_HOME_CENTI, _AWAY_CENTI, HANDICAP_Q)
    honest: dict[str, Prices] = {
        book: chance.two_way(home, STYLES[book].margin_two) for book in SHARP_BOOKS
    }
    return honest | {"IBC": (_with_value(home), chance.price(1 - home, 0.12))}


def _one_x_two() -> dict[str, Prices]:
    chances = chance.three_way(_HOME_CENTI, _AWAY_CENTI)
    honest: dict[str, Prices] = {
        book: tuple(chance.price(p, STYLES[book].margin_three) for p in chances)
        for book in SHARP_BOOKS
    }
    return honest | {
        "IBC": (_with_value(chances[0]), *(chance.price(p, 0.12) for p in chances[1:]))
    }


def _with_value(probability: float) -> int:
    return chance.price(probability, -VALUE_PCT / (100 + VALUE_PCT))
