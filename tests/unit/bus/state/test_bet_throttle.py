"""A bet counts for its whole window of true time, whatever the server's clock shows."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from keter.bus.state.bet_throttle import RecentBets
from keter.domain.exposure import Exposure, ExposureStatus

HOUR_MS = 3_600_000.0
NOW = datetime(2026, 2, 21, tzinfo=UTC)


def an_exposure(decision_id: str, status: ExposureStatus) -> Exposure:
    return Exposure(decision_id, "event", "League", None, None, 1_000, "2.00", status, NOW)


def test_a_note_counts_from_its_own_time_on() -> None:
    sent = RecentBets(3600)
    sent.see_notes({"a": 90_000.0, "b": 99_000.0}, 100_000, now_s=500)
    assert (sent.count(12, 500), sent.count(5, 500), sent.count(12, 502.5)) == (2, 1, 1)


@given(
    step_ms=st.floats(-48 * HOUR_MS, 48 * HOUR_MS),
    age_ms=st.floats(0, 30_000),
    later_s=st.floats(0, 29),
)
def test_no_step_of_the_servers_clock_takes_a_bet_out_of_its_window(
    step_ms: float, age_ms: float, later_s: float
) -> None:
    sent, now_ms = RecentBets(3600), 50 * HOUR_MS
    note = {"a": now_ms - age_ms}
    sent.see_notes(note, now_ms, now_s=500)
    after_ms = now_ms + later_s * 1000 + step_ms
    seen_again = note if after_ms - note["a"] < 60_000 else {}
    sent.see_notes(seen_again, after_ms, now_s=500 + later_s)
    assert sent.count(60, 500 + later_s) == 1


def test_a_bet_noted_in_the_future_counts_for_a_window_and_no_longer() -> None:
    sent = RecentBets(3600)
    for now_s in (500, 530, 559):
        sent.see_notes({"a": 2 * HOUR_MS}, now_s * 1000, now_s=now_s)
        assert sent.count(60, now_s) == 1
    assert sent.count(60, 561) == 0


def test_a_reservation_that_became_a_bet_counts_though_nobody_noted_it() -> None:
    sent = RecentBets(3600)
    sent.reserved("a")
    sent.see_book(
        [an_exposure("a", ExposureStatus.BET), an_exposure("old", ExposureStatus.BET)], 500
    )
    assert sent.count(60, 500) == 1, (
        "what was a bet before this process looked is told by the notes alone"
    )
    sent.see_notes({"a": 9_000.0}, 10_000, now_s=510)
    assert (sent.count(60, 560), sent.count(60, 570)) == (1, 0), (
        "once; from when it was sent, at the latest"
    )


def test_a_reservation_that_ended_was_never_sent() -> None:
    sent = RecentBets(3600)
    sent.see_book([an_exposure("a", ExposureStatus.RESERVED)], 500)
    sent.see_book([], 501)
    assert sent.count(60, 501) == 0


def test_a_bet_that_is_sent_again_later_counts_from_the_last_time() -> None:
    sent = RecentBets(3600)
    sent.see_notes({"a": 1_000.0}, 1_000, now_s=500)
    sent.see_notes({"a": 31_000.0}, 31_000, now_s=530)
    assert (sent.count(60, 580), sent.count(60, 591)) == (1, 0)


def test_what_is_older_than_any_window_is_forgotten() -> None:
    sent = RecentBets(60)
    for number in range(1_000):
        sent.see_notes({str(number): number * 1_000.0}, number * 1_000, now_s=float(number))
        sent.count(60, float(number))
    assert len(sent._sent) == 60
