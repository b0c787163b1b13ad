"""The last lines of the log files.

Which files there are comes from the folder, never from a request.
"""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import orjson

from keter.dashboard.models import LogLine, LogsQuery

TAIL_BYTES = 512 * 1024
LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40, "critical": 50}


def workers(folder: Path) -> list[str]:
    """Return the names of the workers that have a log; a name that is no text is left out."""
    try:
        return sorted(
            path.stem
            for path in folder.glob("*.jsonl")
            if path.stem.isprintable() and path.is_file()
        )
    except OSError:
        return []


def read_tail(folder: Path, query: LogsQuery) -> list[LogLine]:
    """Return the newest lines that match, newest first. Blocking: call it in a thread."""
    names = [name for name in workers(folder) if query.worker in {None, name}]
    lines = [
        line
        for name in names
        for line in _parsed(_tail(folder / f"{name}.jsonl"))
        if _matches(line, query)
    ]
    lines.sort(key=lambda line: line.at, reverse=True)
    return lines[: query.limit]


def _tail(path: Path) -> Iterable[bytes]:
    """Return whole lines of the last TAIL_BYTES; none of a file that vanishes in rotation."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - TAIL_BYTES))
            content = file.read()
    except OSError:
        return []
    lines = content.split(b"\n")
    return lines[1:] if size > TAIL_BYTES else lines


def _parsed(lines: Iterable[bytes]) -> Iterable[LogLine]:
    for raw in lines:
        try:
            found = orjson.loads(raw)
        except orjson.JSONDecodeError:
            continue
        if isinstance(found, dict):
            yield _line(found)


def _line(found: dict[str, Any]) -> LogLine:
    details = {
        name: value
        for name, value in found.items()
        if name not in {"at", "level", "worker", "event"}
    }
    return LogLine(
        at=str(found.get("at", "")),
        level=str(found.get("level", "info")),
        worker=str(found.get("worker", "")),
        event=str(found.get("event", "")),
        details=details,
    )


def _matches(line: LogLine, query: LogsQuery) -> bool:
    if LEVELS.get(line.level, 20) < LEVELS[query.level]:
        return False
    if query.trace is not None and line.details.get("trace_id") != query.trace:
        return False
    return query.text is None or query.text.lower() in line.model_dump_json().lower()
