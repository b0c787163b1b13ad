"""What a venue said is kept as it was said."""

import random
import signal
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keter.domain.feed import CapturedAnswer
from keter.replay.capture import CaptureWriter, capture_files, read_captures

AT = datetime(2026, 2, 21, 12, 0, 0, 412_000, tzinfo=UTC)


def answer(body: bytes = b"{}", after_s: float = 0) -> CapturedAnswer:
    at = AT + timedelta(seconds=after_s)
    return CapturedAnswer(
        "acc", "v", {"market_type": 1, "since": None}, at, at + timedelta(milliseconds=80), body
    )


def test_answers_come_back_as_they_were_in_their_order(tmp_path: Path) -> None:
    writer = CaptureWriter(tmp_path)
    first, second = (
        [answer(b'{"a":1}'), answer("Ath\u00e9n".encode(), 1)],
        [answer(b"\x1f\x8b\xff\x00", 2), answer(b"", 3)],
    )
    writer.append(first)
    writer.append(second)
    assert list(read_captures(capture_files(tmp_path))) == [*first, *second]


@given(body=st.binary(max_size=300) | st.text(max_size=300).map(str.encode))
def test_any_body_survives(body: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("any")
    CaptureWriter(folder).append([answer(body)])
    assert [item.body for item in read_captures(capture_files(folder))] == [body]


def test_a_batch_cut_short_by_a_crash_loses_itself_and_nothing_before_it(tmp_path: Path) -> None:
    writer = CaptureWriter(tmp_path)
    path = writer.append([answer(b"whole")])
    assert path is not None
    whole = path.stat().st_size
    writer.append([answer(b"cut" * 100, 1)])
    with path.open("r+b") as file:
        file.truncate(whole + 40)
    assert [item.body for item in read_captures([path])] == [b"whole"]


def test_a_disk_that_fills_up_in_the_middle_of_a_batch_spoils_nothing_written_later(
    tmp_path: Path,
) -> None:
    resource = pytest.importorskip("resource", reason="limits on the size of files are POSIX")
    writer = CaptureWriter(tmp_path)
    path = writer.append([answer(b"before")])
    assert path is not None
    noise = random.Random(1).randbytes(200_000)
    before, handler = (
        resource.getrlimit(resource.RLIMIT_FSIZE),
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN),
    )
    resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 50_000, before[1]))
    try:
        with pytest.raises(OSError, match="too large"):
            writer.append([answer(noise, 1)])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    assert writer.append([answer(b"after", 2)]) == path
    assert [item.body for item in read_captures([path])] == [b"before", b"after"]


def test_answers_to_unlike_requests_at_one_moment_are_two(tmp_path: Path) -> None:
    other = msgspec.structs.replace(answer(b"other"), request={"market_type": 2, "since": None})
    CaptureWriter(tmp_path).append([answer(b"one"), other, answer(b"one")])
    assert [item.body for item in read_captures(capture_files(tmp_path))] == [b"one", b"other"]


def test_an_answer_written_twice_is_read_once(tmp_path: Path) -> None:
    writer = CaptureWriter(tmp_path)
    writer.append([answer(), answer(after_s=1)])
    writer.append([answer(after_s=1), answer(after_s=2)])
    assert [item.requested_at.second for item in read_captures(capture_files(tmp_path))] == [
        0,
        1,
        2,
    ]


def test_a_full_or_old_file_is_followed_by_another(tmp_path: Path) -> None:
    writer = CaptureWriter(tmp_path, max_bytes=1)
    writer.append([answer()])
    writer.append([answer(after_s=1)])
    assert [path.name for path in capture_files(tmp_path)] == [
        "20260221T120000.492Z.jsonl.gz",
        "20260221T120001.492Z.jsonl.gz",
    ]
    patient = CaptureWriter(tmp_path / "hourly")
    patient.append([answer()])
    patient.append([answer(after_s=3599)])
    patient.append([answer(after_s=3600)])
    assert len(capture_files(tmp_path / "hourly")) == 2


def test_retention_deletes_old_files_but_never_the_open_one_nor_a_strangers(tmp_path: Path) -> None:
    writer = CaptureWriter(tmp_path, max_bytes=1)
    for after_s in (0, 100, 200):
        writer.append([answer(after_s=after_s)])
    (tmp_path / "notes.jsonl.gz").write_bytes(b"mine")
    assert writer.prune(timedelta(seconds=150), AT + timedelta(seconds=300)) == 2
    assert len(capture_files(tmp_path)) == 1
    assert writer.prune(timedelta(seconds=0), AT + timedelta(days=9)) == 0
    assert (tmp_path / "notes.jsonl.gz").exists()


def test_no_answers_make_no_file(tmp_path: Path) -> None:
    assert CaptureWriter(tmp_path).append([]) is None
    assert capture_files(tmp_path) == []
