"""``keter doctor``: look at everything Keter needs, say what is wrong and what to do about it."""

import zipfile
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from keter.clock import Clock
from keter.errors import KeterError, UsageError
from keter.generated_docs import value_text
from keter.logs import secret_values
from keter.redaction import Redactor
from keter.settings import Settings, entries
from keter.supervision.findings import (
    Finding,
    Grade,
    look_at_clock,
    look_at_folder,
    look_at_ledger,
    look_at_licence,
    look_at_page,
    look_at_python,
    look_at_redis,
    look_at_settings,
)
from keter.system.private_files import open_private

LOG_BYTES_PER_FILE = 500_000
Look = Callable[[], Awaitable[list[Finding]]]


async def examine(settings: Settings, clock: Clock) -> list[Finding]:
    """Return every finding. A look that fails is a finding too."""
    looks: tuple[tuple[str, Look], ...] = (
        ("python", look_at_python),
        ("settings", lambda: look_at_settings(settings, clock)),
        ("folder", lambda: look_at_folder(settings)),
        ("page", lambda: look_at_page(settings)),
        ("redis", lambda: look_at_redis(settings)),
        ("ledger", lambda: look_at_ledger(settings, clock)),
        ("licence", lambda: look_at_licence(settings, clock)),
        ("clock", lambda: look_at_clock(settings, clock)),
    )
    found: list[Finding] = []
    for name, look in looks:
        try:
            found += await look()
        except KeterError as e:
            found.append(Finding(name, Grade.FAILED, str(e)))
        except OSError as e:  # a folder that cannot be used fails in more looks than its own
            text = f"{e.filename or 'this look'}: {e.strerror or e}"
            found.append(Finding(name, Grade.FAILED, text))
    return found


def write_bundle(path: Path, settings: Settings, findings: Sequence[Finding]) -> None:
    """Write a zip of the findings, the settings and the ends of the logs, every secret masked.

    Raises UsageError where ``path`` exists or cannot be written.
    """
    redactor = Redactor(secret_values(settings))
    texts = {
        "doctor.txt": "\n".join(f"{f.grade.value} {f.name}: {f.text}" for f in findings),
        "settings.txt": _settings_text(settings),
    }
    for file in sorted((settings.mode.data_dir / "logs").glob("*.jsonl")):
        texts[f"logs/{file.name}"] = _end_of(file)
    try:
        with (
            open_private(path, "xb") as target,
            zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive,
        ):
            for name, text in texts.items():
                archive.writestr(name, redactor.text(text))
    except OSError as e:
        raise UsageError(f"{path} cannot be written: {e.strerror or e}") from e


def _settings_text(settings: Settings) -> str:
    rows = (
        (entry.name, entry.value_in(settings), settings.sources[entry.name])
        for entry in entries(settings)
    )
    return "\n".join(f"{name}={value_text(value)} ({source})" for name, value, source in rows)


def _end_of(file: Path) -> str:
    with file.open("rb") as stream:
        stream.seek(max(stream.seek(0, 2) - LOG_BYTES_PER_FILE, 0))
        return stream.read().decode("utf-8", "replace")
