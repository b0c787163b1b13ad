"""Orders in any state, made by events."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal

import msgspec

from keter.domain.order_events import Accepted, Fill, Filled, OrderEvent, SendingCommitted
from keter.domain.order_life import apply
from keter.domain.order_states import OrderState, Side
from keter.domain.orders import Intent, Order
from tests.kit.execution import an_intent

AT = datetime(2026, 11, 30, 12, tzinfo=UTC)


def an_order_intent(reference: str, stake_minor: int, side: Side) -> Intent:
    return msgspec.structs.replace(
        an_intent(f"i-{reference}", stake_minor=stake_minor, created_at=AT),
        strategy="making",
        account="toy:main",
        side=side,
        asked_odds="2.12",
        reference=reference,
    )


def fresh(intent: Intent) -> Order:
    return Order(intent, OrderState.INTENDED, intent.created_at)


def fill(name: str, size: int, price: str = "2") -> Filled:
    return Filled(Fill(name, price, Decimal(price), size, AT))


def one_fill(
    size_minor: int, odds: str = "2.1", book: str = "IBC", name: str = "T1"
) -> tuple[Fill, ...]:
    """Return a bookmaker's ticket as the only fill of a bet."""
    return (Fill(name, odds, Decimal(odds), size_minor, AT, book),)


def after(*events: OrderEvent, stake: int = 10, side: Side = Side.BACK) -> Order:
    order = fresh(an_order_intent("r", stake, side))
    for event in events:
        order = apply(order, event)
    return order


def open_order(*events: OrderEvent, side: Side = Side.BACK) -> Order:
    return after(SendingCommitted(), Accepted("v"), *events, side=side)


@dataclass(kw_only=True)
class VenueRow:
    """What an exchange of the tests holds of one order."""

    size: int
    side: Side
    fills: list[Fill] = field(default_factory=list)
    cancelled: int = 0
    lapsed: int = 0
    voided: int = 0
    result: OrderState | None = None
    settled_at: datetime | None = None

    @property
    def filled(self) -> int:
        return sum(fill.size_minor for fill in self.fills)

    @property
    def resting(self) -> int:
        return self.size - self.filled - self.cancelled - self.lapsed

    @property
    def average(self) -> Decimal | None:
        whole = sum((fill.size_minor * fill.price for fill in self.fills), Decimal(0))
        return whole / self.filled if self.filled else None
