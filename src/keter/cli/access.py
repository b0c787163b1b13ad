"""How commands reach a running Keter: which one is meant, its Redis and its ledger."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from keter.cli.output import run_async
from keter.errors import KeterError, UnavailableError, UsageError

if TYPE_CHECKING:
    from keter.bus.connection import Bus
    from keter.control.commands import Control
    from keter.domain.trading import OperatorCommand, TradingState
    from keter.ledger import Ledger
    from keter.settings import Settings
    from keter.supervision.instances import Found, Survey
    from keter.supervision.targets import Choice, CommandKind

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Target:
    """What a command acts on: settings, and the Keter that runs with them, if one does.

    ``own`` is True if the settings in use name this Keter themselves.
    ``closed`` are listings of Keters that this user may not look into.
    ``problem`` is why the settings of the Keter that runs could not be read.
    ``settings`` are defaults then.
    """

    settings: "Settings"
    found: "Found | None" = None
    closed: tuple[str, ...] = ()
    own: bool = False
    problem: KeterError | None = None

    @property
    def owner(self) -> int | None:
        """The number of the user whose Keter it is, None on Windows and without one."""
        return self.found.owner if self.found is not None else None


def one_target(kind: "CommandKind") -> Target:
    """Return the Keter that is meant, else the settings in use alone.

    Raises UsageError with the list where several could be meant.
    Raises ConfigurationError for settings that cannot be read.
    """
    from keter.supervision.targets import CommandKind

    settings, problem, choice, seen = survey(kind)
    if choice.refusal is not None:
        raise UsageError(
            choice.refusal if problem is None else f"nothing was done: {problem}; {choice.refusal}"
        )
    if choice.targets:
        return target_of(choice.targets[0], settings, kind)
    if settings is None:
        why = problem or UnavailableError("no Keter runs on this machine")
        if kind is CommandKind.LOOK:
            raise why
        raise type(why)(
            f"nothing was done: no Keter was found running on this machine, and {why}"
        ) from problem
    return Target(settings, closed=tuple(seen.closed))


def settings_meant() -> "Settings":
    """Return the settings of the Keter that a look is meant for. Raises as ``one_target``."""
    from keter.supervision.targets import CommandKind

    return one_target(CommandKind.LOOK).settings


def survey(kind: "CommandKind") -> "tuple[Settings | None, KeterError | None, Choice, Survey]":
    """Find out what a command acts on.

    Return the settings in use or what is wrong with them, the choice, and all that was found.
    Looks at the machine only where the settings in use do not decide.
    """
    from keter.errors import ConfigurationError
    from keter.settings import load_settings
    from keter.supervision.instances import Survey, on, running
    from keter.supervision.targets import choose

    settings: Settings | None = None
    problem: KeterError | None = None
    try:
        settings = load_settings()
    except ConfigurationError as e:
        problem = e
    seen = Survey()
    try:
        own = on(settings) if settings is not None else None
    except OSError as e:
        own = None
        seen.closed.append(f"{e.filename or 'DATA_DIR'} ({e.strerror})")
    if own is None:
        others = running()
        seen = Survey(others.live, seen.closed + others.closed, others.complete)
    return settings, problem, choose(kind, own, seen.live, settings), seen


def target_of(found: "Found", settings: "Settings | None", kind: "CommandKind") -> Target:
    """Return a Keter that runs, with its own settings.

    Its ``.env`` may have become unreadable since it started.
    A command that only stops or looks then works with the known places alone.

    Raises ConfigurationError for a command that may start bets.
    """
    from pathlib import Path

    from keter.errors import ConfigurationError
    from keter.settings import child_environment, load_settings
    from keter.supervision.targets import CommandKind

    instance = found.instance
    places = {"DATA_DIR": instance.data_dir, "HALT_FILE": instance.halt_file}
    file = Path(instance.env_file) if instance.env_file is not None else None
    try:
        loaded = load_settings(file, child_environment(**places))
    except ConfigurationError as e:
        if kind is CommandKind.START:
            raise
        return Target(load_settings(None, places), found, problem=e)
    return Target(
        loaded, found, own=settings is not None and settings.mode.data_dir == loaded.mode.data_dir
    )


def redis_url(target: Target) -> str | None:
    """Return the address of the target's Redis, with its password, None if it is not known.

    It is the one that the running Keter lists.
    """
    from keter.bus.connection import without_login
    from keter.redis_server.address import locate_redis, running_url

    settings = target.settings
    if target.found is None or not target.found.instance.redis:
        return locate_redis(settings)
    known = [url for url in (running_url(settings), settings.redis.url) if url is not None]
    named = target.found.instance.redis
    return next((url for url in known if without_login(url) == named), named)


async def bus_or_none(target: Target) -> "Bus | None":
    """Return a bus to the target's Redis, None when there is none that can be used."""
    try:
        return await need_bus(target)
    except KeterError:
        return None


async def need_bus(target: Target) -> "Bus":
    """Return a bus to the target's Redis. Raises UnavailableError that says what to start."""
    from keter.bus.connection import connect

    url = redis_url(target)
    if url is None:
        raise UnavailableError(
            "Keter is not running here: no Redis in the settings and none started by `keter up`"
        )
    prefix = (
        target.settings.redis.redis_key_prefix
        if target.found is None
        else target.found.instance.prefix
    )
    return await connect(url, prefix=prefix)


def control_over(target: Target, bus: "Bus | None") -> "Control":
    """Return the commands over a target.

    No ledger is made for the audit where there is none.
    """
    from keter.clock import SystemClock
    from keter.control.commands import Control
    from keter.opening.stores import local_ledger, open_settings_ledger

    clock, settings = SystemClock(), target.settings
    file = local_ledger(settings)

    async def audit(row: "OperatorCommand") -> None:
        ledger = await open_settings_ledger(settings, clock=clock)
        try:
            if target.problem is not None:
                await _check_ledger(ledger, bus)
            await ledger.commands.add(row)
        finally:
            await ledger.aclose()

    async def last(scope: str) -> "TradingState | None":
        ledger = await open_settings_ledger(settings, clock=clock, read_only=True)
        try:
            return await ledger.commands.last_trading(scope)
        finally:
            await ledger.aclose()

    there = file is None or (file.is_file() and target.owner in {None, file.lstat().st_uid})
    known = {"audit": audit, "last": last} if there else {"audit": None}
    return Control(
        bus, halt_file=settings.router.halt_file, clock=clock, owner=target.owner, **known
    )


async def _check_ledger(ledger: "Ledger", bus: "Bus | None") -> None:
    """Check that the Keter that runs has this ledger: without its settings it is a guess.

    Raises UnavailableError.
    """
    from keter.bus.state.ownership import read_owner

    record = await read_owner(bus) if bus is not None else None
    if record is not None and record.run.ledger_id not in {"", (await ledger.identity()).ledger_id}:
        raise UnavailableError(
            "the ledger of the Keter that runs is named in settings that cannot be read"
        )


async def somebody_runs(bus: "Bus | None") -> bool:
    """Return True if a process that bets, or allows bets, reports to this Redis.

    It may run on another machine.
    """
    from keter.bus.telemetry.heartbeats import read_heartbeats
    from keter.domain.processes import Process

    if bus is None:
        return False
    try:
        beats = await read_heartbeats(bus)
    except KeterError:
        return False
    return any(beat.process in {Process.ROUTER.value, Process.GUARD.value} for beat in beats)


def with_ledger(work: "Callable[[Ledger], Awaitable[T]]") -> T:
    """Run ``work`` on the ledger of the Keter that is meant, opened read only."""
    from keter.clock import SystemClock
    from keter.opening.stores import open_settings_ledger

    settings = settings_meant()

    async def run() -> T:
        ledger = await open_settings_ledger(settings, clock=SystemClock(), read_only=True)
        try:
            return await work(ledger)
        finally:
            await ledger.aclose()

    return run_async(run())
