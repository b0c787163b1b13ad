"""``/readyz``: ready when everything holds, otherwise 503 and what does not."""

import pytest

from keter.dashboard.ledgers import LazyLedgers
from keter.ledger import LedgerUnavailableError
from tests.integration.dashboard.conftest import Console, StartConsole
from tests.kit.console_seed import seed_beats, seed_bus, seed_ledger
from tests.kit.support import RedisServer


async def ready(console: Console) -> tuple[int, dict[str, tuple[bool, str]]]:
    async with console.http.get(console.base + "/readyz") as answer:
        checks = (await answer.json())["checks"]
        return answer.status, {check["name"]: (check["ok"], check["detail"]) for check in checks}


async def test_a_whole_system_is_ready(console: Console) -> None:
    await seed_ledger(console.ledger, count=1)
    await seed_bus(console.bus)
    status, checks = await ready(console)
    assert status == 200
    assert set(checks) == {"redis", "clock", "workers", "ledger", "licence"}


async def test_a_missing_worker_is_named(console: Console) -> None:
    await seed_beats(console.bus, missing=frozenset({"guard", "tracker"}))
    status, checks = await ready(console)
    assert status == 503
    assert checks["workers"] == (False, "no heartbeat of guard, tracker")


async def test_without_redis_it_is_not_ready_and_says_why(start_console: StartConsole) -> None:
    server = RedisServer()
    console = await start_console(REDIS_URL=server.url)
    server.close()
    status, checks = await ready(console)
    assert status == 503
    assert [name for name, (ok, _) in checks.items() if not ok] == ["redis", "clock", "workers"]
    assert all(detail for _, detail in checks.values())


async def test_a_licence_that_is_needed_and_missing_is_named(start_console: StartConsole) -> None:
    console = await start_console(LICENSE_REQUIRED_FOR="all")
    status, checks = await ready(console)
    assert status == 503
    assert not checks["licence"][0]
    assert "there is no licence" in checks["licence"][1]


async def test_a_ledger_that_cannot_be_read_is_named(
    console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(_: LazyLedgers) -> None:
        raise LedgerUnavailableError("the ledger cannot be used: disk I/O error")

    monkeypatch.setattr(LazyLedgers, "reading", broken)
    status, checks = await ready(console)
    assert status == 503
    assert checks["ledger"] == (False, "the ledger cannot be used: disk I/O error")


async def test_a_machine_whose_clock_is_off_is_not_ready(
    console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    now_ms = console.bus.now_ms

    async def shifted() -> int:
        return await now_ms() + 5_000

    monkeypatch.setattr(console.bus, "now_ms", shifted)
    status, checks = await ready(console)
    assert (status, checks["clock"][0]) == (503, False)
