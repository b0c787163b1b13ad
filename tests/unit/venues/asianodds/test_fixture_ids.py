"""Which event a match id stands for."""

from datetime import timedelta

from keter.clock import to_ms
from keter.venues.asianodds.fixture_ids import kept_uid
from keter.venues.asianodds.normalise import Problem, read_event
from tests.kit.asianodds_payloads import KICKOFF
from tests.unit.venues.asianodds.test_normalise import row_of


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
