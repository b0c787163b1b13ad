"""The tables hold every accepted value, and their constraints hold the promises."""

from sqlalchemy import String

from keter.cli.trading import LONGEST_USER
from keter.domain.accounts import LONGEST_ACCOUNT
from keter.domain.trading import (
    ExecutionMode,
)
from keter.ledger.schema import metadata


def test_the_longest_names_that_are_accepted_fit_every_table() -> None:
    """SQLite takes any length; PostgreSQL refuses the row."""
    widths: dict[str, set[int]] = {}
    for table in metadata.tables.values():
        for column in table.columns:
            if isinstance(column.type, String) and column.type.length is not None:
                widths.setdefault(column.name, set()).add(column.type.length)
    assert widths["account"] == {LONGEST_ACCOUNT}
    assert min(widths["owner"]) >= LONGEST_ACCOUNT, "sums of paper tickets are kept by account"
    assert min(widths["resource"]) >= len(f"{ExecutionMode.LIVE.value}:") + LONGEST_ACCOUNT
    assert widths["actor"] == {LONGEST_USER}
