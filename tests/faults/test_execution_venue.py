"""The bookmaker misbehaves in every way it can; router and tracker are processes of their own, LIVE
over HTTP.
"""

import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from keter.bus.state.reconciliation import read_doubt
from keter.bus.telemetry.alerts import read_alerts
from keter.bus.telemetry.heartbeats import read_heartbeats
from keter.domain.order_states import OrderState
from keter.domain.orders import Order
from keter.execution.reconcile.query_budget import ACCOUNT_COST, ACCOUNT_EVERY_S
from tests.kit.execution_world import LIVE, PATIENCE_S, ExecutionWorld, execution_world
from tests.kit.support import eventually

pytestmark = [pytest.mark.redis, pytest.mark.timeout(1200)]
S = OrderState
GIVEN_UP_S = 17.0  # beyond the 15 s that a placement may take here
LISTS = "getbets,getbetbyreference"

# What the bookmaker does, where the bet must stand then, and how many tickets it then holds.
FAULTS: tuple[tuple[Mapping[str, Any], OrderState, int], ...] = (
    ({"kind": "lost_after", "count": 1}, S.FILLED, 1),
    ({"kind": "lost_before", "count": 1}, S.REFUSED, 0),
    ({"kind": "slow", "count": 1, "delay_s": GIVEN_UP_S}, S.FILLED, 1),
    ({"kind": "late", "count": 1, "delay_s": 2}, S.FILLED, 1),
    ({"kind": "http_error", "route": "placebet", "count": 1, "status": 503}, S.REFUSED, 0),
    ({"kind": "code", "count": 1, "code": -1307}, S.REFUSED, 0),
    ({"kind": "code", "count": 1, "code": -1212}, S.REFUSED, 0),
    ({"kind": "code_placed", "count": 1, "code": -1307}, S.FILLED, 1),
    ({"kind": "session_killed", "route": "placebet", "count": 1}, S.REFUSED, 0),
    ({"kind": "expired_code", "route": "placebet", "count": 1}, S.REFUSED, 0),
    ({"kind": "html", "route": "placebet", "count": 1}, S.FILLED, 1),
    ({"kind": "truncated_gzip", "route": "placebet", "count": 1}, S.FILLED, 1),
    ({"kind": "duplicate_rows", "route": LISTS, "count": 6}, S.FILLED, 1),
    ({"kind": "reordered_rows", "route": LISTS, "count": 6}, S.FILLED, 1),
    ({"kind": "missing_rows", "route": LISTS, "count": 6, "share": 1.0}, S.FILLED, 1),
    ({"kind": "http_error", "route": LISTS, "count": 8, "status": 502}, S.FILLED, 1),
    ({"kind": "session_killed", "route": LISTS, "count": 2}, S.FILLED, 1),
    ({"kind": "wrong_stake", "count": 1, "factor": 0.5}, S.FILLED, 1),
    ({"kind": "wrong_stake", "count": 1, "factor": 2.0}, S.FILLED, 1),
    ({"kind": "wrong_price", "count": 1, "factor": 0.9}, S.FILLED, 1),
    ({"kind": "refused_later", "count": 1, "after_s": 2}, S.REFUSED, 1),
)


@contextmanager
def injected(world: ExecutionWorld, rule: Mapping[str, Any]) -> Iterator[None]:
    """Has the fault in force from when it must be, until the block ends.

    What spoils the lists begins in the moment in which the bookmaker takes the bet. Any sooner, and
    it may spend itself on lists read for other bets, or take the session away from the placement.
    """
    faults, book, place = world.sandbox.faults, world.sandbox.book, world.sandbox.book.place

    def placed(*order: Any) -> Any:
        ticket = place(*order)
        faults.add(rule)
        return ticket

    if rule.get("route") == LISTS:
        with patch.object(book, "place", placed):
            yield
    else:
        faults.add(rule)
        yield
    faults.clear()


def more_injected(world: ExecutionWorld, before: int) -> bool:
    """Whether the fault has really happened."""
    return world.sandbox.faults.injected.total() > before


async def stands(world: ExecutionWorld, event_uid: str, wanted: OrderState) -> Order:
    """Wait until the event's only bet is where it must be, and return it."""

    async def look() -> Order | None:
        bets = await world.orders_of(event_uid)
        return bets[0] if len(bets) == 1 and bets[0].state is wanted else None

    found = await world.until(look)
    assert found is not None
    return found


async def test_every_fault_of_the_venue_ends_with_ledger_and_venue_equal(tmp_path: Path) -> None:
    async with execution_world(tmp_path, fixtures=len(FAULTS), EXEC_LOCK_TTL_S="60") as world:
        world.start("tracker", "tracker")
        world.start("router", "router-a")
        for rule, wanted, tickets in FAULTS:
            await world.ready()
            before = world.sandbox.faults.injected.total()
            with injected(world, rule):
                event_uid = await world.bet()
                await world.decided(event_uid)
                bet = await stands(world, event_uid, wanted)
                assert len(await world.tickets_of(event_uid)) == tickets, rule
                await eventually(partial(more_injected, world, before), timeout_s=PATIENCE_S)
            world.faults += 1
            if rule["kind"] == "wrong_stake":
                assert bet.standing_minor == round(1000 * rule["factor"])
        alarms = {alert.id.partition(":")[0] for alert in await read_alerts(world.bus)}
        assert {"bet-stake-mismatch", "bet-price-mismatch"} <= alarms
        await world.judge(len(FAULTS))


async def test_a_request_that_leaves_after_it_was_given_up_is_seen_and_called_out(
    tmp_path: Path,
) -> None:
    """The venue works on a placement long after everybody was told that it does not know it: found,
    counted, not bet again.
    """
    async with execution_world(tmp_path, fixtures=1) as world:
        world.start("tracker", "tracker")
        world.start("router", "router-a")
        await world.ready()
        world.sandbox.faults.add({"kind": "late", "count": 1, "delay_s": GIVEN_UP_S + 8})
        event_uid = await world.bet()
        await stands(world, event_uid, S.REFUSED)
        assert await world.tickets_of(event_uid) == []

        async def found() -> bool:
            alarms = {alert.id.partition(":")[0] for alert in await read_alerts(world.bus)}
            return "bet-state-mismatch" in alarms

        await world.until(found, every_s=0.2)
        assert len(await world.tickets_of(event_uid)) == 1
        names = world.settings.account.key, world.settings.account.mode
        # The alert comes first.
        [row] = await world.until(lambda: world.ledger.foreign.open(*names))
        assert row.stake_minor == 1000


async def test_eleven_unknown_bets_leave_passes_complete_and_the_router_open(
    tmp_path: Path,
) -> None:
    """The bookmaker answers eleven placements with 502 and has none of them; the list cannot show
    what is not there.
    """
    unknown, patience_s = 11, "600"
    names = {"UNKNOWN_ABSENT_S": patience_s, "UNKNOWN_ERROR_S": "500", "RECONCILE_INTERVAL_S": "15"}
    async with execution_world(
        tmp_path, fixtures=unknown + 3, EXEC_LOCK_TTL_S="60", **names
    ) as world:
        world.start("tracker", "tracker")
        world.start("router", "router-a")
        await world.ready()
        for _ in range(unknown):
            world.sandbox.faults.add(
                {"kind": "http_error", "route": "placebet", "count": 1, "status": 502}
            )
            await in_state(world, await world.bet(), S.UNKNOWN)
        world.sandbox.faults.clear()
        before, began = await counters(world), time.monotonic()

        async def passed() -> bool:
            asked = [
                await read_doubt(world.bus, bet.intent.intent_id)
                for bet in await unknown_bets(world)
            ]
            return (
                all(doubt.asked >= 2 for doubt in asked)
                and (await counters(world))["passes"] - before["passes"] >= 5
            )

        await eventually(passed, timeout_s=60, every_s=0.5, progress=partial(counters, world))
        after, minutes = await counters(world), (time.monotonic() - began) / 60
        assert after["incomplete_passes"] == before["incomplete_passes"]
        assert after["account_questions"] - before["account_questions"] <= ACCOUNT_COST * (
            60 / ACCOUNT_EVERY_S * minutes + 1
        )
        assert len(await unknown_bets(world)) == unknown
        bet = await in_state(world, await world.bet(), S.FILLED)
        assert len(await world.tickets_of(bet.intent.event_uid)) == 1, "betting goes on beside them"


async def unknown_bets(world: ExecutionWorld) -> list[Order]:
    return [bet for bet in await world.ledger.orders.open_orders(LIVE) if bet.state is S.UNKNOWN]


async def in_state(world: ExecutionWorld, event_uid: str, wanted: OrderState) -> Order:
    """Wait until the event's bet is where it must be, and return it.

    The signal is offered again where a closed router made no bet of it.
    """

    async def look() -> Order | None:
        bets = await world.orders_of(event_uid)
        if not bets:
            await world.offer([world.offered[event_uid]])
        return bets[0] if len(bets) == 1 and bets[0].state is wanted else None

    found = await eventually(look, timeout_s=60, every_s=0.5)
    assert found is not None
    return found


async def counters(world: ExecutionWorld) -> Counter[str]:
    """Return what the tracker has counted of its passes and questions."""
    [beat] = [beat for beat in await read_heartbeats(world.bus) if beat.process == "tracker"]
    return Counter(beat.counters)
