"""Roles: the shipped ones by name, and what each may do."""

from collections.abc import Iterable, Mapping, Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.accounts.models import Role
from server.kernel.practice import Permission

ADMINISTRATOR = "administrator"
AUDITOR = "auditor"

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
