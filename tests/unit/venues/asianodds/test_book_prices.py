"""The books of an odds string: orders, broken prices, and when they changed."""

from collections import Counter
from datetime import timedelta

import pytest

from keter.clock import to_ms
from keter.domain.market_kinds import MarketKind
from keter.venues.asianodds.book_prices import read_books, result_kind, stamp_books
from keter.venues.asianodds.normalise import Problem
from keter.venues.asianodds.prices import split_odds
from tests.kit.asianodds_payloads import NOW

STAMP = to_ms(NOW - timedelta(seconds=9))


def books_of(
    text: str, kind: MarketKind, problems: Counter[str] | None = None
) -> dict[str, tuple[float | None, ...]]:
    segments = split_odds(text)
    counted: Counter[str] = Counter() if problems is None else problems
    return {
        b.book: b.odds for b in read_books(segments, kind, [STAMP] * len(segments), NOW, counted)
    }


def test_one_x_two_is_written_home_away_draw_and_read_home_draw_away() -> None:
    assert books_of("PIN=1.720,5.100,3.850", MarketKind.ONE_X_TWO) == {"PIN": (1.72, 3.85, 5.1)}


def test_a_missing_price_leaves_its_side_empty() -> None:
    assert books_of("PIN=1.720,,3.850;SBO=,,;SIN=1.9,", MarketKind.ONE_X_TWO) == {
        "PIN": (1.72, 3.85, None)
    }


def test_texts_stay_with_their_prices() -> None:
    segments = split_odds("PIN=1.720,5.100,3.850")
    (book,) = read_books(segments, MarketKind.ONE_X_TWO, [STAMP], NOW, Counter())
    assert book.texts == ("1.720", "3.850", "5.100")
    assert book.changed_at == NOW - timedelta(seconds=9)
    assert book.confirmed_at == NOW


def test_a_venue_clock_that_runs_ahead_never_makes_a_price_from_the_future() -> None:
    (book,) = read_books(
        [("PIN", "1.9,2.0")],
        MarketKind.OVER_UNDER,
        [to_ms(NOW + timedelta(hours=1))],
        NOW,
        Counter(),
    )
    assert book.changed_at == NOW


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("PIN=NaN,1.9", Problem.BAD_PRICE),
        ("PIN=-0.73,0.53", Problem.BAD_PRICE),
        ("PIN=5000,1.01", Problem.BAD_PRICE),
        ("PIN=1.9", Problem.PRICE_COUNT),
        ("PIN=1.9,2.0,3.0", Problem.PRICE_COUNT),
        ("P I N=1.9,2.0", Problem.BAD_BOOK),
        ("garbage", Problem.BAD_BOOK),
    ],
)
def test_a_broken_book_is_left_out_and_counted_and_the_others_stay(
    text: str, problem: Problem
) -> None:
    problems: Counter[str] = Counter()
    assert books_of(f"{text};SBO=1.9,2.0", MarketKind.OVER_UNDER, problems) == {"SBO": (1.9, 2.0)}
    assert problems == {problem: 1}


def test_the_first_of_two_like_books_counts() -> None:
    problems: Counter[str] = Counter()
    assert books_of("PIN=1.9,2.0;PIN=1.5,2.5", MarketKind.OVER_UNDER, problems) == {
        "PIN": (1.9, 2.0)
    }
    assert problems == {Problem.REPEATED_BOOK: 1}


def test_an_under_round_book_is_kept_and_counted() -> None:
    problems: Counter[str] = Counter()
    assert books_of("PIN=2.2,2.2;SBO=1.9,2.0", MarketKind.OVER_UNDER, problems) == {
        "PIN": (2.2, 2.2),
        "SBO": (1.9, 2.0),
    }
    assert problems == {Problem.UNDER_ROUND: 1}


@pytest.mark.parametrize(
    ("text", "sport", "kind"),
    [
        ("PIN=1.5,2.6", "bb", MarketKind.MONEY_LINE),
        ("PIN=1.5,2.6,", "bb", MarketKind.MONEY_LINE),
        ("PIN=1.5,2.6,0.00", "mm", MarketKind.MONEY_LINE),
        ("PIN=1.5,2.6,15", "bb", MarketKind.ONE_X_TWO),
        ("PIN=1.5,2.6", "fb", MarketKind.ONE_X_TWO),
    ],
)
def test_two_prices_are_a_money_line_where_there_is_no_draw(
    text: str, sport: str, kind: MarketKind
) -> None:
    assert result_kind(split_odds(text), sport) is kind


def test_a_money_line_drops_the_empty_draw() -> None:
    assert books_of("PIN=1.5,2.6,", MarketKind.MONEY_LINE) == {"PIN": (1.5, 2.6)}


def test_only_books_that_changed_get_a_new_change_time() -> None:
    old, new = (
        split_odds("PIN=1.9,2.0;SBO=1.8,2.1"),
        split_odds("SBO=1.8,2.1;PIN=1.91,1.99;ISN=1.9,2.0"),
    )
    assert stamp_books(old, (100, 200), new, 300) == (200, 300, 300)
