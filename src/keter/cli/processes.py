"""``keter up | record | run | sandbox``: commands that run until they are stopped."""

from typing import TYPE_CHECKING, Annotated

import typer

from keter.domain.processes import OF_AN_ACCOUNT, Process, worker_name
from keter.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from keter.settings import Settings

Supervised = Annotated[
    bool, typer.Option("--supervised", hidden=True, help="Stop when standard input ends.")
]
PASS_ON = {"ignore_unknown_options": True, "allow_extra_args": True, "help_option_names": []}


def register(app: typer.Typer) -> None:
    """Add these commands to ``app``."""
    app.command()(up)
    app.command()(record)
    app.command()(run)
    app.command(context_settings=PASS_ON)(sandbox)


def up() -> ExitCode:
    """Start everything, show where the page is, and keep it running until Ctrl+C."""
    from keter.settings import load_settings

    settings = load_settings()
    from keter.supervision.up import up

    return up(settings, say=typer.echo)


def record() -> ExitCode:
    """Keep the feed's raw answers in DATA_DIR/captures until Ctrl+C. Nothing is decided.

    `keter replay` reads them.
    """
    from keter.settings import Settings, child_environment, load_settings

    def read() -> Settings:
        return load_settings(environ=child_environment(CAPTURE_RAW="true"))

    settings = read()
    from keter.domain.processes import RECORDING
    from keter.supervision.up import up

    return up(settings, say=typer.echo, only=RECORDING, on_disk=read)


def run(
    process: Annotated[Process, typer.Argument(help="Which process.")],
    copy: Annotated[int, typer.Option(help="Number of this copy, from 1.", min=1)] = 1,
    account: Annotated[
        str, typer.Option(help="Which account ingest, router or tracker serves, of several.")
    ] = "",
    supervised: Supervised = False,
    restarts: Annotated[int, typer.Option(hidden=True, min=0)] = 0,
    kills: Annotated[int, typer.Option(hidden=True, min=0)] = 0,
) -> ExitCode:
    """Run one process in the foreground, for the `keter up` that owns its Redis.

    The settings must be the same.
    """
    if not supervised:
        from keter.processes.runtime import run_process
        from keter.settings import load_settings

        settings = load_settings()
        named = account_for(process, settings, account)
        return run_process(process.value, copy, settings, account=named, restarts=restarts)
    from keter.supervision.handover import receive
    from keter.system.process import stop_with_parent

    handed = receive()  # before the thread that watches the same pipe starts
    stop_with_parent()
    from keter.processes.runtime import run_process

    return run_process(
        process.value,
        copy,
        handed.settings,
        account=account,
        restarts=restarts,
        kills=kills,
        belongs_to=handed.run,
        starts=handed.starts,
    )


def account_for(process: Process, settings: "Settings", account: str) -> str:
    """Return the key of the account that the process serves; empty if it serves all.

    Raises UsageError if it must be named and is not, or must not be named and is.
    """
    if process in OF_AN_ACCOUNT:
        return settings.named(account).key
    if account:
        raise UsageError(f"{process} works for all accounts; leave --account out")
    return ""


def sandbox(
    context: typer.Context,
    supervised: Supervised = False,
    restarts: Annotated[int, typer.Option(hidden=True, min=0)] = 0,
    kills: Annotated[int, typer.Option(hidden=True, min=0)] = 0,
) -> ExitCode:
    """Run the sandbox bookmaker in the foreground (`keter sandbox --help` lists its options)."""
    from keter.logs import configure_logs
    from keter.supervision.handover import receive
    from keter.system.process import stop_with_parent
    from keter.venues.asianodds.simulator.main import parse, run_sandbox

    config = parse(context.args)
    if not supervised:
        return run_sandbox(config)
    from keter.processes.heartbeat import History
    from keter.processes.sandbox import give_signs_of_life

    handed = receive()
    configure_logs(worker_name("sandbox", 1), handed.settings)
    stop_with_parent()
    return run_sandbox(
        config, say=_ignore, beside=lambda: give_signs_of_life(handed, History(restarts, kills))
    )


def _ignore(line: str) -> None:
    """Drop the line: the supervisor prints where the sandbox is."""
