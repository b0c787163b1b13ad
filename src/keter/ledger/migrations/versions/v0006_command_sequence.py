"""Number the commands of the audit, so that their order does not depend on a clock."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

_NUMBER_OLD_ROWS = (
    "UPDATE operator_commands SET sequence = numbered.place FROM (SELECT command_id, row_number()"
    " OVER (ORDER BY at, command_id) AS place FROM operator_commands) AS numbered WHERE"
    " numbered.command_id = operator_commands.command_id"
)


def upgrade() -> None:
    op.add_column(
        "operator_commands",
        sa.Column("sequence", sa.BigInteger(), nullable=False, server_default="0"),
    )
    op.execute(_NUMBER_OLD_ROWS)
    op.create_index("ix_operator_commands_sequence", "operator_commands", ["sequence"])
    # The database assigns the number, so no writer can leave it out.
    if op.get_bind().dialect.name == "postgresql":
        _postgres()
    else:
        _sqlite()


def _postgres() -> None:
    """Use a sequence: concurrent writers get different numbers without waiting."""
    op.execute("CREATE SEQUENCE operator_commands_number OWNED BY operator_commands.sequence")
    op.execute(
        "SELECT setval('operator_commands_number', coalesce(max(sequence), 0) + 1, false) FROM"
        " operator_commands"
    )
    op.execute(
        "ALTER TABLE operator_commands ALTER COLUMN sequence SET DEFAULT"
        " nextval('operator_commands_number')"
    )


def _sqlite() -> None:
    """Use one above the highest number: SQLite has one writer at a time."""
    op.execute(
        "CREATE TRIGGER operator_commands_number AFTER INSERT ON operator_commands BEGIN "
        "UPDATE operator_commands SET sequence = (SELECT max(sequence) + 1 FROM operator_commands) "
        "WHERE command_id = NEW.command_id; END"
    )
