"""``keter ledger``: copies, checks and exports of the money history."""

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from keter.cli.access import with_ledger
from keter.cli.output import JsonFlag, show_json
from keter.errors import ExitCode

commands = typer.Typer(help="Back up, check or export the ledger.")


def register(app: typer.Typer) -> None:
    """Add these commands to ``app``."""
    app.add_typer(commands, name="ledger")


@commands.command()
def backup(
    path: Annotated[
        Path | None, typer.Argument(help="File to write; default: DATA_DIR/backups with the time.")
    ] = None,
) -> None:
    """Write a complete copy while everything runs on (SQLite; PostgreSQL has pg_dump)."""
    from keter.cli.access import settings_meant
    from keter.clock import SystemClock

    target = (
        path
        or settings_meant().mode.data_dir / "backups" / f"ledger-{_stamp(SystemClock().now())}.db"
    )
    with_ledger(lambda ledger: ledger.backup(target))
    typer.echo(f"copied to {target}")


@commands.command()
def check(as_json: JsonFlag = False) -> ExitCode:
    """Look for damage and for rows that contradict each other.

    The exit code is 70 when something is wrong.
    """
    problems = with_ledger(lambda ledger: ledger.integrity())
    if as_json:
        show_json({"ok": not problems, "problems": problems})
    else:
        for problem in problems:
            typer.echo(problem)
        typer.echo("the ledger is sound" if not problems else f"{len(problems)} problems")
    return ExitCode.BUG if problems else ExitCode.OK


@commands.command()
def export(
    path: Annotated[
        Path,
        typer.Argument(help="File to write; its ending, .csv or .parquet, chooses the format."),
    ],
) -> None:
    """Write every bet as CSV or Parquet; amounts in minor units."""
    rows = with_ledger(lambda ledger: ledger.export(path, path.suffix.removeprefix(".")))
    typer.echo(f"{rows} bets written to {path}")


def _stamp(moment: datetime) -> str:
    return moment.strftime("%Y%m%dT%H%M%SZ")
