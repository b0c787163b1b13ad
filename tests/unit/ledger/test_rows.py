"""Whatever an order holds, the ledger gives it back exactly."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import insert, select
from sqlalchemy.engine import Engine

from keter.domain.markets import parse_market
from keter.domain.order_events import Fill
from keter.domain.order_states import OrderState, Side
from keter.domain.orders import CancelRequest, Order
from keter.domain.trading import ExecutionMode
from keter.ledger import rows
from keter.ledger.address import parse_url
from keter.ledger.columns import from_us
from keter.ledger.database import DURABLE, make_engine
from keter.ledger.migrate import migrate
from keter.ledger.order_queries import FILLS_AT_A_TIME, read_orders
from keter.ledger.order_schema import fills, orders
from tests.kit.execution import NOW, an_event, an_intent
from tests.kit.orders import one_fill

MARKETS = [parse_market("fb", name) for name in ("ft.ou.2.5", "ft.ah.-0.5", "ht.1x2")]
TIMES = st.integers(0, 2**51).map(from_us)
# No text that a venue sends holds a zero or half a pair: both are taken out before.
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
AMOUNTS = st.integers(0, 10**12)
PRICES = st.decimals("1.0001", "100000", places=6)
ODDS = st.floats(1.0001, 1e4)
INTENTS = st.builds(
    lambda selection, changes: msgspec.structs.replace(
        an_intent(market=selection[0], outcome=selection[1]), **changes
    ),
    st.sampled_from([(market, outcome) for market in MARKETS for outcome in market.outcomes]),
    st.fixed_dictionaries(
        {
            "mode": st.sampled_from(ExecutionMode),
            "side": st.sampled_from(Side),
            "strategy": st.sampled_from(["value", "making"]),
            "stake_minor": st.integers(1, 10**12),
            "asked_odds": PRICES.map(str),
            "fair_odds": ODDS,
            "ev_pct": st.floats(-100, 1e4),
            "league": TEXTS,
            "venue_key": TEXTS,
            "book": TEXTS,
            "kickoff": TIMES,
            "signal": st.binary(max_size=40),
        }
    ),
)
FILLS = st.lists(
    st.builds(
        Fill,
        fill_id=TEXTS.filter(bool),
        price_text=TEXTS,
        price=PRICES,
        size_minor=st.integers(1, 10**12),
        at=TIMES,
        book=TEXTS,
    ),
    max_size=4,
    unique_by=lambda fill: fill.fill_id,
).map(tuple)
ORDERS = st.builds(
    Order,
    intent=INTENTS,
    state=st.sampled_from(OrderState),
    updated_at=TIMES,
    fills=FILLS,
    pnl_minor=st.none() | st.integers(-(10**12), 10**12),
    reason=st.none() | TEXTS,
    score_at_bet=st.none() | st.tuples(st.integers(0, 300), st.integers(0, 300)),
    settled_at=st.none() | TIMES,
    closing_fair_odds=st.none() | ODDS,
    venue_order_id=TEXTS,
    matched_minor=AMOUNTS,
    matched_average=st.none() | PRICES,
    voided_minor=AMOUNTS,
    cancelled_minor=AMOUNTS,
    lapsed_minor=AMOUNTS,
    ended_as=st.none() | st.sampled_from([OrderState.CANCELLED, OrderState.LAPSED]),
    cancel=st.sampled_from(CancelRequest),
)


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    path: Path = tmp_path_factory.mktemp("rows") / "l.db"
    made = make_engine(parse_url(f"sqlite:///{path}"), read_only=False)
    migrate(made)
    yield made
    made.dispose()


def written_and_read(engine: Engine, *some: Order) -> list[Order]:
    """Return the orders as the tables give them back; they are not kept."""
    with engine.connect().execution_options(work=DURABLE) as connection:
        transaction = connection.begin()
        connection.execute(insert(orders), [rows.from_order(order) for order in some])
        matched = [fill for order in some for fill in rows.from_fills(order)]
        if matched:
            connection.execute(insert(fills), matched)
        found = read_orders(connection, select(orders).order_by(orders.c.intent_id))
        transaction.rollback()
    return found


@given(order=ORDERS)
def test_an_order_comes_back_as_it_was_written(engine: Engine, order: Order) -> None:
    assert written_and_read(engine, order) == [order]


@given(order=ORDERS)
def test_the_columns_of_sums_and_lists_say_what_the_order_says(order: Order) -> None:
    row = rows.from_order(order)
    assert row["placed_stake_minor"] == order.standing_minor >= 0
    assert (row["odds"], row["book"], row["ticket_id"]) == (
        order.odds,
        order.book,
        order.ticket_id,
    )
    assert (row["ticket_id"] is None) == (not order.fills)


def test_of_many_orders_each_has_its_own_fills(engine: Engine) -> None:
    """More than one query takes, every third without any."""
    some = []
    for number in range(FILLS_AT_A_TIME + 7):
        intent = an_intent(f"i{number:04}", event=an_event(f"Team {number}"))
        order = Order(intent, OrderState.FILLED, NOW)
        if number % 3:
            order = msgspec.structs.replace(order, fills=one_fill(number, name=f"T{number}"))
        some.append(order)
    assert written_and_read(engine, *some) == some
