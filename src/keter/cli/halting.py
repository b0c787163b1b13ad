"""``keter halt``: every HALT file first, then Redis; says it is done only where a Keter that runs
will see it.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from keter.cli.access import Target, bus_or_none, control_over, somebody_runs, survey, target_of
from keter.cli.output import run_async
from keter.errors import ConfigurationError, KeterError, UnavailableError

if TYPE_CHECKING:
    from keter.control.base import CommandOutcome, Operator
    from keter.control.halt_file import HaltFile
    from keter.supervision.instances import Found, Survey


@dataclass(frozen=True, slots=True)
class Halted:
    """One Keter that was halted.

    ``where`` tells which, when it is not the one of the settings in use.
    """

    outcome: "CommandOutcome"
    where: str | None = None


def halt_all(user: str, reason: str) -> list[Halted]:
    """Halts the Keter that is meant, or all that live where nobody can tell which is.

    Raises UnavailableError unless each of them will see it, ConfigurationError where there are
    neither settings nor a Keter.
    """
    from keter.control.base import Operator
    from keter.supervision.targets import CommandKind

    operator = Operator(user, "cli")
    settings, problem, choice, seen = survey(CommandKind.HALT)
    if not choice.targets:
        if settings is None:
            raise ConfigurationError(
                f"nothing was halted: {problem}{_unseen(seen)}; a file named HALT in Keter's folder"
                " stops bets meanwhile"
            )
        return [_without_a_keter(Target(settings), operator, reason, seen)]
    for found in choice.targets:  # all the files before anything is asked that may take its time
        # What went wrong is told when Redis has been asked too.
        _write_file(found, operator, reason)
    done: list[Halted] = []
    failed: list[str] = []
    for found in choice.targets:
        try:
            target = target_of(found, settings, CommandKind.HALT)
            done.append(_halt(target, operator, reason))
        except (KeterError, OSError) as e:
            failed.append(f"{found.instance}: {e}")
    if failed:
        also = (
            f"; halted: {'; '.join(one.where or 'the Keter of this folder' for one in done)}"
            if done
            else ""
        )
        raise UnavailableError("; ".join(failed) + also)
    return done


def _write_file(found: "Found", operator: "Operator", reason: str) -> None:
    from keter.control.halt_file import HaltFile

    _write(HaltFile(Path(found.instance.halt_file), found.owner), operator, reason)


def _write(file: "HaltFile", operator: "Operator", reason: str) -> None:
    from keter.clock import SystemClock

    file.write(SystemClock().now(), f"{operator.name} ({operator.source})", reason)


def _halt(target: Target, operator: "Operator", reason: str) -> Halted:
    outcome, _ = run_async(_say_it(target, operator, reason))
    return Halted(
        outcome, None if target.own or target.found is None else str(target.found.instance)
    )


def _without_a_keter(target: Target, operator: "Operator", reason: str, seen: "Survey") -> Halted:
    """Halts what the settings in use speak of.

    Raises UnavailableError unless a Keter elsewhere reports to their Redis.
    """
    from keter.control.halt_file import HaltFile

    file = target.settings.router.halt_file
    _write(HaltFile(file), operator, reason)
    outcome, heard = run_async(_say_it(target, operator, reason))
    if not heard:
        raise UnavailableError(
            f"no Keter runs that would see it; written to {file}; the next start from there will be"
            f" halted{_unseen(seen)}"
        )
    return Halted(outcome)


async def _say_it(
    target: Target, operator: "Operator", reason: str
) -> "tuple[CommandOutcome, bool]":
    """Halts; also whether Redis took it and processes report there."""
    bus = await bus_or_none(target)
    try:
        outcome = await control_over(target, bus).halt(operator, reason)
        return outcome, outcome.revision is not None and await somebody_runs(bus)
    finally:
        if bus is not None:
            await bus.aclose()


def _unseen(seen: "Survey") -> str:
    """What may run beside, unseen."""
    parts = [
        f"; perhaps others run that this user may not look into: {', '.join(seen.closed)}; halt as"
        " their user or as root"
    ]
    late = ["; the look for running Keters took too long and is not complete"]
    return "".join((*(parts if seen.closed else ()), *(() if seen.complete else late)))
