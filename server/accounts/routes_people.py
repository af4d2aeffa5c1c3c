"""Pages about people: list, create, change, disable, set a password."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Literal

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from server.accounts import organisation, passwords, people, roles, service, sessions
from server.accounts.models import Department, Group, GroupMember, Person, PersonRole, Role
from server.accounts.pages import localized, pages, sections, shown
from server.kernel.call import Actor, Call
from server.kernel.errors import DeskError, NotFoundError
from server.kernel.formdata import field_errors
from server.kernel.i18n import N_, loc
from server.kernel.listing import Choice, Column, Filter, Listing, View, show

SECTION = "people"


class PersonForm(BaseModel):
    """A person as the form sends it."""

    model_config = ConfigDict(extra="forbid")

    username: Annotated[str, Field(max_length=64)] = ""
    name_en: Annotated[str, Field(max_length=80)] = ""
    name_zh: Annotated[str, Field(max_length=80)] = ""
    email: Annotated[str, Field(max_length=254)] = ""
    phone: Annotated[str, Field(max_length=40)] = ""
    title: Annotated[str, Field(max_length=80)] = ""
    location: Annotated[str, Field(max_length=120)] = ""
    department_id: int | None = None
    manager_id: int | None = None
    vip: Annotated[int, Field(ge=0, le=2)] = 0
    language: Literal["en", "zh"] = "en"
    timezone: Annotated[str, Field(max_length=64)] = "Asia/Shanghai"
    roles: list[str] = Field(default=[])
    groups: list[int] = Field(default=[])
    password: str = ""
    version: int = 0

    def plain(self) -> dict[str, Any]:
        """The fields that are kept as they are."""
        return {name: getattr(self, name) for name in people.PLAIN}

    def name(self) -> dict[str, str]:
        """The name in both languages."""
        return localized(self.name_en, self.name_zh)


def _statement(_actor: Actor) -> Select[Any]:
    return select(Person)


def _with_department(value: str) -> Any:
    return Person.department_id == select(Department.id).where(Department.code == value).scalar_subquery()


def _with_role(value: str) -> Any:
    return Person.id.in_(
        select(PersonRole.person_id).join(Role, Role.id == PersonRole.role_id).where(Role.code == value)
    )


def _in_group(value: str) -> Any:
    return Person.id.in_(
        select(GroupMember.person_id).join(Group, Group.id == GroupMember.group_id).where(Group.code == value)
    )


def _role_choices(session: Session, _actor: Actor) -> list[Choice]:
    return [Choice(role.code, role.name, _with_role(role.code)) for role in roles.all_roles(session)]


def _group_choices(session: Session, _actor: Actor) -> list[Choice]:
    return [Choice(group.code, group.name, _in_group(group.code)) for group in service.groups(session)]


def _department_choices(session: Session, _actor: Actor) -> list[Choice]:
    return [
        Choice(line.row.code, line.row.name, _with_department(line.row.code))
        for line in organisation.tree(session)
    ]


def _rows(session: Session, rows: Sequence[Any], _actor: Actor, _now: datetime) -> list[dict[str, Any]]:
    """The people of a page with the names of what they belong to, in three queries."""
    ids = [row.id for row in rows]
    departments = {row.id: row.name for row in session.scalars(select(Department))}
    held: dict[int, list[Any]] = {}
    for person_id, name in session.execute(
        select(PersonRole.person_id, Role.name)
        .join(Role, Role.id == PersonRole.role_id)
        .where(PersonRole.person_id.in_(ids))
        .order_by(Role.id)
    ):
        held.setdefault(person_id, []).append(loc(name))
    joined: dict[int, list[Any]] = {}
    for person_id, name in session.execute(
        select(GroupMember.person_id, Group.name)
        .join(Group, Group.id == GroupMember.group_id)
        .where(GroupMember.person_id.in_(ids))
        .order_by(Group.code)
    ):
        joined.setdefault(person_id, []).append(loc(name))
    return [
        {
            "id": row.id,
            "name": row.name,
            "username": row.username,
            "department": departments.get(row.department_id),
            "groups": joined.get(row.id, []),
            "roles": held.get(row.id, []),
            "phone": row.phone or None,
            "email": row.email or None,
            "vip": row.vip,
            "active": row.active,
            "local": row.password_hash is not None,
        }
        for row in rows
    ]


PEOPLE = Listing(
    name="people",
    url="/settings/people",
    title=N_("People"),
    statement=_statement,
    key=Person.id,
    sort="username",
    search=(Person.username, Person.email, Person.phone, Person.name, Person.title),
    columns=(
        Column("name", N_("Full name"), kind="custom", phone="title"),
        Column("username", N_("User name"), sort=Person.username_key, phone="meta"),
        Column("department", N_("Department")),
        Column("groups", N_("Groups"), kind="custom"),
        Column("roles", N_("Roles"), kind="custom"),
        Column("active", N_("Access"), kind="custom", sort=Person.active, phone="end"),
    ),
    filters=(
        Filter(
            "access",
            N_("Access"),
            "choice",
            choices=(
                Choice("active", N_("May sign in"), Person.active.is_(True)),
                Choice("disabled", N_("Disabled"), Person.active.is_(False)),
            ),
        ),
        Filter("role", N_("Role"), "choice", choices=_role_choices),
        Filter("group", N_("Group"), "choice", choices=_group_choices),
        Filter("department", N_("Department"), "choice", choices=_department_choices),
        Filter("vip", N_("VIP"), "choice", choices=(Choice("yes", N_("VIP"), Person.vip > 0),)),
    ),
    views=(
        View("active", N_("Active"), "access:active"),
        View("disabled", N_("Disabled"), "access:disabled"),
        View("vip", N_("VIP"), "vip:yes"),
        View("all", N_("All")),
    ),
    prepare=_rows,
    row_id=lambda row: str(row["id"]),
    row_url=lambda row: f"/settings/people/{row['id']}",
)


@pages.get("/settings/people", permission="person.read")
async def people_list(call: Call) -> web.StreamResponse:
    """The people of this site."""
    return await show(call, PEOPLE, "accounts/people.html", sections=sections(call), section=SECTION)


@pages.get("/settings/people/new", permission="person.manage")
async def new_person(call: Call) -> web.Response:
    """The empty form."""
    return await _form(
        call, None, PersonForm(timezone=call.settings.timezone, language=call.settings.site_language), {}
    )


@pages.get("/settings/people/{person_id}", permission="person.read")
async def person_page(call: Call, person_id: int) -> web.Response:
    """A person: form for who may change it, facts for who may not."""
    return await _form(call, person_id, None, {})


@pages.post("/settings/people", permission="person.manage")
async def create_person(call: Call) -> web.Response:
    """Create a person with roles and groups."""
    return await _save(call, None)


@pages.post("/settings/people/{person_id}", permission="person.manage")
async def change_person(call: Call, person_id: int) -> web.Response:
    """Change a person."""
    return await _save(call, person_id)


@pages.post("/settings/people/{person_id}/active", permission="person.manage")
async def switch_person(call: Call, person_id: int) -> web.Response:
    """Disable a person, or let the person in again."""
    active = call.form.get("active") == "1"
    await call.db.read(people.not_above, person_id, call.actor)
    person = await call.db.run(people.set_active, person_id, active=active)
    said = N_("{name} may sign in again.") if active else N_("{name} is disabled; all sessions have ended.")
    undo = {"active": "0" if active else "1"}
    return call.redirect(
        f"/settings/people/{person_id}",
        said,
        undo_url=f"/settings/people/{person_id}/active",
        undo_values=undo,
        name=person.name,
    )


@pages.post("/settings/people/{person_id}/password", permission="person.manage")
async def set_password(call: Call, person_id: int) -> web.Response:
    """Set a password for someone; all of that person's sessions end."""
    await call.db.read(people.not_above, person_id, call.actor)
    hashed = await passwords.hashed(passwords.check_new(str(call.form.get("password", ""))))
    await call.db.run(people.set_password, person_id, hashed, now=call.now)
    return call.redirect(
        f"/settings/people/{person_id}", N_("The new password is set; all sessions have ended.")
    )


@pages.post("/settings/people/{person_id}/sessions/end", permission="person.manage")
async def end_sessions(call: Call, person_id: int) -> web.Response:
    """End all sessions of a person."""
    await call.db.read(people.not_above, person_id, call.actor)
    await call.db.run(sessions.end_all, person_id)
    return call.redirect(f"/settings/people/{person_id}", N_("All sessions have ended."))


@pages.get("/settings/people-lookup", permission="person.read")
async def lookup(call: Call) -> web.Response:
    """People whose name begins so, for pickers."""
    text = call.request.query.get("q", "")[:80]
    found = await call.db.read(service.find_people, text)
    options = [{"value": row.id, "label": loc(row.name), "hint": row.username} for row in found]
    return web.json_response({"options": options}, headers={"Cache-Control": "no-store"})


async def _save(call: Call, person_id: int | None) -> web.Response:
    given: PersonForm | None = None
    try:
        given = call.form_as(PersonForm)
        hashed = None
        if given.password and person_id is None:
            hashed = await passwords.hashed(passwords.check_new(given.password))
        saved = await call.db.run(_store, person_id, given, hashed, actor=call.actor, now=call.now)
    except NotFoundError:
        raise
    except DeskError as error:
        kept = given or call.form_kept(PersonForm)
        return await _form(call, person_id, kept, field_errors(error), status=int(error.status))
    said = N_("{name} is created.") if person_id is None else N_("{name} is changed.")
    return call.redirect(f"/settings/people/{saved.id}", said, name=saved.name)


def _store(
    session: Session,
    person_id: int | None,
    given: PersonForm,
    hashed: str | None,
    *,
    actor: Actor,
    now: datetime,
) -> Person:
    if person_id is None:
        saved = people.create(
            session, given.username, given.name(), now=now, password_hash=hashed, **given.plain()
        )
    else:
        people.not_above(session, person_id, actor)
        saved = people.change(session, person_id, version=given.version, name=given.name(), **given.plain())
    if actor.may("role.manage"):
        people.not_above(session, saved.id, actor, roles=given.roles)
        people.set_roles(session, saved.id, given.roles)
    people.set_groups(session, saved.id, given.groups)
    return saved


async def _form(
    call: Call, person_id: int | None, given: PersonForm | None, errors: dict[str, str], *, status: int = 200
) -> web.Response:
    view = await call.db.read(_view, person_id, given, now=call.now)
    return shown(
        call, "accounts/person.html", SECTION, status=status, view=view, errors=errors, given=view["given"]
    )


def _view(
    session: Session, person_id: int | None, given: PersonForm | None, *, now: datetime
) -> dict[str, Any]:
    """All that the form shows."""
    person = None if person_id is None else service.person(session, person_id)
    if given is None and person is not None:
        given = PersonForm(
            username=person.username,
            name_en=person.name.get("en", ""),
            name_zh=person.name.get("zh", ""),
            **{name: getattr(person, name) for name in people.PLAIN},
            roles=list(people.role_codes(session, person.id)),
            groups=[group.id for group in service.groups_of(session, person.id)],
            version=person.version,
        )
    manager = session.get(Person, given.manager_id) if given and isinstance(given.manager_id, int) else None
    return {
        "person": person,
        "given": given,
        "manager": manager.name if manager else "",
        "departments": [
            (line.row.id, "\u2003" * line.depth + loc(line.row.name)) for line in organisation.tree(session)
        ],
        "roles": roles.all_roles(session),
        "groups": service.groups(session),
        "sessions": sessions.sessions_of(session, person_id, now=now) if person_id else [],
    }
