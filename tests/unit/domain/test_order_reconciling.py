"""What the venue shows becomes events, and what no event explains gets a name."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from msgspec.structs import replace

from keter.domain.order_events import (
    CancelConfirmed,
    Found,
    Lapsed,
    Matched,
    NoClearAnswer,
    NotPlaced,
    Refused,
    SendingCommitted,
    Settled,
)
from keter.domain.order_reconciling import Absent, Mismatch, VenueOrder, mismatches, reconcile
from keter.domain.order_states import OrderState, Side
from tests.kit.orders import after, fill, open_order

S = OrderState
AT = datetime(2026, 11, 30, 12, tzinfo=UTC)
VIEW = VenueOrder("r", "v", Side.BACK, 10, Decimal("2.12"), AT, resting_minor=10)
UNKNOWN = after(SendingCommitted(), NoClearAnswer("timeout"))


def test_the_events_are_those_that_are_missing_and_no_others() -> None:
    order = open_order(fill("a", 4))
    assert reconcile(order, replace(VIEW, matched_minor=4, resting_minor=6)) == (Matched(4),)
    ended = replace(VIEW, matched_minor=4, resting_minor=0, cancelled_minor=4, lapsed_minor=2)
    assert reconcile(order, ended) == (
        Matched(4),
        CancelConfirmed(4, nothing_rests=False),
        Lapsed(2),
    )
    settled = replace(
        VIEW, matched_minor=10, resting_minor=0, result=S.WON, pnl_minor=11, settled_at=AT
    )
    assert reconcile(order, settled) == (Matched(10), Settled(S.WON, 11, AT))


def test_an_unknown_order_is_found_or_proved_absent_or_stays() -> None:
    assert reconcile(UNKNOWN, VIEW) == (Found("v"),)
    assert reconcile(UNKNOWN, Absent(proven=True, reason="not listed")) == (
        NotPlaced("not listed"),
    )
    assert reconcile(UNKNOWN, Absent(proven=False, reason="not listed")) == ()
    assert reconcile(UNKNOWN, replace(VIEW, refused="odds moved")) == (NotPlaced("odds moved"),)
    assert reconcile(open_order(), replace(VIEW, refused="balance")) == (Refused("balance"),)


def test_absence_is_no_event_but_an_alarm_for_an_order_that_rests() -> None:
    gone = Absent(proven=True, reason="not listed")
    assert reconcile(open_order(), gone) == ()
    assert mismatches(open_order(), gone) == (Mismatch.ABSENT,)
    assert mismatches(open_order(Matched(10)), gone) == ()
    assert mismatches(UNKNOWN, gone) == ()


@pytest.mark.parametrize(
    ("view", "named"),
    [
        (replace(VIEW, venue_order_id="w"), {Mismatch.OTHER_ID}),
        (replace(VIEW, side=Side.LAY), {Mismatch.OTHER_SIDE}),
        (replace(VIEW, size_minor=12, resting_minor=12), {Mismatch.OTHER_SIZE}),
        (
            replace(VIEW, size_minor=12, matched_minor=12, resting_minor=0),
            {Mismatch.OTHER_SIZE, Mismatch.OTHER_FILLS},
        ),
    ],
)
def test_what_contradicts_is_named_and_nothing_is_taken_from_it(
    view: VenueOrder, named: set[Mismatch]
) -> None:
    assert set(mismatches(open_order(), view)) == named
    assert reconcile(open_order(), view) == ()


def test_an_order_that_stands_at_the_venue_though_it_ended_here_is_named() -> None:
    assert mismatches(open_order(CancelConfirmed()), VIEW) == (Mismatch.RESTS_AFTER_END,)
    assert Mismatch.NEVER_PLACED in mismatches(after(SendingCommitted(), Refused("x")), VIEW)
    assert Mismatch.NEVER_PLACED in mismatches(after(), VIEW)


def test_another_result_at_the_same_time_is_named() -> None:
    order = open_order(Matched(10), Settled(S.WON, 10, AT))
    view = replace(
        VIEW, matched_minor=10, resting_minor=0, result=S.LOST, pnl_minor=-10, settled_at=AT
    )
    assert reconcile(order, view) == ()
    assert mismatches(order, view) == (Mismatch.OTHER_RESULT,)


def test_fewer_fills_than_we_hold_are_named() -> None:
    order = open_order(fill("a", 4))
    assert mismatches(order, VIEW) == (Mismatch.OTHER_FILLS,)


def test_the_view_of_another_order_is_an_error() -> None:
    with pytest.raises(ValueError, match="no news of r"):
        reconcile(open_order(), replace(VIEW, reference="other"))


def test_the_average_that_comes_later_is_taken() -> None:
    order = open_order(Matched(4))
    view = replace(VIEW, matched_minor=4, resting_minor=6, average_price=Decimal("2.1"))
    assert reconcile(order, view) == (Matched(4, Decimal("2.1")),)
