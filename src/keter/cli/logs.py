"""``keter logs``: the log files of all processes as one readable stream."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from keter.errors import UsageError

LEVELS = ("debug", "info", "warning", "error", "critical")
FOLLOW_EVERY_S = 0.5
Line = dict[str, Any]


def register(app: typer.Typer) -> None:
    """Add these commands to ``app``."""
    app.command()(logs)


def logs(
    worker: Annotated[
        str | None, typer.Argument(help="Only this process, such as router or edge-2.")
    ] = None,
    last: Annotated[int, typer.Option("--last", "-n", help="How many lines.", min=0)] = 50,
    level: Annotated[
        str, typer.Option(help="Least severity shown: debug, info, warning, error or critical.")
    ] = "debug",
    trace: Annotated[
        str | None, typer.Option(help="Only lines of this trace id, event or selection.")
    ] = None,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on with new lines until Ctrl+C.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the JSON lines as they are.")
    ] = False,
) -> None:
    """Show the newest log lines of all processes in the order of time."""
    from keter.cli.access import settings_meant

    if level not in LEVELS:
        raise UsageError(f"--level is one of {', '.join(LEVELS)}")
    reader = LogReader(settings_meant().mode.data_dir / "logs", worker, LEVELS.index(level), trace)
    found = reader.new_lines()
    _print(found[len(found) - min(last, len(found)) :], as_json=as_json)
    while follow:
        time.sleep(FOLLOW_EVERY_S)
        _print(reader.new_lines(), as_json=as_json)


def _print(lines: list[Line], *, as_json: bool) -> None:
    import orjson

    from keter.logs import render_line

    for line in lines:
        typer.echo(orjson.dumps(line) if as_json else render_line(None, "", line))


class LogReader:
    """Reads what was added to the log files since the last call, across rotations.

    No file stays open in between.
    """

    def __init__(
        self, folder: Path, worker: str | None, least_level: int, trace: str | None
    ) -> None:
        self._folder = folder
        self._pattern = f"{worker or '*'}.jsonl"
        self._least_level = least_level
        self._trace = trace
        self._read: dict[Path, int] = {}

    def new_lines(self) -> list[Line]:
        """Return the wanted lines that are new, oldest first.

        Raises UsageError when there is no such log.
        """
        files = sorted(self._folder.glob(self._pattern))
        if not files:
            raise UsageError(f"there is no log {self._pattern} in {self._folder}")
        lines = [line for file in files for line in self._new_in(file) if self._wanted(line)]
        return sorted(lines, key=lambda line: str(line.get("at", "")))

    def _new_in(self, file: Path) -> Iterator[Line]:
        import orjson

        start = self._read.get(file, 0)
        with file.open("rb") as stream:
            if stream.seek(0, 2) < start:
                start = 0  # rotated since
            stream.seek(start)
            text = stream.read()
        complete = text[: text.rfind(b"\n") + 1]
        self._read[file] = start + len(complete)
        for raw in complete.splitlines():
            try:
                yield orjson.loads(raw)
            except orjson.JSONDecodeError:
                yield {
                    "event": raw.decode("utf-8", "replace"),
                    "level": "error",
                    "worker": file.stem,
                }

    def _wanted(self, line: Line) -> bool:
        level = str(line.get("level", "info"))
        if level in LEVELS and LEVELS.index(level) < self._least_level:
            return False
        return self._trace is None or self._trace in (
            line.get("trace_id"),
            line.get("event_uid"),
            line.get("selection_id"),
        )
