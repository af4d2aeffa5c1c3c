"""Pages about groups and departments."""

from typing import Annotated, Any

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from server.accounts import organisation, service
from server.accounts.models import Group, GroupMember, Person
from server.accounts.pages import localized, pages, shown
from server.kernel.call import Call
from server.kernel.errors import DeskError, NotFoundError
from server.kernel.formdata import field_errors
from server.kernel.i18n import N_, loc


class GroupForm(BaseModel):
    """A group as the form sends it."""

    model_config = ConfigDict(extra="forbid")

    code: Annotated[str, Field(max_length=40)] = ""
    name_en: Annotated[str, Field(max_length=80)] = ""
    name_zh: Annotated[str, Field(max_length=80)] = ""
    line: int = 2
    leader_id: int | None = None
    is_vendor: bool = False
    active: bool = False
    members: list[int] = Field(default=[])
    version: int = 0


class DepartmentForm(BaseModel):
    """A department as the form sends it."""

    model_config = ConfigDict(extra="forbid")

    code: Annotated[str, Field(max_length=40)] = ""
    name_en: Annotated[str, Field(max_length=80)] = ""
    name_zh: Annotated[str, Field(max_length=80)] = ""
    parent_id: int | None = None


@pages.get("/settings/groups", permission="person.read")
async def groups(call: Call) -> web.Response:
    """The support groups by line."""
    lines = await call.db.read(_groups)
    return shown(call, "accounts/groups.html", "groups", lines=lines)


@pages.get("/settings/groups/new", permission="person.manage")
async def new_group(call: Call) -> web.Response:
    """The empty form."""
    return await _group_form(call, None, GroupForm(active=True), {})


@pages.get("/settings/groups/{group_id}", permission="person.read")
async def group_page(call: Call, group_id: int) -> web.Response:
    """A group and its members."""
    return await _group_form(call, group_id, None, {})


@pages.post("/settings/groups", permission="person.manage")
async def create_group(call: Call) -> web.Response:
    """Create a group."""
    return await _save_group(call, None)


@pages.post("/settings/groups/{group_id}", permission="person.manage")
async def change_group(call: Call, group_id: int) -> web.Response:
    """Change a group."""
    return await _save_group(call, group_id)


@pages.get("/settings/departments", permission="person.read")
async def departments(call: Call) -> web.Response:
    """The tree of departments."""
    return await _departments(call, None, None, {})


@pages.get("/settings/departments/{department_id}", permission="person.read")
async def department_page(call: Call, department_id: int) -> web.Response:
    """The tree, with one department open."""
    return await _departments(call, department_id, None, {})


@pages.post("/settings/departments", permission="person.manage")
async def create_department(call: Call) -> web.Response:
    """Create a department."""
    return await _save_department(call, None)


@pages.post("/settings/departments/{department_id}", permission="person.manage")
async def change_department(call: Call, department_id: int) -> web.Response:
    """Change a department."""
    return await _save_department(call, department_id)


@pages.post("/settings/departments/{department_id}/remove", permission="person.manage")
async def remove_department(call: Call, department_id: int) -> web.Response:
    """Remove an empty department."""
    gone = await call.db.run(organisation.remove_department, department_id)
    undo = {"code": gone.code, "name_en": gone.name.get("en", ""), "name_zh": gone.name.get("zh", "")}
    undo["parent_id"] = str(gone.parent_id or "")
    return call.redirect(
        "/settings/departments",
        N_("{name} is removed."),
        undo_url="/settings/departments",
        undo_values=undo,
        name=gone.name,
    )


def _groups(session: Session) -> list[dict[str, Any]]:
    counted = dict(
        session.execute(
            select(GroupMember.group_id, func.count())
            .join(Person, Person.id == GroupMember.person_id)
            .where(Person.active)
            .group_by(GroupMember.group_id)
        ).all()
    )
    rows = session.scalars(select(Group).order_by(Group.active.desc(), Group.line, Group.code)).all()
    leaders = service.people_by_ids(session, [row.leader_id for row in rows])
    return [
        {
            "row": row,
            "leader": leaders[row.leader_id].name if row.leader_id is not None else None,
            "members": counted.get(row.id, 0),
        }
        for row in rows
    ]


async def _save_group(call: Call, group_id: int | None) -> web.Response:
    given: GroupForm | None = None
    try:
        given = call.form_as(GroupForm)
        saved = await call.db.run(_store_group, group_id, given)
    except NotFoundError:
        raise
    except DeskError as error:
        kept = given or call.form_kept(GroupForm)
        return await _group_form(call, group_id, kept, field_errors(error), status=int(error.status))
    said = N_("{name} is created.") if group_id is None else N_("{name} is changed.")
    return call.redirect(f"/settings/groups/{saved.id}", said, name=saved.name)


def _store_group(session: Session, group_id: int | None, given: GroupForm) -> Group:
    saved = organisation.save_group(
        session,
        group_id,
        code=given.code,
        name=localized(given.name_en, given.name_zh),
        line=given.line,
        leader_id=given.leader_id,
        is_vendor=given.is_vendor,
        active=given.active,
        version=given.version,
    )
    organisation.set_members(session, saved.id, given.members)
    return saved


async def _group_form(
    call: Call, group_id: int | None, given: GroupForm | None, errors: dict[str, str], *, status: int = 200
) -> web.Response:
    view = await call.db.read(_group_view, group_id, given)
    return shown(
        call, "accounts/group.html", "groups", status=status, view=view, given=view["given"], errors=errors
    )


def _group_view(session: Session, group_id: int | None, given: GroupForm | None) -> dict[str, Any]:
    row = None if group_id is None else service.group(session, group_id)
    members = [] if group_id is None else list(service.members(session, group_id))
    if given is None and row is not None:
        given = GroupForm(
            code=row.code,
            name_en=row.name.get("en", ""),
            name_zh=row.name.get("zh", ""),
            line=row.line,
            leader_id=row.leader_id,
            is_vendor=row.is_vendor,
            active=row.active,
            members=[person.id for person in members],
            version=row.version,
        )
    leader = session.get(Person, given.leader_id) if given and isinstance(given.leader_id, int) else None
    everyone = session.scalars(select(Person).where(Person.active).order_by(Person.username_key)).all()
    return {
        "row": row,
        "given": given,
        "members": members,
        "leader": leader.name if leader else "",
        "people": everyone,
    }


async def _save_department(call: Call, department_id: int | None) -> web.Response:
    given: DepartmentForm | None = None
    try:
        given = call.form_as(DepartmentForm)
        saved = await call.db.run(
            organisation.save_department,
            department_id,
            code=given.code,
            name=localized(given.name_en, given.name_zh),
            parent_id=given.parent_id,
        )
    except NotFoundError:
        raise
    except DeskError as error:
        kept = given or call.form_kept(DepartmentForm)
        return await _departments(call, department_id, kept, field_errors(error), status=int(error.status))
    said = N_("{name} is created.") if department_id is None else N_("{name} is changed.")
    return call.redirect("/settings/departments", said, name=saved.name)


async def _departments(
    call: Call,
    department_id: int | None,
    given: DepartmentForm | None,
    errors: dict[str, str],
    *,
    status: int = 200,
) -> web.Response:
    lines = await call.db.read(organisation.tree)
    chosen = next((line for line in lines if line.row.id == department_id), None)
    if department_id is not None and chosen is None:
        raise NotFoundError(N_("There is no such department."))
    if given is None:
        given = DepartmentForm()
        if chosen is not None:
            name = chosen.row.name
            given = DepartmentForm(
                code=chosen.row.code,
                name_en=name.get("en", ""),
                name_zh=name.get("zh", ""),
                parent_id=chosen.row.parent_id,
            )
    parents = [
        (line.row.id, "\u2003" * line.depth + loc(line.row.name)) for line in lines if line is not chosen
    ]
    return shown(
        call,
        "accounts/departments.html",
        "departments",
        status=status,
        lines=lines,
        chosen=chosen,
        given=given,
        parents=parents,
        errors=errors,
    )
