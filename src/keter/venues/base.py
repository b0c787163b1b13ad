"""What a venue is to the rest of Keter (design section 12).

Gates and workers ask the capability, never the venue's name.
"""

from collections import Counter
from collections.abc import AsyncIterator, Sequence
from typing import Protocol

import msgspec

from keter.domain.feed import FeedUpdate
from keter.domain.markets import MarketKind, Phase
from keter.domain.orders import Placement, PlacementQuote, PlaceOrder, QuoteRequest
from keter.domain.tickets import AccountSnapshot, Ticket
from keter.errors import KeterError, RetryLaterError


class Capability(msgspec.Struct, frozen=True):
    """What a venue can do.

    ``reference_unique_s``: for how long a repeated reference is refused; 0 means never.
    """

    venue: str
    market_kinds: frozenset[MarketKind]
    odds_formats: tuple[str, ...]
    can_cancel: bool
    can_replace: bool
    reference_max_length: int
    reference_unique_s: float
    asynchronous_acceptance: bool
    minimum_stake_minor: int
    feed_interval_s: dict[Phase, float]
    placement_timeout_s: float
    handicap_from_score_at_bet: bool


class VenueError(KeterError):
    """A venue did not answer as hoped.

    ``kind`` is stable and countable; ``detail`` holds no secret.
    """

    def __init__(self, kind: str, detail: str) -> None:
        super().__init__(f"{kind}: {detail}")
        self.kind = kind
        self.detail = detail


class VenueTransientError(VenueError, RetryLaterError):
    """Time-out, 5xx, broken answer, backend trouble: a read may be repeated with back-off."""


class VenueThrottledError(VenueTransientError):
    """Asked too often. ``retry_after_s`` is how long to wait before the next call of this kind."""

    def __init__(self, detail: str, retry_after_s: float) -> None:
        super().__init__("throttled", detail)
        self.retry_after_s = retry_after_s


class VenueSessionError(VenueTransientError):
    """The session is gone; its owner must log in again."""


class VenueRejectedError(VenueError):
    """The venue understood and said no; the same request will be refused again."""


class PriceSource(Protocol):
    """Normalised updates, for as long as it is iterated.

    Errors worth a restart are raised as VenueError.

    ``problems`` counts by kind, over the life of the source, what could not be used, answers that
    gave no update included; ``timeouts_in_a_row`` are the latest answers that did not come in time.
    """

    capability: Capability
    problems: Counter[str]
    timeouts_in_a_row: int

    def updates(self) -> AsyncIterator[FeedUpdate]: ...


class BetVenue(Protocol):
    """Where bets go.

    ``place`` never raises for what the venue did: every doubt is ``PlaceOutcome.UNKNOWN``.
    """

    capability: Capability

    async def quote(self, request: QuoteRequest) -> Sequence[PlacementQuote]: ...

    async def place(self, order: PlaceOrder) -> Placement: ...

    async def bet(self, reference: str) -> Sequence[Ticket]:
        """All tickets with our reference; empty when the venue says it knows none (which may still
        change).
        """
        ...

    async def bets(self) -> Sequence[Ticket]:
        """Open and recently settled tickets, as far as the venue lists them."""
        ...

    async def account(self) -> AccountSnapshot: ...

    async def aclose(self) -> None: ...
