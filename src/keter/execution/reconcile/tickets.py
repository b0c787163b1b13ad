"""What the tickets under one reference say of one bet. Pure.

A placement may have been split over books, so a bet may have several tickets. It is pending while
one of them is, it runs while one runs, and it is settled when all that were accepted are.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal, InvalidOperation

from keter.betting_settings import RouterSettings
from keter.domain.order_events import Fill
from keter.domain.order_states import SETTLED, TRANSITIONS, OrderState
from keter.domain.orders import Intent, Order
from keter.domain.signals import approved_signal
from keter.domain.tickets import Ticket, TicketStatus
from keter.ledger import OrderChanges, ticket_key

_ROUNDING_PCT = 0.1  # a venue may round what it shows to fewer places than it was asked with
_COMPARED = tuple(name for name in Ticket.__struct_fields__ if name != "placed_at")


@dataclass(frozen=True, slots=True)
class OrderUpdate:
    """Where the venue says a bet is, what it booked, and what is wrong with that.

    ``problems`` maps the word of a ``bet-<word>-mismatch`` alert to a sentence.
    """

    state: OrderState
    changes: OrderChanges
    problems: dict[str, str] = field(default_factory=dict)


def read_tickets(bet: Order, tickets: Sequence[Ticket], router: RouterSettings) -> OrderUpdate:
    """Return what ``tickets`` say of ``bet``; there is at least one, all with its reference."""
    accepted = [ticket for ticket in tickets if ticket.status is not TicketStatus.REFUSED]
    if not accepted:
        messages = dict.fromkeys(ticket.message for ticket in tickets if ticket.message)
        reason = " | ".join(messages)[:500] or "refused by the book"
        return OrderUpdate(OrderState.REFUSED, OrderChanges(reason=reason))
    problems = _problems(bet, accepted, router)
    if any(ticket.status is TicketStatus.PENDING for ticket in accepted):
        return OrderUpdate(OrderState.OPEN, OrderChanges(), problems)
    changes = _booked(bet, accepted)
    if any(ticket.status is TicketStatus.RUNNING for ticket in accepted):
        return OrderUpdate(OrderState.FILLED, changes, problems)
    pnl_minor = sum(ticket.pnl_minor for ticket in accepted)
    result, problem = _result(accepted, pnl_minor)
    if problem:
        problems["result"] = problem
    booked = {name: getattr(changes, name) for name in changes.__struct_fields__}
    return OrderUpdate(result, OrderChanges(**{**booked, "pnl_minor": pnl_minor}), problems)


def next_state(current: OrderState, seen: OrderState) -> OrderState | None:
    """Return the step from ``current`` to ``seen``.

    Return None if there is none to make: the bet is there already, or the answer is an older one.
    """
    return seen if seen is not current and seen in TRANSITIONS[current] else None


def contradicts(current: OrderState, seen: OrderState) -> bool:
    """Return whether the venue shows a bet open that is final here."""
    alive = seen is not OrderState.REFUSED
    return (current in {OrderState.REFUSED, OrderState.SKIPPED} and alive) or (
        current in SETTLED and seen not in SETTLED
    )


def is_whole(bet: Order, tickets: Sequence[Ticket]) -> bool:
    """Return whether every ticket booked for the bet is there, or as many under other numbers."""
    booked = set((bet.ticket_id or "").split(",")) - {""}
    accepted = [ticket for ticket in tickets if ticket.status is not TicketStatus.REFUSED]
    return booked <= {ticket.ticket_id for ticket in tickets} or len(booked) <= len(accepted)


def new_changes(bet: Order, changes: OrderChanges) -> OrderChanges | None:
    """Return what of ``changes`` the ledger does not hold yet, or None if it holds all."""
    fresh = {
        name: value
        for name in changes.__struct_fields__
        if (value := getattr(changes, name)) is not None and value != getattr(bet, name)
    }
    return OrderChanges(**fresh) if fresh else None


def without_repeats(tickets: Iterable[Ticket]) -> list[Ticket]:
    """Return each ticket once, the first of a repeated one."""
    return list({ticket_key(ticket): ticket for ticket in reversed(list(tickets))}.values())[::-1]


def by_reference(tickets: Iterable[Ticket]) -> dict[str, list[Ticket]]:
    """Return the tickets of each reference, each ticket once."""
    groups: defaultdict[str, list[Ticket]] = defaultdict(list)
    for ticket in without_repeats(tickets):
        groups[ticket.reference].append(ticket)
    return dict(groups)


def digest(tickets: Iterable[Ticket], asked_at: datetime) -> tuple[object, ...]:
    """Return all that the tickets say, in a form that can be compared."""
    # A ticket without a time of its own is given that of the question, which says nothing.
    facts = (
        (*(getattr(one, name) for name in _COMPARED), _own_time(one, asked_at)) for one in tickets
    )
    return tuple(sorted(facts, key=str))


def _own_time(ticket: Ticket, asked_at: datetime) -> datetime | None:
    return ticket.placed_at if ticket.placed_at < asked_at else None


def _booked(bet: Order, tickets: Sequence[Ticket]) -> OrderChanges:
    return OrderChanges(
        fills=tuple(_fill(bet, ticket) for ticket in tickets if ticket.stake_minor),
        score_at_bet=tickets[0].score_at_bet,
    )


def _fill(bet: Order, ticket: Ticket) -> Fill:
    """Return a ticket as a fill of the bet, at the time at which it was first seen."""
    name = ticket.ticket_id or ticket_key(ticket)
    # A ticket without a time of its own has a new one in every answer.
    known = next((fill.at for fill in bet.fills if fill.fill_id == name), ticket.placed_at)
    price = _price(ticket)
    # Without a text it is known that nobody could read the price, which then covers nothing.
    text, price = (ticket.odds, price) if price is not None else ("", bet.intent.asked_price)
    return Fill(name, text, price, ticket.stake_minor, known, ticket.book)


def _price(ticket: Ticket) -> Decimal | None:
    """Return the ticket's odds; None where the venue's text is no price."""
    try:
        price = Decimal(ticket.odds)
    except InvalidOperation:
        return None
    return price if price.is_finite() and price > 1 else None


def _result(tickets: Sequence[Ticket], pnl_minor: int) -> tuple[OrderState, str]:
    """Return the state that all tickets agree on, and a problem with it or an empty text.

    Where they differ, or one cannot be read, the money decides.
    """
    states = {_state(ticket) for ticket in tickets}
    if len(states) == 1 and (state := states.pop()) is not None:
        return state, ""
    by_money = (
        OrderState.WON if pnl_minor > 0 else OrderState.LOST if pnl_minor < 0 else OrderState.PUSHED
    )
    return (
        by_money,
        f"the results of its tickets differ or cannot be read; by the money it is {by_money}",
    )


def _state(ticket: Ticket) -> OrderState | None:
    if ticket.status is TicketStatus.VOID:
        return OrderState.VOID
    return next((state for state in SETTLED if state.value == ticket.result), None)


def _problems(bet: Order, tickets: Sequence[Ticket], router: RouterSettings) -> dict[str, str]:
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
        and (ticket.market, ticket.outcome) != (intent.market, intent.outcome)
    ]
    if other:
        found["selection"] = f"the venue booked another selection than {intent.selection_id}"
    return found


def _worse(ticket: Ticket, intent: Intent, router: RouterSettings) -> bool:
    """Return whether the booked price is further below the approved one than slippage allows."""
    try:
        booked, best = float(ticket.odds), float(intent.asked_odds)
    except ValueError:
        return False
    if booked >= best:
        return False
    asked = _approved_odds(intent).get(ticket.book, best)
    return 100 * (asked - booked) / asked > router.slippage_limit_pct(asked) + _ROUNDING_PCT


def _approved_odds(intent: Intent) -> dict[str, float]:
    """Return the approved price of each book; empty for an intent without its signal."""
    approved = approved_signal(intent.signal)
    return {} if approved is None else {one.book: one.odds for one in approved.signal.offers}
