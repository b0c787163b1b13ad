"""``keter halt``: every HALT file is written first, then the state in Redis.

It succeeds only where a Keter that runs will see the halt.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from keter.cli.access import Target, bus_or_none, control_over, somebody_runs, survey, target_of
from keter.cli.output import run_async
from keter.errors import ConfigurationError, KeterError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from keter.control.base import CommandOutcome, Operator
    from keter.control.halt_file import HaltFile
    from keter.settings import Settings
    from keter.supervision.instances import Found, Survey


@dataclass(frozen=True, slots=True)
class Halted:
    """One Keter that was halted.

    ``where`` names it when it is not the one of the settings in use.
    """

    outcome: "CommandOutcome"
    where: str | None = None


def halt_all(user: str, reason: str) -> list[Halted]:
    """Halt the Keter that is meant, or all that run where that is not clear.

    Raises UnavailableError unless each of them will see it.
    Raises ConfigurationError where there are neither settings nor a Keter.
    """
    from keter.control.base import Operator
    from keter.supervision.targets import CommandKind

    operator = Operator(user, "cli")
    settings, problem, choice, seen = survey(CommandKind.HALT)
    if not choice.targets:
        if settings is None:
            raise ConfigurationError(
                f"nothing was halted: {problem}{_not_found_warning(seen)}; a file named HALT in"
                " Keter's folder stops bets meanwhile"
            )
        return [_halt_settings_alone(Target(settings), operator, reason, seen)]
    # All the files first: Redis and ledger may take their time.
    for found in choice.targets:
        _write_file(found, operator, reason)
    done, failed = _halt_each(choice.targets, settings, operator, reason)
    if failed:
        also = (
            f"; halted: {'; '.join(one.where or 'the Keter of this folder' for one in done)}"
            if done
            else ""
        )
        raise UnavailableError("; ".join(failed) + also)
    return done


def _halt_each(
    targets: "Sequence[Found]", settings: "Settings | None", operator: "Operator", reason: str
) -> tuple[list[Halted], list[str]]:
    """Return what was halted, and a sentence for each Keter that was not."""
    from keter.supervision.targets import CommandKind

    done: list[Halted] = []
    failed: list[str] = []
    for found in targets:
        try:
            target = target_of(found, settings, CommandKind.HALT)
            done.append(_halt(target, operator, reason))
        except (KeterError, OSError) as e:
            failed.append(f"{found.instance}: {e}")
    return done, failed


def _write_file(found: "Found", operator: "Operator", reason: str) -> None:
    from keter.control.halt_file import HaltFile

    _write(HaltFile(Path(found.instance.halt_file), found.owner), operator, reason)


def _write(file: "HaltFile", operator: "Operator", reason: str) -> None:
    from keter.clock import SystemClock

    file.write(SystemClock().now(), f"{operator.name} ({operator.source})", reason)


def _halt(target: Target, operator: "Operator", reason: str) -> Halted:
    outcome, _ = run_async(_halt_target(target, operator, reason))
    return Halted(
        outcome, None if target.own or target.found is None else str(target.found.instance)
    )


def _halt_settings_alone(
    target: Target, operator: "Operator", reason: str, seen: "Survey"
) -> Halted:
    """Halt by the settings in use alone.

    Raises UnavailableError unless a Keter elsewhere reports to their Redis.
    """
    from keter.control.halt_file import HaltFile

    file = target.settings.router.halt_file
    _write(HaltFile(file), operator, reason)
    outcome, heard = run_async(_halt_target(target, operator, reason))
    if not heard:
        raise UnavailableError(
            f"no Keter runs that would see it; written to {file}; the next start from there will be"
            f" halted{_not_found_warning(seen)}"
        )
    return Halted(outcome)


async def _halt_target(
    target: Target, operator: "Operator", reason: str
) -> "tuple[CommandOutcome, bool]":
    """Halt the target.

    Return the outcome, and True if Redis has the halt and processes report there.
    """
    bus = await bus_or_none(target)
    try:
        outcome = await control_over(target, bus).halt(operator, reason)
        return outcome, outcome.revision is not None and await somebody_runs(bus)
    finally:
        if bus is not None:
            await bus.aclose()


def _not_found_warning(seen: "Survey") -> str:
    """Return a warning about Keters that may run and were not found, or an empty string."""
    parts = [
        f"; perhaps others run that this user may not look into: {', '.join(seen.closed)}; halt as"
        " their user or as root"
    ]
    late = ["; the look for running Keters took too long and is not complete"]
    return "".join((*(parts if seen.closed else ()), *(() if seen.complete else late)))
