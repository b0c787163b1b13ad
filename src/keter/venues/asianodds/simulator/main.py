"""The sandbox as a program: ``python -m keter.venues.asianodds.simulator``.

The command ``keter sandbox`` calls it too.
"""

import argparse
import asyncio
import sys
from collections.abc import Callable, Coroutine, Sequence
from datetime import date
from pathlib import Path
from typing import NoReturn

from keter.errors import ExitCode, KeterError, UsageError
from keter.system.process import on_stop_signals
from keter.system.tasks import run_until
from keter.venues.asianodds.simulator.config import (
    DEMO_ACCOUNT,
    AccountConfig,
    CsvConfig,
    SandboxConfig,
)
from keter.venues.asianodds.simulator.server import Sandbox

Say = Callable[[str], None]
Beside = Callable[[], Coroutine[None, None, None]]


async def serve(config: SandboxConfig, stop: asyncio.Event, say: Say) -> None:
    """Run a sandbox until ``stop``; say where it is and how to use it. Raises KeterError."""
    async with Sandbox(config) as sandbox:
        for line in _how_to(sandbox):
            say(line)
        await stop.wait()
    say("sandbox stopped")


def _how_to(sandbox: Sandbox) -> list[str]:
    account = sandbox.config.accounts[0]
    known = " password: sandbox" if account == DEMO_ACCOUNT else " password: as configured"
    return [
        f"sandbox bookmaker: {sandbox.url}",
        f"  user: {account.user} {known}",
        f"  for Keter: AO_BASE_URL={sandbox.url} AO_USER={account.user} AO_PASS=...",
        f"  tickets: {sandbox.control_url}/tickets   faults: PUT {sandbox.control_url}/faults",
        "  play money only; Ctrl+C stops it",
    ]


def main(arguments: Sequence[str]) -> ExitCode:
    """Run what the arguments ask for; an error is one sentence on standard error."""
    try:
        return run_sandbox(parse(arguments))
    except KeterError as e:
        sys.stderr.write(f"keter: {e}\n")
        return e.exit_code


def run_sandbox(
    config: SandboxConfig, *, say: Say | None = None, beside: Beside | None = None
) -> ExitCode:
    """Run a sandbox in this process until a stop signal comes. Raises KeterError.

    The signals are those of ``keter.system.process.on_stop_signals``. ``beside`` runs as long as
    the sandbox; an error of it ends the sandbox.
    """

    async def until_stopped() -> None:
        stop, loop = asyncio.Event(), asyncio.get_running_loop()
        on_stop_signals(lambda: _ask_to_stop(loop, stop))
        work = [serve(config, stop, say or _say), *([beside()] if beside is not None else [])]
        # ``serve`` waits for ``stop`` itself: it says that the sandbox has stopped.
        await run_until(asyncio.Event(), *work)

    asyncio.run(until_stopped())
    return ExitCode.OK


def _ask_to_stop(loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> None:
    loop.call_soon_threadsafe(stop.set)


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _account(text: str) -> AccountConfig:
    user, colon, password = text.partition(":")
    if not colon or not user:
        raise argparse.ArgumentTypeError("write USER:PASSWORD")
    return AccountConfig(user, password)


def _iso_date(text: str) -> str:
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError as e:
        raise argparse.ArgumentTypeError(f"write dates as 2024-08-17: {e}") from e


class _Parser(argparse.ArgumentParser):
    """Reports a usage error as every command does."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message} (`keter sandbox --help` lists the options)")


def parse(arguments: Sequence[str]) -> SandboxConfig:
    """Return the configuration that command-line arguments ask for. Raises UsageError."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if (options.first or options.last) and not options.csv:
        parser.error("--from and --to cut a piece out of the files of --csv, and there are none")
    try:
        return SandboxConfig(
            port=options.port,
            seed=options.seed,
            speed=options.speed,
            feed_interval_scale=options.feed_interval_scale,
            delay_scale=options.delay_scale,
            accounts=(*options.account, DEMO_ACCOUNT),
            csv=CsvConfig(paths=tuple(options.csv), first=options.first, last=options.last),
            fixed_fixtures=options.fixed,
        )
    except ValueError as e:
        parser.error(str(e))


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="keter sandbox", description="Run the sandbox bookmaker in the foreground."
    )
    add = parser.add_argument
    add("--port", type=int, default=0, help="port on loopback; 0 takes a free one")
    add("--seed", type=int, default=7, help="seed of fixtures, prices and decisions")
    add(
        "--speed", type=float, default=30.0, help="how many times faster than life games are played"
    )
    add(
        "--feed-interval-scale",
        type=float,
        default=1.0,
        help="times the feed's throttles; 0 switches them off",
    )
    add(
        "--delay-scale",
        type=float,
        default=1.0,
        help="times the bookmakers' delays; 0 switches them off",
    )
    add(
        "--account",
        type=_account,
        action="append",
        default=[],
        help="USER:PASSWORD of a further customer",
    )
    add("--csv", type=Path, nargs="+", default=[], help="football-data.co.uk files to serve")
    add("--from", dest="first", type=_iso_date, help="first ISO date to serve from the files")
    add("--to", dest="last", type=_iso_date, help="last ISO date to serve from the files")
    add("--fixed", type=int, default=0, help="a still world of so many fixtures, for tests")
    return parser
