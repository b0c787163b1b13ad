"""What the console says of a feed."""

from datetime import UTC, datetime, timedelta

import pytest

from keter.bus.state.feeds import FeedFacts
from keter.dashboard.snapshot import feed_row
from keter.domain.markets import Phase

NOW = datetime(2026, 2, 21, 15, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("age_s", "stale"), [(0.0, False), (60.0, False), (60.5, True), (86_400.0, True), (None, True)]
)
def test_a_feed_is_shown_as_old_when_it_was_not_confirmed_in_time(
    age_s: float | None, stale: bool
) -> None:
    confirmed = None if age_s is None else NOW - timedelta(seconds=age_s)
    row = feed_row(FeedFacts("acc", Phase.LIVE, confirmed), 60.0, NOW)
    assert (row.stale, row.confirmed_at) == (stale, confirmed)
