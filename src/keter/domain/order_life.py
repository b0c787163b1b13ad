"""The life of an order: ``apply`` gives the order after an event.

Facts only grow (fills by id, totals by their greatest value), so the venue's news may be repeated,
late or out of order. Our own acts happen once: a second SENDING raises. UNKNOWN keeps the facts
that arrive and is left only by a finding of reconciliation.
"""

from decimal import Decimal

from msgspec.structs import replace

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
    QuoteAsked,
    Refused,
    SendingCommitted,
    Settled,
    Skipped,
    Voided,
)
from keter.domain.order_states import (
    IN_DOUBT,
    NEVER_PLACED,
    NOT_SENT,
    PLACED,
    RESTING,
    SETTLED,
    OrderState,
    check_step,
)
from keter.domain.orders import CancelRequest, Order
from keter.errors import IllegalTransitionError, KeterError


class OrderConflictError(KeterError):
    """The venue's news contradict each other or the order: too much filled, another id."""


_OWN_STEPS: dict[type, OrderState] = {
    QuoteAsked: OrderState.QUOTED,
    Skipped: OrderState.SKIPPED,
    SendingCommitted: OrderState.SENDING,
}


def apply(order: Order, event: OrderEvent) -> Order:
    """Return the order after ``event``; the same order if the event says nothing new.

    Raises IllegalTransitionError for a step that does not exist, OrderConflictError for news that
    cannot be true together.
    """
    if isinstance(event, QuoteAsked | Skipped | SendingCommitted):
        after = replace(order, reason=event.reason) if isinstance(event, Skipped) else order
        return _step(after, _OWN_STEPS[type(event)])
    if isinstance(event, Refused | NotPlaced):
        return _refused(order, event)
    if isinstance(event, NoClearAnswer):
        return _no_clear_answer(order, event)
    if isinstance(event, CancelAsked):
        return _cancel_asked(order)
    if isinstance(event, Settled):
        return _settled(order, event)
    if order.state is OrderState.REFUSED and not _shows_the_order(event):
        return order  # the answer to a cancel that was sent while the order was in doubt
    _check_can_be_placed(order, event)
    after = _with_facts(order, event)
    if order.state is OrderState.UNKNOWN and not isinstance(event, Found):
        return after
    if order.state is OrderState.SENDING and not _shows_the_order(event):
        return after
    return _placed(after)


def _shows_the_order(event: OrderEvent) -> bool:
    """Return whether the news proves that the venue has the order."""
    if isinstance(event, CancelConfirmed):
        return bool(event.total_minor)
    return not isinstance(event, CancelRefused | CancelUnknown)


def _step(order: Order, target: OrderState) -> Order:
    """Return the order in ``target``; raise if that step does not exist."""
    check_step(order.state, target)
    return replace(order, state=target)


def _check_can_be_placed(order: Order, event: OrderEvent) -> None:
    """Raise if the order was never sent or never placed: no news can concern it."""
    if order.state in NOT_SENT | NEVER_PLACED:
        raise IllegalTransitionError(
            f"an order cannot go from {order.state} to {OrderState.OPEN} ({type(event).__name__})"
        )


def _refused(order: Order, event: Refused | NotPlaced) -> Order:
    """Return the order REFUSED, unless only reconciliation may say so."""
    if order.state is OrderState.REFUSED:
        return order
    if order.state is OrderState.UNKNOWN and isinstance(event, Refused):
        return order
    if order.state is OrderState.SENDING and isinstance(event, NotPlaced):
        return order  # the call is still under way and may yet arrive
    if order.filled_minor:
        raise IllegalTransitionError(
            f"an order with fills cannot go from {order.state} to {OrderState.REFUSED}"
        )
    return _step(replace(order, reason=event.reason), OrderState.REFUSED)


def _no_clear_answer(order: Order, event: NoClearAnswer) -> Order:
    """Return the order UNKNOWN, unless the venue's stream has already spoken."""
    if order.state in NEVER_PLACED | PLACED | {OrderState.UNKNOWN}:
        return order
    return _step(replace(order, reason=event.reason), OrderState.UNKNOWN)


def _cancel_asked(order: Order) -> Order:
    """Return the order with the wish to cancel; raise if nothing of it can rest."""
    if order.state not in IN_DOUBT | RESTING:
        check_step(order.state, OrderState.CANCELLING)
    asked = replace(order, cancel=CancelRequest.ASKED)
    # Our own wish is no sign that the venue has an order in doubt.
    return asked if order.state in IN_DOUBT else _placed(asked)


def _settled(order: Order, event: Settled) -> Order:
    """Return the settled or regraded order; an older or repeated result changes nothing."""
    if order.state is OrderState.UNKNOWN:
        return order  # reconciliation will report the result again
    if order.state in SETTLED and order.settled_at is not None and event.at <= order.settled_at:
        return order
    void_of_nothing = event.result is OrderState.VOID and order.state in PLACED - SETTLED
    if not order.filled_minor + order.resting_minor + order.awaited_minor and void_of_nothing:
        return order  # the venue voids a whole market, also orders of which nothing was filled
    settled = replace(order, pnl_minor=event.pnl_minor, settled_at=event.at)
    return settled if order.state is event.result else _step(settled, event.result)


def _with_facts(order: Order, event: OrderEvent) -> Order:
    """Return the order with what the event adds to its facts."""
    match event:
        case Accepted(venue_order_id=name) | Found(venue_order_id=name):
            after = _named(order, name)
        case Filled(fill=fill):
            after = _with_fill(order, fill)
        case Matched(total_minor=total, average_price=average):
            after = _with_total(order, total, average)
        case Voided(total_minor=total):
            after = replace(order, voided_minor=max(order.voided_minor, total))
        case CancelConfirmed() | Lapsed():
            after = _without_rest(order, event)
        case CancelRefused():
            after = replace(order, cancel=CancelRequest.NONE)
        case CancelUnknown(reason=reason):
            after = replace(order, cancel=CancelRequest.UNKNOWN, reason=reason)
        case _:
            raise TypeError(f"no event of an order: {event!r}")
    if after.accounted_minor > order.stake_minor:
        raise OrderConflictError(
            f"order {order.intent.intent_id} of {order.stake_minor} cannot have"
            f" {after.filled_minor} filled, {after.voided_minor} of it voided,"
            f" {after.cancelled_minor} cancelled and {after.lapsed_minor} lapsed"
        )
    return after


def _named(order: Order, venue_order_id: str) -> Order:
    """Return the order with the venue's id; raise if it has another: that is a second copy."""
    if order.venue_order_id and venue_order_id not in {"", order.venue_order_id}:
        raise OrderConflictError(
            f"order {order.intent.intent_id} is {order.venue_order_id} at the venue,"
            f" not {venue_order_id}"
        )
    return replace(order, venue_order_id=order.venue_order_id or venue_order_id)


def _with_fill(order: Order, fill: Fill) -> Order:
    """Return the order with the fill; a known id counts once, with other figures it raises."""
    known = next((one for one in order.fills if one.fill_id == fill.fill_id), None)
    if known is None:
        fills = sorted((*order.fills, fill), key=lambda one: (one.at, one.fill_id))
        return replace(order, fills=tuple(fills))
    if (known.size_minor, known.price) != (fill.size_minor, fill.price):
        raise OrderConflictError(f"fill {fill.fill_id} was {known}, now it is {fill}")
    return order


def _with_total(order: Order, total_minor: int, average: Decimal | None) -> Order:
    """Return the order with the greater total; the average belongs to the total it came with."""
    if total_minor < order.matched_minor:
        return order
    if total_minor == order.matched_minor:
        average = order.matched_average if order.matched_average is not None else average
    return replace(order, matched_minor=total_minor, matched_average=average)


def _without_rest(order: Order, event: CancelConfirmed | Lapsed) -> Order:
    """Return the order with what was cancelled or lapsed, ended if nothing rests."""
    if order.state in IN_DOUBT and isinstance(event, CancelConfirmed) and not event.total_minor:
        return order  # the order may reach the venue after that cancel
    total = event.total_minor or 0
    ended = order.ended_as
    if isinstance(event, CancelConfirmed):
        after = replace(order, cancelled_minor=max(order.cancelled_minor, total))
        named = OrderState.CANCELLED
    else:
        after = replace(order, lapsed_minor=max(order.lapsed_minor, total))
        named = OrderState.LAPSED
    whole = event.nothing_rests or after.accounted_minor >= order.stake_minor
    # The cause that is heard of first keeps its name.
    return replace(after, ended_as=ended or (named if whole else None))


def _placed(order: Order) -> Order:
    """Return the order in the state that its facts mean, now that the venue has it."""
    if order.state in SETTLED:
        return order
    target = _state_of_facts(order)
    if target in {OrderState.CANCELLED, OrderState.LAPSED}:
        order = replace(order, ended_as=target)
    return order if target is order.state else _step(order, target)


def _state_of_facts(order: Order) -> OrderState:
    """Return the state of a placed order that is not settled."""
    if order.filled_minor >= order.stake_minor:
        return OrderState.FILLED
    if order.ended_as is not None:
        return order.ended_as
    if order.accounted_minor >= order.stake_minor:
        return OrderState.CANCELLED if order.cancelled_minor else OrderState.LAPSED
    if order.cancel is not CancelRequest.NONE:
        return OrderState.CANCELLING
    return OrderState.PARTLY_FILLED if order.standing_minor else OrderState.OPEN
