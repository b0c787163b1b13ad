"""What happens to an order: our own acts, the venue's news, and the findings of reconciliation.

Amounts in the venue's news are totals since the order was placed, so that news may be repeated or
come in any order.
"""

from datetime import datetime
from decimal import Decimal

import msgspec

from keter.domain.order_states import SETTLED, OrderState


def check_price(price: Decimal) -> None:
    """Raise ValueError unless ``price`` is decimal odds above 1."""
    if not price.is_finite() or price <= 1:
        raise ValueError(f"not decimal odds above 1: {price}")


def check_total(total_minor: int | None) -> None:
    """Raise ValueError for a total below zero; None is a total that the venue does not say."""
    if total_minor is not None and total_minor < 0:
        raise ValueError(f"a total cannot be {total_minor}")


class Fill(msgspec.Struct, frozen=True):
    """A matched part of an order.

    * ``fill_id`` is the venue's, unique within the order; a bookmaker's ticket id will do.
    * ``price_text`` is the venue's own text, perhaps American; ``price`` is its decimal odds. The
      text is empty where it was no price: then ``price`` is the asked one.
    * ``book`` is the bookmaker behind a venue that is a broker, else empty.
    """

    fill_id: str
    price_text: str
    price: Decimal
    size_minor: int
    at: datetime
    book: str = ""

    def __post_init__(self) -> None:
        check_price(self.price)
        if not self.fill_id or self.size_minor <= 0:
            raise ValueError(f"a fill needs an id and a size: {self.fill_id!r}, {self.size_minor}")


class QuoteAsked(msgspec.Struct, frozen=True):
    """The venue was asked for its price and limits now."""


class Skipped(msgspec.Struct, frozen=True):
    """A check failed before the call."""

    reason: str


class SendingCommitted(msgspec.Struct, frozen=True):
    """The ledger holds that the one call is about to be made."""


class NoClearAnswer(msgspec.Struct, frozen=True):
    """The call ended in a time-out, a broken answer or our own death."""

    reason: str


class Accepted(msgspec.Struct, frozen=True):
    """The venue took the order. ``venue_order_id`` is empty where it gives none yet."""

    venue_order_id: str = ""


class Refused(msgspec.Struct, frozen=True):
    """The venue or the book clearly refused, or the order certainly never left."""

    reason: str


class Filled(msgspec.Struct, frozen=True):
    """The venue reports one fill by its id."""

    fill: Fill


class Matched(msgspec.Struct, frozen=True):
    """The venue reports how much is filled in all, and at what average price if it says so."""

    total_minor: int
    average_price: Decimal | None = None

    def __post_init__(self) -> None:
        check_total(self.total_minor)
        if self.average_price is not None:
            check_price(self.average_price)


class Voided(msgspec.Struct, frozen=True):
    """The venue annulled this much of what was filled."""

    total_minor: int

    def __post_init__(self) -> None:
        check_total(self.total_minor)


class CancelAsked(msgspec.Struct, frozen=True):
    """We are about to ask the venue to cancel all that rests; may be repeated."""


class CancelConfirmed(msgspec.Struct, frozen=True):
    """The venue confirmed a cancel.

    ``total_minor`` is None where it does not say how much. ``nothing_rests`` is False if only a
    part was cancelled and the remainder still rests.
    """

    total_minor: int | None = None
    nothing_rests: bool = True

    def __post_init__(self) -> None:
        check_total(self.total_minor)


class CancelRefused(msgspec.Struct, frozen=True):
    """The venue did not cancel: already filled, still activating, in another step."""

    reason: str


class CancelUnknown(msgspec.Struct, frozen=True):
    """The cancel got no clear answer: the order counts as resting."""

    reason: str


class Lapsed(msgspec.Struct, frozen=True):
    """The venue removed what rested: start of play, suspension, fill-or-kill.

    Its fields mean what those of CancelConfirmed mean.
    """

    total_minor: int | None = None
    nothing_rests: bool = True

    def __post_init__(self) -> None:
        check_total(self.total_minor)


class Settled(msgspec.Struct, frozen=True):
    """The venue settled the order; again with a later ``at`` it is a regrade."""

    result: OrderState
    pnl_minor: int
    at: datetime

    def __post_init__(self) -> None:
        if self.result not in SETTLED:
            raise ValueError(f"not the result of an order: {self.result}")


class Found(msgspec.Struct, frozen=True):
    """Reconciliation found the order at the venue."""

    venue_order_id: str = ""


class NotPlaced(msgspec.Struct, frozen=True):
    """Reconciliation proved that the venue does not have the order and never will."""

    reason: str


OwnAct = QuoteAsked | Skipped | SendingCommitted | NoClearAnswer | CancelAsked | CancelUnknown
VenueNews = (
    Accepted | Refused | Filled | Matched | Voided | CancelConfirmed | CancelRefused | Lapsed
    | Settled
)  # fmt: skip
Finding = Found | NotPlaced
OrderEvent = OwnAct | VenueNews | Finding
