"""Articles, suggestions and what came of them."""

import typer

from server.kernel.i18n import N_
from server.kernel.practice import NavItem, Permission, Practice
from server.knowledge.api import api
from server.knowledge.file_pages import filed
from server.knowledge.manager_pages import manager
from server.knowledge.pages import pages
from server.knowledge.palette import search, to_review
from server.knowledge.tending import JOBS, SCHEDULES

WORKS_INCIDENTS = ("first_line", "second_line", "third_line", "incident_supervisor", "incident_manager")


def _bench() -> typer.Typer:
    from server.knowledge.bench import COMMAND  # noqa: PLC0415  loaded when it is called

    return COMMAND


PRACTICE = Practice(
    name="knowledge",
    title=N_("Knowledge"),
    topics={"knowledge": "knowledge.read"},
    routes=(manager, filed, pages, api),
    jobs=JOBS,
    schedules=SCHEDULES,
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
