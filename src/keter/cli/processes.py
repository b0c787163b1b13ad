"""``keter run``: one process in the foreground."""

from typing import Annotated

import typer

from keter.errors import ExitCode
from keter.roster import Process


def register(app: typer.Typer) -> None:
    """Adds these commands to ``app``."""
    app.command()(run)


def run(
    process: Annotated[Process, typer.Argument(help="Which process.")],
    copy: Annotated[int, typer.Option(help="Number of this copy, from 1.", min=1)] = 1,
    supervised: Annotated[bool, typer.Option(hidden=True, help="Stop when standard input ends.")] = False,
) -> ExitCode:
    """Run one process in the foreground, against the Redis of the settings or of a running `keter up`."""
    from keter.process import stop_with_parent
    from keter.settings import load_settings
    from keter.workers.runtime import run_process

    settings = load_settings()
    if supervised:
        stop_with_parent()
    return run_process(process.value, copy, settings)
