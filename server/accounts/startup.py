"""What happens when a server starts: roles follow the practices, a first run gets its token."""

import sys

from aiohttp import web

from server.accounts import people, roles, sessions, setup
from server.kernel import audit, keys, space
from server.kernel.jobs import Work

STAFF = tuple(code for code in roles.SHIPPED if code not in {"end_user", roles.ADMINISTRATOR, roles.AUDITOR})


async def prepare(app: web.Application) -> None:
    """Bring the shipped roles to what the practices declare."""
    declared = [permission for practice in app[keys.PRACTICES] for permission in practice.permissions]
    with audit.acting("system", "start"), space.vital():
        await app[keys.DATABASE].run(roles.sync, declared)


async def greet(app: web.Application) -> None:
    """On a first run, print where the first administrator is made."""
    if await app[keys.DATABASE].read(people.anyone) or app[keys.SETTINGS].demo:
        return
    token = await app[keys.DATABASE].run(setup.begin, now=app[keys.CLOCK].now())
    settings = app[keys.SETTINGS]
    base = settings.public_url or f"http://{settings.host}:{settings.port}"
    sys.stdout.write(f"First run. Make the first administrator here: {base}/setup?token={token}\n")
    sys.stdout.flush()


async def tidy(work: Work) -> None:
    """Forget sessions that have run out."""
    await work.db.run(sessions.trim, now=work.now)
