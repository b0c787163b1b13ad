"""Fencing numbers, issued and checked where the write happens.

The ledger issues them itself, so they grow even when Redis has lost its data: a router that woke up
from a long pause, or that kept its lease in a Redis that is gone, cannot create or send an intent
after another has taken the account over.
"""

from datetime import datetime

from sqlalchemy import insert, select, update
from sqlalchemy.engine import Connection

from keter.domain.trading import ExecutionMode
from keter.ledger.errors import FencedError
from keter.ledger.schema import fences


def _resource(account: str, mode: ExecutionMode) -> str:
    return f"{mode.value}:{account}"


def take_fence(
    connection: Connection, account: str, mode: ExecutionMode, at: datetime, worker: str
) -> int:
    """The next number for the account: every smaller one is refused from this commit on."""
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
    """Raise FencedError when a newer number was issued.

    The row stays locked, so none can be issued before the commit.
    """
    resource = _resource(account, mode)
    current = connection.execute(
        select(fences.c.fence).where(fences.c.resource == resource).with_for_update()
    ).scalar()
    if current is not None and current > fence:
        raise FencedError(resource, fence, current)
