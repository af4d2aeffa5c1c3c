"""Classes of configuration items: inheritance, attributes, identifiers, whose word counts.

Read from `classes.yaml` in this folder. `Catalogue.build` takes the forms, so that attributes an
administrator adds in the console can be laid over the file's.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from importlib.resources import files
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field

from rules.reconcile import Rank
from server.kernel.errors import InvalidError
from server.kernel.i18n import N_

AttributeType = Literal[
    "text", "int", "number", "bool", "date", "choice", "list", "location", "person", "group", "localized"
]
TEXT_LIMIT = 2000
LIST_LIMIT = 500
UNKNOWN_CLASS = "device"

# Columns of Ci that are settled from claims like any other attribute.
COLUMNS = ("name", "vendor", "model", "serial", "version", "address")


class _Form(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class AttributeForm(_Form):
    """An attribute: its label, type and what is accepted."""

    label: dict[str, str]
    type: AttributeType
    unit: str = ""
    choices: tuple[str, ...] = ()
    min: float | None = None
    max: float | None = None
    core: bool = False  # kept in a column of its own
    mono: bool = False  # codes and addresses, shown in the code face


class ClassForm(_Form):
    """A class as the file has it."""

    label: dict[str, str]
    icon: str
    parent: str | None = None
    abstract: bool = False
    dependent: bool = False  # lives in a parent CI, known by its slot
    identify: str | None = None
    attributes: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    headline: tuple[str, ...] = ()


class RankForm(_Form):
    """A source's place and how many hours its word is good."""

    place: int = Field(ge=1)
    ttl_h: float | None = None


class RankingForm(_Form):
    """Two orders of sources, and the attributes for which people come first."""

    default: dict[str, RankForm]
    people_first: dict[str, RankForm]
    by_attribute: dict[Literal["people_first"], tuple[str, ...]]


class RelationForm(_Form):
    """A kind of relation, named from both ends."""

    label: dict[str, str]
    back: dict[str, str]
    one: bool = False


class CatalogueForm(_Form):
    """The whole file."""

    attributes: dict[str, AttributeForm]
    identify: dict[str, tuple[tuple[str, ...], ...]]
    classes: dict[str, ClassForm]
    ranking: RankingForm
    relations: dict[str, RelationForm]


@dataclass(frozen=True)
class CiClass:
    """A class with what it inherits."""

    code: str
    label: Mapping[str, str]
    icon: str
    ancestors: tuple[str, ...]  # nearest first
    abstract: bool
    dependent: bool
    identify: tuple[tuple[str, ...], ...]
    attributes: Mapping[str, AttributeForm]
    headline: tuple[str, ...]


class Catalogue:
    """All classes, attributes and relation kinds."""

    def __init__(self, form: CatalogueForm) -> None:
        self.attributes = form.attributes
        self.relations = form.relations
        self.classes = {code: _inherit(code, form) for code in form.classes}
        self._aliases = {alias: code for code, one in form.classes.items() for alias in one.aliases}
        self._people = frozenset(form.ranking.by_attribute["people_first"])
        self._ranks = {name: _ranks(getattr(form.ranking, name)) for name in ("default", "people_first")}

    def code_of(self, name: str) -> str:
        """The class of a name or alias; `device` for one that nobody knows."""
        name = name.strip().casefold()
        return name if name in self.classes else self._aliases.get(name, UNKNOWN_CLASS)

    def of(self, code: str) -> CiClass:
        """The class of a code; `device` for one that is gone."""
        return self.classes.get(code) or self.classes[UNKNOWN_CLASS]

    def knows(self, code: str) -> bool:
        """Whether there is such a class, and CIs may have it."""
        return code in self.classes and not self.classes[code].abstract

    def is_a(self, code: str, ancestor: str) -> bool:
        """Whether `code` is `ancestor` or below it."""
        return code == ancestor or ancestor in self.of(code).ancestors

    def below(self, code: str) -> tuple[str, ...]:
        """The class and all that inherit from it."""
        return tuple(one for one in self.classes if self.is_a(one, code))

    def ranking(self, attribute: str) -> Mapping[str, Rank]:
        """The order of sources for an attribute."""
        return self._ranks["people_first" if attribute in self._people else "default"]

    def attribute(self, name: str) -> AttributeForm:
        """An attribute's form; one that no class names is plain text under its own name."""
        return self.attributes.get(name) or AttributeForm(label={"en": name, "zh": name}, type="text")

    def checked(self, name: str, value: Any) -> Any:
        """The value in its type, or an InvalidError that names the attribute and what is accepted."""
        form = self.attribute(name)
        field = f"/attributes/{name}"
        if value is None or value == "":
            return None
        if form.type in {"int", "number"}:
            return _number(value, form, field)
        if form.type == "bool":
            if not isinstance(value, bool):
                raise InvalidError(N_("{name} is either true or false."), field=field, name=name)
            return value
        if form.type == "localized":
            return _localized(value, field, name)
        if form.type == "list":
            if not isinstance(value, list) or len(value) > LIST_LIMIT:
                raise InvalidError(
                    N_("{name} is a list of at most {limit} texts."), field=field, name=name, limit=LIST_LIMIT
                )
            return [_text(one, field, name) for one in value]
        text = _text(value, field, name)
        if form.type == "date":
            _date(text, field, name)
        if form.type == "choice" and text not in form.choices:
            raise InvalidError(
                N_("{name} is one of: {choices}."), field=field, name=name, choices=", ".join(form.choices)
            )
        return text


def _text(value: Any, field: str, name: str) -> str:
    if not isinstance(value, str | int | float) or isinstance(value, bool):
        raise InvalidError(N_("{name} is a text."), field=field, name=name)
    text = str(value).replace("\x00", "").strip()
    if len(text) > TEXT_LIMIT:
        raise InvalidError(
            N_("{name} has at most {limit} characters."), field=field, limit=TEXT_LIMIT, name=name
        )
    return text


def _localized(value: Any, field: str, name: str) -> dict[str, str]:
    pairs = {"en": value} if isinstance(value, str) else value
    if not isinstance(pairs, dict) or not set(pairs) <= {"en", "zh"}:
        raise InvalidError(N_("{name} is a text in en, zh or both."), field=field, name=name)
    return {language: _text(text, field, name) for language, text in pairs.items()}


def _date(text: str, field: str, name: str) -> None:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise InvalidError(N_("{name} is a date, as 2026-11-20."), field=field, name=name) from None
    if not 1970 <= day.year <= 2199:
        raise InvalidError(N_("{name} lies between 1970 and 2199."), field=field, name=name)


def _number(value: Any, form: AttributeForm, field: str) -> float | int:
    name = form.label["en"]
    try:
        number = float(value) if not isinstance(value, bool) else float("nan")
    except (TypeError, ValueError):
        number = float("nan")
    if not abs(number) < 2**63 or (form.type == "int" and not number.is_integer()):
        raise InvalidError(N_("{name} is a number."), field=field, name=name)
    if (form.min is not None and number < form.min) or (form.max is not None and number > form.max):
        raise InvalidError(
            N_("{name} lies between {least} and {most}."),
            field=field,
            name=name,
            least="-" if form.min is None else f"{form.min:g}",
            most="-" if form.max is None else f"{form.max:g}",
        )
    return int(number) if form.type == "int" else number


def _inherit(code: str, form: CatalogueForm) -> CiClass:
    line = [code]
    while (parent := form.classes[line[-1]].parent) is not None:
        if parent in line or parent not in form.classes:
            raise ValueError(f"class {code}: its parent {parent} is not a class or inherits from it")
        line.append(parent)
    own = form.classes[code]
    identify = next(one for one in (form.classes[step].identify for step in line) if one)
    attributes = {
        name: form.attributes[name] for step in reversed(line) for name in form.classes[step].attributes
    }
    return CiClass(
        code=code,
        label=own.label,
        icon=own.icon,
        ancestors=tuple(line[1:]),
        abstract=own.abstract,
        dependent=any(form.classes[step].dependent for step in line),
        identify=form.identify[identify],
        attributes=attributes,
        headline=next((one for one in (form.classes[step].headline for step in line) if one), ()),
    )


def _ranks(forms: Mapping[str, RankForm]) -> dict[str, Rank]:
    return {
        source: Rank(form.place, timedelta(hours=form.ttl_h) if form.ttl_h else None)
        for source, form in forms.items()
    }


@cache
def catalogue() -> Catalogue:
    """The catalogue that the package brings."""
    text = files("server.cmdb").joinpath("classes.yaml").read_text(encoding="utf-8")
    return Catalogue(CatalogueForm.model_validate(yaml.safe_load(text)))
