"""Articles, suggestions and what came of them."""

import asyncio

import structlog
import typer
from aiohttp import web
from sqlalchemy.exc import SQLAlchemyError

from server.kernel import keys
from server.kernel.db import Database
from server.kernel.errors import DeskError
from server.kernel.i18n import N_
from server.kernel.practice import NavItem, Permission, Practice
from server.knowledge import running, tending
from server.knowledge.answer_pages import answers, asking
from server.knowledge.api import api
from server.knowledge.bulk_pages import many
from server.knowledge.file_pages import filed
from server.knowledge.manager_api import managing
from server.knowledge.manager_pages import manager
from server.knowledge.many_api import many_api
from server.knowledge.pages import pages
from server.knowledge.palette import search, to_review
from server.knowledge.portal_pages import shelf
from server.knowledge.run_pages import ran
from server.knowledge.suggesting import asking_again, shelves, training
from server.knowledge.suggesting.ranking_api import ranking_api

WORKS_INCIDENTS = ("first_line", "second_line", "third_line", "incident_supervisor", "incident_manager")

log = structlog.get_logger(__name__)
FILLING: "web.AppKey[asyncio.Task[None]]" = web.AppKey("suggestions_filling")


async def _start(app: web.Application) -> None:
    """Fill the shelf before somebody asks."""
    database = app[keys.DATABASE]
    shelves.keep_in(database, app[keys.SETTINGS].data / "index")
    shelves.look_again(database, app[keys.SETTINGS].reranker_folder)
    app[FILLING] = asyncio.create_task(_fill(database))


async def _fill(database: Database) -> None:
    try:
        await database.read(shelves.up_to_date)
    except (DeskError, SQLAlchemyError) as error:  # the first who asks fills it
        log.warning("suggestions_not_filled", reason=str(error)[:200])


async def _stop(app: web.Application) -> None:
    await asyncio.wait([app[FILLING]])
    await asyncio.to_thread(shelves.save, app[keys.DATABASE])


def _bench() -> typer.Typer:
    from server.knowledge.suggesting.bench import COMMAND  # noqa: PLC0415  loaded when it is called

    return COMMAND


PRACTICE = Practice(
    name="knowledge",
    title=N_("Knowledge"),
    topics={"knowledge": "knowledge.read"},
    routes=(manager, many, filed, ran, shelf, asking, pages, answers, managing, many_api, ranking_api, api),
    jobs=(*tending.JOBS, *training.JOBS, *asking_again.JOBS, *running.JOBS),
    schedules=(*tending.SCHEDULES, *training.SCHEDULES, *asking_again.SCHEDULES),
    startup=(_start,),
    cleanup=(_stop,),
    navigation=(
        NavItem(
            key="knowledge",
            group="desk",
            label=N_("Knowledge"),
            icon="book-2",
            url="/knowledge",
            permission="knowledge.read",
            order=50,
            count=to_review,
        ),
    ),
    palette=search,
    commands=(("bench", _bench),),
    permissions=(
        Permission(
            "knowledge.read",
            N_("Read published knowledge"),
            roles=(*WORKS_INCIDENTS, "knowledge_manager", "problem_manager"),
        ),
        Permission(
            "knowledge.write", N_("Write and change articles"), roles=(*WORKS_INCIDENTS, "knowledge_manager")
        ),
        Permission("knowledge.publish", N_("Review and publish articles"), roles=("knowledge_manager",)),
    ),
)
