"""Children are kept alive, given up on when that is hopeless, stopped in order, and never outlive
their parent.
"""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest
import pytest_asyncio

from keter.backoff import Backoff, restart_backoff
from keter.clock import SystemClock
from keter.domain.processes import Stage
from keter.settings import child_environment
from keter.supervision.child import Child, Spec
from keter.supervision.children import Fleet
from keter.supervision.liveness import SilenceLimits
from tests.kit.support import ROOT, eventually

pytestmark = pytest.mark.slow

QUICK = Backoff(first_s=0.05, longest_s=0.2)

GOOD = """
import signal, sys, pathlib, threading
from keter.system.process import stop_with_parent
def leave(*_):
    with open(sys.argv[1], "a") as f: f.write(sys.argv[2] + "\\n")
    sys.exit(0)
signal.signal(signal.SIGTERM, leave)
stop_with_parent()
print("up", flush=True)
while True: signal.pause()
"""
STUBBORN = (
    "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True)\nwhile"
    " True: signal.pause()"
)


def python(code: str, *arguments: str) -> tuple[str, ...]:
    return (sys.executable, "-c", code, *arguments)


@pytest_asyncio.fixture
async def fleet() -> AsyncIterator[Fleet]:
    fleet = Fleet(SystemClock(), lambda _: None, QUICK)
    yield fleet
    fleet.kill()
    await fleet.stop()


def start(fleet: Fleet, *specs: Spec) -> None:
    fleet.start(specs, child_environment())


def gone(pids: dict[str, int]) -> bool:
    """Return whether none runs; one that has ended and was not collected yet does not run."""
    return not any(alive(pid) for pid in pids.values())


def alive(pid: int) -> bool:
    try:
        status: str = psutil.Process(pid).status()
    except psutil.NoSuchProcess:
        return False
    return status != str(psutil.STATUS_ZOMBIE)


async def test_a_child_that_dies_is_started_again(fleet: Fleet, tmp_path: Path) -> None:
    start(fleet, Spec("edge", python(GOOD, str(tmp_path / "x"), "edge"), Stage.PIPELINE))
    first = (await eventually(fleet.pids))["edge"]
    os.kill(first, 9)
    second = await eventually(
        lambda: fleet.pids().get("edge", first) != first and fleet.pids()["edge"]
    )
    assert second != first
    assert fleet.restarts == {"edge": 1}


async def test_each_failure_in_a_row_waits_longer(fleet: Fleet) -> None:
    start(fleet, Spec("edge", python("import sys; sys.exit(69)"), Stage.PIPELINE))
    await eventually(lambda: fleet.restarts.get("edge", 0) >= 3)
    assert not fleet.failed.is_set()
    assert [restart_backoff().pause_s(n) for n in (1, 2, 3, 7, 1000)] == [0.5, 1, 2, 30, 30]


@pytest.mark.parametrize("code", [64, 77, 78])
async def test_a_child_that_needs_the_operator_is_not_restarted_and_its_sentence_is_kept(
    fleet: Fleet, code: int
) -> None:
    text = (
        "import sys; print('noise'); print('keter: FIXED_STAKE is wrong', file=sys.stderr);"
        f" sys.exit({code})"
    )
    start(fleet, Spec("guard", python(text), Stage.PIPELINE))
    await asyncio.wait_for(fleet.failed.wait(), 10)
    assert fleet.error is not None
    assert str(fleet.error) == "guard: FIXED_STAKE is wrong"
    assert fleet.error.exit_code == code
    assert fleet.restarts == {}


async def test_a_program_that_does_not_exist_is_tried_again_rather_than_forgotten(
    fleet: Fleet, tmp_path: Path
) -> None:
    start(fleet, Spec("edge", (str(tmp_path / "missing"),), Stage.PIPELINE))
    await eventually(lambda: fleet.restarts.get("edge", 0) >= 2)


async def test_they_stop_stage_after_stage_and_nothing_is_left(
    fleet: Fleet, tmp_path: Path
) -> None:
    order = tmp_path / "order"
    lines: list[str] = []
    fleet = Fleet(SystemClock(), lines.append, QUICK)
    stages = {
        "venue": Stage.VENUE,
        "recorder": Stage.KEEPERS,
        "router": Stage.PIPELINE,
        "ingest": Stage.SOURCE,
    }
    start(
        fleet,
        *(Spec(name, python(GOOD, str(order), name), stage) for name, stage in stages.items()),
    )
    await eventually(lambda: lines.count("up") == 4)
    pids = fleet.pids()
    await fleet.stop()
    assert order.read_text().split() == ["ingest", "router", "recorder", "venue"]
    assert gone(pids)


async def test_one_that_will_not_stop_is_ended_after_its_grace(fleet: Fleet) -> None:
    lines: list[str] = []
    fleet = Fleet(SystemClock(), lines.append, QUICK)
    start(fleet, Spec("venue", python(STUBBORN), Stage.VENUE))
    await eventually(lambda: "up" in lines)
    pids, begun = fleet.pids(), time.monotonic()
    await fleet.stop()
    assert 0.9 < time.monotonic() - begun < 5
    assert gone(pids)


async def test_in_a_hurry_nothing_is_waited_for(fleet: Fleet) -> None:
    lines: list[str] = []
    fleet = Fleet(SystemClock(), lines.append, QUICK)
    start(fleet, *(Spec(f"router-{n}", python(STUBBORN), Stage.PIPELINE) for n in range(3)))
    await eventually(lambda: lines.count("up") == 3)
    pids, begun = fleet.pids(), time.monotonic()
    fleet.kill()
    await fleet.stop()
    assert time.monotonic() - begun < 1
    assert gone(pids)


async def test_a_stop_during_start_up_leaves_nothing(fleet: Fleet) -> None:
    start(fleet, *(Spec(f"edge-{n}", python(STUBBORN), Stage.PIPELINE) for n in range(4)))
    await asyncio.sleep(0)  # the keepers have begun to make processes and none is there yet
    await asyncio.wait_for(fleet.stop(), 10)
    assert fleet.pids() == {}


async def test_a_pause_before_a_restart_does_not_delay_the_stop(fleet: Fleet) -> None:
    fleet = Fleet(SystemClock(), lambda _: None, Backoff(first_s=60, longest_s=60))
    start(fleet, Spec("edge", python("import sys; sys.exit(1)"), Stage.PIPELINE))
    await eventually(lambda: fleet.restarts.get("edge"))
    await asyncio.wait_for(fleet.stop(), 1)


async def test_a_line_of_any_length_does_not_stop_the_reading() -> None:
    lines: list[str] = []
    text = "print('x' * 3_000_000); print('after', flush=True)"
    child = Child(Spec("edge", python(text), Stage.PIPELINE), child_environment(), lines.append)
    assert await asyncio.wait_for(child.run(), 20) == 0
    assert lines[-1] == "after"


PARENT = """
import asyncio, sys
from keter.supervision.child import Spec
from keter.supervision.children import Fleet
from keter.clock import SystemClock
from keter.domain.processes import Stage
from keter.settings import child_environment
async def main():
    lines = []
    fleet = Fleet(SystemClock(), lines.append)
    command = (sys.executable, "-c", sys.argv[1], sys.argv[2])
    specs = [Spec(f"edge-{n}", (*command, f"edge-{n}"), Stage.PIPELINE) for n in range(3)]
    fleet.start(specs, child_environment())
    while lines.count('up') < 3: await asyncio.sleep(0.01)
    print(*fleet.pids().values(), flush=True)
    await asyncio.sleep(60)
asyncio.run(main())
"""


async def test_children_of_a_killed_parent_stop_properly(tmp_path: Path) -> None:
    order = tmp_path / "order"
    parent = subprocess.Popen(
        python(PARENT, GOOD, str(order)), stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    assert parent.stdout is not None
    pids = {str(n): int(pid) for n, pid in enumerate(parent.stdout.readline().split())}
    assert len(pids) == 3
    parent.kill()
    parent.wait(10)
    parent.stdout.close()
    await eventually(lambda: gone(pids), timeout_s=15)
    assert sorted(order.read_text().split()) == ["edge-0", "edge-1", "edge-2"]


async def test_the_watch_over_the_parent_does_not_change_the_exit_code() -> None:
    """A thread that waits in ``sys.stdin`` makes Python abort at exit; 78 would reach the
    supervisor as a crash.
    """
    text = (
        "import sys; from keter.system.process import stop_with_parent; stop_with_parent();"
        " sys.exit(78)"
    )
    for _ in range(5):
        child = Child(
            Spec("edge", python(text), Stage.PIPELINE), child_environment(), lambda _: None
        )
        assert await asyncio.wait_for(child.run(), 20) == 78


LISTENER = """
import os, signal, sys
from keter.system.process import on_stop_signals
signal.signal(signal.SIGHUP, signal.SIG_IGN if sys.argv[1] == "nohup" else signal.SIG_DFL)
on_stop_signals(lambda: os._exit(7))
print("up", flush=True)
while True: signal.pause()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="hang-ups are POSIX's")
@pytest.mark.parametrize(("how", "survives"), [("nohup", True), ("plain", False)])
def test_a_hang_up_stops_us_unless_nohup_said_otherwise(how: str, survives: bool) -> None:
    one = subprocess.Popen(python(LISTENER, how), stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert one.stdout is not None
    assert one.stdout.readline() == "up\n"
    one.send_signal(signal.SIGHUP)
    if survives:
        with pytest.raises(subprocess.TimeoutExpired):
            one.wait(0.5)
        one.send_signal(signal.SIGTERM)
    assert one.wait(10) == 7
    one.stdout.close()


WORKER = """
import asyncio, signal, sys, time
from keter.system.process import stop_with_parent
from keter.supervision.liveness import keep_pulsing
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
stop_with_parent()
async def main():
    pulse = asyncio.create_task(keep_pulsing())
    await asyncio.sleep(1.5)  # a start that takes its time, and pulses meanwhile
    print("up", *sys.argv[2:], flush=True)
    if sys.argv[1] == "blocks" and "--restarts" not in sys.argv: time.sleep(3600)
    await asyncio.sleep(3600)
asyncio.run(main())
"""
IMPATIENT = SilenceLimits(starting_s=30, silent_s=3)


def worker(how: str) -> Spec:
    return Spec("edge", python(WORKER, how), Stage.PIPELINE, supervised=True)


@pytest.mark.skipif(sys.platform == "win32", reason="SIGSTOP is POSIX's")
@pytest.mark.parametrize("how", ["stopped", "blocks"])
async def test_a_worker_that_hangs_is_killed_and_started_again(how: str) -> None:
    """Stopped by a signal, or with an event loop that something holds: both are silent."""
    lines: list[str] = []
    fleet = Fleet(SystemClock(), lines.append, QUICK, IMPATIENT)
    try:
        start(fleet, worker(how))
        first = (await eventually(fleet.pids))["edge"]
        await eventually(lambda: "up" in lines, timeout_s=30)
        if how == "stopped":
            os.kill(first, signal.SIGSTOP)
        await eventually(lambda: fleet.kills == {"edge": 1}, timeout_s=30)
        await eventually(lambda: "up --restarts 1 --kills 1" in lines, timeout_s=30)
        assert not alive(first)
        assert fleet.restarts == {"edge": 1}
    finally:
        await fleet.stop()


async def test_a_worker_that_pulses_is_left_alone_and_its_pulses_are_no_text() -> None:
    lines: list[str] = []
    fleet = Fleet(SystemClock(), lines.append, QUICK, SilenceLimits(starting_s=30, silent_s=2))
    try:
        start(fleet, worker("works"))
        await eventually(lambda: "up" in lines, timeout_s=30)
        begun = time.monotonic()
        await eventually(lambda: time.monotonic() - begun > 5, timeout_s=30)
        assert (fleet.kills, lines) == ({}, ["up"])
    finally:
        await fleet.stop()


async def test_a_worker_that_never_gets_going_is_killed_when_its_start_took_too_long(
    fleet: Fleet,
) -> None:
    fleet = Fleet(SystemClock(), lambda _: None, QUICK, SilenceLimits(starting_s=1, silent_s=60))
    try:
        start(fleet, Spec("edge", python(STUBBORN), Stage.PIPELINE, supervised=True))
        await eventually(lambda: fleet.kills.get("edge", 0) >= 1, timeout_s=30)
    finally:
        await fleet.stop()


async def test_what_gives_no_signs_of_life_by_nature_is_not_taken_for_hung() -> None:
    fleet = Fleet(SystemClock(), lambda _: None, QUICK, SilenceLimits(starting_s=0.1, silent_s=0.1))
    try:
        start(fleet, Spec("other", python(STUBBORN), Stage.VENUE))
        begun = time.monotonic()
        await eventually(lambda: time.monotonic() - begun > 3)
        assert fleet.kills == {}
    finally:
        fleet.kill()
        await fleet.stop()


async def test_a_pulse_in_the_middle_of_a_line_leaves_the_line_whole() -> None:
    lines: list[str] = []
    text = (
        r"import sys; sys.stdout.write('keter: FIXED\x06_STAKE is\x06 wrong\n\x06last');"
        r" sys.exit(78)"
    )
    child = Child(Spec("edge", python(text), Stage.PIPELINE), child_environment(), lines.append)
    assert await asyncio.wait_for(child.run(), 20) == 78
    assert lines == ["keter: FIXED_STAKE is wrong", "last"]
    assert child.last_sentence(78) == "FIXED_STAKE is wrong"
