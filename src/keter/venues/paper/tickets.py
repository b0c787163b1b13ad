"""Paper tickets: from what score they count, what they come to, and how a venue would show them.

Pure.
"""

from datetime import datetime, timedelta
from decimal import Decimal

from keter.domain.feed import EventScore
from keter.domain.order_states import OrderState
from keter.domain.placements import PaperTicket
from keter.domain.settlement import Settlement
from keter.domain.signals import approved_signal
from keter.domain.sports_settlement import settle_sport
from keter.domain.tickets import Ticket, TicketStatus

# After kick-off. A bet whose result has not come by then is void.
RESULT_DEADLINE = timedelta(hours=36)


def score_at_bet(signal: bytes) -> tuple[int, int] | None:
    """Return the score from which a handicap counts; None before kick-off or without a signal."""
    approved = approved_signal(signal)
    return approved.signal.update.score_at_bet if approved is not None else None


def settlement_of(
    ticket: PaperTicket, result: EventScore | None, now: datetime, *, from_score_at_bet: bool
) -> Settlement | None:
    """Return what a ticket comes to; None while the result may still come.

    ``from_score_at_bet``: whether a handicap in play counts from the score at the bet.
    """
    final = result.final(ticket.market.of) if result is not None else None
    if final is None:
        overdue = now > ticket.kickoff + RESULT_DEADLINE
        return Settlement(OrderState.VOID, 0) if overdue else None
    try:
        return settle_sport(
            ticket.market,
            ticket.outcome,
            final,
            score_at_bet=ticket.score_at_bet if from_score_at_bet else None,
            odds=Decimal(ticket.odds),
            stake_minor=ticket.stake_minor,
        )
    except ValueError:
        # The score lacks the market's period: nobody saw the half-time score of the event.
        return Settlement(OrderState.VOID, 0)


def as_venue_ticket(ticket: PaperTicket, result: EventScore | None, now: datetime) -> Ticket:
    """Return a ticket as a venue would show it at ``now``."""
    shown = result if ticket.result is not None else None
    return Ticket(
        reference=ticket.reference,
        ticket_id=ticket.ticket_id,
        book=ticket.book,
        status=_status(ticket, now),
        odds=ticket.odds,
        stake_minor=ticket.stake_minor,
        pnl_minor=ticket.pnl_minor or 0,
        placed_at=ticket.placed_at,
        market=ticket.market,
        outcome=ticket.outcome,
        home=ticket.home,
        away=ticket.away,
        league=ticket.league,
        kickoff=ticket.kickoff,
        result=None if ticket.result is None else ticket.result.value,
        score_at_bet=ticket.score_at_bet,
        final_score=(shown.score.home, shown.score.away) if shown is not None else None,
        half_time_score=shown.half_time if shown is not None else None,
        sport=ticket.market.sport,
        message=ticket.message if ticket.refused and now >= ticket.decided_at else "",
    )


def _status(ticket: PaperTicket, now: datetime) -> TicketStatus:
    if now < ticket.decided_at:
        return TicketStatus.PENDING
    if ticket.refused:
        return TicketStatus.REFUSED
    if ticket.result is None:
        return TicketStatus.RUNNING
    return TicketStatus.VOID if ticket.result is OrderState.VOID else TicketStatus.SETTLED
