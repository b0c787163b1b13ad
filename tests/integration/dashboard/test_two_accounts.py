"""One console over two accounts: each has its own figures, and neither's trouble is hidden."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from prometheus_client.parser import text_string_to_metric_families as parse

from keter.bus.locks import Locks
from keter.bus.state.cooldowns import cool_down
from keter.bus.state.permissions import read_limits
from keter.bus.telemetry.alerts import read_alerts
from keter.dashboard.alert_views import telegram_views
from keter.dashboard.ledgers import LazyLedgers
from keter.dashboard.rules import workers as worker_rules
from keter.domain.alerts import Alert
from tests.integration.dashboard.conftest import Console, StartConsole
from tests.kit.support import eventually
from tests.kit.two_accounts import ALICE, BOB, ENVIRON, beat_once, seed_two, seed_two_ledgers

pytestmark = pytest.mark.slow  # a ledger and a console of two accounts for each test


@pytest.fixture
async def two(start_console: StartConsole) -> Console:
    console = await start_console(**ENVIRON)
    await seed_two_ledgers(console.ledger)
    await seed_two(console.bus)

    async def everything_shown() -> bool:
        """Return whether each page is built from all that was seeded; they may be a second old."""
        pages = [await one.hub.fresh() for one in console.context.accounts]
        balances = [page.money and page.money.available for page in pages]
        known = [
            line.pnl_today == page.money.pnl_today and line.open == page.money.open
            for page, line in zip(pages, pages[0].accounts, strict=True)
            if page.money
        ]
        return (
            balances == ["9801.10", "410.50"]
            and [len(page.orders) for page in pages] == [31, 8]
            and [len(page.accounts[1].trouble) for page in pages] == [0, 0]
            and known == [True, True]
        )

    await eventually(everything_shown)
    return console


async def test_each_account_has_its_own_money_bets_and_workers(two: Console) -> None:
    """Without a name it is the first account."""
    shown = {}
    for name, path in {"": "", ALICE: f"?account={ALICE}", BOB: f"?account={BOB}"}.items():
        status, shown[name] = await two.get(f"/api/v1/snapshot{path}")
        assert status == 200
    assert [one["server"]["account"] for one in shown.values()] == [ALICE, ALICE, BOB]
    alice, bob = shown[ALICE], shown[BOB]
    assert (alice["money"]["available"], bob["money"]["available"]) == ("9801.10", "410.50")
    assert (alice["money"]["exposure"], bob["money"]["exposure"]) == ("60.00", "20.00")
    assert (alice["money"]["unknown"], bob["money"]["unknown"]) == (1, 0)
    assert (len(alice["orders"]), len(bob["orders"])) == (31, 8)
    assert not {row["id"] for row in alice["orders"]} & {row["id"] for row in bob["orders"]}
    assert not {row["trace_id"] for row in alice["signals"]} & {
        row["trace_id"] for row in bob["signals"]
    }
    common = {"validator", "edge", "guard", "recorder", "dashboard"}
    for one, label in ((alice, "alice"), (bob, "bob")):
        own = {f"{process}-{label}" for process in ("ingest", "router", "tracker")}
        assert {worker["worker"] for worker in one["workers"]} == common | own
        assert "lost" not in {worker["state"] for worker in one["workers"]}
        assert [queue["name"] for queue in one["queues"]].count("approved") == 1
        assert {feed["account"] for feed in one["feeds"]} == {one["server"]["account"]}


@pytest.mark.parametrize(
    "path",
    ["snapshot", "orders", "orders.csv", "signals", "risk", "health", "performance", "live"],
)
async def test_an_account_that_is_not_of_the_run_is_not_found(two: Console, path: str) -> None:
    headers = {"Upgrade": "websocket", "Connection": "Upgrade", "Origin": two.base}
    url = f"{two.base}/api/v1/{path}?account=asianodds:carol"
    async with two.http.get(url, headers=headers if path == "live" else {}) as answer:
        assert answer.status == 404
        error = (await answer.json())["error"]
    assert error["code"] == "unknown_account"
    assert error["message"] == f"there is no account asianodds:carol; there are {ALICE}, {BOB}"


async def test_every_page_shows_how_the_other_account_stands(two: Console) -> None:
    await two.bus.redis.execute_command("DEL", two.bus.keys.heartbeat("router", "router-bob"))

    async def noticed() -> bool:
        _, alice = await two.get("/api/v1/snapshot")
        return any(line["trouble"] for line in alice["accounts"] if line["name"] == "bob")

    await eventually(noticed)
    _, alice = await two.get("/api/v1/snapshot")
    lines = {line["name"]: line for line in alice["accounts"]}
    assert lines["alice"]["trouble"] == ["1 unknown bet"]
    assert lines["bob"]["trouble"] == ["router-bob is silent"]
    assert (lines["bob"]["mode"], lines["bob"]["state"]) == ("DRY", "ACTIVE")
    await two.context.accounts.of(BOB).hub.refresh()
    _, bob = await two.get(f"/api/v1/snapshot?account={BOB}")
    assert lines["bob"]["pnl_today"] == bob["money"]["pnl_today"]
    assert lines["bob"]["open"] == bob["money"]["open"]
    states = {worker["worker"]: worker["state"] for worker in bob["workers"]}
    assert states["router-bob"] == "lost"
    assert "router-bob" not in {worker["worker"] for worker in alice["workers"]}


async def test_with_one_account_there_is_no_line_to_choose_from(console: Console) -> None:
    _, only = await console.get("/api/v1/snapshot")
    assert only["accounts"] == []


async def test_the_stream_of_an_account_brings_what_changed_there(two: Console) -> None:
    bob = two.context.accounts.of(BOB)
    await bob.hub.refresh()
    url = f"{two.base}/api/v1/live?account={BOB}&since={bob.hub.position}"
    async with two.http.ws_connect(url, origin=two.base) as socket:
        await cool_down(two.bus, BOB, event_uid="e", seconds=60, reason="ok")
        await beat_once(two.bus, missing={"ingest-bob"})
        await two.bus.redis.execute_command("DEL", two.bus.keys.heartbeat("ingest", "ingest-bob"))
        while True:
            frame = json.loads((await socket.receive(timeout=10)).data)
            rows = frame["data"].get("workers", [])
            if any(row["worker"] == "ingest-bob" and row["state"] == "lost" for row in rows):
                break
        assert {row["worker"] for row in rows if row["process"] == "ingest"} == {"ingest-bob"}
    assert two.context.accounts.first.hub.pages == 0


async def test_risk_is_of_the_account_with_its_limits_and_holds(two: Console) -> None:
    await cool_down(two.bus, ALICE, event_uid="fb-20260221-a-v-b", seconds=60, reason="ok")
    locks = Locks(two.bus, owner="router")
    key = two.bus.keys.exec_lock("fb-20260221-c-v-d", "ft.ou.2.5.over", BOB)
    assert await locks.acquire(key, 30)
    _, alice = await two.get("/api/v1/risk")
    _, bob = await two.get(f"/api/v1/risk?account={BOB}")
    assert [hold["action"] for hold in alice["holds"]] == ["clear_cooldown"]
    assert [hold["action"] for hold in bob["holds"]] == ["clear_lock"]
    assert (len(alice["exposures"]), len(bob["exposures"])) == (6, 2)
    lost = {limit["name"]: limit["limit"] for limit in bob["limits"]}["daily_loss"]
    other = {limit["name"]: limit["limit"] for limit in alice["limits"]}["daily_loss"]
    stakes = [two.settings.of(name).stake.fixed_stake for name in (BOB, ALICE)]
    assert Decimal(lost) / stakes[0] == Decimal(other) / stakes[1]
    assert stakes[0] != stakes[1]


async def test_a_limit_is_set_for_the_account_that_is_shown(two: Console) -> None:
    """Its bound is the setting of that account."""
    wish = {"action": "set_limit", "target": "max_stake", "account": BOB, "value": "30"}
    status, answer = await two.post("/api/v1/commands/prepare", wish)
    assert (status, answer["error"]["code"]) == (409, "not_now")
    status, prepared = await two.post("/api/v1/commands/prepare", wish | {"value": "10"})
    assert (status, prepared["needs"]) == (200, [])
    assert prepared["summary"].startswith(f"Set MAX_STAKE of {BOB} to 10; it is 20")
    status, _ = await two.post("/api/v1/commands/commit", {"token": prepared["token"]})
    assert status == 200
    assert await read_limits(two.bus, BOB) == {"max_stake": Decimal(10)}
    assert await read_limits(two.bus, ALICE) == {}
    status, answer = await two.post("/api/v1/commands/prepare", wish | {"account": "carol"})
    assert (status, answer["error"]["code"]) == (409, "not_now")


async def test_a_stop_is_shown_with_the_bets_that_stay_open_of_all(two: Console) -> None:
    for one in two.context.accounts:
        await one.hub.refresh()
    money = [one.hub.snapshot().money for one in two.context.accounts]
    opened = [strip.open for strip in money if strip is not None]
    assert len(opened) == 2
    body = {"action": "halt", "target": "trading"}
    _, prepared = await two.post("/api/v1/commands/prepare", body)
    assert f"{sum(filter(None, opened))} open bets stay open" in prepared["summary"]


async def test_the_metrics_have_each_account_once(two: Console) -> None:
    async with two.http.get(two.base + "/metrics") as answer:
        families = {family.name: family for family in parse(await answer.text())}

    def by_account(name: str) -> dict[str, float]:
        return {one.labels["account"]: one.value for one in families[f"keter_{name}"].samples}

    assert by_account("account_available") == {ALICE: 9801.1, BOB: 410.5}
    assert by_account("limit_exposure").keys() == {ALICE, BOB}
    assert by_account("day_profit").keys() == {ALICE, BOB}
    roles = {one.labels["role"]: one.value for one in families["keter_workers"].samples}
    assert roles["router-alice"] == roles["router-bob"] == 1


async def test_the_alert_of_an_account_names_it(
    two: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A silent router of one account wakes somebody though the other's beats."""
    monkeypatch.setattr(worker_rules, "LOST_AFTER_S", -1.0)
    key = two.bus.keys.reconciled(BOB)
    await two.bus.redis.execute_command("DEL", key)
    await two.bus.redis.execute_command("DEL", two.bus.keys.heartbeat("router", "router-alice"))
    watch = two.context.watch
    watch._since = datetime.now(UTC) - timedelta(hours=1)
    await watch.look()
    alerts: dict[str, Alert] = {alert.id: alert for alert in await read_alerts(two.bus)}
    assert alerts["heartbeat-lost:router-alice"].level == "page"
    assert "heartbeat-lost:router-bob" not in alerts
    assert f"reconciliation-incomplete:{BOB}" in alerts
    assert alerts[f"reconciliation-incomplete:{BOB}"].detail.startswith(f"{BOB}: Ledger and venue")
    assert f"reconciliation-incomplete:{ALICE}" not in alerts


async def test_telegram_answers_for_each_account(two: Console) -> None:
    context = two.context
    ledgers = LazyLedgers(two.settings, context.clock)
    held = context.accounts.first.reader._held
    views = telegram_views(context.accounts, two.bus, ledgers, held)
    status = await views.status()
    assert [one.account for one in status.each] == [ALICE, BOB]
    owners = {bet.intent.account for bet in await views.open_orders()}
    assert owners == {ALICE, BOB}
    await ledgers.aclose()
