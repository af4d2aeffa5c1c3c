"""Device profiles: those that came along, and the site's own, checked by file and line, in versions."""

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from importlib import resources
from urllib.parse import urlencode

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from rules import profile as profiles
from rules.alert_rule import Rule
from rules.catalog import packaged as packaged_rules
from rules.document import DocumentError
from rules.plan import Metric
from rules.profile_form import Profile
from server.agents.generation import touch
from server.agents.models import Agent
from server.discovery.jobs import TOPIC
from server.discovery.models import PROFILE_LIMIT, OwnProfile, ProfileVersion
from server.kernel.errors import ConflictError, InvalidError, NotFoundError
from server.kernel.events import emit
from server.kernel.i18n import N_, loc

FILE = "profile.yaml"
MOST = 500  # own profiles
PAGE = 50  # profiles
_OID = re.compile(r"\.?\d+(\.\d+)+\.?")


@dataclass(frozen=True)
class Fault:
    """What is wrong in a text, and where."""

    line: int
    column: int
    message: str


@dataclass(frozen=True)
class Shown:
    """A profile as the browser lists it. `own` is its row where it is the site's."""

    form: Profile
    metrics: int
    rules: tuple[Rule, ...]
    own: OwnProfile | None = None
    over: bool = False  # an own one that stands before a packaged one of the same name


def library(session: Session) -> dict[str, Profile]:
    """All profiles by name, resolved: the site's own stand before those of the package."""
    written = {
        one.profile: one for one in (_read(text) for text in told(session).values()) if one is not None
    }
    known = {**profiles.packaged(), **written}
    found = dict(profiles.packaged())
    for name, one in written.items():
        try:
            found[name] = profiles.resolve(one, known)
        except DocumentError:
            found.pop(name, None)  # a parent of it is gone; agents leave it out as well
    return found


def told(session: Session) -> dict[str, str]:
    """The texts of the site's own profiles that are switched on, as agents get them."""
    query = (
        select(OwnProfile.name, ProfileVersion.text)
        .join(ProfileVersion, ProfileVersion.profile_id == OwnProfile.id)
        .where(OwnProfile.enabled, ProfileVersion.number == OwnProfile.current)
        .order_by(OwnProfile.name)
    )
    return {row[0]: row[1] for row in session.execute(query)}


def shown(session: Session) -> list[Shown]:
    """All profiles by name."""
    own = {one.name: one for one in session.scalars(select(OwnProfile))}
    found = [
        _shown(form, own[name]) if name in own else _packaged_shown()[name]
        for name, form in library(session).items()
    ]
    return sorted(found, key=lambda one: one.form.profile)


@dataclass(frozen=True)
class Wish:
    """Which profiles somebody wants to see: with words or an OID, of a class ("": of all), page from 1."""

    said: str = ""
    ci_class: str = ""
    page: int = 1

    def url(self, page: int) -> str:
        """The address of a page of the same."""
        asked = {"q": self.said, "class": self.ci_class, "page": str(page) if page > 1 else ""}
        query = urlencode({name: text for name, text in asked.items() if text})
        return f"/discovery/profiles?{query}" if query else "/discovery/profiles"


@dataclass(frozen=True)
class Listed:
    """A page of profiles: how many fit, of how many; the classes among the words, as code, name, number."""

    rows: Sequence[Shown]
    fit: int
    every: int
    classes: Sequence[tuple[str, str, int]]
    page: int
    pages: int


def listed(every: Sequence[Shown], wish: Wish, label: Callable[[str], str]) -> Listed:
    """The page that somebody wants, the last where there are fewer; the site's own first, then by title."""
    said = named(every, wish.said, label)
    counted = Counter(one.form.ci_class for one in said if one.form.ci_class)
    classes = sorted(
        ((code, label(code), n) for code, n in counted.items()), key=lambda one: one[1].casefold()
    )
    fit = [one for one in said if not wish.ci_class or one.form.ci_class == wish.ci_class]
    fit.sort(key=lambda one: (one.own is None, _title_of(one.form).casefold()))
    pages = max(1, -(-len(fit) // PAGE))
    page = min(max(wish.page, 1), pages)
    return Listed(fit[(page - 1) * PAGE : page * PAGE], len(fit), len(every), classes, page, pages)


def named(found: Sequence[Shown], said: str, label: Callable[[str], str]) -> list[Shown]:
    """Those whose name, title or class has these words, or that fit the sysObjectID that is said.

    Args:
        found: profiles.
        said: words, or an OID; all of them if empty.
        label: the name of a class for the reader.
    """
    if _OID.fullmatch(said):
        return [one for one in found if _meets(one, said.strip(".") + ".")]
    words = said.casefold().split()
    return [one for one in found if all(word in _said_of(one, label) for word in words)]


def _meets(one: Shown, oid: str) -> bool:
    """Whether the OID lies below a prefix of the profile, or the prefix below the OID."""
    prefixes = (prefix.strip(".") + "." for prefix in one.form.match.sysObjectID)
    return any(oid.startswith(prefix) or prefix.startswith(oid) for prefix in prefixes)


def _title_of(form: Profile) -> str:
    return loc({str(language): text for language, text in form.title.items()}) or form.profile


def _said_of(one: Shown, label: Callable[[str], str]) -> str:
    form = one.form
    return " ".join((form.profile, *form.title.values(), label(form.ci_class or ""))).casefold()


def one_of(session: Session, name: str) -> Shown:
    """The profile of a name."""
    row = session.scalar(select(OwnProfile).where(OwnProfile.name == name))
    form = library(session).get(name)
    if form is None and row is not None:
        form = _read(text_of(session, name))
    if form is None:
        raise NotFoundError(N_("There is no such profile."))
    return _shown(form, row)


def text_of(session: Session, name: str, number: int | None = None) -> str:
    """A profile's YAML: the packaged file, or a version of an own one (the current where none is named)."""
    row = session.scalar(select(OwnProfile).where(OwnProfile.name == name))
    if row is None:
        if name in packaged_texts():
            return packaged_texts()[name]
        raise NotFoundError(N_("There is no such profile."))
    query = select(ProfileVersion.text).where(
        ProfileVersion.profile_id == row.id, ProfileVersion.number == (number or row.current)
    )
    text = session.scalar(query)
    if text is None:
        raise NotFoundError(N_("There is no such version."))
    return text


def versions(session: Session, name: str) -> list[ProfileVersion]:
    """The versions of an own profile, the latest first."""
    query = (
        select(ProfileVersion)
        .join(OwnProfile, OwnProfile.id == ProfileVersion.profile_id)
        .where(OwnProfile.name == name)
        .order_by(ProfileVersion.number.desc())
    )
    return list(session.scalars(query))


def faults(session: Session, text: str) -> list[Fault]:
    """What is wrong in a text, empty where agents can use it."""
    if len(text) > PROFILE_LIMIT:
        return [Fault(1, 1, f"More than {PROFILE_LIMIT:,} characters.")]
    try:
        form = profiles.read(text, FILE)
        known = {**library(session), form.profile: form}
        profiles.plan(profiles.resolve(form, known, FILE), identify=True)
    except DocumentError as error:
        return [Fault(error.line, error.column, error.message)]
    return []


def must_be_sound(session: Session, text: str) -> None:
    """Raise InvalidError, which says line and column, where a text is no profile."""
    wrong = faults(session, text)
    if wrong:
        raise InvalidError(
            N_("Line {line}, column {column}: {message}"),
            field="/text",
            line=wrong[0].line,
            column=wrong[0].column,
            message=wrong[0].message,
        )


def save(session: Session, text: str, *, note: str = "", by: int | None, now: datetime) -> OwnProfile:
    """Keep a text as a new version of the profile it names; agents use it from then on.

    Raises:
        InvalidError: the text is no profile; says line and column.
    """
    text = text.replace("\r\n", "\n")
    must_be_sound(session, text)
    name = profiles.read(text, FILE).profile
    row = session.scalar(select(OwnProfile).where(OwnProfile.name == name))
    if row is None:
        if (session.scalar(select(func.count()).select_from(OwnProfile)) or 0) >= MOST:
            raise ConflictError(N_("There are {limit} own profiles; that is the limit."), limit=MOST)
        row = OwnProfile(name=name, changed_at=now, current=0)
        session.add(row)
        session.flush()
    elif text_of(session, name) == text:
        return row
    last = session.scalar(select(func.max(ProfileVersion.number)).where(ProfileVersion.profile_id == row.id))
    number = (last or 0) + 1
    session.add(
        ProfileVersion(profile_id=row.id, number=number, text=text, note=note[:200], by_id=by, at=now)
    )
    row.current, row.changed_at, row.enabled = number, now, True
    _tell(session)
    return row


def use_version(session: Session, name: str, number: int, *, now: datetime) -> OwnProfile:
    """Go back to an earlier version, or forth again."""
    row = _own(session, name)
    text_of(session, name, number)
    row.current, row.changed_at = number, now
    _tell(session)
    return row


def enable(session: Session, name: str, *, enabled: bool, now: datetime) -> OwnProfile:
    """Have agents use an own profile, or leave it out."""
    row = _own(session, name)
    row.enabled, row.changed_at = enabled, now
    _tell(session)
    return row


@dataclass(frozen=True)
class Part:
    """One value that a profile reads: where, in which unit, for which rows; or its states."""

    name: str
    table: str
    place: str
    unit: str
    states: str


def parts(form: Profile) -> list[Part]:
    """What a profile reads, scalars first."""
    plan = profiles.plan(form)
    found = [_part(one, "") for one in plan.scalars]
    return found + [_part(one, table.name) for table in plan.tables for one in table.metrics]


def _part(one: Metric, table: str) -> Part:
    place = ", ".join(one.oids) or one.json or one.reading or ""
    if one.register is not None:
        place = f"{one.register.kind} {one.register.address}"
    return Part(one.name, table, place, one.unit, ", ".join(one.names.values()))


@cache
def _packaged_shown() -> Mapping[str, Shown]:
    """The packaged profiles as the browser lists them, by name: a plan of each takes a millisecond."""
    return {name: _shown(form, None) for name, form in profiles.packaged().items()}


@cache
def packaged_texts() -> Mapping[str, str]:
    """The YAML of the packaged profiles by name."""
    found = {}
    for entry in resources.files("rules").joinpath("profiles").iterdir():
        if entry.name.endswith(".yaml"):
            text = entry.read_text(encoding="utf-8")
            found[profiles.read(text, entry.name).profile] = text
    return found


def _own(session: Session, name: str) -> OwnProfile:
    row = session.scalar(select(OwnProfile).where(OwnProfile.name == name))
    if row is None:
        raise NotFoundError(N_("There is no own profile of that name."))
    return row


def _read(text: str) -> Profile | None:
    try:
        return profiles.read(text, FILE)
    except DocumentError:
        return None  # written for another version of Watchdesk; shown with its fault when it is opened


def _shown(form: Profile, row: OwnProfile | None) -> Shown:
    names = {one.name for one in parts(form)}
    kind = form.ci_class or ""
    rules = tuple(
        rule
        for rule in packaged_rules().values()
        if rule.metric in names and (not rule.classes or kind in rule.classes)
    )
    return Shown(form, len(names), rules, row, row is not None and form.profile in packaged_texts())


def _tell(session: Session) -> None:
    """Every agent gets the site's profiles."""
    for agent in session.scalars(select(Agent)):
        touch(agent)
    emit(session, TOPIC, {"profiles": True})
