"""Alembic's entry: runs the steps on the connection that `server.kernel.migrate` hands over."""

from typing import Literal

from alembic import context

from server.kernel.db import Base, UtcDateTime


def render(kind: str, value: object, _context: object) -> str | Literal[False]:
    """Write our own column types as what the database has: a step never imports the program."""
    if kind == "type" and isinstance(value, UtcDateTime):
        return "sa.DateTime(timezone=True)"
    return False


connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=Base.metadata,
    render_as_batch=connection.dialect.name == "sqlite",
    compare_type=True,
    render_item=render,
    transaction_per_migration=False,
)
with context.begin_transaction():
    context.run_migrations()
