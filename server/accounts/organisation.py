"""Departments and support groups: created and changed."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from server.accounts import people, service
from server.accounts.models import Department, Group, GroupMember, Person
from server.kernel.errors import ConflictError, InvalidError, StaleError
from server.kernel.i18n import N_

CODE = re.compile(r"[a-z][a-z0-9_\-]{0,39}")
LINES = (1, 2, 3)


@dataclass(frozen=True)
class DepartmentLine:
    """A department with its depth in the tree (0 is the top) and its number of active people."""

    row: Department
    depth: int
    people: int


def tree(session: Session) -> Sequence[DepartmentLine]:
    """All departments, each below its parent, by code."""
    rows = session.scalars(select(Department).order_by(Department.code)).all()
    counted = dict(
        session.execute(
            select(Person.department_id, func.count()).where(Person.active).group_by(Person.department_id)
        ).all()
    )
    below: dict[int | None, list[Department]] = {}
    for row in rows:
        below.setdefault(row.parent_id, []).append(row)
    lines: list[DepartmentLine] = []

    def walk(parent: int | None, depth: int) -> None:
        for row in below.get(parent, []):
            lines.append(DepartmentLine(row, depth, counted.get(row.id, 0)))
            walk(row.id, depth + 1)

    walk(None, 0)
    return lines


def save_department(
    session: Session, department_id: int | None, *, code: str, name: dict[str, str], parent_id: int | None
) -> Department:
    """Create a department, or change the one of that id.

    Raises:
        InvalidError: a code that cannot be, or a parent that lies below it.
        ConflictError: the code is taken.
    """
    _free_code(session, Department, code, department_id)
    _no_circle(session, department_id, parent_id)
    row = Department() if department_id is None else service.department(session, department_id)
    row.code, row.name, row.parent_id = code, people.checked_name(name), parent_id
    session.add(row)
    session.flush()
    return row


def remove_department(session: Session, department_id: int) -> Department:
    """Remove a department that has neither people nor departments below it.

    Raises:
        ConflictError: it has some.
    """
    row = service.department(session, department_id)
    used = session.scalar(select(Person.id).where(Person.department_id == department_id).limit(1))
    parent = session.scalar(select(Department.id).where(Department.parent_id == department_id).limit(1))
    if used is not None or parent is not None:
        raise ConflictError(N_("{name} has people or departments in it. Move them first."), name=row.name)
    session.delete(row)
    return row


def save_group(
    session: Session,
    group_id: int | None,
    *,
    code: str,
    name: dict[str, str],
    line: int,
    leader_id: int | None,
    is_vendor: bool,
    active: bool,
    version: int | None = None,
) -> Group:
    """Create a group, or change the one of that id.

    Raises:
        InvalidError: a code or line that cannot be.
        ConflictError: the code is taken.
        StaleError: someone changed it since `version`.
    """
    _free_code(session, Group, code, group_id)
    if line not in LINES:
        raise InvalidError(N_("Choose one of: {expected}."), field="/line", expected="1, 2, 3")
    row = Group() if group_id is None else service.group(session, group_id)
    if group_id is not None and version is not None and row.version != version:
        raise StaleError(current=row.version)
    if leader_id is not None:
        service.person(session, leader_id)
    row.code, row.name, row.line = code, people.checked_name(name), line
    row.leader_id, row.is_vendor, row.active = leader_id, is_vendor, active
    session.add(row)
    session.flush()
    return row


def set_members(session: Session, group_id: int, person_ids: Iterable[int]) -> None:
    """Make exactly these people the members of a group."""
    wanted = set(person_ids)
    rows = session.scalars(select(GroupMember).where(GroupMember.group_id == group_id)).all()
    for row in rows:
        if row.person_id not in wanted:
            session.delete(row)
    for person_id in sorted(wanted - {row.person_id for row in rows}):
        service.person(session, person_id)
        session.add(GroupMember(group_id=group_id, person_id=person_id))
    session.flush()


def _free_code(
    session: Session, model: type[Department] | type[Group], code: str, own_id: int | None
) -> None:
    if CODE.fullmatch(code) is None:
        raise InvalidError(
            N_("A code has up to 40 of a to z, 0 to 9, _ and -, and begins with a letter."), field="/code"
        )
    other = session.scalar(select(model.id).where(model.code == code))
    if other is not None and other != own_id:
        raise ConflictError(N_("The code {code} is taken."), field="/code", code=code)


def _no_circle(session: Session, department_id: int | None, parent_id: int | None) -> None:
    step = parent_id
    for _ in range(50):
        if step is None:
            return
        if step == department_id:
            break
        step = service.department(session, step).parent_id
    raise InvalidError(N_("A department cannot lie below itself."), field="/parent_id")
