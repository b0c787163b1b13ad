"""A betting day begins at midnight in its zone."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from keter.domain.days import day_bounds, day_of

LONDON = ZoneInfo("Europe/London")


def test_a_moment_belongs_to_the_day_of_the_zone() -> None:
    late = datetime(2026, 6, 20, 23, 30, tzinfo=UTC)
    assert day_of(late, UTC) == "2026-06-20"
    assert day_of(late, LONDON) == "2026-06-21"


@pytest.mark.parametrize("day, hours", [("2026-02-21", 24), ("2026-03-29", 23), ("2026-10-25", 25)])
def test_the_bounds_of_a_day_are_its_first_moment_and_the_next_days(day: str, hours: int) -> None:
    start, end = (bound.astimezone(UTC) for bound in day_bounds(day, LONDON))
    assert end - start == timedelta(hours=hours)
    last = end - timedelta(microseconds=1)
    assert day_of(start, LONDON) == day_of(last, LONDON) == day
    assert day_of(end, LONDON) != day


def test_what_is_no_date_has_no_bounds() -> None:
    with pytest.raises(ValueError, match="isoformat"):
        day_bounds("yesterday", UTC)
