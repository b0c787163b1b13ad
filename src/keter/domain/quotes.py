"""What books offer: prices of a whole market, with the times that give their age."""

from datetime import datetime

import msgspec

from keter.domain.markets import Event, Market, Phase
from keter.domain.sports import HandicapRule


class BookPrices(msgspec.Struct, frozen=True, gc=False):
    """One book's prices for one market, in the order of ``Market.sides``.

    * ``odds`` are decimal floats, None where the book has no price for the side.
    * ``texts`` are the venue's own spellings.
    * ``changed_at`` is the venue's time of the last change.
    * ``confirmed_at`` is when the prices were last known to be offered.
    """

    book: str
    odds: tuple[float | None, ...]
    texts: tuple[str, ...]
    changed_at: datetime
    confirmed_at: datetime


class VenueRef(msgspec.Struct, frozen=True):
    """How a venue finds a market again. ``key`` is opaque outside the venue's own package."""

    venue: str
    key: str


class Score(msgspec.Struct, frozen=True):
    """What both sides have scored so far, in the unit that the sport's feed shows.

    ``minute`` counts played minutes, None before kick-off or where unknown. Red cards are
    football's.
    """

    home: int
    away: int
    minute: int | None = None
    red_home: int = 0
    red_away: int = 0


class MarketUpdate(msgspec.Struct, frozen=True):
    """A market whose prices changed, as ingest saw it.

    ``received_at`` is when the venue's answer had arrived.
    """

    trace_id: str
    account: str
    event: Event
    market: Market
    phase: Phase
    ref: VenueRef
    books: tuple[BookPrices, ...]
    active: bool
    received_at: datetime
    score: Score | None = None
    v: int = 1

    @property
    def score_at_bet(self) -> tuple[int, int] | None:
        """The score from which a handicap bet now counts.

        None before kick-off, if it is unknown, and in a sport whose handicaps count the whole
        match.
        """
        if self.score is None or self.phase is not Phase.LIVE:
            return None
        if self.market.of.handicap_in_play is not HandicapRule.SCORE_AT_BET:
            return None
        return self.score.home, self.score.away

    @property
    def queue_key(self) -> str:
        """The key on which the raw and validated queues conflate."""
        return f"{self.event.event_uid}|{self.market.market_id}|{self.account}"
