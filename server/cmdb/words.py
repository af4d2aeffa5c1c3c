"""Values, sources and reasons of the CMDB in the reader's words."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from rules.reconcile import UNRANKED, Verdict
from server.accounts.models import Group, Person
from server.cmdb.classes import catalogue
from server.cmdb.models import CiState, Location, Presence
from server.kernel.i18n import (
    N_,
    _,
    format_bytes,
    format_date,
    format_duration,
    format_moment,
    format_number,
    format_unit,
    loc,
    ngettext,
)

STATES = {
    CiState.ORDERED: N_("Ordered"),
    CiState.RECEIVED: N_("Received"),
    CiState.IN_STOCK: N_("In stock"),
    CiState.IN_USE: N_("In use"),
    CiState.IN_REPAIR: N_("In repair"),
    CiState.RETURNED: N_("Returned"),
    CiState.RETIRED: N_("Retired"),
    CiState.SCRAPPED: N_("Scrapped"),
}
PRESENCES = {
    Presence.UNSEEN: N_("Never seen by an agent"),
    Presence.ACTIVE: N_("Seen by an agent"),
    Presence.MISSING: N_("Missing: no agent has seen it for a day"),
    Presence.SUSPECT: N_("Suspect: no agent has seen it for two weeks"),
}
PRESENCES_SHORT = {
    Presence.UNSEEN: N_("never seen"),
    Presence.ACTIVE: N_("seen"),
    Presence.MISSING: N_("missing"),
    Presence.SUSPECT: N_("suspect"),
}
CRITICALITIES = {1: N_("1 critical"), 2: N_("2 high"), 3: N_("3 normal"), 4: N_("4 low")}
SOURCES = {
    "agent": N_("agent {name}"),
    "discovery": N_("discovery by {name}"),
    "entered": N_("entered by hand"),
    "import": N_("import {name}"),
    "inspection": N_("inspection {name}"),
    "change": N_("change {name}"),
    "ageing": N_("not seen for long"),
}
SOURCE_ICONS = {
    "agent": "radar-2",
    "discovery": "radar-2",
    "entered": "user",
    "import": "file-spreadsheet",
    "inspection": "clipboard-check",
    "change": "git-pull-request",
    "ageing": "clock",
    "": "database-import",
}
STEPS = {
    "absent": N_("not given"),
    "junk": N_("says nothing: a maker's default"),
    "nobody": N_("nobody has it"),
    "found": N_("found"),
    "several": N_("several have it"),
    "contradicted": N_("another device by its serial number or UUID"),
    "agrees": N_("agrees"),
    "disagrees": N_("points to another item"),
}


THOUSAND = 1000


@dataclass(frozen=True)
class Names:
    """Names of the places, people and groups that values point to."""

    places: Mapping[int, str] = field(default_factory=dict)
    people: Mapping[int, str] = field(default_factory=dict)
    groups: Mapping[int, str] = field(default_factory=dict)


def names_for(session: Session, *values: Mapping[str, Any], places: Sequence[Location] = ()) -> Names:
    """Look up what the `location`, `owner` and `owner_group` of some snapshots are called.

    `places` are known already and not asked for again.
    """
    wanted: dict[str, set[int]] = {"location": set(), "owner": set(), "owner_group": set()}
    for snapshot in values:
        for name, ids in wanted.items():
            said = snapshot.get(name)
            ids.update(one for one in (said if isinstance(said, list) else [said]) if isinstance(one, int))
    known = {one.id: loc(one.name) for one in places}
    wanted["location"] -= known.keys()
    found: dict[str, dict[int, str]] = {}
    for name, model in (("location", Location), ("owner", Person), ("owner_group", Group)):
        ids = wanted[name]
        rows = session.execute(select(model.id, model.name).where(model.id.in_(ids))) if ids else ()
        found[name] = {row[0]: loc(row[1]) for row in rows}
    return Names(known | found["location"], found["owner"], found["owner_group"])


def attribute(name: str) -> str:
    """The label of an attribute; one that no class knows is shown as the device calls it."""
    form = catalogue().attributes.get(name)
    return loc(form.label) if form else name.replace("_", " ")


def is_mono(name: str) -> bool:
    """Whether its values are codes."""
    return catalogue().attribute(name).mono


def value(name: str, what: Any, names: Names | None = None) -> str:
    """A value of an attribute in words and with its unit; a dash for none."""
    if what is None or what in ("", []):
        return "–"
    show = SHOWN.get(name)
    return show(what, names or Names()) if show else _plain(name, what)


SHOWN: Mapping[str, Callable[[Any, Names], str]] = {
    "location": lambda what, names: names.places.get(what, str(what)),
    "owner": lambda what, names: names.people.get(what, str(what)),
    "owner_group": lambda what, names: names.groups.get(what, str(what)),
    "class": lambda what, _names: loc(catalogue().of(str(what)).label),
    "state": lambda what, _names: _(STATES[CiState(what)]),
    "presence": lambda what, _names: _(PRESENCES_SHORT[Presence(what)]),
    "criticality": lambda what, _names: _(CRITICALITIES[what]) if what in CRITICALITIES else str(what),
}


def _plain(name: str, what: Any) -> str:
    if isinstance(what, bool):
        return _("yes") if what else _("no")
    if isinstance(what, int | float):
        return _number(what, catalogue().attribute(name).unit)
    if isinstance(what, list):
        return ", ".join(str(one) for one in what)
    if isinstance(what, dict):
        return loc(what)
    return _day(str(what)) if catalogue().attribute(name).type == "date" else str(what)


def _number(what: float, unit: str) -> str:
    if unit == "B":
        return format_bytes(what)
    if unit in {"VA", "W"} and abs(what) >= THOUSAND:
        return format_unit(what / THOUSAND, f"k{unit}")
    return format_unit(what, unit) if unit else format_number(what)


def _day(text: str) -> str:
    try:
        return format_date(datetime.fromisoformat(text).date())
    except ValueError:
        return text


def source(code: str, by: str | None = None) -> str:
    """A source in words: `agent agent-b1-01`, `entered by alice`."""
    kind, _colon, name = code.partition(":")
    if kind == "entered" and by:
        return _("entered by {name}").format(name=by)
    text = SOURCES.get(kind)
    return _(text).format(name=name).strip() if text else code


def source_icon(code: str) -> str:
    """The icon of a source's kind."""
    return SOURCE_ICONS.get(code.split(":", 1)[0], SOURCE_ICONS[""])


def reason(verdict: Verdict, now: datetime) -> str:
    """Why a claim is shown or not, as `rank 3: lost, a better source says otherwise`."""
    place = verdict.place
    rank = _("no rank") if place == UNRANKED else _("rank {n}").format(n=place)
    match verdict.reason:
        case "shown":
            why = _("shown")
        case "agrees":
            why = _("agrees")
        case "lower_rank":
            why = _("lost to a better source")
        case "older":
            why = _("lost, older")
        case "reverted":
            why = _("taken out by a person")
        case _:
            ago = format_duration(now - verdict.expired_at, parts=1) if verdict.expired_at else ""
            why = _("lost, expired {span} ago").format(span=ago)
    return _("{rank}: {why}").format(rank=rank, why=why)


def changes(said: Mapping[str, Any], names: Names, *, most: int = 3) -> list[str]:
    """A version's changes, one text each; what is over `most` is counted."""
    shown = [_change(name, was, now, names) for name, (was, now) in list(said.items())[:most]]
    rest = len(said) - most
    if rest > 0:
        shown.append(ngettext("and one more", "and {n} more", rest).format(n=rest))
    return shown


def _change(name: str, was: Any, now: Any, names: Names) -> str:
    words = {"attribute": attribute(name), "was": value(name, was, names), "now": value(name, now, names)}
    if was is None:
        return _("{attribute} {now} (new)").format(**words)
    return _("{attribute} {was} → {now}").format(**words)


def moment(at: datetime) -> str:
    """A moment as tables show it."""
    return format_moment(at, "table")


def relation(kind: str, *, forward: bool) -> str:
    """A kind of relation as seen from the dependent (`forward`) or from what it depends on."""
    form = catalogue().relations.get(kind)
    return kind if form is None else loc(form.label if forward else form.back)
