"""Bets and the account, as a venue reports them."""

from datetime import datetime
from enum import StrEnum

import msgspec

from keter.domain.market_kinds import Outcome
from keter.domain.markets import Market
from keter.domain.order_states import Side
from keter.domain.sports import FOOTBALL


class TicketStatus(StrEnum):
    """What the venue has done with a bet."""

    PENDING = "pending"
    RUNNING = "running"
    REFUSED = "refused"
    SETTLED = "settled"
    VOID = "void"


class Ticket(msgspec.Struct, frozen=True):
    """A bet as the venue books it.

    * ``reference`` is ours, without the venue's prefix.
    * ``result`` is an OrderState value once settled.
    * ``market`` and ``outcome`` are None if the venue's words could not be read; such a ticket
      still counts as exposure.
    * ``sport`` is the code with which ids of events begin.
    * ``unreadable`` names what in the row is implausible, empty if nothing is. Nothing is concluded
      from an unreadable ticket.
    * ``stake_minor`` is the backer's stake, also of a lay.
    * ``stake_known`` is False if even its stake is unknown; ``stake_minor`` is 0 then.
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
    outcome: Outcome | None
    home: str
    away: str
    league: str
    kickoff: datetime | None
    result: str | None = None
    score_at_bet: tuple[int, int] | None = None
    final_score: tuple[int, int] | None = None
    half_time_score: tuple[int, int] | None = None
    message: str = ""
    sport: str = FOOTBALL.code
    unreadable: str = ""
    stake_known: bool = True
    side: Side = Side.BACK


class AccountSnapshot(msgspec.Struct, frozen=True):
    """The account as the venue reports it, in minor units of ``currency``."""

    account: str
    currency: str
    credit_minor: int
    outstanding_minor: int
    pnl_today_minor: int
    pnl_yesterday_minor: int
    fetched_at: datetime
