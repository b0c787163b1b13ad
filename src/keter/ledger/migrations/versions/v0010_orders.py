"""Turn bets into orders, which may rest, be filled in parts and be cancelled, and keep their fills.

A bet was PENDING until the book accepted it and RUNNING until its result; an order is OPEN and
FILLED. What a bet had placed becomes its one fill.
"""

from decimal import Decimal, InvalidOperation
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"

_OLD_STATES = (
    "'HALF_LOST', 'HALF_WON', 'INTENDED', 'LOST', 'PENDING', 'PUSHED', 'QUOTED', "
    "'REFUSED', 'RUNNING', 'SENDING', 'SKIPPED', 'UNKNOWN', 'VOID', 'WON'"
)
_NEW_STATES = (
    "'CANCELLED', 'CANCELLING', 'FILLED', 'HALF_LOST', 'HALF_WON', 'INTENDED', 'LAPSED', 'LOST', "
    "'OPEN', 'PARTLY_FILLED', 'PUSHED', 'QUOTED', 'REFUSED', 'SENDING', 'SKIPPED', 'UNKNOWN', "
    "'VOID', 'WON'"
)
_OPEN = (
    "state IN ('CANCELLED', 'CANCELLING', 'FILLED', 'INTENDED', 'LAPSED', 'OPEN', "
    "'PARTLY_FILLED', 'QUOTED', 'SENDING', 'UNKNOWN')"
    " AND (state NOT IN ('CANCELLED', 'LAPSED') OR placed_stake_minor > 0"
    " OR stake_minor > placed_stake_minor + voided_minor + cancelled_minor + lapsed_minor)"
)
_HOLDS_SELECTION = (
    "state IN ('CANCELLING', 'FILLED', 'INTENDED', 'OPEN', 'PARTLY_FILLED', 'QUOTED', 'SENDING', "
    "'UNKNOWN') AND ended_as IS NULL"
)
_RENAMED = {"PENDING": "OPEN", "RUNNING": "FILLED"}
_ACCEPTED = "target = 'RUNNING'"
_GRADED = "target IN ('HALF_LOST', 'HALF_WON', 'LOST', 'PUSHED', 'VOID', 'WON')"
_INDEXES = {
    "event_uid": ["event_uid"],
    "trace_id": ["trace_id"],
    "mode_account_state_created_at": ["mode", "account", "state", "created_at"],
    "mode_account_created_at": ["mode", "account", "created_at"],
    "mode_account_settled_at": ["mode", "account", "settled_at"],
}
_AT_A_TIME = 2_000  # fills that are written at once
_EVENTS = ("insert", "update", "delete")
_OWNER, _CHANGING = "{0}.mode || ' ' || {0}.account", "state, pnl_minor"


def upgrade() -> None:
    postgres = op.get_bind().dialect.name == "postgresql"
    _drop_triggers(postgres=postgres)
    _drop_indexes()
    op.rename_table("bets", "orders")
    for table in ("orders", "paper_tickets"):
        op.execute(f"ALTER TABLE {table} RENAME COLUMN side TO outcome")
    _add_columns()
    (_postgres_constraints if postgres else _sqlite_constraints)()
    _create_fills()
    _write_fills()
    _rename_states()
    if postgres:
        op.create_check_constraint("ck_orders_state_known", "orders", f"state IN ({_NEW_STATES})")
    _create_indexes()
    (_postgres_triggers if postgres else _sqlite_triggers)()


def _drop_triggers(*, postgres: bool) -> None:
    for event in _EVENTS:
        name = f"totals_bets_{event}"
        op.execute(f"DROP TRIGGER {name} ON bets" if postgres else f"DROP TRIGGER {name}")
        if postgres:
            op.execute(f"DROP FUNCTION {name}()")


def _drop_indexes() -> None:
    """Drop every index of the table: they are named after it, and the rows change."""
    for name in (*(f"ix_bets_{end}" for end in _INDEXES), "ix_bets_open", "uq_bets_open_selection"):
        op.drop_index(name, "bets")


def _add_columns() -> None:
    """Add what an order has and a bet had not. A column brings its CHECK along, also in SQLite."""
    amounts = ("matched_minor", "voided_minor", "cancelled_minor", "lapsed_minor")
    for definition in (
        "side VARCHAR(8) DEFAULT 'back' NOT NULL"
        " CONSTRAINT ck_orders_side_known CHECK (side IN ('back', 'lay'))",
        "strategy VARCHAR(32) DEFAULT 'value' NOT NULL",
        "venue_order_id TEXT DEFAULT '' NOT NULL",
        *(f"{name} BIGINT DEFAULT '0' NOT NULL" for name in amounts),
        "matched_average TEXT",
        "ended_as VARCHAR(16)",
        "cancel VARCHAR(8) DEFAULT 'none' NOT NULL"
        " CONSTRAINT ck_orders_cancel_known CHECK (cancel IN ('asked', 'none', 'unknown'))",
    ):
        op.execute(f"ALTER TABLE orders ADD COLUMN {definition}")


def _postgres_constraints() -> None:
    """Rename the constraints; that of the states is made anew once they have their new names."""
    op.execute("ALTER TABLE orders DROP CONSTRAINT ck_bets_state_known")
    # Revision 0007 named it so.
    names = {"mode_known": "ck_orders_mode_known"}
    for name in (
        "pk_{}",
        "uq_{}_decision_id",
        "uq_{}_reference",
        "ck_{}_placed_not_negative",
        "ck_{}_stake_positive",
    ):
        names[name.format("bets")] = name.format("orders")
    for old, new in names.items():
        op.execute(f"ALTER TABLE orders RENAME CONSTRAINT {old} TO {new}")


def _sqlite_constraints() -> None:
    """Change a CHECK and names, which SQLite keeps in the text of its schema alone.

    Source: sqlite.org/lang_altertable.html, section 7, on changes that do not affect what is on
    disk. A table made anew would lose what refers to it.
    """
    op.execute("PRAGMA writable_schema = ON")
    _in_schema(_OLD_STATES, _NEW_STATES)
    for prefix in ("ck", "pk", "uq"):
        _in_schema(f"CONSTRAINT {prefix}_bets", f"CONSTRAINT {prefix}_orders")
    # So that other connections read the schema anew.
    version = int(op.get_bind().exec_driver_sql("PRAGMA schema_version").scalar_one())
    op.execute(f"PRAGMA schema_version = {version + 1}")
    op.execute("PRAGMA writable_schema = RESET")


def _in_schema(old: str, new: str) -> None:
    op.get_bind().execute(
        sa.text(
            "UPDATE sqlite_master SET sql = replace(sql, :old, :new)"
            " WHERE type = 'table' AND name = 'orders'"
        ),
        {"old": old, "new": new},
    )


def _create_fills() -> None:
    op.create_table(
        "fills",
        sa.Column("intent_id", sa.String(length=40), nullable=False),
        sa.Column("fill_id", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("price_text", sa.Text(), nullable=False),
        sa.Column("price", sa.Text(), nullable=False),
        sa.Column("size_minor", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("book", sa.Text(), nullable=False),
        sa.CheckConstraint("size_minor > 0", name="ck_fills_size_positive"),
        sa.ForeignKeyConstraint(["intent_id"], ["orders.intent_id"], name="fk_fills_intent_id"),
        sa.PrimaryKeyConstraint("intent_id", "fill_id", name="pk_fills"),
    )


def _write_fills() -> None:
    """Write what each bet had placed as one fill, so that the sums of the fills are its stakes."""
    connection = op.get_bind()
    # Where the venue gave no number of the ticket, our reference names the fill.
    connection.execute(
        sa.text(
            "UPDATE orders SET ticket_id = reference"
            " WHERE placed_stake_minor > 0 AND coalesce(ticket_id, '') = ''"
        )
    )
    found = connection.execute(
        sa.text(
            "SELECT intent_id, ticket_id, odds, asked_odds, placed_stake_minor, book,"  # noqa: S608 - constants of this file
            f" coalesce({_newest(_ACCEPTED)}, {_newest(_GRADED)},"
            " updated_at) AS at FROM orders WHERE placed_stake_minor > 0"
        )
    ).all()
    write = sa.text(
        "INSERT INTO fills (intent_id, fill_id, position, price_text, price, size_minor, at, book)"
        " VALUES (:intent_id, :fill_id, 0, :price_text, :price, :size_minor, :at, :book)"
    )
    for start in range(0, len(found), _AT_A_TIME):
        connection.execute(write, [_fill(row) for row in found[start : start + _AT_A_TIME]])


def _newest(chosen: str) -> str:
    """Return the SQL for the time of a bet's newest step among the chosen; corrections are none."""
    return (
        "(SELECT at FROM transitions WHERE transitions.intent_id = orders.intent_id"  # noqa: S608 - as above
        f" AND {chosen} AND (source IS NULL OR source <> target) ORDER BY id DESC LIMIT 1)"
    )


def _fill(row: sa.Row[Any]) -> dict[str, object]:
    return {
        "intent_id": row.intent_id,
        "fill_id": row.ticket_id,
        "price_text": row.odds or "",
        "price": row.odds if _is_price(row.odds) else row.asked_odds,
        "size_minor": row.placed_stake_minor,
        "at": row.at,
        "book": row.book or "",
    }


def _is_price(odds: str | None) -> bool:
    try:
        price = Decimal(odds or "")
    except InvalidOperation:
        return False
    return price.is_finite() and price > 1


def _rename_states() -> None:
    for table, column in (
        ("orders", "state"),
        ("transitions", "source"),
        ("transitions", "target"),
        ("totals", "state"),
    ):
        for old, new in _RENAMED.items():
            op.execute(f"UPDATE {table} SET {column} = '{new}' WHERE {column} = '{old}'")  # noqa: S608 - as above


def _create_indexes() -> None:
    for end, columns in _INDEXES.items():
        op.create_index(f"ix_orders_{end}", "orders", columns)
    _partial("ix_orders_open", ["mode", "account", "created_at"], _OPEN)
    held = ["account", "mode", "strategy", "event_uid", "selection_id", "side"]
    _partial("uq_orders_open_selection", held, _HOLDS_SELECTION, unique=True)


def _partial(name: str, columns: list[str], condition: str, *, unique: bool = False) -> None:
    where = sa.text(condition)
    op.create_index(
        name, "orders", columns, unique=unique, sqlite_where=where, postgresql_where=where
    )


def _sqlite_triggers() -> None:
    """Keep one row for each group, updated in place: SQLite has one writer at a time."""

    def step(row: str, sign: str) -> str:
        whose, where = _OWNER.format(row), f"{row}.state"
        same = f"book = 'bets' AND owner = {whose} AND state = {where}"
        return (
            f"INSERT INTO totals (book, owner, state, number, pnl_minor) "  # noqa: S608 - as above
            f"SELECT 'bets', {whose}, {where}, 0, 0 "
            f"WHERE NOT EXISTS (SELECT 1 FROM totals WHERE {same}); "
            f"UPDATE totals SET number = number {sign} 1, pnl_minor = pnl_minor {sign}"
            f" coalesce({row}.pnl_minor, 0) "
            f"WHERE {same}; "
        )

    for name, event, body in _changes(step("OLD", "-"), step("NEW", "+")):
        op.execute(f"CREATE TRIGGER totals_orders_{name} AFTER {event} ON orders BEGIN {body} END")


def _postgres_triggers() -> None:
    """Add a row for each change; ``totals.fold`` adds them up later.

    One row that all writers update would make them wait for each other, or deadlock.
    """

    def step(row: str, sign: str) -> str:
        return (
            f"INSERT INTO totals (book, owner, state, number, pnl_minor) "  # noqa: S608 - as above
            f"VALUES ('bets', {_OWNER.format(row)}, {row}.state, {sign}1,"
            f" {sign}coalesce({row}.pnl_minor, 0)); "
        )

    for name, event, body in _changes(step("OLD", "-"), step("NEW", "")):
        function = f"totals_orders_{name}"
        op.execute(
            f"CREATE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body}"
            " RETURN NULL; END $$"
        )
        op.execute(
            f"CREATE TRIGGER {function} AFTER {event} ON orders FOR EACH ROW EXECUTE FUNCTION"
            f" {function}()"
        )


def _changes(leave: str, enter: str) -> tuple[tuple[str, str, str], ...]:
    """Return name, event and statements of each trigger."""
    bodies = enter, leave + enter, leave
    events = "INSERT", f"UPDATE OF {_CHANGING}", "DELETE"
    return tuple(zip(_EVENTS, events, bodies, strict=True))
