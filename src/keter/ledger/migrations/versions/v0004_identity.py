"""Give the ledger an id, so that a replaced ledger is noticed."""

import sqlalchemy as sa
from alembic import op

from keter.clock import SystemClock, random_id
from keter.ledger.columns import to_us

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    identity = op.create_table(
        "identity",
        sa.Column("ledger_id", sa.String(length=64), nullable=False),
        sa.Column("made_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("ledger_id", name=op.f("pk_identity")),
    )
    op.bulk_insert(identity, [{"ledger_id": random_id(), "made_at": to_us(SystemClock().now())}])
