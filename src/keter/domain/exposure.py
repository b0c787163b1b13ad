"""Open risk: what a bet or a reservation may lose, alone and together with the others of its event."""

from datetime import datetime
from enum import StrEnum

import msgspec

from keter.domain.markets import Market, Side


class ExposureStatus(StrEnum):
    """RESERVED ends by itself at ``expires_at``; BET stands until the bet is final."""

    RESERVED = "reserved"
    BET = "bet"


class Exposure(msgspec.Struct, frozen=True):
    """One stake at risk. ``odds`` is decimal text; ``score_at_bet`` is where an in-play handicap starts counting.

    ``market`` is None for a foreign ticket whose words could not be read: it counts as lost in every score.
    """

    decision_id: str
    event_uid: str
    league: str
    market: Market | None
    side: Side | None
    stake_minor: int
    odds: str
    status: ExposureStatus
    made_at: datetime
    expires_at: datetime | None = None
    score_at_bet: tuple[int, int] | None = None

    @property
    def selection_id(self) -> str:
        return self.market.selection_id(self.side) if self.market is not None and self.side is not None else ""


class DayRisk(msgspec.Struct, frozen=True):
    """The betting day so far: ``day`` is its ISO date in the configured zone; ``streak`` counts losses in a row."""

    day: str
    pnl_minor: int = 0
    staked_minor: int = 0
    streak: int = 0
    bets: int = 0
