"""Every rule that the console watches fires when it should, is resolved when it is over, and leaves
its history.
"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from keter.bus.queue import Output, Pipe, QueueName
from keter.bus.state.reconciliation import note_pass
from keter.bus.telemetry.alerts import clear_alert, raise_alert, read_alerts
from keter.dashboard.account_watch import AccountWatch, unarmed
from keter.dashboard.alert_views import status_of
from keter.dashboard.facts import Facts
from keter.dashboard.health import Blocked, licence_trouble
from keter.dashboard.models import Disk, RedisFacts
from keter.dashboard.presence import Silent, Troubled
from keter.dashboard.rules.base import Finding, Situation, findings
from keter.dashboard.rules.betting import not_armed
from keter.dashboard.rules.table import RULES
from keter.dashboard.rules.workers import wanted
from keter.dashboard.stores import StoreHealth
from keter.domain.alerts import Alert
from keter.domain.order_states import OrderState
from keter.domain.processes import EVERYTHING, RECORDING, Process
from keter.domain.trading import ExecutionMode
from keter.license.token import issue, load_private_key, new_key
from keter.supervision.run import single
from tests.integration.dashboard.conftest import Console, StartConsole
from tests.kit.console_seed import seed_beats, seed_bus, seed_ledger
from tests.kit.support import eventually

OWN = {rule.kind.id: rule for rule in RULES}


async def situation(console: Console, **changes: object) -> Situation:
    facts = await console.context.accounts.first.reader.facts()
    roomy = Disk(free_bytes=9, total_bytes=10, pct_used=10)
    calm: dict[str, object] = {
        "facts": facts,
        "settings": console.settings,
        "watched_since": facts.at,
        "disk": roomy,
        "licence": None,
        "login_failures": None,
    }
    return Situation(**{**calm, **changes})  # type: ignore[arg-type]  # names checked by the class


def fired(found: Situation) -> set[str]:
    return {
        name for name, rule in OWN.items() if findings(rule, StoreHealth(found.facts.at), [found])
    }


async def test_what_is_told_while_redis_is_away_does_not_pass_for_the_present(
    console: Console,
) -> None:
    """Money comes from the ledger and stands; the trading state is what nobody knows then."""
    await seed_bus(console.bus)
    await console.context.accounts.first.hub.refresh()
    latest = console.context.accounts.first.hub.latest()
    known, unknown = (status_of(latest, console.settings, known=one) for one in (True, False))
    assert (known.trading, unknown.trading) == ("ACTIVE", None)
    assert known.open == unknown.open == 0
    assert known.pnl_today == unknown.pnl_today == "0.00"


async def test_a_calm_system_raises_nothing(console: Console) -> None:
    await seed_ledger(console.ledger, count=5, unknown=False)
    await seed_bus(console.bus)
    assert fired(await situation(console)) == set()


async def test_a_silent_worker_wakes_somebody_where_betting_or_settling_ends_with_it(
    console: Console,
) -> None:
    """Each under its own id.

    The recorder, and a copy beside which another beats, wait until morning.
    """
    await seed_bus(console.bus)
    now = datetime.now(UTC)
    long, short = now - timedelta(seconds=20), now - timedelta(seconds=5)
    silent = (
        Silent("guard", "guard", long, alone=True),
        Silent("tracker", "tracker", long, alone=True),
        Silent("recorder", "recorder", long, alone=True),
        Silent("edge-2", "edge", long, alone=False),
        Silent("router", "router", short, alone=True),
    )
    found = await situation(console, silent=silent)
    told = findings(OWN["heartbeat-lost"], StoreHealth(found.facts.at), [found])
    assert told is not None
    levels = {one.about: one.level for one in told}
    assert levels == {"guard": None, "tracker": None, "recorder": "ticket", "edge-2": "ticket"}


@pytest.mark.parametrize("rule", ["worker-restarting", "worker-hung"])
async def test_a_worker_that_is_started_again_and_again_or_was_killed_is_told(
    console: Console, rule: str
) -> None:
    await seed_bus(console.bus)
    troubled = (Troubled("tracker", "tracker", 4), Troubled("recorder", "recorder", 4))
    name = {"worker-restarting": "restarting", "worker-hung": "killed"}[rule]
    found = await situation(console, **{name: troubled})
    told = findings(OWN[rule], StoreHealth(found.facts.at), [found])
    assert told is not None
    assert {one.about: one.level for one in told} == {"tracker": None, "recorder": "ticket"}


@pytest.mark.slow
async def test_a_lost_trading_state_is_told(console: Console) -> None:
    await seed_ledger(console.ledger, count=1, unknown=False)
    assert fired(await situation(console)) == {"trading-state-missing"}


async def test_a_recording_misses_nobody_that_it_does_not_start(console: Console) -> None:
    """Its own are missed as ever."""
    found = await situation(console, starts=RECORDING)
    assert fired(found) == set()
    assert list(wanted(RECORDING, [""])) == ["ingest", "recorder"]
    assert set(wanted(EVERYTHING, [""])) == {process.value for process in Process} - {"dashboard"}
    live = console.settings.model_copy(
        update={
            "mode": console.settings.mode.model_copy(update={"execution_mode": ExecutionMode.LIVE})
        }
    )
    await seed_bus(console.bus)
    seen = await console.context.accounts.first.reader.facts()
    active = replace(seen, bus=replace(seen.bus, blocked=Blocked(None, None)))
    assert unarmed(live, active)
    waits = {
        starts: AccountWatch(live, starts).look(active).unarmed_since is not None
        for starts in (RECORDING, EVERYTHING)
    }
    assert waits == {RECORDING: False, EVERYTHING: True}


async def test_dead_letters_are_told(console: Console) -> None:
    await seed_ledger(console.ledger, count=1, unknown=False)
    await seed_bus(console.bus)
    pipe = Pipe(console.bus, source=QueueName.VALIDATED, worker="edge", lease_ttl_s=30)
    await pipe.open()
    (item,) = await pipe.step(
        outputs=[Output(QueueName.VALIDATED, "k", b"rubbish")], claim=1
    ) or await pipe.step(claim=1)
    await pipe.dead(item, "does not decode")
    assert fired(await situation(console)) == {"dead-letters"}


async def test_ledger_and_venue_that_are_not_compared_wake_somebody(console: Console) -> None:
    """Betting had stopped for minutes, and nothing but a counter of the tracker said so."""
    await seed_ledger(console.ledger, count=1, unknown=False)
    await seed_bus(console.bus)
    rule = OWN["reconciliation-incomplete"]
    assert rule.of_account is not None
    name = (await console.context.accounts.first.reader.facts()).bus.accounts[0].account
    await note_pass(console.bus, name, "token", single(console.settings).mark)
    long_ago = datetime.now(UTC) - timedelta(hours=1)
    assert rule.of_account(await situation(console, watched_since=long_ago)) is None
    facts = (await situation(console)).facts
    old = replace(facts, bus=replace(facts.bus, reconciled_at=facts.at - timedelta(seconds=90)))
    found = rule.of_account(await situation(console, facts=old, watched_since=long_ago))
    assert found is not None
    assert "not compared completely for 90 s" in found.detail
    never = replace(facts, bus=replace(facts.bus, reconciled_at=None))
    assert (
        rule.of_account(await situation(console, facts=never, watched_since=long_ago)) is not None
    )
    assert rule.of_account(await situation(console, facts=never)) is None, (
        "a watch that has just begun knows nothing yet"
    )
    idle = replace(never, bus=replace(never.bus, heartbeats=[]))
    assert rule.of_account(await situation(console, facts=idle, watched_since=long_ago)) is None, (
        "no router, no bets"
    )


async def test_many_refusals_are_told(console: Console) -> None:
    await seed_bus(console.bus)
    seed = await seed_ledger(console.ledger, count=40, unknown=False)
    refused = sum(bet.state is OrderState.REFUSED for bet in seed.bets)
    assert refused
    assert "refusals-rising" not in fired(await situation(console))
    strict = console.settings.model_copy(
        update={"alerts": console.settings.alerts.model_copy(update={"alert_refusal_pct": 5.0})}
    )

    async def told() -> bool:
        return "refusals-rising" in fired(await situation(console, settings=strict))

    assert await eventually(told)


@pytest.mark.parametrize(
    ("rule", "changes"),
    [
        ("disk-full", {"disk": Disk(free_bytes=1, total_bytes=100, pct_used=95)}),
        ("licence-ending", {"licence": Finding("the licence ends on Friday")}),
        ("login-failures", {"login_failures": ("10.0.0.9", 6)}),
    ],
)
async def test_what_the_machine_tells_is_passed_on(
    console: Console, rule: str, changes: dict[str, object]
) -> None:
    await seed_ledger(console.ledger, count=1, unknown=False)
    await seed_bus(console.bus)
    assert fired(await situation(console, **changes)) == {rule}


async def test_five_failed_logins_in_a_row_wake_somebody_until_the_right_one(
    console: Console,
) -> None:
    await seed_bus(console.bus)
    backoff = console.context.authenticator.backoff
    for failures, told in ((4, False), (5, True)):
        while (backoff.worst(600) or ("", 0))[1] < failures:
            backoff.failed("operator", "10.0.0.9")
        await console.context.watch.look()
        assert ("login-failures" in {alert.id for alert in await read_alerts(console.bus)}) == told
    backoff.succeeded("operator", "10.0.0.9")
    await console.context.watch.look()
    assert "login-failures" not in {alert.id for alert in await read_alerts(console.bus)}


@pytest.mark.parametrize(
    ("days", "level"),
    [(-1, "page"), (0.5, "page"), (6.9, "ticket"), (13, "info"), (20, None), (None, "page")],
)
async def test_a_licence_is_told_the_more_urgently_the_sooner_it_ends(
    start_console: StartConsole, days: float | None, level: str | None
) -> None:
    """One that has ended, or that is needed and not there, is no end of the trouble."""
    pem, public = new_key()
    environ = {"LICENSE_REQUIRED_FOR": "all", "LICENSE_PUBLIC_KEY": public}
    if days is not None:
        made = datetime.now(UTC) - timedelta(days=30)
        environ["KETER_LICENSE_KEY"] = issue(
            load_private_key(pem), "t", now=made, valid_for=timedelta(days=30 + days)
        )
    console = await start_console(**environ)
    await console.context.watch.look()
    found = {alert.id: alert.level for alert in await read_alerts(console.bus)}
    assert found.get("licence-ending") == level


async def test_a_licence_that_nobody_needs_is_no_trouble(console: Console) -> None:
    assert licence_trouble(console.settings, console.context.clock) is None


async def test_an_unsafe_redis_and_an_unreadable_ledger_are_told(console: Console) -> None:
    await seed_bus(console.bus)
    facts = (await situation(console)).facts
    unsafe = RedisFacts(ok=True, detail="", aof=False, policy="allkeys-lru")
    bus = facts.bus.__class__(
        **{**{name: getattr(facts.bus, name) for name in facts.bus.__slots__}, "redis": unsafe}
    )
    broken = Facts(facts.at, facts.day_start, bus, None, ["the disk is gone"])
    slow, long = facts.at - timedelta(seconds=3), facts.at - timedelta(seconds=20)
    assert fired(await situation(console, facts=broken, unreadable_since=slow)) == {"redis-unsafe"}
    assert fired(await situation(console, facts=broken, unreadable_since=long)) == {
        "redis-unsafe",
        "ledger-unreadable",
    }


async def test_an_alert_rises_stands_and_is_resolved_with_its_history(console: Console) -> None:
    await seed_ledger(console.ledger, count=1, unknown=False)
    await console.context.watch.look()
    assert "trading-state-missing" in {alert.id for alert in await read_alerts(console.bus)}
    await console.context.watch.look()
    await seed_bus(console.bus)
    await console.context.watch.look()
    await console.context.watch.look()
    assert "trading-state-missing" not in {alert.id for alert in await read_alerts(console.bus)}
    rows = [
        row
        for row in await console.ledger.alerts.history()
        if row.alert_id == "trading-state-missing"
    ]
    assert len(rows) == 1
    assert rows[0].closed_at is not None


async def test_alerts_of_the_workers_leave_a_history_too(console: Console) -> None:
    await seed_beats(console.bus)
    await raise_alert(
        console.bus,
        Alert("feed_stale:acc:live", "page", "The live feed is stale", "70 s", datetime.now(UTC)),
    )
    await console.context.watch.look()
    await clear_alert(console.bus, "feed_stale:acc:live")
    await console.context.watch.look()
    (row,) = [
        row
        for row in await console.ledger.alerts.history()
        if row.alert_id == "feed_stale:acc:live"
    ]
    assert row.closed_at is not None


async def test_what_ended_while_no_dashboard_watched_is_closed_in_the_history(
    console: Console,
) -> None:
    began = datetime.now(UTC) - timedelta(hours=1)
    await console.ledger.alerts.opened(
        "redis-down", level="page", title="Redis does not answer", detail="", at=began
    )
    await console.context.watch.look()
    (row,) = [row for row in await console.ledger.alerts.history() if row.alert_id == "redis-down"]
    assert row.closed_at is not None


async def test_an_alert_that_grows_worse_is_in_the_history_at_its_worse_level(
    console: Console,
) -> None:
    await seed_beats(console.bus)
    for level in ("ticket", "page"):
        await raise_alert(
            console.bus, Alert("dead_letters", level, "Letters", "", datetime.now(UTC))
        )
        await console.context.watch.look()
    rows = [
        row.level for row in await console.ledger.alerts.history() if row.alert_id == "dead_letters"
    ]
    assert rows == ["page"]


async def test_live_that_nobody_armed_is_told_after_a_minute_and_louder_once_it_was_armed(
    console: Console,
) -> None:
    calm = await situation(console)
    since = calm.facts.at - timedelta(seconds=61)
    assert not_armed(await situation(console, unarmed_since=calm.facts.at)) is None
    first = not_armed(await situation(console, unarmed_since=since))
    again = not_armed(await situation(console, unarmed_since=since, was_armed=True))
    assert first is not None
    assert again is not None
    assert (first.level, again.level) == ("ticket", None)


async def test_live_that_only_follows_its_bets_is_not_told_to_be_unarmed(console: Console) -> None:
    await seed_bus(console.bus)
    mode = console.settings.mode.model_copy(update={"execution_mode": ExecutionMode.LIVE})
    live = console.settings.model_copy(update={"mode": mode})
    seen = await console.context.accounts.first.reader.facts()
    may_bet = replace(seen, bus=replace(seen.bus, blocked=Blocked(None, None)))
    assert unarmed(live, may_bet)
    assert not unarmed(console.settings, may_bet)
    assert not unarmed(
        live, replace(seen, bus=replace(seen.bus, blocked=Blocked(None, "limits are missing")))
    )
    assert not unarmed(live, replace(may_bet, bus=replace(may_bet.bus, armed=True)))
