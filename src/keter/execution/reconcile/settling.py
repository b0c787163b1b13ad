"""Our own settlement of a bet, to compare with the venue's. Pure."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal, InvalidOperation

from keter.domain.feed import EventScore
from keter.domain.markets import Market
from keter.domain.order_states import OrderState
from keter.domain.orders import Order
from keter.domain.settlement import Settlement
from keter.domain.sports import FOOTBALL, HALF_TIME, counts_from_score_at_bet
from keter.domain.sports_scores import Ending, FootballScore, MatchScore
from keter.domain.sports_settlement import settle_sport
from keter.domain.tickets import Ticket, TicketStatus
from keter.errors import InvalidOddsError
from keter.ledger import SettlementRow

TOLERANCE_MINOR = 1  # a book rounds an exact half cent either way


def own_settlement(
    bet: Order, tickets: Sequence[Ticket], result: EventScore | None, *, from_score_at_bet: bool
) -> Settlement | None:
    """Return what the bet comes to by our rules, in minor units.

    Return None if a score, a price or a ticket's market is missing, or if the tickets end in
    different states. ``from_score_at_bet`` says that handicaps count from the score at the bet.
    """
    pnl_minor = 0
    states: list[OrderState] = []
    for ticket in tickets:
        one = _of_ticket(bet, ticket, result, from_score_at_bet=from_score_at_bet)
        if one is None:
            return None
        pnl_minor += one.profit_minor
        states.append(one.state)
    return Settlement(states[0], pnl_minor) if len(set(states)) == 1 else None


def _of_ticket(
    bet: Order, ticket: Ticket, result: EventScore | None, *, from_score_at_bet: bool
) -> Settlement | None:
    if ticket.status is TicketStatus.VOID:
        return Settlement(
            OrderState.VOID, 0
        )  # whether an event was abandoned, only the venue knows
    market = bet.intent.market
    rebased = counts_from_score_at_bet(market.of, venue_does=from_score_at_bet)
    try:
        score = _match_score(market, ticket, result)
        if score is None:
            return None
        return settle_sport(
            market,
            bet.intent.outcome,
            score,
            score_at_bet=ticket.score_at_bet if rebased else None,
            odds=Decimal(ticket.odds),
            stake_minor=ticket.stake_minor,
        )
    except (ValueError, InvalidOperation, InvalidOddsError):
        return None


def _match_score(market: Market, ticket: Ticket, result: EventScore | None) -> MatchScore | None:
    """Return the score that settles the market: in football the ticket's own goals go first.

    In other sports a ticket's two numbers are not enough: no venue says what they count. None if
    the score is not known.
    """
    if market.of is not FOOTBALL:
        return result.final(market.of) if result is not None else None
    seen = (result.score.home, result.score.away) if result is not None and result.ended else None
    half = ticket.half_time_score or (result.half_time if result is not None else None)
    final = ticket.final_score or seen
    if (half if market.period == HALF_TIME else final) is None:
        return None
    # Without a final score the match may still be on, but its first half is over.
    return FootballScore(final, half, Ending.STOPPED if final is None else Ending.COMPLETED)


def compare(
    bet: Order,
    state: OrderState,
    pnl_minor: int,
    own: Settlement | None,
    tickets: Sequence[Ticket],
    at: datetime,
) -> SettlementRow:
    """Return the row that holds both settlements; ``pnl_minor`` and ``state`` are the venue's.

    Its ``agrees`` is None if we could not settle the bet ourselves.
    """
    agrees = None
    if own is not None:
        close = abs(own.profit_minor - pnl_minor) <= TOLERANCE_MINOR * max(len(tickets), 1)
        agrees = own.state is state and close
    return SettlementRow(
        intent_id=bet.intent.intent_id,
        at=at,
        venue_state=state,
        venue_pnl_minor=pnl_minor,
        own_state=own.state if own is not None else None,
        own_pnl_minor=own.profit_minor if own is not None else None,
        agrees=agrees,
        evidence=_scores_shown(tickets),
    )


def _scores_shown(tickets: Sequence[Ticket]) -> dict[str, object]:
    return {
        "final": [ticket.final_score for ticket in tickets],
        "half_time": [ticket.half_time_score for ticket in tickets],
        "score_at_bet": [ticket.score_at_bet for ticket in tickets],
    }
