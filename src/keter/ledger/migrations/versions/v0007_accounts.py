"""Name accounts ``venue:name``, and set the simulator's bets apart in a mode of their own.

The only venue so far was AsianOdds. Its simulator's one account was called SANDBOX and bet in DRY.
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

_VENUE = "asianodds:"
_SIMULATED, _DEMO = "sandbox:demo", "DEMO"
# An account of that name in LIVE would be a person's.
_IS_DEMO = "mode = 'DRY' AND account = 'SANDBOX'"
_OLD_MODES, _NEW_MODES = "mode IN ('DRY', 'LIVE')", "mode IN ('DEMO', 'DRY', 'LIVE')"
_WIDER = {
    "bets": "account",
    "account_history": "account",
    "foreign_tickets": "account",
    "paper_tickets": "account",
    "totals": "owner",
}
_OLD_WIDTH, _NEW_WIDTH, _FENCE_WIDTH = 64, 96, 112


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        _postgres()
    else:
        _sqlite()
    op.add_column(
        "decisions",
        sa.Column("account", sa.String(_NEW_WIDTH), nullable=False, server_default=""),
    )
    for table in ("bets", "foreign_tickets"):
        op.execute(
            f"UPDATE {table} SET mode = '{_DEMO}', account = '{_SIMULATED}' WHERE {_IS_DEMO}"  # noqa: S608 - constants of this file
        )
        _prefix(table, "account")
    for table in ("paper_tickets", "account_history"):
        op.execute(
            f"UPDATE {table} SET account = '{_SIMULATED}' WHERE account = 'SANDBOX'"  # noqa: S608 - as above
        )
        _prefix(table, "account")
    _fences()
    _totals()
    op.execute(
        f"UPDATE operator_commands SET target = '{_VENUE}' || target"  # noqa: S608 - as above
        " WHERE action IN ('arm', 'disarm')"
    )


def _prefix(table: str, column: str) -> None:
    op.execute(
        f"UPDATE {table} SET {column} = '{_VENUE}' || {column}"  # noqa: S608 - as above
        f" WHERE {column} <> '{_SIMULATED}'"
    )


def _fences() -> None:
    """Rename the resources, which are ``mode:account``."""
    op.execute(
        f"UPDATE fences SET resource = '{_DEMO}:{_SIMULATED}' WHERE resource = 'DRY:SANDBOX'"  # noqa: S608 - as above
    )
    for mode in ("DRY", "LIVE"):
        start = len(mode) + 2
        op.execute(
            f"UPDATE fences SET resource = '{mode}:{_VENUE}' || substr(resource, {start})"  # noqa: S608 - as above
            f" WHERE resource LIKE '{mode}:%'"
        )


def _totals() -> None:
    """Add everything up anew: the owners of the sums have other names."""
    op.execute("DELETE FROM totals")
    for table, book, owner, state in (
        ("bets", "bets", "mode", "state"),
        ("paper_tickets", "paper", "account", "''"),
    ):
        op.execute(
            "INSERT INTO totals (book, owner, state, number, pnl_minor)"  # noqa: S608 - as above
            f" SELECT '{book}', {owner}, {state}, count(*), coalesce(sum(pnl_minor), 0)"
            f" FROM {table} GROUP BY 2, 3"
        )


def _postgres() -> None:
    op.drop_constraint("ck_bets_mode_known", "bets", type_="check")
    op.create_check_constraint("mode_known", "bets", _NEW_MODES)
    for table, column in _WIDER.items():
        op.alter_column(table, column, type_=sa.String(length=_NEW_WIDTH))
    op.alter_column("fences", "resource", type_=sa.String(length=_FENCE_WIDTH))


def _sqlite() -> None:
    """Change a CHECK and declared widths, which SQLite keeps in the text of its schema alone.

    Source: sqlite.org/lang_altertable.html, section 7, on changes that do not affect what is on
    disk. A table made anew would lose its triggers and what refers to it.
    """
    op.execute("PRAGMA writable_schema = ON")
    _in_schema("bets", _OLD_MODES, _NEW_MODES)
    for table, column in _WIDER.items():
        _in_schema(table, f"{column} VARCHAR({_OLD_WIDTH})", f"{column} VARCHAR({_NEW_WIDTH})")
    _in_schema("fences", "resource VARCHAR(96)", f"resource VARCHAR({_FENCE_WIDTH})")
    # So that other connections read the schema anew.
    version = int(op.get_bind().exec_driver_sql("PRAGMA schema_version").scalar_one())
    op.execute(f"PRAGMA schema_version = {version + 1}")
    op.execute("PRAGMA writable_schema = RESET")


def _in_schema(table: str, old: str, new: str) -> None:
    op.get_bind().execute(
        sa.text(
            "UPDATE sqlite_master SET sql = replace(sql, :old, :new)"
            " WHERE type = 'table' AND name = :table"
        ),
        {"old": old, "new": new, "table": table},
    )
