"""Rules about the processes: silent, restarted, hung. Pure."""

from collections.abc import Iterable, Iterator
from datetime import timedelta

from keter.dashboard.presence import KILLS_WINDOW, RESTARTS_WINDOW
from keter.dashboard.rules.base import Finding, Situation
from keter.domain.processes import Process, roles

# Without one of these nothing is bet or settled: the loss of any is a page.
VITAL = frozenset({"ingest", "validator", "edge", "guard", "router", "tracker"})
# The dashboard itself looks, so it is there.
SERVES = Process.DASHBOARD
LOST_AFTER_S = 15.0


def wanted(starts: frozenset[Process], labels: Iterable[str]) -> dict[str, Process]:
    """Return the roles whose heartbeats are missed, in a run that ``starts`` these processes.

    ``labels`` are those of its accounts.
    """
    return roles(starts - {SERVES}, labels)


def heartbeat_lost(s: Situation) -> Iterator[Finding]:
    for one in s.silent:
        if (s.facts.at - one.since).total_seconds() > LOST_AFTER_S:
            vital = one.process in VITAL and one.alone
            yield Finding(f"No heartbeat of {one.worker}.", None if vital else "ticket", one.worker)


def worker_restarting(s: Situation) -> Iterator[Finding]:
    minutes = RESTARTS_WINDOW / timedelta(minutes=1)
    for one in s.restarting:
        detail = f"{one.worker} was started again {one.times} times in {minutes:g} minutes."
        yield Finding(detail, None if one.process in VITAL else "ticket", one.worker)


def worker_hung(s: Situation) -> Iterator[Finding]:
    minutes = KILLS_WINDOW / timedelta(minutes=1)
    for one in s.killed:
        times = "once" if one.times == 1 else f"{one.times} times"
        detail = (
            f"{one.worker} hung and was killed and started again, {times} in {minutes:g} minutes."
        )
        yield Finding(detail, None if one.process in VITAL else "ticket", one.worker)
