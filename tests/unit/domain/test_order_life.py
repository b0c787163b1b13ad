"""What each event does to an order: repeated, late or contradicting."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import permutations

import pytest

from keter.domain.order_events import (
    Accepted,
    CancelAsked,
    CancelConfirmed,
    CancelRefused,
    CancelUnknown,
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
from keter.domain.order_life import OrderConflictError, apply
from keter.domain.order_states import OrderState
from keter.domain.orders import CancelRequest, Order
from keter.errors import IllegalTransitionError
from tests.kit.orders import after, fill, open_order

S = OrderState
AT = datetime(2026, 11, 30, 12, tzinfo=UTC)
NEWS: list[OrderEvent] = [
    Accepted("v"), Matched(1), Voided(0), CancelConfirmed(1), Lapsed(1), Settled(S.WON, 1, AT),
    CancelAsked(), Found("v"),
]  # fmt: skip


def names(orders: Sequence[Order]) -> list[OrderState]:
    return [order.state for order in orders]


def test_the_drawn_way_of_an_exchange_order() -> None:
    events: list[OrderEvent] = [
        QuoteAsked(), SendingCommitted(), Accepted("v"), fill("a", 4), CancelAsked(),
        CancelConfirmed(6), Settled(S.WON, 4, AT),
    ]  # fmt: skip
    assert names([after(*events[:count]) for count in range(len(events) + 1)]) == [
        S.INTENDED, S.QUOTED, S.SENDING, S.OPEN, S.PARTLY_FILLED, S.CANCELLING, S.CANCELLED, S.WON,
    ]  # fmt: skip


def test_a_bookmakers_bet_is_filled_when_it_is_accepted() -> None:
    order = open_order(Matched(10, Decimal("1.97")))
    assert (order.state, order.resting_minor) == (S.FILLED, 0)


def test_an_order_is_sent_once() -> None:
    for events in ([], [NoClearAnswer("x")], [Refused("x")], [Accepted("v")]):
        with pytest.raises(IllegalTransitionError, match="to SENDING"):
            apply(after(SendingCommitted(), *events), SendingCommitted())


@pytest.mark.parametrize("event", NEWS, ids=lambda event: type(event).__name__)
@pytest.mark.parametrize("before", [[], [QuoteAsked()], [Skipped("price moved")]])
def test_the_venue_has_no_news_of_what_was_never_sent(
    before: list[OrderEvent], event: OrderEvent
) -> None:
    with pytest.raises(IllegalTransitionError):
        apply(after(*before), event)


@pytest.mark.parametrize("event", NEWS, ids=lambda event: type(event).__name__)
def test_only_a_finding_of_reconciliation_leaves_unknown(event: OrderEvent) -> None:
    order = apply(after(SendingCommitted(), NoClearAnswer("timeout")), event)
    assert (order.state is S.UNKNOWN) == (not isinstance(event, Found))


def test_what_is_heard_in_unknown_is_kept_until_the_order_is_found() -> None:
    order = after(SendingCommitted(), NoClearAnswer("timeout"), fill("a", 4))
    assert (order.state, order.filled_minor, order.in_doubt_minor) == (S.UNKNOWN, 4, 6)
    assert apply(order, Found("v")).state is S.PARTLY_FILLED
    with pytest.raises(IllegalTransitionError, match="from UNKNOWN to REFUSED"):
        apply(order, NotPlaced("not listed"))


def test_an_unknown_order_that_was_never_placed_is_refused() -> None:
    order = after(SendingCommitted(), NoClearAnswer("timeout"))
    assert apply(order, Refused("a late word")).state is S.UNKNOWN
    order = apply(order, NotPlaced("not listed"))
    assert (order.state, order.reason, order.risk_minor) == (S.REFUSED, "not listed", 0)


def test_absence_proves_nothing_while_the_call_is_under_way() -> None:
    assert apply(after(SendingCommitted()), NotPlaced("not listed")).state is S.SENDING


def test_a_fill_counts_once_and_a_stale_part_after_the_whole_changes_nothing() -> None:
    order = open_order(fill("a", 4), Matched(4), fill("b", 6), Matched(10))
    assert order.state is S.FILLED
    late: list[OrderEvent] = [fill("a", 4), Matched(4), Accepted("v"), NoClearAnswer("late")]
    for event in late:
        assert apply(order, event) == order


def test_a_fill_with_a_known_id_and_other_figures_is_a_contradiction() -> None:
    with pytest.raises(OrderConflictError, match="fill a was"):
        open_order(fill("a", 4), fill("a", 5))


@pytest.mark.parametrize(
    "events",
    [
        [fill("a", 6), fill("b", 5)],
        [Matched(11)],
        [CancelConfirmed(6), fill("a", 5)],
        [Lapsed(6), CancelConfirmed(5)],
        [Voided(11)],
    ],
)
def test_more_than_the_stake_is_a_contradiction(events: list[OrderEvent]) -> None:
    with pytest.raises(OrderConflictError, match="of 10 cannot have"):
        open_order(*events)


def test_a_second_id_at_the_venue_is_a_second_copy() -> None:
    with pytest.raises(OrderConflictError, match="is v at the venue, not w"):
        open_order(Accepted("w"))


def test_what_was_filled_stays_in_any_order_of_the_news_of_a_cancel_race() -> None:
    news: list[OrderEvent] = [
        fill("a", 3),
        fill("b", 2),
        Matched(5),
        CancelConfirmed(5),
        Settled(S.LOST, -5, AT),
    ]
    asked = open_order(CancelAsked())
    ends = set()
    for order in permutations(news):
        one = asked
        for event in order:
            one = apply(one, event)
        ends.add((one.state, one.filled_minor, one.cancelled_minor, one.awaited_minor, one.fills))
    assert len(ends) == 1
    assert next(iter(ends))[:4] == (S.LOST, 5, 5, 0)


def test_a_cancel_that_is_not_confirmed_counts_as_resting() -> None:
    order = open_order(fill("a", 4), CancelAsked(), CancelUnknown("timeout"))
    assert (order.state, order.cancel) == (S.CANCELLING, CancelRequest.UNKNOWN)
    assert (order.resting_minor, order.risk_minor) == (6, 10)
    assert apply(order, CancelAsked()).cancel is CancelRequest.ASKED
    assert apply(order, CancelRefused("busy")).state is S.PARTLY_FILLED


def test_a_cancel_without_a_size_leaves_the_remainder_at_risk_until_the_venue_says_more() -> None:
    order = open_order(CancelAsked(), CancelConfirmed())
    assert (order.state, order.resting_minor, order.awaited_minor) == (S.CANCELLED, 0, 10)
    assert order.risk_minor == 10
    assert apply(order, fill("a", 10)).state is S.FILLED
    assert apply(order, CancelConfirmed(10)).risk_minor == 0


def test_a_cancel_confirmed_while_in_doubt_does_not_end_what_may_still_arrive() -> None:
    order = after(SendingCommitted(), NoClearAnswer("x"), CancelAsked(), CancelConfirmed())
    order = apply(order, Found("v"))
    assert (order.state, order.resting_minor) == (S.CANCELLING, 10)


def test_a_wish_to_cancel_does_not_prove_that_the_venue_has_the_order() -> None:
    order = after(SendingCommitted(), CancelAsked())
    assert (
        names([order, apply(order, CancelUnknown("x")), apply(order, CancelRefused("x"))])
        == [S.SENDING] * 3
    )
    assert apply(order, Accepted()).state is S.CANCELLING
    assert apply(apply(order, Refused("x")), CancelUnknown("late")).state is S.REFUSED


@pytest.mark.parametrize("events", [[Matched(10)], [Lapsed()], [CancelConfirmed()]])
def test_what_ended_cannot_be_cancelled(events: list[OrderEvent]) -> None:
    with pytest.raises(IllegalTransitionError, match="to CANCELLING"):
        open_order(*events, CancelAsked())


def test_a_part_cancelled_elsewhere_leaves_the_remainder_resting() -> None:
    order = open_order(CancelConfirmed(3, nothing_rests=False))
    assert (order.state, order.resting_minor) == (S.OPEN, 7)
    assert apply(order, Lapsed(7)).state is S.LAPSED
    assert apply(order, fill("a", 7)).state is S.CANCELLED


def test_an_open_order_without_fills_can_still_be_refused() -> None:
    assert open_order(Refused("balance")).state is S.REFUSED
    with pytest.raises(IllegalTransitionError):
        open_order(fill("a", 1), Refused("balance"))


def test_a_later_result_is_a_regrade_and_an_older_one_is_not() -> None:
    later = AT + timedelta(hours=1)
    order = open_order(Matched(10), Settled(S.WON, 10, AT), Settled(S.VOID, 0, later))
    assert (order.state, order.pnl_minor) == (S.VOID, 0)
    assert apply(order, Settled(S.WON, 10, AT)) == order
    assert apply(order, Settled(S.VOID, 1, later + timedelta(hours=1))).pnl_minor == 1


def test_a_void_of_a_whole_market_does_not_touch_an_order_without_fills() -> None:
    order = open_order(Lapsed(10))
    assert apply(order, Settled(S.VOID, 0, AT)) == order


def test_an_order_whose_only_fill_is_voided_is_open_again() -> None:
    order = open_order(fill("a", 4), Voided(4))
    assert (order.state, order.standing_minor, order.resting_minor) == (S.OPEN, 0, 6)
    assert order.risk_minor == 6


def test_an_end_by_sums_keeps_its_name_when_the_venue_names_another() -> None:
    order = open_order(CancelConfirmed(3, nothing_rests=False), fill("a", 7))
    assert apply(order, Lapsed(0)).state is S.CANCELLED


def test_a_void_that_is_heard_before_its_fill_counts_as_filled_and_voided() -> None:
    order = open_order(Voided(4))
    assert (order.filled_minor, order.standing_minor, order.resting_minor) == (4, 0, 6)
    assert apply(order, fill("a", 4)).filled_minor == 4
