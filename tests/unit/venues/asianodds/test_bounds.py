"""How much of a feed is kept: what lies beyond the horizon, and what goes when there is too
much.
"""

from datetime import datetime, timedelta
from typing import Any

from keter.clock import to_ms
from keter.domain.markets import Phase
from keter.venues.asianodds.bounds import MARGIN, MOST_ENDED, MOST_ROWS, FeedBounds
from keter.venues.asianodds.merging import Merged
from keter.venues.asianodds.normalise import Problem
from keter.venues.asianodds.state import FeedState
from keter.venues.asianodds.wire import read_answer, read_feed
from tests.kit.asianodds_payloads import NOW, feed_body, match_game, total
from tests.kit.feed_state import known_markets

DAY = timedelta(hours=24)
FEW = FeedBounds(DAY, fixtures=3, markets=50)


def match(number: int, in_h: float = 1, **fields: Any) -> dict[str, Any]:
    names = {"HomeTeam": {"Name": f"Home {number}"}, "AwayTeam": {"Name": f"Away {number}"}}
    kickoff = to_ms(NOW + timedelta(hours=in_h))
    return match_game(
        number, MatchId=number, StartTime=kickoff, FullTimeOu=total(), **{**names, **fields}
    )


def take(
    state: FeedState, *rows: dict[str, Any], at: datetime = NOW, fresh: bool = False
) -> Merged:
    return state.merge(read_feed(read_answer(feed_body(*rows))), Phase.TODAY, at, fresh=fresh)


def homes(state: FeedState) -> list[str]:
    return sorted({prices.event.home for prices in known_markets(state, NOW)})


def test_a_match_beyond_the_horizon_is_never_told() -> None:
    limit_h = (DAY + MARGIN).total_seconds() / 3600
    merged = take(
        FeedState(bounds=FEW), match(1, limit_h), match(2, limit_h + 0.1), match(3, 50 * 8766)
    )
    assert [prices.event.home for prices in merged.changed] == ["Home 1"]
    assert set(merged.fixtures) == {1}
    assert merged.problems == {Problem.BEYOND_HORIZON: 2}


def test_a_known_match_that_is_moved_beyond_the_horizon_goes() -> None:
    state = FeedState(bounds=FEW)
    take(state, match(1))
    merged = take(state, match(1, 50 * 8766))
    assert len(merged.removed) == 1
    assert homes(state) == []


def test_of_too_many_matches_the_nearest_stay_and_the_others_are_never_told() -> None:
    state = FeedState(bounds=FEW)
    merged = take(state, *(match(number, number) for number in (9, 2, 7, 1, 5)))
    assert sorted(prices.event.home for prices in merged.changed) == ["Home 1", "Home 2", "Home 5"]
    assert merged.problems == {Problem.SHED: 2}
    assert {number for number, event in merged.fixtures.items() if event is not None} == {1, 2, 5}


def test_of_equal_kick_offs_those_known_for_longer_stay() -> None:
    state = FeedState(bounds=FEW)
    take(state, *(match(number) for number in (1, 2, 3)))
    merged = take(state, *(match(number) for number in range(100, 200)))
    assert homes(state) == ["Home 1", "Home 2", "Home 3"]
    assert (merged.changed, merged.removed) == ((), ())


def test_a_nearer_match_takes_the_place_of_the_farthest() -> None:
    state = FeedState(bounds=FEW)
    take(state, *(match(number, number) for number in (2, 3, 4)))
    merged = take(state, match(1, 1))
    assert homes(state) == ["Home 1", "Home 2", "Home 3"]
    assert [uid for uid, _ in merged.removed] == [
        uid for uid in dict(merged.removed) if "home-4" in uid
    ]
    assert merged.fixtures[4] is None, "its match id stands for nothing any more"


def test_markets_are_bounded_as_fixtures_are() -> None:
    state = FeedState(bounds=FeedBounds(DAY, fixtures=100, markets=14))
    take(state, *(match(number, number) for number in range(1, 21)))
    assert len(list(known_markets(state, NOW))) == 14
    assert "Home 14" in homes(state)
    assert "Home 15" not in homes(state)


def test_rows_of_one_match_are_bounded() -> None:
    state = FeedState(bounds=FeedBounds(DAY, fixtures=100, markets=100_000))
    rows = [
        match(1) | {"FullTimeOu": total(f"{number}.5"), "GameId": 1_000 + number}
        for number in range(MOST_ROWS + 40)
    ]
    merged = take(state, *rows)
    assert len(list(known_markets(state, NOW))) == MOST_ROWS
    assert merged.problems[Problem.SHED] == 40


def test_nothing_of_a_feed_that_makes_up_matches_is_remembered_for_ever() -> None:
    """New matches with every answer, which then go again: neither shed nor ended ones may add
    up.
    """
    state = FeedState(bounds=FEW)
    for turn in range(60):
        numbers = range(turn * 10, turn * 10 + 10)
        take(state, *(match(number) for number in numbers), at=NOW + timedelta(seconds=turn))
        take(
            state,
            *(match(number, WillBeRemoved=True) for number in numbers),
            at=NOW + timedelta(seconds=turn),
        )
    take(state, at=NOW + timedelta(seconds=200))
    most = MOST_ENDED * FEW.fixtures
    sizes = {name: len(getattr(state, name)) for name in ("_rows", "_fixtures", "_uids", "_ended")}
    sizes |= {name: len(getattr(state._ids, name)) for name in ("remembered", "events")}
    assert max(sizes.values()) <= most, sizes


def test_what_an_earlier_life_remembered_is_bounded_too() -> None:
    state, earlier = FeedState(), FeedState()
    merged = take(earlier, *(match(number) for number in range(50)))
    state = FeedState(bounds=FEW)
    state.remember(
        {number: event for number, event in merged.fixtures.items() if event is not None}
    )
    forgotten = take(state).fixtures
    assert sum(event is None for event in forgotten.values()) == 50 - MOST_ENDED * FEW.fixtures
