"""What a venue is to the rest of Keter (design section 12).

Gates and workers ask the capability, never the venue's name.
"""

from collections import Counter
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Protocol

import msgspec

from keter.domain.markets import Event, Market, MarketKind, Outcome, Phase
from keter.domain.quotes import BookPrices, Score, VenueRef
from keter.domain.signals import CapturedAnswer
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


class MarketPrices(msgspec.Struct, frozen=True):
    """One market as a venue shows it now."""

    event: Event
    market: Market
    phase: Phase
    ref: VenueRef
    books: tuple[BookPrices, ...]
    active: bool
    score: Score | None = None


class EventScore(msgspec.Struct, frozen=True):
    """The score of an event in play; ``ended`` when this is the final score."""

    event_uid: str
    score: Score
    half_time: tuple[int, int] | None
    ended: bool
    observed_at: datetime

    def decides(self, *, kickoff: datetime, made_at: datetime) -> bool:
        """Whether this is the final score for a bet made then: one seen before it, or before
        kick-off, is another match's.
        """
        return self.ended and self.observed_at >= max(kickoff, made_at)


class FeedUpdate(msgspec.Struct, frozen=True):
    """What one answer of a price source changed.

    ``changed`` are whole markets after the merge, ``removed`` (event_uid, market) pairs that are
    gone. Everything else of ``phase`` that is still known was confirmed at ``received_at``.
    ``problems`` counts what could not be used, by kind.
    """

    phase: Phase
    changed: tuple[MarketPrices, ...]
    removed: tuple[tuple[str, Market], ...]
    scores: tuple[EventScore, ...]
    requested_at: datetime
    received_at: datetime
    body_bytes: int
    parse_s: float
    known_markets: int
    problems: dict[str, int] = {}
    capture: CapturedAnswer | None = None


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


class QuoteRequest(msgspec.Struct, frozen=True):
    """Ask for the price and limits of a selection now, at the books named."""

    ref: VenueRef
    market: Market
    side: Outcome
    books: tuple[str, ...]


class PlacementQuote(msgspec.Struct, frozen=True):
    """One book's answer: decimal price, its own text, limits in minor units, or why it refuses."""

    book: str
    odds: float
    text: str
    minimum_minor: int
    maximum_minor: int
    rejected: bool
    message: str = ""


class PlaceOrder(msgspec.Struct, frozen=True):
    """One placement, sent once.

    ``prices`` are (book, price text) for the chosen side; the stake is for all together.
    """

    ref: VenueRef
    market: Market
    side: Outcome
    prices: tuple[tuple[str, str], ...]
    stake_minor: int
    reference: str


class PlaceOutcome(StrEnum):
    """SENT: handed to the book, not yet accepted.

    NOT_SENT: surely never reached it. UNKNOWN: ask, never send again.
    """

    SENT = "sent"
    REFUSED = "refused"
    NOT_SENT = "not_sent"
    UNKNOWN = "unknown"


class Placement(msgspec.Struct, frozen=True):
    """What one placement call told.

    ``kind`` is a stable word for the answer, ``message`` the venue's text.
    """

    outcome: PlaceOutcome
    kind: str
    message: str = ""
    code: int | None = None


class TicketStatus(StrEnum):
    PENDING = "pending"
    RUNNING = "running"
    REFUSED = "refused"
    SETTLED = "settled"
    VOID = "void"


class Ticket(msgspec.Struct, frozen=True):
    """A bet as the venue books it.

    ``reference`` is ours, without the venue's prefix; ``result`` a BetState value when settled.

    ``market`` and ``side`` are None when the venue's words could not be read; such a ticket still
    counts as exposure. ``sport`` is the code that names of events begin with. ``unreadable`` says
    what of the row cannot be believed, empty when all can: nothing is concluded from such a ticket.
    Without ``stake_told`` even its stake is unknown, and ``stake_minor`` is 0.
    """

    reference: str
    ticket_id: str
    book: str
    status: TicketStatus
    odds: str
    stake_minor: int
    pnl_minor: int
    placed_at: datetime
    market: Market | None
    side: Outcome | None
    home: str
    away: str
    league: str
    kickoff: datetime | None
    result: str | None = None
    score_at_bet: tuple[int, int] | None = None
    final_score: tuple[int, int] | None = None
    half_time_score: tuple[int, int] | None = None
    message: str = ""
    sport: str = "fb"
    unreadable: str = ""
    stake_told: bool = True


class AccountSnapshot(msgspec.Struct, frozen=True):
    """The account as the venue reports it, in minor units of ``currency``."""

    account: str
    currency: str
    credit_minor: int
    outstanding_minor: int
    pnl_today_minor: int
    pnl_yesterday_minor: int
    fetched_at: datetime


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
