"""What an answer of a price source changed: markets, scores, and the answer itself."""

from datetime import datetime

import msgspec

from keter.domain.markets import Event, Market, Phase
from keter.domain.quotes import BookPrices, Score, VenueRef
from keter.domain.sports import FOOTBALL, Sport
from keter.domain.sports_scores import FootballScore, MatchScore
from keter.domain.verdicts import Number


class MarketPrices(msgspec.Struct, frozen=True):
    """One market as a venue shows it now."""

    event: Event
    market: Market
    phase: Phase
    ref: VenueRef
    books: tuple[BookPrices, ...]
    active: bool
    score: Score | None = None


class EventScore(msgspec.Struct, frozen=True, omit_defaults=True):
    """The score of an event in play; ``ended`` if it is the final score.

    ``match`` is how it ended in the score type of its sport. Football needs none: its goals are in
    ``score`` and ``half_time``.
    """

    event_uid: str
    score: Score
    half_time: tuple[int, int] | None
    ended: bool
    observed_at: datetime
    match: MatchScore | None = None

    def final(self, sport: Sport) -> MatchScore | None:
        """Return the score by which bets are settled; None if it is not final, or not known.

        Raises ValueError for a score that cannot be.
        """
        if not self.ended:
            return None
        if type(self.match) is sport.score_type:
            return self.match
        if sport is not FOOTBALL:
            return None
        return FootballScore((self.score.home, self.score.away), self.half_time)

    def decides(self, *, kickoff: datetime, made_at: datetime) -> bool:
        """Return whether this is the final score for a bet made at ``made_at``.

        A score observed before the bet, or before kick-off, is another match's.
        """
        return self.ended and self.observed_at >= max(kickoff, made_at)


class CapturedAnswer(msgspec.Struct, frozen=True):
    """One raw answer of a venue, kept for replay. ``request`` contains no secrets."""

    account: str
    venue: str
    request: dict[str, Number]
    requested_at: datetime
    received_at: datetime
    body: bytes
    v: int = 1


class FeedUpdate(msgspec.Struct, frozen=True):
    """What one answer of a price source changed.

    * ``changed`` are whole markets after the merge.
    * ``removed`` are (event_uid, market) pairs that are gone.
    * Every other known market of ``phase`` was confirmed at ``received_at``.
    * ``problems`` counts rows that could not be used, by kind.
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
