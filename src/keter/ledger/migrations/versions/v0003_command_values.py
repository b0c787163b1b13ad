"""Add to the audit the value of a limit or an arming before and after the command."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.add_column("operator_commands", sa.Column("value_before", sa.Text()))
    op.add_column("operator_commands", sa.Column("value_after", sa.Text()))
