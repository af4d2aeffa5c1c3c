"""Incidents: opened by alerts and people, moved by one state machine, told on one timeline."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import typer
from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from server.alerts.news import GROUP_NEWS
from server.alerts.sections import provide_section
from server.incidents import guesses
from server.incidents.api import api
from server.incidents.beforehand import fixes_of_alert
from server.incidents.bulk import bulk
from server.incidents.following import on_group_news
from server.incidents.learning import on_verdict
from server.incidents.models import OPEN_STATES, Incident
from server.incidents.pages import pages
from server.incidents.report import report
from server.incidents.steps import steps
from server.incidents.telling import on_sla_news
from server.incidents.typing_api import typing_api
from server.incidents.views import title, visible_statement
from server.kernel.call import Actor
from server.kernel.i18n import N_
from server.kernel.practice import NavItem, PaletteEntry, Permission, Practice
from server.knowledge.suggesting.learning import VERDICT
from server.sla.service import SLA_NEWS

provide_section(fixes_of_alert)

LINES = ("first_line", "second_line", "third_line")
HEADS = ("incident_supervisor", "incident_manager")


def count(session: Session, actor: Actor, now: datetime) -> tuple[int, bool]:
    """Open incidents that are mine or my groups', and whether one is late."""
    mine = or_(Incident.assignee_id == actor.id, Incident.group_id.in_(actor.groups or {0}))
    query = select(func.count(), func.min(Incident.resolution_due_at)).where(
        mine, Incident.state.in_(OPEN_STATES)
    )
    number, due = session.execute(query).one()
    return number, due is not None and due < now


def search(session: Session, actor: Actor, text: str) -> Sequence[PaletteEntry]:
    """Incidents by number or words of the summary."""
    query: Any = visible_statement(actor)
    wanted = text.strip()
    hit = or_(
        Incident.number.icontains(wanted, autoescape=True),
        Incident.summary.icontains(wanted, autoescape=True),
    )
    rows = session.scalars(query.where(hit).order_by(Incident.id.desc()).limit(8))
    return [
        PaletteEntry(
            f"{row.number} · {title(row)}",
            f"/incidents/{row.number}",
            icon="flame",
            score=1.0 if row.number.lower() == wanted.lower() else 0.6,
        )
        for row in rows
    ]


def _bench() -> typer.Typer:
    from server.incidents.bench import COMMAND  # noqa: PLC0415  loaded when it is called

    return COMMAND


PRACTICE = Practice(
    name="incidents",
    title=N_("Incidents"),
    routes=(report, pages, bulk, steps, typing_api, api),
    jobs=guesses.JOBS,
    commands=(("bench", _bench),),
    schedules=guesses.SCHEDULES,
    permissions=(
        Permission(
            "incident.read", N_("See incidents"), roles=(*LINES, *HEADS, "problem_manager", "service_manager")
        ),
        Permission(
            "incident.create",
            N_("Report incidents"),
            roles=(*LINES, *HEADS, "end_user", "department_representative", "inspector"),
        ),
        Permission("incident.update", N_("Change the fields of incidents"), roles=(*LINES, *HEADS)),
        Permission("incident.assign", N_("Pass incidents on"), roles=(*LINES, *HEADS)),
        Permission("incident.work", N_("Accept and work on incidents"), roles=(*LINES, *HEADS)),
        Permission("incident.resolve", N_("Resolve incidents"), roles=(*LINES, *HEADS)),
        Permission("incident.close", N_("Close incidents"), roles=("first_line", *HEADS)),
        Permission("incident.reopen", N_("Reopen incidents"), roles=(*LINES, *HEADS)),
        Permission("incident.cancel", N_("Cancel incidents"), roles=("first_line", *HEADS)),
        Permission("incident.merge", N_("Merge incidents"), roles=(*LINES, *HEADS)),
        Permission("incident.note", N_("Write into the timeline of incidents"), roles=(*LINES, *HEADS)),
    ),
    navigation=(
        NavItem(
            key="incidents",
            group="operate",
            label=N_("Incidents"),
            icon="flame",
            url="/incidents",
            permission="incident.read",
            order=10,
            count=count,
        ),
    ),
    subscriptions=((GROUP_NEWS, on_group_news), (SLA_NEWS, on_sla_news), (VERDICT, on_verdict)),
    palette=search,
    topics={"incidents": "incident.read", "incident": "incident.read"},
)
