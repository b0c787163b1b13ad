"""``keter doctor``: what is wrong here, and what to do about it."""

from pathlib import Path
from typing import Annotated

import typer

from keter.cli.output import JsonFlag, run_async, show_json
from keter.errors import ExitCode

MARKS = {"ok": "ok     ", "warning": "warning", "failed": "FAILED "}


def register(app: typer.Typer) -> None:
    """Add these commands to ``app``."""
    app.command()(doctor)


def doctor(
    bundle: Annotated[
        Path | None, typer.Option(help="Also write a zip for a bug report, with secrets masked.")
    ] = None,
    as_json: JsonFlag = False,
) -> ExitCode:
    """Look at everything Keter needs; exit code 69 when something fails."""
    from keter.cli.access import settings_meant

    settings = settings_meant()
    from keter.clock import SystemClock
    from keter.supervision.doctor import examine, write_bundle
    from keter.supervision.findings import Grade

    findings = run_async(examine(settings, SystemClock()))
    if as_json:
        show_json([{"name": f.name, "grade": f.grade.value, "text": f.text} for f in findings])
    else:
        for finding in findings:
            typer.echo(f"{MARKS[finding.grade.value]}  {finding.name:<9} {finding.text}")
    if bundle is not None:
        write_bundle(bundle, settings, findings)
        typer.echo(f"written: {bundle}", err=True)
    return ExitCode.UNAVAILABLE if any(f.grade is Grade.FAILED for f in findings) else ExitCode.OK
