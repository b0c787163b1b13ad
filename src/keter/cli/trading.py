"""``keter pause | reduce | halt | resume | arm | disarm | limit``: the operator's hand on trading."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated

import typer

from keter.cli.access import bus_or_none
from keter.cli.output import JsonFlag, run_async, show_json

if TYPE_CHECKING:
    from keter.control import Control, Operator, Outcome
    from keter.settings import Settings

Reason = Annotated[str, typer.Option(help="Why, for the audit.")]
Command = Callable[["Control", "Operator"], Awaitable["Outcome"]]
First = Callable[["Control", "Operator"], object]


def register(app: typer.Typer) -> None:
    """Adds these commands to ``app``."""
    for command in (pause, reduce, halt, resume, arm, disarm, limit):
        app.command()(command)


def pause(
    minutes: Annotated[float | None, typer.Option(help="Resume by itself after so many minutes.", min=0.01)] = None,
    reason: Reason = "by hand",
    as_json: JsonFlag = False,
) -> None:
    """Make no new bets until resumed; open bets stay open."""
    for_s = None if minutes is None else minutes * 60
    _carry_out(lambda control, who: control.pause(who, reason, for_s=for_s), as_json=as_json)


def reduce(reason: Reason = "by hand", as_json: JsonFlag = False) -> None:
    """Make only bets that do not raise their event's worst case, until resumed; also out of a pause."""
    _carry_out(lambda control, who: control.reduce(who, reason, out_of_pause=True), as_json=as_json)


def halt(reason: Reason = "by hand", as_json: JsonFlag = False) -> None:
    """Stop betting at once, even when Redis is down (writes the HALT file first)."""
    from keter.errors import ConfigurationError
    from keter.settings import load_settings

    try:
        load_settings()
    except ConfigurationError as e:
        raise ConfigurationError(f"nothing was halted: {e}; a file named HALT in Keter's folder stops bets meanwhile") from e
    _carry_out(
        lambda control, who: control.halt(who, reason),
        as_json=as_json,
        first=lambda control, who: control.write_halt_file(who, reason),
    )


def resume(reason: Reason = "by hand", as_json: JsonFlag = False) -> None:
    """Allow bets again after a pause or a halt."""
    _carry_out(lambda control, who: control.resume(who, reason), as_json=as_json)


def arm(
    account: Annotated[str | None, typer.Option(help="The account's name, instead of being asked to type it.")] = None,
    reason: Reason = "by hand",
    as_json: JsonFlag = False,
) -> None:
    """Allow LIVE bets on the account of the settings; holds until disarmed or halted."""
    from keter.clock import SystemClock
    from keter.errors import UsageError
    from keter.preflight import armable
    from keter.settings import load_settings

    name = armable(load_settings(), SystemClock())
    typed = account or typer.prompt(f"LIVE bets with real money on {name}. Type the account name", err=True)
    if typed != name:
        raise UsageError("that is not the account's name; nothing was armed")
    _carry_out(lambda control, who: control.arm(who, name, reason), as_json=as_json)


def disarm(reason: Reason = "by hand", as_json: JsonFlag = False) -> None:
    """Take the permission for LIVE bets back; open bets stay open."""
    from keter.settings import load_settings

    name = load_settings().venue.ao_user
    _carry_out(lambda control, who: control.disarm(who, name, reason), as_json=as_json)


def limit(
    name: Annotated[str, typer.Argument(help="The setting, such as MAX_STAKE.")],
    value: Annotated[str, typer.Argument(help="The amount; at most what the settings say.")],
    reason: Reason = "by hand",
    as_json: JsonFlag = False,
) -> None:
    """Lower a risk limit while Keter runs, or raise it again up to what the settings allow."""
    from keter.settings import load_settings

    bounds = load_settings().risk
    _carry_out(lambda control, who: control.set_limit(who, bounds, name, value, reason), as_json=as_json)


def _carry_out(command: Command, *, as_json: bool, first: First | None = None) -> None:
    from keter.settings import load_settings

    outcome = run_async(_with_control(load_settings(), command, first))
    row = outcome.command
    if as_json:
        show_json({"command": row.command_id, "action": row.action.value, "result": row.result, "revision": outcome.revision,
                   "audited": outcome.audited, "warnings": list(outcome.warnings)})  # fmt: skip
        return
    typer.echo(row.result)
    for warning in outcome.warnings:
        typer.echo(f"note: {warning}", err=True)


def _user() -> str:
    import getpass

    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        return "a nameless user"


async def _with_control(settings: "Settings", command: Command, first: First | None) -> "Outcome":
    """Runs ``command`` over Redis and ledger, without either where it cannot be reached; ``first`` before anything is asked."""
    from keter.clock import SystemClock
    from keter.control import Control, Operator
    from keter.domain.trading import OperatorCommand, TradingState
    from keter.ledger import open_settings_ledger

    clock = SystemClock()

    async def audit(row: OperatorCommand) -> None:
        ledger = await open_settings_ledger(settings, clock=clock)
        try:
            await ledger.commands.add(row)
        finally:
            await ledger.aclose()

    async def last() -> TradingState | None:
        ledger = await open_settings_ledger(settings, clock=clock, read_only=True)
        try:
            return await ledger.commands.last_trading()
        finally:
            await ledger.aclose()

    operator = Operator(_user(), "cli")
    if first is not None:
        first(Control(None, halt_file=settings.router.halt_file, clock=clock, audit=None), operator)
    bus = await bus_or_none(settings)
    try:
        control = Control(bus, halt_file=settings.router.halt_file, clock=clock, audit=audit, last=last)
        return await command(control, operator)
    finally:
        if bus is not None:
            await bus.aclose()
