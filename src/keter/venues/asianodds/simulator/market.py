"""The made-up market: fixtures without end, priced by sharp books early and by soft books late.

Their true intensities move all the time; sharp books follow within seconds, soft books much later.

Everything is drawn from the seed and happens on a fixed grid of ticks. So the same seed and start
give the same market, however often it is asked. Only a gap of more than 600 ticks (a machine that
slept) is passed over in coarse steps, all but its last minute.
"""

import random

from keter.venues.asianodds.simulator import book_prices
from keter.venues.asianodds.simulator.board import Board, MarketType, Numbers, Slot
from keter.venues.asianodds.simulator.book import DAY_MS
from keter.venues.asianodds.simulator.config import SandboxConfig
from keter.venues.asianodds.simulator.listing import (
    Listing,
    corners_row,
    final_rows,
    new_listing,
)
from keter.venues.asianodds.simulator.publishing import Corrupt, Publisher
from keter.venues.simulation.clubs import Calendar
from keter.venues.simulation.match import Period, Result

# At this speed a kick-off every so many seconds makes a good demonstration.
_DEMO_SPEED = 30.0
_DEMO_SPACING_S = 25.0
_MATCH_MIN = 115.0
_LONGEST_TICKS = 600
_FINE_TICKS = 60
# Half of all news hits one of so many fixtures before kick-off.
_SOON = 6
_ON_TOTAL = 0.45  # share of news that changes the number of goals, not who scores them
_MISTAKEN_SLOTS: tuple[Slot, ...] = (("H", True), ("X", True))


class Market:
    """The default scenario.

    ``corrupt`` lists the mistaken prices on the board; all others are honest.
    """

    def __init__(self, config: SandboxConfig, *, start_ms: int, board: Board) -> None:
        self.listings: dict[int, Listing] = {}
        self.corrupt: list[Corrupt] = []
        market, seed, speed = config.market, config.seed, config.speed
        self._seed, self._speed, self._config, self._board = seed, speed, market, board
        self._shown_ms = config.final_shown_ms
        self._rng = random.Random(f"{seed}:market")  # noqa: S311 - play money, and it must be repeatable
        self._calendar, self._numbers = Calendar(seed), Numbers(seed)
        self._publisher = Publisher(board, self._numbers, market.suspended_after_goal_s * 1000)
        spacing_s = market.kickoff_every_s or max(
            _DEMO_SPACING_S * _DEMO_SPEED / speed, market.tick_s
        )
        self._spacing_ms = round(spacing_s * 1000)
        self._tick_ms = round(market.tick_s * 1000)
        self._origin_ms = self._now_ms = start_ms - round(_MATCH_MIN * 60_000 / speed)
        # By the time of day: a sandbox that is started anew goes on in the calendar and repeats no
        # match of the day.
        self._first_number = self._origin_ms % DAY_MS // self._spacing_ms
        self._announced = 0
        self._next_news_ms = self._next_corrupt_ms = self._now_ms
        self._advance_coarsely(start_ms - _FINE_TICKS * self._tick_ms)
        self.advance(start_ms)

    def advance(self, now_ms: int) -> list[Result]:
        """Let everything up to ``now_ms`` happen; return the ended periods, oldest first."""
        results: list[Result] = []
        if (now_ms - self._now_ms) // self._tick_ms > _LONGEST_TICKS:
            results = self._advance_coarsely(now_ms - _FINE_TICKS * self._tick_ms)
        while now_ms - self._now_ms >= self._tick_ms:
            self._now_ms += self._tick_ms
            self._step(self._now_ms, results)
        return results

    def _advance_coarsely(self, until_ms: int) -> list[Result]:
        """Let time pass in at most some 600 steps, without changing prices on the board."""
        results: list[Result] = []
        while until_ms - self._now_ms >= self._tick_ms:
            coarse = (until_ms - self._now_ms) // (_LONGEST_TICKS * self._tick_ms)
            self._now_ms += self._tick_ms * max(coarse, 1)
            self._step(self._now_ms, results, publish=False)
        return results

    def _step(self, now_ms: int, results: list[Result], *, publish: bool = True) -> None:
        self._announce(now_ms)
        self._make_news(now_ms)
        self._make_mistakes(now_ms)
        for listing in list(self.listings.values()):
            self._drift(listing, now_ms)
            self._progress(listing, now_ms, results)
            if publish and listing.fixture.full_time is None:
                self._publisher.publish(listing, self.corrupt, now_ms)
        self._board.purge(now_ms)

    def _announce(self, now_ms: int) -> None:
        """List every fixture whose kick-off has come near enough."""
        config = self._config
        lead_ms = (config.today_fixtures + config.early_fixtures) * self._spacing_ms
        while (
            kickoff_ms := self._origin_ms + self._announced * self._spacing_ms
        ) - lead_ms <= now_ms:
            number, self._announced = self._first_number + self._announced, self._announced + 1
            rng = random.Random(f"{self._seed}:fixture:{number}")  # noqa: S311 - as above
            pairing = self._calendar[number]
            listing = new_listing(
                pairing, self._numbers, rng, config, kickoff_ms, self._speed, now_ms
            )
            self.listings[listing.fixture.match_id] = listing
            if listing.corners is not None:
                self._board.put(corners_row(listing, listing.corners, self._numbers), now_ms)

    def _make_news(self, now_ms: int) -> None:
        """Let a fixture's strengths jump (line-ups, injuries): value comes from here.

        Half of the time it is a fixture shortly before kick-off.
        """
        while self._next_news_ms <= now_ms:
            self._next_news_ms += round(self._config.news_every_s * 1000)
            likely = [
                listing
                for listing in self.listings.values()
                if listing.market_type is not MarketType.EARLY and listing.fixture.full_time is None
            ]
            soon = [one for one in likely if one.market_type is MarketType.TODAY][:_SOON]
            if soon and self._rng.random() < 0.5:
                likely = soon
            if likely:
                size = self._rng.uniform(*self._config.news_goals) * self._rng.choice((-1, 1))
                supremacy, total = (0, size) if self._rng.random() < _ON_TOTAL else (size, 0)
                self._rng.choice(likely).play.truth.move(now_ms, supremacy, total)

    def _make_mistakes(self, now_ms: int) -> None:
        """Let a book show a wrong leg now and then, so that its own prices sum to less than one."""
        self.corrupt = [mistake for mistake in self.corrupt if mistake.until_ms > now_ms]
        while self._next_corrupt_ms <= now_ms:
            self._next_corrupt_ms += round(self._config.corrupt_every_s * 1000)
            listing = self._rng.choice(list(self.listings.values()))
            slot = self._rng.choice(_MISTAKEN_SLOTS)
            book = self._rng.choice(list(book_prices.STYLES))
            until_ms = now_ms + round(self._config.corrupt_for_s * 1000)
            self.corrupt.append(Corrupt(listing.fixture.match_id, slot, book, until_ms))

    def _drift(self, listing: Listing, now_ms: int) -> None:
        if now_ms >= listing.next_drift_ms:
            listing.next_drift_ms = now_ms + round(self._config.drift_every_s * 1000)
            size, play = self._config.drift_goals, listing.play
            play.truth.move(now_ms, play.rng.gauss(0, size), play.rng.gauss(0, size))

    def _progress(self, listing: Listing, now_ms: int, results: list[Result]) -> None:
        self._change_list(listing, now_ms, results)
        if listing.fixture.full_time is not None:
            self._take_off(listing, now_ms)
        elif listing.market_type is MarketType.LIVE:
            self._play(listing, now_ms, results)

    def _change_list(self, listing: Listing, now_ms: int, results: list[Result]) -> None:
        """Move a fixture from Early to Today to Live.

        The Today copy stays for a while after kick-off, with the prices it had.
        """
        start_ms = listing.fixture.start_ms
        today_from_ms = start_ms - self._config.today_fixtures * self._spacing_ms
        if listing.market_type is MarketType.EARLY and now_ms >= today_from_ms:
            listing.market_type = MarketType.TODAY
        if listing.market_type is not MarketType.LIVE and now_ms >= start_ms:
            listing.market_type, listing.lines = MarketType.LIVE, None
            listing.lingering, listing.rows = listing.rows, ()
            if listing.corners is not None:
                self._board.close(listing.corners_row, now_ms)
                match_id = listing.corners.match_id
                results.append(Result(match_id, now_ms, True, (0, 0), None, void=True))
        linger_ms = round(self._config.today_copy_lingers_s * 1000)
        if listing.lingering and now_ms >= start_ms + linger_ms:
            for game_id in listing.lingering:
                self._board.close(game_id, now_ms)
            listing.lingering = ()

    def _play(self, listing: Listing, now_ms: int, results: list[Result]) -> None:
        """Play a match on; note the half-time score and the end."""
        fixture, play = listing.fixture, listing.play
        play.advance(now_ms)
        fixture.score, half_time = play.score, play.half_time
        if fixture.half_time is None and half_time is not None:
            fixture.half_time = half_time
            results.append(Result(fixture.match_id, now_ms, False, half_time, half_time))
        abandoned = listing.abandon_ms is not None and now_ms >= listing.abandon_ms
        if abandoned or play.clock.period(now_ms) is Period.OVER:
            fixture.full_time, fixture.void, listing.over_ms = play.score, abandoned, now_ms
            results.append(
                Result(fixture.match_id, now_ms, True, play.score, half_time, void=abandoned)
            )
            for row in final_rows(listing, self._board, now_ms):
                self._board.put(row, now_ms)

    def _take_off(self, listing: Listing, now_ms: int) -> None:
        """Remove a finished match once its final score has been shown for a while."""
        if now_ms - listing.over_ms >= self._shown_ms and not listing.lingering:
            for game_id in listing.rows:
                self._board.close(game_id, now_ms)
            del self.listings[listing.fixture.match_id]
