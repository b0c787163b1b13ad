"""What a venue is to the rest of Keter (design section 12).

Gates and processes ask the capability, never the venue's name.
"""

from collections import Counter
from collections.abc import AsyncIterator, Sequence
from typing import Protocol

import msgspec

from keter.domain.feed import FeedUpdate
from keter.domain.market_kinds import MarketKind
from keter.domain.markets import Phase
from keter.domain.order_calls import Placement, PlacementQuote, PlaceOrder, QuoteRequest
from keter.domain.references import ReferenceForm
from keter.domain.tickets import AccountSnapshot, Ticket
from keter.errors import KeterError, RetryLaterError


class Capability(msgspec.Struct, frozen=True):
    """What a venue can do.

    ``reference_unique_s``: for how many seconds a repeated reference is refused; 0 means never.
    """

    venue: str
    market_kinds: frozenset[MarketKind]
    odds_formats: tuple[str, ...]
    can_cancel: bool
    can_replace: bool
    reference_form: ReferenceForm
    reference_unique_s: float
    asynchronous_acceptance: bool
    minimum_stake_minor: int
    feed_interval_s: dict[Phase, float]
    placement_timeout_s: float
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
    """Where bets go."""

    capability: Capability

    async def quote(self, request: QuoteRequest) -> Sequence[PlacementQuote]:
        """Return prices and limits of a selection now, one per book that answered."""
        ...

    async def place(self, order: PlaceOrder) -> Placement:
        """Send ``order`` once.

        Never raises for what the venue did: every doubt is ``PlaceOutcome.UNKNOWN``.
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
