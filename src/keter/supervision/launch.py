"""The children that the supervisor starts, and the banner for the operator."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from keter import __version__
from keter.domain.processes import (
    EVERYTHING,
    OF_AN_ACCOUNT,
    STAGE_OF,
    Process,
    Stage,
    worker_name,
)
from keter.settings import Settings
from keter.supervision.child import Spec
from keter.system.addresses import LOOPBACK, free_port
from keter.system.private_files import loose_permissions
from keter.system.text_files import is_present
from keter.trust import transport_risks, viewer_fault

EVERY_ADDRESS = frozenset({"", "0.0.0.0", "::"})  # noqa: S104 - compared with, not listened on

# Recording processes come first, then the pipeline from its end to its beginning.
# So nothing waits for a consumer that is not there.
START_ORDER = (
    Process.DASHBOARD,
    Process.RECORDER,
    Process.TRACKER,
    Process.ROUTER,
    Process.GUARD,
    Process.EDGE,
    Process.VALIDATOR,
    Process.INGEST,
)


@dataclass(frozen=True, slots=True)
class SandboxPlan:
    """The simulated venue, and the settings that make the workers use it."""

    port: int
    service: str
    seed: int
    speed: float

    @property
    def spec(self) -> Spec:
        command = keter_command("sandbox", "--supervised")
        options = ("--port", str(self.port), "--seed", str(self.seed), "--speed", str(self.speed))
        return Spec("sandbox", (*command, *options), Stage.VENUE, supervised=True)

    @property
    def environment(self) -> Mapping[str, str]:
        return {"AO_BASE_URL": f"http://{LOOPBACK}:{self.port}/{self.service}"}


def plan_sandbox(settings: Settings) -> SandboxPlan | None:
    """Return the sandbox for settings without an account, else None."""
    if not settings.uses_sandbox:
        return None
    from keter.venues.asianodds.simulator.config import SERVICE

    conf = settings.sandbox
    port = conf.sandbox_port or free_port()
    return SandboxPlan(port, SERVICE, conf.sandbox_seed, conf.sandbox_speed)


def keter_command(*arguments: str) -> tuple[str, ...]:
    """Return the command line of a Keter command in this very Python."""
    return (sys.executable, "-m", "keter", *arguments)


def worker_specs(settings: Settings, only: frozenset[Process] = EVERYTHING) -> list[Spec]:
    """Return one child per copy of each process in ``only``, in the order of their start."""
    copies = {
        Process.VALIDATOR: settings.process.validator_copies,
        Process.EDGE: settings.process.edge_copies,
    }
    return [
        spec
        for process in START_ORDER
        if process in only
        for copy in range(1, copies.get(process, 1) + 1)
        for spec in _specs_of(process, copy, settings)
    ]


def _specs_of(process: Process, copy: int, settings: Settings) -> Iterator[Spec]:
    """Yield one child, or one for each account if the process works for one alone."""
    command = ("run", process.value, "--copy", str(copy), "--supervised")
    stage = STAGE_OF[process]
    if process not in OF_AN_ACCOUNT:
        yield Spec(worker_name(process, copy), keter_command(*command), stage, supervised=True)
        return
    for one in settings.each:
        name = worker_name(process, copy, one.label)
        account = ("--account", one.account.key)
        yield Spec(name, keter_command(*command, *account), stage, supervised=True)


def page_host(settings: Settings) -> str:
    """Return the address under which this machine reaches the page."""
    host = settings.dashboard.dash_host
    return LOOPBACK if host in EVERY_ADDRESS else host


def banner(
    settings: Settings,
    *,
    page: str,
    redis: str,
    sandbox: SandboxPlan | None,
    notices: Sequence[str] = (),
    following: str | None = None,
) -> Iterator[str]:
    """Yield the lines that say what runs, where, and how to stop it, then notes and warnings.

    ``following`` says that open LIVE bets are followed only, and why.
    """
    yield f"Keter {__version__}"
    rows = (
        *_mode_rows(settings, following),
        ("page", page),
        *(("venue", _venue_text(one, sandbox)) for one in settings.each),
        ("redis", redis),
        ("data", str(settings.mode.data_dir)),
        ("stop", "Ctrl+C"),
    )
    yield from (f"  {name:<6} {text}" for name, text in rows)
    yield from (f"  note   {note}" for note in (*notices, *warnings(settings)))


def _mode_rows(settings: Settings, following: str | None) -> Iterator[tuple[str, str]]:
    """Yield the mode, of each account where there are several."""
    if following is not None:
        yield "mode", f"LIVE: {following}"
        return
    for one in settings.each:
        whose = f"{one.account.key} is " if settings.parts else ""
        yield "mode", whose + _mode_text(one)


def _mode_text(settings: Settings) -> str:
    if settings.live:
        return "LIVE: bets real money once armed (`keter arm`)"
    if settings.uses_sandbox:
        return "DEMO: a simulated bookmaker, bets on paper only, no money moves"
    return "DRY: bets on paper only, no money moves"


def _venue_text(settings: Settings, sandbox: SandboxPlan | None) -> str:
    if sandbox is None:
        return settings.venue.description
    return (
        f"sandbox bookmaker on {LOOPBACK}:{sandbox.port}, since .env names no AsianOdds account"
        " (AO_USER)"
    )


def warnings(settings: Settings) -> Iterator[str]:
    """Yield what the operator should know and what does not keep Keter from starting."""
    if is_present(settings.router.halt_file):
        yield f"the file {settings.router.halt_file} is present: no bets until `keter resume`"
    if not settings.router.trading_enabled:
        yield "TRADING_ENABLED=false: starts with trading switched off"
    if settings.env_file is not None and (warning := loose_permissions(settings.env_file)):
        yield warning
    yield from (risk.warning for risk in transport_risks(settings))
    if fault := viewer_fault(settings.dashboard):
        yield fault
