"""What happens when a server starts: roles follow the practices, a first run gets its token."""

from aiohttp import web

from server.accounts import roles, sessions
from server.kernel import audit, keys
from server.kernel.jobs import Work

STAFF = tuple(code for code in roles.SHIPPED if code not in {"end_user", roles.ADMINISTRATOR, roles.AUDITOR})


async def prepare(app: web.Application) -> None:
    """Bring the shipped roles to what the practices declare."""
    declared = [permission for practice in app[keys.PRACTICES] for permission in practice.permissions]
    with audit.acting("system", "start"):
        await app[keys.DATABASE].run(roles.sync, declared)


async def tidy(work: Work) -> None:
    """Forget sessions that have run out."""
    await work.db.run(sessions.trim, now=work.now)
