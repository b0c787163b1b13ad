"""A bet as analytics see it: the same for the ledger and for backtests."""

from datetime import datetime

import msgspec


class BetRecord(msgspec.Struct, frozen=True):
    """One bet.

    Money in minor units; ``pnl_minor`` is None while unsettled; ``state`` is a BetState value.

    ``fair_p`` is the effective probability at the bet, ``closing_p`` the one at the close (None:
    not available, never zero). ``modelled_p`` stands in where only another line had a close: that
    price moved to the bet's line by a goal model. ``ev_pct`` is what the edge gate promised per 100
    staked at ``asked_odds`` (None: those of the bet). ``mode`` keeps DRY, LIVE and BACKTEST apart.
    """

    bet_id: str
    mode: str
    event_uid: str
    day: str
    league: str
    book: str
    kind: str
    selection_id: str
    odds: float
    stake_minor: int
    pnl_minor: int | None
    state: str
    ev_pct: float
    fair_p: float
    closing_p: float | None
    placed_at: datetime
    kickoff: datetime
    asked_odds: float | None = None
    modelled_p: float | None = None

    @property
    def modelled_clv(self) -> float | None:
        """The same by ``modelled_p``; None without it."""
        return None if self.modelled_p is None else self.odds * self.modelled_p - 1

    @property
    def clv(self) -> float | None:
        """No-vig closing line value ``odds * q - 1``; None without a closing price of the same
        line.
        """
        return None if self.closing_p is None else self.odds * self.closing_p - 1
