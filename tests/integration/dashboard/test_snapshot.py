"""What the console shows is what Redis and the ledger hold."""

import csv
import io
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from keter.bus.state.reconciliation import note_query
from keter.bus.state.trading import change_trading
from keter.dashboard.ledgers import LazyLedgers
from keter.domain.order_states import OrderState
from keter.domain.trading import TradingMode, TradingState
from keter.ledger import LedgerUnavailableError, OrderChanges
from keter.plain import csv_lines
from tests.integration.dashboard.conftest import Console, StartConsole
from tests.kit.console_seed import seed_bus, seed_ledger
from tests.kit.support import RedisServer, eventually

STATUS = {
    "mode",
    "state",
    "balance",
    "outstanding",
    "pnl_today",
    "confirmed",
    "rejected",
    "heartbeats",
    "problem",
    "settings_differ",
    "following",
    "armed",
}


async def test_an_empty_system_is_shown_as_unknown_and_never_as_zero(console: Console) -> None:
    """No account, no trading state, no heartbeat: dashes, not noughts."""

    async def ready() -> bool:
        return (await console.get("/api/v1/snapshot"))[0] == 200

    await eventually(ready)
    _, found = await console.get("/api/v1/snapshot")
    assert found["trading"]["mode"] is None
    assert found["money"]["balance"] is None
    assert {worker["state"] for worker in found["workers"]} == {"lost"}
    assert {worker["beat_at"] for worker in found["workers"]} == {None}
    assert found["money"]["open"] == 0


async def test_a_running_system_is_shown_in_full(console: Console) -> None:
    seed = await seed_ledger(console.ledger)
    await seed_bus(console.bus, now=seed.now)

    async def shown() -> Any:
        # One that began while the day was being written may know half of it.
        await console.context.accounts.first.hub.refresh()
        status, found = await console.get("/api/v1/snapshot")
        return found if status == 200 and found["attention"] and found["money"]["unknown"] else None

    found = await eventually(shown)
    assert found["trading"]["mode"] == "ACTIVE"
    assert found["money"]["balance"] == "10432.10"
    assert found["money"]["available"] == "9801.10"
    assert found["money"]["unknown"] == 1
    assert [worker["process"] for worker in found["workers"]][:3] == ["ingest", "validator", "edge"]
    assert {queue["name"]: queue["depth"] for queue in found["queues"]}["raw"] == 7
    assert found["money"]["exposure"] == "60.00"
    assert (
        next(stage for stage in found["funnel"] if stage["stage"] == "edge")["reasons"][
            "ev_too_low"
        ]
        == 14_002
    )
    assert found["attention"][0]["id"] == "unknown-bets"


async def test_the_original_status_call_answers_with_its_names(console: Console) -> None:
    await seed_bus(console.bus)

    async def status() -> Any:
        code, found = await console.get("/api/status")
        return found if code == 200 and len(found["heartbeats"] or ()) == 8 else None

    found = await eventually(status)
    assert set(found) == STATUS
    assert found["mode"] == "DRY"
    assert found["state"] == "ACTIVE"
    assert "router" in found["heartbeats"]
    assert found["problem"] is None


UNKNOWN = (
    "balance",
    "outstanding",
    "pnl_today",
    "confirmed",
    "rejected",
    "heartbeats",
    "settings_differ",
)


@pytest.mark.slow
async def test_the_status_call_has_every_field_before_the_first_snapshot_and_while_redis_is_away(
    start_console: StartConsole,
) -> None:
    """A script reads ``state`` whenever it asks; where nobody knows it is null, and the answer says
    why.
    """
    server = RedisServer()
    console = await start_console(REDIS_URL=server.url)
    code, found = await console.get("/api/status")
    assert (code, set(found)) == (200, STATUS), "asked at once"
    await eventually(console.context.accounts.first.hub.current)
    server.close()
    await eventually(lambda: console.context.accounts.first.hub.problem)
    code, found = await console.get("/api/status")
    assert (code, set(found)) == (200, STATUS)
    assert [found[name] for name in UNKNOWN] == [None] * len(UNKNOWN)
    assert (found["mode"], found["state"], found["problem"]) == (
        "DRY",
        None,
        console.context.accounts.first.hub.problem,
    )
    console.settings.router.halt_file.touch()
    assert (await console.get("/api/status"))[1]["state"] == "HALTED", (
        "the file holds, whatever Redis says"
    )


async def test_the_status_call_says_that_the_ledger_is_away(
    console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(_: LazyLedgers) -> None:
        raise LedgerUnavailableError("the ledger cannot be used: disk I/O error")

    await seed_bus(console.bus)
    monkeypatch.setattr(LazyLedgers, "reading", broken)

    async def told() -> Any:
        code, found = await console.get("/api/status")
        assert (code, set(found)) == (200, STATUS)
        return found if found["problem"] == "the ledger cannot be used: disk I/O error" else None

    found = await eventually(told)
    assert (found["state"], found["pnl_today"]) == ("ACTIVE", None)
    assert "router" in found["heartbeats"]


async def test_the_document_promises_every_field_of_the_status_call(console: Console) -> None:
    _, document = await console.get("/api/v1/openapi.json")
    assert set(document["components"]["schemas"]["StatusAnswer"]["required"]) == STATUS


async def test_a_change_of_state_reaches_the_snapshot_within_a_second(console: Console) -> None:
    await seed_bus(console.bus)
    now = datetime.now(UTC)
    await change_trading(
        console.bus,
        TradingState(TradingMode.HALTED, "guard", "daily loss", now),
        expected_revision=None,
        now=now,
    )

    async def halted() -> bool:
        status, found = await console.get("/api/v1/snapshot")
        return (
            status == 200
            and found["trading"]["mode"] == "HALTED"
            and found["trading"]["actor"] == "guard"
        )

    assert await eventually(halted, timeout_s=2)


async def test_the_trail_of_a_bet_holds_every_step_with_its_delay(console: Console) -> None:
    seed = await seed_ledger(console.ledger, count=3)
    won = seed.bets[1]
    status, found = await console.get(f"/api/v1/orders/{won.intent.intent_id}")
    assert status == 200
    assert [step["stage"] for step in found["steps"]] == [
        "edge",
        "guard",
        "bet",
        "bet",
        "bet",
        "bet",
        "bet",
        "settlement",
    ]
    assert [step["outcome"] for step in found["steps"]][-2:] == ["FILLED", "WON"]
    assert found["steps"][1]["delta_s"] == 0.2
    assert found["previous"] == seed.bets[0].intent.intent_id
    assert found["next"] == seed.bets[2].intent.intent_id


async def test_a_bet_in_doubt_tells_how_often_the_venue_was_asked_for_it(console: Console) -> None:
    seed = await seed_ledger(console.ledger, count=3)
    path = f"/api/v1/orders/{seed.bets[-1].intent.intent_id}"
    _, found = await console.get(path)
    assert (found["order"]["state"], found["doubt"]["asked"], found["doubt"]["last_at"]) == (
        "UNKNOWN",
        0,
        None,
    )
    assert found["doubt"]["since"] == found["steps"][-1]["at"]
    for _ in range(2):
        await note_query(console.bus, seed.bets[-1].intent.intent_id)
    _, found = await console.get(path)
    assert found["doubt"]["asked"] == 2
    assert found["doubt"]["last_at"] is not None
    _, found = await console.get(f"/api/v1/orders/{seed.bets[1].intent.intent_id}")
    assert found["doubt"] is None


async def test_a_secret_that_a_venue_quoted_is_not_in_the_trail(
    start_console: StartConsole,
) -> None:
    console = await start_console(AO_USER="me", AO_PASS="canary-venue-4711")
    seed = await seed_ledger(console.ledger, count=3)
    bet = seed.bets[0]  # FILLED
    evidence = {
        "message": "bad call ?password=canary-venue-4711",
        "AOToken": "canary-token-4712",
        "odds": 2.5,
        "tries": 3,
    }
    await console.ledger.orders.transition(
        bet.intent.intent_id,
        OrderState.WON,
        at=seed.now,
        cause="result",
        worker="tracker",
        evidence=evidence,
    )
    _, found = await console.get(f"/api/v1/orders/{bet.intent.intent_id}")
    assert "canary" not in str(found)
    shown = found["steps"][-1]["raw"]["evidence"]
    assert (shown["odds"], shown["tries"], shown["AOToken"]) == (2.5, 3, "***")


async def test_orders_are_filtered_paged_and_exported(console: Console) -> None:
    await seed_ledger(console.ledger, count=30)
    _, first = await console.get("/api/v1/orders?limit=10")
    _, second = await console.get(f"/api/v1/orders?limit=10&before={first['items'][-1]['id']}")
    _, refused = await console.get("/api/v1/orders?state=REFUSED")
    _, found = await console.get("/api/v1/orders?text=bayern&market=ou")
    sports = [
        (await console.get(f"/api/v1/orders?sport={name}"))[1]["items"]
        for name in ("football", "tennis")
    ]
    assert first["more"] is True
    assert (len(sports[0]), {row["sport"] for row in sports[0]}, sports[1]) == (
        31,
        {"football"},
        [],
    )
    assert not {row["id"] for row in first["items"]} & {row["id"] for row in second["items"]}
    assert {row["state"] for row in refused["items"]} == {"REFUSED"}
    assert {row["home"] for row in found["items"]} <= {"Bayern München"}
    async with console.http.get(console.base + "/api/v1/orders.csv") as answer:
        lines = (await answer.text()).strip().split("\r\n")
    assert len(lines) == 1 + 31
    assert "no-store" in answer.headers["Cache-Control"]


async def test_a_search_reads_the_whole_ledger_and_the_export_holds_all_of_it(
    console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pages of the ledger smaller than what is looked for: nothing ends early, and "no more" is
    true.
    """
    monkeypatch.setattr("keter.dashboard.records.ORDERS_PAGE", 3)
    seed = await seed_ledger(console.ledger, count=70)
    oldest = seed.bets[0].intent.intent_id
    _, found = await console.get(f"/api/v1/orders?text={oldest}&limit=5")
    assert ([row["id"] for row in found["items"]], found["more"]) == ([oldest], False)
    async with console.http.get(console.base + "/api/v1/orders.csv?limit=1") as answer:
        rows = list(csv.DictReader(io.StringIO(await answer.text(), newline="")))
    assert [row["id"] for row in rows] == [bet.intent.intent_id for bet in reversed(seed.bets)]
    assert rows[-2]["pnl"] == "10.20"


async def test_a_search_that_takes_too_long_says_so(
    console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("keter.dashboard.records.SEARCH_S", 0.0)
    await seed_ledger(console.ledger, count=3)
    status, found = await console.get("/api/v1/orders")
    assert (status, found["error"]["code"]) == (503, "unavailable")
    assert "narrow it" in found["error"]["message"]


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        ("=1+1", "'=1+1"),
        ("+1", "'+1"),
        ("-1+HYPERLINK(1)", "'-1+HYPERLINK(1)"),
        ("-84.20", "-84.20"),
        ("@x", "'@x"),
        ("\r=x", "'=x"),
        ("\rx", "x"),
        ("Bayern", "Bayern"),
        (None, ""),
        ('a"b,c', '"a""b,c"'),
    ],
)
def test_no_cell_of_the_export_is_a_formula(value: str | None, cell: str) -> None:
    assert csv_lines([[value]]).decode() in {f"{cell}\r\n", f'"{cell}"\r\n'}


async def test_every_screen_answers(console: Console) -> None:
    seed = await seed_ledger(console.ledger)
    await seed_bus(console.bus, now=seed.now)
    await eventually(lambda: console.context.accounts.first.hub.latest() is not None)
    for path in ("signals", "risk", "health", "alerts", "performance", "logs", "config", "orders"):
        status, found = await console.get(f"/api/v1/{path}")
        assert status == 200, (path, found)


async def test_performance_counts_what_was_settled_in_its_days_whenever_it_was_bet(
    console: Console,
) -> None:
    now = datetime.now(UTC)
    seed = await seed_ledger(console.ledger, count=3, now=now - timedelta(days=9), unknown=False)
    running = seed.bets[0]
    changes = OrderChanges(pnl_minor=1020, settled_at=now - timedelta(hours=2))
    await console.ledger.orders.transition(
        running.intent.intent_id,
        OrderState.WON,
        at=now,
        cause="result",
        worker="tracker",
        changes=changes,
    )
    for days, bets in ((1, 1), (7, 1), (30, 3)):
        _, found = await console.get(f"/api/v1/performance?days={days}")
        assert found["total"]["bets"] == bets, days


async def test_performance_never_mixes_dry_and_live(console: Console) -> None:
    await seed_ledger(console.ledger, count=9)
    _, dry = await console.get("/api/v1/performance?mode=DRY&by=book")
    _, live = await console.get("/api/v1/performance?mode=LIVE&by=book")
    assert dry["total"]["bets"] == 5
    assert dry["total"]["pnl"] == "-4.70"
    assert dry["total"]["clv_count"] == 5
    assert live["total"]["bets"] == 0
    assert live["total"]["yield_pct"] is None
    _, by_sport = await console.get("/api/v1/performance?mode=DRY&by=sport")
    assert [(row["group"], row["bets"]) for row in by_sport["rows"]] == [("football", 5)]


async def test_risk_tells_how_much_is_in_doubt(console: Console) -> None:
    seed = await seed_ledger(console.ledger, count=3)
    await seed_bus(console.bus, now=seed.now)

    async def told() -> Any:
        status, found = await console.get("/api/v1/risk")
        notes = {limit["name"]: limit["note"] for limit in found["limits"]} if status == 200 else {}
        return notes.get("total")

    assert await eventually(told) == "10.00 of it in 1 UNKNOWN"
