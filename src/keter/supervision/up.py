"""``keter up``: check what must be in place, take the lock of DATA_DIR, run the supervisor.

One supervisor runs per DATA_DIR.
"""

import asyncio
import os
import time
from collections.abc import Callable

from keter.clock import Clock, SystemClock
from keter.domain.processes import EVERYTHING, Process
from keter.errors import ExitCode, UnavailableError
from keter.logs import configure_logs
from keter.settings import Settings, load_settings
from keter.supervision.following import start_following
from keter.supervision.instances import listed, lock_of
from keter.supervision.ownership import Reread
from keter.supervision.preflight import check_bind, check_folder, check_live, check_ports
from keter.supervision.supervisor import Supervisor
from keter.system.process import ORPHAN_GRACE_S, keep_files_private, raise_descriptor_limit

LOCK_PATIENCE_S = 0.5  # a command that looks whether we run holds the lock for a moment
PORT_POLL_S = 0.1

Say = Callable[[str], None]


def up(
    settings: Settings,
    *,
    say: Say,
    only: frozenset[Process] = EVERYTHING,
    on_disk: Reread = load_settings,
) -> ExitCode:
    """Run everything, or the processes in ``only``, until a stop signal.

    ``on_disk`` reads the settings again, to compare them with those in force.

    Raises KeterError when something cannot start or a child gives up.
    """
    clock = SystemClock()
    keep_files_private()
    raise_descriptor_limit()
    check_folder(settings)
    lock = lock_of(settings.mode.data_dir)
    predecessor = lock.text()  # emptied by an orderly end
    if not lock.acquire(str(os.getpid()), patience_s=LOCK_PATIENCE_S):
        raise UnavailableError(
            f"Keter already runs on {settings.mode.data_dir} (process {predecessor or 'unknown'});"
            " stop it with Ctrl+C in its terminal first, or set DATA_DIR to another folder"
        )
    try:
        following = why_following_only(settings, clock, only)
        check_bind(settings)
        await_port(settings, clock, say, patience_s=ORPHAN_GRACE_S + 2 if predecessor else 0)
        configure_logs("supervisor", settings)
        with listed(settings) as listing:
            supervisor = Supervisor(
                settings, say, clock, only, on_disk=on_disk, listing=listing, following=following
            )
            asyncio.run(supervisor.run())
    finally:
        lock.release()
    return ExitCode.OK


def why_following_only(settings: Settings, clock: Clock, only: frozenset[Process]) -> str | None:
    """Return the sentence to report where open LIVE bets are followed and nothing is bet.

    Return None where everything may start and bet.

    Raises as ``check_live``.
    """
    if Process.TRACKER in only:
        return start_following(settings, clock)
    check_live(settings, clock)
    return None


def await_port(settings: Settings, clock: Clock, say: Say, *, patience_s: float) -> None:
    """Wait until the ports are free, for ``patience_s`` at most.

    The children of a supervisor that was killed may still have them.

    Raises as ``check_ports``.
    """
    deadline = clock.monotonic() + patience_s
    announced = False
    while True:
        try:
            return check_ports(settings)
        except UnavailableError:
            if clock.monotonic() >= deadline:
                raise
        if not announced:
            say("the last run ended abruptly; waiting for its processes to leave ...")
            announced = True
        time.sleep(PORT_POLL_S)
