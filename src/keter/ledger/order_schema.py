"""The tables of orders: intents, fills, steps, settlements, and the fences of their writers.

Constraints hold the promises. ``decision_id`` and ``reference`` are unique for ever. At most one
order that may still be filled or is filled exists for each account, mode, strategy, selection and
side.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ColumnElement,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    literal_column,
    text,
)

from keter.domain.accounts import LONGEST_ACCOUNT
from keter.domain.order_states import NOT_FINAL, OrderState, Side
from keter.domain.orders import CancelRequest
from keter.domain.trading import ExecutionMode
from keter.ledger.columns import DecimalText, JsonText, RowId, UtcTime
from keter.ledger.statements import words

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
    }
)


# Final only with nothing filled, and once it is known how much was cancelled or has lapsed.
STOPPED = frozenset({OrderState.CANCELLED, OrderState.LAPSED})
ALWAYS_OPEN = NOT_FINAL - STOPPED
# The opposite of ``Order.is_final``. Indexes and queries use this one text: a database uses a
# partial index only for a query whose condition it recognises in it. SQLite recognises a comparison
# of a sum only with the column first.
OPEN_CONDITION = (
    f"state IN ({words(NOT_FINAL)}) AND (state NOT IN ({words(STOPPED)}) OR placed_stake_minor > 0"
    " OR stake_minor > placed_stake_minor + voided_minor + cancelled_minor + lapsed_minor)"
)
# Without a type: of a boolean SQLAlchemy would write ``= 1`` behind it.
OPEN_NOW: ColumnElement[bool] = literal_column(f"({OPEN_CONDITION})")
# What holds its selection. An order that had ended and is filled by late news does not: another
# may stand there by now, and news of the venue must always find room.
HOLDS_SELECTION = f"state IN ({words(ALWAYS_OPEN)}) AND ended_as IS NULL"

# An intent (never changed after its insert) and, from ``state`` on, what came of it.
# ``placed_stake_minor``, ``odds``, ``book`` and ``ticket_id`` follow from the fills; they are here
# for sums and lists. ``rows.outcome_columns`` writes them and nothing else does.
orders = Table(
    "orders",
    metadata,
    Column("intent_id", String(40), primary_key=True),
    Column("decision_id", String(64), nullable=False, unique=True),
    Column("trace_id", String(64), nullable=False, index=True),
    Column("account", String(LONGEST_ACCOUNT), nullable=False),
    Column("mode", String(8), nullable=False),
    Column("venue", String(32), nullable=False),
    Column("venue_key", Text, nullable=False),
    Column("event_uid", Text, nullable=False, index=True),
    Column("league", Text, nullable=False),
    Column("home", Text, nullable=False),
    Column("away", Text, nullable=False),
    Column("kickoff", UtcTime, nullable=False),
    Column("market_id", String(64), nullable=False),
    Column("outcome", String(8), nullable=False),
    Column("selection_id", String(64), nullable=False),
    Column("stake_minor", BigInteger, nullable=False),
    Column("asked_odds", Text, nullable=False),
    Column("fair_odds", Float, nullable=False),
    Column("ev_pct", Float, nullable=False),
    Column("asked_book", Text, nullable=False),
    Column("reference", String(40), nullable=False, unique=True),
    Column("fence", BigInteger, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("signal", LargeBinary, nullable=False),
    Column("side", String(8), nullable=False, server_default=Side.BACK.value),
    Column("strategy", String(32), nullable=False, server_default="value"),
    Column("state", String(16), nullable=False),
    Column("updated_at", UtcTime, nullable=False),
    Column("placed_stake_minor", BigInteger, nullable=False),
    Column("odds", Text),
    Column("book", Text),
    Column("ticket_id", Text),
    Column("pnl_minor", BigInteger),
    Column("reason", Text),
    Column("score_home", Integer),
    Column("score_away", Integer),
    Column("settled_at", UtcTime),
    Column("closing_fair_odds", Float),
    Column("venue_order_id", Text, nullable=False, server_default=""),
    Column("matched_minor", BigInteger, nullable=False, server_default="0"),
    Column("matched_average", DecimalText),
    Column("voided_minor", BigInteger, nullable=False, server_default="0"),
    Column("cancelled_minor", BigInteger, nullable=False, server_default="0"),
    Column("lapsed_minor", BigInteger, nullable=False, server_default="0"),
    Column("ended_as", String(16)),
    Column("cancel", String(8), nullable=False, server_default=CancelRequest.NONE.value),
    CheckConstraint("stake_minor > 0", name="stake_positive"),
    CheckConstraint("placed_stake_minor >= 0", name="placed_not_negative"),
    CheckConstraint(f"state IN ({words(OrderState)})", name="state_known"),
    CheckConstraint(f"mode IN ({words(ExecutionMode)})", name="mode_known"),
    CheckConstraint(f"side IN ({words(Side)})", name="side_known"),
    CheckConstraint(f"cancel IN ({words(CancelRequest)})", name="cancel_known"),
    Index("ix_orders_mode_account_state_created_at", "mode", "account", "state", "created_at"),
    Index("ix_orders_mode_account_created_at", "mode", "account", "created_at"),
    Index("ix_orders_mode_account_settled_at", "mode", "account", "settled_at"),
)
Index(
    "ix_orders_open",
    orders.c.mode,
    orders.c.account,
    orders.c.created_at,
    sqlite_where=text(OPEN_CONDITION),
    postgresql_where=text(OPEN_CONDITION),
)
Index(
    "uq_orders_open_selection",
    orders.c.account,
    orders.c.mode,
    orders.c.strategy,
    orders.c.event_uid,
    orders.c.selection_id,
    orders.c.side,
    unique=True,
    sqlite_where=text(HOLDS_SELECTION),
    postgresql_where=text(HOLDS_SELECTION),
)

# The matched parts of an order, in the order in which it holds them.
fills = Table(
    "fills",
    metadata,
    Column("intent_id", String(40), ForeignKey("orders.intent_id"), primary_key=True),
    Column("fill_id", Text, primary_key=True),
    Column("position", Integer, nullable=False),
    Column("price_text", Text, nullable=False),
    Column("price", DecimalText, nullable=False),
    Column("size_minor", BigInteger, nullable=False),
    Column("at", UtcTime, nullable=False),
    Column("book", Text, nullable=False),
    CheckConstraint("size_minor > 0", name="size_positive"),
)

# Every step of an order's life. A row with equal source and target is a correction without a step.
transitions = Table(
    "transitions",
    metadata,
    Column("id", RowId, primary_key=True, autoincrement=True),
    Column("intent_id", String(40), ForeignKey("orders.intent_id"), nullable=False, index=True),
    Column("source", String(16)),
    Column("target", String(16), nullable=False),
    Column("at", UtcTime, nullable=False),
    Column("cause", Text, nullable=False),
    Column("worker", String(96), nullable=False),
    Column("evidence", JsonText, nullable=False),
)

# The newest fencing number of each account and mode. Only its owner may create and send intents.
fences = Table(
    "fences",
    metadata,
    Column("resource", String(LONGEST_ACCOUNT + 16), primary_key=True),
    Column("fence", BigInteger, nullable=False),
    Column("worker", String(96), nullable=False),
    Column("at", UtcTime, nullable=False),
)

# The venue's result of an order beside our own; a regrade adds a row.
settlements = Table(
    "settlements",
    metadata,
    Column("id", RowId, primary_key=True, autoincrement=True),
    Column("intent_id", String(40), ForeignKey("orders.intent_id"), nullable=False, index=True),
    Column("at", UtcTime, nullable=False),
    Column("venue_state", String(16), nullable=False),
    Column("venue_pnl_minor", BigInteger, nullable=False),
    Column("own_state", String(16)),
    Column("own_pnl_minor", BigInteger),
    Column("agrees", Boolean),
    Column("evidence", JsonText, nullable=False),
)
