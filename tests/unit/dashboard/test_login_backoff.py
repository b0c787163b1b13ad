"""Whom failures are counted against, and how many are remembered."""

from datetime import UTC, datetime, timedelta

import pytest

from keter.clock import ManualClock
from keter.dashboard.login_backoff import MAX_REMEMBERED, Failures, LoginBackoff

START = datetime(2026, 11, 21, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("10.0.0.9", "10.0.0.9", True),
        ("10.0.0.9", "10.0.0.8", False),
        ("2001:db8::1", "2001:db8::ffff:2", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("::ffff:10.0.0.9", "10.0.0.9", True),
        ("nonsense", "more", True),
    ],
)
def test_whoever_has_many_addresses_waits_as_one(one: str, other: str, same: bool) -> None:
    backoff = LoginBackoff(ManualClock(START))
    backoff.failed("operator", one)
    assert (backoff.wait_s("operator", other) > 0) == same


def test_the_memory_of_failures_is_bounded_in_number() -> None:
    backoff = LoginBackoff(ManualClock(START))
    for number in range(MAX_REMEMBERED):
        backoff._failures["operator", str(number)] = Failures(1, 0.0)
    backoff.failed("operator", "10.0.0.9")
    assert len(backoff._failures) == MAX_REMEMBERED
    assert backoff.wait_s("operator", "10.0.0.9") == 1


def test_the_memory_of_failures_is_bounded_in_time() -> None:
    clock = ManualClock(START)
    backoff = LoginBackoff(clock)
    for number in range(50):
        backoff.failed("operator", f"10.0.0.{number}")
    clock.set(START + timedelta(hours=2))
    backoff.failed("operator", "10.0.1.1")
    assert len(backoff._failures) == 1
