"""A ledger with a long history and little that is open, written in bulk; and what processes ask of
it all the time.
"""

import random
import sqlite3
from collections.abc import Awaitable, Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

from keter.clock import ManualClock
from keter.domain.order_states import SETTLED, OrderState
from keter.domain.tickets import TicketStatus
from keter.domain.trading import ExecutionMode
from keter.ledger import Ledger, OrderFilter, open_ledger
from keter.ledger.columns import to_us
from tests.kit.execution import ACCOUNT, NOW, TOTALS, a_ticket
from tests.kit.ledger_contract import put_in

DRY = ExecutionMode.DRY
BETS_A_DAY = 500
OPEN_BETS = 20
BOUGHT = (OrderState.WON, OrderState.LOST, OrderState.REFUSED, OrderState.SKIPPED)
Question = Callable[[Ledger], Awaitable[object]]

# What guard, router, tracker, recorder and dashboard ask every few seconds, or with every bet.
QUESTIONS: dict[str, Question] = {
    "open bets": lambda book: book.orders.open_orders(DRY, ACCOUNT),
    "open bets of all accounts": lambda book: book.orders.open_orders(DRY),
    "risk picture": lambda book: book.risk_picture(DRY, ACCOUNT, _today(book)),
    "summary of the day": lambda book: book.summary(DRY, ACCOUNT),
    "profit of the day": lambda book: book.pnl_points(DRY, ACCOUNT, NOW - timedelta(hours=12)),
    "figures of /metrics": lambda book: book.figures(
        DRY, ACCOUNT, _today(book), clv_since=NOW - timedelta(hours=1)
    ),
    "newest bets": lambda book: book.orders.list_orders(
        OrderFilter(mode=DRY, account=ACCOUNT), limit=60
    ),
    "unknown bets": lambda book: book.orders.list_orders(
        OrderFilter(mode=DRY, account=ACCOUNT, states=frozenset({OrderState.UNKNOWN})), limit=60
    ),
    "refused bets": lambda book: book.orders.list_orders(
        OrderFilter(mode=DRY, account=ACCOUNT, states=frozenset({OrderState.REFUSED})), limit=60
    ),
    "settled bets": lambda book: book.orders.list_orders(
        OrderFilter(mode=DRY, account=ACCOUNT, states=SETTLED), limit=60
    ),
    "an old page of orders": lambda book: book.orders.list_orders(
        OrderFilter(mode=DRY, account=ACCOUNT), limit=60, before=_name(1)
    ),
    "neighbours of an old bet": lambda book: book.orders.neighbours(_name(1)),
    "settled bets of an event": lambda book: book.orders.list_orders(
        OrderFilter(mode=DRY, account=ACCOUNT, event_uid=_event(1), states=SETTLED), limit=4
    ),
    "bets of the last seconds": lambda book: book.orders.list_orders(
        OrderFilter(mode=DRY, account=ACCOUNT, since=NOW - timedelta(seconds=12)), limit=6
    ),
    "one bet": lambda book: book.orders.get(_name(1)),
    "a bet by its reference": lambda book: book.orders.by_references([f"k{_name(1)}"]),
    "a bet by its decision": lambda book: book.orders.by_decision(f"d{_name(1)}"),
    "foreign tickets": lambda book: book.foreign.open(ACCOUNT, DRY),
    "last trading state": lambda book: book.commands.last_trading(),
    "last trading state of each account": lambda book: book.commands.last_scoped_trading(),
    "newest commands": lambda book: book.commands.recent(20),
    "paper tickets of the list": lambda book: book.paper.since(ACCOUNT, NOW - timedelta(hours=1)),
    "paper tickets to settle": lambda book: book.paper.unsettled(ACCOUNT, NOW),
    "paper account": lambda book: book.paper.sums(
        ACCOUNT, NOW, NOW - timedelta(hours=1), NOW - timedelta(hours=2)
    ),
    "verdicts of the guard": lambda book: book.decisions.recent(25, stage="guard", reason="ok"),
    "verdicts of the router": lambda book: book.decisions.recent(25, stage="router"),
    "open alerts": lambda book: book.alerts.open_ids(),
}


def _today(book: Ledger) -> str:
    return book.day_of(NOW)


def _name(number: int) -> str:
    return f"{number:032x}"


def _event(number: int) -> str:
    return f"fb-{number // 3}-a-v-b"


async def make_large_ledger(
    path: Path, bets: int, a_day: int = BETS_A_DAY, *, account: str = ACCOUNT
) -> None:
    """Make a ledger of ``bets`` finished bets of ``account``, ``a_day`` each day up to now.

    OPEN_BETS open ones of ACCOUNT come on top; tickets and decisions alike.
    """
    book = await open_ledger(f"sqlite:///{path}", clock=ManualClock(NOW))
    for state in BOUGHT:
        await put_in(book, state, state.value)
    for number in range(OPEN_BETS):
        state = OrderState.UNKNOWN if number % 10 == 0 else OrderState.FILLED
        await put_in(book, state, f"open{number}")
    foreign = a_ticket(stake_minor=500, market=TOTALS, kickoff=None)
    await book.foreign.put(ACCOUNT, DRY, foreign, at=NOW)
    await book.aclose()
    with sqlite3.connect(path) as file:
        file.row_factory = sqlite3.Row
        file.execute("PRAGMA synchronous = OFF")
        _copy(file, "orders", _bets(file, bets, a_day, account))
        _copy(file, "fills", _fills(file))
        _copy(file, "paper_tickets", _paper(bets, a_day, account))
        _copy(file, "foreign_tickets", _foreign(file, bets))
        _copy(file, "decisions", _decisions(bets, a_day))
    file.close()


def _copy(file: sqlite3.Connection, table: str, rows: Iterator[dict[str, Any]]) -> None:
    first = next(rows)
    names = ", ".join(first)
    query = f"INSERT INTO {table} ({names}) VALUES ({', '.join('?' * len(first))})"  # noqa: S608 - our own words
    file.execute(query, tuple(first.values()))
    file.executemany(query, (tuple(row.values()) for row in rows))


def _made(number: int, of: int, a_day: int) -> int:
    return to_us(NOW - timedelta(days=1) * (of - number) / a_day - timedelta(hours=3))


def _bets(
    file: sqlite3.Connection, count: int, a_day: int, account: str
) -> Iterator[dict[str, Any]]:
    rng = random.Random(5)
    rows = {
        row["state"]: dict(row)
        for row in file.execute("SELECT * FROM orders")
        if row["state"] in BOUGHT
    }
    for number in range(1, count + 1):
        at = _made(number, count, a_day)
        state = rng.choices(BOUGHT, (36, 36, 24, 4))[0]
        settled = state in SETTLED
        yield rows[state] | {
            "intent_id": _name(number),
            "decision_id": f"d{_name(number)}",
            "trace_id": f"t{_name(number)}",
            "reference": f"k{_name(number)}",
            "account": account,
            "event_uid": _event(number),
            "league": f"L{number % 60}",
            "created_at": at,
            "updated_at": at + 7_200_000_000,
            "kickoff": at + 3_600_000_000,
            "settled_at": at + 7_200_000_000 if settled else None,
            "placed_stake_minor": 1000 if settled else 0,
            "odds": "2.1" if settled else None,
            "book": "IBC" if settled else None,
            "ticket_id": f"T{number}" if settled else None,
            "pnl_minor": None if not settled else 1100 if state is OrderState.WON else -1000,
            "closing_fair_odds": 2.0 if settled else None,
        }


def _fills(file: sqlite3.Connection) -> Iterator[dict[str, Any]]:
    """Yield the fill of every order that has one."""
    placed = "SELECT * FROM orders WHERE placed_stake_minor > 0"
    for order in file.execute(placed).fetchall():
        yield {
            "intent_id": order["intent_id"],
            "fill_id": order["ticket_id"],
            "position": 0,
            "price_text": order["odds"],
            "price": order["odds"],
            "size_minor": order["placed_stake_minor"],
            "at": order["created_at"],
            "book": order["book"],
        }


def _paper(count: int, a_day: int, account: str) -> Iterator[dict[str, Any]]:
    for number in range(1, count + 1):
        at, refused = _made(number, count, a_day), number % 4 == 0
        yield {
            "ticket_id": f"p{number}",
            "account": account,
            "reference": f"k{_name(number)}",
            "book": "IBC",
            "odds": "2.1",
            "stake_minor": 1000,
            "event_uid": _event(number),
            "league": "L",
            "home": "A",
            "away": "B",
            "kickoff": at,
            "market_id": "ft.ou.2.5",
            "outcome": "over",
            "placed_at": at,
            "decided_at": at,
            "refused": refused,
            "message": "",
            "settled_at": None if refused else at + 7_200_000_000,
            "result": None if refused else "LOST",
            "pnl_minor": None if refused else -1000,
        }


def _foreign(file: sqlite3.Connection, count: int) -> Iterator[dict[str, Any]]:
    row = dict(file.execute("SELECT * FROM foreign_tickets").fetchone())
    for number in range(1, count + 1):
        yield row | {"ticket_key": f"PIN:by-hand-{number}", "status": TicketStatus.SETTLED.value}


def _decisions(count: int, a_day: int) -> Iterator[dict[str, Any]]:
    """Write decisions of which the few verdicts that a page shows are the oldest.

    Whoever looks for them by reading passes all the others.
    """
    for number in range(1, count + 1):
        stage, reason = (
            ("guard", "ok")
            if number < 5
            else ("router", "ok")
            if number < 10
            else ("edge", "low_ev")
        )
        yield {
            "trace_id": f"t{_name(number)}",
            "stage": stage,
            "worker": stage,
            "event_uid": _event(number),
            "selection_id": "ft.ou.2.5.over",
            "accepted": reason == "ok",
            "reason": reason,
            "numbers": "{}",
            "details": "{}",
            "decision_id": None,
            "at": _made(number, count, a_day),
            "v": 1,
        }
