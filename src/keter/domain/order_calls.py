"""Requests to a venue when a bet is placed, and its answers."""

from enum import StrEnum

import msgspec

from keter.domain.market_kinds import Outcome
from keter.domain.markets import Market
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


class PlaceOrder(msgspec.Struct, frozen=True):
    """One placement, sent once.

    ``prices`` are (book, price text) for the chosen side; the stake is for all books together.
    """

    ref: VenueRef
    market: Market
    outcome: Outcome
    prices: tuple[tuple[str, str], ...]
    stake_minor: int
    reference: str


class PlaceOutcome(StrEnum):
    """What a placement call led to.

    * SENT: the book has it and has not accepted it yet.
    * REFUSED: the venue or the book refused it.
    * NOT_SENT: it certainly never reached the book.
    * UNKNOWN: query the venue, never send it again.
    """

    SENT = "sent"
    REFUSED = "refused"
    NOT_SENT = "not_sent"
    UNKNOWN = "unknown"


class Placement(msgspec.Struct, frozen=True):
    """The result of one placement call.

    ``kind`` is a stable word for the answer, ``message`` the venue's text.
    """

    outcome: PlaceOutcome
    kind: str
    message: str = ""
    code: int | None = None
