"""The pages of discovery: jobs and runs, the inbox, what it was taught."""

from typing import Any

from sqlalchemy.orm import Session

from server.agents import credentials
from server.agents import service as agents
from server.discovery import deciding, jobs, views, words
from server.discovery.inputs import AnswerIn, JobForm
from server.discovery.models import ItemState, Outcome, Policy, RangeJob
from server.kernel.errors import ConflictError, DeskError, InvalidError
from server.kernel.formdata import field_errors
from server.kernel.i18n import N_, _
from server.kernel.web import Call, Pages, web

pages = Pages("discovery")
MOVED = {
    ItemState.LATER: N_("{address} waits for a week."),
    ItemState.IGNORED: N_("{address} is ignored from now on."),
    ItemState.OPEN: N_("{address} waits in the inbox again."),
}


@pages.get("/discovery", permission="discovery.read")
async def home(call: Call) -> web.Response:
    """Jobs, what runs now, and the latest runs."""

    def read(session: Session) -> tuple[Any, ...]:
        return views.overview(session), views.recent(session), views.counts(session)

    rows, runs, counts = await call.db.read(read)
    call.topics = (jobs.TOPIC,)
    return call.render("discovery/home.html", rows=rows, runs=runs, counts=counts, words=words, now=call.now)


@pages.get("/discovery/jobs/new", permission="discovery.manage")
async def new_job(call: Call) -> web.Response:
    """The form of a new job."""
    values: dict[str, Any] = {"ways": ["icmp", "snmp", "ssh", "http"], "policy": Policy.ASK.value}
    values |= {name: call.request.query.get(name, "")[:200] for name in ("ranges", "agent_id")}
    return await _job_form(call, values, None)


@pages.post("/discovery/jobs/new", permission="discovery.manage")
async def create_job(call: Call) -> web.Response:
    """Write a job."""
    try:
        new = call.form_as(JobForm).job()
        made = await call.db.run(jobs.create, new, zone=call.settings.timezone, now=call.now)
    except DeskError as error:
        return await _job_form(call, _typed(call), None, error)
    return call.redirect(f"/discovery/jobs/{made.id}", N_("The job {name} is kept."), name=made.name)


@pages.get("/discovery/jobs/{job_id}", permission="discovery.read")
async def job(call: Call, job_id: int) -> web.Response:
    """One job with its runs."""

    def read(session: Session) -> tuple[Any, ...]:
        one = jobs.job_of(session, job_id)
        kept = {row.id: row for row, _uses in credentials.all_of(session)}
        sets = [kept[number] for number in one.credentials if number in kept]
        return one, agents.agent_of(session, one.agent_id), sets, views.recent(session, job_id=job_id)

    one, agent, sets, runs = await call.db.read(read)
    call.topics = (jobs.TOPIC,)
    return call.render(
        "discovery/job.html", job=one, agent=agent, sets=sets, runs=runs, words=words, now=call.now
    )


@pages.get("/discovery/jobs/{job_id}/edit", permission="discovery.manage")
async def edit_job(call: Call, job_id: int) -> web.Response:
    """The form of a known job."""
    one = await call.db.read(jobs.job_of, job_id)
    return await _job_form(call, _shown(one), one)


@pages.post("/discovery/jobs/{job_id}/edit", permission="discovery.manage")
async def change_job(call: Call, job_id: int) -> web.Response:
    """Change a job."""
    try:
        form = call.form_as(JobForm)
        zone = call.settings.timezone
        one = await call.db.run(
            jobs.change, job_id, form.job(), version=form.version, zone=zone, now=call.now
        )
    except DeskError as error:
        return await _job_form(call, _typed(call), await call.db.read(jobs.job_of, job_id), error)
    return call.redirect(f"/discovery/jobs/{job_id}", N_("The job {name} is changed."), name=one.name)


@pages.post("/discovery/jobs/{job_id}/run", permission="discovery.manage")
async def run_job(call: Call, job_id: int) -> web.Response:
    """Run a job now."""
    made = await call.db.run(jobs.begin, job_id, by=call.actor.id, now=call.now)
    return call.redirect(f"/discovery/runs/{made.id}", N_("The run begins as soon as the agent hears of it."))


@pages.post("/discovery/jobs/{job_id}/remove", permission="discovery.manage")
async def remove_job(call: Call, job_id: int) -> web.Response:
    """Delete a job, or switch it off where it has history."""
    one = await call.db.run(jobs.remove, job_id, now=call.now)
    return call.redirect("/discovery", N_("The job {name} runs no more."), name=one.name)


@pages.get("/discovery/runs/{run_id}", permission="discovery.read")
async def run(call: Call, run_id: int) -> web.Response:
    """One run: how far it is, and what became of each address."""
    wanted = call.request.query.get("outcome", "")
    outcome = Outcome(wanted) if wanted in set(Outcome) else None
    asked = call.request.query.get("page", "1")
    page = int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 6 else 1
    view = await call.db.read(views.run, run_id, outcome=outcome, page=page)
    call.topics = (jobs.TOPIC,)
    return call.render("discovery/run.html", view=view, outcome=outcome, words=words, now=call.now)


@pages.get("/discovery/runs/{run_id}/links", permission="discovery.read")
async def run_links(call: Call, run_id: int) -> web.Response:
    """What the devices of a run tell of their neighbours: what nobody knows, what contradicts a person."""
    view = await call.db.read(views.run_links, run_id)
    return call.render("discovery/run_links.html", view=view, words=words)


@pages.post("/discovery/runs/{run_id}/cancel", permission="discovery.manage")
async def cancel_run(call: Call, run_id: int) -> web.Response:
    """End a run."""
    await call.db.run(jobs.cancel, run_id, now=call.now)
    return call.redirect(f"/discovery/runs/{run_id}", N_("The run is cancelled; what it found stays."))


@pages.get("/discovery/findings/{finding_id}", permission="discovery.read")
async def finding(call: Call, finding_id: int) -> web.Response:
    """One address of a run with all its evidence."""
    view = await call.db.read(views.finding, finding_id)
    return call.render("discovery/finding.html", view=view, words=words, label=views.label_of)


@pages.get("/discovery/inbox", permission="discovery.read")
async def inbox_list(call: Call) -> web.Response:
    """The inbox; the first entry stands open beside the list."""
    return await _inbox(call, None)


@pages.get("/discovery/inbox/{item_id}", permission="discovery.read")
async def inbox_item(call: Call, item_id: int) -> web.Response:
    """One entry of the inbox."""
    return await _inbox(call, item_id)


@pages.get("/discovery/inbox/{item_id}/stub.yaml", permission="discovery.read")
async def stub(call: Call, item_id: int) -> web.Response:
    """The profile made from what the device told."""
    view = await call.db.read(views.item, item_id)
    name = "".join(sign if sign.isalnum() else "-" for sign in view.row.item.address)
    return web.Response(
        text=view.row.told.stub,
        content_type="application/yaml",
        headers={
            "Content-Disposition": f'attachment; filename="profile-{name}.yaml"',
            "X-Content-Type-Options": "nosniff",
        },
    )


@pages.post("/discovery/inbox/{item_id}/approve", permission="discovery.manage")
async def approve(call: Call, item_id: int) -> web.Response:
    """Take it as it was recognised."""
    poll, alike = bool(call.form.get("poll")), bool(call.form.get("alike"))
    made = await call.db.run(
        deciding.approve, item_id, poll=poll, alike=alike, by=call.actor.id, now=call.now
    )
    if len(made) > 1:
        return call.redirect("/discovery/inbox", N_("{n} devices are taken."), n=len(made))
    return call.redirect(
        "/discovery/inbox", N_("{name} is taken as {number}."), name=made[0].name, number=made[0].number
    )


@pages.post("/discovery/inbox/{item_id}/answer", permission="discovery.manage")
async def answer(call: Call, item_id: int) -> web.Response:
    """Say what it is."""
    try:
        form = call.form_as(AnswerIn)
        said = deciding.Said(
            form.class_code,
            form.vendor,
            form.model,
            alike=bool(call.form.get("alike")),
            poll=bool(call.form.get("poll")),
        )
        made = await call.db.run(deciding.answer, item_id, said, by=call.actor.id, now=call.now)
    except (InvalidError, ConflictError) as error:
        return await _inbox(call, item_id, error)
    return call.redirect(
        "/discovery/inbox",
        N_("Learned; {n} devices are taken. The next one of its kind is known."),
        n=len(made),
    )


@pages.post("/discovery/inbox/{item_id}/merge", permission="discovery.manage")
async def merge(call: Call, item_id: int) -> web.Response:
    """Say that it is a known item."""
    number = str(call.form.get("ci", ""))[:20]
    ci = await call.db.run(deciding.merge, item_id, number, by=call.actor.id, now=call.now)
    return call.redirect("/discovery/inbox", N_("It is {name}."), name=ci.name)


@pages.post("/discovery/inbox/{item_id}/move", permission="discovery.manage")
async def move(call: Call, item_id: int) -> web.Response:
    """Later, never, or back again."""
    wanted = str(call.form.get("to", ""))
    if wanted not in set(ItemState):
        raise InvalidError(
            N_("Choose one of: {expected}."), field="/to", expected=", ".join(sorted(ItemState))
        )
    to = ItemState(wanted)
    one = await call.db.run(deciding.move, item_id, to, by=call.actor.id, now=call.now)
    back = {} if to is ItemState.OPEN else {"to": ItemState.OPEN.value}
    return call.redirect(
        "/discovery/inbox",
        MOVED[to],
        undo_url=f"/discovery/inbox/{item_id}/move" if back else "",
        undo_values=back,
        address=one.address,
    )


@pages.get("/discovery/answers", permission="discovery.read")
async def answered(call: Call) -> web.Response:
    """What people answered."""

    def read(session: Session) -> tuple[Any, ...]:
        return deciding.answers(session), views.counts(session)

    rows, counts = await call.db.read(read)
    return call.render("discovery/answers.html", rows=rows, counts=counts, label=views.label_of)


@pages.post("/discovery/answers/{answer_id}/forget", permission="discovery.manage")
async def forget(call: Call, answer_id: int) -> web.Response:
    """Take an answer back."""
    await call.db.run(deciding.forget, answer_id)
    return call.redirect("/discovery/answers", N_("The answer is taken back; agents use it no more."))


async def _inbox(call: Call, item_id: int | None, error: DeskError | None = None) -> web.Response:
    wanted = call.request.query.get("view", "")

    def read(session: Session) -> tuple[Any, ...]:
        chosen = views.item(session, item_id) if item_id is not None else None
        state = chosen.row.item.state if chosen is not None else ItemState.OPEN
        if chosen is None and wanted in set(ItemState):
            state = ItemState(wanted)
        rows = views.items(session, state)
        first = views.item(session, rows[0].item.id) if chosen is None and rows else chosen
        running = [
            row for row in views.overview(session) if row.run is not None and row.run.state in jobs.LIVING
        ]
        return rows, first, state, views.counts(session), running

    rows, chosen, state, counts, running = await call.db.read(read)
    call.topics = (jobs.TOPIC,)
    return call.render(
        "discovery/inbox.html",
        status=error.status if error is not None else 200,
        rows=rows,
        view=chosen,
        state=state,
        counts=counts,
        running=running,
        opened=item_id is not None,
        errors=field_errors(error) if error is not None else {},
        given=call.form,
        words=words,
        label=views.label_of,
        now=call.now,
    )


async def _job_form(
    call: Call, values: dict[str, Any], known: RangeJob | None, error: DeskError | None = None
) -> web.Response:
    def read(session: Session) -> tuple[Any, ...]:
        usable = [row for row, _uses in credentials.all_of(session) if row.transport in jobs.CREDENTIAL_WAYS]
        return [one for one, _n in agents.agents(session)], usable

    found, sets = await call.db.read(read)
    order = {str(number): place for place, number in enumerate(values.get("credentials") or [])}
    sets.sort(key=lambda row: (order.get(str(row.id), len(order)), row.name))
    return call.render(
        "discovery/job_form.html",
        status=error.status if error is not None else 200,
        values=values,
        job=known,
        agents=[(one.id, f"{one.name} · {one.site}" if one.site else one.name) for one in found],
        sets=sets,
        errors=field_errors(error) if error is not None else {},
        policies=[(key.value, _(text)) for key, text in words.POLICIES.items()],
        ways=[(name, words.way(name)) for name in jobs.WAYS],
    )


def _typed(call: Call) -> dict[str, Any]:
    """What a refused form held."""
    values: dict[str, Any] = {name: call.form.get(name, "") for name in JobForm.model_fields}
    values["ways"] = list(call.form.getall("ways", []))
    values["credentials"] = list(call.form.getall("credentials", []))
    return values


def _shown(job: RangeJob) -> dict[str, Any]:
    """A job as its form shows it."""
    values = jobs.values_of(job)
    values |= {"ranges": "\n".join(job.ranges), "exclusions": "\n".join(job.exclusions)}
    values |= {"policy": job.policy.value, "version": job.version}
    for way in jobs.WAYS:
        values[f"ports_{way}"] = ", ".join(map(str, job.ports.get(way, ())))
    return values
