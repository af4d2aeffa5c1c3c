"""Articles, suggestions and what came of them."""

from server.kernel.i18n import N_
from server.kernel.practice import NavItem, Permission, Practice
from server.knowledge.answer_pages import answers, asking
from server.knowledge.api import api
from server.knowledge.file_pages import filed
from server.knowledge.manager_api import managing
from server.knowledge.manager_pages import manager
from server.knowledge.pages import pages
from server.knowledge.palette import search, to_review
from server.knowledge.portal_pages import shelf
from server.knowledge.tending import JOBS, SCHEDULES

WORKS_INCIDENTS = ("first_line", "second_line", "third_line", "incident_supervisor", "incident_manager")

PRACTICE = Practice(
    name="knowledge",
    title=N_("Knowledge"),
    topics={"knowledge": "knowledge.read"},
    routes=(manager, filed, shelf, asking, pages, answers, managing, api),
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
