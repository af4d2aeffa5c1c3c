"""The pages of device profiles: all of them, one with its versions, the editor, trials against a device."""

from typing import Any

from sqlalchemy.orm import Session

from rules.profile import parents
from server.agents import credentials
from server.agents import service as agents
from server.discovery import jobs, profiles, trials, views, words
from server.discovery.inputs import ProfileForm, TrialForm
from server.discovery.models import Trial
from server.kernel.errors import DeskError
from server.kernel.formdata import field_errors
from server.kernel.i18n import N_
from server.kernel.web import Call, Pages, web

profile_pages = Pages("discovery")


@profile_pages.get("/discovery/profiles", permission="discovery.read")
async def profile_list(call: Call) -> web.Response:
    """The profiles that have the words asked for, or fit the OID, a page of them; the site's own first."""
    query = call.request.query
    wish = profiles.Wish(
        query.get("q", "")[:120].strip(), query.get("class", "")[:40], _number(query.get("page", "")) or 1
    )

    def read(session: Session) -> tuple[Any, ...]:
        return profiles.shown(session), views.counts(session)

    every, counts = await call.db.read(read)
    return call.render(
        "discovery/profiles.html",
        found=profiles.listed(every, wish, views.label_of),
        wish=wish,
        counts=counts,
        label=views.label_of,
        words=words,
    )


@profile_pages.get("/discovery/profiles/new", permission="discovery.manage")
async def new_profile(call: Call) -> web.Response:
    """The editor: empty, with a profile to begin from, the stub of an inbox entry, or what was tried."""
    query = call.request.query
    text = ""
    device: dict[str, Any] = {}
    if item := _number(query.get("item", "")):
        view = await call.db.read(views.item, item)
        text, device = view.row.told.stub, _device(view)
    elif number := _number(query.get("trial", "")):
        one = await call.db.read(trials.trial_of, number)
        names = ("agent_id", "address", "credential_id")
        text, device = one.text, {"port": one.port or "", **{name: getattr(one, name) for name in names}}
    elif name := query.get("from", "")[:200]:
        text = await call.db.read(profiles.text_of, name)
    return await _editor(call, text, {}, device=device)


@profile_pages.post("/discovery/profiles/save", permission="discovery.manage")
async def save_profile(call: Call) -> web.Response:
    """Keep a text as a version of the profile it names."""
    text = str(call.form.get("text", ""))
    try:
        form = call.form_as(ProfileForm)
        row = await call.db.run(profiles.save, text, note=form.note, by=call.actor.id, now=call.now)
    except DeskError as error:
        return await _editor(call, text, field_errors(error), status=error.status)
    return call.redirect(
        f"/discovery/profiles/{row.name}", N_("{name} is version {n} now."), name=row.name, n=row.current
    )


@profile_pages.post("/discovery/profiles/try", permission="discovery.manage")
async def try_profile(call: Call) -> web.Response:
    """Try a text against a device."""
    text = str(call.form.get("text", ""))
    try:
        form = call.form_as(TrialForm)
        new = trials.NewTrial(text, form.agent_id, form.address, form.port, form.credential_id)
        made = await call.db.run(trials.begin, new, by=call.actor.id, now=call.now)
    except DeskError as error:
        return await _editor(call, text, field_errors(error), status=error.status)
    return call.redirect(f"/discovery/trials/{made.id}")


@profile_pages.get("/discovery/profiles/{name}", permission="discovery.read")
async def profile_record(call: Call, name: str) -> web.Response:
    """One profile: what it matches and reads, its text, its versions."""

    def read(session: Session) -> tuple[Any, ...]:
        shown = profiles.one_of(session, name)
        return shown, profiles.text_of(session, name), profiles.versions(session, name)

    shown, text, versions = await call.db.read(read)
    return call.render(
        "discovery/profile.html",
        shown=shown,
        text=text,
        versions=versions,
        parts=profiles.parts(shown.form),
        parents=parents(shown.form),
        label=views.label_of,
    )


@profile_pages.get("/discovery/profiles/{name}/edit", permission="discovery.manage")
async def edit_profile(call: Call, name: str) -> web.Response:
    """The editor with a profile's text, or with an earlier version of it."""
    asked = call.request.query.get("version", "")
    number = int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 7 else None
    text = await call.db.read(profiles.text_of, name, number)
    return await _editor(call, text, {}, name=name)


@profile_pages.post("/discovery/profiles/{name}/use", permission="discovery.manage")
async def use_version(call: Call, name: str) -> web.Response:
    """Use another version."""
    asked = str(call.form.get("number", ""))
    number = int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 7 else 0
    row = await call.db.run(profiles.use_version, name, number, now=call.now)
    return call.redirect(
        f"/discovery/profiles/{name}", N_("{name} is version {n} now."), name=name, n=row.current
    )


@profile_pages.post("/discovery/profiles/{name}/enable", permission="discovery.manage")
async def enable_profile(call: Call, name: str) -> web.Response:
    """Have agents use it, or leave it out."""
    on = str(call.form.get("on", "")) == "1"
    await call.db.run(profiles.enable, name, enabled=on, now=call.now)
    said = N_("Agents use {name}.") if on else N_("Agents leave {name} out.")
    return call.redirect(f"/discovery/profiles/{name}", said, name=name)


@profile_pages.get("/discovery/trials/{trial_id}", permission="discovery.read")
async def trial(call: Call, trial_id: int) -> web.Response:
    """What came of a trial."""

    def read(session: Session) -> tuple[Trial, Any]:
        one = trials.trial_of(session, trial_id)
        return one, agents.agent_of(session, one.agent_id)

    one, agent = await call.db.read(read)
    call.topics = (jobs.TOPIC,)
    return call.render(
        "discovery/trial.html", trial=one, result=trials.result_of(one), agent=agent, words=words
    )


async def _editor(
    call: Call,
    text: str,
    errors: dict[str, str],
    *,
    name: str = "",
    device: dict[str, Any] | None = None,
    status: int = 200,
) -> web.Response:
    def read(session: Session) -> tuple[Any, ...]:
        return agents.agents(session), credentials.all_of(session)

    found, sets = await call.db.read(read)
    return call.render(
        "discovery/editor.html",
        status=status,
        text=text,
        name=name,
        errors=errors,
        given=device or call.form,
        agents=[(one.id, one.name) for one, _n in found],
        credentials=[(one.id, f"{one.name} · {one.transport}") for one, _n in sets],
    )


def _number(asked: str) -> int:
    """An id in an address; 0 for none."""
    return int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 10 else 0


def _device(view: views.ItemView) -> dict[str, Any]:
    """Where a stub is tried: at the device that it was made of, by the way that told most of it."""
    item, told = view.row.item, view.row.told
    device: dict[str, Any] = {"agent_id": item.agent_id, "address": item.address}
    if "snmp" in told.ways:
        device |= {"port": told.ways["snmp"] or "", "credential_id": told.credentials.get("snmp", "")}
    return device
