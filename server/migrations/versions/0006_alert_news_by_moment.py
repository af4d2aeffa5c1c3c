"""News of alerts is told apart by its moment first, so that a storm writes few pages of the index"""

import sqlalchemy as sa
from alembic import op

revision = "alerts"
down_revision = "discovery"

IS_END = sa.text("status = 'resolved'")


def upgrade() -> None:
    with op.batch_alter_table("alert_event", schema=None) as batch_op:
        batch_op.drop_constraint("uq_alert_event_once", type_="unique")
    op.create_index("uq_alert_event_once", "alert_event", ["dedup_key", "condition"], unique=True)
    op.create_index(
        "ix_alert_event_ends", "alert_event", ["condition"], sqlite_where=IS_END, postgresql_where=IS_END
    )


def downgrade() -> None:
    op.drop_index("ix_alert_event_ends", "alert_event")
    op.drop_index("uq_alert_event_once", "alert_event")
    with op.batch_alter_table("alert_event", schema=None) as batch_op:
        batch_op.create_unique_constraint("uq_alert_event_once", ["condition", "dedup_key"])
