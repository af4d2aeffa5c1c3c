"""People look at what is heard, ignore it for a reason, and make rules of it"""

import sqlalchemy as sa
from alembic import op

revision = "heard"
down_revision = "alerts"


def upgrade() -> None:
    op.create_table(
        "heard_ignored",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("agent_id", sa.Integer(), nullable=True),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("source", sa.String(length=64), nullable=False),
        sa.Column("what", sa.String(length=200), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("reason", sa.String(length=400), nullable=False),
        sa.Column("until_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("by_id", sa.Integer(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["agent_id"], ["agent.id"], name=op.f("fk_heard_ignored_agent_id_agent")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_heard_ignored")),
    )
    op.create_table(
        "heard_message",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("agent_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("source", sa.String(length=64), nullable=False),
        sa.Column("what", sa.String(length=200), nullable=False),
        sa.Column("device", sa.String(length=40), nullable=False),
        sa.Column("rules", sa.JSON(), nullable=False),
        sa.Column("told", sa.JSON(), nullable=False),
        sa.Column("first_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["agent_id"], ["agent.id"], name=op.f("fk_heard_message_agent_id_agent")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_heard_message")),
        sa.UniqueConstraint("agent_id", "kind", "source", "what", name="uq_heard_message_kind"),
    )
    with op.batch_alter_table("heard_message", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_heard_message_at"), ["at"], unique=False)
    op.create_table(
        "heard_rule",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("form", sa.JSON(), nullable=False),
        sa.Column("ci_id", sa.Integer(), nullable=True),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("by_id", sa.Integer(), nullable=True),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_heard_rule")),
        sa.UniqueConstraint("name", name=op.f("uq_heard_rule_name")),
    )


def downgrade() -> None:
    op.drop_table("heard_rule")
    op.drop_table("heard_message")
    op.drop_table("heard_ignored")
