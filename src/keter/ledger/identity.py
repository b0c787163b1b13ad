"""Which ledger this is: an id that was made with it and that it keeps wherever it is moved."""

from datetime import datetime

import msgspec
from sqlalchemy import select
from sqlalchemy.engine import Connection

from keter.ledger.errors import LedgerUnavailableError
from keter.ledger.schema import identity


class Identity(msgspec.Struct, frozen=True):
    """A ledger's own id, and when the ledger was made or first given one."""

    ledger_id: str
    made_at: datetime


def read_identity(connection: Connection) -> Identity:
    """The one row of the table. Raises LedgerUnavailableError where somebody has removed it."""
    row = connection.execute(select(identity.c.ledger_id, identity.c.made_at)).first()
    if row is None:
        raise LedgerUnavailableError(
            "the ledger does not say which one it is: its identity was removed; restore a backup"
        )
    return Identity(row.ledger_id, row.made_at)
