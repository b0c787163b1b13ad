"""Keep how a match ended in the score type of its sport; football's goals have their columns."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.add_column("results", sa.Column("match_score", sa.Text(), nullable=True))
