"""What other practices ask of this one."""

from collections.abc import Iterable, Mapping, Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.accounts.models import Department, Group, GroupMember, Person, PersonRole, Role
from server.accounts.names import skeleton
from server.kernel.errors import NotFoundError
from server.kernel.i18n import N_
from server.kernel.remembered import by_ids


def person(session: Session, person_id: int) -> Person:
    """A person by id, also one who is disabled.

    Raises:
        NotFoundError: there is none.
    """
    found = session.get(Person, person_id)
    if found is None:
        raise NotFoundError(N_("There is no such person."))
    return found


def person_by_username(session: Session, username: str) -> Person | None:
    """A person by user name, however it is written."""
    return session.scalar(select(Person).where(Person.username_key == skeleton(username)))


def people_by_ids(session: Session, ids: Iterable[int | None]) -> Mapping[int, Person]:
    """People by id; ids of nobody are left out."""
    wanted = {number for number in ids if number is not None}
    if not wanted:
        return {}
    return by_ids(session, Person, wanted)


def find_people(session: Session, text: str, *, limit: int = 10) -> Sequence[Person]:
    """Active people whose user name, mail, phone or name begins or holds `text`; for pickers."""
    sought = text.strip().casefold()
    if not sought:
        return []
    rows = session.scalars(select(Person).where(Person.active).order_by(Person.username_key))
    hits = [row for row in rows if sought in _searched(row)]
    return hits[:limit]


def find_group(session: Session, code: str) -> Group | None:
    """An active group by its code."""
    return session.scalar(select(Group).where(Group.code == code, Group.active))


def group(session: Session, group_id: int) -> Group:
    """A group by id, also one that is closed.

    Raises:
        NotFoundError: there is none.
    """
    found = session.get(Group, group_id)
    if found is None:
        raise NotFoundError(N_("There is no such group."))
    return found


def groups(session: Session, *, line: int | None = None, vendors: bool | None = None) -> Sequence[Group]:
    """Active groups by line and code."""
    query = select(Group).where(Group.active).order_by(Group.line, Group.code)
    if line is not None:
        query = query.where(Group.line == line)
    if vendors is not None:
        query = query.where(Group.is_vendor == vendors)
    return session.scalars(query).all()


def groups_by_ids(session: Session, ids: Iterable[int | None]) -> Mapping[int, Group]:
    """Groups by id; ids of none are left out."""
    wanted = {number for number in ids if number is not None}
    if not wanted:
        return {}
    return by_ids(session, Group, wanted)


def members(session: Session, group_id: int) -> Sequence[Person]:
    """The active members of a group, by user name."""
    return session.scalars(
        select(Person)
        .join(GroupMember, GroupMember.person_id == Person.id)
        .where(GroupMember.group_id == group_id, Person.active)
        .order_by(Person.username_key)
    ).all()


def groups_of(session: Session, person_id: int) -> Sequence[Group]:
    """The active groups of a person."""
    return session.scalars(
        select(Group)
        .join(GroupMember, GroupMember.group_id == Group.id)
        .where(GroupMember.person_id == person_id, Group.active)
        .order_by(Group.code)
    ).all()


def with_role(session: Session, role: str) -> Sequence[Person]:
    """The active people who have a role, by user name."""
    return session.scalars(
        select(Person)
        .join(PersonRole, PersonRole.person_id == Person.id)
        .join(Role, Role.id == PersonRole.role_id)
        .where(Role.code == role, Person.active)
        .order_by(Person.username_key)
    ).all()


def department(session: Session, department_id: int) -> Department:
    """A department by id.

    Raises:
        NotFoundError: there is none.
    """
    found = session.get(Department, department_id)
    if found is None:
        raise NotFoundError(N_("There is no such department."))
    return found


def _searched(row: Person) -> str:
    return " ".join((row.username, row.email, row.phone, *row.name.values())).casefold()
