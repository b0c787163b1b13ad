"""From rows to markets: lines, sides, orders, clocks, names and noise."""

from collections import Counter
from datetime import timedelta

import msgspec
import pytest

from keter.clock import to_ms
from keter.domain.markets import MarketKind, Phase
from keter.domain.quotes import VenueRef
from keter.venues.asianodds.normalise import (
    Problem,
    Ref,
    home_line,
    kept_uid,
    noise,
    open_ref,
    read_books,
    read_clock,
    read_event,
    read_phase,
    read_score,
    read_time,
    result_kind,
    stamp_books,
)
from keter.venues.asianodds.prices import split_odds
from keter.venues.asianodds.wire import FeedRow
from tests.kit.asianodds_payloads import KICKOFF, NOW, live_row, match_game

STAMP = to_ms(NOW - timedelta(seconds=9))


def row_of(**fields: object) -> FeedRow:
    return msgspec.convert(match_game(**fields), FeedRow, strict=False)  # type: ignore[arg-type] # any field may be set


def books_of(
    text: str, kind: MarketKind, problems: Counter[str] | None = None
) -> dict[str, tuple[float | None, ...]]:
    segments = split_odds(text)
    counted: Counter[str] = Counter() if problems is None else problems
    return {
        b.book: b.odds for b in read_books(segments, kind, [STAMP] * len(segments), NOW, counted)
    }


@pytest.mark.parametrize(
    ("quarters", "favoured", "line"),
    [
        (3, 1, -3),
        (3, 2, 3),
        (0, 0, 0),
        (0, 1, 0),
        (0, None, 0),
        (3, 0, None),
        (3, None, None),
        (2, 7, None),
    ],
)
def test_the_favoured_side_gives_the_home_line(
    quarters: int, favoured: int | None, line: int | None
) -> None:
    assert home_line(quarters, favoured) == line


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
        ("PIN=1.5,2.6", 2, MarketKind.MONEY_LINE),
        ("PIN=1.5,2.6,", 2, MarketKind.MONEY_LINE),
        ("PIN=1.5,2.6,0.00", 9, MarketKind.MONEY_LINE),
        ("PIN=1.5,2.6,15", 2, MarketKind.ONE_X_TWO),
        ("PIN=1.5,2.6", 1, MarketKind.ONE_X_TWO),
    ],
)
def test_two_prices_are_a_money_line_where_there_is_no_draw(
    text: str, sport: int, kind: MarketKind
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


@pytest.mark.parametrize(
    ("in_game", "clock"),
    [
        (60, (1, 0)),
        (77, (1, 17)),
        (105, (1, 45)),
        (112, (1, 45)),
        (120, (2, 45)),
        (168, (2, 93)),
        (179, (2, 104)),
        (0, (0, None)),
        (45, (0, None)),
        (180, (0, None)),
        (-5, (0, None)),
        (None, (0, None)),
    ],
)
def test_in_game_minutes_are_half_times_sixty_plus_minute(
    in_game: int | None, clock: tuple[int, int | None]
) -> None:
    assert tuple(read_clock(in_game, 1, 45)) == clock


def test_clocks_of_other_sports_are_not_guessed() -> None:
    assert tuple(read_clock(130, 2, 12)) == (0, None)


def test_a_score_needs_both_sides_and_sense() -> None:
    clock = read_clock(77, 1, 45)
    good = msgspec.convert(live_row(goals=(2, 1), in_game=77), FeedRow)
    score = read_score(good, clock)
    assert score is not None
    assert (score.home, score.away, score.minute) == (2, 1, 17)
    for goals in ((-1, 0), (0, 5_000)):
        assert read_score(msgspec.convert(live_row(goals=goals), FeedRow), clock) is None
    assert read_score(row_of(HomeTeam={"Name": "Alpha FC"}), clock) is None


def test_the_row_names_its_own_phase_and_falls_back_on_what_was_asked() -> None:
    assert read_phase(row_of(MarketTypeId=0), Phase.EARLY) is Phase.LIVE
    assert read_phase(row_of(MarketTypeId=None), Phase.EARLY) is Phase.EARLY
    assert read_phase(row_of(MarketTypeId=9), Phase.TODAY) is Phase.TODAY


def test_an_event_is_built_from_names_and_the_utc_date() -> None:
    event = read_event(row_of(HomeTeam={"Name": "  Alpha   FC "}), 1)
    assert not isinstance(event, Problem)
    assert event.event_uid == "fb-20260216-alpha-fc-v-beta-fc"
    assert (event.home, event.kickoff, event.league) == (
        "Alpha FC",
        KICKOFF,
        "*DEMO PREMIER LEAGUE",
    )


def test_neutral_women_and_reserves_are_other_fixtures() -> None:
    uids = set()
    for suffix in ("", " (N)", " (W)", " (R)"):
        event = read_event(row_of(HomeTeam={"Name": f"Alpha FC{suffix}"}), 1)
        assert not isinstance(event, Problem)
        uids.add(event.event_uid)
    assert len(uids) == 4


@pytest.mark.parametrize(
    ("fields", "sport", "problem"),
    [
        ({"HomeTeam": None}, 1, Problem.NO_TEAM),
        ({"AwayTeam": {"Score": 1}}, 1, Problem.NO_TEAM),
        ({"AwayTeam": {"Name": "  "}}, 1, Problem.NO_TEAM),
        ({"StartTime": None}, 1, Problem.BAD_START),
        ({"StartTime": -5}, 1, Problem.BAD_START),
        ({"StartTime": 10**30}, 1, Problem.BAD_START),
        ({}, 77, Problem.UNKNOWN_SPORT),
        ({}, -1, Problem.UNKNOWN_SPORT),
        ({"HomeTeam": {"Name": "Alpha FC - No. of Corners"}}, 1, Problem.NOISE_EXTRA),
        ({"LeagueName": "EFOOTBALL BATTLE"}, 1, Problem.NOISE_ESPORT),
    ],
)
def test_a_row_that_is_no_fixture_says_why(
    fields: dict[str, object], sport: int, problem: Problem
) -> None:
    assert read_event(row_of(**fields), sport) is problem


@pytest.mark.parametrize(
    ("league", "home", "away", "expected"),
    [
        ("*DEMO LEAGUE", "Alpha FC", "Beta FC", None),
        ("*DEMO LEAGUE", "Cards United", "Corners Town", None),
        ("*DEMO LEAGUE", "Alpha FC (W)", "Beta-Offside", None),
        ("*DEMO LEAGUE", "Alpha - No. of Corners", "Beta - No. of Corners", Problem.NOISE_EXTRA),
        ("*DEMO LEAGUE", "Alpha - Total Bookings", "Beta - Total Bookings", Problem.NOISE_EXTRA),
        ("*DEMO LEAGUE", "Alpha - Yellow Cards", "Beta", Problem.NOISE_EXTRA),
        ("*DEMO LEAGUE", "Alpha", "Beta - Offsides", Problem.NOISE_EXTRA),
        ("*DEMO LEAGUE", "Alpha", "Beta - Shots on Target", Problem.NOISE_EXTRA),
        ("*DEMO LEAGUE - No. of Cards", "Alpha", "Beta", Problem.NOISE_EXTRA),
        ("*DEMO LEAGUE - CORNERS", "Alpha", "Beta", Problem.NOISE_EXTRA),
        ("FANTASY MATCH", "Alpha", "Beta", Problem.NOISE_ESPORT),
        ("E-Soccer Battle 8 mins", "Alpha", "Beta", Problem.NOISE_ESPORT),
        ("ATP DEMO", "A Player (Games)", "B Player (Games)", Problem.NOISE_GAMES),
        ("ATP DEMO", "A Player (Sets)", "B Player (Sets)", None),
        ("LEAGUE FOOTBALL", "Alpha", "Beta", None),
    ],
)
def test_noise_is_told_from_football(
    league: str, home: str, away: str, expected: Problem | None
) -> None:
    assert noise(league, home, away) is expected


def test_a_kick_off_moved_past_midnight_keeps_the_uid_and_a_postponed_one_does_not() -> None:
    late = KICKOFF.replace(hour=23, minute=55)
    events = [
        read_event(row_of(StartTime=to_ms(late + shift)), 1)
        for shift in map(timedelta, (0, 0, 3), (0, 600, 0))
    ]
    first, moved, postponed = (event for event in events if not isinstance(event, Problem))
    assert moved.event_uid != first.event_uid
    assert kept_uid(first, moved) == first.event_uid
    assert kept_uid(first, postponed) == postponed.event_uid


@pytest.mark.parametrize("milliseconds", [None, 0, -1, 10**9, 10**14, 10**18, 2**70])
def test_an_absurd_time_is_none(milliseconds: int | None) -> None:
    assert read_time(milliseconds) is None


def test_a_reference_survives_its_seal() -> None:
    ref = Ref(1, 0, -55001122, 910022331)
    assert open_ref(ref.seal()) == ref
    for wrong in (
        VenueRef("paper", ref.seal().key),
        VenueRef("asianodds", "1:2:3"),
        VenueRef("asianodds", "a:b:c:d"),
    ):
        with pytest.raises(ValueError, match=r"reference|int"):
            open_ref(wrong)
