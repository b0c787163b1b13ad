"""Totals over all orders and paper tickets.

Triggers of the database write their rows. This module reads, folds and checks them.
"""

from collections.abc import Iterator

import msgspec
from sqlalchemy import ColumnElement, delete, func, insert, literal, select
from sqlalchemy.engine import Connection

from keter.domain.trading import ExecutionMode
from keter.ledger.order_schema import orders
from keter.ledger.schema import paper_tickets, totals

ORDERS, PAPER = "bets", "paper"  # the values of ``totals.book``
FOLD_ROWS = 5000
# No mode has a space, so the first one ends it, whatever the account is called.
_GAP = " "
_OWNER_OF_ORDER = orders.c.mode + _GAP + orders.c.account


class Total(msgspec.Struct, frozen=True):
    """The number and the profit of a group of bets or paper tickets.

    ``book`` is ORDERS or PAPER. ``owner`` is that of ``owner_of`` for bets, the account for paper
    tickets. Paper tickets have an empty ``state``.
    """

    book: str
    owner: str
    state: str
    number: int
    pnl_minor: int


def owner_of(mode: ExecutionMode, account: str) -> str:
    """Return the owner of an account's bets in this mode, such as ``LIVE asianodds:alice``."""
    return f"{mode.value}{_GAP}{account}"


def read_order_totals(
    connection: Connection, mode: ExecutionMode, account: str | None
) -> list[Total]:
    """Return the totals of an account's bets by state; None means each account of the mode."""
    owner = totals.c.owner
    if account is None:
        return _read(connection, ORDERS, owner.startswith(owner_of(mode, ""), autoescape=True))
    return _read(connection, ORDERS, owner == owner_of(mode, account))


def read_paper_totals(connection: Connection, account: str) -> list[Total]:
    """Return the total of one account's paper tickets, in a list; none means no ticket."""
    return _read(connection, PAPER, totals.c.owner == account)


def read_owners(connection: Connection, mode: ExecutionMode) -> list[str]:
    """Return the accounts that have bets in this mode, sorted."""
    found = read_order_totals(connection, mode, None)
    return sorted({one.owner.partition(_GAP)[2] for one in found})


def _read(connection: Connection, book: str, owners: ColumnElement[bool]) -> list[Total]:
    rows = totals.c
    query = select(rows.owner, rows.state, func.sum(rows.number), func.sum(rows.pnl_minor))
    found = connection.execute(
        query.where(rows.book == book, owners).group_by(rows.owner, rows.state)
    )
    return [
        Total(book, owner, state, int(number), int(pnl))
        for owner, state, number, pnl in found
        if number or pnl
    ]


def fold(connection: Connection, limit: int = FOLD_ROWS) -> int:
    """Replace the oldest ``limit`` rows by one row for each group.

    Returns by how many rows the table shrank.
    """
    rows = connection.execute(select(totals).order_by(totals.c.id).limit(limit)).all()
    groups: dict[tuple[str, str, str], tuple[int, int]] = {}
    for row in rows:
        number, pnl = groups.get((row.book, row.owner, row.state), (0, 0))
        groups[row.book, row.owner, row.state] = (number + row.number, pnl + row.pnl_minor)
    if len(groups) == len(rows):
        return 0
    # Deleted by their ids, because another process may have added a row since.
    connection.execute(delete(totals).where(totals.c.id.in_([row.id for row in rows])))
    sums = [
        {"book": book, "owner": owner, "state": state, "number": number, "pnl_minor": pnl}
        for (book, owner, state), (number, pnl) in groups.items()
    ]
    connection.execute(insert(totals), sums)
    return len(rows) - len(groups)


def wrong_totals(connection: Connection) -> Iterator[str]:
    """Yield a sentence for each total that differs from the sum of its bets or tickets."""
    pnl = func.coalesce(func.sum(orders.c.pnl_minor), 0)
    of_orders = select(
        literal(ORDERS), _OWNER_OF_ORDER, orders.c.state, func.count(), pnl
    ).group_by(orders.c.mode, orders.c.account, orders.c.state)
    owner = paper_tickets.c.account
    paper_pnl = func.coalesce(func.sum(paper_tickets.c.pnl_minor), 0)
    of_paper = select(literal(PAPER), owner, literal(""), func.count(), paper_pnl).group_by(owner)
    counted = {
        (book, name, state): (int(number), int(sum_))
        for query in (of_orders, of_paper)
        for book, name, state, number, sum_ in connection.execute(query)
    }
    rows = totals.c
    query = select(
        rows.book, rows.owner, rows.state, func.sum(rows.number), func.sum(rows.pnl_minor)
    )
    kept = {
        (b, o, s): (int(n), int(p))
        for b, o, s, n, p in connection.execute(query.group_by(rows.book, rows.owner, rows.state))
    }
    for key in sorted(counted.keys() | kept.keys()):
        if counted.get(key, (0, 0)) != kept.get(key, (0, 0)):
            yield (
                f"the total of {' '.join(filter(None, key))} is {kept.get(key)}, its rows come to"
                f" {counted.get(key)}"
            )
