"""Keep totals and indexes of bets by account, not by mode alone.

Several accounts of one mode then have sums of their own, and no query of one reads the other's.
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"

_ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_OPEN = "state IN ('INTENDED', 'PENDING', 'QUOTED', 'RUNNING', 'SENDING', 'UNKNOWN')"
# For each table: its book in the totals, the owner and the state of a row's group, and the columns
# that move a row into another group or change its profit. ``{0}`` is the row.
_WATCHED = {
    "bets": ("bets", "{0}.mode || ' ' || {0}.account", "{0}.state", "state, pnl_minor"),
    "paper_tickets": ("paper", "{0}.account", "''", "pnl_minor"),
}
_EVENTS = ("insert", "update", "delete")


def upgrade() -> None:
    _indexes()
    postgres = op.get_bind().dialect.name == "postgresql"
    for table in _WATCHED:
        _drop_triggers(table, postgres=postgres)
    # It holds sums only, which are added up anew. SQLite could not widen a column of it.
    op.drop_table("totals")
    op.create_table(
        "totals",
        sa.Column("id", _ROW_ID, autoincrement=True, nullable=False),
        sa.Column("book", sa.String(length=8), nullable=False),
        sa.Column("owner", sa.String(length=112), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("pnl_minor", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_totals"),
    )
    make = _postgres if postgres else _sqlite
    for table, (book, owner, state, columns) in _WATCHED.items():
        op.execute(
            "INSERT INTO totals (book, owner, state, number, pnl_minor)"  # noqa: S608 - constants of this file
            f" SELECT '{book}', {owner.format(table)}, {state.format(table)}, count(*),"
            f" coalesce(sum(pnl_minor), 0) FROM {table} GROUP BY 2, 3"
        )
        make(table, book, owner, state, columns)


def _indexes() -> None:
    for columns in (["state", "created_at"], ["created_at"], ["settled_at"]):
        name = "_".join(columns)
        op.drop_index(f"ix_bets_mode_{name}", "bets")
        op.create_index(f"ix_bets_mode_account_{name}", "bets", ["mode", "account", *columns])
    op.drop_index("ix_bets_open", "bets")
    op.create_index(
        "ix_bets_open",
        "bets",
        ["mode", "account", "created_at"],
        sqlite_where=sa.text(_OPEN),
        postgresql_where=sa.text(_OPEN),
    )


def _drop_triggers(table: str, *, postgres: bool) -> None:
    for event in _EVENTS:
        name = f"totals_{table}_{event}"
        op.execute(f"DROP TRIGGER {name} ON {table}" if postgres else f"DROP TRIGGER {name}")
        if postgres:
            op.execute(f"DROP FUNCTION {name}()")


def _sqlite(table: str, book: str, owner: str, state: str, columns: str) -> None:
    """Keep one row for each group, updated in place: SQLite has one writer at a time."""

    def step(row: str, sign: str) -> str:
        whose, where = owner.format(row), state.format(row)
        same = f"book = '{book}' AND owner = {whose} AND state = {where}"
        return (
            f"INSERT INTO totals (book, owner, state, number, pnl_minor) "  # noqa: S608 - as above
            f"SELECT '{book}', {whose}, {where}, 0, 0 "
            f"WHERE NOT EXISTS (SELECT 1 FROM totals WHERE {same}); "
            f"UPDATE totals SET number = number {sign} 1, pnl_minor = pnl_minor {sign}"
            f" coalesce({row}.pnl_minor, 0) "
            f"WHERE {same}; "
        )

    for name, event, body in _changes(columns, step("OLD", "-"), step("NEW", "+")):
        op.execute(
            f"CREATE TRIGGER totals_{table}_{name} AFTER {event} ON {table} BEGIN {body} END"
        )


def _postgres(table: str, book: str, owner: str, state: str, columns: str) -> None:
    """Add a row for each change; ``totals.fold`` adds them up later.

    One row that all writers update would make them wait for each other, or deadlock.
    """

    def step(row: str, sign: str) -> str:
        return (
            f"INSERT INTO totals (book, owner, state, number, pnl_minor) "  # noqa: S608 - as above
            f"VALUES ('{book}', {owner.format(row)}, {state.format(row)}, {sign}1,"
            f" {sign}coalesce({row}.pnl_minor, 0)); "
        )

    for name, event, body in _changes(columns, step("OLD", "-"), step("NEW", "")):
        function = f"totals_{table}_{name}"
        op.execute(
            f"CREATE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body}"
            " RETURN NULL; END $$"
        )
        op.execute(
            f"CREATE TRIGGER {function} AFTER {event} ON {table} FOR EACH ROW EXECUTE FUNCTION"
            f" {function}()"
        )


def _changes(columns: str, leave: str, enter: str) -> tuple[tuple[str, str, str], ...]:
    """Return name, event and statements of each trigger."""
    bodies = enter, leave + enter, leave
    events = "INSERT", f"UPDATE OF {columns}", "DELETE"
    return tuple(zip(_EVENTS, events, bodies, strict=True))
