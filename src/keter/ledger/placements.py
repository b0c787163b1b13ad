"""Facts about past placements: how fast a venue's books answer, and what."""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.engine import Connection, Row

from keter.domain.order_calls import PlaceResult
from keter.domain.order_states import OrderState
from keter.domain.orders import Order
from keter.domain.placements import PlacementFact
from keter.domain.trading import ExecutionMode
from keter.ledger.order_queries import orders_of, read_orders
from keter.ledger.order_schema import orders, transitions

# The steps that show when a placement was sent and when the book decided.
_STEPS = (OrderState.SENDING, OrderState.FILLED, OrderState.REFUSED)


def read_placements(
    connection: Connection, mode: ExecutionMode, account: str | None, since: datetime
) -> list[PlacementFact]:
    """Return the facts of the bets created since ``since``, by the time of sending.

    None means the bets of all accounts.
    """
    chosen = orders_of(mode, account) & (orders.c.created_at >= since)
    found = {
        order.intent.intent_id: order
        for order in read_orders(connection, select(orders).where(chosen))
    }
    query = (
        select(transitions)
        .join(orders, orders.c.intent_id == transitions.c.intent_id)
        .where(chosen, transitions.c.target.in_([state.value for state in _STEPS]))
        .order_by(transitions.c.id)
    )
    steps: dict[str, list[Row[tuple[object, ...]]]] = {}
    for step in connection.execute(query).all():
        steps.setdefault(step.intent_id, []).append(step)
    facts = (_fact(found[intent_id], trail) for intent_id, trail in steps.items())
    return sorted((fact for fact in facts if fact is not None), key=lambda fact: fact.sent_at)


def _fact(bet: Order, trail: Iterable[Row[tuple[object, ...]]]) -> PlacementFact | None:
    by_target: dict[str, Row[tuple[object, ...]]] = {}
    for step in trail:
        by_target.setdefault(step.target, step)
    sending = by_target.get(OrderState.SENDING)
    decided = by_target.get(OrderState.FILLED) or by_target.get(OrderState.REFUSED)
    if sending is None or (decided is not None and decided.cause.startswith(PlaceResult.NOT_SENT)):
        return None
    asked = tuple((str(book), str(text)) for book, text in sending.evidence.get("prices", ()))
    return PlacementFact(
        bet, asked, sending.at, decided.at if decided else None, bet.state is OrderState.REFUSED
    )
