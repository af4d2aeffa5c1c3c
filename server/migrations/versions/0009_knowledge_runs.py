"""Imports and steps of many articles run in the background and keep what became of each"""

import sqlalchemy as sa
from alembic import op

revision = "desk"
down_revision = "silence"


def upgrade() -> None:
    op.create_table(
        "knowledge_run",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column(
            "kind",
            sa.Enum(
                "import",
                "submit",
                "review",
                "publish",
                "confirm",
                "retire",
                name="runkind",
                native_enum=False,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=True),
        sa.Column("given", sa.JSON(), nullable=False),
        sa.Column("by_id", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("total", sa.Integer(), nullable=True),
        sa.Column("done", sa.Integer(), nullable=False),
        sa.Column("joined", sa.Integer(), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("places", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_knowledge_run")),
    )
    op.create_index("ix_knowledge_run_at", "knowledge_run", ["at"])
    op.create_table(
        "knowledge_run_line",
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column(
            "fate",
            sa.Enum(
                "done", "refused", "known", "pointing", "picture", name="fate", native_enum=False, length=32
            ),
            nullable=False,
        ),
        sa.Column("source", sa.String(length=200), nullable=False),
        sa.Column("title", sa.String(length=200), nullable=False),
        sa.Column("number", sa.String(length=20), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("places", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["run_id"], ["knowledge_run.id"], name=op.f("fk_knowledge_run_line_run_id_knowledge_run")
        ),
        sa.PrimaryKeyConstraint("run_id", "place", name=op.f("pk_knowledge_run_line")),
    )
    op.create_index("ix_knowledge_run_line_fate", "knowledge_run_line", ["run_id", "fate"])


def downgrade() -> None:
    op.drop_table("knowledge_run_line")
    op.drop_table("knowledge_run")
