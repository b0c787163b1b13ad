"""Logs: JSON lines, one file per process under ``DATA_DIR/logs``, and readable lines on the
console.

Each file has one writer, which rotates it by size. ``trace_id``, ``event_uid`` and ``selection_id``
bound with ``structlog.contextvars.bound_contextvars`` appear in every line of that task. Secrets
are taken out last, so that exceptions and the log calls of libraries pass the same sieve.
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

# Their INFO lines carry full addresses (httpx) or one line per request (aiohttp).
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
    """Where ``worker`` (a process name, with ``-2`` and so on for further copies) writes."""
    return data_dir / "logs" / f"{worker}.jsonl"


def all_log_files(data_dir: Path) -> list[tuple[Path, int]]:
    """Every log file with its size, oldest first; one that is gone meanwhile, or that nobody can
    read, is left out.
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
    """Delete the oldest rotated files above ``most_bytes`` in all; the files being written stay.

    Returns how many went.
    """
    files = all_log_files(data_dir)
    written = {path for path, _ in files if path.suffix == ".jsonl"}
    gone = oldest_above(files, most_bytes, kept=written)
    for path in gone:
        path.unlink(missing_ok=True)
    return len(gone)


def secret_values(settings: Settings) -> Iterator[str]:
    """The text of every secret in ``settings``, for redaction by value."""
    for entry in entries():
        value = getattr(getattr(settings, entry.group), entry.name.lower())
        if isinstance(value, SecretStr) and value.get_secret_value():
            yield value.get_secret_value()


def configure_logs(worker: str, settings: Settings, *, stream: TextIO | None = None) -> None:
    """Set up structlog and the standard library's logging for this process.

    LOG_CONSOLE tells what also goes to ``stream`` (standard error): everything from LOG_LEVEL,
    warnings only, or nothing. A file that cannot be written is told there, and the process goes on
    without: what bets and shows must not end for a log.
    """
    console = settings.log.log_console
    path = log_file(settings.mode.data_dir, worker)
    redactor = Redactor(secret_values(settings))
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
        _Named(worker),
    ]
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
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,  # a logger made before this call must follow it
    )
    if refused is not None:
        structlog.get_logger(__name__).error(
            "no log file", path=str(path), error=refused.strerror or str(refused)
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
    # A console that went away must not break the process, nor print a line unredacted.
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
    """The last processor before a line is rendered: secrets go, and what would move a terminal's
    cursor.

    A venue's message may hold anything; the JSON of a file escapes C0 only, and a file is read on a
    terminal, too.
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
    if path.exists() and not path.is_file():  # a pipe would hold us for ever
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
    """One readable line: time, level, worker, what happened, then the details.

    Lines of a traceback are indented.

    A value never begins a line of its own, so that no text from outside can pass for a line of the
    log.
    """
    rest = dict(event)
    at = str(rest.pop("at", ""))[11:19]
    level, worker, text = (
        str(rest.pop("level", "info")),
        str(rest.pop("worker", "")),
        str(rest.pop("event", "")),
    )
    rest.pop("logger", None)
    exception = rest.pop("exception", None)
    details = " ".join(f"{name}={_short(value)}" for name, value in rest.items())
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
