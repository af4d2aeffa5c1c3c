"""People: created, changed, disabled; their roles, appearance and password."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import available_timezones

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from server.accounts import sessions
from server.accounts.models import GroupMember, Person, PersonRole, Role
from server.accounts.names import check_username, clean_text, skeleton
from server.accounts.roles import ADMINISTRATOR
from server.accounts.service import department
from server.accounts.service import person as find
from server.kernel.call import Actor
from server.kernel.errors import ConflictError, ForbiddenError, InvalidError, NotFoundError, StaleError
from server.kernel.i18n import LANGUAGES, N_

CHOICES = {
    "language": LANGUAGES,
    "theme": ("system", "light", "dark"),
    "density": ("compact", "normal", "touch"),
}
LENGTHS = {"email": 254, "phone": 40, "title": 80, "location": 120}
PLAIN = ("email", "phone", "title", "location", "department_id", "manager_id", "vip", "language", "timezone")


def create(
    session: Session,
    /,
    username: str,
    name: dict[str, str],
    *,
    now: datetime,
    password_hash: str | None = None,
    **fields: Any,
) -> Person:
    """Create a person, without roles.

    Args:
        session: the running transaction.
        username: 2 to 64 letters, digits and `. @ + - _`; not to be mistaken for another's.
        name: in one or two languages.
        now: the present moment.
        password_hash: from `passwords`; None for a person who does not sign in here.
        fields: any of PLAIN.

    Raises:
        InvalidError: a field that cannot be taken.
        ConflictError: the user name is taken, or looks like one that is.
    """
    username = check_username(username)
    key = skeleton(username)
    other = session.scalar(select(Person.username).where(Person.username_key == key))
    if other is not None:
        raise ConflictError(
            N_("The user name {username} is taken, or looks like {other}."),
            field="/username",
            username=username,
            other=other,
        )
    person = Person(
        username=username,
        username_key=key,
        name=checked_name(name),
        password_hash=password_hash,
        password_at=now if password_hash else None,
        created_at=now,
        **_checked(session, None, fields),
    )
    session.add(person)
    session.flush()
    return person


def change(
    session: Session, /, person_id: int, *, version: int, name: dict[str, str], **fields: Any
) -> Person:
    """Change a person's data.

    Raises:
        StaleError: someone changed the person since `version`.
        InvalidError: a field that cannot be taken.
    """
    person = find(session, person_id)
    if person.version != version:
        raise StaleError(current=person.version)
    person.name = checked_name(name)
    for key, value in _checked(session, person_id, fields).items():
        setattr(person, key, value)
    session.flush()
    return person


def set_roles(session: Session, person_id: int, codes: Iterable[str]) -> None:
    """Give a person exactly these roles; a change ends all of the person's sessions.

    Raises:
        ConflictError: it would leave no active administrator.
        InvalidError: a role that does not exist.
    """
    wanted = set(codes)
    known = {role.code: role.id for role in session.scalars(select(Role))}
    if missing := wanted - set(known):
        raise InvalidError(N_("There is no role {role}."), field="/roles", role=min(missing))
    held = set(role_codes(session, person_id))
    if held == wanted:
        return
    for code in sorted(wanted - held):
        session.add(PersonRole(person_id=person_id, role_id=known[code]))
    gone = session.scalars(
        select(PersonRole).where(
            PersonRole.person_id == person_id,
            PersonRole.role_id.in_([known[code] for code in held - wanted if code in known]),
        )
    )
    for row in gone.all():
        session.delete(row)
    session.flush()
    if ADMINISTRATOR in held - wanted:
        _keep_an_administrator(session)
    sessions.end_all(session, person_id)


def not_above(session: Session, person_id: int, actor: Actor, *, roles: Iterable[str] | None = None) -> None:
    """Refuse a step on someone who may do more than `actor`, or roles that would permit more.

    Raises:
        ForbiddenError: the step would hand `actor` rights that its roles do not include.
    """
    held = sessions.actor_of(session, find(session, person_id), via="system").permissions
    if roles is not None:
        wanted = set(roles)
        for role in session.scalars(select(Role).where(Role.code.in_(wanted))):
            held |= frozenset(role.permissions)
    if beyond := held - actor.permissions:
        raise ForbiddenError(
            N_("This person has, or would get, rights that your own roles do not include."),
            permission=min(beyond),
        )


def set_groups(session: Session, person_id: int, group_ids: Iterable[int]) -> None:
    """Put a person into exactly these groups."""
    wanted = set(group_ids)
    rows = session.scalars(select(GroupMember).where(GroupMember.person_id == person_id)).all()
    for row in rows:
        if row.group_id not in wanted:
            session.delete(row)
    for group_id in sorted(wanted - {row.group_id for row in rows}):
        session.add(GroupMember(group_id=group_id, person_id=person_id))
    session.flush()


def set_active(session: Session, person_id: int, *, active: bool) -> Person:
    """Disable a person (all sessions end at once) or let the person in again.

    Raises:
        ConflictError: it would leave no active administrator.
    """
    person = find(session, person_id)
    person.active = active
    session.flush()
    if not active:
        if ADMINISTRATOR in role_codes(session, person_id):
            _keep_an_administrator(session)
        sessions.end_all(session, person_id)
    return person


def set_password(
    session: Session, person_id: int, password_hash: str, *, now: datetime, keep_session: int | None = None
) -> None:
    """Set a new password; all other sessions of the person end."""
    person = find(session, person_id)
    person.password_hash, person.password_at = password_hash, now
    session.flush()
    sessions.end_all(session, person_id, but=keep_session)


def set_appearance(session: Session, person_id: int, chosen: dict[str, str]) -> None:
    """Set language, theme or density of a person."""
    person = find(session, person_id)
    for name, value in chosen.items():
        if name not in CHOICES or value not in CHOICES[name]:
            choices = ", ".join(CHOICES.get(name, ()))
            raise InvalidError(N_("Choose one of: {expected}."), field=f"/{name}", expected=choices)
        setattr(person, name, value)


def role_codes(session: Session, person_id: int) -> Sequence[str]:
    """The codes of a person's roles."""
    return session.scalars(
        select(Role.code)
        .join(PersonRole, PersonRole.role_id == Role.id)
        .where(PersonRole.person_id == person_id)
        .order_by(Role.code)
    ).all()


def anyone(session: Session) -> bool:
    """Whether there is a person who can sign in: else this is a first run."""
    return session.scalar(select(Person.id).where(Person.password_hash.is_not(None)).limit(1)) is not None


def checked_name(name: dict[str, str]) -> dict[str, str]:
    """A localized name: at least one language, at most 80 characters each."""
    said = {
        language: clean_text(name.get(language) or "", longest=80, field=f"/name_{language}")
        for language in LANGUAGES
    }
    kept = {language: text for language, text in said.items() if text}
    if not kept:
        raise InvalidError(N_("Give the name in at least one language."), field="/name_en")
    return kept


def _checked(session: Session, person_id: int | None, fields: dict[str, Any]) -> dict[str, Any]:
    """The plain fields, cleaned; refuses those that cannot be."""
    for name in fields:
        if name not in PLAIN:
            raise InvalidError(N_("This field is not known here."), field=f"/{name}")
    made = dict(fields)
    for name, longest in LENGTHS.items():
        if name in made:
            made[name] = clean_text(made[name] or "", longest=longest, field=f"/{name}")
    mail = made.get("email")
    if mail and (mail.count("@") != 1 or " " in mail or not all(mail.split("@"))):
        raise InvalidError(N_("A mail address has the form name@example.com."), field="/email")
    if made.get("vip", 0) not in {0, 1, 2}:
        raise InvalidError(N_("Choose one of: {expected}."), field="/vip", expected="0, 1, 2")
    _reader(made)
    if made.get("department_id") is not None:
        department(session, made["department_id"])
    manager = made.get("manager_id")
    if manager is not None:
        _no_circle(session, person_id, manager)
    return made


def _reader(made: dict[str, Any]) -> None:
    """Language and time zone, if given, are ones we have."""
    if "timezone" in made and made["timezone"] not in available_timezones():
        raise InvalidError(N_("Choose a time zone of the list, as Asia/Shanghai."), field="/timezone")
    if "language" in made and made["language"] not in LANGUAGES:
        raise InvalidError(N_("Choose one of: {expected}."), field="/language", expected=", ".join(LANGUAGES))


def _no_circle(session: Session, person_id: int | None, manager_id: int) -> None:
    """A person is not their own manager, by however many steps."""
    step: int | None = manager_id
    for _ in range(50):
        if step is None:
            return
        if step == person_id:
            break
        found = session.get(Person, step)
        if found is None:
            raise NotFoundError(N_("There is no such person."), field="/manager_id")
        step = found.manager_id
    raise InvalidError(N_("This person would be their own manager."), field="/manager_id")


def _keep_an_administrator(session: Session) -> None:
    # Two who take the role from each other at once wait for one another here.
    session.execute(select(Role.id).where(Role.code == ADMINISTRATOR).with_for_update())
    left = session.scalar(
        select(func.count())
        .select_from(Person)
        .join(PersonRole, PersonRole.person_id == Person.id)
        .join(Role, Role.id == PersonRole.role_id)
        .where(Role.code == ADMINISTRATOR, Person.active)
    )
    if not left:
        raise ConflictError(N_("This is the last administrator. Give someone else that role first."))


def set_contact(
    session: Session, person_id: int, *, email: str, phone: str, location: str, timezone: str
) -> None:
    """Change what people may change about themselves."""
    person = find(session, person_id)
    fields = {"email": email, "phone": phone, "location": location, "timezone": timezone}
    for name, value in _checked(session, person_id, fields).items():
        setattr(person, name, value)


def roles_of(session: Session, person_id: int) -> Sequence[Role]:
    """A person's roles."""
    return session.scalars(
        select(Role)
        .join(PersonRole, PersonRole.role_id == Role.id)
        .where(PersonRole.person_id == person_id)
        .order_by(Role.id)
    ).all()
