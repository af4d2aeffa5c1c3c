"""Roles: the shipped ones by name, and what each may do."""

import re
from collections.abc import Iterable, Mapping, Sequence

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from server.accounts import sessions
from server.accounts.models import Person, PersonRole, Role
from server.kernel.errors import ConflictError, InvalidError, NotFoundError, StaleError
from server.kernel.i18n import N_
from server.kernel.practice import Permission

ADMINISTRATOR = "administrator"
AUDITOR = "auditor"
CODE = re.compile(r"[a-z][a-z0-9_\-]{0,39}")

SHIPPED: Mapping[str, tuple[str, str]] = {
    "end_user": ("End user", "普通用户"),
    "department_representative": ("Department representative", "信息员"),
    "first_line": ("First-line agent", "一线服务人员"),
    "second_line": ("Second-line engineer", "二线工程师"),
    "third_line": ("Third-line specialist", "三线专家"),
    "incident_supervisor": ("Incident supervisor", "事件主管"),
    "incident_manager": ("Incident manager", "事件经理"),
    "problem_manager": ("Problem manager", "问题经理"),
    "change_initiator": ("Change initiator", "变更发起人"),
    "change_supervisor": ("Change supervisor", "变更主管"),
    "change_manager": ("Change manager", "变更经理"),
    "change_implementer": ("Change implementer", "变更实施人"),
    "config_admin_pc": ("Configuration administrator: PCs and peripherals", "配置管理员：终端与外设"),
    "config_admin_network": (
        "Configuration administrator: network, security and rooms",
        "配置管理员：网络、安全与机房",
    ),
    "config_admin_server": ("Configuration administrator: servers and storage", "配置管理员：服务器与存储"),
    "config_admin_software": ("Configuration administrator: software", "配置管理员：软件"),
    "configuration_manager": ("Configuration manager", "配置经理"),
    "knowledge_manager": ("Knowledge manager", "知识经理"),
    "inspector": ("Inspector", "巡检员"),
    "contract_manager": ("Contract manager", "合同管理员"),
    "service_manager": ("Service manager", "服务经理"),
    AUDITOR: ("Auditor", "审计员"),
    ADMINISTRATOR: ("Administrator", "系统管理员"),
}


def granted(code: str, permissions: Iterable[Permission]) -> list[str]:
    """The permissions of a shipped role, sorted."""
    return sorted(
        permission.key
        for permission in permissions
        if code == ADMINISTRATOR
        or code in permission.roles
        or (code == AUDITOR and permission.key.endswith(".read"))
    )


def sync(session: Session, permissions: Sequence[Permission]) -> None:
    """Make the shipped roles what the practices declare; custom roles lose what is gone."""
    known = {role.code: role for role in session.scalars(select(Role))}
    existing = {permission.key for permission in permissions}
    for code, (english, chinese) in SHIPPED.items():
        wanted = granted(code, permissions)
        role = known.pop(code, None)
        if role is None:
            name = {"en": english, "zh": chinese}
            session.add(Role(code=code, name=name, shipped=True, permissions=wanted))
        elif role.permissions != wanted:
            role.permissions = wanted
    for role in known.values():
        kept = [key for key in role.permissions if key in existing]
        if kept != role.permissions:
            role.permissions = kept
    session.flush()


def save_custom(
    session: Session,
    role_id: int | None,
    *,
    code: str,
    name: dict[str, str],
    permissions: Iterable[str],
    declared: Iterable[Permission],
    version: int | None = None,
) -> Role:
    """Create a role, or change the custom one of that id; changes end its people's sessions.

    Raises:
        ConflictError: it is a shipped role, or the code is taken.
        InvalidError: a permission that no practice declares.
        StaleError: someone changed it since `version`.
    """
    chosen = sorted(set(permissions))
    if unknown := set(chosen) - {permission.key for permission in declared}:
        raise InvalidError(N_("There is no permission {key}."), field="/permissions", key=min(unknown))
    _free(session, code, role_id)
    role = Role(shipped=False) if role_id is None else find(session, role_id)
    if role.shipped:
        raise ConflictError(N_("Shipped roles follow the program. Copy it, then change the copy."))
    if role_id is not None and version is not None and role.version != version:
        raise StaleError(current=role.version)
    before = role.permissions if role_id is not None else chosen
    role.code, role.name, role.permissions = code, name, chosen
    session.add(role)
    session.flush()
    if before != chosen:
        _end_sessions(session, role.id)
    return role


def remove_custom(session: Session, role_id: int) -> Role:
    """Remove a custom role that nobody has.

    Raises:
        ConflictError: it is a shipped role, or somebody has it.
    """
    role = find(session, role_id)
    if role.shipped:
        raise ConflictError(N_("Shipped roles stay."))
    if session.scalar(select(PersonRole.person_id).where(PersonRole.role_id == role_id).limit(1)) is not None:
        raise ConflictError(N_("{name} belongs to people. Take it from them first."), name=role.name)
    session.delete(role)
    return role


def find(session: Session, role_id: int) -> Role:
    """A role by id.

    Raises:
        NotFoundError: there is none.
    """
    role = session.get(Role, role_id)
    if role is None:
        raise NotFoundError(N_("There is no such role."))
    return role


def all_roles(session: Session) -> Sequence[Role]:
    """Shipped roles in the order of the house, then custom ones by code."""
    order = {code: place for place, code in enumerate(SHIPPED)}
    rows = session.scalars(select(Role)).all()
    return sorted(rows, key=lambda role: (order.get(role.code, len(order)), role.code))


def head_counts(session: Session) -> Mapping[int, int]:
    """How many active people have each role."""
    counted = session.execute(
        select(PersonRole.role_id, func.count())
        .join(Person, Person.id == PersonRole.person_id)
        .where(Person.active)
        .group_by(PersonRole.role_id)
    )
    return dict(counted.all())


def _free(session: Session, code: str, own_id: int | None) -> None:
    if CODE.fullmatch(code) is None:
        raise InvalidError(
            N_("A code has up to 40 of a to z, 0 to 9, _ and -, and begins with a letter."), field="/code"
        )
    other = session.scalar(select(Role.id).where(Role.code == code))
    if other is not None and other != own_id:
        raise ConflictError(N_("The code {code} is taken."), field="/code", code=code)


def _end_sessions(session: Session, role_id: int) -> None:
    holders = session.scalars(select(PersonRole.person_id).where(PersonRole.role_id == role_id)).all()
    for person_id in holders:
        sessions.end_all(session, person_id)
