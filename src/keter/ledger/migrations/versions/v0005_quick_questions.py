"""Add indexes for open rows, and totals kept by triggers.

Queries with small answers then read few rows.
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

_ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_OPEN = "state IN ('INTENDED', 'PENDING', 'QUOTED', 'RUNNING', 'SENDING', 'UNKNOWN')"
_STANDING = "status IN ('pending', 'running')"
# For each table: its book in the totals, and the columns that hold owner and state of its group.
_WATCHED = {"bets": ("bets", "mode", "state"), "paper_tickets": ("paper", "account", "''")}


def upgrade() -> None:
    _indexes()
    op.create_table(
        "totals",
        sa.Column("id", _ROW_ID, autoincrement=True, nullable=False),
        sa.Column("book", sa.String(length=8), nullable=False),
        sa.Column("owner", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("pnl_minor", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_totals"),
    )
    make = _postgres if op.get_bind().dialect.name == "postgresql" else _sqlite
    for table, (book, owner, state) in _WATCHED.items():
        op.execute(
            f"INSERT INTO totals (book, owner, state, number, pnl_minor) "  # noqa: S608 - constants of this file
            f"SELECT '{book}', {owner}, {state}, count(*), coalesce(sum(pnl_minor), 0) FROM {table}"
            " GROUP BY 2, 3"
        )
        make(table, book, owner, state)


def _indexes() -> None:
    op.create_index("ix_bets_mode_state_created_at", "bets", ["mode", "state", "created_at"])
    op.drop_index("ix_bets_mode_state", "bets")
    _partial("ix_bets_open", "bets", ["mode", "created_at"], _OPEN)
    _partial("ix_foreign_tickets_open", "foreign_tickets", ["account", "mode"], _STANDING)
    waiting = "settled_at IS NULL AND refused = 0", "settled_at IS NULL AND NOT refused"
    _partial(
        "ix_paper_tickets_waiting",
        "paper_tickets",
        ["account", "settled_at", "decided_at"],
        *waiting,
    )
    op.create_index(
        "ix_paper_tickets_account_decided_at", "paper_tickets", ["account", "decided_at"]
    )
    _partial(
        "ix_paper_tickets_settled",
        "paper_tickets",
        ["account", "settled_at"],
        "settled_at IS NOT NULL",
    )
    op.create_index("ix_decisions_stage_id", "decisions", ["stage", "id"])
    op.create_index("ix_decisions_stage_reason_id", "decisions", ["stage", "reason", "id"])


def _partial(name: str, table: str, columns: list[str], condition: str, postgres: str = "") -> None:
    sqlite_where, postgresql_where = sa.text(condition), sa.text(postgres or condition)
    op.create_index(
        name, table, columns, sqlite_where=sqlite_where, postgresql_where=postgresql_where
    )


def _group(row: str, owner: str, state: str) -> tuple[str, str]:
    """Return the SQL for owner and state of ``row`` (OLD or NEW)."""
    return f"{row}.{owner}", state if state.startswith("'") else f"{row}.{state}"


def _sqlite(table: str, book: str, owner: str, state: str) -> None:
    """Keep one row for each group, updated in place: SQLite has one writer at a time."""

    def step(row: str, sign: str) -> str:
        whose, where = _group(row, owner, state)
        same = f"book = '{book}' AND owner = {whose} AND state = {where}"
        return (
            f"INSERT INTO totals (book, owner, state, number, pnl_minor) "  # noqa: S608 - as above
            f"SELECT '{book}', {whose}, {where}, 0, 0 "
            f"WHERE NOT EXISTS (SELECT 1 FROM totals WHERE {same}); "
            f"UPDATE totals SET number = number {sign} 1, pnl_minor = pnl_minor {sign}"
            f" coalesce({row}.pnl_minor, 0) "
            f"WHERE {same}; "
        )

    columns = "pnl_minor" if state.startswith("'") else f"{state}, pnl_minor"
    for event, name, body in (
        ("INSERT", "insert", step("NEW", "+")),
        (f"UPDATE OF {columns}", "update", step("OLD", "-") + step("NEW", "+")),
        ("DELETE", "delete", step("OLD", "-")),
    ):
        op.execute(
            f"CREATE TRIGGER totals_{table}_{name} AFTER {event} ON {table} BEGIN {body} END"
        )


def _postgres(table: str, book: str, owner: str, state: str) -> None:
    """Add a row for each change; ``totals.fold`` adds them up later.

    One row that all writers update would make them wait for each other, or deadlock.
    """

    def step(row: str, sign: str) -> str:
        whose, where = _group(row, owner, state)
        return (
            f"INSERT INTO totals (book, owner, state, number, pnl_minor) "  # noqa: S608 - as above
            f"VALUES ('{book}', {whose}, {where}, {sign}1, {sign}coalesce({row}.pnl_minor, 0)); "
        )

    columns = "pnl_minor" if state.startswith("'") else f"{state}, pnl_minor"
    for event, name, body in (
        ("INSERT", "insert", step("NEW", "")),
        (f"UPDATE OF {columns}", "update", step("OLD", "-") + step("NEW", "")),
        ("DELETE", "delete", step("OLD", "-")),
    ):
        function = f"totals_{table}_{name}"
        op.execute(
            f"CREATE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body}"
            " RETURN NULL; END $$"
        )
        op.execute(
            f"CREATE TRIGGER {function} AFTER {event} ON {table} FOR EACH ROW EXECUTE FUNCTION"
            f" {function}()"
        )
