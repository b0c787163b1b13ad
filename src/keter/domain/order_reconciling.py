"""What the venue says of an order now, against what we hold of it.

``reconcile`` gives the events that are missing; ``mismatches`` names what no event can explain.
"""

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

import msgspec

from keter.domain.market_kinds import Outcome
from keter.domain.markets import Event, Market
from keter.domain.order_events import (
    CancelConfirmed,
    Fill,
    Filled,
    Found,
    Lapsed,
    Matched,
    NotPlaced,
    OrderEvent,
    Refused,
    Settled,
    Voided,
)
from keter.domain.order_life import OrderConflictError, apply
from keter.domain.order_states import IN_DOUBT, NEVER_PLACED, NOT_SENT, PLACED, OrderState, Side
from keter.domain.orders import Order
from keter.errors import IllegalTransitionError


class VenueOrder(msgspec.Struct, frozen=True):
    """An order as a venue lists it now.

    * ``reference`` is ours. An order without one of our form has the venue's own number there,
      which names it alone and by which it can be asked for.
    * ``price`` is the limit in decimal odds; None for an order that has none.
    * ``matched_minor`` is what stands filled; ``voided_minor`` was filled and annulled.
    * ``fills`` may be empty or incomplete where the venue gives only totals.
    * ``refused`` is the venue's reason if it lists a refused order.
    * ``result``, ``pnl_minor`` and ``settled_at`` come together.
    * ``event``, ``market`` and ``outcome`` come together: what it bets on, if the venue's words for
      it could be read. They are asked of orders that are not ours.
    """

    reference: str
    venue_order_id: str
    side: Side
    size_minor: int
    price: Decimal | None
    placed_at: datetime
    matched_minor: int = 0
    average_price: Decimal | None = None
    resting_minor: int = 0
    cancelled_minor: int = 0
    lapsed_minor: int = 0
    voided_minor: int = 0
    fills: tuple[Fill, ...] = ()
    refused: str = ""
    result: OrderState | None = None
    pnl_minor: int | None = None
    settled_at: datetime | None = None
    event: Event | None = None
    market: Market | None = None
    outcome: Outcome | None = None


class Absent(msgspec.Struct, frozen=True):
    """The venue does not list the reference.

    ``proven`` only once it certainly never will: lists lag, and a slow call may still arrive.
    """

    proven: bool
    reason: str


VenueView = VenueOrder | Absent


class Mismatch(StrEnum):
    """What the ledger and the venue cannot both be right about; each needs a person."""

    ABSENT = "absent"
    NEVER_PLACED = "never_placed"
    OTHER_ID = "other_id"
    OTHER_SIDE = "other_side"
    OTHER_SIZE = "other_size"
    OTHER_FILLS = "other_fills"
    RESTS_AFTER_END = "rests_after_end"
    OTHER_RESULT = "other_result"


def reconcile(order: Order, view: VenueView) -> tuple[OrderEvent, ...]:
    """Return the events, in order, that bring ``order`` to what the venue shows.

    An old view gives none, since facts only grow. What contradicts is left out; see mismatches.
    """
    events: list[OrderEvent] = []
    for event in _wanted(order, view):
        try:
            after = apply(order, event)
        except (OrderConflictError, IllegalTransitionError):
            continue
        if after != order:
            events.append(event)
            order = after
    return tuple(events)


def _wanted(order: Order, view: VenueView) -> Iterator[OrderEvent]:
    """Yield all that the view states, whether known or not."""
    if order.state in NOT_SENT | NEVER_PLACED or _other_order(order, view):
        return
    if isinstance(view, Absent):
        if view.proven and order.state is OrderState.UNKNOWN:
            yield NotPlaced(view.reason)
        return
    if view.refused:
        unknown = order.state is OrderState.UNKNOWN
        yield NotPlaced(view.refused) if unknown else Refused(view.refused)
        return
    yield Found(view.venue_order_id)
    yield from (Filled(fill) for fill in view.fills)
    yield Matched(view.matched_minor + view.voided_minor, view.average_price)
    yield Voided(view.voided_minor)
    ended = view.resting_minor == 0
    if view.cancelled_minor:
        yield CancelConfirmed(view.cancelled_minor, nothing_rests=ended and not view.lapsed_minor)
    if view.lapsed_minor:
        yield Lapsed(view.lapsed_minor, nothing_rests=ended)
    if view.result and view.pnl_minor is not None and view.settled_at:
        yield Settled(view.result, view.pnl_minor, view.settled_at)


def _other_order(order: Order, view: VenueView) -> bool:
    """Return whether the view is of something else than the order: nothing is taken from it."""
    if isinstance(view, Absent):
        return False
    if view.reference != order.intent.reference:
        raise ValueError(f"{view.reference} is no news of {order.intent.reference}")
    return view.side is not order.intent.side or _is_other_id(order, view)


def _is_other_id(order: Order, view: VenueOrder) -> bool:
    return bool(order.venue_order_id and view.venue_order_id not in {"", order.venue_order_id})


def mismatches(order: Order, view: VenueView) -> tuple[Mismatch, ...]:
    """Return what stays unexplained once the events of ``reconcile`` are applied.

    The view must be newer than the order; a list that lags shows differences that are none.
    """
    if isinstance(view, Absent):
        settled_away = order.state not in PLACED or order.state in _LEFT_THE_LISTS
        return () if settled_away or not view.proven else (Mismatch.ABSENT,)
    found = {
        Mismatch.NEVER_PLACED: order.state in NOT_SENT | NEVER_PLACED and not view.refused,
        Mismatch.OTHER_ID: _is_other_id(order, view),
        Mismatch.OTHER_SIDE: view.side is not order.intent.side,
        Mismatch.OTHER_SIZE: view.size_minor != order.stake_minor,
        Mismatch.OTHER_FILLS: view.matched_minor + view.voided_minor != order.filled_minor,
        Mismatch.RESTS_AFTER_END: bool(view.resting_minor)
        and order.state not in IN_DOUBT
        and not order.resting_minor,
        Mismatch.OTHER_RESULT: view.result not in {None, order.state}
        and (bool(order.filled_minor) or view.result is not OrderState.VOID),
    }
    return tuple(name for name, is_so in found.items() if is_so)


# Venues drop orders from their lists of current ones when nothing rests (Betfair: EC once, then
# forgotten) and may drop the settled ones.
_LEFT_THE_LISTS = PLACED - {OrderState.OPEN, OrderState.PARTLY_FILLED, OrderState.CANCELLING}
