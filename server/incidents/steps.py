"""What people do to one incident on its page: each post calls one service and goes back to where it was."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.orm import Session

from server.accounts import service as accounts
from server.incidents import advice, service, together
from server.incidents.models import SUMMARY_LIMIT, TEXT_LIMIT, Incident
from server.incidents.states import STEPS
from server.kernel.call import Actor
from server.kernel.errors import InvalidError
from server.kernel.i18n import N_
from server.kernel.web import Call, Pages, web

steps = Pages("incidents")

DONE = {
    "accept": N_("{number} is yours."),
    "start": N_("Work on {number} has begun."),
    "resume": N_("Work on {number} goes on."),
    "close": N_("{number} is closed."),
}
PLAIN = {
    "accept": service.accept,
    "start": service.start,
    "resume": service.resume,
    "close": service.close,
}
Text = Annotated[str, Field(max_length=TEXT_LIMIT)]
Reference = Annotated[str, Field(min_length=1, max_length=20)]


class Form(BaseModel):
    """What every dialog sends: the version that was looked at, and where to go back to."""

    model_config = ConfigDict(extra="forbid")

    version: Annotated[int, Field(ge=1)] | None = None
    back: Annotated[str, Field(max_length=2000)] = ""


class PassOn(Form):
    """To whom: `group` or `group:person`."""

    to: Annotated[str, Field(min_length=1, max_length=80, pattern=r"^[A-Za-z0-9_.-]+(:\d{1,9})?$")]
    note: Text = ""


class Hold(Form):
    """For whom it waits."""

    reason: Annotated[str, Field(min_length=1, max_length=20)]
    note: Text = ""


class Resolve(Form):
    """What was the matter and what mended it."""

    cause_code: Annotated[str, Field(max_length=40)] = ""
    resolution: Text = ""
    workaround: Text = ""
    fixed_by: Annotated[str, Field(max_length=20)] = ""


class Note(Form):
    """A note: kept inside unless it is shown to the user."""

    text: Annotated[str, Field(min_length=1, max_length=TEXT_LIMIT)]
    internal: bool = False


class Reason(Form):
    """Why it is reopened or cancelled."""

    note: Annotated[str, Field(min_length=1, max_length=TEXT_LIMIT)]


class Priority(Form):
    """What the priority is weighed from."""

    impact: Annotated[int, Field(ge=1, le=4)]
    urgency: Annotated[int, Field(ge=1, le=4)]


class Edit(Form):
    """Fields of the record that people may change."""

    summary: Annotated[str, Field(min_length=1, max_length=SUMMARY_LIMIT)]
    description: Text = ""
    ci: Reference | None = None
    workaround: Text = ""


class Other(Form):
    """Another incident."""

    into: Reference


class LinkTo(Form):
    """Another record and how it is linked."""

    other: Reference
    kind: Annotated[str, Field(max_length=32)] = "relates_to"


class Work(Form):
    """Time spent."""

    minutes: Annotated[int, Field(ge=1, le=1440)]
    text: Annotated[str, Field(max_length=1000)] = ""


class Task(Form):
    """A piece of work for a helper."""

    title: Annotated[str, Field(min_length=1, max_length=200)]
    assignee_id: Annotated[int, Field(ge=1)] | None = None


class Advice(Form):
    """Which suggestion."""

    suggestion: Reference


class Heard(Form):
    """Whether to hear of it: 1, or anything else for no."""

    on: Annotated[str, Field(max_length=1)] = ""


class Cause(Form):
    """Whether the probable cause was it."""

    verdict: Literal["right", "wrong"]


def _back(
    call: Call,
    form: Form,
    record: str,
    toast: str,
    /,
    undo: tuple[str, Mapping[str, str]] | None = None,
    **places: Any,
) -> web.Response:
    """Go back to where it was; `undo` is the step, with its values, that takes the act back."""
    target = form.back or f"/incidents/{record}"
    if undo is None:
        return call.redirect(target, toast, **places)
    url, values = f"/incidents/{record}/{undo[0]}", {**undo[1], "back": target}
    return call.redirect(target, toast, undo_url=url, undo_values=values, **places)


@steps.post("/incidents/{number}/note", signed_in=True)
async def note(call: Call, number: str) -> web.Response:
    """Write into the timeline."""
    form = call.form_as(Note)
    internal = form.internal and call.may("incident.note")
    await call.db.run(together.note, number, form.text, internal=internal, actor=call.actor, now=call.now)
    return _back(call, form, number, N_("Noted on {number}."), number=number)


@steps.post("/incidents/{number}/assign", permission="incident.assign")
async def assign(call: Call, number: str) -> web.Response:
    """Pass it on to a group or a person of it."""
    form = call.form_as(PassOn)
    group, _colon, person = form.to.partition(":")
    before = await call.db.read(_held_by, number, call.actor)
    done = await call.db.run(
        service.assign,
        number,
        group=group,
        assignee_id=int(person) if person else None,
        version=form.version,
        actor=call.actor,
        now=call.now,
        note=form.note,
    )
    name = await call.db.read(_holder, done)
    undo = ("assign", {"to": before, "version": str(done.version)}) if before not in {"", form.to} else None
    return _back(call, form, number, N_("Passed on to {name}."), undo, name=name)


def _held_by(session: Session, number: str, actor: Actor) -> str:
    """Who has it, as the form says it; "" for nobody."""
    incident = service.get(session, number, actor)
    if incident.group_id is None:
        return ""
    code = accounts.group(session, incident.group_id).code
    return f"{code}:{incident.assignee_id}" if incident.assignee_id is not None else code


def _holder(session: Session, incident: Incident) -> dict[str, str]:
    if incident.assignee_id is not None:
        return accounts.person(session, incident.assignee_id).name
    return accounts.group(session, incident.group_id or 0).name


@steps.post("/incidents/{number}/hold", permission="incident.work")
async def hold(call: Call, number: str) -> web.Response:
    """Let it wait for somebody outside; the clocks pause."""
    form = call.form_as(Hold)
    done = await call.db.run(
        service.hold,
        number,
        reason=form.reason,
        note=form.note,
        version=form.version,
        actor=call.actor,
        now=call.now,
    )
    undo = ("resume", {"version": str(done.version)})
    return _back(call, form, number, N_("{number} waits; its clocks are paused."), undo, number=number)


@steps.post("/incidents/{number}/resolve", permission="incident.resolve")
async def resolve(call: Call, number: str) -> web.Response:
    """Say what was the matter and what mended it."""
    form = call.form_as(Resolve)
    await call.db.run(
        service.resolve,
        number,
        cause_code=form.cause_code,
        resolution=form.resolution,
        workaround=form.workaround,
        fixed_by=form.fixed_by,
        version=form.version,
        actor=call.actor,
        now=call.now,
    )
    return _back(call, form, number, N_("{number} is resolved."), number=number)


@steps.post("/incidents/{number}/reopen", permission="incident.reopen")
async def reopen(call: Call, number: str) -> web.Response:
    """It is not mended."""
    form = call.form_as(Reason)
    await call.db.run(
        service.reopen, number, note=form.note, version=form.version, actor=call.actor, now=call.now
    )
    return _back(call, form, number, N_("{number} is open again."), number=number)


@steps.post("/incidents/{number}/cancel", permission="incident.cancel")
async def cancel(call: Call, number: str) -> web.Response:
    """It was no incident."""
    form = call.form_as(Reason)
    await call.db.run(
        service.cancel, number, note=form.note, version=form.version, actor=call.actor, now=call.now
    )
    return _back(call, form, number, N_("{number} is cancelled."), number=number)


@steps.post("/incidents/{number}/merge", permission="incident.merge")
async def merge(call: Call, number: str) -> web.Response:
    """Close it into another one."""
    form = call.form_as(Other)
    parent = await call.db.run(service.merge, number, form.into, actor=call.actor, now=call.now)
    toast = N_("{number} is merged into {into}.")
    return call.redirect(f"/incidents/{parent.number}", toast, number=number, into=parent.number)


@steps.post("/incidents/{number}/link", permission="incident.update")
async def link(call: Call, number: str) -> web.Response:
    """Link another record."""
    form = call.form_as(LinkTo)
    other = form.other.strip().upper()
    await call.db.run(together.link_to, number, other, form.kind, actor=call.actor, now=call.now)
    return _back(call, form, number, N_("Linked to {other}."), other=other)


@steps.post("/incidents/{number}/priority", permission="incident.update")
async def priority(call: Call, number: str) -> web.Response:
    """Weigh it anew."""
    form = call.form_as(Priority)
    values = {"impact": form.impact, "urgency": form.urgency}
    before = await call.db.read(service.get, number, call.actor)
    done = await _update(call, number, values, form)
    was = {"impact": str(before.impact), "urgency": str(before.urgency), "version": str(done.version)}
    toast = N_("{number} has priority P{p} now.")
    return _back(call, form, number, toast, ("priority", was), number=number, p=done.priority)


@steps.post("/incidents/{number}/edit", permission="incident.update")
async def edit(call: Call, number: str) -> web.Response:
    """Change its words or its item."""
    form = call.form_as(Edit)
    values = {name: getattr(form, name) for name in ("description", "workaround", "ci")}
    before = await call.db.read(service.get, number, call.actor)
    if form.summary not in {before.summary, *before.summary_by_lang.values()}:
        values["summary"] = form.summary
    if form.ci is None:
        del values["ci"]
    await _update(call, number, values, form)
    return _back(call, form, number, N_("{number} is changed."), number=number)


async def _update(call: Call, number: str, values: dict[str, Any], form: Form) -> Incident:
    if form.version is None:
        raise InvalidError(N_("Load the page again, then repeat your change."), field="/version")
    return await call.db.run(
        service.update, number, values, version=form.version, actor=call.actor, now=call.now
    )


@steps.post("/incidents/{number}/watch", signed_in=True)
async def watch(call: Call, number: str) -> web.Response:
    """Watch it, or stop."""
    form = call.form_as(Heard)
    on = form.on == "1"
    await call.db.run(together.watch, number, on=on, actor=call.actor)
    toast = N_("You will hear of {number}.") if on else N_("You will not hear of {number} any more.")
    return _back(call, form, number, toast, ("watch", {"on": "" if on else "1"}), number=number)


@steps.post("/incidents/{number}/work", permission="incident.work")
async def work(call: Call, number: str) -> web.Response:
    """Note time spent."""
    form = call.form_as(Work)
    await call.db.run(
        together.log_work, number, minutes=form.minutes, text=form.text, actor=call.actor, now=call.now
    )
    return _back(call, form, number, N_("Time is noted."))


@steps.post("/incidents/{number}/tasks", permission="incident.work")
async def task(call: Call, number: str) -> web.Response:
    """Give a helper a piece of work."""
    form = call.form_as(Task)
    await call.db.run(
        together.add_task,
        number,
        form.title,
        assignee_id=form.assignee_id,
        actor=call.actor,
        now=call.now,
    )
    return _back(call, form, number, N_("The task is added."))


@steps.post("/incidents/{number}/tasks/{task_id}/done", signed_in=True)
async def task_done(call: Call, number: str, task_id: int) -> web.Response:
    """A helper's work is done."""
    await call.db.run(together.finish_task, number, task_id, actor=call.actor, now=call.now)
    return call.redirect(f"/incidents/{number}", N_("The task is done."))


@steps.post("/incidents/{number}/try", permission="incident.work")
async def take_up(call: Call, number: str) -> web.Response:
    """Try a suggested fix."""
    form = call.form_as(Advice)
    await call.db.run(advice.take_up, number, form.suggestion, actor=call.actor, now=call.now)
    toast = N_("{suggestion} is being tried; whether the alerts stay away decides what it is worth.")
    return _back(call, form, number, toast, suggestion=form.suggestion)


@steps.post("/incidents/{number}/put-aside", permission="incident.work")
async def put_aside(call: Call, number: str) -> web.Response:
    """A suggestion does not fit."""
    form = call.form_as(Advice)
    await call.db.run(advice.put_aside, number, form.suggestion, actor=call.actor, now=call.now)
    return _back(call, form, number, N_("{suggestion} is put aside."), suggestion=form.suggestion)


@steps.post("/incidents/{number}/cause", permission="incident.work")
async def cause(call: Call, number: str) -> web.Response:
    """Judge the probable cause."""
    form = call.form_as(Cause)
    await call.db.run(advice.judge_cause, number, form.verdict, actor=call.actor, now=call.now)
    return _back(call, form, number, N_("Noted: it counts for later guesses."))


@steps.post("/incidents/{number}/{step}", signed_in=True)
async def step(call: Call, number: str, step: str) -> web.Response:
    """A step that needs no words: accept, start, resume, close."""
    if step not in DONE:
        raise InvalidError(N_("There is no such action."), field="/action")
    form = call.form_as(Form)
    call.actor.needs(STEPS[step].permission)
    await call.db.run(PLAIN[step], number, version=form.version, actor=call.actor, now=call.now)
    return _back(call, form, number, DONE[step], number=number)
