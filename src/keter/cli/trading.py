"""``keter pause | reduce | halt | resume | arm | disarm | limit``: the operator's commands."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from keter.cli.access import bus_or_none
from keter.cli.output import JsonFlag, run_async, show_json
from keter.errors import ExitCode, UnavailableError, UsageError

if TYPE_CHECKING:
    from keter.cli.access import Target
    from keter.control.base import CommandOutcome, Operator
    from keter.control.commands import Control
    from keter.settings import Settings

LONGEST_USER = 96  # the ledger's column for the operator
Reason = Annotated[str, typer.Option(help="Why, for the audit.")]
OneAccount = Annotated[
    str | None,
    typer.Option("--account", help="Only this account: venue:name, or its name alone."),
]
Command = Callable[["Control", "Operator", "Settings"], Awaitable["CommandOutcome"]]


def register(app: typer.Typer) -> None:
    """Add these commands to ``app``."""
    for command in (pause, reduce, halt, resume, arm, disarm, limit):
        app.command()(command)


def pause(
    minutes: Annotated[
        float | None, typer.Option(help="Resume by itself after so many minutes.", min=0.01)
    ] = None,
    account: OneAccount = None,
    reason: Reason = "by hand",
    as_json: JsonFlag = False,
) -> ExitCode:
    """Make no new bets until resumed; open bets stay open."""
    for_s = None if minutes is None else minutes * 60
    return _carry_out(
        "stop",
        lambda control, who, _: control.pause(who, reason, for_s=for_s, account=_named(account)),
        as_json=as_json,
    )


def reduce(
    account: OneAccount = None, reason: Reason = "by hand", as_json: JsonFlag = False
) -> ExitCode:
    """Make only bets that do not raise their event's worst case, until resumed.

    It also ends a pause.
    """
    return _carry_out(
        "stop",
        lambda control, who, _: control.reduce(
            who, reason, out_of_pause=True, account=_named(account)
        ),
        as_json=as_json,
    )


def halt(
    account: OneAccount = None, reason: Reason = "by hand", as_json: JsonFlag = False
) -> ExitCode:
    """Stop betting at once, from any folder, even when Redis is down (writes the HALT file first).

    With --account only that account is stopped, over Redis and without the file.

    Exit code 69 unless a Keter that runs will see it.
    """
    from keter.cli.halting import halt_all

    if account is not None:
        return _carry_out(
            "stop",
            lambda control, who, _: control.halt(who, reason, account=_named(account)),
            as_json=as_json,
        )
    done = halt_all(_user(), reason)
    if as_json:
        rows = [_facts(one.outcome) for one in done]
        show_json(rows[0] if len(rows) == 1 else rows)
        return ExitCode.OK
    for one in done:
        typer.echo(one.outcome.command.result)
        if one.where is not None:
            typer.echo(f"  {one.where}")
        _note(one.outcome.warnings)
    return ExitCode.OK


def resume(
    account: OneAccount = None, reason: Reason = "by hand", as_json: JsonFlag = False
) -> ExitCode:
    """Allow bets again after a pause or a halt, of everything or with --account of one account."""
    return _carry_out(
        "start",
        lambda control, who, _: control.resume(who, reason, account=_named(account)),
        as_json=as_json,
    )


def arm(
    account: Annotated[
        str | None, typer.Option(help="The account's name, instead of being asked to type it.")
    ] = None,
    reason: Reason = "by hand",
    as_json: JsonFlag = False,
) -> ExitCode:
    """Allow LIVE bets on the account of the settings, until Keter is restarted."""
    from keter.clock import SystemClock
    from keter.supervision.preflight import armable
    from keter.system.process import acting_as

    target = _target("start")
    with acting_as(target.owner):
        live = armable(target.settings, SystemClock())
    names = " or ".join(one.key for one in live)
    typed = account or typer.prompt(
        f"LIVE bets with real money on {names}. Type the account name", err=True
    )
    named = next((one for one in live if one.is_called(typed)), None)
    if named is None:
        raise UsageError("that is not the account's name; nothing was armed")
    return _carry_out(
        target, lambda control, who, _: control.arm(who, named.key, reason), as_json=as_json
    )


def disarm(reason: Reason = "by hand", as_json: JsonFlag = False) -> ExitCode:
    """Take the permission for LIVE bets back, also when the .env cannot be read.

    Open bets stay open.
    """

    async def every(control: "Control", who: "Operator", settings: "Settings") -> "CommandOutcome":
        return _as_one(await control.disarm_every(who, reason, named=settings.account.key))

    return _carry_out("stop", every, as_json=as_json)


def limit(
    name: Annotated[str, typer.Argument(help="The setting, such as MAX_STAKE.")],
    value: Annotated[str, typer.Argument(help="The amount; at most what the settings say.")],
    account: Annotated[str, typer.Option(help="Of several accounts, the one it is for.")] = "",
    reason: Reason = "by hand",
    as_json: JsonFlag = False,
) -> ExitCode:
    """Lower a risk limit while Keter runs, or raise it again up to what the settings allow."""

    async def change(control: "Control", who: "Operator", settings: "Settings") -> "CommandOutcome":
        key = settings.named(account).key
        return await control.set_limit(who, key, settings.of(key).risk, name, value, reason)

    return _carry_out("start", change, as_json=as_json)


def _named(account: str | None) -> str:
    """Return the account named, empty for everything.

    Raises UsageError for an empty name, which a script may give by mistake.
    """
    if account is not None and not account.strip():
        raise UsageError("--account names no account; leave it out to mean all of them")
    return account or ""


def _target(kind: str) -> "Target":
    from keter.cli.access import one_target
    from keter.supervision.targets import CommandKind

    return one_target(CommandKind(kind))


def _carry_out(target: "Target | str", command: Command, *, as_json: bool) -> ExitCode:
    """Run ``command`` on the Keter that is meant. Exit with 69 when none runs that would see it."""
    target = _target(target) if isinstance(target, str) else target
    outcome, heard = run_async(_with_control(target, command))
    if as_json:
        show_json(_facts(outcome))
    else:
        typer.echo(outcome.command.result)
        if target.found is not None and not target.own:
            typer.echo(f"  {target.found.instance}")
    _note(outcome.warnings if not as_json else ())
    if target.problem is not None:
        _note((f"done without the settings of the Keter that runs: {target.problem}",))
    if not heard:
        _note(("no Keter runs that would see it; the next start on this Redis finds it",))
    return ExitCode.OK if heard else ExitCode.UNAVAILABLE


def _as_one(outcomes: "Sequence[CommandOutcome]") -> "CommandOutcome":
    """Return the first outcome, with the results of the others among its warnings."""
    import dataclasses

    first, *others = outcomes
    more = [warning for one in others for warning in (f"also: {one.command.result}", *one.warnings)]
    audited = all(one.audited for one in outcomes)
    return dataclasses.replace(first, audited=audited, warnings=(*first.warnings, *more))


def _facts(outcome: "CommandOutcome") -> dict[str, object]:
    row = outcome.command
    return {
        "command": row.command_id,
        "action": row.action.value,
        "result": row.result,
        "revision": outcome.revision,
        "audited": outcome.audited,
        "warnings": list(outcome.warnings),
    }


def _note(warnings: Iterable[str]) -> None:
    for warning in warnings:
        typer.echo(f"note: {warning}", err=True)


def _user() -> str:
    """Return the operator's name, cut to LONGEST_USER. LOGNAME may hold any text."""
    import getpass

    from keter.plain import plain

    try:
        return plain(getpass.getuser(), LONGEST_USER) or "a nameless user"
    except (KeyError, OSError):  # a container's user may have no name
        return "a nameless user"


async def _with_control(target: "Target", command: Command) -> "tuple[CommandOutcome, bool]":
    """Run ``command`` over Redis and ledger.

    Return its outcome, and True if a Keter runs that will see it.

    Raises UnavailableError that also says where settings were missing.
    """
    from keter.cli.access import control_over, somebody_runs
    from keter.control.base import Operator

    bus = await bus_or_none(target)
    try:
        outcome = await command(
            control_over(target, bus), Operator(_user(), "cli"), target.settings
        )
        return outcome, target.found is not None or await somebody_runs(bus)
    except UnavailableError as e:
        if target.problem is None:
            raise
        raise UnavailableError(
            f"nothing was done: {e}; the settings of the Keter that runs are missing:"
            f" {target.problem}"
        ) from e
    finally:
        if bus is not None:
            await bus.aclose()
