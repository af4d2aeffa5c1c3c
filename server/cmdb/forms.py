"""The form of an item: its fields by class, what was typed into them, what of it is new."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from rules.reconcile import same
from server.accounts.models import Group, Person
from server.cmdb import claims, editing, places, service, words
from server.cmdb.classes import AttributeForm, catalogue
from server.cmdb.models import Ci, CiState, CiVersion
from server.kernel.errors import DeskError, InvalidError
from server.kernel.formdata import said_of
from server.kernel.i18n import N_, _, loc

Typed = Mapping[str, Any]

FIRST = ("name", "vendor", "model", "serial", "version", "address")
MOST_PEOPLE = 500


@dataclass(frozen=True)
class Field:
    """One field: its kind is text, area, number, choice, list or check."""

    name: str
    label: str
    kind: str
    value: Any
    options: Sequence[tuple[str, str]] = ()
    unit: str = ""
    low: float | None = None
    high: float | None = None
    required: bool = False
    hint: str = ""


@dataclass(frozen=True)
class Form:
    """The form of a new (`ci` None) or a known item."""

    ci: Ci | None
    code: str
    label: str
    icon: str
    main: Sequence[Field]
    place: Sequence[Field]
    more: Sequence[Field]


def class_groups() -> list[tuple[str, str, list[tuple[str, str, str]]]]:
    """Classes to choose from, by branch: (branch, icon, [(code, label, icon)])."""
    classes = catalogue()
    groups = []
    branches = [
        one for one in classes.classes.values() if one.ancestors[:1] in (("device",), ("software",), ("ci",))
    ]
    for branch in branches:
        if branch.code in {"device", "software", "part"}:
            continue
        below = [classes.of(code) for code in classes.below(branch.code)]
        items = [(one.code, loc(one.label), one.icon) for one in below if not one.abstract]
        groups.append((loc(branch.label), branch.icon, items))
    return groups


def blank(session: Session, code: str, typed: Typed | None = None) -> Form:
    """The form of a new item of a class, with what was typed before."""
    return _form(session, None, code, typed or {"state": "in_use", "criticality": 3})


def of(session: Session, number: str, typed: Typed | None = None) -> Form:
    """The form of a known item."""
    ci = service.ci(session, number)
    return _form(session, ci, ci.class_code, typed or claims.shown(ci))


def values(code: str, typed: Typed) -> dict[str, Any]:
    """What was typed, in types; an empty field is None. Fields that are not of the class are left out."""
    names = (
        *FIRST,
        "location",
        "owner_group",
        "owner",
        "criticality",
        "state",
        *catalogue().of(code).attributes,
    )
    found: dict[str, Any] = {}
    for name in names:
        if name in typed:
            found[name] = _typed(name, str(typed[name]).strip())
    return found


def save(
    session: Session, number: str, typed: Typed, *, by: str, revision: int | None, now: datetime
) -> CiVersion | None:
    """Enter only what differs from what is shown, so that a person claims only what they changed."""
    ci = service.ci(session, number)
    shown = claims.shown(ci)
    changed = {
        name: value
        for name, value in values(ci.class_code, typed).items()
        if not (value is None and shown.get(name) is None)
        and (value is None or shown.get(name) is None or not same(value, shown[name]))
    }
    return editing.edit(session, ci, changed, by=by, now=now, revision=revision)


def errors_of(error: DeskError) -> dict[str, str]:
    """A refusal beside its field, or beside the name where it names none."""
    name = (error.field or "/name").rsplit("/", 1)[-1]
    return {name or "name": said_of(error)}


def _typed(name: str, text: str) -> Any:
    if not text:
        return None
    kind = catalogue().attribute(name).type
    if name in {"location", "owner_group", "owner", "criticality"} or kind == "int":
        return _number(name, text, int)
    if kind == "number":
        return _number(name, text, float)
    if kind == "bool":
        return text == "1"
    if kind == "list":
        return text.replace(",", " ").split()
    return text


def _number(name: str, text: str, kind: type[int] | type[float]) -> float | int:
    try:
        return kind(text) if len(text) < 30 else int("x")
    except ValueError:
        raise InvalidError(N_("{name} is a number."), field=f"/{name}", name=words.attribute(name)) from None


def _form(session: Session, ci: Ci | None, code: str, typed: Typed) -> Form:
    one = catalogue().of(code)
    skip = {*FIRST, "title"}
    return Form(
        ci=ci,
        code=code,
        label=loc(one.label),
        icon=one.icon,
        main=[_field(name, catalogue().attribute(name), typed, required=name == "name") for name in FIRST],
        place=_choices(session, typed),
        more=[_field(name, form, typed) for name, form in one.attributes.items() if name not in skip],
    )


def _field(name: str, form: AttributeForm, typed: Typed, *, required: bool = False) -> Field:
    value = typed.get(name, "")
    kind = {"int": "number", "number": "number", "choice": "choice", "bool": "check", "date": "date"}.get(
        form.type, "text"
    )
    if name == "description":
        kind = "area"
    hint = ""
    if form.type == "list":
        value = " ".join(str(one) for one in value) if isinstance(value, list) else value
        hint = _("Several are parted by spaces.")
    return Field(
        name,
        loc(form.label),
        kind,
        loc(value) if isinstance(value, dict) else value,
        [(choice, choice) for choice in form.choices],
        form.unit,
        form.min,
        form.max,
        required,
        hint,
    )


def _choices(session: Session, typed: Typed) -> list[Field]:
    spots = places.texts(places.all_places(session))
    groups = session.execute(select(Group.id, Group.name).where(Group.active).order_by(Group.code))
    people = session.execute(
        select(Person.id, Person.name).where(Person.active).order_by(Person.username).limit(MOST_PEOPLE)
    )
    options: dict[str, list[tuple[str, str]]] = {
        "location": [(str(key), text) for key, text in sorted(spots.items(), key=lambda spot: spot[1])],
        "owner_group": [(str(key), loc(name)) for key, name in groups],
        "owner": [(str(key), loc(name)) for key, name in people],
        "criticality": [(str(key), _(text)) for key, text in words.CRITICALITIES.items()],
        "state": [(one.value, _(words.STATES[one])) for one in CiState],
    }
    return [
        Field(
            name,
            words.attribute(name),
            "choice",
            typed.get(name, ""),
            offered,
            required=name in {"criticality", "state"},
        )
        for name, offered in options.items()
    ]
