"""Whatever happens to an order, in whatever order, its rows say the same as it does."""

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func, select
from sqlalchemy.engine import Connection, Engine

from keter.domain.order_events import (
    Accepted,
    CancelAsked,
    CancelConfirmed,
    CancelRefused,
    CancelUnknown,
    Fill,
    Filled,
    Found,
    Lapsed,
    Matched,
    NoClearAnswer,
    NotPlaced,
    OrderEvent,
    Refused,
    SendingCommitted,
    Settled,
    Voided,
)
from keter.domain.order_life import OrderConflictError, apply
from keter.domain.order_states import SETTLED
from keter.domain.orders import Order, Transition
from keter.errors import IllegalTransitionError
from keter.ledger import OrderChanges, order_steps
from keter.ledger.address import parse_url
from keter.ledger.database import DURABLE, make_engine
from keter.ledger.migrate import migrate
from keter.ledger.order_queries import read_orders
from keter.ledger.order_schema import fills, orders
from tests.kit.execution import ACCOUNT, NOW, an_intent
from tests.kit.orders import one_fill

SIZES = st.integers(1, 600)
EVENTS: st.SearchStrategy[OrderEvent] = st.one_of(
    st.sampled_from(
        [
            Accepted("v"), Found("v"), NoClearAnswer("timeout"), Refused("no"), NotPlaced("absent"),
            CancelAsked(), CancelRefused("late"), CancelUnknown("timeout"), Lapsed(),
        ]
    ),
    st.builds(
        lambda name, size, at: Filled(
            Fill(name, "2.1", Decimal("2.1"), size, NOW + timedelta(seconds=at))
        ),
        st.sampled_from("abcde"),
        SIZES,
        st.integers(0, 9),
    ),
    st.builds(Matched, SIZES, st.none() | st.decimals("1.01", "9", places=3)),
    st.builds(Voided, SIZES),
    st.builds(CancelConfirmed, SIZES),
    st.builds(Settled, st.sampled_from(sorted(SETTLED)), st.integers(-999, 999), st.just(NOW)),
)  # fmt: skip


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    path = tmp_path_factory.mktemp("steps") / "l.db"
    made = make_engine(parse_url(f"sqlite:///{path}"), read_only=False)
    migrate(made)
    with made.connect().execution_options(work=DURABLE) as connection, connection.begin():
        order_steps.take_over(connection, ACCOUNT, an_intent().mode, NOW, "w")
    yield made
    made.dispose()


@pytest.fixture
def connection(engine: Engine) -> Iterator[Connection]:
    with engine.connect().execution_options(work=DURABLE) as opened:
        transaction = opened.begin()
        yield opened
        transaction.rollback()


def record(connection: Connection, order: Order, event: OrderEvent) -> Order:
    """Write what the event makes of the order, which may be nothing."""
    try:
        after = apply(order, event)
    except (IllegalTransitionError, OrderConflictError):
        return order
    at = order.updated_at + timedelta(seconds=1)
    after = msgspec.structs.replace(after, updated_at=at)
    step = Transition(order.intent.intent_id, None, after.state, at, "c", "w")
    return order_steps.record(connection, order, after, step, None)


@given(events=st.lists(EVENTS, max_size=15))
def test_the_rows_of_an_order_follow_its_life(engine: Engine, events: list[OrderEvent]) -> None:
    with engine.connect().execution_options(work=DURABLE) as connection:
        transaction = connection.begin()
        order = order_steps.create(connection, an_intent(), "w")
        for event in (SendingCommitted(), *events):
            held = {fill.fill_id: fill for fill in order.fills}
            order = record(connection, order, event)
            assert read_orders(connection, select(orders)) == [order]
            now = {fill.fill_id: fill for fill in order.fills}
            assert held.items() <= now.items(), "a fill that was heard of stays"
            written = connection.execute(select(func.count(), func.sum(fills.c.size_minor))).one()
            assert written == (len(now), order.itemised_minor or None)
        transaction.rollback()


def test_another_answer_of_a_bookmaker_replaces_the_tickets(connection: Connection) -> None:
    order_steps.create(connection, an_intent(), "w")
    for tickets in (
        one_fill(300, name="T1"),
        one_fill(300, name="T1") + one_fill(400, "2.2", "SBO", "T2"),
        one_fill(700, name="T3"),
    ):
        changes = OrderChanges(fills=tickets)
        order = order_steps.amend(connection, "i1", changes, NOW, "venue", "w", {})
        assert order.fills == tickets
        assert read_orders(connection, select(orders)) == [order]
        row = connection.execute(select(orders)).one()
        assert (row.placed_stake_minor, row.ticket_id) == (order.standing_minor, order.ticket_id)


def test_a_change_that_knows_no_fills_leaves_them(connection: Connection) -> None:
    order_steps.create(connection, an_intent(), "w")
    for changes in (OrderChanges(fills=one_fill(300)), OrderChanges(closing_fair_odds=1.9)):
        order = order_steps.amend(connection, "i1", changes, NOW, "venue", "w", {})
    assert (order.fills, order.closing_fair_odds) == (one_fill(300), 1.9)
