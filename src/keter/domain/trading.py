"""The trading state: may new bets be made, who said so, and until when."""

from datetime import datetime
from enum import StrEnum

import msgspec


class TradingMode(StrEnum):
    """ACTIVE bets; REDUCING makes no bet that raises exposure; PAUSED ends by itself or by hand; HALTED only by hand."""

    ACTIVE = "ACTIVE"
    REDUCING = "REDUCING"
    PAUSED = "PAUSED"
    HALTED = "HALTED"


class ExecutionMode(StrEnum):
    DRY = "DRY"
    LIVE = "LIVE"


class TradingState(msgspec.Struct, frozen=True):
    """Who put trading into this mode, why and when. ``revision`` grows by one with every change."""

    mode: TradingMode
    actor: str
    reason: str
    since: datetime
    until: datetime | None = None
    revision: int = 0

    def effective(self, now: datetime) -> TradingMode:
        """The mode that holds at ``now``: a pause ends when its time has come."""
        if self.mode is TradingMode.PAUSED and self.until is not None and now >= self.until:
            return TradingMode.ACTIVE
        return self.mode
