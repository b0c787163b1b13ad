"""A recording goes through the live gates and gives the same decisions, byte for byte, every
time.
"""

from datetime import datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from keter.domain.feed import CapturedAnswer
from keter.domain.signals import Decision
from keter.domain.verdicts import Reason
from keter.replay.capture import CaptureWriter, capture_files, read_captures
from keter.replay.performance import performance
from keter.replay.replayer import Replayer
from keter.settings import Settings, load_settings
from keter.venues.asianodds.recorded_feed import CapturedFeeds
from keter.venues.asianodds.source import EVERYTHING
from tests.kit.asianodds_payloads import KICKOFF, NOW, feed_body, live_row, match_game, result_odds
from tests.kit.asianodds_payloads import total as goals

FAIR = "PIN=2.000,4.100,3.900;ISN=1.990,4.100,3.900;SBO=1.990,4.120,3.880"
VALUE = FAIR + ";IBC=2.200,3.700,3.500"


def answer(at: datetime, body: bytes, *, phase: str = "today", since: int = 1) -> CapturedAnswer:
    request: dict[str, int | float | str | bool | None] = {
        "method": "GetFeeds",
        "phase": phase,
        "since": since,
    }
    return CapturedAnswer("acc", "asianodds", request, at - timedelta(milliseconds=300), at, body)


def priced(odds: str) -> bytes:
    return feed_body(match_game(FullTimeOneXTwo=result_odds(odds)))


def game(*, home: int, away: int) -> list[CapturedAnswer]:
    """Value appears on the home side, the price goes, the match is played and taken off."""
    late = KICKOFF + timedelta(minutes=112)
    final = live_row(goals=(home, away), in_game=166)
    return [
        answer(NOW, priced(FAIR), since=EVERYTHING),
        answer(NOW + timedelta(seconds=10), priced(VALUE)),
        answer(NOW + timedelta(seconds=20), priced(VALUE.replace("2.200", "2.210"))),
        answer(NOW + timedelta(seconds=30), priced(FAIR)),
        answer(late, feed_body(final), phase="live"),
        answer(
            late + timedelta(seconds=5), feed_body({**final, "WillBeRemoved": True}), phase="live"
        ),
        answer(late + timedelta(seconds=60), feed_body(), phase="live"),
    ]


def defaults(**changes: str) -> Settings:
    return load_settings(None, changes)


def replayed(answers: list[CapturedAnswer], settings: Settings) -> tuple[Replayer, list[Decision]]:
    replayer = Replayer(settings, CapturedFeeds())
    return replayer, list(replayer.run(answers))


def test_value_is_bet_once_and_settled_from_the_recorded_score() -> None:
    replayer, decisions = replayed(game(home=2, away=1), defaults())
    assert [(d.stage, d.selection_id, d.verdict.reason) for d in decisions] == [
        ("edge", "ft.1x2.home", Reason.OK),
        ("guard", "ft.1x2.home", Reason.OK),
        ("edge", "ft.1x2.home", Reason.OK),
        ("guard", "ft.1x2.home", Reason.SELECTION_OPEN),
    ]
    (record,) = replayer.book.records(replayer.closing)
    assert (record.state, record.odds, record.stake_minor, record.pnl_minor) == (
        "WON",
        2.2,
        1000,
        1200,
    )
    assert record.clv is not None
    assert record.clv == pytest.approx(record.ev_pct / 100, abs=0.005), (
        "the sharp books did not move before the close"
    )
    assert performance([record]).bets == 1


def test_a_lost_bet_is_lost() -> None:
    replayer, _ = replayed(game(home=0, away=0), defaults())
    (record,) = replayer.book.records(replayer.closing)
    assert (record.state, record.pnl_minor) == ("LOST", -1000)


def test_the_same_recording_gives_the_same_bytes(tmp_path: Path) -> None:
    CaptureWriter(tmp_path).append(game(home=1, away=0))
    outputs = [
        msgspec.json.encode(
            list(Replayer(defaults(), CapturedFeeds()).run(read_captures(capture_files(tmp_path))))
        )
        for _ in range(2)
    ]
    assert outputs[0] == outputs[1]
    assert b"ft.1x2.home" in outputs[0]


def test_the_confirmation_window_counts_in_recorded_time() -> None:
    """The value stands for ten seconds and a bit: long enough for a window of 10 s, not for one of
    25 s.
    """
    _, patient = replayed(game(home=1, away=0), defaults(CONFIRMATION_WINDOW_SEC="10"))
    assert [d.verdict.reason for d in patient if d.stage == "edge"] == [
        Reason.AWAITING_CONFIRMATION,
        Reason.OK,
    ]
    replayer, strict = replayed(game(home=1, away=0), defaults(CONFIRMATION_WINDOW_SEC="25"))
    assert {d.verdict.reason for d in strict} == {Reason.AWAITING_CONFIRMATION}
    assert replayer.book.records({}) == []


def test_broken_answers_are_counted_and_change_nothing() -> None:
    answers = game(home=2, away=1)
    for at, body in ((1, b"<html>busy</html>"), (3, b"\x1f\x8b\x08\x00truncated"), (5, b"{")):
        answers.insert(at, answer(answers[at - 1].received_at, body))
    replayer, decisions = replayed(answers, defaults())
    assert sum(replayer.broken.values()) == 3
    _, clean = replayed(game(home=2, away=1), defaults())
    assert decisions == clean


def test_answers_that_are_no_feeds_are_passed_over() -> None:
    other = CapturedAnswer("acc", "asianodds", {"method": "GetBets"}, NOW, NOW, b"{}")
    replayer, decisions = replayed([other], defaults())
    assert (decisions, replayer.answers, replayer.updates) == ([], 1, 0)


def test_limits_hold_in_a_replay_too() -> None:
    replayer, decisions = replayed(game(home=2, away=1), defaults(MAX_EXPOSURE_EVENT="9"))
    assert {d.verdict.reason for d in decisions if d.stage == "guard"} == {Reason.EXPOSURE_EVENT}
    assert replayer.book.records({}) == []


def two_values(result: str, total: str) -> bytes:
    """Return a match whose result has a little value and whose total has more."""
    fair = "PIN=1.950,1.950;ISN=1.940,1.960;SBO=1.950,1.950"
    return feed_body(
        match_game(
            FullTimeOneXTwo=result_odds(FAIR + f";IBC={result},3.700,3.500"),
            FullTimeOu=goals("2.5", f"{fair};IBC={total},1.700"),
        )
    )


def test_of_a_matchs_values_in_one_answer_the_best_is_bet_and_the_other_waits() -> None:
    """After the cooldown of 60 s the second is judged again, though its price never changed."""
    later = [answer(NOW + timedelta(seconds=after), feed_body()) for after in (30, 65, 80)]
    _, decisions = replayed(
        [answer(NOW, two_values("2.150", "2.250"), since=EVERYTHING), *later], defaults()
    )
    guard = [(d.selection_id, d.verdict.reason) for d in decisions if d.stage == "guard"]
    assert guard == [
        ("ft.ou.2.5.over", Reason.OK),
        ("ft.1x2.home", Reason.COOLDOWN_EVENT),
        ("ft.1x2.home", Reason.OK),
    ]
