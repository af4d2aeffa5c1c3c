"""Pages of the agents: who polls, what, how it goes, and with what credentials."""

import shlex
from datetime import datetime

from aiohttp import web
from sqlalchemy.orm import Session

from rules import profile
from rules.numbers import whole
from server.agents import credentials, enrolment, overview, targets
from server.agents.enrolment import NewToken
from server.agents.inputs import CredentialForm, TargetForm, TokenIn
from server.agents.models import Credential, Target
from server.kernel.call import Call
from server.kernel.errors import ConflictError, DeskError, InvalidError
from server.kernel.formdata import FormError, said_of
from server.kernel.i18n import N_, _, loc
from server.kernel.web import Pages

pages = Pages("agents")


@pages.get("/settings/agents", permission="agent.read")
async def listing(call: Call) -> web.Response:
    """All agents with their state."""
    return await _listing(call)


@pages.post("/settings/agents/tokens", permission="agent.manage")
async def new_token(call: Call) -> web.Response:
    """Make a join token and show it, once, with the command that uses it."""
    try:
        ask = call.form_as(TokenIn)
        token = await call.db.run(enrolment.create_token, ask.name, ask.site, now=call.now)
    except FormError as error:
        return await _listing(call, errors=error.errors, status=422)
    except InvalidError as error:
        return await _listing(call, errors=_errors(error), status=422)
    return _token_page(call, token)


@pages.get("/settings/agents/{agent_id}", permission="agent.read")
async def record(call: Call, agent_id: int) -> web.Response:
    """One agent with its targets."""
    view = await call.db.read(overview.view, agent_id, now=call.now)
    call.topics = ("agents",)
    return call.render("agents/record.html", view=view, names=profile_names())


@pages.post("/settings/agents/{agent_id}/token", permission="agent.manage")
async def again(call: Call, agent_id: int) -> web.Response:
    """A fresh token for an agent that is set up anew."""

    def make(session: Session) -> NewToken:
        agent = enrolment.agent_of(session, agent_id)
        return enrolment.create_token(session, agent.name, agent.site, now=call.now)

    return _token_page(call, await call.db.run(make))


@pages.post("/settings/agents/{agent_id}/revoke", permission="agent.manage")
async def revoke(call: Call, agent_id: int) -> web.Response:
    """Let the agent in no more."""
    agent = await call.db.run(enrolment.revoke, agent_id, now=call.now)
    return call.redirect(
        f"/settings/agents/{agent_id}", N_("{agent} is revoked; it is let in no more"), agent=agent.name
    )


@pages.get("/settings/agents/{agent_id}/targets/new", permission="agent.manage")
async def target_form(call: Call, agent_id: int) -> web.Response:
    """The form that adds a device."""
    return await _target_form(call, agent_id, {})


@pages.post("/settings/agents/{agent_id}/targets", permission="agent.manage")
async def add_target(call: Call, agent_id: int) -> web.Response:
    """Add a device, with a new credential if one was written."""
    try:
        form = call.form_as(TargetForm)
        target = await call.db.run(_add, agent_id, form, now=call.now)
    except FormError as error:
        return await _target_form(call, agent_id, error.errors, status=422)
    except (InvalidError, ConflictError) as error:
        return await _target_form(call, agent_id, _errors(error), status=422)
    return call.redirect(
        f"/settings/agents/{agent_id}",
        N_("{target} is added; its first values come within a minute"),
        target=target.name,
    )


@pages.post("/settings/targets/{target_id}/enable", permission="agent.manage")
async def enable(call: Call, target_id: int) -> web.Response:
    """Poll the device again."""
    target = await call.db.run(targets.enable, target_id, enabled=True)
    return call.redirect(f"/settings/agents/{target.agent_id}", N_("{target} is polled"), target=target.name)


@pages.post("/settings/targets/{target_id}/disable", permission="agent.manage")
async def disable(call: Call, target_id: int) -> web.Response:
    """Leave the device alone."""
    target = await call.db.run(targets.enable, target_id, enabled=False)
    return call.redirect(
        f"/settings/agents/{target.agent_id}",
        N_("{target} is not polled any more"),
        undo_url=f"/settings/targets/{target_id}/enable",
        target=target.name,
    )


@pages.post("/settings/targets/{target_id}/remove", permission="agent.manage")
async def remove(call: Call, target_id: int) -> web.Response:
    """Forget the target; what was measured stays."""
    target = await call.db.run(targets.remove_target, target_id)
    return call.redirect(f"/settings/agents/{target.agent_id}", N_("{target} is removed"), target=target.name)


@pages.get("/settings/credentials", permission="agent.manage")
async def credential_list(call: Call) -> web.Response:
    """Names and uses of all credentials; never what is in them."""
    return await _credentials(call, {})


@pages.post("/settings/credentials", permission="agent.manage")
async def save_credential(call: Call) -> web.Response:
    """Make a credential, or replace what is in the one of that name."""

    def save(session: Session, form: CredentialForm, now: datetime) -> Credential:
        known = credentials.by_name(session, form.name)
        return credentials.save(session, form.name, form.transport, form.values(), now=now, credential=known)

    try:
        form = call.form_as(CredentialForm)
        saved = await call.db.run(save, form, call.now)
    except FormError as error:
        return await _credentials(call, error.errors, status=422)
    except (InvalidError, ConflictError) as error:
        return await _credentials(call, _errors(error), status=422)
    return call.redirect("/settings/credentials", N_("{name} is kept"), name=saved.name)


@pages.post("/settings/credentials/{credential_id}/delete", permission="agent.manage")
async def delete_credential(call: Call, credential_id: int) -> web.Response:
    """Forget a credential that nothing uses."""
    await call.db.run(credentials.delete, credential_id)
    return call.redirect("/settings/credentials", N_("The credential is deleted"))


def _add(session: Session, agent_id: int, form: TargetForm, *, now: datetime) -> Target:
    credential_id = whole(form.credential_id)
    if form.credential_id == "new":
        name = credentials.free_name(session, f"{form.name} {form.transport}")
        made = credentials.save(session, name, form.transport, form.new_values(), now=now)
        credential_id = made.id
    new = targets.NewTarget(
        form.name,
        form.address,
        form.transport,
        form.port,
        form.profile or None,
        credential_id,
        form.every_s,
        params=form.parameters(),
    )
    return targets.add_target(session, agent_id, new, now=now)


async def _listing(call: Call, *, errors: dict[str, str] | None = None, status: int = 200) -> web.Response:
    found = await call.db.read(overview.agents)
    call.topics = ("agents",)
    return call.render(
        "agents/list.html", status=status, agents=found, errors=errors or {}, skewed=overview.skewed
    )


async def _target_form(
    call: Call, agent_id: int, errors: dict[str, str], *, status: int = 200
) -> web.Response:
    agent = await call.db.read(enrolment.agent_of, agent_id)
    known = await call.db.read(credentials.all_of)
    return call.render(
        "agents/target.html",
        status=status,
        agent=agent,
        credentials=[(one.id, f"{one.name} · {one.transport}") for one, _uses in known],
        profiles=sorted(profile_names().items(), key=lambda pair: pair[1]),
        transports=[(key, _(name)) for key, name in TRANSPORT_NAMES],
        errors=errors,
        given=call.form,
    )


async def _credentials(call: Call, errors: dict[str, str], *, status: int = 200) -> web.Response:
    rows = await call.db.read(credentials.all_of)
    names = {key: _(name) for key, name in TRANSPORT_NAMES}
    return call.render(
        "agents/credentials.html",
        status=status,
        rows=rows,
        errors=errors,
        given=call.form,
        kinds=[(key, names[key]) for key, fields in credentials.FIELDS.items() if fields],
        kind_names=names,
        words={key: _(name) for key, name in FIELD_NAMES.items()},
    )


def _token_page(call: Call, token: NewToken) -> web.Response:
    server = call.settings.public_url or f"{call.request.scheme}://{call.request.host}"
    command = (
        f"watchdesk-agent enrol --server {server} --name {shlex.quote(token.name)} --token {token.token}"
    )
    return call.render("agents/token.html", token=token, command=command, server=server)


def _errors(error: DeskError) -> dict[str, str]:
    """A service's refusal beside the field it speaks of."""
    parts = (error.field or "/name").strip("/").split("/")
    name = "params" if parts[0] == "params" else parts[-1]
    return {name: said_of(error)}


FIELD_NAMES = {
    "version": N_("Version"),
    "community": N_("Community"),
    "user": N_("User"),
    "password": N_("Password"),
    "auth_protocol": N_("Authentication"),
    "auth_password": N_("Authentication password"),
    "priv_protocol": N_("Encryption"),
    "priv_password": N_("Encryption password"),
    "key": N_("SSH private key"),
    "passphrase": N_("Passphrase"),
    "host_key": N_("SSH host key"),
    "enable": N_("Enable password"),
    "token": N_("Token"),
}
TRANSPORT_NAMES = (
    ("snmp", "SNMP"),
    ("modbus", "Modbus TCP"),
    ("http", "HTTP"),
    ("ssh", "SSH"),
    ("tcp", "TCP"),
    ("icmp", "Ping"),
    ("dns", "DNS"),
    ("ntp", "NTP"),
    ("sql", "SQL"),
    ("redfish", "Redfish"),
    ("exporter", N_("Prometheus exporter")),
    ("check", N_("Script check")),
    ("plugin", N_("Plug-in")),
)


def profile_names() -> dict[str, str]:
    """The packaged profiles by key, with their names in the reader's language."""
    return {
        key: loc({str(language): text for language, text in one.title.items()}) or key
        for key, one in profile.packaged().items()
    }
