"""From the bookmaker's feed to an approved signal: real HTTP, Redis and SQLite, every worker as it
runs in production.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path

import pytest
import structlog

from keter.bus.codec import decode
from keter.bus.connection import Bus
from keter.bus.queue import QueueName, approved_for, depths
from keter.bus.state.feeds import read_feeds
from keter.bus.state.odds import LatestOdds, read_odds
from keter.bus.state.risk import RiskBook
from keter.bus.telemetry.audit import period_of, read_counts, take_audit
from keter.clock import SystemClock, to_ms
from keter.context import Context
from keter.domain.days import day_of
from keter.domain.exposure import ExposureStatus
from keter.domain.markets import Phase, parse_selection
from keter.domain.quotes import MarketUpdate
from keter.domain.signals import ApprovedSignal, Decision
from keter.opening.stores import open_settings_ledger
from keter.processes import edge, guard, ingest, recorder, validator
from keter.processes.lifecycle import Work
from keter.processes.redis_following import REDIS_TROUBLE, retry_pauses
from keter.settings import Settings
from keter.strategies.value.evidence import recompute
from keter.venues.asianodds.simulator.config import AccountConfig, SandboxConfig
from keter.venues.asianodds.simulator.fixed import FixedScenario
from keter.venues.asianodds.simulator.server import Sandbox
from tests.kit.support import eventually
from tests.kit.workbench import (
    context_on,
    done_so_far,
    drain,
    fund,
    opened,
    quick_feed,
    settings_for,
    working,
)

pytestmark = pytest.mark.redis
ACCOUNT = AccountConfig("demo", "demo-pass")
ACCOUNT_KEY = f"asianodds:{ACCOUNT.user}"
STANDSTILL_S = 60  # longer than any pause that a worker makes by itself here


def up_to_guard() -> dict[str, Work]:
    """Every worker before the router, and the recorder; the feed is asked without pauses."""
    return {
        "ingest": partial(ingest.run, open_source=quick_feed()),
        "validator": validator.run,
        "edge": edge.run,
        "guard": guard.run,
        "recorder": recorder.run,
    }


def still(sandbox: Sandbox) -> FixedScenario:
    """Return the scenario of a fixed market."""
    assert isinstance(sandbox.house.scenario, FixedScenario)
    return sandbox.house.scenario


def still_world(fixtures: int) -> SandboxConfig:
    """Every fixture has value on home at the handicap and at 1X2, and nowhere else."""
    return SandboxConfig(
        accounts=(ACCOUNT,), fixed_fixtures=fixtures, feed_interval_scale=0, delay_scale=0
    )


def settings_of(folder: Path, sandbox: Sandbox, **names: object) -> Settings:
    # All workers share one event loop here: on a busy machine a short lease is lost to the others.
    return settings_for(folder, AO_BASE_URL=sandbox.url, **{"WORKER_LEASE_TTL_S": 10, **names})


def run_again(run: Work) -> Work:
    """Return a worker that begins anew after Redis was out of reach, as ``live`` has it."""

    async def lasting(context: Context) -> None:
        pauses = retry_pauses()
        while not context.stop.is_set():
            try:
                await run(context)
            except REDIS_TROUBLE as e:
                context.log.warning("redis_lost", error=str(e))
                await context.pause(pauses.next())
            else:
                return

    return lasting


@asynccontextmanager
async def pipeline(
    bus: Bus, settings: Settings, *processes: str
) -> AsyncIterator[dict[str, Context]]:
    """Run the named workers beside the test; all but the router and tracker by default."""
    runs = up_to_guard()
    contexts = {}
    async with AsyncExitStack() as stack:
        for process in processes or tuple(runs):
            contexts[process] = context_on(bus, settings, process)
            work = run_again(runs[process])
            await stack.enter_async_context(working(contexts[process], work))
        yield contexts


async def soon(check: Callable[[], object], bus: Bus, *further: Callable[[], object]) -> None:
    """Wait at the pace of the machine: as long as something is counted or taken from a queue, or
    ``further`` changes.
    """

    async def done() -> object:
        return await done_so_far(bus), [look() for look in further]

    await eventually(check, timeout_s=STANDSTILL_S, progress=done)


async def approved_count(bus: Bus) -> int:
    return (await depths(bus, [ACCOUNT_KEY]))[QueueName.APPROVED].depth


async def test_value_in_the_feed_becomes_one_approved_signal_per_event(
    redis_url: str, tmp_path: Path
) -> None:
    """Ten fixtures with value on two selections each: the event rests after the first approval, so
    ten approvals stand.
    """
    async with Sandbox(still_world(10)) as sandbox, opened(redis_url) as bus:
        settings = settings_of(tmp_path, sandbox, THROTTLE_BETS=100, MAX_EXPOSURE_LEAGUE=9999)
        await fund(bus, settings)
        async with pipeline(bus, settings):
            await soon(lambda: approved_count(bus), bus)
            await soon(
                lambda: all_counted(bus, settings, {"guard:ok": 10, "guard:cooldown_event": 10}),
                bus,
            )
        counts = await read_counts(
            bus, period_of(day_of(SystemClock().now(), settings.mode.zone), settings.account.mode)
        )
        items = await drain(bus, approved_for(ACCOUNT_KEY))
        signals = [decode(ApprovedSignal, item.payload) for item in items]
        assert len({approved.signal.event_uid for approved in signals}) == len(signals) == 10
        assert all(approved.stake_minor == 1000 for approved in signals)
        assert all(approved.signal.offers[0].book == "IBC" for approved in signals)
        assert all(5 <= approved.signal.offers[0].ev_pct < 9 for approved in signals)
        assert all(recompute(approved.signal.fair.evidence).identical for approved in signals)
        # 10 fixtures x (handicap, 1X2): two markets each, five sides, two of them with value
        assert counts["ingest:changed"] == counts["validator:ok"] == 20
        assert counts["edge:ok"] == 20
        assert counts["edge:ev_too_low"] == 30
        state = await RiskBook(bus, ACCOUNT_KEY).read()
        assert {exposure.status for exposure in state.exposures} == {ExposureStatus.RESERVED}
        assert {exposure.decision_id for exposure in state.exposures} == {
            approved.decision_id for approved in signals
        }


@pytest.mark.slow
async def test_what_the_workers_log_of_a_signal_is_found_by_its_trace(
    redis_url: str, tmp_path: Path
) -> None:
    async with Sandbox(still_world(1)) as sandbox, opened(redis_url) as bus:
        settings = settings_of(tmp_path, sandbox)
        await fund(bus, settings)
        with structlog.testing.capture_logs(
            processors=[structlog.contextvars.merge_contextvars]
        ) as logs:
            async with pipeline(bus, settings):
                await soon(
                    lambda: all_counted(bus, settings, {"guard:ok": 1, "guard:cooldown_event": 1}),
                    bus,
                )
        [item] = await drain(bus, approved_for(ACCOUNT_KEY))
        signal = decode(ApprovedSignal, item.payload).signal
        wanted = {
            "trace_id": signal.trace_id,
            "event_uid": signal.event_uid,
            "selection_id": signal.selection_id,
        }
        told = [line for line in logs if line.get("trace_id") == signal.trace_id]
        assert [line["event"] for line in told] == ["value_found", "guarded"]
        assert all(wanted.items() <= line.items() for line in told)
        assert told[0]["book"] == "IBC"
        assert (told[1]["reason"], told[1]["stake_minor"]) == ("ok", 1000)
        assert not any(
            "trace_id" in line for line in logs if line["event"] in {"lease_won", "feed problem"}
        )


@pytest.mark.slow
async def test_every_decision_reaches_the_ledger_and_every_answer_the_capture_files(
    redis_url: str, tmp_path: Path
) -> None:
    async with Sandbox(still_world(4)) as sandbox, opened(redis_url) as bus:
        settings = settings_of(tmp_path, sandbox)
        await fund(bus, settings)
        async with pipeline(bus, settings) as contexts:
            await soon(
                lambda: all_counted(bus, settings, {"guard:ok": 4, "guard:cooldown_event": 4}),
                bus,
            )
            await soon(lambda: contexts["recorder"].heart._counters.get("decisions", 0) >= 16, bus)
        assert (await take_audit(bus)).entries == ()
        ledger = await open_settings_ledger(settings, clock=contexts["guard"].clock, read_only=True)
        decisions = await ledger.decisions.recent(100)
        await ledger.aclose()
    told = sorted((decision.stage, decision.verdict.reason.value) for decision in decisions)
    assert told == [("edge", "ok")] * 8 + [("guard", "cooldown_event")] * 4 + [("guard", "ok")] * 4
    assert all(
        recompute(_fair_evidence(decision)).identical
        for decision in decisions
        if decision.stage == "edge"
    )
    accepted = {
        decision.decision_id
        for decision in decisions
        if decision.stage == "guard" and decision.verdict.accepted
    }
    assert len(accepted) == 4
    assert list((tmp_path / "captures").glob("*.jsonl.gz"))


async def test_the_feed_leaves_prices_and_confirmations(redis_url: str, tmp_path: Path) -> None:
    async with Sandbox(still_world(3)) as sandbox, opened(redis_url) as bus:
        settings = settings_of(tmp_path, sandbox)
        async with pipeline(bus, settings, "ingest"):
            await soon(lambda: _all_phases_confirmed(bus), bus)
        items = await drain(bus, QueueName.RAW)
        assert len(items) == 6
        uid, market_id, account = items[0].key.split("|")
        assert account == ACCOUNT_KEY
        outcome = parse_selection("fb", f"{market_id}.home")[1]
        latest = await read_odds(bus, ACCOUNT_KEY, uid, f"{market_id}.{outcome.value}")
        assert latest is not None
        assert {price.book for price in latest.prices} >= {"PIN", "ISN", "SBO", "IBC"}
        assert latest.confirmed_at >= latest.received_at


async def test_a_market_that_goes_while_no_ingest_runs_is_not_confirmed_by_the_next(
    redis_url: str, tmp_path: Path
) -> None:
    async with Sandbox(still_world(2)) as sandbox, opened(redis_url) as bus:
        settings = settings_of(tmp_path, sandbox)
        async with pipeline(bus, settings, "ingest"):
            await soon(lambda: _all_phases_confirmed(bus), bus)
        uid_of = {
            decode(MarketUpdate, item.payload).event.home: item.key.split("|")[0]
            for item in await drain(bus, QueueName.RAW)
        }
        match_id = next(iter(still(sandbox).fixtures))
        gone, stays = (
            uid_of[name]
            for name in sorted(
                uid_of, key=lambda name: name != still(sandbox).fixtures[match_id].home
            )
        )
        before = [await read_odds(bus, ACCOUNT_KEY, uid, "ft.1x2.home") for uid in (gone, stays)]
        sandbox.house.board.close(still(sandbox).games[match_id], to_ms(SystemClock().now()))
        async with pipeline(bus, settings, "ingest"):
            await soon(lambda: _confirmed_since(bus, stays, before[1]), bus)
        after = await read_odds(bus, ACCOUNT_KEY, gone, "ft.1x2.home")
        assert before[0] is not None
        assert after is not None
        assert after.confirmed_at == after.received_at == before[0].received_at


async def test_two_ingests_share_one_account_in_turns(redis_url: str, tmp_path: Path) -> None:
    """The second stands by and takes over when the first stops; the venue sees one session owner at
    a time.
    """
    async with Sandbox(still_world(2)) as sandbox, opened(redis_url) as bus:
        settings = settings_of(tmp_path, sandbox)
        run = partial(ingest.run, open_source=quick_feed())
        first, second = (
            context_on(bus, settings, "ingest", worker) for worker in ("ingest", "ingest-2")
        )
        async with working(second, run):
            async with working(first, run):
                await soon(
                    lambda: {"answers"} & {*first.heart._counters, *second.heart._counters},
                    bus,
                )
                leader, standby = (
                    (first, second) if first.heart._counters.get("answers") else (second, first)
                )
                assert standby.heart._counters.get("answers", 0) == 0
                leader.stop.set()
                await soon(lambda: standby.heart._counters.get("answers", 0) > 0, bus)
            standby.stop.set()


async def counted(bus: Bus, settings: Settings) -> dict[str, int]:
    """Return what the processes have counted today."""
    today = day_of(SystemClock().now(), settings.mode.zone)
    return await read_counts(bus, period_of(today, settings.account.mode))


async def all_counted(bus: Bus, settings: Settings, wanted: dict[str, int]) -> bool:
    counts = await read_counts(
        bus, period_of(day_of(SystemClock().now(), settings.mode.zone), settings.account.mode)
    )
    return all(counts.get(name, 0) >= n for name, n in wanted.items())


async def _confirmed_since(bus: Bus, uid: str, before: LatestOdds | None) -> bool:
    latest = await read_odds(bus, ACCOUNT_KEY, uid, "ft.1x2.home")
    assert before is not None
    assert latest is not None
    return latest.received_at > before.received_at and latest.confirmed_at > latest.received_at


async def _all_phases_confirmed(bus: Bus) -> bool:
    feeds = await read_feeds(bus, [ACCOUNT_KEY])
    return {feed.phase for feed in feeds if feed.confirmed_at is not None} == set(Phase)


def _fair_evidence(decision: Decision) -> dict[str, object]:
    fair = decision.details["fair"]
    assert isinstance(fair, dict)
    evidence = fair["evidence"]
    assert isinstance(evidence, dict)
    return evidence
