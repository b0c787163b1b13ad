"""Orders on our account at an exchange that this ledger does not know."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from keter.bus.state.permissions import arm, read_arming
from keter.bus.state.trading import read_trading
from keter.domain.exposure import UNKNOWN_STAKE_MINOR, Exposure, worst_cases
from keter.domain.market_kinds import Outcome
from keter.domain.order_states import OrderState, Side
from keter.domain.references import make_reference
from keter.domain.trading import TradingMode
from tests.kit.exchange_desk import KICKOFF, ExchangeDesk, selection
from tests.kit.execution import ACCOUNT, NOW, TOTALS, an_event
from tests.kit.execution_bench import TrackerProcess
from tests.kit.toy_exchange import TOY, Row

pytestmark = pytest.mark.redis
HERE = selection("h")
UNDER = (HERE[0], Outcome.UNDER)


@pytest.fixture
async def desk(tmp_path: Path, redis_url: str) -> AsyncIterator[ExchangeDesk]:
    found = await ExchangeDesk(tmp_path, redis_url).open()
    await arm(found.world.bus, ACCOUNT, "ops", NOW, found.world.mark)
    yield found
    await found.close()


def book_name(row: Row) -> str:
    return f"foreign:{ACCOUNT}:{TOY.venue}:{row.order_id}"


async def held(desk: ExchangeDesk) -> dict[str, Exposure]:
    return {one.decision_id: one for one in (await desk.world.book().read()).exposures}


async def at_risk(desk: ExchangeDesk) -> int:
    return sum(worst_cases((await held(desk)).values()).values())


async def stopped(desk: ExchangeDesk) -> bool:
    """Return whether betting is paused and LIVE disarmed; one without the other fails."""
    state = (await read_trading(desk.world.bus, desk.world.clock.now())).state
    paused = state is not None and state.mode is TradingMode.PAUSED
    disarmed = await read_arming(desk.world.bus, ACCOUNT, desk.world.mark) is None
    assert paused is disarmed
    return paused


# -- what a stranger's order counts ----------------------------------------------------------------


@pytest.mark.parametrize(("side", "lost"), [(Side.BACK, 700), (Side.LAY, 1400)])
async def test_an_order_by_hand_counts_until_it_is_cancelled(
    desk: ExchangeDesk, side: Side, lost: int
) -> None:
    row = desk.exchange.by_hand(HERE, side, "3.00", 700)
    await desk.look()
    assert (await held(desk)).keys() == {book_name(row)}
    assert await at_risk(desk) == lost, "a back its stake, a lay its liability"
    assert await desk.alerts() == {"foreign-bets"}
    assert not await stopped(desk)
    row.cancelled = row.resting
    await desk.look()
    assert (await held(desk), await desk.alerts()) == ({}, set())


async def test_what_is_filled_of_an_order_by_hand_counts_until_it_is_settled(
    desk: ExchangeDesk,
) -> None:
    row = desk.exchange.by_hand(HERE, Side.LAY, "3.00", 700)
    desk.exchange.offer(HERE, Side.BACK, "3.00", 400)
    await desk.look()
    assert await at_risk(desk) == 1400, "the rest may still be filled"
    row.cancelled = row.resting
    await desk.look()
    assert await at_risk(desk) == 800
    desk.exchange.settle(HERE[0], Outcome.OVER)
    await desk.look()
    assert (await held(desk), await desk.alerts(), await desk.pnl()) == ({}, set(), 0)


async def test_fills_by_hand_net_only_where_the_event_is_known(desk: ExchangeDesk) -> None:
    for chosen in (HERE, UNDER):
        desk.exchange.by_hand(chosen, Side.BACK, "2.00", 500)
        desk.exchange.offer(chosen, Side.LAY, "2.00", 500)
    await desk.look()
    assert await at_risk(desk) == 1000
    event = an_event("Team h", KICKOFF)
    desk.exchange.names[HERE[0]] = (event, TOTALS)
    await desk.look()
    assert {one.event_uid for one in (await held(desk)).values()} == {event.event_uid}
    assert await at_risk(desk) == 0


async def test_an_order_that_leaves_the_list_is_asked_for(desk: ExchangeDesk) -> None:
    row = desk.exchange.by_hand(HERE, Side.BACK, "3.00", 700)
    await desk.look()
    desk.exchange.unlisted.add(row.reference)
    await desk.look()
    assert await at_risk(desk) == 700, "it still rests"
    row.lapsed = row.resting
    await desk.look()
    assert (await held(desk), await desk.alerts()) == ({}, set())


async def test_an_order_that_the_exchange_denies_again_and_again_counts_no_more(
    desk: ExchangeDesk,
) -> None:
    row = desk.exchange.by_hand(HERE, Side.BACK, "3.00", 700)
    await desk.look()
    desk.exchange.rows.remove(row)
    await desk.look()
    assert await at_risk(desk) == 700, "one answer proves nothing"
    for _ in range(3):
        await desk.look()
    assert (await held(desk), await desk.alerts()) == ({}, set())


async def test_nothing_is_bet_beside_a_lay_whose_price_nobody_knows(desk: ExchangeDesk) -> None:
    row = desk.exchange.by_hand(HERE, Side.LAY, "1", 700)
    await desk.look()
    assert await at_risk(desk) == UNKNOWN_STAKE_MINOR
    assert await desk.alerts() == {"unreadable-tickets"}
    row.cancelled = row.resting
    await desk.look()
    assert (await held(desk), await desk.alerts()) == ({}, set())


async def test_a_new_tracker_goes_on_with_what_the_last_one_knew(desk: ExchangeDesk) -> None:
    row = desk.exchange.by_hand(HERE, Side.BACK, "3.00", 700)
    await desk.look()
    desk.exchange.rows.remove(row)
    desk.tracker = TrackerProcess(desk.world)
    for _ in range(3):
        assert await at_risk(desk) == 700
        await desk.look()
    assert await held(desk) == {}


# -- whose it is -----------------------------------------------------------------------------------


async def test_a_keters_reference_that_this_ledger_does_not_know_stops_betting(
    desk: ExchangeDesk,
) -> None:
    theirs = make_reference("somebody-elses", TOY.reference_form)
    row = desk.exchange.by_hand(HERE, Side.BACK, "3.00", 700, theirs)
    await desk.look()
    assert await stopped(desk)
    assert await desk.alerts() == {"foreign-bets", "second-copy"}
    assert (await held(desk)).keys() == {book_name(row)}


async def test_our_orders_are_never_foreign_whatever_becomes_of_them(desk: ExchangeDesk) -> None:
    for name in ("r1", "r2", "r3"):
        await desk.place(name)
    await desk.cancel(await desk.of("r1"))
    desk.fill(1000, "r2")
    await desk.look()
    desk.exchange.settle(selection("r2")[0], Outcome.OVER)
    for _ in range(2):
        await desk.look()
    assert await desk.world.ledger.foreign.all(ACCOUNT, desk.world.settings.account.mode) == []
    assert (await desk.exposed(), await desk.alerts()) == ({"r3": 1000}, set())
    assert not await stopped(desk)


async def test_an_order_placed_while_the_list_is_read_is_ours(desk: ExchangeDesk) -> None:
    original = desk.exchange.orders

    async def late() -> object:
        await desk.place()
        return await original()

    desk.exchange.orders = late  # type: ignore[method-assign,assignment]  # places before it answers
    await desk.look()
    assert (await desk.exposed(), await desk.alerts()) == ({"r1": 1000}, set())
    assert not await stopped(desk)


async def test_an_order_that_was_believed_refused_and_lives_counts_and_is_called_out(
    desk: ExchangeDesk,
) -> None:
    order = await desk.place(fault="lost_before")
    await desk.look()
    assert (await desk.of()).state is OrderState.REFUSED
    row = desk.exchange.by_hand(selection("r1"), Side.BACK, "2.10", 1000, order.intent.reference)
    await desk.look()
    assert await desk.exposed() == {book_name(row): 1000}
    assert await desk.alerts() == {"foreign-bets", "bet-state-mismatch"}
    assert not await stopped(desk), "no other program is looked for"
    row.cancelled = row.resting
    await desk.look()
    assert await desk.exposed() == {}
    assert "foreign-bets" not in await desk.alerts()
