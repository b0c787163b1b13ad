"""A process that is to end does end: within its bound, with an error's code, whatever hangs in
it.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from keter.errors import ExitCode
from keter.processes.lifecycle import stop_deadline_s
from keter.processes.runtime import LEAVE_WITHIN_S
from tests.kit.support import ROOT

pytestmark = pytest.mark.slow

BUSY_S = 8.0  # what a machine that is busy may add
# A recorder that says when it began to end; what hangs in it is argument 1, how it ends argument 2.
HANGING = """
import asyncio, sys, threading, time
import keter.processes.recorder as recorder
from keter.errors import ConfigurationError
from keter.settings import load_settings
from keter.processes.runtime import run_process
what, how = sys.argv[1:3]
async def forever():
    while True:
        try: await asyncio.sleep(3600)
        except asyncio.CancelledError: pass
async def run(context):
    if what == "task": kept = asyncio.create_task(forever())
    if what == "thread": threading.Thread(target=time.sleep, args=(3600,)).start()
    if what == "executor": kept = asyncio.get_running_loop().run_in_executor(None, time.sleep, 3600)
    await asyncio.sleep(0.1)
    if how == "stopped":
        print("up", flush=True)
        await (forever() if what == "work" else context.stop.wait())
    print(time.monotonic(), flush=True)
    if how == "fails": raise OSError(24, "too many open files")
    if how == "refuses": raise ConfigurationError("a setting is wrong")
recorder.run = run
try:
    settings = load_settings(None, {"DATA_DIR": sys.argv[3], "REDIS_URL": sys.argv[4]})
    code = run_process("recorder", 1, settings)
except ConfigurationError as e:
    code = e.exit_code
sys.exit(code)
"""


class Hanging:
    """One such process. ``line`` is the next that it says."""

    def __init__(self, what: str, how: str, folder: Path, redis_url: str) -> None:
        environment = {
            name: value for name, value in os.environ.items() if not name.startswith("AO_")
        }
        self.process = subprocess.Popen(
            [sys.executable, "-c", HANGING, what, how, str(folder), redis_url],
            cwd=ROOT, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )  # fmt: skip

    def line(self) -> str:
        """Return the next line that is no log entry."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            word = line.strip()
            if word == "up" or word.replace(".", "").isdigit():
                return word
        raise AssertionError("it ended without a word")

    def close(self) -> None:
        self.process.kill()
        self.process.wait(10)
        assert self.process.stdout is not None
        self.process.stdout.close()


@pytest.fixture
def started(tmp_path: Path, redis_url: str) -> Iterator[list[Hanging]]:
    made: list[Hanging] = []
    yield made
    for one in made:
        one.close()


ENDS = [("fails", ExitCode.BUG), ("refuses", ExitCode.CONFIGURATION)]


@pytest.mark.timeout(120)
@pytest.mark.parametrize(("how", "code"), ENDS)
@pytest.mark.parametrize("what", ["task", "thread", "executor"])
def test_a_process_that_failed_leaves_in_time_whatever_hangs_in_it(
    started: list[Hanging], tmp_path: Path, redis_url: str, what: str, how: str, code: ExitCode
) -> None:
    started.append(one := Hanging(what, how, tmp_path, redis_url))
    failed_at = float(one.line())
    assert one.process.wait(30) == code
    assert time.monotonic() - failed_at < LEAVE_WITHIN_S + BUSY_S


@pytest.mark.timeout(120)
@pytest.mark.parametrize("what", ["task", "thread", "executor", "work"])
def test_a_process_that_was_asked_to_stop_leaves_in_time_and_says_that_something_hung(
    started: list[Hanging], tmp_path: Path, redis_url: str, what: str
) -> None:
    started.append(one := Hanging(what, "stopped", tmp_path, redis_url))
    assert one.line() == "up"
    asked_at = time.monotonic()
    one.process.send_signal(signal.SIGTERM)
    assert one.process.wait(30) == ExitCode.BUG
    assert time.monotonic() - asked_at < stop_deadline_s("recorder") + LEAVE_WITHIN_S + BUSY_S


@pytest.mark.timeout(120)
def test_a_process_in_which_nothing_hangs_leaves_with_a_good_code(
    started: list[Hanging], tmp_path: Path, redis_url: str
) -> None:
    started.append(one := Hanging("nothing", "stopped", tmp_path, redis_url))
    assert one.line() == "up"
    one.process.send_signal(signal.SIGTERM)
    assert one.process.wait(30) == ExitCode.OK
