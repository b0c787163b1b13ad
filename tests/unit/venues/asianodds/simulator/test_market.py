"""The made-up market: honest books, lagging soft books, the same world for the same seed, bounded
for ever.
"""

from collections import Counter

import orjson
import pytest

from keter.clock import from_ms
from keter.domain.markets import Phase
from keter.domain.quotes import MarketUpdate
from keter.strategies.value.edge import evaluate
from keter.strategies.value.settings import EdgeSettings, ValidationSettings
from keter.strategies.value.validation import validate
from keter.venues.asianodds.simulator.board import Board, MarketType, Row, rows_json
from keter.venues.asianodds.simulator.config import (
    SHARP_BOOKS,
    SOFT_BOOKS,
    MarketConfig,
    SandboxConfig,
)
from keter.venues.asianodds.simulator.market import Market
from keter.venues.asianodds.state import FeedState
from keter.venues.asianodds.wire import read_answer, read_feed
from keter.venues.simulation.match import Result
from tests.kit.feed_state import known_markets

START_MS = 1_771_200_000_000
TICK_MS = 1000
CLOSING_MS = 300_000


def world(seed: int = 7, **market: object) -> tuple[Market, Board]:
    board = Board(CLOSING_MS)
    config = SandboxConfig(seed=seed, market=MarketConfig(**market))  # type: ignore[arg-type]  # named by each test
    return Market(config, start_ms=START_MS, board=board), board


def on_show(board: Board, market_type: MarketType = MarketType.TODAY) -> list[Row]:
    return [row for row in board.changed(market_type, -1) if not row.closing and row.active]


def booksums(rows: list[Row]) -> dict[tuple[int, tuple[str, bool], str], float]:
    return {
        (row.fixture.match_id, slot, book): sum(1000 / leg for leg in legs if leg is not None)
        for row in rows
        for slot, offer in row.offers.items()
        for book, legs in offer.prices.items()
    }


@pytest.mark.slow
def test_no_honest_book_prices_below_one_and_every_mistake_is_known() -> None:
    market, board = world()
    below = known = prices = 0
    for second in range(10, 400, 10):
        market.advance(START_MS + second * TICK_MS)
        wrong = {(mistake.match_id, mistake.slot, mistake.book) for mistake in market.corrupt}
        for key, booksum in booksums(on_show(board)).items():
            prices += 1
            if booksum < 1:
                below += 1
                known += key in wrong
    assert 0 < below == known
    assert below / prices < 0.001


def test_sharp_books_that_have_seen_the_same_news_cannot_be_played_against_each_other() -> None:
    """With no news and no mistakes there is no arbitrage at all, sharp or soft."""
    _, board = world(news_every_s=1e9, drift_goals=0.0, corrupt_every_s=1e9)
    for row in on_show(board):
        for offer in row.offers.values():
            legs = zip(*offer.prices.values(), strict=True)
            assert sum(1000 / max(leg for leg in side if leg is not None) for side in legs) > 1


def test_soft_books_follow_late() -> None:
    """After one piece of news the sharp books have moved within 3 s, the soft ones only between 18
    s and 43 s.
    """
    market, board = world(news_every_s=1e9, drift_goals=0.0, corrupt_every_s=1e9)
    listing = next(
        s
        for s in market.listings.values()
        if s.market_type is MarketType.TODAY and s.fixture.start_ms > START_MS + 90_000
    )

    def one_x_two() -> dict[str, tuple[int | None, ...]]:
        return dict(board.rows[listing.rows[0]].offers["X", True].prices)

    before = one_x_two()
    listing.play.truth.move(START_MS, 0.3, 0.0)
    moved_after: dict[str, int] = {}
    for second in range(1, 60):
        market.advance(START_MS + second * TICK_MS)
        for book, legs in one_x_two().items():
            if legs != before[book]:
                moved_after.setdefault(book, second)
    assert set(moved_after) == {*SHARP_BOOKS, *SOFT_BOOKS}
    assert all(moved_after[book] <= 4 for book in SHARP_BOOKS)
    assert all(18 <= moved_after[book] <= 43 for book in SOFT_BOOKS)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [7, 1, 2, 3])
@pytest.mark.slow
def test_a_user_with_default_settings_finds_value_in_the_first_poll_and_in_every_minute(
    seed: int,
) -> None:
    """The real gates on the real wire format, Today polled each 10 s, as a DRY user does."""
    market, board = world(seed)
    state, since, found = FeedState(), -1, []
    for poll in range(13):
        now_ms = START_MS + 3000 + poll * 10_000
        market.advance(now_ms)
        sports = rows_json(list(board.changed(MarketType.TODAY, since)), "00", None)
        since, now = board.cursor(), from_ms(now_ms)
        body = orjson.dumps(
            {"Code": 0, "Message": "", "Result": {"Since": since, "Sports": sports}}
        )
        state.merge(read_feed(read_answer(body)), Phase.TODAY, now)
        found.append(0)
        for told in known_markets(state, now):
            update = MarketUpdate(
                "t",
                "a",
                told.event,
                told.market,
                told.phase,
                told.ref,
                told.books,
                told.active,
                now,
                told.score,
            )
            _, validated = validate(update, ValidationSettings(), now)
            if validated is not None:
                found[-1] += sum(
                    signal is not None for *_, signal in evaluate(validated, EdgeSettings(), now)
                )
    assert found[0] > 0
    assert sum(found[1:7]) > 20
    assert sum(found[7:]) > 20


def photograph(board: Board) -> list[bytes]:
    return [row.wire("00", None) for row in board.rows.values()]


def test_the_same_seed_gives_the_same_world_however_often_it_is_looked_at() -> None:
    one, first = world()
    other, second = world()
    results: tuple[list[Result], list[Result]] = ([], [])
    for step in range(1, 121):
        results[0].extend(one.advance(START_MS + step * 1000))
    for moment in (17_300, 17_301, 60_000, 120_000):
        results[1].extend(other.advance(START_MS + moment))
    assert photograph(first) == photograph(second)
    assert results[0] == results[1]
    assert results[0]


@pytest.mark.slow
@pytest.mark.slow
def test_a_world_that_is_started_again_goes_on_in_the_calendar_and_repeats_no_match() -> None:
    few = MarketConfig(today_fixtures=5, early_fixtures=2)
    first = Market(SandboxConfig(seed=7, market=few), start_ms=START_MS, board=Board(CLOSING_MS))
    kickoffs, over = {}, set()
    for second in range(600):
        first.advance(START_MS + second * TICK_MS)
        for listing in first.listings.values():
            teams = listing.fixture.home, listing.fixture.away
            kickoffs[teams] = listing.fixture.start_ms
            over |= {teams} if listing.fixture.full_time is not None else set()
    assert len(over) > 10
    for pause_s in (1, 30, 1800):
        again = Market(
            SandboxConfig(seed=7, market=few),
            start_ms=START_MS + (600 + pause_s) * TICK_MS,
            board=Board(CLOSING_MS),
        )
        shown = {
            (listing.fixture.home, listing.fixture.away): listing.fixture.start_ms
            for listing in again.listings.values()
        }
        assert not over & set(shown), pause_s
        assert all(
            abs(kickoffs[teams] - start_ms) <= 25_000
            for teams, start_ms in shown.items()
            if teams in kickoffs
        )


def test_another_seed_gives_another_world() -> None:
    assert photograph(world(1)[1]) != photograph(world(2)[1])


def test_rows_look_like_the_venues() -> None:
    market, board = world()
    market.advance(START_MS + 60_000)
    by_match: dict[int, list[Row]] = {}
    for row in on_show(board):
        by_match.setdefault(row.fixture.match_id, []).append(row)
    matches = [rows for rows in by_match.values() if "Corners" not in rows[0].fixture.home]
    assert all(len(rows) == 3 for rows in matches)
    assert all(sum(("X", True) in row.offers for row in rows) == 1 for rows in matches)
    ids = [row.game_id for row in board.rows.values()]
    assert len(ids) == len(set(ids))
    assert min(ids) < 0 < max(ids)
    assert max(abs(number) for number in ids) < 2**31
    assert any("No. of Corners" in row.fixture.home for row in board.rows.values())
    lines = {
        offer.line_q
        for row in on_show(board)
        if (offer := row.offers.get(("H", True))) and offer.line_q
    }
    assert any(line_q % 2 for line_q in lines)
    assert min(lines) < 0 < max(lines)


def test_a_match_goes_from_early_to_today_to_live_and_its_today_copy_lingers() -> None:
    market, board = world(today_fixtures=4, early_fixtures=2)
    listing = next(
        s
        for s in market.listings.values()
        if s.market_type is MarketType.EARLY and s.corners is None
    )
    match_id = listing.fixture.match_id
    kickoff_ms = listing.fixture.start_ms
    market.advance(kickoff_ms - 1000)
    today = {row.game_id: row.offers for row in on_show(board) if row.fixture.match_id == match_id}
    market.advance(kickoff_ms + 10_000)
    rows = [
        row for row in board.rows.values() if row.fixture.match_id == match_id and not row.closing
    ]
    seen = Counter(row.market_type for row in rows)
    assert seen[MarketType.TODAY] == len(today) == 3
    assert seen[MarketType.LIVE] == 2
    assert {row.game_id: row.offers for row in rows if row.market_type is MarketType.TODAY} == today
    market.advance(kickoff_ms + 50_000)
    lingering = [board.rows[game_id] for game_id in today]
    assert all(row.closing and row.remove_on_ms == row.updated_ms + CLOSING_MS for row in lingering)


def test_live_rows_carry_score_and_minutes_and_the_final_score_is_shown_before_they_go() -> None:
    market, board = world(today_fixtures=5, early_fixtures=2)
    live = [
        s
        for s in market.listings.values()
        if s.market_type is MarketType.LIVE and s.fixture.full_time is None
    ]
    listing = next(s for s in live if s.abandon_ms is None)
    results = market.advance(listing.play.clock.end_ms + 2000)
    row = board.rows[listing.rows[0]]
    final = next(r for r in results if r.match_id == listing.fixture.match_id and r.full)
    assert (row.score, row.active, row.closing) == (final.score, False, False)
    assert row.minutes >= 120 + 40
    market.advance(listing.play.clock.end_ms + 20_000)
    assert board.rows[row.game_id].closing
    market.advance(listing.play.clock.end_ms + 20_000 + CLOSING_MS)
    assert row.game_id not in board.rows


@pytest.mark.slow
@pytest.mark.slow
def test_the_board_does_not_grow_for_ever() -> None:
    market, board = world(tick_s=5.0, today_fixtures=5, early_fixtures=2)
    market.advance(START_MS + 600_000)
    listings, rows = len(market.listings), len(board.rows)
    # Each match lasts four minutes here: those of the first look are long gone.
    for step in range(2, 5):
        market.advance(START_MS + step * 600_000)
    assert len(market.listings) <= listings + 5
    assert len(board.rows) <= rows * 1.3


def test_a_machine_that_slept_for_eight_hours_finds_the_world_going_on() -> None:
    market, board = world()
    market.advance(START_MS + 8 * 3_600_000)
    assert on_show(board)
    assert all(row.updated_ms <= START_MS + 8 * 3_600_000 for row in board.rows.values())
    assert {row.fixture.start_ms > START_MS + 7 * 3_600_000 for row in on_show(board)} == {True}
