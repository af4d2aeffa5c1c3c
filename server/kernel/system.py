"""The kernel's own routes, jobs and schedules, in the shape of a practice."""

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from aiohttp import web
from sqlalchemy.orm import Session

from server.kernel import apidoc, events, idempotency, jobs, keys, stream
from server.kernel.api import Api
from server.kernel.call import Call
from server.kernel.errors import NotFoundError
from server.kernel.gate import NOT_FOUND
from server.kernel.i18n import N_
from server.kernel.practice import Job, Permission, Practice, Schedule
from server.kernel.web import Raw

if TYPE_CHECKING:
    import typer

api = Api("kernel")
fallback = Raw("kernel")


@api.get("/openapi.json", public=True, summary=N_("This document"), answer=dict[str, Any])
async def openapi(call: Call) -> dict[str, Any]:
    """The OpenAPI 3.1 document of the whole API."""
    return apidoc.document(call.app[keys.ROUTES], version=call.app[keys.VERSION], base="/")


@fallback.get("/api/{tail:.*}", public=True)
@fallback.post("/api/{tail:.*}", public=True)
async def no_such_api(_call: Call, tail: str) -> web.StreamResponse:
    """Any other address under /api: problem+json, whoever asks."""
    raise NotFoundError(NOT_FOUND, address=f"/api/{tail}"[:200])


async def tidy(work: jobs.Work) -> None:
    """Forget what is only kept for a while."""
    await work.db.run(_tidy, work)


def _tidy(session: Session, work: jobs.Work) -> None:
    events.trim(session, now=work.now)
    idempotency.trim(session, now=work.now)
    jobs.forget_runs(session, now=work.now)


def _key_commands() -> "typer.Typer":
    from server.kernel.keycommands import keys_app  # noqa: PLC0415  loaded when it is called

    return keys_app()


PRACTICE = Practice(
    name="kernel",
    title=N_("This site"),
    routes=(api, stream.pages, fallback),
    permissions=(Permission("audit.read", N_("Read the audit log")),),
    commands=(("keys", _key_commands),),
    jobs=(Job("kernel.tidy", tidy),),
    schedules=(Schedule("kernel.tidy", job="kernel.tidy", every=timedelta(hours=1)),),
)
