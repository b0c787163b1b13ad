"""Every answer to a call is an event, and every doubt leaves the order at risk."""

import pytest

from keter.domain.order_calls import CancelAnswer, CancelResult, PlaceAnswer, PlaceResult
from keter.domain.order_events import CancelAsked, SendingCommitted
from keter.domain.order_life import apply
from keter.domain.order_states import OrderState
from tests.kit.orders import after, open_order

S = OrderState


@pytest.mark.parametrize(
    ("result", "state"),
    [
        (PlaceResult.ACCEPTED, S.OPEN),
        (PlaceResult.REFUSED, S.REFUSED),
        (PlaceResult.NOT_SENT, S.REFUSED),
        (PlaceResult.UNKNOWN, S.UNKNOWN),
    ],
)
def test_an_answer_to_a_placement_takes_the_order_where_it_says(
    result: PlaceResult, state: OrderState
) -> None:
    answer = PlaceAnswer(result, "k", venue_order_id="v")
    order = apply(after(SendingCommitted()), answer.event)
    assert order.state is state
    assert order.venue_order_id == ("v" if state is S.OPEN else "")


def test_a_refusal_is_told_from_a_request_that_never_left() -> None:
    assert PlaceAnswer(PlaceResult.REFUSED, "limits").cause == "limits"
    assert PlaceAnswer(PlaceResult.NOT_SENT, "session").cause == "not_sent:session"


@pytest.mark.parametrize("result", CancelResult)
def test_only_a_confirmed_cancel_ends_the_resting(result: CancelResult) -> None:
    answer = CancelAnswer(result, "k", cancelled_minor=10)
    order = apply(open_order(CancelAsked()), answer.event)
    assert order.resting_minor == (0 if result is CancelResult.CANCELLED else 10)
    assert order.accounted_minor + order.resting_minor == order.stake_minor
    wish = {CancelResult.CANCELLED: S.CANCELLED, CancelResult.REFUSED: S.OPEN}
    assert order.state is wish.get(result, S.CANCELLING)


def test_a_cancel_without_its_amount_leaves_the_order_resting_until_it_is_read() -> None:
    """A fill may have come before it, of which nobody has told us."""
    order = apply(open_order(CancelAsked()), CancelAnswer(CancelResult.CANCELLED, "ok").event)
    assert (order.state, order.resting_minor) == (S.CANCELLING, 10)
