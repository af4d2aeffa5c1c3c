"""The pages of problems: list, patterns, record, form."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from server.accounts.service import people_by_ids
from server.kernel.errors import DeskError, InvalidError
from server.kernel.formdata import FormError, field_errors
from server.kernel.i18n import N_, loc
from server.kernel.listing import show
from server.kernel.web import Call, Pages, web
from server.problems import patterns, record, service, words
from server.problems.models import TEXT_LIMIT, TITLE_LIMIT, CandidateState, State
from server.problems.table import PROBLEMS

pages = Pages("problems")
SHOWN = 50  # patterns, the costliest
Text = Annotated[str, Field(max_length=TEXT_LIMIT)]

DONE = {
    State.OPEN: N_("{number} is open again."),
    State.KNOWN_ERROR: N_("{number} is a known error; incidents like it are shown the workaround."),
    State.RESOLVED: N_("{number} is resolved."),
    State.CLOSED: N_("{number} is closed."),
}


class ProblemForm(BaseModel):
    """What the form of a problem holds."""

    model_config = ConfigDict(extra="forbid")

    title: Annotated[str, Field(min_length=1, max_length=TITLE_LIMIT)]
    description: Text = ""
    root_cause: Text = ""
    workaround: Text = ""
    solution: Text = ""
    assignee_id: Annotated[int, Field(ge=1, le=2**31 - 1)] | None = None
    version: Annotated[int, Field(ge=1, le=1_000_000)] = 1


class NewProblemForm(ProblemForm):
    """The form of a new problem."""

    incident: Annotated[str, Field(max_length=20)] = ""


@pages.get("/problems", permission="problem.read")
async def listed(call: Call) -> web.StreamResponse:
    """The list."""
    waiting = await call.db.read(service.count_open)
    return await show(call, PROBLEMS, "problems/list.html", waiting=waiting)


@pages.get("/problems/patterns", permission="problem.read")
async def found(call: Call) -> web.Response:
    """The patterns: those that wait for a decision, or those that were dismissed."""
    dismissed = call.request.query.get("view") == "dismissed"
    state = CandidateState.DISMISSED if dismissed else CandidateState.OPEN
    rows = await call.db.read(service.candidates, call.actor, state)
    shown = rows[:SHOWN]
    call.topics = ("problems",)
    return call.render(
        "problems/patterns.html",
        rows=shown,
        more=len(rows) - len(shown),
        titles=await call.db.read(service.titles, shown, call.actor),
        numbers=service.NUMBERS_SHOWN,
        dismissed=dismissed,
        words=words,
    )


@pages.post("/problems/patterns/look", permission="problem.manage")
async def look(call: Call) -> web.Response:
    """Look for patterns now."""
    count = await call.db.run(patterns.refresh, now=call.now)
    return call.redirect(
        "/problems/patterns", N_("Looked through the incidents: {n} patterns wait."), n=count
    )


@pages.post("/problems/patterns/{number}/accept", permission="problem.manage")
async def accept(call: Call, number: int) -> web.Response:
    """Make a problem of a pattern."""
    problem = await call.db.run(service.accept, number, actor=call.actor, now=call.now)
    return call.redirect(
        f"/problems/{problem.number}", N_("{number} is opened with its incidents."), number=problem.number
    )


@pages.post("/problems/patterns/{number}/dismiss", permission="problem.manage")
async def dismiss(call: Call, number: int) -> web.Response:
    """It is no problem."""
    reason = str(call.form.get("reason", ""))
    await call.db.run(service.dismiss, number, reason, actor=call.actor, now=call.now)
    return call.redirect("/problems/patterns", N_("Dismissed; it is shown again when it has doubled."))


@pages.get("/problems/new", permission="problem.manage")
async def new(call: Call) -> web.Response:
    """The form of a new problem; `?incident=INC-...` begins with that incident."""
    incident = call.request.query.get("incident", "")[:20]
    values: dict[str, Any] = {"assignee_id": call.actor.id}
    if incident:
        values |= await call.db.read(service.draft_of, incident, call.actor)
    return _form(call, values, "", assignee=loc(call.actor.name))


@pages.post("/problems/new", permission="problem.manage")
async def create(call: Call) -> web.Response:
    """Open a problem."""
    try:
        form = call.form_as(NewProblemForm)
        texts = form.model_dump(exclude={"version", "incident"})
        made = await call.db.run(service.begin, texts, form.incident, actor=call.actor, now=call.now)
    except DeskError as error:
        return await _again(call, error, "")
    return call.redirect(f"/problems/{made.number}", N_("{number} is opened."), number=made.number)


@pages.get("/problems/{number}", permission="problem.read")
async def shown(call: Call, number: str) -> web.Response:
    """The record."""
    view = await call.db.read(record.view, number, actor=call.actor, now=call.now)
    call.topics = ("problems",)
    return call.render("problems/record.html", view=view, words=words)


@pages.get("/problems/{number}/edit", permission="problem.manage")
async def edit(call: Call, number: str) -> web.Response:
    """The form of a known problem."""
    view = await call.db.read(record.view, number, actor=call.actor, now=call.now)
    values = {name: getattr(view.problem, name) for name in (*service.TEXTS, "version")}
    return _form(call, values, number, assignee=loc(view.assignee) if view.assignee else "")


@pages.post("/problems/{number}/edit", permission="problem.manage")
async def change(call: Call, number: str) -> web.Response:
    """Change what is known of it."""
    try:
        form = call.form_as(ProblemForm)
        texts = form.model_dump(exclude={"version"})
        await call.db.run(service.change, number, texts, version=form.version, actor=call.actor, now=call.now)
    except (FormError, InvalidError) as error:
        return await _again(call, error, number)
    return call.redirect(f"/problems/{number}", N_("{number} is changed."), number=number)


@pages.post("/problems/{number}/move", permission="problem.manage")
async def move(call: Call, number: str) -> web.Response:
    """Another state."""
    wanted = str(call.form.get("to", ""))
    if wanted not in set(State):
        raise InvalidError(N_("Choose one of: {expected}."), field="/to", expected=", ".join(sorted(State)))
    to = State(wanted)
    await call.db.run(service.move, number, to, actor=call.actor, now=call.now)
    return call.redirect(f"/problems/{number}", DONE[to], number=number)


@pages.post("/problems/{number}/incidents", permission="problem.manage")
async def link(call: Call, number: str) -> web.Response:
    """It explains an incident."""
    incident = str(call.form.get("incident", ""))[:20]
    await call.db.run(service.link, number, incident, actor=call.actor, now=call.now)
    return call.redirect(f"/problems/{number}#incidents", N_("{incident} is linked."), incident=incident)


@pages.post("/problems/{number}/incidents/{incident}/remove", permission="problem.manage")
async def unlink(call: Call, number: str, incident: str) -> web.Response:
    """It does not explain that incident."""
    await call.db.run(service.unlink, number, incident, actor=call.actor)
    return call.redirect(f"/problems/{number}#incidents", N_("{incident} is unlinked."), incident=incident)


def _form(
    call: Call,
    values: dict[str, Any],
    number: str,
    *,
    assignee: str,
    errors: dict[str, str] | None = None,
    status: int = 200,
) -> web.Response:
    return call.render(
        "problems/form.html",
        status=status,
        values=values,
        number=number,
        errors=errors or {},
        assignee=assignee,
    )


async def _again(call: Call, error: DeskError, number: str) -> web.Response:
    """The form once more, with what was typed and what is wrong."""
    values = {name: call.form.get(name, "") for name in NewProblemForm.model_fields}
    chosen = str(values.get("assignee_id", ""))
    person = int(chosen) if chosen.isascii() and chosen.isdigit() and len(chosen) < 10 else 0
    people = await call.db.read(people_by_ids, {person})
    named = loc(people[person].name) if person in people else ""
    return _form(call, values, number, assignee=named, errors=field_errors(error), status=error.status)
