"""The scripts run unchanged on fakeredis, in process: what DRY on Windows without a server depends
on.
"""

import threading
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from keter.bus.connection import Bus, connect
from keter.bus.errors import LeaseLostError
from keter.bus.locks import Locks
from keter.bus.queue import Output, Pipe, QueueName, Reaper, depths, queues_of
from keter.bus.state.risk import AccountDay, RiskBook, rebuild_book
from keter.bus.state.sessions import ThrottleStore
from keter.bus.state.trading import change_trading, read_trading
from keter.bus.telemetry.alerts import raise_alert, read_alerts
from keter.bus.telemetry.heartbeats import Heart, read_heartbeats
from keter.clock import SystemClock
from keter.domain.alerts import Alert
from keter.domain.exposure import DayRisk
from keter.domain.trading import TradingMode, TradingState
from keter.errors import UnavailableError
from keter.redis_server.imitation import serve
from keter.system.addresses import free_port
from tests.integration.test_bus_risk import reservation
from tests.kit.execution import ACCOUNT
from tests.kit.support import eventually

NOW = datetime(2026, 2, 21, 12, tzinfo=UTC)


@pytest.fixture
async def fake() -> AsyncIterator[Bus]:
    """Open a bus on an imitation that runs in a thread."""
    port, stop = free_port(), threading.Event()
    thread = threading.Thread(target=serve, args=(port, stop), daemon=True)
    thread.start()
    bus = await eventually(lambda: _connected(port))
    assert bus is not None
    yield bus
    await bus.aclose()
    stop.set()
    thread.join(5)
    assert not thread.is_alive()


async def _connected(port: int) -> Bus | None:
    try:
        return await connect(f"redis://127.0.0.1:{port}/0")
    except UnavailableError:
        return None


async def test_the_queue_conflates_acknowledges_refuses_and_reaps(fake: Bus) -> None:
    producer = Pipe(fake, source=None, worker="p", lease_ttl_s=5)
    await producer.step(outputs=[Output(QueueName.RAW, key, b"1") for key in "abca"])
    pipe = Pipe(fake, source=QueueName.RAW, worker="w", lease_ttl_s=5)
    await pipe.open()
    assert [item.key for item in await pipe.step(claim=2)] == ["a", "b"]
    await pipe.step(done=1, outputs=[Output(QueueName.VALIDATED, "a", b"2")], counts={"n": 1})
    await fake.redis.delete(fake.keys.queue("raw").lease(pipe.incarnation))
    assert await Reaper(fake, queues=queues_of([ACCOUNT])).run_once() == 1
    with pytest.raises(LeaseLostError):
        await pipe.step(done=1)
    facts = await depths(fake, [ACCOUNT])
    assert (facts[QueueName.RAW].depth, facts[QueueName.VALIDATED].depth) == (2, 1)


async def test_everything_else_works_on_it_too(fake: Bus) -> None:
    locks = Locks(fake)
    lease = await locks.acquire(fake.keys.lease("guard"), 5)
    assert lease is not None
    book = RiskBook(fake, ACCOUNT)
    assert await book.reserve(reservation("d"), revision=0, lease=lease)
    assert await book.convert("d", day="2026-02-21")
    assert await book.settle("d", day="2026-02-21", pnl_minor=-5, lost=True)
    assert (await book.read()).day == DayRisk("2026-02-21", -5, 1_000, 1, 1)
    assert await rebuild_book(
        fake, [], [AccountDay(ACCOUNT, DayRisk("2026-02-22"))], lease=lease, clock=SystemClock()
    )
    assert await ThrottleStore(fake).take("acc", "x", 9) == 0
    assert await ThrottleStore(fake).take("acc", "x", 9) > 8
    await Heart(fake, process="edge", worker="e").beat()
    assert len(await read_heartbeats(fake)) == 1
    assert await raise_alert(fake, Alert("a", "info", "t", "d", NOW))
    assert len(await read_alerts(fake)) == 1
    paused = TradingState(TradingMode.PAUSED, "op", "why", NOW, NOW + timedelta(minutes=1))
    await change_trading(fake, paused, expected_revision=0, now=NOW)
    assert not (await read_trading(fake, NOW)).may_bet(NOW).accepted
