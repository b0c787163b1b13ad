"""The ``keter`` command.

Every command imports what it needs when it runs, so that ``keter --help`` is quick.

An error is one sentence on standard error and an exit code of ``keter.errors``.
A traceback means a bug (70).
"""

import errno
import sys
import traceback
from contextlib import suppress
from typing import Annotated

import typer
from typer.exceptions import Abort, TyperException

from keter import __version__
from keter.cli import (
    backtests,
    config,
    doctor,
    explain,
    ledger,
    licences,
    logs,
    processes,
    replays,
    reports,
    status,
    trading,
)
from keter.errors import ExitCode, KeterError
from keter.system.process import keep_files_private

app = typer.Typer(
    name="keter",
    help="Automated value betting on AsianOdds88: one decision, at most one bet.",
    invoke_without_command=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for group in (
    processes,
    status,
    trading,
    doctor,
    logs,
    config,
    ledger,
    licences,
    backtests,
    replays,
    explain,
    reports,
):
    group.register(app)


@app.callback()
def _options(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and leave.")
    ] = False,
) -> None:
    if version:
        typer.echo(__version__)
        raise typer.Exit
    if context.invoked_subcommand is None:
        typer.echo(context.get_help(), err=True)
        raise typer.Exit(ExitCode.USAGE)


def main(arguments: list[str] | None = None) -> None:
    """Run one command line and exit with its code.

    Only this user may read the files that it writes.
    """
    keep_files_private()
    sys.exit(run_command(sys.argv[1:] if arguments is None else arguments))


def run_command(arguments: list[str]) -> int:
    """Run one command line, print what went wrong, and return the exit code."""
    try:
        result = app(arguments, standalone_mode=False)
    except KeterError as e:
        return _fail(str(e), e.exit_code)
    except TyperException as e:
        return _fail(_usage(e), ExitCode.USAGE)
    except Abort:
        return _fail("nothing was entered, so nothing was done", ExitCode.USAGE)
    except SystemExit:
        # Typer raises it when the reader of our output is gone: nobody would read an error.
        return ExitCode.OK
    except PermissionError as e:
        return (
            _fail(f"{e.filename} is closed to this user: {e.strerror}", ExitCode.PERMISSION)
            if e.filename
            else _bug(e)
        )
    except OSError as e:
        return (
            _fail(f"the output cannot be written: {e.strerror}", ExitCode.UNAVAILABLE)
            if _is_full(e)
            else _bug(e)
        )
    except Exception as e:  # noqa: BLE001 - everything else is a bug and is shown as one
        return _bug(e)
    return int(result) if isinstance(result, int) else ExitCode.OK


def _is_full(error: OSError) -> bool:
    """Return True if standard output is full: an error of a named file carries its name."""
    return error.filename is None and error.errno in {errno.ENOSPC, errno.EDQUOT}


def _usage(error: TyperException) -> str:
    text = error.format_message() if hasattr(error, "format_message") else str(error)
    text = " ".join(text.replace("Value error, ", "").split()) or "aborted"
    return f"{text} (`keter --help` lists the commands)"


def _fail(sentence: str, code: ExitCode) -> int:
    from keter.redaction import Redactor

    with suppress(OSError):  # the code must come out, even where the sentence cannot
        typer.echo(f"keter: {Redactor().text(sentence)}", err=True)
    return code


def _bug(error: Exception) -> int:
    from keter.redaction import Redactor

    typer.echo(Redactor().text("".join(traceback.format_exception(error))), err=True)
    return _fail(f"this is a bug, please report it: {type(error).__name__}: {error}", ExitCode.BUG)
