"""An order that is not ours, as a ticket: its status, and that it never counts too little."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from keter.domain.commitments import liability_minor
from keter.domain.exposure import Terms
from keter.domain.market_kinds import Outcome
from keter.domain.order_reconciling import VenueOrder
from keter.domain.order_states import OrderState, Side
from keter.domain.tickets import Ticket, TicketStatus
from keter.execution.reconcile.foreign_orders import ticket_of
from keter.execution.reconcile.foreign_tickets import exposure_of_ticket
from keter.ledger import ticket_key
from tests.kit.execution import ACCOUNT, NOW, TOTALS, an_event

RESTS = VenueOrder("7", "7", Side.BACK, 700, Decimal("3.0"), NOW, resting_minor=700)
PRICES = st.decimals("1.01", "1000", places=2)


def ticket(order: VenueOrder) -> Ticket:
    return ticket_of(order, "toy")


@pytest.mark.parametrize(
    ("order", "status", "stake"),
    [
        (RESTS, TicketStatus.PENDING, 700),
        (replace(RESTS, matched_minor=300, resting_minor=400), TicketStatus.PENDING, 700),
        (replace(RESTS, matched_minor=300, resting_minor=0), TicketStatus.RUNNING, 300),
        (replace(RESTS, resting_minor=0, cancelled_minor=700), TicketStatus.VOID, 700),
        (replace(RESTS, resting_minor=0, lapsed_minor=700), TicketStatus.VOID, 700),
        (replace(RESTS, resting_minor=0, voided_minor=700), TicketStatus.VOID, 700),
        (replace(RESTS, resting_minor=0, refused="balance"), TicketStatus.REFUSED, 700),
        (
            replace(RESTS, matched_minor=700, resting_minor=0, result=OrderState.WON),
            TicketStatus.SETTLED,
            700,
        ),
    ],
)
def test_an_order_is_open_while_any_of_it_rests_or_stands(
    order: VenueOrder, status: TicketStatus, stake: int
) -> None:
    made = ticket(order)
    assert (made.status, made.stake_minor) == (status, stake)
    assert (ticket_key(made), made.placed_at) == ("toy:7", NOW)


@given(
    side=st.sampled_from(Side),
    matched=st.integers(0, 10**6),
    resting=st.integers(0, 10**6),
    limit=PRICES,
    better=st.decimals("0", "1", places=2),
)
def test_it_never_counts_less_than_its_parts_may_lose(
    side: Side, matched: int, resting: int, limit: Decimal, better: Decimal
) -> None:
    average = limit + better if side is Side.BACK else max(limit - better, Decimal("1.01"))
    order = VenueOrder(
        "7",
        "7",
        side,
        matched + resting,
        limit,
        NOW,
        matched_minor=matched,
        average_price=average if matched else None,
        resting_minor=resting,
    )
    parts = [(average, matched), (limit, resting)]
    lost = sum(liability_minor(side, str(price), stake) for price, stake in parts if stake)
    made = ticket(order)
    is_open = bool(matched or resting)
    assert (made.status in {TicketStatus.PENDING, TicketStatus.RUNNING}) is is_open
    if is_open:
        # Two parts are rounded against us one by one, the whole once.
        assert exposure_of_ticket(made, ACCOUNT, Terms()).alone_minor >= lost - 1
        assert made.stake_known


@pytest.mark.parametrize("price", [None, Decimal(1), Decimal(0)])
def test_an_open_lay_without_a_price_may_lose_anything(price: Decimal | None) -> None:
    lay = replace(RESTS, side=Side.LAY, price=price)
    assert not ticket(lay).stake_known
    assert ticket(lay).unreadable
    assert ticket(replace(lay, resting_minor=0, cancelled_minor=700)).stake_known
    assert ticket(replace(lay, side=Side.BACK)).stake_known
    matched = replace(lay, matched_minor=700, resting_minor=0, average_price=Decimal(4))
    assert exposure_of_ticket(ticket(matched), ACCOUNT, Terms()).alone_minor == 2100


def test_a_selection_without_its_event_covers_nothing() -> None:
    event = an_event("Home")
    known = replace(RESTS, event=event, market=TOTALS, outcome=Outcome.OVER)
    assert exposure_of_ticket(ticket(known), ACCOUNT, Terms()).event_uid == event.event_uid
    assert ticket(known).market == TOTALS
    assert ticket(replace(known, event=None)).market is None
