"""The made-up world: fixtures without end, whose true intensities move while sharp books follow
fast and soft books late.

Everything is drawn from the seed and happens on a fixed grid of ticks, so the same seed and start
give the same world whoever looks and when. Only a gap of more than 600 ticks (a machine that slept)
is passed over coarsely, all but its last minute.
"""

import random
from dataclasses import dataclass, replace

from keter.venues.asianodds.simulator import bookmakers
from keter.venues.asianodds.simulator.board import Board, MarketType, Numbers, Offer, Row, Slot
from keter.venues.asianodds.simulator.book import DAY_MS
from keter.venues.asianodds.simulator.bookmakers import Lines, Situation, Stance
from keter.venues.asianodds.simulator.config import SandboxConfig
from keter.venues.asianodds.simulator.listing import Show, corners_row, final_rows, new_show
from keter.venues.asianodds.simulator.match import Period
from keter.venues.asianodds.simulator.names import Calendar
from keter.venues.asianodds.simulator.scenario import Result
from keter.venues.asianodds.simulator.wording import Prices

_DEMO_SPEED = 30.0
_DEMO_SPACING_S = 25.0
_MATCH_MIN = 115.0
_LONGEST_TICKS = 600
_FINE_TICKS = 60
_SOON = 6


@dataclass(frozen=True, slots=True)
class Corrupt:
    """A mistaken price: one leg of one book's market is far too high until ``until_ms``."""

    match_id: int
    slot: Slot
    book: str
    until_ms: int


class Market:
    """The default scenario.

    ``corrupt`` lists the mistakes on show, which honest prices can be told from.
    """

    def __init__(self, config: SandboxConfig, *, start_ms: int, board: Board) -> None:
        self.shows: dict[int, Show] = {}
        self.corrupt: list[Corrupt] = []
        seed, speed = config.seed, config.speed
        self._seed, self._speed, self._config, self._board = seed, speed, config.market, board
        self._shown_ms = config.final_shown_ms
        self._rng = random.Random(f"{seed}:market")  # noqa: S311 - play money, and it must be repeatable
        self._calendar, self._numbers = Calendar(seed), Numbers(seed)
        spacing_s = config.market.kickoff_every_s or max(
            _DEMO_SPACING_S * _DEMO_SPEED / speed, config.market.tick_s
        )
        self._spacing_ms, self._tick_ms = (
            round(spacing_s * 1000),
            round(config.market.tick_s * 1000),
        )
        warm_ms = round(_MATCH_MIN * 60_000 / speed)
        self._origin_ms = self._now_ms = start_ms - warm_ms
        # By the time of day: a sandbox that is started anew goes on in the calendar and repeats no
        # match of the day.
        self._first_number = self._origin_ms % DAY_MS // self._spacing_ms
        self._announced = 0
        self._next_news_ms = self._next_corrupt_ms = self._now_ms
        self._hurry(start_ms - _FINE_TICKS * self._tick_ms)
        self.advance(start_ms)

    def advance(self, now_ms: int) -> list[Result]:
        behind = (now_ms - self._now_ms) // self._tick_ms
        results = (
            self._hurry(now_ms - _FINE_TICKS * self._tick_ms) if behind > _LONGEST_TICKS else []
        )
        while now_ms - self._now_ms >= self._tick_ms:
            self._now_ms += self._tick_ms
            self._step(self._now_ms, results)
        return results

    def _hurry(self, until_ms: int) -> list[Result]:
        """Lets time pass in coarse steps that show nothing."""
        results: list[Result] = []
        while until_ms - self._now_ms >= self._tick_ms:
            coarse = (until_ms - self._now_ms) // (_LONGEST_TICKS * self._tick_ms)
            self._now_ms += self._tick_ms * max(coarse, 1)
            self._step(self._now_ms, results, publish=False)
        return results

    def _step(self, now_ms: int, results: list[Result], *, publish: bool = True) -> None:
        self._announce(now_ms)
        self._news(now_ms)
        self._err(now_ms)
        for show in list(self.shows.values()):
            self._drift(show, now_ms)
            self._progress(show, now_ms, results)
            if publish and show.fixture.full_time is None:
                self._publish(show, now_ms)
        self._board.purge(now_ms)

    def _announce(self, now_ms: int) -> None:
        config = self._config
        lead_ms = (config.today_fixtures + config.early_fixtures) * self._spacing_ms
        while (
            kickoff_ms := self._origin_ms + self._announced * self._spacing_ms
        ) - lead_ms <= now_ms:
            number, self._announced = self._first_number + self._announced, self._announced + 1
            rng = random.Random(f"{self._seed}:fixture:{number}")  # noqa: S311 - as above
            show = new_show(
                self._calendar[number], self._numbers, rng, config, kickoff_ms, self._speed, now_ms
            )
            self.shows[show.fixture.match_id] = show
            if show.corners is not None:
                self._board.put(corners_row(show, show.corners, self._numbers), now_ms)

    def _news(self, now_ms: int) -> None:
        """A fixture's strengths jump (line-ups, injuries), half of the time shortly before
        kick-off.

        Value comes from here.
        """
        while self._next_news_ms <= now_ms:
            self._next_news_ms += round(self._config.news_every_s * 1000)
            likely = [
                s
                for s in self.shows.values()
                if s.market_type is not MarketType.EARLY and s.fixture.full_time is None
            ]
            soon = [s for s in likely if s.market_type is MarketType.TODAY][:_SOON]
            if soon and self._rng.random() < 0.5:
                likely = soon
            if likely:
                size = self._rng.uniform(*self._config.news_goals) * self._rng.choice((-1, 1))
                on_total = self._rng.random() < 0.45
                self._rng.choice(likely).play.truth.move(
                    now_ms, 0 if on_total else size, size if on_total else 0
                )

    def _err(self, now_ms: int) -> None:
        """Now and then a book shows a wrong leg, so that its own prices sum to less than one."""
        self.corrupt = [mistake for mistake in self.corrupt if mistake.until_ms > now_ms]
        while self._next_corrupt_ms <= now_ms:
            self._next_corrupt_ms += round(self._config.corrupt_every_s * 1000)
            show = self._rng.choice(list(self.shows.values()))
            slot, book = (
                self._rng.choice((("H", True), ("X", True))),
                self._rng.choice(list(bookmakers.STYLES)),
            )
            until_ms = now_ms + round(self._config.corrupt_for_s * 1000)
            self.corrupt.append(Corrupt(show.fixture.match_id, slot, book, until_ms))

    def _drift(self, show: Show, now_ms: int) -> None:
        if now_ms >= show.next_drift_ms:
            show.next_drift_ms = now_ms + round(self._config.drift_every_s * 1000)
            size = self._config.drift_goals
            show.play.truth.move(now_ms, show.play.rng.gauss(0, size), show.play.rng.gauss(0, size))

    def _progress(self, show: Show, now_ms: int, results: list[Result]) -> None:
        self._change_list(show, now_ms, results)
        if show.fixture.full_time is not None:
            self._take_off(show, now_ms)
            return
        if show.market_type is MarketType.LIVE:
            self._play(show, now_ms, results)

    def _change_list(self, show: Show, now_ms: int, results: list[Result]) -> None:
        """Early to Today to Live. The Today copy stays for a while, with the prices it had."""
        start_ms = show.fixture.start_ms
        today_from_ms = start_ms - self._config.today_fixtures * self._spacing_ms
        if show.market_type is MarketType.EARLY and now_ms >= today_from_ms:
            show.market_type = MarketType.TODAY
        if show.market_type is not MarketType.LIVE and now_ms >= start_ms:
            show.market_type, show.lines = MarketType.LIVE, None
            show.lingering, show.rows = show.rows, ()
            if show.corners is not None:
                self._board.close(show.corners_row, now_ms)
                results.append(Result(show.corners.match_id, now_ms, True, (0, 0), None, void=True))
        if show.lingering and now_ms >= start_ms + round(self._config.today_copy_lingers_s * 1000):
            for game_id in show.lingering:
                self._board.close(game_id, now_ms)
            show.lingering = ()

    def _play(self, show: Show, now_ms: int, results: list[Result]) -> None:
        fixture, play = show.fixture, show.play
        play.advance(now_ms)
        fixture.score = play.score
        if fixture.half_time is None and play.half_time is not None:
            fixture.half_time = play.half_time
            results.append(Result(fixture.match_id, now_ms, False, play.half_time, play.half_time))
        abandoned = show.abandon_ms is not None and now_ms >= show.abandon_ms
        if abandoned or play.clock.period(now_ms) is Period.OVER:
            fixture.full_time, fixture.void, show.over_ms = play.score, abandoned, now_ms
            results.append(
                Result(fixture.match_id, now_ms, True, play.score, play.half_time, void=abandoned)
            )
            for row in final_rows(show, self._board, now_ms):
                self._board.put(row, now_ms)

    def _take_off(self, show: Show, now_ms: int) -> None:
        """Remove a finished match once its final score has been shown for a while."""
        if now_ms - show.over_ms >= self._shown_ms and not show.lingering:
            for game_id in show.rows:
                self._board.close(game_id, now_ms)
            del self.shows[show.fixture.match_id]

    def _publish(self, show: Show, now_ms: int) -> None:
        views = self._views(show, now_ms)
        true_view = views[0][1]
        lines = show.lines
        if lines is None or not bookmakers.lines_stand(true_view, lines):
            lines = bookmakers.main_lines(true_view)
            self._recentre(show, lines, now_ms)
        live = show.market_type is MarketType.LIVE
        goal_ms = show.play.last_goal_ms
        paused = (
            goal_ms is not None and now_ms - goal_ms < self._config.suspended_after_goal_s * 1000
        )
        wrong = tuple(m for m in self.corrupt if m.match_id == show.fixture.match_id)
        minutes = show.play.clock.code(now_ms) if live else 0
        signature = (
            tuple(seen for _, seen in views),
            show.rows,
            show.market_type,
            minutes,
            paused,
            wrong,
        )
        if signature == show.signature:
            return
        show.signature = signature
        wanted = _live_rows if live else _prematch_rows
        for index, (game_id, markets) in enumerate(zip(show.rows, wanted(lines), strict=True)):
            offers = bookmakers.offers(views, markets, side_line=index > 0 and not live)
            if index == 0:
                offers = _spoil(offers, wrong)
            row = Row(
                game_id,
                show.fixture,
                show.market_type,
                offers,
                show.fixture.score,
                (0, 0),
                minutes,
                not paused,
            )
            self._board.put(row, now_ms)

    def _recentre(self, show: Show, lines: Lines, now_ms: int) -> None:
        for game_id in show.rows:
            self._board.close(game_id, now_ms)
        count = (
            len(_live_rows(lines))
            if show.market_type is MarketType.LIVE
            else len(_prematch_rows(lines))
        )
        show.lines, show.rows = lines, tuple(self._numbers.take() for _ in range(count))

    def _views(self, show: Show, now_ms: int) -> list[tuple[Stance, Situation]]:
        """How every book sees the fixture, the quickest first."""
        remaining = show.play.remaining(now_ms)
        first = show.play.clock.first_min
        half_left = (
            max(1 - show.play.clock.played(now_ms) / first, 0.0)
            if show.play.half_time is None
            else 0.0
        )
        truth = show.play.truth
        return [
            (
                s,
                bookmakers.situation(
                    s, truth.at(now_ms - s.lag_ms), remaining, half_left, show.fixture.score
                ),
            )
            for s in show.stances
        ]


def _prematch_rows(lines: Lines) -> tuple[dict[Slot, int | None], ...]:
    """Main lines with the only 1X2, then one row of lines to either side."""
    return (
        {("H", True): lines.handicap_q, ("O", True): lines.total_q, ("X", True): None,
         ("H", False): lines.half_handicap_q, ("O", False): lines.half_total_q, ("X", False): None},
        {("H", True): lines.handicap_q - 1, ("O", True): lines.total_q + 1},
        {("H", True): lines.handicap_q + 1, ("O", True): lines.total_q - 1},
    )  # fmt: skip


def _live_rows(lines: Lines) -> tuple[dict[Slot, int | None], ...]:
    """In play handicaps and totals stand on separate rows."""
    return (
        {("H", True): lines.handicap_q, ("X", True): None},
        {
            ("O", True): lines.total_q,
            ("H", False): lines.half_handicap_q,
            ("O", False): lines.half_total_q,
        },
    )


def _spoil(offers: dict[Slot, Offer], wrong: tuple[Corrupt, ...]) -> dict[Slot, Offer]:
    for mistake in wrong:
        offer = offers.get(mistake.slot)
        if offer is not None and (legs := offer.prices.get(mistake.book)) is not None:
            prices = {**offer.prices, mistake.book: _too_high(legs)}
            offers = {**offers, mistake.slot: replace(offer, prices=prices)}
    return offers


def _too_high(legs: Prices) -> Prices:
    """The shortest price made 1.6 times as long, which leaves a booksum under one."""
    shortest = min(leg for leg in legs if leg is not None)
    return tuple(round(leg * 1.6) if leg == shortest else leg for leg in legs if leg is not None)
