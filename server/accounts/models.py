"""People, departments, groups, roles, and the ways to sign in."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, LargeBinary, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from server.kernel.db import Base
from server.kernel.i18n import N_


class Department(Base):
    """A department; the tree is made by `parent_id`."""

    __tablename__ = "department"
    __called__ = N_("Department")

    id: Mapped[int] = mapped_column(primary_key=True)
    code: Mapped[str] = mapped_column(String(40), unique=True)
    name: Mapped[dict[str, str]]  # localized
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("department.id"), index=True)


class Person(Base):
    """Someone who uses Watchdesk, or whom a ticket concerns. Never deleted, only disabled."""

    __tablename__ = "person"
    __called__ = N_("Person")
    __secret__ = ("password_hash",)

    id: Mapped[int] = mapped_column(primary_key=True)
    username: Mapped[str] = mapped_column(String(64))  # as typed; unique by its skeleton
    username_key: Mapped[str] = mapped_column(String(64), unique=True)  # folded: see names.skeleton
    name: Mapped[dict[str, str]]  # localized
    email: Mapped[str] = mapped_column(String(254), default="")
    phone: Mapped[str] = mapped_column(String(40), default="")
    title: Mapped[str] = mapped_column(String(80), default="")
    location: Mapped[str] = mapped_column(String(120), default="")  # where the person sits
    department_id: Mapped[int | None] = mapped_column(ForeignKey("department.id"), index=True)
    manager_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    vip: Mapped[int] = mapped_column(default=0)  # 0 none, 1 raises priority, 2 raises it twice
    language: Mapped[str] = mapped_column(String(2), default="en")
    timezone: Mapped[str] = mapped_column(String(64), default="Asia/Shanghai")
    theme: Mapped[str] = mapped_column(String(8), default="system")  # system, light, dark
    density: Mapped[str] = mapped_column(String(8), default="normal")  # compact, normal, touch
    active: Mapped[bool] = mapped_column(default=True)
    password_hash: Mapped[str | None] = mapped_column(String(200))  # None: cannot sign in locally
    password_at: Mapped[datetime | None]
    created_at: Mapped[datetime]
    version: Mapped[int] = mapped_column(default=1)

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012  SQLAlchemy declares it so


class Group(Base):
    """A support group. A vendor group sees only what is assigned to it."""

    __tablename__ = "support_group"
    __called__ = N_("Support group")

    id: Mapped[int] = mapped_column(primary_key=True)
    code: Mapped[str] = mapped_column(String(40), unique=True)
    name: Mapped[dict[str, str]]  # localized
    line: Mapped[int] = mapped_column(default=2)  # 1, 2 or 3
    leader_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    is_vendor: Mapped[bool] = mapped_column(default=False)
    active: Mapped[bool] = mapped_column(default=True)
    version: Mapped[int] = mapped_column(default=1)

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012  SQLAlchemy declares it so


class GroupMember(Base):
    """A person in a group."""

    __tablename__ = "group_member"
    __called__ = N_("Member of a group")

    group_id: Mapped[int] = mapped_column(ForeignKey("support_group.id"), primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), primary_key=True, index=True)


class Role(Base):
    """A set of permissions. Shipped roles follow the practices' declarations; others are edited."""

    __tablename__ = "role"
    __called__ = N_("Role")

    id: Mapped[int] = mapped_column(primary_key=True)
    code: Mapped[str] = mapped_column(String(40), unique=True)
    name: Mapped[dict[str, str]]  # localized
    shipped: Mapped[bool] = mapped_column(default=False)
    permissions: Mapped[list[Any]]
    version: Mapped[int] = mapped_column(default=1)

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012  SQLAlchemy declares it so


class PersonRole(Base):
    """A role of a person."""

    __tablename__ = "person_role"
    __called__ = N_("Role of a person")

    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), primary_key=True)
    role_id: Mapped[int] = mapped_column(ForeignKey("role.id"), primary_key=True, index=True)


class LoginSession(Base):
    """A browser that is signed in. Only the hash of its token is kept."""

    __tablename__ = "login_session"
    __audited__ = False  # signing in and out is told by AccessEvent

    id: Mapped[int] = mapped_column(primary_key=True)
    token_hash: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), index=True)
    created_at: Mapped[datetime]
    last_seen_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    address: Mapped[str] = mapped_column(String(64))
    browser: Mapped[str] = mapped_column(String(200))


class ApiToken(Base):
    """A token of a person for programs. Only its hash is kept; it is shown once."""

    __tablename__ = "api_token"
    __called__ = N_("API token")
    __secret__ = ("token_hash",)

    id: Mapped[int] = mapped_column(primary_key=True)
    token_hash: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), index=True)
    name: Mapped[str] = mapped_column(String(80))
    scopes: Mapped[list[Any]]  # permissions; ["*"] for all that the person has
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]
    hint: Mapped[str] = mapped_column(String(8))  # its last characters, to tell tokens apart

    __table_args__ = (UniqueConstraint("person_id", "name", name="uq_api_token_person_name"),)


class AccessEvent(Base):
    """Signing in, out, and what failed of it: the security record."""

    __tablename__ = "access_event"
    __audited__ = False  # it is a record of its own; a flood of tries must not lengthen the audit

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    kind: Mapped[str] = mapped_column(String(20))  # login, failed, limited, logout, ended, setup
    account: Mapped[str] = mapped_column(String(64))  # as skeleton; may belong to nobody
    source: Mapped[str] = mapped_column(String(64))  # network address

    __table_args__ = (
        Index("ix_access_event_account", "account", "at"),
        Index("ix_access_event_source", "source", "at"),
    )


class SetupToken(Base):
    """The one-time token that lets a first administrator in."""

    __tablename__ = "setup_token"
    __audited__ = False  # lives for minutes, holds only a hash

    id: Mapped[int] = mapped_column(primary_key=True)
    token_hash: Mapped[bytes] = mapped_column(LargeBinary(32))
    expires_at: Mapped[datetime]
