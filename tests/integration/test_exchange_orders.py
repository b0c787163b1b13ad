"""Orders that rest: router and tracker against the toy exchange, with a real ledger and Redis."""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from keter.bus.queue import cancels_for, read_dead
from keter.domain.market_kinds import Outcome
from keter.domain.order_states import OrderState, Side
from keter.domain.orders import Order
from keter.domain.verdicts import Reason
from tests.kit.exchange_desk import ExchangeDesk, selection
from tests.kit.execution import ACCOUNT
from tests.kit.hooks import Crash

pytestmark = pytest.mark.redis
S = OrderState


@pytest.fixture
async def desk(tmp_path: Path, redis_url: str) -> AsyncIterator[ExchangeDesk]:
    found = await ExchangeDesk(tmp_path, redis_url).open()
    yield found
    await found.close()


def parts(order: Order) -> tuple[int, int, int, int]:
    """Return what is filled, rests, is cancelled and has lapsed."""
    return order.filled_minor, order.resting_minor, order.cancelled_minor, order.lapsed_minor


# -- the toy itself --------------------------------------------------------------------------------


async def test_the_best_price_is_taken_first_then_the_oldest(desk: ExchangeDesk) -> None:
    await desk.place("r1", price="2.10")
    assert desk.exchange.offer(selection("r1"), Side.BACK, "2.08", 300) == 0
    assert desk.exchange.ahead_of(desk.row().reference) == 300
    assert desk.exchange.offer(selection("r1"), Side.BACK, "2.10", 500) == 0
    assert desk.exchange.ahead_of(desk.row().reference) == 300
    assert desk.fill(400) == 400
    assert [fill.size_minor for fill in desk.row().fills] == [100]
    assert desk.exchange.offer(selection("r1"), Side.LAY, "2.05", 50) == 0


# -- placing ---------------------------------------------------------------------------------------


async def test_an_order_rests_is_filled_in_parts_and_settles(desk: ExchangeDesk) -> None:
    order = await desk.place(side=Side.LAY)
    assert (order.state, order.venue_order_id) == (S.OPEN, desk.row().order_id)
    desk.fill(400)
    await desk.look()
    assert ((await desk.of()).state, parts(await desk.of())) == (S.PARTLY_FILLED, (400, 600, 0, 0))
    desk.fill(600)
    await desk.look()
    assert (await desk.of()).state is S.FILLED
    assert await desk.exposed() == {"r1": 1000}
    desk.exchange.settle(selection("r1")[0], Outcome.UNDER)
    await desk.look()
    order = await desk.of()
    assert (order.state, order.pnl_minor) == (S.WON, 1000)
    assert (await desk.exposed(), await desk.pnl()) == ({}, 1000)
    assert await desk.alerts() == set()


async def test_a_regrade_changes_the_day_by_the_difference(desk: ExchangeDesk) -> None:
    await desk.place(side=Side.LAY)
    desk.fill(1000)
    desk.exchange.settle(selection("r1")[0], Outcome.UNDER)
    await desk.look()
    desk.wait(10)
    desk.exchange.settle(selection("r1")[0], Outcome.OVER)
    await desk.look()
    order = await desk.of()
    assert (order.state, order.pnl_minor, await desk.pnl()) == (S.LOST, -1100, -1100)


@pytest.mark.parametrize(
    ("fault", "state"), [("lost_before", S.REFUSED), ("lost_after", S.OPEN), ("late", S.UNKNOWN)]
)
async def test_a_placement_without_an_answer_is_asked_for_and_never_repeated(
    desk: ExchangeDesk, fault: str, state: OrderState
) -> None:
    order = await desk.place(fault=fault)
    assert (order.state, order.in_doubt_minor) == (S.UNKNOWN, 1000)
    assert await desk.exposed() == {"r1": 1000}
    await desk.look()
    assert (await desk.of()).state is state
    assert await desk.exposed() == ({} if state is S.REFUSED else {"r1": 1000})
    if fault == "late":
        desk.exchange.land(order.intent.reference)
        await desk.look()
        assert (await desk.of()).state is S.OPEN
    assert desk.exchange.sends[order.intent.reference] == 1


async def test_a_router_that_dies_while_sending_leaves_an_order_that_is_asked_for(
    desk: ExchangeDesk,
) -> None:
    original = desk.exchange.place_many

    async def die(requests: object) -> object:
        await original(requests)  # type: ignore[arg-type]  # handed on
        raise Crash("placing")

    desk.exchange.place_many = die  # type: ignore[method-assign,assignment]  # our own death
    with pytest.raises(Crash):
        await desk.place()
    assert (await desk.of()).state is S.SENDING
    await desk.new_router()
    assert (await desk.of()).state is S.UNKNOWN
    await desk.look()
    assert ((await desk.of()).state, desk.exchange.sends.total()) == (S.OPEN, 1)
    assert await desk.exposed() == {"r1": 1000}


async def test_what_rests_at_the_start_lapses(desk: ExchangeDesk) -> None:
    await desk.place("r1")
    await desk.place("r2")
    desk.fill(300, "r2")
    for name in ("r1", "r2"):
        desk.exchange.start(selection(name)[0])
    await desk.look()
    assert [(await desk.of(name)).state for name in ("r1", "r2")] == [S.LAPSED, S.LAPSED]
    assert parts(await desk.of("r2")) == (300, 0, 0, 700)
    assert await desk.exposed() == {"r2": 300}


# -- cancelling ------------------------------------------------------------------------------------


async def test_a_cancel_ends_what_rests_and_stands_in_the_audit(desk: ExchangeDesk) -> None:
    order = await desk.place()
    [decision] = await desk.cancel(order)
    assert (decision.stage, decision.verdict.reason) == ("router", Reason.OK)
    assert (decision.details["cancel"], decision.details["why"]) == ("r1", "stale")
    assert decision.trace_id == order.intent.trace_id
    assert ((await desk.of()).state, parts(await desk.of())) == (S.CANCELLED, (0, 0, 1000, 0))
    causes = [step.cause for step in await desk.world.ledger.orders.trail("r1")]
    assert causes == ["intent", "sending", "ok", "cancel_asked", "cancel_cancelled"]
    await desk.look()
    assert await desk.exposed() == {}


async def test_the_room_of_what_is_cancelled_is_free_again_and_the_fill_stays(
    desk: ExchangeDesk,
) -> None:
    await desk.place()
    desk.fill(400)
    await desk.look()
    assert await desk.exposed() == {"r1": 1000}
    [decision] = await desk.cancel(await desk.of())
    assert decision.verdict.reason is Reason.OK
    await desk.look(10)
    assert (await desk.of()).state is S.CANCELLED
    assert await desk.exposed() == {"r1": 400}


async def test_all_cancels_that_wait_are_one_call(desk: ExchangeDesk) -> None:
    orders = [await desk.place(f"r{n}") for n in range(5)]
    await desk.cancel(*orders, orders[0])
    assert [len(call) for call in desk.exchange.cancel_calls] == [5]
    assert {(await desk.of(f"r{n}")).state for n in range(5)} == {S.CANCELLED}


async def test_cancelling_stands_in_the_ledger_before_the_call(desk: ExchangeDesk) -> None:
    order = await desk.place()
    seen: list[OrderState] = []
    original = desk.exchange.cancel_many

    async def look(cancels: object) -> object:
        seen.append((await desk.of()).state)
        return await original(cancels)  # type: ignore[arg-type]  # handed on

    desk.exchange.cancel_many = look  # type: ignore[method-assign,assignment]  # looks into the ledger
    await desk.cancel(order)
    assert seen == [S.CANCELLING]


@pytest.mark.parametrize("says_size", [True, False])
async def test_a_cancel_that_races_a_fill_ends_with_both(
    tmp_path: Path, redis_url: str, says_size: bool
) -> None:
    desk = await ExchangeDesk(tmp_path, redis_url).open()
    desk.exchange.says_size = says_size
    order = await desk.place()
    desk.exchange.before_cancel = desk.filling(400)
    [decision] = await desk.cancel(order)
    assert decision.verdict.reason is Reason.CANCEL_UNKNOWN, "a fill is missing still"
    missing = await desk.of()
    assert missing.state is S.CANCELLING
    assert missing.resting_minor >= 400, "what was filled and not told yet stays at risk"
    await desk.look()
    after = await desk.of()
    assert (after.state, parts(after)) == (S.CANCELLED, (400, 0, 600, 0))
    assert after.filled_minor + after.cancelled_minor == after.stake_minor
    assert await desk.exposed() == {"r1": 400}
    await desk.close()


@pytest.mark.parametrize("fault", ["lost_before", "lost_after", "not_yet"])
async def test_an_unknown_cancel_leaves_the_order_resting_until_the_venue_confirms(
    desk: ExchangeDesk, fault: str
) -> None:
    order = await desk.place()
    desk.exchange.cancel_faults = [fault]
    [decision] = await desk.cancel(order)
    assert decision.verdict.reason is Reason.CANCEL_UNKNOWN
    order = await desk.of()
    assert (order.state, order.resting_minor, await desk.exposed()) == (
        S.CANCELLING,
        1000,
        {"r1": 1000},
    )
    await desk.look()
    if fault != "lost_after":
        assert await desk.exposed() == {"r1": 1000}
        [decision] = await desk.served()
        assert (decision.verdict.reason, decision.details["asked_by"]) == (Reason.OK, "tracker")
        await desk.look()
    assert ((await desk.of()).state, await desk.exposed()) == (S.CANCELLED, {})
    assert await desk.served() == [], "nobody asks again for what is confirmed"


async def test_a_late_fill_of_an_unknown_cancel_is_filled(desk: ExchangeDesk) -> None:
    order = await desk.place()
    desk.exchange.cancel_faults = ["lost_before"]
    await desk.cancel(order)
    desk.fill(1000)
    await desk.look()
    assert ((await desk.of()).state, parts(await desk.of())) == (S.FILLED, (1000, 0, 0, 0))
    assert await desk.exposed() == {"r1": 1000}


async def test_a_refused_cancel_leaves_the_order_as_it_was(desk: ExchangeDesk) -> None:
    order = await desk.place()
    desk.exchange.cancel_faults = ["refused"]
    [decision] = await desk.cancel(order)
    assert decision.verdict.reason is Reason.CANCEL_REFUSED
    assert (await desk.of()).state is S.OPEN
    await desk.look()
    assert await desk.served() == [], "a refusal is clear: who wants it cancelled asks again"


async def test_a_cancel_of_an_order_in_doubt_waits_for_the_order(desk: ExchangeDesk) -> None:
    order = await desk.place(fault="late")
    [decision] = await desk.cancel(order)
    assert decision.verdict.reason is not Reason.OK
    desk.exchange.land(order.intent.reference)
    await desk.look()
    found = await desk.of()
    assert found.resting_minor == desk.row().resting == 1000


@pytest.mark.parametrize("lost", ["answer", "request"])
async def test_a_client_that_raises_leaves_the_cancel_unknown(
    desk: ExchangeDesk, lost: str
) -> None:
    order = await desk.place()
    original = desk.exchange.cancel_many

    async def break_down(cancels: object) -> object:
        if lost == "answer":
            await original(cancels)  # type: ignore[arg-type]  # handed on
        raise RuntimeError("a bug in the client")

    desk.exchange.cancel_many = break_down  # type: ignore[method-assign,assignment]  # breaks
    [decision] = await desk.cancel(order)
    assert (decision.verdict.reason, decision.verdict.numbers["kind"]) == (
        Reason.CANCEL_UNKNOWN,
        "raised_RuntimeError",
    )
    assert (await desk.of()).resting_minor == 1000


async def test_what_cannot_be_cancelled_is_refused_with_its_reason(desk: ExchangeDesk) -> None:
    order = await desk.place()
    desk.fill(1000)
    await desk.look()
    filled, unknown = await desk.cancel(order, "nobody")
    assert filled.verdict.reason is Reason.ORDER_ENDED
    assert unknown.verdict.reason is Reason.ORDER_NOT_OURS
    assert desk.exchange.cancel_calls == []


async def test_a_cancel_nobody_can_read_is_put_away_and_the_others_pass(
    desk: ExchangeDesk,
) -> None:
    orders = [await desk.place(f"r{n}") for n in (1, 2)]
    await desk.want_cancel(orders[0])
    await desk.want_cancel("other", account="asianodds:SOMEBODY")
    await desk.want_cancel(orders[1])
    assert len(await desk.served()) == 2
    assert {(await desk.of(f"r{n}")).state for n in (1, 2)} == {S.CANCELLED}
    [letter] = await read_dead(desk.world.bus, cancels_for(ACCOUNT))
    assert (letter.key, "SOMEBODY" in letter.error) == ("other", True)


async def test_a_router_that_dies_anywhere_in_a_cancel_leaves_it_to_its_successor(
    desk: ExchangeDesk,
) -> None:
    await desk.cancel(await desk.place("r0"))
    steps = len(desk.router.hook.steps)
    assert steps > 8
    for number in range(1, steps + 1):
        name = f"k{number}"
        order = await desk.place(name)
        await desk.want_cancel(order)
        desk.router.hook.steps.clear()
        desk.router.hook.kill_at = number
        with contextlib.suppress(Crash):
            await desk.router.router.serve_cancels()
        where = desk.router.hook.where
        order = await desk.of(name)
        at_risk = order.resting_minor + order.standing_minor
        assert at_risk >= desk.row(name).resting, where
        await desk.new_router()
        await desk.served()
        await desk.look()
        order = await desk.of(name)
        assert (order.state, parts(order)) == (S.CANCELLED, (0, 0, 1000, 0)), where
        assert desk.row(name).resting == 0
        assert await desk.exposed() == {}, where


# -- lists -----------------------------------------------------------------------------------------


async def test_a_list_that_lags_takes_nothing_back_and_alarms_nobody(desk: ExchangeDesk) -> None:
    order = await desk.place()
    desk.exchange.freeze_list()
    desk.fill(400)
    await desk.cancel(order)
    for _ in range(3):
        await desk.look()
    after = await desk.of()
    assert (after.state, parts(after)) == (S.CANCELLED, (400, 0, 600, 0))
    assert await desk.exposed() == {"r1": 400}
    desk.exchange.thaw_list()
    await desk.look()
    assert (await desk.of(), await desk.alerts()) == (after, set())


@pytest.mark.parametrize("names_fills", [True, False])
async def test_news_told_twice_count_once(
    tmp_path: Path, redis_url: str, names_fills: bool
) -> None:
    desk = await ExchangeDesk(tmp_path, redis_url).open()
    desk.exchange.names_fills, desk.exchange.twice = names_fills, True
    await desk.place()
    desk.fill(250)
    await desk.look()
    rows = len(await desk.world.ledger.orders.trail("r1"))
    await desk.look()
    assert parts(await desk.of()) == (250, 750, 0, 0)
    assert len(await desk.world.ledger.orders.trail("r1")) == rows
    await desk.close()


async def test_a_list_that_cannot_be_read_is_no_pass(desk: ExchangeDesk) -> None:
    await desk.place()
    desk.exchange.down = True
    assert not await desk.look()
    assert (await desk.of()).state is S.OPEN
    desk.exchange.down = False
    assert await desk.look()


async def test_an_order_of_another_size_raises_the_alert_about_its_stake(
    desk: ExchangeDesk,
) -> None:
    await desk.place()
    desk.row().size = 2000
    await desk.look()
    assert "bet-stake-mismatch" in await desk.alerts()


async def test_an_order_that_the_exchange_denies_raises_an_alert_and_stays_at_risk(
    desk: ExchangeDesk,
) -> None:
    await desk.place()
    desk.exchange.rows.clear()
    await desk.look()
    assert "bet-record-mismatch" in await desk.alerts()
    assert await desk.exposed() == {"r1": 1000}
