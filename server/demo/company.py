"""The invented company: departments, groups, people with their roles, written once into an empty desk."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.accounts import people
from server.accounts.models import Department, Group, GroupMember, Person, PersonRole, Role
from server.demo.seeds import seed

PASSWORD = "watchdesk-demo"  # printed by the demo; listens on loopback only  # noqa: S105
SHOWN = ("zhou.lin", "chen.yu", "he.wei", "tang.xin", "sun.li", "emma.brown", "admin")


def write(session: Session, *, password_hash: str, now: datetime) -> dict[str, Person]:
    """Write the company; returns its people by user name."""
    told = seed("company")
    departments = _departments(session, told["departments"])
    groups = _groups(session, told["groups"])
    roles = {role.code: role for role in session.scalars(select(Role))}
    found: dict[str, Person] = {}
    for row in told["people"]:
        person = people.create(
            session,
            row["username"],
            row["name"],
            now=now,
            password_hash=password_hash,
            email=f"{row['username']}@qinghe.example",
            phone=row.get("phone", ""),
            vip=min(2, row.get("vip", 0)),
            language=row["language"],
            department_id=departments[row["department"]].id,
        )
        session.add_all(PersonRole(person_id=person.id, role_id=roles[code].id) for code in row["roles"])
        session.add_all(GroupMember(person_id=person.id, group_id=groups[c].id) for c in row["groups"])
        if "leads" in row:
            groups[row["leads"]].leader_id = person.id
        found[person.username] = person
    session.flush()
    return found


def _departments(session: Session, rows: list[Mapping[str, Any]]) -> dict[str, Department]:
    made: dict[str, Department] = {}
    for row in rows:
        above = made.get(row.get("parent", ""))
        made[row["code"]] = Department(
            code=row["code"], name=row["name"], parent_id=above.id if above is not None else None
        )
        session.add(made[row["code"]])
        session.flush()
    return made


def _groups(session: Session, rows: list[Mapping[str, Any]]) -> dict[str, Group]:
    known = {group.code: group for group in session.scalars(select(Group))}
    for row in rows:
        group = known.setdefault(row["code"], Group(code=row["code"], name=row["name"]))
        group.name, group.line, group.is_vendor = row["name"], row["line"], bool(row.get("vendor"))
        session.add(group)
    session.flush()
    return known
