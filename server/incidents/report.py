"""Reporting an incident: the form, and what is known while it is typed."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.orm import Session

from server.accounts import service as accounts
from server.cmdb import service as cmdb
from server.incidents import facts, offers, record, reporting, words
from server.incidents.alike import alike as open_alike
from server.incidents.models import SUMMARY_LIMIT, TEXT_LIMIT
from server.kernel.call import Actor
from server.kernel.errors import DeskError
from server.kernel.formdata import field_errors
from server.kernel.i18n import N_, _, current_language, loc
from server.kernel.web import Call, Pages, web
from server.knowledge.finding import suggested
from server.knowledge.suggesting.reasons import reasons

report = Pages("incidents")


class Report(BaseModel):
    """What the form of a new incident sends."""

    model_config = ConfigDict(extra="forbid")

    summary: Annotated[str, Field(min_length=1, max_length=SUMMARY_LIMIT)]
    description: Annotated[str, Field(max_length=TEXT_LIMIT)] = ""
    ci: Annotated[str, Field(max_length=20)] | None = None
    contact_id: Annotated[int, Field(ge=1)] | None = None
    affected_id: Annotated[int, Field(ge=1)] | None = None
    impact: Annotated[int, Field(ge=1, le=4)] = 3
    urgency: Annotated[int, Field(ge=1, le=4)] = 3
    category: Annotated[str, Field(max_length=80)] = ""
    group: Annotated[str, Field(max_length=80)] = ""
    into: Annotated[str, Field(max_length=20)] = ""  # the open incident that it is


@report.get("/incidents/new", permission="incident.create")
async def new(call: Call) -> web.Response:
    """The form."""
    values: dict[str, Any] = dict.fromkeys(Report.model_fields)
    values |= {"impact": 3, "urgency": 3, "contact_id": call.actor.id}
    values["summary"] = call.request.query.get("summary", "")[:200]  # what was looked for in the portal
    return await _form(call, values, {})


@report.post("/incidents/new", permission="incident.create")
async def create(call: Call) -> web.Response:
    """Report it."""
    try:
        form = call.form_as(Report)
        values = form.model_dump(exclude_none=True)
        if not call.may("incident.read"):  # who is not of the desk reports for nobody else
            values |= {"contact_id": call.actor.id, "affected_id": None, "group": ""}
            values |= {"impact": max(2, form.impact), "urgency": max(2, form.urgency)}
        if form.into:
            return await _into(call, values, form.into)
        made = await call.db.run(reporting.create, values, actor=call.actor, now=call.now)
    except DeskError as error:
        kept = call.form_kept(Report)
        given = {name: getattr(kept, name, None) for name in Report.model_fields}
        return await _form(call, given, field_errors(error), status=int(error.status))
    return call.redirect(f"/incidents/{made.number}", N_("{number} is reported."), number=made.number)


async def _into(call: Call, values: dict[str, Any], into: str) -> web.Response:
    """It is an open incident already."""
    made, goes_on = await call.db.run(reporting.report_into, values, into, actor=call.actor, now=call.now)
    toast = N_("{number} is merged into {into}.")
    return call.redirect(f"/incidents/{goes_on.number}", toast, number=made.number, into=goes_on.number)


@report.get("/incidents/new/alike", permission="incident.read")
async def alike(call: Call) -> web.Response:
    """What is known of what is typed: open incidents like it, and fixes."""
    query = call.request.query
    text = f"{query.get('summary', '')}\n{query.get('description', '')}"[:2000].strip()
    found = await call.db.read(_known, text, query.get("ci", "")[:20], call.actor)
    found["guesses"] = await call.db.read(offers.offered, text, query, call.actor)
    return call.fragment("incidents/_alike.html", typed=bool(text), **found)


def _known(session: Session, text: str, ci_number: str, actor: Actor) -> dict[str, Any]:
    ci = cmdb.find_ci(session, ci_number) if ci_number else None
    fixes = (
        suggested(session, facts.query(ci, None, text, current_language()), actor, limit=3)
        if len(text) > 3
        else []
    )
    return {
        "alike": open_alike(session, text, ci.id if ci is not None else None, actor),
        "fixes": [(one, reasons(one, text)) for one in fixes] if actor.may("knowledge.read") else [],
    }


async def _form(
    call: Call, values: dict[str, Any], errors: dict[str, str], *, status: int = 200
) -> web.Response:
    names = await call.db.read(_names, values)
    groups = await call.db.read(record.teams) if call.may("incident.assign") else []
    return call.render(
        "incidents/new.html",
        status=status,
        values=values,
        errors=errors,
        names=names,
        groups=[(team.code, team.name) for team in groups],
        levels=[(level, _(label)) for level, label in words.LEVELS.items()],
        categories=[(code, _(label)) for code, label in words.CATEGORIES.items()],
    )


def _names(session: Session, values: dict[str, Any]) -> dict[str, str]:
    """What the lookups show for the ids they hold."""
    people = accounts.people_by_ids(session, [values.get("contact_id"), values.get("affected_id")])
    ci = cmdb.find_ci(session, str(values["ci"])) if values.get("ci") else None
    return {
        "contact_id": loc(people[values["contact_id"]].name) if values.get("contact_id") in people else "",
        "affected_id": loc(people[values["affected_id"]].name) if values.get("affected_id") in people else "",
        "ci": ci.name if ci is not None else "",
    }
