"""``/metrics`` over a real Redis and a real ledger: who may read it, what it holds, what Prometheus
and Grafana ask of it.
"""

import asyncio
import json
import re
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]  # comes with schemathesis, without types
from argon2 import PasswordHasher
from prometheus_client.parser import text_string_to_metric_families as parse
from prometheus_client.samples import Sample

from keter.bus.telemetry.audit import add_counts
from keter.bus.telemetry.heartbeats import Heart
from keter.dashboard.rules.table import RULES
from keter.metrics import CATALOGUE, CONTENT_TYPE
from tests.integration.dashboard.conftest import Console, StartConsole
from tests.kit.console_seed import FIXTURES, seed_bus, seed_ledger
from tests.kit.promql import Query, read_query
from tests.kit.support import ROOT, RedisServer, eventually

TOKEN = "canary-metrics-token-4711"
CHEAP = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
OF_PROMETHEUS = {"up": {"instance", "job"}}
TARGET = {"instance", "job"}
RULES_FILE = ROOT / "deploy" / "prometheus" / "rules.yml"
BOARD_FILE = ROOT / "deploy" / "grafana" / "keter.json"


async def page(console: Console, **headers: str) -> tuple[int, str]:
    async with console.http.get(console.base + "/metrics", headers=headers) as answer:
        return answer.status, await answer.text()


async def seed_everything(console: Console) -> None:
    """Make a day on which every family has samples."""
    seed = await seed_ledger(console.ledger, count=18)
    await seed_bus(console.bus, now=seed.now, day=console.context.accounts.first.reader.today())
    steps = {"ingest": "parse", "validator": "wait", "edge": "handle", "router": "place_call"}
    for process, step in steps.items():
        heart = Heart(console.bus, process=process, worker=process, heartbeat_s=30)
        heart.observe(step, 0.02)
        heart.observe("wait", 0.01)
        heart.count("items", 5)
        for gauge in ("loop_lag_s", "leader", "trading_revision", "low_ev_streak"):
            heart.gauge(gauge, 1)
        heart.error("lost the connection")
        await heart.beat()
    account = console.settings.account.key
    tracker = Heart(
        console.bus, process="tracker", worker="tracker", account=account, heartbeat_s=30
    )
    tracker.gauge("foreign_open", 0)
    await tracker.beat()
    more = {
        "ingest:problem_bad_row": 3,
        "ingest:changed": 40,
        "validator:book_quote_stale": 5,
        "router:venue_refused": 2,
    }
    await add_counts(console.bus, console.context.accounts.first.reader.today(), more)


@pytest.fixture
async def text(console: Console) -> str:
    await seed_everything(console)

    async def whole() -> str | None:
        """Return the page; None where the ledger took longer than a scrape waits for it."""
        status, found = await page(console)
        assert status == 200
        return found if "keter_ledger_up 1" in found else None

    found = await eventually(whole)
    assert found is not None
    return found


@pytest.fixture
def samples(text: str) -> dict[str, list[Sample]]:
    found: dict[str, list[Sample]] = {}
    for family in parse(text):
        for sample in family.samples:
            found.setdefault(sample.name, []).append(sample)
    return found


async def test_the_page_holds_what_redis_and_the_ledger_hold(
    console: Console, samples: dict[str, list[Sample]]
) -> None:
    def value(name: str, **labels: str) -> float:
        return next(
            sample.value for sample in samples[name] if labels.items() <= sample.labels.items()
        )

    today = console.context.accounts.first.reader.today()
    account = console.settings.account
    summary = await console.ledger.summary(account.mode, account.key, today)
    assert value("keter_up") == 1
    assert value("keter_day_profit") == summary.pnl_minor / 100
    assert value("keter_bets", state="UNKNOWN") == summary.unknown == 1
    assert value("keter_account_balance") == 10432.1
    assert sum(sample.value for sample in samples["keter_exposure"]) == 60
    assert value("keter_verdicts_total", stage="edge", reason="ev_too_low") == 14_002
    assert value("keter_queue_depth", queue="raw") == 7
    assert value("keter_alerts", alert="unknown-bets") == 1
    assert value("keter_step_seconds_bucket", step="place_call", le="0.025") == 1
    assert value("keter_clv_mean_ratio") == pytest.approx(2.02 / 1.98 - 1)


async def test_every_family_of_the_catalogue_can_be_served(
    samples: dict[str, list[Sample]],
) -> None:
    """But the licence, which this console has none of, and growth, which takes ten minutes of
    watching.
    """
    ends = {"histogram": ("_bucket", "_sum", "_count")}
    missing = {
        name
        for name, spec in CATALOGUE.items()
        if not {name + end for end in ends.get(spec.kind, ("",))} <= samples.keys()
    }
    growth = {"keter_storage_growth_bytes_per_day", "keter_storage_days_left"}
    assert missing == {"keter_license_expiry_timestamp_seconds", *growth}


async def test_the_answer_says_what_it_is(console: Console) -> None:
    async with console.http.get(console.base + "/metrics") as answer:
        assert (
            answer.headers["Content-Type"]
            == CONTENT_TYPE
            == "text/plain; version=0.0.4; charset=utf-8"
        )
        assert answer.headers["Cache-Control"] == "no-store"


async def test_nothing_of_the_outside_world_becomes_a_label(text: str) -> None:
    """Teams, leagues and books come in any number and spelling; so do accounts."""
    words = {
        word for fixture in FIXTURES for name in fixture for word in re.findall(r"\w{4,}", name)
    } | {"sandbox", "SBO", "PIN"}
    assert not [word for word in words if word in text]
    assert len(text.splitlines()) < 700


@pytest.fixture
async def locked(start_console: StartConsole) -> Console:
    secret = CHEAP.hash("seven wet herons walk")
    return await start_console(
        DASH_PASSWORD_HASH=secret, METRICS_TOKEN=TOKEN, DASH_TOTP_SECRET="CANARYCANARY2345"
    )


async def test_this_machine_may_read_it_without_a_login(locked: Console) -> None:
    assert (await page(locked))[0] == 200


@pytest.mark.parametrize("path", ["/metrics", "/readyz"])
@pytest.mark.parametrize(
    ("authorization", "allowed"),
    [
        (f"Bearer {TOKEN}", True),
        (f"bearer {TOKEN}", True),
        (None, False),
        ("Bearer ", False),
        (f"Bearer {TOKEN}x", False),
        (f"Basic {TOKEN}", False),
        (TOKEN, False),
        ("Bearer \udcff", False),
    ],
)
async def test_others_need_the_token(
    locked: Console, path: str, authorization: str | None, allowed: bool
) -> None:
    """A request that some proxy hands on is not from this machine, whatever its peer address
    says.
    """
    headers = {"X-Forwarded-For": "203.0.113.9"} | (
        {"Authorization": authorization} if authorization is not None else {}
    )
    async with locked.http.get(locked.base + path, headers=headers) as answer:
        assert (answer.status != 401) == allowed


async def test_the_token_opens_nothing_else(locked: Console) -> None:
    headers = {"Authorization": f"Bearer {TOKEN}", "X-Forwarded-For": "203.0.113.9"}
    for path in ("/api/v1/snapshot", "/api/v1/config", "/api/status"):
        async with locked.http.get(locked.base + path, headers=headers) as answer:
            assert answer.status == 401, path


async def test_without_a_token_configured_no_token_is_right(start_console: StartConsole) -> None:
    console = await start_console(DASH_PASSWORD_HASH=CHEAP.hash("seven wet herons walk"))
    for authorization in ("Bearer ", "Bearer x"):
        status, _ = await page(
            console, Authorization=authorization, **{"X-Forwarded-For": "203.0.113.9"}
        )
        assert status == 401


async def test_no_secret_is_on_the_page(locked: Console) -> None:
    await seed_bus(locked.bus)
    _, text = await page(locked)
    secrets = (
        TOKEN,
        "CANARYCANARY2345",
        locked.settings.dashboard.dash_password_hash.get_secret_value(),
    )
    assert not [secret for secret in secrets if secret in text]


async def test_with_redis_gone_it_says_so_and_tells_what_the_ledger_knows(
    start_console: StartConsole,
) -> None:
    server = RedisServer()
    console = await start_console(REDIS_URL=server.url)
    try:
        await seed_everything(console)
        server.kill()
        status, text = await page(console)
    finally:
        server.close()
    found = {sample.name: sample.value for family in parse(text) for sample in family.samples}
    assert status == 200
    assert (found["keter_up"], found["keter_redis_up"], found["keter_ledger_up"]) == (0, 0, 1)
    assert found["keter_day_profit"] != 0
    assert not [
        name for name in found if name.startswith(("keter_queue", "keter_worker", "keter_account"))
    ]


async def test_many_who_ask_at_once_get_one_page(
    console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = 0
    facts = console.context.accounts.first.reader.facts

    async def counted() -> Any:
        nonlocal asked
        asked += 1
        return await facts()

    await console.context.accounts.first.hub.refresh()
    monkeypatch.setattr(console.context.accounts.first.hub, "refresh", lambda: asyncio.sleep(0))
    monkeypatch.setattr(console.context.accounts.first.reader, "facts", counted)
    pages = await asyncio.gather(*[page(console) for _ in range(20)])
    assert {status for status, _ in pages} == {200}
    assert asked <= 3


def rule_expressions() -> dict[str, str]:
    groups = yaml.safe_load(RULES_FILE.read_text(encoding="utf-8"))["groups"]
    return {f"rule {rule['alert']}": rule["expr"] for group in groups for rule in group["rules"]}


def board() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(BOARD_FILE.read_text(encoding="utf-8"))
    return found


def board_targets() -> dict[str, dict[str, str]]:
    return {
        f"panel {panel['id']} {panel['title']} {target['refId']}": target
        for panel in board()["panels"]
        for target in panel.get("targets", [])
    }


def wrong_in(query: Query, samples: dict[str, list[Sample]]) -> list[str]:
    """Metrics, labels and values that the page does not have."""
    wrong = []
    for selector in query.selectors:
        rows = samples.get(selector.metric, [])
        labels = (
            OF_PROMETHEUS.get(selector.metric)
            or {name for row in rows for name in row.labels} | TARGET
        )
        if not rows and selector.metric not in OF_PROMETHEUS:
            wrong.append(selector.metric)
        for label, operator, text in selector.matchers:
            if label not in labels:
                wrong.append(f"{selector.metric}{{{label}}}")
            elif label not in TARGET and not any(
                _fits(row.labels[label], operator, text) for row in rows
            ):
                wrong.append(f"{selector.metric}{{{label}{operator}{text}}}")
    return wrong


def _fits(value: str, operator: str, text: str) -> bool:
    same = value == text if operator in {"=", "!="} else re.fullmatch(text, value) is not None
    return same == (operator in {"=", "=~"})


def labels_of(query: Query, samples: dict[str, list[Sample]]) -> set[str]:
    names = {selector.metric for selector in query.selectors}
    return TARGET | {
        label for name in names for row in samples.get(name, []) for label in row.labels
    }


async def test_every_rule_and_every_panel_asks_for_what_there_is(
    samples: dict[str, list[Sample]],
) -> None:
    queries = rule_expressions() | {
        name: target["expr"] for name, target in board_targets().items()
    }
    assert len(queries) > 60
    licence = {
        "keter_license_expiry_timestamp_seconds": [
            Sample("keter_license_expiry_timestamp_seconds", {}, 1.0)
        ]
    }
    wrong: dict[str, list[str]] = {}
    for name, text in queries.items():
        query = read_query(text)
        assert query.selectors, name
        found = wrong_in(query, samples | licence)
        found += [f"by {label}" for label in query.grouped_by - labels_of(query, samples)]
        if found:
            wrong[name] = found
    assert wrong == {}


async def test_legends_and_descriptions_name_labels_that_the_query_leaves(
    samples: dict[str, list[Sample]],
) -> None:
    for name, target in board_targets().items():
        query = read_query(target["expr"])
        left = query.grouped_by or labels_of(query, samples)
        assert set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"])) <= left, name


@pytest.mark.parametrize(
    "broken",
    [
        "keter_nothing",
        'keter_bets{colour="red"}',
        'keter_bets{state="GONE"}',
        "sum by (x) (keter_up)",
    ],
)
async def test_the_search_would_find_a_query_that_asks_for_nothing(
    samples: dict[str, list[Sample]], broken: str
) -> None:
    query = read_query(broken)
    assert wrong_in(query, samples) or query.grouped_by - labels_of(query, samples)


def mirrored_by(rule: dict[str, Any]) -> set[tuple[str, str]]:
    """(alert of Keter, level) that a rule of Prometheus stands for; a label with a template stands
    for all it selects.
    """
    name, level = rule["labels"].get("keter_alert"), rule["labels"]["severity"]
    if name is None or "{{" not in name:
        return {(name, level)} if name is not None else set()
    assert name == "{{ $labels.alert }}"
    (wanted,) = re.findall(r'alert=~"([^"]+)"', rule["expr"])
    return {(one.kind.id, level) for one in RULES if re.fullmatch(wanted, one.kind.id)}


def test_every_alert_of_keter_has_its_rule_with_the_same_level() -> None:
    """Else Prometheus would keep silent about it.

    Some are a ticket in their milder form, and the licence wakes somebody on its last day.
    """
    groups = yaml.safe_load(RULES_FILE.read_text(encoding="utf-8"))["groups"]
    mirrored = {pair for group in groups for rule in group["rules"] for pair in mirrored_by(rule)}
    less = (
        "heartbeat-lost",
        "worker-restarting",
        "worker-hung",
        "nothing-bet",
        "not-armed",
        "redis-memory",
    )
    more = {("licence-ending", "page"), *((name, "ticket") for name in less)}
    assert mirrored == {(rule.kind.id, rule.kind.level) for rule in RULES} | more
    names = [rule["alert"] for group in groups for rule in group["rules"]]
    assert len(names) == len(set(names))


def test_the_board_is_one_that_grafana_loads() -> None:
    """Unique ids, a data source by variable everywhere, panels inside the grid of 24 columns, none
    upon another.
    """
    found = board()
    assert found["id"] is None
    assert found["uid"] == "keter"
    assert found["schemaVersion"] >= 36
    variables = {variable["name"]: variable for variable in found["templating"]["list"]}
    assert variables["datasource"]["type"] == "datasource"
    assert variables["datasource"]["query"] == "prometheus"
    panels = found["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        grid = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(grid["x"], grid["x"] + grid["w"])
            for y in range(grid["y"], grid["y"] + grid["h"])
        }
        assert max(x for x, _ in cells) < 24
        assert not cells & taken, panel["title"]
        taken |= cells
        if panel["type"] != "row":
            sources = [panel["datasource"], *[target["datasource"] for target in panel["targets"]]]
            assert all(
                source == {"type": "prometheus", "uid": "${datasource}"} for source in sources
            )
            assert (
                len({target["refId"] for target in panel["targets"]}) == len(panel["targets"]) > 0
            )


def test_the_scrape_file_names_the_rules_and_the_path() -> None:
    config = yaml.safe_load(
        (ROOT / "deploy" / "prometheus" / "prometheus.yml").read_text(encoding="utf-8")
    )
    assert config["rule_files"] == [RULES_FILE.name]
    (job,) = config["scrape_configs"]
    assert (job["job_name"], job["metrics_path"]) == ("keter", "/metrics")
    assert job["static_configs"][0]["targets"] == ["127.0.0.1:8080"]


async def test_health_and_metrics_tell_the_room_that_is_taken_and_its_cap(
    console: Console, samples: dict[str, list[Sample]]
) -> None:
    code, health = await console.get("/api/v1/health")
    log = console.settings.log
    caps = {
        "ledger": log.ledger_max_mb,
        "captures": log.capture_max_mb,
        "logs": log.log_total_max_mb,
    }
    assert code == 200
    assert {store["name"]: store["most_bytes"] for store in health["storage"]} == {
        n: mb * 1e6 for n, mb in caps.items()
    }
    assert (
        next(store["used_bytes"] for store in health["storage"] if store["name"] == "ledger")
        > 10_000
    )
    limits = {
        sample.labels["store"]: sample.value for sample in samples["keter_storage_limit_bytes"]
    }
    assert limits == {name: mb * 1e6 for name, mb in caps.items()}
