"""A Redis that answers and takes no writes is found out by a write, with the reason, and is still
read.
"""

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from keter.bus.connection import Bus, connect
from keter.bus.state.trading import change_trading, read_trading
from keter.bus.telemetry.alerts import clear_alert, raise_alert, read_alerts
from keter.bus.telemetry.heartbeats import Heart, read_heartbeats
from keter.bus.telemetry.writing import RedisTrouble, try_write
from keter.domain.alerts import Alert
from keter.domain.trading import TradingMode, TradingState
from keter.redis_server.probe import probe
from tests.kit.support import RedisServer, eventually

NOW = datetime.now(UTC)
TROUBLES: dict[RedisTrouble, list[tuple[str, ...]]] = {
    RedisTrouble.READ_ONLY: [("REPLICAOF", "127.0.0.1", "1")],
    RedisTrouble.FULL: [("CONFIG", "SET", "maxmemory", "1")],
    RedisTrouble.DENIED: [("ACL", "SETUSER", "default", "-set", "-hset", "-zrem", "-del")],
    RedisTrouble.REFUSING: [("CONFIG", "SET", "min-replicas-to-write", "1")],
}


@pytest.fixture
async def own() -> AsyncIterator[tuple[RedisServer, Bus]]:
    server = RedisServer()
    bus = await connect(server.url)
    yield server, bus
    await bus.aclose()
    server.close()


@pytest.mark.parametrize("kind", TROUBLES)
async def test_each_refusal_is_told_by_its_kind_and_everything_can_still_be_read(
    own: tuple[RedisServer, Bus], kind: RedisTrouble
) -> None:
    """A worker that died is no longer in the list, though it cannot be taken out of it."""
    _, bus = own
    assert await try_write(bus) is None
    await change_trading(
        bus, TradingState(TradingMode.ACTIVE, "t", "t", NOW), expected_revision=None, now=NOW
    )
    await raise_alert(bus, Alert("unknown-bets", "page", "x", "", NOW))
    await Heart(bus, process="edge", worker="edge", heartbeat_s=0.1).beat()
    for command in TROUBLES[kind]:
        await bus.redis.execute_command(*command)
    found = await try_write(bus)
    assert found is not None
    assert found[0] is kind
    assert found[1]
    view = await read_trading(bus, NOW)
    assert view.state is not None
    assert view.state.mode is TradingMode.ACTIVE
    assert [alert.id for alert in await read_alerts(bus)] == ["unknown-bets"]
    await eventually(lambda: _nobody_beats(bus))
    assert (await probe(bus)).missing == ()


async def _nobody_beats(bus: Bus) -> bool:
    return await read_heartbeats(bus) == []


async def test_a_disk_that_cannot_be_saved_to_is_told_as_such(own: tuple[RedisServer, Bus]) -> None:
    server, bus = own
    for name, value in (("appendonly", "no"), ("save", "3600 1")):
        await bus.redis.execute_command("CONFIG", "SET", name, value)
    target = server.folder / "dump.rdb"
    target.mkdir()  # nothing can be renamed over a folder that is not empty
    (target / "in the way").touch()
    await bus.redis.execute_command("SET", "x", "1")
    await bus.redis.execute_command("BGSAVE")

    async def told() -> bool:
        found = await try_write(bus)
        return found is not None and found[0] is RedisTrouble.CANNOT_SAVE

    await eventually(told)


async def test_a_server_that_is_gone_is_away(own: tuple[RedisServer, Bus]) -> None:
    server, bus = own
    server.kill()
    found = await try_write(bus)
    assert found is not None
    assert found[0] is RedisTrouble.AWAY


async def test_a_full_redis_still_hears_heartbeats(own: tuple[RedisServer, Bus]) -> None:
    """A worker that lives is not shown as lost; that it cannot work is told by the refusal of
    writes.
    """
    _, bus = own
    heart = Heart(bus, process="edge", worker="edge", heartbeat_s=30)
    await heart.beat()
    await bus.redis.execute_command("CONFIG", "SET", "maxmemory", "1")
    await heart.beat()
    assert [beat.worker for beat in await read_heartbeats(bus)] == ["edge"]


async def test_the_probe_leaves_nothing_that_lasts(own: tuple[RedisServer, Bus]) -> None:
    _, bus = own
    await try_write(bus)
    assert 0 < await bus.redis.execute_command("PTTL", bus.keys.probe) <= 10_000
    await clear_alert(bus, "none")
