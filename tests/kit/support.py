"""What many tests share: waiting without sleeping blindly, free ports, private Redis servers, the
football data.
"""

import asyncio
import inspect
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, overload

import pytest

from keter.errors import UnavailableError
from keter.system.addresses import free_port

if TYPE_CHECKING:
    from keter.bus.connection import Bus

T = TypeVar("T")
ROOT = Path(__file__).resolve().parents[2]


# Of a wait that follows progress; pytest's own limit of such a test must be above it.
MOST_S = 240.0

Progress = Callable[[], object | Awaitable[object]]


@overload
async def eventually(
    check: Callable[[], Awaitable[T]],
    *,
    timeout_s: float = 10,
    every_s: float = 0.02,
    progress: Progress | None = None,
    most_s: float = MOST_S,
) -> T: ...
@overload
async def eventually(
    check: Callable[[], T],
    *,
    timeout_s: float = 10,
    every_s: float = 0.02,
    progress: Progress | None = None,
    most_s: float = MOST_S,
) -> T: ...
async def eventually(
    check: Callable[[], T | Awaitable[T]],
    *,
    timeout_s: float = 10,
    every_s: float = 0.02,
    progress: Progress | None = None,
    most_s: float = MOST_S,
) -> T:
    """Call ``check`` until it returns something true and returns that; fails with the last value
    after ``timeout_s``.

    A promise with a time in it has that time as ``timeout_s`` and no ``progress``. How much a
    machine gets done in a time is no promise: there ``progress`` is what has been done so far. It
    is asked when ``timeout_s`` has passed, and if it has changed since, there is as much time
    again. A machine that is ten times slower passes; work that stands still fails. The whole never
    takes much longer than ``most_s``.
    """
    begun = time.monotonic()
    ends = begun + timeout_s
    done = await _value(progress) if progress is not None else None
    while True:
        result: T = await _value(check)
        if result:
            return result
        now = time.monotonic()
        if now >= ends:
            if progress is None:
                pytest.fail(f"not true within {timeout_s} s; last value: {result!r}")
            before, done = done, await _value(progress)
            if done == before:
                pytest.fail(
                    f"nothing was done for {timeout_s} s, at {done!r}; last value: {result!r}"
                )
            if now - begun >= most_s:
                pytest.fail(
                    f"not true within {most_s} s although work went on, to {done!r}; last value:"
                    f" {result!r}"
                )
            ends = min(now + timeout_s, begun + most_s)
        await asyncio.sleep(every_s)


async def _value(ask: Callable[[], Any]) -> Any:
    found = ask()
    return await found if inspect.isawaitable(found) else found


def football_data() -> Path:
    """Return the folder of real odds beside the checkout; skip the test where it is missing."""
    folder = ROOT.parent / "shared" / "data" / "football-data"
    if not folder.is_dir():
        pytest.skip("the football-data folder is not beside this checkout")
    return folder


async def connected(url: str) -> "Bus":
    """Connect for a test that is not about connecting: a second in which the machine does nothing
    is no failure.
    """
    from keter.bus.connection import connect

    ends = time.monotonic() + 30
    while True:
        try:
            return await connect(url)
        except UnavailableError:
            if time.monotonic() >= ends:
                raise


class RedisServer:
    """A real redis-server of the test's own: append-only file on, no eviction, a folder that goes
    with it.
    """

    def __init__(self, *arguments: str) -> None:
        executable = shutil.which("redis-server") or shutil.which("valkey-server")
        if executable is None:
            pytest.skip("no redis-server on this machine; scripts/test.sh installs one")
        self.port = free_port()
        self.folder = Path(tempfile.mkdtemp(prefix="keter-redis-"))
        self._command = [
            executable,
            "--port",
            str(self.port),
            "--bind",
            "127.0.0.1",
            "--dir",
            str(self.folder),
            "--save",
            "",
            "--appendonly",
            "yes",
            "--appendfsync",
            "everysec",
            "--maxmemory-policy",
            "noeviction",
            "--enable-debug-command",
            "yes",
            *arguments,
        ]
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start (again) on the same port and folder and waits until it answers."""
        log = (self.folder / "log").open("ab")
        self._process = subprocess.Popen(self._command, stdout=log, stderr=log)
        log.close()
        deadline = time.monotonic() + 10
        while not self._answers():
            if time.monotonic() > deadline or self._process.poll() is not None:
                pytest.fail(
                    f"redis-server did not start: {(self.folder / 'log').read_text()[-500:]}"
                )
            time.sleep(0.01)

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
                connection.sendall(b"PING\r\n")
                return connection.recv(64).startswith(b"+PONG")
        except OSError:
            return False

    def kill(self) -> None:
        """End it at once, as a crash would; the folder stays for ``start``."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait(10)

    def close(self) -> None:
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)
