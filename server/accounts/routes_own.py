"""Pages about oneself: profile, password, sessions, API tokens."""

from datetime import timedelta
from typing import Annotated

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field

from server.accounts import passwords, people, service, sessions, tokens
from server.accounts.models import Person
from server.accounts.pages import pages, shown
from server.kernel import keys
from server.kernel.call import Call
from server.kernel.errors import DeskError, ForbiddenError, InvalidError
from server.kernel.formdata import field_errors
from server.kernel.i18n import N_

DAYS = (30, 90, 365)


class TokenForm(BaseModel):
    """A token as the form sends it; `days` 0 never ends."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, Field(max_length=80)] = ""
    days: int = 90
    everything: bool = False
    scopes: list[str] = Field(default=[])


class ContactForm(BaseModel):
    """What people may change about themselves."""

    model_config = ConfigDict(extra="forbid")

    email: Annotated[str, Field(max_length=254)] = ""
    phone: Annotated[str, Field(max_length=40)] = ""
    location: Annotated[str, Field(max_length=120)] = ""
    timezone: Annotated[str, Field(max_length=64)] = "Asia/Shanghai"


@pages.get("/profile", signed_in=True)
async def profile(call: Call) -> web.Response:
    """One's own data, looks and password."""
    return await _profile(call, {})


@pages.post("/profile", signed_in=True)
async def change_contact(call: Call) -> web.Response:
    """Change one's own contact data."""
    try:
        given = call.form_as(ContactForm)
        await call.db.run(people.set_contact, call.actor.id, **given.model_dump())
    except DeskError as error:
        return await _profile(call, field_errors(error), status=int(error.status))
    return call.redirect("/profile", N_("Your data are changed."))


@pages.post("/profile/password", signed_in=True)
async def change_password(call: Call) -> web.Response:
    """Change one's own password; all other sessions end."""
    person = await call.db.read(service.person, call.actor.id)
    old, new = str(call.form.get("old", "")), str(call.form.get("password", ""))
    try:
        if new != str(call.form.get("again", "")):
            raise InvalidError(N_("The two are not alike."), field="/again")
        if not await passwords.fits(old, person.password_hash):
            raise ForbiddenError(N_("This is not your password."), field="/old")
        hashed = await passwords.hashed(passwords.check_new(new))
    except DeskError as error:
        return await _profile(call, field_errors(error), status=int(error.status))
    keep = call.visit.session_id if call.visit else None
    await call.db.run(people.set_password, call.actor.id, hashed, now=call.now, keep_session=keep)
    return call.redirect("/profile", N_("The new password is set; your other sessions have ended."))


@pages.get("/settings/sessions", signed_in=True)
async def session_list(call: Call) -> web.Response:
    """One's open sessions."""
    rows = await call.db.read(sessions.sessions_of, call.actor.id, now=call.now)
    this = call.visit.session_id if call.visit else 0
    return shown(call, "accounts/sessions.html", "sessions", rows=rows, this=this)


@pages.post("/settings/sessions/{session_id}/end", signed_in=True)
async def end_session(call: Call, session_id: int) -> web.Response:
    """End one of one's sessions."""
    await call.db.run(sessions.end_session, session_id, call.actor.id)
    return call.redirect("/settings/sessions", N_("The session has ended."))


@pages.post("/settings/sessions/end-others", signed_in=True)
async def end_others(call: Call) -> web.Response:
    """End all sessions but this one."""
    assert call.visit is not None
    await call.db.run(sessions.end_all, call.actor.id, but=call.visit.session_id)
    return call.redirect("/settings/sessions", N_("All other sessions have ended."))


@pages.get("/settings/tokens", permission="token.own")
async def token_list(call: Call) -> web.Response:
    """One's API tokens, and the form for another."""
    return await _tokens(call, TokenForm(), {})


@pages.post("/settings/tokens", permission="token.own")
async def create_token(call: Call) -> web.Response:
    """Make a token and show it, this once."""
    given: TokenForm | None = None
    try:
        given = call.form_as(TokenForm)
        ends = call.now + timedelta(days=given.days) if given.days in DAYS else None
        row, token = await call.db.run(
            tokens.create,
            call.actor.id,
            given.name,
            scopes=["*"] if given.everything else given.scopes,
            owned=call.actor.permissions,
            now=call.now,
            expires_at=ends,
        )
    except DeskError as error:
        kept = given or TokenForm()
        return await _tokens(call, kept, field_errors(error), status=int(error.status))
    return await _tokens(call, TokenForm(), {}, made=(row.name, token), status=201)


@pages.post("/settings/tokens/{token_id}/revoke", permission="token.own")
async def revoke_token(call: Call, token_id: int) -> web.Response:
    """Revoke a token at once."""
    name = await call.db.run(tokens.revoke, token_id, call.actor.id)
    return call.redirect("/settings/tokens", N_("{name} is revoked."), name=name)


async def _profile(call: Call, errors: dict[str, str], *, status: int = 200) -> web.Response:
    person: Person = await call.db.read(service.person, call.actor.id)
    groups = await call.db.read(service.groups_of, call.actor.id)
    held = await call.db.read(people.roles_of, call.actor.id)
    return shown(
        call,
        "accounts/profile.html",
        "profile",
        status=status,
        person=person,
        groups=groups,
        roles=held,
        errors=errors,
    )


async def _tokens(
    call: Call,
    given: TokenForm,
    errors: dict[str, str],
    *,
    made: tuple[str, str] | None = None,
    status: int = 200,
) -> web.Response:
    rows = await call.db.read(tokens.tokens_of, call.actor.id)
    practices = [
        {"name": practice.title or practice.name.capitalize(), "permissions": mine}
        for practice in call.app[keys.PRACTICES]
        if (mine := [permission for permission in practice.permissions if call.may(permission.key)])
    ]
    return shown(
        call,
        "accounts/tokens.html",
        "tokens",
        status=status,
        rows=rows,
        given=given,
        errors=errors,
        made=made,
        practices=practices,
        days=DAYS,
    )
