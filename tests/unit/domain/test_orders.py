"""Sums over an order's fills, against a plain recount."""

import math
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keter.domain.order_events import Fill, Lapsed, Matched, Settled, Voided
from keter.domain.order_states import OrderState, Side
from keter.domain.orders import Order
from tests.kit.orders import an_order_intent, fresh

AT = datetime(2026, 11, 30, 12, tzinfo=UTC)
ASKED = Fraction("2.12")
prices = st.decimals("1.01", "1000", places=3)
fills = st.lists(st.tuples(prices, st.integers(1, 10**7)), min_size=1, max_size=6)


def an_order(parts: list[tuple[Decimal, int]], spare: int, side: Side) -> Order:
    made = tuple(
        Fill(f"f{number}", str(price), price, size, AT)
        for number, (price, size) in enumerate(parts)
    )
    stake = sum(size for _, size in parts) + spare
    return Order(an_order_intent("r", stake, side), OrderState.PARTLY_FILLED, AT, fills=made)


@given(fills, st.integers(1, 10**7), st.sampled_from(Side))
def test_money_is_what_a_recount_of_every_minor_unit_gives(
    parts: list[tuple[Decimal, int]], spare: int, side: Side
) -> None:
    order = an_order(parts, spare, side)
    size = sum(size for _, size in parts)
    won = sum((Fraction(price) * size - size for price, size in parts), Fraction(0))
    assert order.average_price == (won + size) / size
    if side is Side.BACK:
        assert (order.profit_if_right, order.risk_minor) == (won, size + spare)
    else:
        assert order.profit_if_right == size
        assert order.risk_minor == math.ceil(won + spare * (ASKED - 1))


def test_fills_without_ids_count_at_the_venues_average_or_else_at_the_asked_price() -> None:
    order = an_order([(Decimal(2), 4)], 6, Side.BACK)
    worst = msgspec.structs.replace(order, matched_minor=6)
    assert worst.profit_if_right == 4 + 2 * (ASKED - 1)
    said = msgspec.structs.replace(order, matched_minor=6, matched_average=Decimal("2.5"))
    assert said.profit_if_right == 9
    older = msgspec.structs.replace(order, matched_minor=3, matched_average=Decimal(9))
    assert older.profit_if_right == 4


def test_nothing_filled_has_no_average_and_what_is_over_has_no_risk() -> None:
    order = fresh(an_order_intent("r", 10, Side.LAY))
    assert (order.average_price, order.risk_minor) == (None, 0)
    for state in (OrderState.REFUSED, OrderState.WON):
        assert msgspec.structs.replace(order, state=state, matched_minor=10).risk_minor == 0


def test_an_order_survives_json() -> None:
    order = an_order([(Decimal("2.120"), 4)], 6, Side.LAY)
    assert msgspec.json.decode(msgspec.json.encode(order), type=Order) == order


def test_events_that_cannot_be_are_refused() -> None:
    for wrong in (
        lambda: Matched(-1),
        lambda: Matched(1, Decimal("0.5")),
        lambda: Voided(-1),
        lambda: Lapsed(-1),
        lambda: Fill("a", "2", Decimal(2), 0, AT),
        lambda: Fill("", "2", Decimal(2), 1, AT),
        lambda: Fill("a", "1", Decimal("NaN"), 1, AT),
        lambda: Settled(OrderState.OPEN, 0, AT),
    ):
        with pytest.raises(ValueError, match=r"total|odds|fill|result"):
            wrong()
