"""``keter ledger``: copies, checks and exports of the money history."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from keter.cli.output import JsonFlag, run_async, show_json
from keter.errors import ExitCode

if TYPE_CHECKING:
    from keter.ledger import Ledger

T = TypeVar("T")
commands = typer.Typer(help="Back up, check or export the ledger.")


def register(app: typer.Typer) -> None:
    """Adds these commands to ``app``."""
    app.add_typer(commands, name="ledger")


@commands.command()
def backup(
    path: Annotated[Path | None, typer.Argument(help="File to write; default: DATA_DIR/backups with the time.")] = None,
) -> None:
    """Write a complete copy while everything runs on (SQLite; PostgreSQL has pg_dump)."""
    from keter.clock import SystemClock
    from keter.settings import load_settings

    target = path or load_settings().mode.data_dir / "backups" / f"ledger-{_stamp(SystemClock().now())}.db"
    _with_ledger(lambda ledger: ledger.backup(target))
    typer.echo(f"copied to {target}")


@commands.command()
def check(as_json: JsonFlag = False) -> ExitCode:
    """Look for damage and for rows that contradict each other; exit code 70 when something is wrong."""
    problems = _with_ledger(lambda ledger: ledger.integrity())
    if as_json:
        show_json({"ok": not problems, "problems": problems})
    else:
        for problem in problems:
            typer.echo(problem)
        typer.echo("the ledger is sound" if not problems else f"{len(problems)} problems")
    return ExitCode.BUG if problems else ExitCode.OK


@commands.command()
def export(
    path: Annotated[Path, typer.Argument(help="File to write; its ending, .csv or .parquet, chooses the format.")],
) -> None:
    """Write every bet as CSV or Parquet; amounts in minor units."""
    rows = _with_ledger(lambda ledger: ledger.export(path, path.suffix.removeprefix(".")))
    typer.echo(f"{rows} bets written to {path}")


def _stamp(moment: datetime) -> str:
    return moment.strftime("%Y%m%dT%H%M%SZ")


def _with_ledger(work: "Callable[[Ledger], Awaitable[T]]") -> T:
    """Opens the ledger of the settings read only, runs ``work`` on it, closes it."""
    from keter.clock import SystemClock
    from keter.ledger import open_settings_ledger
    from keter.settings import load_settings

    async def run() -> T:
        ledger = await open_settings_ledger(load_settings(), clock=SystemClock(), read_only=True)
        try:
            return await work(ledger)
        finally:
            await ledger.aclose()

    return run_async(run())
