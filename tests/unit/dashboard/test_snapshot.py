"""What the console says of a feed and of an alert."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from keter.bus.state.feeds import FeedFacts
from keter.dashboard.models import AccountLine
from keter.dashboard.snapshot import feed_row, notice
from keter.domain.alerts import AlertKind
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


def test_the_link_of_an_alert_opens_the_account_that_it_is_about() -> None:
    names = ("asianodds:al", "asianodds:alice")
    lines = [
        AccountLine(
            account=name,
            name=name.partition(":")[2],
            mode="DRY",
            state="ACTIVE",
            currency="EUR",
            pnl_today=None,
            open=None,
            trouble=[],
        )
        for name in names
    ]
    about = AlertKind.UNKNOWN_BETS.alert("1 bet.", NOW, about="asianodds:alice")
    about = msgspec.structs.replace(about, link="#/orders?state=UNKNOWN")
    assert notice(about, []).link == "#/orders?state=UNKNOWN"
    assert notice(about, lines).link == "#/orders?state=UNKNOWN&account=asianodds%3Aalice"
    common = AlertKind.REDIS_DOWN.alert("It does not answer.", NOW)
    assert "account" not in notice(common, lines).link
