"""Bets and the account as a venue reports them."""

from datetime import datetime
from enum import StrEnum

import msgspec

from keter.domain.markets import Market, Outcome


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
    Without ``stake_known`` even its stake is unknown, and ``stake_minor`` is 0.
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
    stake_known: bool = True


class AccountSnapshot(msgspec.Struct, frozen=True):
    """The account as the venue reports it, in minor units of ``currency``."""

    account: str
    currency: str
    credit_minor: int
    outstanding_minor: int
    pnl_today_minor: int
    pnl_yesterday_minor: int
    fetched_at: datetime
