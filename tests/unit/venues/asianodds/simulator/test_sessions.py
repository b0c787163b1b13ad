"""Sessions, throttles and cursors without HTTP, on a clock moved by hand."""

from hashlib import md5

import pytest

from keter.venues.asianodds.simulator.config import DEMO_ACCOUNT, ProtocolConfig
from keter.venues.asianodds.simulator.sessions import (
    Session,
    SessionGoneError,
    Sessions,
    ThrottledError,
)

PASSWORD = md5(b"sandbox", usedforsecurity=False).hexdigest()


def logged_in(sessions: Sessions, now_ms: int = 0, ip: str = "127.0.0.1") -> Session:
    session = sessions.login("sandbox", PASSWORD, ip, now_ms)
    assert session is not None
    assert sessions.register("SANDBOX", session.token, session.key, ip, now_ms)
    return session


def fresh(protocol: ProtocolConfig | None = None, scale: float = 1.0) -> Sessions:
    return Sessions((DEMO_ACCOUNT,), protocol or ProtocolConfig(), scale, 1)


@pytest.mark.parametrize(
    ("user", "password"),
    [("SANDBOX", "sandbox"), ("SANDBOX", PASSWORD.upper()), ("OTHER", PASSWORD)],
)
def test_only_the_lower_case_md5_of_the_right_password_opens(user: str, password: str) -> None:
    assert fresh().login(user, password, "ip", 0) is None


def test_registering_after_a_minute_is_too_late_and_loses_the_login() -> None:
    sessions = fresh()
    session = sessions.login("SANDBOX", PASSWORD, "ip", 0)
    assert session is not None
    assert not sessions.register("SANDBOX", session.token, session.key, "ip", 60_001)
    assert not sessions.register("SANDBOX", session.token, session.key, "ip", 60_002)


def test_without_registering_a_token_opens_nothing() -> None:
    sessions = fresh()
    session = sessions.login("SANDBOX", PASSWORD, "ip", 0)
    assert session is not None
    with pytest.raises(SessionGoneError):
        sessions.use(session.token, "ip", 1)


def test_five_idle_minutes_end_a_session_and_any_call_keeps_it() -> None:
    sessions = fresh()
    session = logged_in(sessions)
    for minute in range(1, 20):
        sessions.use(session.token, "127.0.0.1", minute * 299_000)
    with pytest.raises(SessionGoneError):
        sessions.use(session.token, "127.0.0.1", 19 * 299_000 + 300_001)


def test_a_second_login_ends_the_first() -> None:
    sessions = fresh()
    first = logged_in(sessions)
    second = logged_in(sessions)
    with pytest.raises(SessionGoneError):
        sessions.use(first.token, "127.0.0.1", 1)
    assert sessions.use(second.token, "127.0.0.1", 1) is second


def test_another_address_loses_the_session_for_good() -> None:
    sessions = fresh()
    session = logged_in(sessions)
    with pytest.raises(SessionGoneError):
        sessions.use(session.token, "10.0.0.1", 1)
    with pytest.raises(SessionGoneError):
        sessions.use(session.token, "127.0.0.1", 2)


@pytest.mark.parametrize(("market_type", "interval_ms"), [(0, 5000), (1, 10_000), (2, 20_000)])
def test_each_market_type_has_its_own_interval(market_type: int, interval_ms: int) -> None:
    sessions = fresh()
    sessions.throttle("SANDBOX", market_type, 0)
    with pytest.raises(ThrottledError):
        sessions.throttle("SANDBOX", market_type, interval_ms // 2)
    sessions.throttle("SANDBOX", (market_type + 1) % 3, interval_ms // 2)
    sessions.throttle("SANDBOX", market_type, interval_ms)


def test_throttles_scale_and_can_be_switched_off() -> None:
    quick = fresh(scale=0.1)
    quick.throttle("SANDBOX", 1, 0)
    quick.throttle("SANDBOX", 1, 1000)
    off = fresh(scale=0)
    off.throttle("SANDBOX", 1, 0)
    off.throttle("SANDBOX", 1, 0)


def test_the_cursor_belongs_to_the_account_and_goes_stale_after_four_minutes() -> None:
    sessions = fresh()
    assert sessions.since("SANDBOX", 1, 1, None, 0) == -1
    sessions.note_sent(logged_in(sessions), 1, 1, 77, 0)
    assert sessions.since("SANDBOX", 1, 1, None, 1000) == 77
    logged_in(sessions, 2000)
    assert sessions.since("SANDBOX", 1, 1, None, 3000) == 77
    assert sessions.since("SANDBOX", 1, 2, None, 3000) == -1
    assert sessions.since("SANDBOX", 1, 1, None, 240_001) == -1
    assert sessions.since("SANDBOX", 1, 1, 50, 3000) == 50


@pytest.mark.parametrize(("mode", "expected"), [("full", -1), ("ignored", 77)])
def test_since_zero_means_what_it_is_configured_to_mean(mode: str, expected: int) -> None:
    sessions = fresh(ProtocolConfig(since_zero=mode))  # type: ignore[arg-type]  # one of its two literals
    sessions.note_sent(logged_in(sessions), 1, 1, 77, 0)
    assert sessions.since("SANDBOX", 1, 1, 0, 1000) == expected
