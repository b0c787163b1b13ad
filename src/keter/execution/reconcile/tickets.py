"""What the tickets under one reference say of one bet.

Pure.

A placement may have been split over books, so a bet may have several tickets: it is pending while
one of them is, runs while one runs, and is settled when all that were accepted are.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation

from keter.betting_settings import RouterSettings
from keter.domain.bets import SETTLED, TRANSITIONS, Bet, BetState, Intent
from keter.domain.signals import approved_signal
from keter.domain.tickets import Ticket, TicketStatus
from keter.ledger import BetChanges

_PLACES = Decimal("0.0001")
_ROUNDING_PCT = 0.1  # a venue may round what it shows to fewer places than it was asked with


@dataclass(frozen=True, slots=True)
class Seen:
    """Where the venue says the bet stands, what it booked, and what is wrong with that (a word -> a
    sentence).
    """

    state: BetState
    changes: BetChanges
    problems: dict[str, str] = field(default_factory=dict)

    @property
    def settled(self) -> bool:
        return self.state in SETTLED


def read_tickets(bet: Bet, tickets: Sequence[Ticket], router: RouterSettings) -> Seen:
    """``tickets`` must not be empty and all carry the bet's reference."""
    accepted = [ticket for ticket in tickets if ticket.status is not TicketStatus.REFUSED]
    if not accepted:
        messages = dict.fromkeys(ticket.message for ticket in tickets if ticket.message)
        return Seen(
            BetState.REFUSED, BetChanges(reason=" | ".join(messages)[:500] or "refused by the book")
        )
    problems = _problems(bet, accepted, router)
    if any(ticket.status is TicketStatus.PENDING for ticket in accepted):
        return Seen(BetState.PENDING, BetChanges(), problems)
    changes = _booked(accepted)
    if any(ticket.status is TicketStatus.RUNNING for ticket in accepted):
        return Seen(BetState.RUNNING, changes, problems)
    pnl_minor = sum(ticket.pnl_minor for ticket in accepted)
    result, doubt = _result(accepted, pnl_minor)
    if doubt:
        problems["result"] = doubt
    booked = {name: getattr(changes, name) for name in changes.__struct_fields__}
    return Seen(result, BetChanges(**{**booked, "pnl_minor": pnl_minor}), problems)


def next_state(current: BetState, seen: BetState) -> BetState | None:
    """The step from ``current`` that ``seen`` asks for; None when there is none to make (already
    there, or an older answer).
    """
    return seen if seen is not current and seen in TRANSITIONS[current] else None


def contradicts(current: BetState, seen: BetState) -> bool:
    """Whether the venue says something that a bet in ``current`` cannot be told: a final bet that
    lives.
    """
    alive = seen is not BetState.REFUSED
    return (current in {BetState.REFUSED, BetState.SKIPPED} and alive) or (
        current in SETTLED and seen not in SETTLED
    )


def is_whole(bet: Bet, tickets: Sequence[Ticket]) -> bool:
    """Whether every ticket that was booked for the bet is among ``tickets``, or as many under other
    numbers.
    """
    booked = set((bet.ticket_id or "").split(",")) - {""}
    accepted = [ticket for ticket in tickets if ticket.status is not TicketStatus.REFUSED]
    return booked <= {ticket.ticket_id for ticket in tickets} or len(booked) <= len(accepted)


def news(bet: Bet, changes: BetChanges) -> BetChanges | None:
    """What of ``changes`` the ledger does not know yet; None when it knows all."""
    fresh = {
        name: value
        for name in changes.__struct_fields__
        if (value := getattr(changes, name)) is not None and value != getattr(bet, name)
    }
    return BetChanges(**fresh) if fresh else None


def _booked(tickets: Sequence[Ticket]) -> BetChanges:
    return BetChanges(
        placed_stake_minor=sum(ticket.stake_minor for ticket in tickets),
        odds=_odds(tickets),
        book=",".join(dict.fromkeys(ticket.book for ticket in tickets)),
        ticket_id=",".join(ticket.ticket_id for ticket in tickets),
        score_at_bet=tickets[0].score_at_bet,
    )


def _odds(tickets: Sequence[Ticket]) -> str | None:
    """One ticket's own text; of several the average weighted by stake, to four places."""
    if len(tickets) == 1:
        return tickets[0].odds or None
    try:
        parts = [(Decimal(ticket.odds), ticket.stake_minor) for ticket in tickets]
    except InvalidOperation:
        return None
    total = sum(stake for _, stake in parts)
    return (
        str(
            (sum((odds * stake for odds, stake in parts), Decimal()) / total).quantize(
                _PLACES, ROUND_HALF_UP
            )
        )
        if total
        else None
    )


def _result(tickets: Sequence[Ticket], pnl_minor: int) -> tuple[BetState, str]:
    """The state all tickets agree on; where they do not, or it cannot be read, the money decides
    and the doubt is told.
    """
    states = {_state(ticket) for ticket in tickets}
    if len(states) == 1 and (state := states.pop()) is not None:
        return state, ""
    by_money = (
        BetState.WON if pnl_minor > 0 else BetState.LOST if pnl_minor < 0 else BetState.PUSHED
    )
    return (
        by_money,
        f"the results of its tickets differ or cannot be read; by the money it is {by_money}",
    )


def _state(ticket: Ticket) -> BetState | None:
    if ticket.status is TicketStatus.VOID:
        return BetState.VOID
    return next((state for state in SETTLED if state.value == ticket.result), None)


def _problems(bet: Bet, tickets: Sequence[Ticket], router: RouterSettings) -> dict[str, str]:
    intent = bet.intent
    found: dict[str, str] = {}
    stake = sum(ticket.stake_minor for ticket in tickets)
    if stake > intent.stake_minor:
        found["stake"] = f"the venue booked {stake} minor units, {intent.stake_minor} were approved"
    worse = [
        f"{ticket.odds} at {ticket.book}" for ticket in tickets if _worse(ticket, intent, router)
    ]
    if worse:
        found["price"] = (
            f"the venue booked {', '.join(worse)}; {intent.asked_odds} at {intent.book} was"
            " approved"
        )
    other = [
        ticket
        for ticket in tickets
        if ticket.market is not None
        and (ticket.market, ticket.side) != (intent.market, intent.side)
    ]
    if other:
        found["selection"] = f"the venue booked another selection than {intent.selection_id}"
    return found


def _worse(ticket: Ticket, intent: Intent, router: RouterSettings) -> bool:
    """Whether the booked price is worse than any that was sent: further below the approved one than
    slippage allows.
    """
    try:
        booked, best = float(ticket.odds), float(intent.asked_odds)
    except ValueError:
        return False
    if booked >= best:
        return False
    approved = _offers(intent.signal).get(ticket.book, best)
    return (
        100 * (approved - booked) / approved > router.slippage_limit_pct(approved) + _ROUNDING_PCT
    )


def _offers(signal: bytes) -> dict[str, float]:
    """The approved price of each book; none for an intent without its signal."""
    approved = approved_signal(signal)
    return {} if approved is None else {one.book: one.odds for one in approved.signal.offers}
