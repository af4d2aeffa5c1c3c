"""People, groups, departments and roles over the API."""

from typing import Annotated, Any, Literal

from pydantic import Field
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from server.accounts import organisation, people, roles, service
from server.accounts.models import Department, Group, GroupMember, Person
from server.kernel.api import Api, ApiModel, Id, Moment, Page, PageQuery
from server.kernel.call import Actor, Call
from server.kernel.i18n import N_

api = Api("accounts")


class LocalName(ApiModel):
    """A name in one or two languages."""

    en: Annotated[str, Field(max_length=80)] = ""
    zh: Annotated[str, Field(max_length=80)] = ""


class PersonOut(ApiModel):
    """A person."""

    id: int
    username: str
    name: LocalName
    email: str
    phone: str
    title: str
    location: str
    department_id: int | None
    manager_id: int | None
    vip: int
    language: str
    timezone: str
    active: bool
    roles: list[str]
    groups: list[str]
    version: int


class PersonFields(ApiModel):
    """What is written of a person."""

    name: LocalName
    email: Annotated[str, Field(max_length=254)] = ""
    phone: Annotated[str, Field(max_length=40)] = ""
    title: Annotated[str, Field(max_length=80)] = ""
    location: Annotated[str, Field(max_length=120)] = ""
    department_id: Id | None = None
    manager_id: Id | None = None
    vip: Annotated[int, Field(ge=0, le=2)] = 0
    language: Literal["en", "zh"] = "en"
    timezone: Annotated[str, Field(max_length=64)] = "Asia/Shanghai"


class PersonIn(PersonFields):
    """A new person, without password and roles."""

    username: Annotated[str, Field(min_length=2, max_length=64)]


class PersonChange(PersonFields):
    """A person's new data; `version` is the one that was read."""

    version: Annotated[int, Field(ge=1, le=2**31 - 1)]


class PeopleQuery(PageQuery):
    """Which people."""

    q: Annotated[str, Field(max_length=80)] = ""
    active: bool | None = None


class GroupOut(ApiModel):
    """A support group."""

    id: int
    code: str
    name: LocalName
    line: int
    leader_id: int | None
    is_vendor: bool
    active: bool
    members: list[str]


class DepartmentOut(ApiModel):
    """A department."""

    id: int
    code: str
    name: LocalName
    parent_id: int | None
    depth: int


class RoleOut(ApiModel):
    """A role and what it permits."""

    code: str
    name: LocalName
    shipped: bool
    permissions: list[str]


class MeOut(ApiModel):
    """Who the caller is, and what this token or session may do."""

    id: int
    username: str
    name: LocalName
    roles: list[str]
    permissions: list[str]
    via: str
    now: Moment


@api.get("/me", signed_in=True, answer=MeOut, summary=N_("Who am I"))
async def me(call: Call) -> MeOut:
    """The caller."""
    actor = call.actor
    return MeOut(
        id=actor.id,
        username=actor.username,
        name=_name(actor.name),
        roles=sorted(actor.roles),
        permissions=sorted(actor.permissions),
        via=actor.via,
        now=call.now,
    )


@api.get(
    "/people", permission="person.read", query=PeopleQuery, answer=Page[PersonOut], summary=N_("List people")
)
async def list_people(call: Call, query: PeopleQuery) -> Page[PersonOut]:
    """People by user name."""
    return await call.db.read(_people, query)


@api.get("/people/{person_id}", permission="person.read", answer=PersonOut, summary=N_("See a person"))
async def get_person(call: Call, person_id: int) -> PersonOut:
    """One person."""
    return await call.db.read(lambda session: _person(session, service.person(session, person_id)))


@api.post(
    "/people",
    permission="person.manage",
    body=PersonIn,
    answer=PersonOut,
    status=201,
    summary=N_("Create a person"),
)
async def create_person(call: Call, body: PersonIn) -> PersonOut:
    """A new person."""

    def make(session: Session) -> PersonOut:
        fields = body.model_dump(exclude={"username", "name"})
        made = people.create(session, body.username, body.name.model_dump(), now=call.now, **fields)
        return _person(session, made)

    return await call.db.run(make)


@api.put(
    "/people/{person_id}",
    permission="person.manage",
    body=PersonChange,
    answer=PersonOut,
    summary=N_("Change a person"),
)
async def change_person(call: Call, person_id: int, body: PersonChange) -> PersonOut:
    """A person's new data."""

    def change(session: Session, actor: Actor) -> PersonOut:
        service.person(session, person_id)
        people.not_above(session, person_id, actor)
        fields = body.model_dump(exclude={"version", "name"})
        changed = people.change(
            session, person_id, version=body.version, name=body.name.model_dump(), **fields
        )
        return _person(session, changed)

    return await call.db.run(change, call.actor)


@api.get("/groups", permission="person.read", answer=list[GroupOut], summary=N_("List groups"))
async def list_groups(call: Call) -> list[GroupOut]:
    """All support groups."""
    return await call.db.read(_groups)


@api.get("/departments", permission="person.read", answer=list[DepartmentOut], summary=N_("List departments"))
async def list_departments(call: Call) -> list[DepartmentOut]:
    """The tree of departments, each below its parent."""
    lines = await call.db.read(organisation.tree)
    return [_department(line.row, line.depth) for line in lines]


@api.get("/roles", permission="role.read", answer=list[RoleOut], summary=N_("List roles"))
async def list_roles(call: Call) -> list[RoleOut]:
    """All roles with their permissions."""
    rows = await call.db.read(roles.all_roles)
    return [
        RoleOut(code=row.code, name=_name(row.name), shipped=row.shipped, permissions=row.permissions)
        for row in rows
    ]


def _people(session: Session, query: PeopleQuery) -> Page[PersonOut]:
    wanted = select(Person)
    if query.active is not None:
        wanted = wanted.where(Person.active == query.active)
    if query.q:
        found = [row.id for row in service.find_people(session, query.q, limit=200)]
        wanted = wanted.where(Person.id.in_(found))
    total = session.scalar(select(func.count()).select_from(wanted.subquery())) or 0
    rows = session.scalars(wanted.order_by(Person.username_key).limit(query.limit).offset(query.offset))
    items = [_person(session, row) for row in rows]
    return Page[PersonOut](items=items, total=total, limit=query.limit, offset=query.offset)


def _person(session: Session, row: Person) -> PersonOut:
    return PersonOut(
        id=row.id,
        username=row.username,
        name=_name(row.name),
        active=row.active,
        version=row.version,
        roles=list(people.role_codes(session, row.id)),
        groups=[group.code for group in service.groups_of(session, row.id)],
        **{name: getattr(row, name) for name in people.PLAIN},
    )


def _groups(session: Session) -> list[GroupOut]:
    rows = session.scalars(select(Group).order_by(Group.line, Group.code)).all()
    joined: dict[int, list[str]] = {}
    for group_id, username in session.execute(
        select(GroupMember.group_id, Person.username)
        .join(Person, Person.id == GroupMember.person_id)
        .order_by(Person.username_key)
    ):
        joined.setdefault(group_id, []).append(username)
    return [
        GroupOut(
            id=row.id,
            code=row.code,
            name=_name(row.name),
            line=row.line,
            leader_id=row.leader_id,
            is_vendor=row.is_vendor,
            active=row.active,
            members=joined.get(row.id, []),
        )
        for row in rows
    ]


def _department(row: Department, depth: int) -> DepartmentOut:
    return DepartmentOut(id=row.id, code=row.code, name=_name(row.name), parent_id=row.parent_id, depth=depth)


def _name(name: Any) -> LocalName:
    return LocalName(en=name.get("en", ""), zh=name.get("zh", ""))
