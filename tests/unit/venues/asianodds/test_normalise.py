"""From rows to markets: lines, sides, orders, clocks, names and noise."""

from datetime import timedelta

import msgspec
import pytest

from keter.clock import to_ms
from keter.domain.markets import Phase
from keter.domain.quotes import VenueRef
from keter.venues.asianodds.normalise import (
    Problem,
    Ref,
    home_line,
    noise,
    read_clock,
    read_event,
    read_phase,
    read_ref,
    read_score,
    read_time,
)
from keter.venues.asianodds.wire import FeedRow
from tests.kit.asianodds_payloads import KICKOFF, NOW, live_row, match_game

STAMP = to_ms(NOW - timedelta(seconds=9))


def row_of(**fields: object) -> FeedRow:
    return msgspec.convert(match_game(**fields), FeedRow, strict=False)  # type: ignore[arg-type] # any field may be set


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
    score = read_score(good, 1, clock)
    assert score is not None
    assert (score.home, score.away, score.minute) == (2, 1, 17)
    for goals in ((-1, 0), (0, 5_000)):
        assert read_score(msgspec.convert(live_row(goals=goals), FeedRow), 1, clock) is None
    assert read_score(row_of(HomeTeam={"Name": "Alpha FC"}), 1, clock) is None


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
        ("ATP DEMO", "A Player (Sets)", "B Player (Sets)", None),
        ("LEAGUE FOOTBALL", "Alpha", "Beta", None),
    ],
)
def test_noise_is_told_from_football(
    league: str, home: str, away: str, expected: Problem | None
) -> None:
    assert noise(league, home, away) is expected


@pytest.mark.parametrize("milliseconds", [None, 0, -1, 10**9, 10**14, 10**18, 2**70])
def test_an_absurd_time_is_none(milliseconds: int | None) -> None:
    assert read_time(milliseconds) is None


def test_a_reference_survives_its_seal() -> None:
    ref = Ref(1, 0, -55001122, 910022331)
    assert read_ref(ref.venue_ref()) == ref
    for wrong in (
        VenueRef("paper", ref.venue_ref().key),
        VenueRef("asianodds", "1:2:3"),
        VenueRef("asianodds", "a:b:c:d"),
    ):
        with pytest.raises(ValueError, match=r"reference|int"):
            read_ref(wrong)
