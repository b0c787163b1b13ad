"""Bets become orders and lose nothing: every sum is the same, and what was placed is a fill."""

import asyncio
import shutil
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from sqlalchemy import text
from sqlalchemy.engine import Connection

from keter.clock import ManualClock
from keter.domain.order_states import OrderState, Side
from keter.domain.orders import Order
from keter.domain.trading import ExecutionMode
from keter.ledger import open_ledger
from keter.ledger.address import parse_url
from keter.ledger.columns import from_us
from keter.ledger.database import DURABLE, make_engine
from keter.ledger.migrate import migrate
from tests.kit.execution import NOW
from tests.kit.old_ledger import (
    EVERY_KIND,
    NEW_NAMES,
    OLD_BETS,
    REVISION,
    START_US,
    OldBet,
    kept_totals,
    money,
    write_old,
)


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("old") / "empty.db"
    engine = make_engine(parse_url(f"sqlite:///{path}"), read_only=False)
    migrate(engine, REVISION)
    engine.dispose()
    return path


def brought_up(empty: Path, bets: list[OldBet]) -> list[Order]:
    """Return the orders that a ledger with these bets holds after its migration, oldest first.

    Every sum is compared on the way.
    """
    path = empty.with_name("full.db")
    shutil.copyfile(empty, path)
    engine = make_engine(parse_url(f"sqlite:///{path}"), read_only=False)
    with engine.connect().execution_options(work=DURABLE) as connection, connection.begin():
        write_old(connection, bets)
        before = money(connection, "bets"), kept_totals(connection)
    migrate(engine)
    with engine.connect() as connection, connection.begin():
        assert (money(connection, "orders"), kept_totals(connection)) == before
        check_fills(connection)
    engine.dispose()
    return asyncio.run(_read(path, len(bets)))


def check_fills(connection: Connection) -> None:
    wrong = connection.execute(
        text(
            "SELECT count(*) FROM orders WHERE placed_stake_minor <> (SELECT"
            " coalesce(sum(size_minor), 0) FROM fills WHERE fills.intent_id = orders.intent_id)"
        )
    )
    assert wrong.scalar_one() == 0


async def _read(path: Path, count: int) -> list[Order]:
    ledger = await open_ledger(f"sqlite:///{path}", clock=ManualClock(NOW))
    try:
        assert await ledger.integrity() == []
        return [await ledger.orders.get(f"i{number}") for number in range(count)]
    finally:
        await ledger.aclose()


@pytest.mark.slow
@given(bets=OLD_BETS)
@settings(max_examples=25)  # each brings up a ledger of its own
def test_every_sum_of_any_old_ledger_is_the_same(empty: Path, bets: list[OldBet]) -> None:
    for bet, order in zip(bets, brought_up(empty, bets), strict=True):
        assert order.state == NEW_NAMES.get(bet.state, bet.state)
        assert (order.intent.account, order.intent.mode) == (bet.account, bet.mode)
        assert (order.intent.side, order.intent.strategy) == (Side.BACK, "value")
        assert order.intent.outcome == "over"
        if order.standing_minor:
            assert order.standing_minor == bet.placed_minor
            assert (order.odds, order.book) == (bet.odds or None, bet.book or None)
            assert order.ticket_id == (bet.ticket_id or order.intent.reference)


def test_every_state_of_a_bet_has_its_name_as_an_order(empty: Path) -> None:
    found = brought_up(empty, EVERY_KIND)
    assert {order.state for order in found} == set(OrderState) - {
        OrderState.PARTLY_FILLED,
        OrderState.CANCELLING,
        OrderState.CANCELLED,
        OrderState.LAPSED,
    }


@pytest.mark.parametrize(
    ("bet", "price", "step"),
    [
        (OldBet("RUNNING", placed_minor=700, odds="2.105"), "2.105", 3),
        (OldBet("WON", placed_minor=700, odds="2.105", corrected=True), "2.105", 3),
        (OldBet("RUNNING", placed_minor=700, odds="EVS", corrected=True), "2.20", 3),
        (OldBet("RUNNING", placed_minor=700, odds=None), "2.20", 3),
        (OldBet("RUNNING", placed_minor=700, odds="1"), "2.20", 3),
    ],
)
def test_a_fill_is_of_the_time_and_the_price_of_its_acceptance(
    empty: Path, bet: OldBet, price: str, step: int
) -> None:
    (order,) = brought_up(empty, [bet])
    (fill,) = order.fills
    assert (fill.price, fill.price_text) == (Decimal(price), bet.odds or "")
    assert (fill.size_minor, fill.at) == (700, from_us(START_US + 100 * step))


def test_what_was_placed_without_a_step_to_it_has_the_time_of_the_last_change(
    empty: Path,
) -> None:
    (order,) = brought_up(empty, [OldBet("PENDING", placed_minor=700)])
    assert order.fills[0].at == order.updated_at
    assert order.fills[0].fill_id == order.intent.reference


def test_nothing_placed_is_no_fill(empty: Path) -> None:
    (order,) = brought_up(empty, [OldBet("RUNNING", odds="2.1", ticket_id="610")])
    assert (order.fills, order.intent.mode) == ((), ExecutionMode.DRY)
