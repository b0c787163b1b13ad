"""Fencing numbers, issued and checked in the same database as the write.

They grow even if Redis has lost its data. After another router has taken the account over, an
earlier one can neither create nor send an intent. It may have woken from a long pause, or hold its
lease in a Redis that is gone.
"""

from datetime import datetime

from sqlalchemy import insert, select, update
from sqlalchemy.engine import Connection

from keter.domain.trading import ExecutionMode
from keter.ledger.errors import FencedError
from keter.ledger.order_schema import fences


def _resource(account: str, mode: ExecutionMode) -> str:
    return f"{mode.value}:{account}"


def take_fence(
    connection: Connection, account: str, mode: ExecutionMode, at: datetime, worker: str
) -> int:
    """Issue the account's next number; from this commit on every smaller one is refused."""
    resource = _resource(account, mode)
    current = connection.execute(
        select(fences.c.fence).where(fences.c.resource == resource).with_for_update()
    ).scalar()
    if current is None:
        connection.execute(insert(fences).values(resource=resource, fence=1, worker=worker, at=at))
        return 1
    connection.execute(
        update(fences)
        .where(fences.c.resource == resource)
        .values(fence=current + 1, worker=worker, at=at)
    )
    return int(current) + 1


def check_fence(connection: Connection, account: str, mode: ExecutionMode, fence: int) -> None:
    """Raise FencedError if a number newer than ``fence`` was issued.

    The row stays locked, so no other number can be issued before the commit.
    """
    resource = _resource(account, mode)
    current = connection.execute(
        select(fences.c.fence).where(fences.c.resource == resource).with_for_update()
    ).scalar()
    if current is not None and current > fence:
        raise FencedError(resource, fence, current)
