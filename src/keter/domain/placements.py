"""Placements on record: what became of each, LIVE, and the tickets of the paper gateway, DRY."""

from datetime import datetime

import msgspec

from keter.domain.market_kinds import Outcome
from keter.domain.markets import Market
from keter.domain.order_states import OrderState
from keter.domain.orders import Order


class PlacementFact(msgspec.Struct, frozen=True):
    """One bet that was sent, with its times.

    ``asked`` are (book, price text) as sent. ``decided_at`` is None while the book is silent.
    ``refused`` counts what the book refused. A placement that never reached the book is no fact.
    """

    bet: Order
    asked: tuple[tuple[str, str], ...]
    sent_at: datetime
    decided_at: datetime | None
    refused: bool

    @property
    def delay_s(self) -> float | None:
        """The seconds from the call to the answer; None while undecided."""
        return None if self.decided_at is None else (self.decided_at - self.sent_at).total_seconds()


class PaperTicket(msgspec.Struct, frozen=True):
    """A paper placement and its simulated fill.

    From ``decided_at`` on it is accepted, or ``refused`` with ``message``. ``result`` and
    ``pnl_minor`` are None until it is settled.
    """

    ticket_id: str
    account: str
    reference: str
    book: str
    odds: str
    stake_minor: int
    event_uid: str
    league: str
    home: str
    away: str
    kickoff: datetime
    market: Market
    outcome: Outcome
    placed_at: datetime
    decided_at: datetime
    refused: bool
    message: str = ""
    score_at_bet: tuple[int, int] | None = None
    settled_at: datetime | None = None
    result: OrderState | None = None
    pnl_minor: int | None = None


class PaperSums(msgspec.Struct, frozen=True):
    """An account's paper tickets in minor units.

    ``outstanding_minor``: stakes neither refused nor settled. Profits are by the day on which they
    were settled.
    """

    outstanding_minor: int
    pnl_minor: int
    pnl_today_minor: int
    pnl_yesterday_minor: int
