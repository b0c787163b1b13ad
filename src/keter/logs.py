"""Logs: JSON lines in one file per process, and readable lines on the console.

The files are in ``DATA_DIR/logs``. Each has one writer, which rotates it by size.
``trace_id``, ``event_uid`` and ``selection_id`` may be bound with
``structlog.contextvars.bound_contextvars``: every line of that task has them then.
Secrets are masked last, so that exceptions and the log calls of libraries are covered too.
"""

import errno
import logging
import logging.handlers
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, TextIO

import orjson
import structlog
from pydantic import SecretStr
from structlog.typing import EventDict, Processor, WrappedLogger

from keter.domain.storage import oldest_above
from keter.plain import plain, plain_lines, plain_values
from keter.redaction import Redactor
from keter.settings import Settings, entries
from keter.system.private_files import make_folder, open_private

# Their INFO lines show full addresses (httpx) or come once per request (aiohttp).
NOISY = (
    "httpx",
    "httpcore",
    "aiohttp.access",
    "asyncio",
    "alembic",
    "sqlalchemy",
    "aiogram",
    "apprise",
)
BYTES_PER_MB = 1_000_000


def log_file(data_dir: Path, worker: str) -> Path:
    """Return the file of ``worker``: a process name, with ``-2`` and so on for further copies."""
    return data_dir / "logs" / f"{worker}.jsonl"


def all_log_files(data_dir: Path) -> list[tuple[Path, int]]:
    """Return every log file with its size in bytes, oldest first.

    One that was removed meanwhile, or cannot be read, is left out.
    """
    found: list[tuple[float, Path, int]] = []
    for path in (data_dir / "logs").glob("*.jsonl*"):
        try:
            facts = path.stat()
        except OSError:
            continue
        found.append((facts.st_mtime, path, facts.st_size))
    return [(path, size) for _, path, size in sorted(found)]


def trim_logs(data_dir: Path, most_bytes: float) -> int:
    """Delete the oldest rotated files until all have at most ``most_bytes``.

    The files that are being written stay.

    Return the number of files that were deleted.
    """
    files = all_log_files(data_dir)
    written = {path for path, _ in files if path.suffix == ".jsonl"}
    gone = oldest_above(files, most_bytes, kept=written)
    for path in gone:
        path.unlink(missing_ok=True)
    return len(gone)


def secret_values(settings: Settings) -> Iterator[str]:
    """Yield the text of every secret in ``settings``, for redaction by value."""
    for entry in entries(settings):
        value = entry.value_in(settings)
        if isinstance(value, SecretStr) and value.get_secret_value():
            yield value.get_secret_value()


def configure_logs(worker: str, settings: Settings, *, stream: TextIO | None = None) -> None:
    """Set up structlog and the standard library's logging for this process.

    LOG_CONSOLE decides what also goes to ``stream``, which is standard error by default.
    It is everything from LOG_LEVEL, warnings only, or nothing.
    A file that cannot be written is reported there.
    The process goes on without it: betting must not end for a log.
    """
    console = settings.log.log_console
    path = log_file(settings.mode.data_dir, worker)
    redactor = Redactor(secret_values(settings))
    shared = _shared_processors(worker)
    handlers: list[logging.Handler] = []
    refused: OSError | None = None
    try:
        make_folder(path.parent)
        handlers.append(_file_handler(path, settings, shared, redactor))
    except OSError as e:
        refused = e
    if console != "none" or refused is not None:
        level = logging.WARNING if console == "warnings" else logging.NOTSET
        handlers.append(_console_handler(stream or sys.stderr, level, shared, redactor))
    _install(handlers, settings.log.log_level)
    _configure_structlog(shared)
    if refused is not None:
        structlog.get_logger(__name__).error(
            "no log file", path=str(path), error=refused.strerror or str(refused)
        )


def _shared_processors(worker: str) -> list[Processor]:
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
        _Named(worker),
    ]


def _configure_structlog(shared: list[Processor]) -> None:
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,  # this call must reach loggers that exist already
    )


def _install(handlers: list[logging.Handler], level: str) -> None:
    root = logging.getLogger()
    for old in root.handlers[:]:
        root.removeHandler(old)
        old.close()
    for handler in handlers:
        root.addHandler(handler)
    root.setLevel(level)
    for name in NOISY:
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.captureWarnings(True)
    # A console that was closed must not end the process, nor print a line with secrets.
    logging.raiseExceptions = False
    sys.excepthook = _log_uncaught
    threading.excepthook = _log_uncaught_in_thread


class _Named:
    """Puts the worker's name into every line."""

    def __init__(self, worker: str) -> None:
        self._worker = worker

    def __call__(self, logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
        event["worker"] = self._worker
        return event


class _Redacting:
    """The last processor before a line is rendered.

    It masks secrets and removes characters that would move a terminal's cursor.
    A venue's message may hold anything.
    JSON escapes C0 only, and files are read on a terminal, too.
    """

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor

    def __call__(self, logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
        cleaned: EventDict = plain_values(self._redactor.value(event))
        return cleaned


class _PrivateRotatingFileHandler(logging.handlers.RotatingFileHandler):
    """A rotated file that only its owner may read."""

    def _open(self) -> Any:
        return open_private(Path(self.baseFilename), self.mode)


def _file_handler(
    path: Path, settings: Settings, shared: list[Processor], redactor: Redactor
) -> logging.Handler:
    """Write JSON lines to ``path``. Raises OSError for a file that cannot be written."""
    if path.exists() and not path.is_file():  # a pipe would block us
        raise OSError(errno.EEXIST, "it is no ordinary file", str(path))
    handler = _PrivateRotatingFileHandler(
        path,
        maxBytes=int(settings.log.log_max_mb * BYTES_PER_MB),
        backupCount=settings.log.log_keep,
        encoding="utf-8",
    )
    transformer = structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.ExceptionRenderer(transformer),
                _Redacting(redactor),
                structlog.processors.JSONRenderer(serializer=_to_json),
            ],
        )
    )
    return handler


def _console_handler(
    stream: TextIO, level: int, shared: list[Processor], redactor: Redactor
) -> logging.Handler:
    handler = logging.StreamHandler(stream)
    handler.setLevel(level)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                _Redacting(redactor),
                render_line,
            ],
        )
    )
    return handler


def _to_json(event: EventDict, **_: Any) -> str:
    return orjson.dumps(event).decode()


def render_line(logger: WrappedLogger | None, method: str, event: EventDict) -> str:
    """Return one readable line: time, level, worker, what happened, then the details.

    Lines of a traceback are indented.
    """
    # A value never begins a line of its own, so text from outside cannot look like a line of ours.
    others = dict(event)
    at = str(others.pop("at", ""))[11:19]
    level, worker, text = (
        str(others.pop("level", "info")),
        str(others.pop("worker", "")),
        str(others.pop("event", "")),
    )
    others.pop("logger", None)
    exception = others.pop("exception", None)
    details = " ".join(f"{name}={_short(value)}" for name, value in others.items())
    line = f"{at} {level:<8} {worker:<11} {plain(text)}" + (
        f"  {plain(details)}" if details else ""
    )
    return f"{line}\n{_trace_text(exception)}" if exception else line


def _short(value: object) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def _trace_text(exception: object) -> str:
    if isinstance(exception, list):
        return "\n".join(
            "  " + plain(f"{item.get('exc_type')}: {item.get('exc_value')}") for item in exception
        )
    return "\n".join(f"  {line}" for line in plain_lines(str(exception)).split("\n"))


def _log_uncaught(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    if issubclass(kind, KeyboardInterrupt):
        return
    structlog.get_logger("keter").critical("uncaught exception", exc_info=(kind, error, trace))


def _log_uncaught_in_thread(args: threading.ExceptHookArgs) -> None:
    if args.exc_value is not None:
        _log_uncaught(args.exc_type, args.exc_value, args.exc_traceback)
