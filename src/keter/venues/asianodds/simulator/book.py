"""The bookmaker's own ledger: every ticket and every customer's money.

It is the truth that tests assert against. For each account, always: ``credit + outstanding ==
deposit + pnl``. Money is cents.
"""

import heapq
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum

from cachetools import FIFOCache

from keter.domain.money import money_text
from keter.domain.sports import counts_from_score_at_bet
from keter.venues.asianodds.simulator.config import AccountConfig
from keter.venues.asianodds.simulator.settlement import INFO, Selection, halves, profit
from keter.venues.asianodds.sport_terms import FOLLOWED
from keter.venues.simulation.match import Result

DAY_MS = 86_400_000
_KEEP_RESULTS = 4000
_KEEP_DAYS = 60


class State(StrEnum):
    """Where a ticket is in its life."""

    PENDING = "pending"
    RUNNING = "running"
    REFUSED = "refused"
    SETTLED = "settled"
    VOID = "void"


@dataclass(frozen=True, slots=True)
class Decision:
    """What becomes of a ticket, and when.

    ``refusal`` None: accepted, at another stake or price where one is given. ``revoke_ms``: when it
    is taken back after acceptance.
    """

    due_ms: int
    refusal: str | None = None
    stake_minor: int | None = None
    odds_milli: int | None = None
    revoke_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Order:
    """A placement at one book, as asked."""

    account: str
    reference: str
    bookie: str
    selection: Selection
    odds_milli: int
    odds_format: str
    stake_minor: int
    match_id: int
    game_id: int
    market_type: int
    sport: int
    league: str
    home: str
    away: str
    start_ms: int
    score: tuple[int, int]


@dataclass(slots=True)
class Ticket:
    """An order and what came of it.

    ``odds_milli`` and ``stake_minor`` are what the bookmaker booked.
    """

    number: int
    order: Order
    placed_ms: int
    decision: Decision
    odds_milli: int
    stake_minor: int
    state: State = State.PENDING
    decided_ms: int | None = None
    settled_ms: int | None = None
    message: str = ""
    pnl_minor: int = 0
    pnl_info: str = ""
    final: tuple[int, int] | None = None
    half_time: tuple[int, int] | None = None

    @property
    def ticket_id(self) -> str:
        return str(61_000_000_000 + self.number)


@dataclass(slots=True)
class Account:
    """A customer's money."""

    config: AccountConfig
    credit_minor: int
    outstanding_minor: int = 0
    pnl_minor: int = 0
    pnl_by_day: dict[int, int] = field(default_factory=dict)

    def balanced(self) -> bool:
        """Return whether no cent was lost or made up."""
        held_minor = self.credit_minor + self.outstanding_minor
        return held_minor == self.config.deposit_minor + self.pnl_minor

    def book(self, day: int, pnl_minor: int) -> None:
        """Add a result to the sum and to its UTC day, counted from the epoch."""
        self.pnl_minor += pnl_minor
        self.pnl_by_day[day] = self.pnl_by_day.get(day, 0) + pnl_minor
        while len(self.pnl_by_day) > _KEEP_DAYS:
            del self.pnl_by_day[min(self.pnl_by_day)]


class Book:
    """Tickets by number, oldest first.

    Of closed ones the newest ``keep_closed`` are kept.
    """

    def __init__(
        self, accounts: tuple[AccountConfig, ...], *, settle_after_ms: int, keep_closed: int
    ) -> None:
        self.accounts = {
            config.user.upper(): Account(config, config.deposit_minor) for config in accounts
        }
        self._settle_after_ms, self._keep_closed = settle_after_ms, keep_closed
        self._tickets: dict[int, Ticket] = {}
        self._by_reference: dict[tuple[str, str], list[Ticket]] = {}
        self._open_by_match: dict[int, list[Ticket]] = {}
        self._due: list[tuple[int, int, bool]] = []
        self._closed: deque[int] = deque()
        self._results: FIFOCache[tuple[int, bool], Result] = FIFOCache(_KEEP_RESULTS)
        self._waiting: deque[Result] = deque()
        self.placed = 0

    def __iter__(self) -> Iterator[Ticket]:
        return iter(self._tickets.values())

    def tickets(self, account: str | None = None) -> list[Ticket]:
        """Return the tickets known, oldest first; of one account or all."""
        return [t for t in self if account is None or t.order.account == account.upper()]

    def by_reference(self, account: str, reference: str) -> list[Ticket]:
        """Return the tickets of a reference (with its ``WA-``), oldest first."""
        return list(self._by_reference.get((account.upper(), reference), ()))

    def place(self, order: Order, decision: Decision, now_ms: int) -> Ticket:
        """Accept an order for decision; it is decided when ``decision`` is due."""
        self.placed += 1
        ticket = Ticket(self.placed, order, now_ms, decision, order.odds_milli, order.stake_minor)
        self._tickets[ticket.number] = ticket
        self._by_reference.setdefault((order.account, order.reference), []).append(ticket)
        self._open_by_match.setdefault(order.match_id, []).append(ticket)
        heapq.heappush(self._due, (decision.due_ms, ticket.number, False))
        return ticket

    def advance(self, now_ms: int, results: list[Result]) -> None:
        """Decide and settle everything due by ``now_ms``, in the order of time."""
        self._waiting.extend(results)
        while True:
            never_ms = now_ms + 1
            settle_ms = (
                self._waiting[0].at_ms + self._settle_after_ms if self._waiting else never_ms
            )
            due_ms = self._due[0][0] if self._due else never_ms
            if min(settle_ms, due_ms) > now_ms:
                return
            if due_ms <= settle_ms:
                self._take_due()
            else:
                self._take_result(settle_ms)

    def _take_due(self) -> None:
        due_ms, number, revoke = heapq.heappop(self._due)
        if not revoke:
            self._decide(self._tickets[number], due_ms)
        elif number in self._tickets:
            self._revoke(self._tickets[number], due_ms)

    def _take_result(self, settle_ms: int) -> None:
        result = self._waiting.popleft()
        self._results[result.match_id, result.full] = result
        for ticket in list(self._open_by_match.get(result.match_id, ())):
            self._settle(ticket, settle_ms)

    def _decide(self, ticket: Ticket, at_ms: int) -> None:
        decision, account = ticket.decision, self.accounts[ticket.order.account]
        stake_minor = decision.stake_minor or ticket.stake_minor
        if decision.refusal is None and stake_minor > account.credit_minor:
            self._refuse(
                ticket,
                at_ms,
                f"Credit limit exceeded. Available: {money_text(account.credit_minor)}",
            )
            return
        if decision.refusal is not None:
            self._refuse(ticket, at_ms, decision.refusal)
            return
        ticket.state, ticket.decided_ms, ticket.stake_minor = State.RUNNING, at_ms, stake_minor
        ticket.odds_milli = decision.odds_milli or ticket.odds_milli
        account.credit_minor -= stake_minor
        account.outstanding_minor += stake_minor
        if decision.revoke_ms is not None:
            heapq.heappush(self._due, (decision.revoke_ms, ticket.number, True))
        self._settle(ticket, at_ms)

    def _refuse(self, ticket: Ticket, at_ms: int, message: str) -> None:
        ticket.state, ticket.decided_ms, ticket.message = State.REFUSED, at_ms, message
        self._close(ticket)

    def _revoke(self, ticket: Ticket, at_ms: int) -> None:
        if ticket.state is State.RUNNING:
            self._release(ticket)
            self._refuse(ticket, at_ms, "Bet rejected by book")

    def _settle(self, ticket: Ticket, at_ms: int) -> None:
        """Settle a running ticket if its period has a result or its match was abandoned."""
        result = self._result_for(ticket)
        if ticket.state is not State.RUNNING or result is None:
            return
        ticket.half_time, ticket.settled_ms = result.half_time, at_ms
        if result.void:
            ticket.state = State.VOID
        else:
            order = ticket.order
            rebased = counts_from_score_at_bet(FOLLOWED[order.sport], venue_does=True)
            at_bet = order.score if rebased else (0, 0)
            outcome = halves(order.selection, result.score, at_bet)
            ticket.state, ticket.final, ticket.pnl_info = State.SETTLED, result.score, INFO[outcome]
            ticket.pnl_minor = profit(outcome, ticket.odds_milli, ticket.stake_minor)
        self._release(ticket)
        account = self.accounts[ticket.order.account]
        account.credit_minor += ticket.pnl_minor
        account.book(at_ms // DAY_MS, ticket.pnl_minor)
        self._close(ticket)

    def _result_for(self, ticket: Ticket) -> Result | None:
        match_id, full = ticket.order.match_id, ticket.order.selection.slot[1]
        result = self._results.get((match_id, full))
        if result is None and not full:
            whole = self._results.get((match_id, True))
            return whole if whole is not None and whole.void else None
        return result

    def _release(self, ticket: Ticket) -> None:
        account = self.accounts[ticket.order.account]
        account.outstanding_minor -= ticket.stake_minor
        account.credit_minor += ticket.stake_minor

    def _close(self, ticket: Ticket) -> None:
        same_match = self._open_by_match[ticket.order.match_id]
        same_match.remove(ticket)
        if not same_match:
            del self._open_by_match[ticket.order.match_id]
        self._closed.append(ticket.number)
        while len(self._closed) > self._keep_closed:
            self._forget(self._closed.popleft())

    def _forget(self, number: int) -> None:
        ticket = self._tickets.pop(number)
        key = (ticket.order.account, ticket.order.reference)
        self._by_reference[key].remove(ticket)
        if not self._by_reference[key]:
            del self._by_reference[key]
