"""Fixtures for everybody: a clean environment and a real Redis."""

import gc
import os
import socket
import tempfile
from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING

import pytest
from hypothesis import Phase, settings

from keter.clock import random_id
from keter.settings import entries
from tests.kit.support import RedisServer, connected

if TYPE_CHECKING:
    from keter.bus.connection import Bus

pytest_plugins = ("tests.kit.watchdog",)

# No file of this checkout is read, and no Keter that runs on this machine is found, hence none is
# halted by a test.
os.environ["KETER_ENV_FILE"] = ""
os.environ["KETER_INSTANCES"] = tempfile.mkdtemp(prefix="keter-instances-")

# A machine that runs other things too must not make a correct property fail, and the same commit
# gives the same result.
settings.register_profile("keter", deadline=None, derandomize=True)
settings.load_profile("keter")
# For who looks for what nobody has thought of: other examples in every run.
settings.register_profile("search", deadline=None)
# For runs that expect a failure (scripts/mutations.py): the first one will do, no need to look for
# the smallest.
settings.register_profile("noshrink", deadline=None, phases=(Phase.explicit, Phase.generate))


def pytest_collection_finish() -> None:
    """Keep the collector from what all tests share: walking it stops an event loop for seconds."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting leaks in from the shell that runs the tests."""
    for entry in entries():
        if entry.name in os.environ:
            monkeypatch.delenv(entry.name)
    # Each test has a list of its own: a Keter that several share is not halted by one that halts
    # whatever runs.
    monkeypatch.setenv("KETER_INSTANCES", f"{os.environ['KETER_INSTANCES']}/{random_id()}")


@pytest.fixture(scope="session")
def redis_server() -> Iterator[RedisServer]:
    """One real server for the whole run; tests that kill or pause a server start their own
    ``RedisServer``.
    """
    server = RedisServer()
    yield server
    server.close()


@pytest.fixture
def redis_url(redis_server: RedisServer) -> str:
    """Return the address of an empty real Redis."""
    with socket.create_connection(("127.0.0.1", redis_server.port), timeout=5) as connection:
        connection.sendall(b"FLUSHALL\r\n")
        assert connection.recv(64).startswith(b"+OK")
    return redis_server.url


@pytest.fixture
async def bus(redis_url: str) -> "AsyncIterator[Bus]":
    """Open a bus on the empty real Redis."""
    bus = await connected(redis_url)
    yield bus
    await bus.aclose()
