"""Add results to paper tickets, so that the paper account is a sum over them."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.add_column("paper_tickets", sa.Column("settled_at", sa.BigInteger()))
    op.add_column("paper_tickets", sa.Column("result", sa.String(length=16)))
    op.add_column("paper_tickets", sa.Column("pnl_minor", sa.BigInteger()))
