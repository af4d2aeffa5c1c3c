"""Pages about roles: the matrix of what each may do, and custom roles."""

from typing import Annotated, Any

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.orm import Session

from server.accounts import people, roles
from server.accounts.models import Role
from server.accounts.pages import localized, pages, shown
from server.kernel import keys
from server.kernel.call import Actor, Call
from server.kernel.errors import DeskError, ForbiddenError, NotFoundError
from server.kernel.formdata import field_errors
from server.kernel.i18n import N_
from server.kernel.practice import Permission


class RoleForm(BaseModel):
    """A custom role as the form sends it."""

    model_config = ConfigDict(extra="forbid")

    code: Annotated[str, Field(max_length=40)] = ""
    name_en: Annotated[str, Field(max_length=80)] = ""
    name_zh: Annotated[str, Field(max_length=80)] = ""
    permissions: list[str] = Field(default=[])
    version: int = 0


@pages.get("/settings/roles", permission="role.read")
async def role_list(call: Call) -> web.Response:
    """The roles, and the matrix of permissions by practice."""
    listed, counts = await call.db.read(
        lambda session: (roles.all_roles(session), roles.head_counts(session))
    )
    return shown(
        call, "accounts/roles.html", "roles", roles=listed, counts=counts, practices=_by_practice(call)
    )


@pages.get("/settings/roles/new", permission="role.manage")
async def new_role(call: Call) -> web.Response:
    """The form for a new role, filled in from another with `?from=ID`."""
    source = call.request.query.get("from", "")
    given = RoleForm()
    if source.isascii() and source.isdigit() and len(source) < 19:
        role = await call.db.read(roles.find, int(source))
        given = RoleForm(permissions=role.permissions)
    return _form(call, None, given, {})


@pages.get("/settings/roles/{role_id}", permission="role.read")
async def role_page(call: Call, role_id: int) -> web.Response:
    """A role and its permissions."""
    role = await call.db.read(roles.find, role_id)
    given = RoleForm(
        code=role.code,
        name_en=role.name.get("en", ""),
        name_zh=role.name.get("zh", ""),
        permissions=role.permissions,
        version=role.version,
    )
    return _form(call, role, given, {})


@pages.post("/settings/roles", permission="role.manage")
async def create_role(call: Call) -> web.Response:
    """Create a role."""
    return await _save(call, None)


@pages.post("/settings/roles/{role_id}", permission="role.manage")
async def change_role(call: Call, role_id: int) -> web.Response:
    """Change a custom role; its people sign in anew."""
    return await _save(call, role_id)


@pages.post("/settings/roles/{role_id}/remove", permission="role.manage")
async def remove_role(call: Call, role_id: int) -> web.Response:
    """Remove a custom role that nobody has."""
    gone = await call.db.run(roles.remove_custom, role_id)
    return call.redirect("/settings/roles", N_("{name} is removed."), name=gone.name)


async def _save(call: Call, role_id: int | None) -> web.Response:
    given: RoleForm | None = None
    role = None if role_id is None else await call.db.read(roles.find, role_id)
    try:
        given = call.form_as(RoleForm)
        saved = await call.db.run(_store, role_id, given, actor=call.actor, declared=_declared(call))
    except NotFoundError:
        raise
    except DeskError as error:
        kept = given or call.form_kept(RoleForm)
        return _form(call, role, kept, field_errors(error), status=int(error.status))
    said = N_("{name} is created.") if role_id is None else N_("{name} is changed; its people sign in anew.")
    return call.redirect(f"/settings/roles/{saved.id}", said, name=saved.name)


def _store(
    session: Session, role_id: int | None, given: RoleForm, *, actor: Actor, declared: list[Permission]
) -> Role:
    if beyond := set(given.permissions) - actor.permissions:
        raise ForbiddenError(
            N_("A role cannot have rights that your own roles do not include."), permission=min(beyond)
        )
    return roles.save_custom(
        session,
        role_id,
        code=given.code,
        name=people.checked_name(localized(given.name_en, given.name_zh)),
        permissions=given.permissions,
        declared=declared,
        version=given.version,
    )


def _form(
    call: Call, role: Role | None, given: RoleForm, errors: dict[str, str], *, status: int = 200
) -> web.Response:
    return shown(
        call,
        "accounts/role.html",
        "roles",
        status=status,
        role=role,
        given=given,
        errors=errors,
        practices=_by_practice(call),
    )


def _declared(call: Call) -> list[Permission]:
    return [permission for practice in call.app[keys.PRACTICES] for permission in practice.permissions]


def _by_practice(call: Call) -> list[dict[str, Any]]:
    return [
        {"name": practice.title or practice.name.capitalize(), "permissions": practice.permissions}
        for practice in call.app[keys.PRACTICES]
        if practice.permissions
    ]
