"""Create the first schema: bets, transitions, fences, decisions, histories and tickets."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_STATES = (
    "'HALF_LOST', 'HALF_WON', 'INTENDED', 'LOST', 'PENDING', 'PUSHED', 'QUOTED', "
    "'REFUSED', 'RUNNING', 'SENDING', 'SKIPPED', 'UNKNOWN', 'VOID', 'WON'"
)
_OPEN = sa.text("state IN ('INTENDED', 'PENDING', 'QUOTED', 'RUNNING', 'SENDING', 'UNKNOWN')")


def upgrade() -> None:
    """Create every table; a table comes after those that its foreign keys name."""
    _account_history()
    _alerts()
    _bets()
    _decisions()
    _fences()
    _foreign_tickets()
    _operator_commands()
    _paper_tickets()
    _results()
    _settlements()
    _transitions()


def _account_history() -> None:
    op.create_table(
        "account_history",
        sa.Column("id", _ROW_ID, autoincrement=True, nullable=False),
        sa.Column("account", sa.String(length=64), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("credit_minor", sa.BigInteger(), nullable=False),
        sa.Column("outstanding_minor", sa.BigInteger(), nullable=False),
        sa.Column("pnl_today_minor", sa.BigInteger(), nullable=False),
        sa.Column("pnl_yesterday_minor", sa.BigInteger(), nullable=False),
        sa.Column("fetched_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_account_history"),
    )
    op.create_index(
        "ix_account_history_account_fetched_at",
        "account_history",
        ["account", "fetched_at"],
        unique=False,
    )


def _alerts() -> None:
    op.create_table(
        "alerts",
        sa.Column("id", _ROW_ID, autoincrement=True, nullable=False),
        sa.Column("alert_id", sa.Text(), nullable=False),
        sa.Column("level", sa.String(length=8), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("opened_at", sa.BigInteger(), nullable=False),
        sa.Column("closed_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_alerts"),
    )
    op.create_index("ix_alerts_opened_at", "alerts", ["opened_at"], unique=False)
    op.create_index(
        "uq_alerts_open",
        "alerts",
        ["alert_id"],
        unique=True,
        sqlite_where=sa.text("closed_at IS NULL"),
        postgresql_where=sa.text("closed_at IS NULL"),
    )


def _bets() -> None:
    op.create_table(
        "bets",
        sa.Column("intent_id", sa.String(length=40), nullable=False),
        sa.Column("decision_id", sa.String(length=64), nullable=False),
        sa.Column("trace_id", sa.String(length=64), nullable=False),
        sa.Column("account", sa.String(length=64), nullable=False),
        sa.Column("mode", sa.String(length=8), nullable=False),
        sa.Column("venue", sa.String(length=32), nullable=False),
        sa.Column("venue_key", sa.Text(), nullable=False),
        sa.Column("event_uid", sa.Text(), nullable=False),
        sa.Column("league", sa.Text(), nullable=False),
        sa.Column("home", sa.Text(), nullable=False),
        sa.Column("away", sa.Text(), nullable=False),
        sa.Column("kickoff", sa.BigInteger(), nullable=False),
        sa.Column("market_id", sa.String(length=64), nullable=False),
        sa.Column("side", sa.String(length=8), nullable=False),
        sa.Column("selection_id", sa.String(length=64), nullable=False),
        sa.Column("stake_minor", sa.BigInteger(), nullable=False),
        sa.Column("asked_odds", sa.Text(), nullable=False),
        sa.Column("fair_odds", sa.Float(), nullable=False),
        sa.Column("ev_pct", sa.Float(), nullable=False),
        sa.Column("asked_book", sa.Text(), nullable=False),
        sa.Column("reference", sa.String(length=40), nullable=False),
        sa.Column("fence", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("signal", sa.LargeBinary(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("placed_stake_minor", sa.BigInteger(), nullable=False),
        sa.Column("odds", sa.Text(), nullable=True),
        sa.Column("book", sa.Text(), nullable=True),
        sa.Column("ticket_id", sa.Text(), nullable=True),
        sa.Column("pnl_minor", sa.BigInteger(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("score_home", sa.Integer(), nullable=True),
        sa.Column("score_away", sa.Integer(), nullable=True),
        sa.Column("settled_at", sa.BigInteger(), nullable=True),
        sa.Column("closing_fair_odds", sa.Float(), nullable=True),
        sa.CheckConstraint("mode IN ('DRY', 'LIVE')", name="ck_bets_mode_known"),
        sa.CheckConstraint(f"state IN ({_STATES})", name="ck_bets_state_known"),
        sa.CheckConstraint("placed_stake_minor >= 0", name="ck_bets_placed_not_negative"),
        sa.CheckConstraint("stake_minor > 0", name="ck_bets_stake_positive"),
        sa.PrimaryKeyConstraint("intent_id", name="pk_bets"),
        sa.UniqueConstraint("decision_id", name="uq_bets_decision_id"),
        sa.UniqueConstraint("reference", name="uq_bets_reference"),
    )
    op.create_index("ix_bets_event_uid", "bets", ["event_uid"], unique=False)
    op.create_index("ix_bets_mode_created_at", "bets", ["mode", "created_at"], unique=False)
    op.create_index("ix_bets_mode_settled_at", "bets", ["mode", "settled_at"], unique=False)
    op.create_index("ix_bets_mode_state", "bets", ["mode", "state"], unique=False)
    op.create_index("ix_bets_trace_id", "bets", ["trace_id"], unique=False)
    op.create_index(
        "uq_bets_open_selection",
        "bets",
        ["account", "mode", "event_uid", "selection_id"],
        unique=True,
        sqlite_where=_OPEN,
        postgresql_where=_OPEN,
    )


def _decisions() -> None:
    op.create_table(
        "decisions",
        sa.Column("id", _ROW_ID, autoincrement=True, nullable=False),
        sa.Column("trace_id", sa.String(length=64), nullable=False),
        sa.Column("stage", sa.String(length=16), nullable=False),
        sa.Column("worker", sa.String(length=96), nullable=False),
        sa.Column("event_uid", sa.Text(), nullable=False),
        sa.Column("selection_id", sa.String(length=64), nullable=False),
        sa.Column("accepted", sa.Boolean(), nullable=False),
        sa.Column("reason", sa.String(length=64), nullable=False),
        sa.Column("numbers", sa.Text(), nullable=False),
        sa.Column("details", sa.Text(), nullable=False),
        sa.Column("decision_id", sa.String(length=64), nullable=True),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("v", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_decisions"),
    )
    op.create_index("ix_decisions_at", "decisions", ["at"], unique=False)
    op.create_index("ix_decisions_trace_id", "decisions", ["trace_id"], unique=False)


def _fences() -> None:
    op.create_table(
        "fences",
        sa.Column("resource", sa.String(length=96), nullable=False),
        sa.Column("fence", sa.BigInteger(), nullable=False),
        sa.Column("worker", sa.String(length=96), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("resource", name="pk_fences"),
    )


def _foreign_tickets() -> None:
    op.create_table(
        "foreign_tickets",
        sa.Column("account", sa.String(length=64), nullable=False),
        sa.Column("mode", sa.String(length=8), nullable=False),
        sa.Column("ticket_key", sa.Text(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("book", sa.Text(), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("stake_minor", sa.BigInteger(), nullable=False),
        sa.Column("odds", sa.Text(), nullable=False),
        sa.Column("pnl_minor", sa.BigInteger(), nullable=False),
        sa.Column("selection_id", sa.String(length=64), nullable=True),
        sa.Column("home", sa.Text(), nullable=False),
        sa.Column("away", sa.Text(), nullable=False),
        sa.Column("placed_at", sa.BigInteger(), nullable=False),
        sa.Column("first_seen_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("account", "mode", "ticket_key", name="pk_foreign_tickets"),
    )


def _operator_commands() -> None:
    op.create_table(
        "operator_commands",
        sa.Column("command_id", sa.String(length=64), nullable=False),
        sa.Column("action", sa.String(length=32), nullable=False),
        sa.Column("actor", sa.String(length=96), nullable=False),
        sa.Column("source", sa.String(length=16), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("accepted", sa.Boolean(), nullable=False),
        sa.Column("result", sa.Text(), nullable=False),
        sa.Column("before", sa.Text(), nullable=True),
        sa.Column("after", sa.Text(), nullable=True),
        sa.Column("v", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("command_id", name="pk_operator_commands"),
    )
    op.create_index("ix_operator_commands_at", "operator_commands", ["at"], unique=False)


def _paper_tickets() -> None:
    op.create_table(
        "paper_tickets",
        sa.Column("ticket_id", sa.String(length=40), nullable=False),
        sa.Column("account", sa.String(length=64), nullable=False),
        sa.Column("reference", sa.String(length=40), nullable=False),
        sa.Column("book", sa.Text(), nullable=False),
        sa.Column("odds", sa.Text(), nullable=False),
        sa.Column("stake_minor", sa.BigInteger(), nullable=False),
        sa.Column("event_uid", sa.Text(), nullable=False),
        sa.Column("league", sa.Text(), nullable=False),
        sa.Column("home", sa.Text(), nullable=False),
        sa.Column("away", sa.Text(), nullable=False),
        sa.Column("kickoff", sa.BigInteger(), nullable=False),
        sa.Column("market_id", sa.String(length=64), nullable=False),
        sa.Column("side", sa.String(length=8), nullable=False),
        sa.Column("score_home", sa.Integer(), nullable=True),
        sa.Column("score_away", sa.Integer(), nullable=True),
        sa.Column("placed_at", sa.BigInteger(), nullable=False),
        sa.Column("decided_at", sa.BigInteger(), nullable=False),
        sa.Column("refused", sa.Boolean(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.CheckConstraint("stake_minor > 0", name="ck_paper_tickets_stake_positive"),
        sa.PrimaryKeyConstraint("ticket_id", name="pk_paper_tickets"),
    )
    op.create_index(
        "ix_paper_tickets_account_placed_at",
        "paper_tickets",
        ["account", "placed_at"],
        unique=False,
    )
    op.create_index("ix_paper_tickets_reference", "paper_tickets", ["reference"], unique=False)


def _results() -> None:
    op.create_table(
        "results",
        sa.Column("event_uid", sa.Text(), nullable=False),
        sa.Column("home", sa.Integer(), nullable=False),
        sa.Column("away", sa.Integer(), nullable=False),
        sa.Column("half_time_home", sa.Integer(), nullable=True),
        sa.Column("half_time_away", sa.Integer(), nullable=True),
        sa.Column("minute", sa.Integer(), nullable=True),
        sa.Column("red_home", sa.Integer(), nullable=False),
        sa.Column("red_away", sa.Integer(), nullable=False),
        sa.Column("ended", sa.Boolean(), nullable=False),
        sa.Column("observed_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("event_uid", name="pk_results"),
    )


def _settlements() -> None:
    op.create_table(
        "settlements",
        sa.Column("id", _ROW_ID, autoincrement=True, nullable=False),
        sa.Column("intent_id", sa.String(length=40), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("venue_state", sa.String(length=16), nullable=False),
        sa.Column("venue_pnl_minor", sa.BigInteger(), nullable=False),
        sa.Column("own_state", sa.String(length=16), nullable=True),
        sa.Column("own_pnl_minor", sa.BigInteger(), nullable=True),
        sa.Column("agrees", sa.Boolean(), nullable=True),
        sa.Column("evidence", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["intent_id"], ["bets.intent_id"], name="fk_settlements_intent_id"),
        sa.PrimaryKeyConstraint("id", name="pk_settlements"),
    )
    op.create_index("ix_settlements_intent_id", "settlements", ["intent_id"], unique=False)


def _transitions() -> None:
    op.create_table(
        "transitions",
        sa.Column("id", _ROW_ID, autoincrement=True, nullable=False),
        sa.Column("intent_id", sa.String(length=40), nullable=False),
        sa.Column("source", sa.String(length=16), nullable=True),
        sa.Column("target", sa.String(length=16), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("worker", sa.String(length=96), nullable=False),
        sa.Column("evidence", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["intent_id"], ["bets.intent_id"], name="fk_transitions_intent_id"),
        sa.PrimaryKeyConstraint("id", name="pk_transitions"),
    )
    op.create_index("ix_transitions_intent_id", "transitions", ["intent_id"], unique=False)
