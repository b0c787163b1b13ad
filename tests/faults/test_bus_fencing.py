"""A frozen owner of a lease: it wakes up believing that it still owns, and whatever it writes is
refused.
"""

import asyncio
import os
import signal
import sys
from subprocess import PIPE

import pytest

from keter.bus.connection import Bus
from keter.bus.locks import Locks
from keter.bus.state.risk import RiskBook
from tests.integration.test_bus_risk import reservation
from tests.kit.execution import ACCOUNT
from tests.kit.support import ROOT, eventually

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="SIGSTOP is POSIX's")

OWNER = """
import asyncio, sys
from keter.bus.connection import connect
from keter.bus.locks import Locks
from keter.bus.state.risk import RiskBook
from tests.integration.test_bus_risk import reservation
from tests.kit.execution import ACCOUNT

async def main(url):
    bus = await connect(url)
    locks, book = Locks(bus, owner="old"), RiskBook(bus, ACCOUNT)
    held = await locks.acquire(bus.keys.lease("guard"), 0.5)
    revision = (await book.read()).revision
    print("owns", held.fence, flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    reserved = await book.reserve(reservation("late"), revision=revision, lease=held)
    print("reserved", reserved, flush=True)
    print("renewed", await locks.renew(held), flush=True)
    print("released", await locks.release(held), flush=True)
    print("remaining", await locks.remaining_s(held), flush=True)
    await bus.aclose()

asyncio.run(main(sys.argv[1]))
"""


async def test_an_owner_frozen_past_its_lease_can_neither_reserve_nor_renew_nor_release(
    bus: Bus, redis_url: str
) -> None:
    owner = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        OWNER,
        redis_url,
        stdin=PIPE,
        stdout=PIPE,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": "."},
    )
    try:
        assert owner.stdout is not None
        word, fence = (await asyncio.wait_for(owner.stdout.readline(), 20)).split()
        assert word == b"owns"
        owner.send_signal(signal.SIGSTOP)
        locks, book = Locks(bus, owner="new"), RiskBook(bus, ACCOUNT)
        successor = await eventually(
            lambda: locks.acquire(bus.keys.lease("guard"), 60), timeout_s=5
        )
        assert successor is not None
        assert successor.fence > int(fence)
        owner.send_signal(signal.SIGCONT)
        said, _ = await asyncio.wait_for(owner.communicate(b"\n"), 20)
        assert said.splitlines() == [
            b"reserved False",
            b"renewed False",
            b"released False",
            b"remaining 0.0",
        ]
        assert (await book.read()).exposures == ()
        assert await book.reserve(reservation("mine"), revision=0, lease=successor)
    finally:
        if owner.returncode is None:
            owner.kill()
            await owner.wait()
