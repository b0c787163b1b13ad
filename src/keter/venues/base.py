"""What a venue is to the rest of Keter (design section 12).

Gates and processes ask the capability, never the venue's name.
"""

from collections import Counter
from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING, Protocol

import msgspec

from keter.domain.feed import FeedUpdate
from keter.domain.order_calls import (
    CancelAnswer,
    CancelOrder,
    OrderRequest,
    PlaceAnswer,
    PlacementQuote,
    QuoteRequest,
)
from keter.domain.order_reconciling import VenueOrder, VenueView
from keter.domain.references import ReferenceForm
from keter.domain.tickets import AccountSnapshot, Ticket
from keter.errors import KeterError, RetryLaterError

if TYPE_CHECKING:
    from typing_extensions import TypeIs


class Capability(msgspec.Struct, frozen=True):
    """What a venue can do.

    * ``reference_form``: the letters and the length that it takes of a reference of ours.
    * ``can_lay``: it takes orders against an outcome.
    * ``can_cancel``: orders rest there and may be cancelled.
    * ``cancels_by_reference``: a cancel needs no id of the venue's.
    * ``handicap_from_score_at_bet``: a handicap in play counts from the score at the bet.
    """

    venue: str
    reference_form: ReferenceForm
    can_lay: bool
    can_cancel: bool
    cancels_by_reference: bool
    handicap_from_score_at_bet: bool


class VenueError(KeterError):
    """A venue gave no usable answer.

    ``kind`` is a stable word that can be counted. ``detail`` holds no secret.
    """

    def __init__(self, kind: str, detail: str) -> None:
        super().__init__(f"{kind}: {detail}")
        self.kind = kind
        self.detail = detail


class VenueTransientError(VenueError, RetryLaterError):
    """A time-out, 5xx, a broken answer, trouble behind the venue: a read may be repeated later."""


class VenueThrottledError(VenueTransientError):
    """The venue was asked too often.

    ``retry_after_s`` is how long to wait before the next call of this kind.
    """

    def __init__(self, detail: str, retry_after_s: float) -> None:
        super().__init__("throttled", detail)
        self.retry_after_s = retry_after_s


class VenueSessionError(VenueTransientError):
    """The session has ended; its owner must log in again."""


class VenueRejectedError(VenueError):
    """The venue understood and refused; it will refuse the same request again."""


class PriceSource(Protocol):
    """Where prices come from.

    ``problems`` counts by kind, over the life of the source, what could not be used. Answers that
    gave no update are counted too. ``timeouts_in_a_row`` counts the latest answers that did not
    come in time.
    """

    capability: Capability
    problems: Counter[str]
    timeouts_in_a_row: int

    def updates(self) -> AsyncIterator[FeedUpdate]:
        """Yield normalised updates without end.

        Raises VenueError for errors that need a restart.
        """
        ...


class Bookmaker(Protocol):
    """Where bets go that cannot rest: quoted, placed, then accepted or refused."""

    capability: Capability

    async def quote(self, request: QuoteRequest) -> Sequence[PlacementQuote]:
        """Return prices and limits of a selection now, one per book that answered."""
        ...

    async def place(self, request: OrderRequest) -> PlaceAnswer:
        """Send ``request`` once.

        Never raises for what the venue did: every doubt is ``PlaceResult.UNKNOWN``.
        """
        ...

    async def bet(self, reference: str) -> Sequence[Ticket]:
        """Return all tickets with our reference.

        They are empty while the venue says that it knows none, which may still change.
        """
        ...

    async def bets(self) -> Sequence[Ticket]:
        """Return open and recently settled tickets, as far as the venue lists them."""
        ...

    async def account(self) -> AccountSnapshot:
        """Return the account as the venue shows it now."""
        ...

    async def aclose(self) -> None: ...


class Exchange(Protocol):
    """Where orders rest until others take them, or we cancel them.

    No method raises for what the venue did with an order: every doubt is an answer UNKNOWN. Reads
    raise VenueError.
    """

    capability: Capability

    async def place_many(self, requests: Sequence[OrderRequest]) -> Sequence[PlaceAnswer]:
        """Send every request once, in as many calls as needed; return one answer for each."""
        ...

    async def cancel_many(self, cancels: Sequence[CancelOrder]) -> Sequence[CancelAnswer]:
        """Cancel all that rests of each order; return one answer for each. May be repeated."""
        ...

    async def order(self, reference: str) -> VenueView:
        """Return the order as the venue shows it now, by the reference that ``orders`` gives it."""
        ...

    async def orders(self) -> Sequence[VenueOrder]:
        """Return every order that rests, and those that ended lately as far as listed."""
        ...

    async def account(self) -> AccountSnapshot:
        """Return the account as the venue shows it now."""
        ...

    async def aclose(self) -> None: ...


def is_exchange(venue: Bookmaker | Exchange) -> "TypeIs[Exchange]":
    """Return whether orders rest at the venue, as its capability says."""
    return venue.capability.can_cancel
