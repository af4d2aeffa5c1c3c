"""From which probability on a fix is suggested, and what that has been worth at this desk"""

import sqlalchemy as sa
from alembic import op

revision = "silence"
down_revision = "alerts"


def upgrade() -> None:
    op.create_table(
        "knowledge_silence",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("least", sa.Double(), nullable=False),
        sa.Column("curve", sa.JSON(), nullable=False),
        sa.Column("tickets", sa.Integer(), nullable=False),
        sa.Column("measured_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_knowledge_silence")),
    )


def downgrade() -> None:
    op.drop_table("knowledge_silence")
