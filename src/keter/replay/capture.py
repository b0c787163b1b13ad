"""Capture files: the raw answers of a venue, in the order of their arrival, for replay.

A file is gzip. Each batch is a gzip member of its own, so a crash can damage only the last batch.
Inside is one JSON object on each line, UTF-8:

    {"v": 1, "account": "acc", "venue": "asianodds", "request": {"market_type": 1},
     "requested_at": "2026-02-21T12:00:00Z", "received_at": "2026-02-21T12:00:00.412Z",
     "text": "..."}

``text`` is the body. A body that is not UTF-8 is in ``base64`` instead. Files are named by the time
of their first answer (``20260221T120000.412Z.jsonl.gz``), so names sort as times do. After a crash
the recorder may write an answer twice; ``read_captures`` yields it once.
"""

import base64
import gzip
import zlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from math import inf
from os import SEEK_CUR, SEEK_END
from pathlib import Path

import msgspec

from keter.domain.feed import CapturedAnswer
from keter.domain.storage import oldest_above
from keter.domain.verdicts import Number
from keter.system.private_files import make_folder, open_private

SUFFIX = ".jsonl.gz"
GZIP_MAGIC = b"\x1f\x8b"
MAX_FILE_BYTES = 32_000_000
MAX_FILE_AGE = timedelta(hours=1)
REPEAT_MEMORY = 256  # answers; one batch has fewer
_NAME = "%Y%m%dT%H%M%S.%f"


class CaptureLine(msgspec.Struct, frozen=True, omit_defaults=True):
    """One line of a capture file; either ``text`` or ``base64`` holds the body."""

    account: str
    venue: str
    request: dict[str, Number]
    requested_at: datetime
    received_at: datetime
    text: str | None = None
    base64: str | None = None
    v: int = 1


class CaptureWriter:
    """Appends answers to its current file in ``folder``.

    It starts another file if that one has ``max_bytes``, is MAX_FILE_AGE old, or was deleted.
    """

    def __init__(self, folder: Path, *, max_bytes: int = MAX_FILE_BYTES) -> None:
        self._folder = folder
        self._max_bytes = max_bytes
        self._path: Path | None = None
        self._started: datetime | None = None

    def append(self, answers: Sequence[CapturedAnswer]) -> Path | None:
        """Write one batch, flush it, and return the file; None for an empty batch.

        Raises OSError if the file cannot be written.
        """
        if not answers:
            return None
        path = self._current(answers[0].received_at)
        lines = b"".join(msgspec.json.encode(_line(answer)) + b"\n" for answer in answers)
        member = gzip.compress(lines, compresslevel=6)
        with open_private(path, "ab") as file:
            size = file.seek(0, SEEK_END)
            try:
                file.write(member)
                file.flush()
            except OSError:
                # A part of a batch would make every batch behind it unreadable.
                file.truncate(size)
                raise
        return path

    def prune(self, keep: timedelta, now: datetime, most_bytes: float = inf) -> int:
        """Delete files whose first answer is older than ``keep``, and return how many.

        If the others have more than ``most_bytes`` together, the oldest of them are deleted too.
        The current file is never deleted.
        """
        files = capture_files(self._folder)
        old = [path for path in files if path != self._path and now - _first_answer(path) > keep]
        left = [path for path in files if path not in old]
        old += oldest_above(
            [(path, path.stat().st_size) for path in left], most_bytes, kept={self._path}
        )
        for path in old:
            path.unlink(missing_ok=True)
        return len(old)

    def _current(self, at: datetime) -> Path:
        path = self._path
        if (
            path is None
            or self._started is None
            or at - self._started >= MAX_FILE_AGE
            or self._is_full(path)
        ):
            make_folder(self._folder)
            path = self._folder / f"{at.strftime(_NAME)[:-3]}Z{SUFFIX}"
            self._path, self._started = path, at
        return path

    def _is_full(self, path: Path) -> bool:
        return not path.exists() or path.stat().st_size >= self._max_bytes


def capture_files(folder: Path) -> list[Path]:
    """Return the capture files in ``folder``, oldest first."""
    return sorted(path for path in folder.glob(f"*{SUFFIX}") if _is_capture(path))


def read_captures(
    paths: Iterable[Path], progress: Callable[[int], None] = lambda _: None
) -> Iterator[CapturedAnswer]:
    """Yield every answer of these files once, in order.

    A batch that a crash cut short ends its file. ``progress`` is called with the number of bytes
    read since its last call.

    Raises msgspec.ValidationError for a line that is no capture, OSError if a file cannot be read.
    """
    seen: deque[tuple[object, ...]] = deque(maxlen=REPEAT_MEMORY)
    for path in paths:
        for line in _lines(path, progress):
            record = msgspec.json.decode(line, type=CaptureLine)
            # With a coarse clock, answers to different requests may have the same times.
            key = (record.account, record.requested_at, record.received_at, record.request)
            if key not in seen:
                seen.append(key)
                yield _answer(record)


def _lines(path: Path, progress: Callable[[int], None]) -> Iterator[bytes]:
    with path.open("rb") as raw:
        if raw.read(2) not in {GZIP_MAGIC, b""}:
            raise gzip.BadGzipFile(f"{path.name} is not a gzip file")
        raw.seek(0)
        reported = 0
        with gzip.open(raw, "rb") as file:
            while True:
                try:
                    line = file.readline()
                except (EOFError, zlib.error, gzip.BadGzipFile):
                    return  # a crash cut this member short
                if (at := raw.seek(0, SEEK_CUR)) > reported:
                    progress(at - reported)
                    reported = at
                if not line.endswith(b"\n"):
                    return
                yield line


def _line(answer: CapturedAnswer) -> CaptureLine:
    try:
        text, encoded = answer.body.decode(), None
    except UnicodeDecodeError:
        text, encoded = None, base64.b64encode(answer.body).decode()
    return CaptureLine(
        account=answer.account,
        venue=answer.venue,
        request=answer.request,
        requested_at=answer.requested_at,
        received_at=answer.received_at,
        text=text,
        base64=encoded,
    )


def _answer(record: CaptureLine) -> CapturedAnswer:
    body = (
        base64.b64decode(record.base64)
        if record.base64 is not None
        else (record.text or "").encode()
    )
    return CapturedAnswer(
        record.account, record.venue, record.request, record.requested_at, record.received_at, body
    )


def _first_answer(path: Path) -> datetime:
    return datetime.strptime(path.name.removesuffix(f"Z{SUFFIX}") + "+0000", f"{_NAME}%z")


def _is_capture(path: Path) -> bool:
    try:
        _first_answer(path)
    except ValueError:
        return False
    return True
