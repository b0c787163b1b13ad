"""The audit keeps what a limit or an arming was and became."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.add_column("operator_commands", sa.Column("value_before", sa.Text()))
    op.add_column("operator_commands", sa.Column("value_after", sa.Text()))
