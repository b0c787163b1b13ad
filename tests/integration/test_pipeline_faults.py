"""What goes wrong around the pipeline: a dying Redis, poisoned queues, a venue that talks
nonsense.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import structlog

from keter.bus.codec import decode
from keter.bus.connection import Bus
from keter.bus.queue import QueueName, approved_for, depths, queues_of, read_dead
from keter.bus.state.odds import read_odds
from keter.bus.state.risk import RiskBook
from keter.bus.telemetry.alerts import read_alerts
from keter.bus.telemetry.heartbeats import read_heartbeats
from keter.context import Context
from keter.domain.signals import ApprovedSignal
from keter.processes.lifecycle import live
from keter.settings import Settings
from keter.venues.asianodds.simulator.faults import FaultKind
from keter.venues.asianodds.simulator.server import Sandbox
from tests.integration.test_pipeline import (
    STANDSTILL_S,
    all_counted,
    pipeline,
    settings_of,
    soon,
    still,
    still_world,
    up_to_guard,
)
from tests.kit.signals import ACCOUNT
from tests.kit.support import RedisServer
from tests.kit.workbench import drain, fund, opened, push

pytestmark = [pytest.mark.redis, pytest.mark.slow, pytest.mark.timeout(300)]
ROOMY = {
    "THROTTLE_BETS": 1000,
    "MAX_EXPOSURE_LEAGUE": 99999,
    "MAX_EXPOSURE_DAY": 99999,
    "MAX_EXPOSURE_TOTAL": 99999,
    # Nobody bets here: on a slow machine the reservations would end before the test
    "RESERVATION_TTL_S": 3600,
}


@asynccontextmanager
async def living(settings: Settings) -> AsyncIterator[None]:
    """All workers up to the guard under the runtime that reconnects them, as each has in its own
    process.
    """
    stop = asyncio.Event()
    tasks = [
        asyncio.create_task(
            live(process, process, settings, run, stop=stop, log=structlog.get_logger(process))
        )
        for process, run in up_to_guard().items()
    ]
    try:
        yield
    finally:
        stop.set()
        await asyncio.wait_for(asyncio.gather(*tasks), STANDSTILL_S)


async def in_pipeline(bus: Bus) -> int:
    facts = await depths(bus, [ACCOUNT])
    return sum(
        facts[name].depth + facts[name].in_flight
        for name in (QueueName.RAW, QueueName.VALIDATED, QueueName.CONFIRMED)
    )


def answers(ingest: Context) -> int:
    """How many answers of the venue have been read."""
    return ingest.heart._counters.get("answers", 0)


async def answered(ingest: Context, least: int) -> bool:
    return answers(ingest) >= least


async def injected(sandbox: Sandbox, kind: FaultKind, least: int) -> bool:
    return sandbox.faults.injected[kind] >= least


async def counted(bus: Bus, settings: Settings, name: str, least: int) -> bool:
    return await all_counted(bus, settings, {name: least})


@pytest.mark.parametrize("kills", [1, 3])
async def test_a_redis_that_dies_in_mid_stream_costs_nothing_but_time(
    tmp_path: Path, kills: int
) -> None:
    """60 fixtures: each is approved exactly once, whatever was under way when the server was
    killed.
    """
    fixtures = 60
    server = RedisServer()
    try:
        async with Sandbox(still_world(fixtures)) as sandbox, opened(server.url) as bus:
            settings = settings_of(
                tmp_path,
                sandbox,
                REDIS_URL=server.url,
                MAX_BETS_PER_EVENT=1,
                COOLDOWN_EVENT_SEC=0,
                WORKER_LEASE_TTL_S=4,  # what is left of a killed server's leases is waited for
                **ROOMY,
            )
            await fund(bus, settings)
            async with living(settings):
                for kill in range(kills):
                    await soon(partial(_approved, bus, 10 + 15 * kill), bus)
                    server.kill()
                    await asyncio.to_thread(server.start)
                await soon(lambda: _approved(bus, fixtures), bus)
                await soon(lambda: _nothing_left(bus), bus)
            items = [
                decode(ApprovedSignal, item.payload)
                for item in await drain(bus, approved_for(ACCOUNT))
            ]
            assert len(items) == fixtures
            assert len({approved.signal.event_uid for approved in items}) == fixtures
            state = await RiskBook(bus, ACCOUNT).read()
            assert {e.decision_id for e in state.exposures} == {
                approved.decision_id for approved in items
            }
    finally:
        server.close()


async def _approved(bus: Bus, least: int) -> bool:
    return (await depths(bus, [ACCOUNT]))[QueueName.APPROVED].depth >= least


async def _nothing_left(bus: Bus) -> bool:
    return await in_pipeline(bus) == 0


async def test_poison_in_every_queue_is_buried_and_the_rest_goes_on(
    redis_url: str, tmp_path: Path
) -> None:
    async with Sandbox(still_world(5)) as sandbox, opened(redis_url) as bus:
        settings = settings_of(tmp_path, sandbox, **ROOMY)
        await fund(bus, settings)
        poison = [
            ("p1", b"\x00\xff"),
            ("p2", b'{"v": 99}'),
            ("p3", b"[]"),
            ("p4", b'{"trace_id": 7}'),
        ]
        for queue in (QueueName.RAW, QueueName.VALIDATED, QueueName.CONFIRMED):
            await push(bus, queue, *poison)
        async with pipeline(bus, settings) as contexts:
            await soon(lambda: counted(bus, settings, "guard:ok", 5), bus)
            await soon(lambda: _nothing_left(bus), bus)
            for process in ("validator", "edge", "guard"):
                assert contexts[process].heart._counters["poisoned"] == 4
        for queue in (QueueName.RAW, QueueName.VALIDATED, QueueName.CONFIRMED):
            assert sorted(letter.key for letter in await read_dead(bus, queue)) == [
                "p1",
                "p2",
                "p3",
                "p4",
            ]


# How often in a row; an account that keeps losing its session waits ever longer before it logs in
# again.
NONSENSE = {
    FaultKind.XML: 6,
    FaultKind.HTML: 6,
    FaultKind.TRUNCATED_GZIP: 6,
    FaultKind.HTTP_ERROR: 6,
    FaultKind.RESULT_NULL: 6,
    FaultKind.UNKNOWN_FIELDS: 6,
    FaultKind.MISSING_TEAMS: 6,
    FaultKind.ODD_ODDS: 6,
    FaultKind.NAN: 6,
    FaultKind.BOM: 6,
    FaultKind.THROTTLED: 6,
    FaultKind.SESSION_KILLED: 1,
    FaultKind.EXPIRED_401: 1,
    FaultKind.EXPIRED_CODE: 1,
}


@pytest.mark.parametrize(("kind", "times"), NONSENSE.items())
async def test_an_answer_that_makes_no_sense_changes_no_good_price_and_stops_nobody(
    redis_url: str, tmp_path: Path, kind: FaultKind, times: int
) -> None:
    """Good prices first, then a run of the fault on every feed call, then good answers again."""
    async with Sandbox(still_world(5)) as sandbox, opened(redis_url) as bus:
        settings = settings_of(tmp_path, sandbox, **ROOMY)
        await fund(bus, settings)
        async with pipeline(bus, settings) as contexts:
            await soon(lambda: counted(bus, settings, "guard:ok", 5), bus)
            before = await _prices(bus, sandbox)
            sandbox.faults.add({"kind": kind, "route": "getfeeds", "count": times})
            await soon(lambda: injected(sandbox, kind, times), bus, sandbox.faults.injected.total)
            before_them = answers(contexts["ingest"])
            await soon(
                lambda: answered(contexts["ingest"], before_them + 3),
                bus,
                lambda: answers(contexts["ingest"]),
            )
            await soon(lambda: _nothing_left(bus), bus)
            assert await _prices(bus, sandbox) == before
            assert len((await RiskBook(bus, ACCOUNT).read()).exposures) == 5
        assert [
            letter for queue in queues_of([ACCOUNT]) for letter in await read_dead(bus, queue)
        ] == []


async def _prices(bus: Bus, sandbox: Sandbox) -> dict[str, Any]:
    """Every price on show in odds:latest, without its times."""
    keys = [key.decode() async for key in bus.redis.scan_iter(match="odds:latest:*")]
    found = {}
    for key in keys:
        _, _, uid, selection_id, account = key.split(":", 4)
        latest = await read_odds(bus, account, uid, selection_id)
        assert latest is not None
        found[key] = sorted((price.book, price.odds, price.text) for price in latest.prices)
    assert len(found) == 5 * len(still(sandbox).fixtures)
    return found


WHOLE = (FaultKind.UNKNOWN_FIELDS, FaultKind.TRUNCATED_GZIP, FaultKind.HTML, FaultKind.XML)
SPOILT = (FaultKind.MISSING_TEAMS, FaultKind.ODD_ODDS, FaultKind.NAN)


@pytest.mark.parametrize("kind", [*WHOLE, *SPOILT])
async def test_nonsense_from_the_first_answer_on_trades_nothing_wrong(
    redis_url: str, tmp_path: Path, kind: FaultKind
) -> None:
    """An answer that is broken as a whole is asked for again; single rows that came spoilt are left
    out until they change.
    """
    rules = [{"kind": kind, "route": "getfeeds", "count": 3}]
    async with Sandbox(still_world(20), faults=rules) as sandbox, opened(redis_url) as bus:
        settings = settings_of(tmp_path, sandbox, **ROOMY)
        await fund(bus, settings)
        async with pipeline(bus, settings) as contexts:
            await soon(lambda: injected(sandbox, kind, 3), bus, sandbox.faults.injected.total)
            await soon(
                lambda: answered(contexts["ingest"], 5), bus, lambda: answers(contexts["ingest"])
            )
            if kind in WHOLE:
                await soon(lambda: counted(bus, settings, "guard:ok", 20), bus)
            await soon(lambda: _nothing_left(bus), bus)
        honest = {fixture.home for fixture in still(sandbox).fixtures.values()}
        for approved in [
            decode(ApprovedSignal, item.payload) for item in await drain(bus, approved_for(ACCOUNT))
        ]:
            assert approved.signal.update.event.home in honest
            assert approved.signal.offers[0].book == "IBC"
            assert approved.signal.offers[0].ev_pct < 9


async def test_a_huge_answer_is_survived(redis_url: str, tmp_path: Path) -> None:
    async with Sandbox(still_world(3)) as sandbox, opened(redis_url) as bus:
        settings = settings_of(tmp_path, sandbox, CAPTURE_RAW=False, **ROOMY)
        await fund(bus, settings)
        sandbox.faults.add(
            {"kind": FaultKind.HUGE, "route": "getfeeds", "count": 2, "megabytes": 50}
        )
        async with pipeline(bus, settings):
            await soon(lambda: counted(bus, settings, "guard:ok", 3), bus)


async def test_wrong_credentials_raise_an_alert_and_do_not_crash(
    redis_url: str, tmp_path: Path
) -> None:
    async with Sandbox(still_world(1)) as sandbox, opened(redis_url) as bus:
        settings = settings_of(tmp_path, sandbox, AO_PASS="not-the-password")
        async with pipeline(bus, settings, "ingest"):
            await soon(lambda: read_alerts(bus), bus)
            alerts = await read_alerts(bus)
        assert [alert.id for alert in alerts] == [f"venue_refused:{ACCOUNT}"]
        assert "not-the-password" not in repr(alerts)


async def test_heartbeats_tell_counters_gauges_and_latencies(
    redis_url: str, tmp_path: Path
) -> None:
    async with Sandbox(still_world(2)) as sandbox, opened(redis_url) as bus:
        settings = settings_of(tmp_path, sandbox, REDIS_URL=redis_url, **ROOMY)
        await fund(bus, settings)
        async with living(settings):
            await soon(lambda: counted(bus, settings, "guard:ok", 2), bus)
            await soon(lambda: _beating(bus), bus)
            beats = {beat.process: beat for beat in await read_heartbeats(bus)}
        assert set(beats) == {"ingest", "validator", "edge", "guard", "recorder"}
        assert beats["validator"].counters["items"] >= 4
        assert beats["guard"].histograms["handle"].count >= 2
        assert beats["guard"].gauges["leader"] == "1"
        assert float(beats["ingest"].gauges["feed_age_s_today"]) < 60


async def _beating(bus: Bus) -> bool:
    beats = {beat.process: beat for beat in await read_heartbeats(bus)}
    return (
        len(beats) == 5
        and beats["guard"].counters.get("items", 0) >= 2
        and "feed_age_s_today" in beats["ingest"].gauges
    )


async def test_a_market_that_waited_too_long_is_not_priced(redis_url: str, tmp_path: Path) -> None:
    """A price that was fresh when it was validated is stale after an outage: the edge looks again
    before it decides.
    """
    async with Sandbox(still_world(1)) as sandbox, opened(redis_url) as bus:
        settings = settings_of(tmp_path, sandbox, MAX_QUOTE_AGE_S=1)
        async with pipeline(bus, settings, "ingest", "validator"):
            await soon(lambda: counted(bus, settings, "validator:ok", 2), bus)
        waiting = (await depths(bus, [ACCOUNT]))[QueueName.VALIDATED]
        assert waiting.depth == 2
        await soon(lambda: _older(bus, 1.5), bus)
        async with pipeline(bus, settings, "edge"):
            await soon(lambda: counted(bus, settings, "edge:quote_stale", 2), bus)
        assert await drain(bus, QueueName.CONFIRMED) == []


async def _older(bus: Bus, seconds: float) -> bool:
    oldest = (await depths(bus, [ACCOUNT]))[QueueName.VALIDATED].oldest_age_s
    return oldest is not None and oldest > seconds


async def test_a_value_is_confirmed_after_its_window_without_another_change(
    redis_url: str, tmp_path: Path
) -> None:
    async with Sandbox(still_world(3)) as sandbox, opened(redis_url) as bus:
        settings = settings_of(tmp_path, sandbox, CONFIRMATION_WINDOW_SEC=2, **ROOMY)
        await fund(bus, settings)
        async with pipeline(bus, settings):
            await soon(lambda: counted(bus, settings, "edge:awaiting_confirmation", 6), bus)
            assert not await counted(bus, settings, "edge:ok", 1)
            await soon(lambda: counted(bus, settings, "edge:ok", 6), bus)
            await soon(lambda: counted(bus, settings, "guard:ok", 3), bus)


async def test_a_value_that_goes_within_its_window_is_not_confirmed(
    redis_url: str, tmp_path: Path
) -> None:
    async with Sandbox(still_world(1)) as sandbox, opened(redis_url) as bus:
        settings = settings_of(tmp_path, sandbox, CONFIRMATION_WINDOW_SEC=2)
        async with pipeline(bus, settings):
            await soon(lambda: counted(bus, settings, "edge:awaiting_confirmation", 2), bus)
            match_id = next(iter(still(sandbox).fixtures))
            still(sandbox).finish(match_id, (1, 0))
            await soon(lambda: _gone(bus), bus)
            await soon(lambda: counted(bus, settings, "ingest:removed", 2), bus)
        assert not await counted(bus, settings, "edge:ok", 1)


async def _gone(bus: Bus) -> bool:
    return not [key async for key in bus.redis.scan_iter(match="odds:latest:*")]
