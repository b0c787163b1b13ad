"""Requests to a venue about orders, its answers, and the events that an answer means.

A call with several requests has one answer for each, in their order. Venues judge each request
alone; what they say of the call as a whole means little (Betfair, ProphetX).
"""

from datetime import datetime
from enum import StrEnum

import msgspec

from keter.domain.market_kinds import Outcome
from keter.domain.markets import Market
from keter.domain.order_events import (
    Accepted,
    CancelConfirmed,
    CancelRefused,
    CancelUnknown,
    NoClearAnswer,
    OrderEvent,
    Refused,
)
from keter.domain.order_states import Side
from keter.domain.quotes import VenueRef

# The deadline of a placement call lies this long after PLACEMENT_TIMEOUT_S, the time that the venue
# may take. The safety of the selection lock rests on it: the call has ended when the lock ends.
PLACEMENT_MARGIN_S = 10.0


class QuoteRequest(msgspec.Struct, frozen=True):
    """A request for the present price and limits of a selection at the books named."""

    ref: VenueRef
    market: Market
    outcome: Outcome
    books: tuple[str, ...]


class PlacementQuote(msgspec.Struct, frozen=True):
    """One book's answer: decimal price, its own text, limits in minor units, or a refusal."""

    book: str
    odds: float
    text: str
    minimum_minor: int
    maximum_minor: int
    rejected: bool
    message: str = ""


class OrderRequest(msgspec.Struct, frozen=True):
    """One order to place, sent once.

    * ``prices`` are (book, price text), best first. An exchange takes one price, without a book.
    * ``stake_minor`` is the backer's stake, for all books together.
    """

    ref: VenueRef
    market: Market
    outcome: Outcome
    prices: tuple[tuple[str, str], ...]
    stake_minor: int
    reference: str
    side: Side = Side.BACK


class PlaceResult(StrEnum):
    """What one placement led to.

    * ACCEPTED: the venue has it; news say what it is filled with.
    * REFUSED: the venue or the book refused it.
    * NOT_SENT: it certainly never reached the venue.
    * UNKNOWN: ask the venue for the reference, never send it again.
    """

    ACCEPTED = "accepted"
    REFUSED = "refused"
    NOT_SENT = "not_sent"
    UNKNOWN = "unknown"


class PlaceAnswer(msgspec.Struct, frozen=True):
    """The answer to one placement.

    * ``kind`` is a stable word for the answer, ``message`` the venue's text, ``code`` its number.
    * ``venue_order_id`` is empty where the answer gives none.
    """

    result: PlaceResult
    kind: str
    message: str = ""
    code: int | None = None
    venue_order_id: str = ""

    @property
    def cause(self) -> str:
        """The word that the ledger keeps; of a request that was not sent it says so."""
        is_unsent = self.result is PlaceResult.NOT_SENT
        return f"{self.result.value}:{self.kind}" if is_unsent else self.kind

    @property
    def event(self) -> OrderEvent:
        """The event that the answer is for the order."""
        if self.result is PlaceResult.ACCEPTED:
            return Accepted(self.venue_order_id)
        if self.result is PlaceResult.UNKNOWN:
            return NoClearAnswer(self.cause)
        return Refused(self.cause)


class WantedCancel(msgspec.Struct, frozen=True):
    """Somebody's wish that all that rests of an order be cancelled.

    * ``account`` is the key of the order's account, and ``strategy`` the order's own.
    * ``reason`` is a short text for people: what has become stale, or what was pressed.
    * ``asked_by`` is a strategy, the tracker that repeats a cancel, or an operator.
    """

    intent_id: str
    account: str
    strategy: str
    reason: str
    asked_by: str
    at: datetime
    v: int = 1

    @property
    def queue_key(self) -> str:
        """The key on which the queue conflates: a wish that waits is asked once."""
        return self.intent_id


class CancelOrder(msgspec.Struct, frozen=True):
    """One order of which all that rests is to be cancelled.

    ``venue_order_id`` is empty if it is unknown; see ``Capability.cancels_by_reference``.
    """

    reference: str
    venue_order_id: str = ""


class CancelResult(StrEnum):
    """What one cancel led to.

    * CANCELLED: nothing rests any more; also where the venue says that it was cancelled before.
    * GONE: filled or lapsed, and the answer does not say which (Betfair: BET_TAKEN_OR_LAPSED).
    * NOT_YET: the order is still being activated; to be asked again (ProphetX: 409, 425).
    * REFUSED: the venue does not cancel it.
    * UNKNOWN: no clear answer.
    """

    CANCELLED = "cancelled"
    GONE = "gone"
    NOT_YET = "not_yet"
    REFUSED = "refused"
    UNKNOWN = "unknown"


class CancelAnswer(msgspec.Struct, frozen=True):
    """The answer to one cancel; ``cancelled_minor`` is None where the venue does not say it."""

    result: CancelResult
    kind: str
    message: str = ""
    cancelled_minor: int | None = None

    @property
    def event(self) -> OrderEvent:
        """The event that the answer is for the order.

        Every answer but CANCELLED with its amount leaves the order counting as resting. Without
        the amount nobody knows what was filled before, so the order is read first. GONE and NOT_YET
        keep the wish, so that the order is read and the cancel repeated. REFUSED drops it.
        """
        if self.result is CancelResult.CANCELLED and self.cancelled_minor is not None:
            return CancelConfirmed(self.cancelled_minor)
        if self.result is CancelResult.REFUSED:
            return CancelRefused(self.kind)
        return CancelUnknown(self.kind)
