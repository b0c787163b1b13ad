"""``keter replay``: recorded answers through the live gates."""

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from keter.cli.output import JsonFlag, show, show_json, write_file
from keter.cli.progress import Advance, reading
from keter.domain.money import money_text
from keter.errors import UnavailableError, UsageError
from keter.system.private_files import open_private

if TYPE_CHECKING:
    from keter.domain.feed import CapturedAnswer
    from keter.domain.signals import Decision
    from keter.replay.performance import Performance
    from keter.replay.records import BetRecord
    from keter.replay.replayer import Replayer

FILLED_AS_SEEN = "Every approval is filled at the price seen: no refusals, no drift."


def register(app: typer.Typer) -> None:
    """Add this command to ``app``."""
    app.command()(replay)


def replay(
    paths: Annotated[
        list[Path], typer.Argument(help="Capture files, or folders of them (DATA_DIR/captures).")
    ],
    speed: Annotated[
        str, typer.Option(help="max, or how many times faster than it was recorded.")
    ] = "max",
    decisions: Annotated[
        Path | None, typer.Option(help="Write every decision to this file, one JSON value a line.")
    ] = None,
    html: Annotated[
        Path | None, typer.Option(help="Write a report on the bets, with charts, to this file.")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Decide again what was recorded: same files and settings, same decisions. Nothing is bet."""
    pace = _pace(speed)
    files = _files(paths)
    from keter.replay.replayer import Replayer
    from keter.settings import load_settings
    from keter.venues.asianodds.recorded_feed import CapturedFeeds

    replayer = Replayer(load_settings(), CapturedFeeds())
    started = time.monotonic()
    with reading(files, "answers") as advance, _sink(decisions) as write:
        for decision in replayer.run(_paced(read_answers(files, advance), pace)):
            write(decision)
    _report(replayer, time.monotonic() - started, html, as_json=as_json)


def _pace(speed: str) -> float | None:
    if speed == "max":
        return None
    try:
        factor = float(speed)
    except ValueError:
        factor = 0.0
    if not 0 < factor < float("inf"):
        raise UsageError(f"--speed is max or a positive number, not {speed!r}")
    return factor


def _files(paths: list[Path]) -> list[Path]:
    for path in paths:
        if not path.exists():
            raise UsageError(f"{path} is neither a file nor a folder")
    found = recorded_files(paths) or [path for path in paths if path.is_file()]
    if not found:
        raise UsageError("no capture files there; `CAPTURE_RAW=true` makes Keter record them")
    return found


def recorded_files(paths: Iterable[Path]) -> list[Path]:
    """Return the capture files among ``paths`` and directly in the folders among them."""
    from keter.replay.capture import SUFFIX, capture_files

    found: list[Path] = []
    for path in paths:
        found += (
            capture_files(path)
            if path.is_dir()
            else [path]
            if path.name.endswith(SUFFIX) and path.is_file()
            else []
        )
    return found


def read_answers(files: list[Path], advance: Advance) -> Iterator["CapturedAnswer"]:
    """Yield every answer of these files and report it, and the bytes read, to ``advance``.

    Raises UsageError for a file that is no recording, or when none holds an answer.
    """
    import msgspec

    from keter.replay.capture import read_captures

    found = False
    try:
        for answer in read_captures(files, lambda read: advance(0, read)):
            yield answer
            found = True
            advance(1, 0)
    except (msgspec.MsgspecError, OSError) as e:
        raise UsageError(f"not a readable capture file: {e}") from e
    if not found:
        raise UsageError(f"no recorded answer in {', '.join(file.name for file in files)}")


def _paced(answers: Iterable["CapturedAnswer"], factor: float | None) -> Iterator["CapturedAnswer"]:
    """Yield each answer at its time, ``factor`` times faster than recorded."""
    began, first = time.monotonic(), None
    for answer in answers:
        if factor is not None:
            first = first or answer.received_at
            due = began + (answer.received_at - first).total_seconds() / factor
            time.sleep(max(due - time.monotonic(), 0.0))
        yield answer


@contextmanager
def _sink(path: Path | None) -> Iterator[Callable[["Decision"], object]]:
    if path is None:
        yield lambda _: None
        return
    import msgspec

    try:
        with open_private(path, "wb") as file:
            yield lambda decision: file.write(msgspec.json.encode(decision) + b"\n")
    except OSError as e:
        raise UnavailableError(f"{path} cannot be written: {e.strerror}") from e


def _report(replayer: "Replayer", seconds: float, html: Path | None, *, as_json: bool) -> None:
    import msgspec

    from keter.replay.performance import performance

    records = replayer.book.records(replayer.closing)
    result = performance(records)
    facts = {
        "answers": replayer.answers,
        "broken_answers": sum(replayer.broken.values()),
        "market_updates": replayer.updates,
        "seconds": round(seconds, 3),
        "updates_per_second": round(replayer.updates / seconds) if seconds else None,
        "bets": len(records),
        "open": result.open,
        "turnover": money_text(result.turnover_minor),
        "profit": money_text(result.pnl_minor),
    }
    counts = dict(sorted(replayer.counts.items()))
    if html is not None:
        _write_html(html, replayer, records, result)
    if as_json:
        show_json({**facts, "counts": counts, "performance": msgspec.to_builtins(result)})
        return
    show(facts, as_json=False)
    typer.echo("")
    show(counts, as_json=False)


def _write_html(
    path: Path, replayer: "Replayer", records: "list[BetRecord]", result: "Performance"
) -> None:
    from keter.replay.report import html_report

    intro = (
        f"{replayer.answers:,} recorded answers, {replayer.updates:,} market updates, present"
        " settings."
    )
    write_file(path, html_report("Replay", intro, [FILLED_AS_SEEN], records, result))
