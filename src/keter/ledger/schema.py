"""The tables of the ledger; those of orders are in ``keter.ledger.order_schema``.

Money is an integer of minor units, times are microseconds, odds are the venue's own text.

The migrations create these tables; a test compares the two.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    FetchedValue,
    Index,
    Integer,
    String,
    Table,
    Text,
    text,
)

from keter.domain.accounts import LONGEST_ACCOUNT
from keter.domain.tickets import TicketStatus
from keter.ledger import order_schema
from keter.ledger.columns import JsonText, PackedJson, RowId, UtcTime
from keter.ledger.statements import words, written_out

REVISION = "0010"

metadata = order_schema.metadata

_OPEN_TICKET = [TicketStatus.PENDING, TicketStatus.RUNNING]
TICKET_OPEN_CONDITION = f"status IN ({words(_OPEN_TICKET)})"
WAITING_CONDITION = {
    "sqlite": "settled_at IS NULL AND refused = 0",
    "postgresql": "settled_at IS NULL AND NOT refused",
}

decisions = Table(
    "decisions",
    metadata,
    Column("id", RowId, primary_key=True, autoincrement=True),
    Column("trace_id", String(64), nullable=False, index=True),
    Column("stage", String(16), nullable=False),
    Column("worker", String(96), nullable=False),
    Column("event_uid", Text, nullable=False),
    Column("selection_id", String(64), nullable=False),
    Column("accepted", Boolean, nullable=False),
    Column("reason", String(64), nullable=False),
    Column("numbers", JsonText, nullable=False),
    Column("details", PackedJson, nullable=False),
    Column("decision_id", String(64)),
    Column("account", String(LONGEST_ACCOUNT), nullable=False, server_default=""),
    Column("at", UtcTime, nullable=False, index=True),
    Column("v", Integer, nullable=False),
    Index("ix_decisions_stage_id", "stage", "id"),
    Index("ix_decisions_stage_reason_id", "stage", "reason", "id"),
)

account_history = Table(
    "account_history",
    metadata,
    Column("id", RowId, primary_key=True, autoincrement=True),
    Column("account", String(LONGEST_ACCOUNT), nullable=False),
    Column("currency", String(3), nullable=False),
    Column("credit_minor", BigInteger, nullable=False),
    Column("outstanding_minor", BigInteger, nullable=False),
    Column("pnl_today_minor", BigInteger, nullable=False),
    Column("pnl_yesterday_minor", BigInteger, nullable=False),
    Column("fetched_at", UtcTime, nullable=False),
    Index("ix_account_history_account_fetched_at", "account", "fetched_at"),
)

results = Table(
    "results",
    metadata,
    Column("event_uid", Text, primary_key=True),
    Column("home", Integer, nullable=False),
    Column("away", Integer, nullable=False),
    Column("half_time_home", Integer),
    Column("half_time_away", Integer),
    Column("minute", Integer),
    Column("red_home", Integer, nullable=False),
    Column("red_away", Integer, nullable=False),
    Column("ended", Boolean, nullable=False),
    Column("observed_at", UtcTime, nullable=False),
    Column("match_score", JsonText),
)

operator_commands = Table(
    "operator_commands",
    metadata,
    Column("command_id", String(64), primary_key=True),
    Column("action", String(32), nullable=False),
    Column("actor", String(96), nullable=False),
    Column("source", String(16), nullable=False),
    Column("target", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("at", UtcTime, nullable=False, index=True),
    Column("accepted", Boolean, nullable=False),
    Column("result", Text, nullable=False),
    Column("before", JsonText),
    Column("after", JsonText),
    Column("value_before", Text),
    Column("value_after", Text),
    Column("v", Integer, nullable=False),
    # The database counts it up, so that the order does not depend on a clock.
    Column("sequence", BigInteger, FetchedValue(), nullable=False, index=True),
)

alerts = Table(
    "alerts",
    metadata,
    Column("id", RowId, primary_key=True, autoincrement=True),
    Column("alert_id", Text, nullable=False),
    Column("level", String(8), nullable=False),
    Column("title", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Column("opened_at", UtcTime, nullable=False, index=True),
    Column("closed_at", UtcTime),
)
Index(
    "uq_alerts_open",
    alerts.c.alert_id,
    unique=True,
    sqlite_where=text("closed_at IS NULL"),
    postgresql_where=text("closed_at IS NULL"),
)

# Tickets at the venue that no intent of ours explains. They count as exposure, never as profit.
foreign_tickets = Table(
    "foreign_tickets",
    metadata,
    Column("account", String(LONGEST_ACCOUNT), primary_key=True),
    Column("mode", String(8), primary_key=True),
    Column("ticket_key", Text, primary_key=True),
    Column("reference", Text, nullable=False),
    Column("book", Text, nullable=False),
    Column("status", String(16), nullable=False),
    Column("stake_minor", BigInteger, nullable=False),
    Column("odds", Text, nullable=False),
    Column("pnl_minor", BigInteger, nullable=False),
    Column("selection_id", String(64)),
    Column("home", Text, nullable=False),
    Column("away", Text, nullable=False),
    Column("placed_at", UtcTime, nullable=False),
    Column("first_seen_at", UtcTime, nullable=False),
    Column("updated_at", UtcTime, nullable=False),
)

Index(
    "ix_foreign_tickets_open",
    foreign_tickets.c.account,
    foreign_tickets.c.mode,
    sqlite_where=text(TICKET_OPEN_CONDITION),
    postgresql_where=text(TICKET_OPEN_CONDITION),
)

TICKET_OPEN_NOW = written_out(foreign_tickets.c.status, _OPEN_TICKET)

# What a bookmaker would hold of our DRY bets. At ``decided_at`` acceptance or refusal shows.
paper_tickets = Table(
    "paper_tickets",
    metadata,
    Column("ticket_id", String(40), primary_key=True),
    Column("account", String(LONGEST_ACCOUNT), nullable=False),
    Column("reference", String(40), nullable=False, index=True),
    Column("book", Text, nullable=False),
    Column("odds", Text, nullable=False),
    Column("stake_minor", BigInteger, nullable=False),
    Column("event_uid", Text, nullable=False),
    Column("league", Text, nullable=False),
    Column("home", Text, nullable=False),
    Column("away", Text, nullable=False),
    Column("kickoff", UtcTime, nullable=False),
    Column("market_id", String(64), nullable=False),
    Column("outcome", String(8), nullable=False),
    Column("score_home", Integer),
    Column("score_away", Integer),
    Column("placed_at", UtcTime, nullable=False),
    Column("decided_at", UtcTime, nullable=False),
    Column("refused", Boolean, nullable=False),
    Column("message", Text, nullable=False),
    Column("settled_at", UtcTime),
    Column("result", String(16)),
    Column("pnl_minor", BigInteger),
    CheckConstraint("stake_minor > 0", name="stake_positive"),
    Index("ix_paper_tickets_account_placed_at", "account", "placed_at"),
    Index("ix_paper_tickets_account_decided_at", "account", "decided_at"),
)
Index(
    "ix_paper_tickets_waiting",
    paper_tickets.c.account,
    paper_tickets.c.settled_at,
    paper_tickets.c.decided_at,
    sqlite_where=text(WAITING_CONDITION["sqlite"]),
    postgresql_where=text(WAITING_CONDITION["postgresql"]),
)

Index(
    "ix_paper_tickets_settled",
    paper_tickets.c.account,
    paper_tickets.c.settled_at,
    sqlite_where=text("settled_at IS NOT NULL"),
    postgresql_where=text("settled_at IS NOT NULL"),
)

# Sums over all orders and paper tickets, so that no query has to read all rows. Triggers keep
# them, whichever program writes. ``book`` is "bets" (orders) or "paper". ``owner`` is a mode with
# its account, or an account. The rows of a group are added up: see the module ``totals``.
totals = Table(
    "totals",
    metadata,
    Column("id", RowId, primary_key=True, autoincrement=True),
    Column("book", String(8), nullable=False),
    Column("owner", String(LONGEST_ACCOUNT + 16), nullable=False),
    Column("state", String(16), nullable=False),
    Column("number", BigInteger, nullable=False),
    Column("pnl_minor", BigInteger, nullable=False),
)

# One row, created with the table: the ledger's id, which it keeps wherever it is moved.
identity = Table(
    "identity",
    metadata,
    Column("ledger_id", String(64), primary_key=True),
    Column("made_at", UtcTime, nullable=False),
)
