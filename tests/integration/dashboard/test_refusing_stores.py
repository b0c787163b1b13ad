"""A store that answers and takes no writes is no healthy store: told from memory, not ready, not
up, and shown.
"""

import sqlite3
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import structlog
from prometheus_client.parser import text_string_to_metric_families as parse

from keter.bus.telemetry.alerts import read_alerts
from keter.dashboard.rules.stores import DOWN_S, REFUSES_S
from keter.dashboard.stores import Stores
from tests.integration.dashboard.conftest import Console, StartConsole
from tests.kit.console_seed import seed_bus, seed_ledger
from tests.kit.support import RedisServer, eventually

KINDS = {
    "redis-read-only": (("REPLICAOF", "127.0.0.1", "1"), ("REPLICAOF", "NO", "ONE")),
    "redis-memory": (("CONFIG", "SET", "maxmemory", "1"), ("CONFIG", "SET", "maxmemory", "0")),
    "redis-refuses": (("ACL", "SETUSER", "default", "-set"), ("ACL", "SETUSER", "default", "+set")),
}


@pytest.fixture
def server() -> Iterator[RedisServer]:
    server = RedisServer()
    yield server
    server.close()


@pytest.fixture
async def seeded(server: RedisServer, start_console: StartConsole) -> Console:
    console = await start_console(REDIS_URL=server.url)
    await seed_ledger(console.ledger, count=2, unknown=False)
    await seed_bus(console.bus)
    return console


def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each look counts as one after the time that a refusal must last."""
    lasting = Stores.look

    async def look(self: Stores) -> object:
        self._health = None if self._health is None else self._health
        self._looked_s = -1e9
        health = await lasting(self)
        for trouble in (health.redis, health.ledger):
            if trouble is not None:
                object.__setattr__(
                    trouble, "since", trouble.since - timedelta(seconds=max(DOWN_S, REFUSES_S))
                )
        return health

    monkeypatch.setattr(Stores, "look", look)


async def up(console: Console) -> dict[str, float]:
    async with console.http.get(console.base + "/metrics") as answer:
        found = {
            sample.name: sample.value
            for family in parse(await answer.text())
            for sample in family.samples
        }
    return {name: found[name] for name in ("keter_up", "keter_redis_up", "keter_ledger_up")}


async def not_ready(console: Console) -> dict[str, str]:
    async with console.http.get(console.base + "/readyz") as answer:
        return {
            check["name"]: check["detail"]
            for check in (await answer.json())["checks"]
            if not check["ok"]
        }


@pytest.mark.parametrize("alert", KINDS)
async def test_a_redis_that_takes_no_writes_is_told_by_its_kind_and_shown_everywhere(
    seeded: Console, alert: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    patient(monkeypatch)
    refuse, allow = KINDS[alert]
    watch, held = seeded.context.watch, seeded.context.accounts.first.reader._held
    await watch.look()
    assert "redis" not in await not_ready(seeded)
    await seeded.bus.redis.execute_command(*refuse)
    with structlog.testing.capture_logs() as logs:
        for _ in range(5):
            await watch.look()
    assert alert in {one.id for one in held.own}
    assert [line["alert"] for line in logs if line["event"] == "alert_raised"].count(alert) == 1
    assert not {one.id.partition(":")[0] for one in held.own} & {"heartbeat-lost", "redis-down"}
    assert {"redis", "workers"} <= set(await not_ready(seeded))
    assert await up(seeded) == {"keter_up": 0, "keter_redis_up": 0, "keter_ledger_up": 1}
    await seeded.context.accounts.first.hub.refresh()
    status, found = await seeded.get("/api/v1/snapshot")
    assert (status, found["redis"]["ok"], found["redis"]["writes"]) == (200, True, False)
    assert alert in {notice["id"] for notice in found["attention"]}
    await seeded.bus.redis.execute_command(*allow)

    async def over() -> bool:
        await watch.look()
        return alert not in {one.id for one in [*held.own, *await read_alerts(seeded.bus)]}

    await eventually(over)
    rows = [row for row in await seeded.ledger.alerts.history() if row.alert_id == alert]
    assert [row.closed_at is not None for row in rows] == [True]


@pytest.mark.slow
async def test_a_ledger_that_another_keeps_locked_is_told_while_it_can_be_read(
    seeded: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its history is written when it can be, in full, and the log says each thing once."""
    patient(monkeypatch)
    await seeded.context.watch.look()
    other = sqlite3.connect(Path(seeded.settings.mode.data_dir) / "ledger.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with structlog.testing.capture_logs() as logs:
        for _ in range(3):
            await seeded.context.watch.look()
    (alert,) = [one for one in await read_alerts(seeded.bus) if one.id == "ledger-unwritable"]
    assert "another program keeps the ledger locked" in alert.detail
    assert [line["alert"] for line in logs if line["event"] == "alert_raised"] == [
        "ledger-unwritable"
    ]
    assert "ledger" in await not_ready(seeded)
    assert await up(seeded) == {"keter_up": 0, "keter_redis_up": 1, "keter_ledger_up": 0}
    other.execute("ROLLBACK")
    other.close()
    await seeded.context.watch.look()
    (row,) = [
        row for row in await seeded.ledger.alerts.history() if row.alert_id == "ledger-unwritable"
    ]
    assert row.closed_at is not None


async def test_a_redis_that_is_away_is_told_by_the_watch(
    seeded: Console, server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    patient(monkeypatch)
    await seeded.context.watch.look()
    server.kill()
    await seeded.context.watch.look()
    await seeded.context.watch.look()
    assert [one.id for one in seeded.context.accounts.first.reader._held.own] == ["redis-down"]


async def test_a_short_refusal_is_not_told(seeded: Console) -> None:
    await seeded.context.watch.look()
    await seeded.bus.redis.execute_command(*KINDS["redis-memory"][0])
    await seeded.context.watch.look()
    assert seeded.context.accounts.first.reader._held.own == ()
