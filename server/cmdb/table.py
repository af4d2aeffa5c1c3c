"""The list of configuration items."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, or_, select
from sqlalchemy.orm import Session

from server.accounts.models import Group
from server.cmdb import providers, words
from server.cmdb.classes import catalogue
from server.cmdb.models import Ci, CiState, Location, Presence
from server.kernel.call import Actor
from server.kernel.i18n import N_, loc
from server.kernel.listing import Choice, Column, Filter, Listing, View

BRANCHES = (
    "server",
    "security",
    "storage",
    "environment",
    "network",
    "pc",
    "peripheral",
    "application",
    "system_software",
    "service",
)


@dataclass(frozen=True)
class Row:
    """A line of the list, ready to be shown."""

    id: int
    number: str
    name: str
    icon: str
    health: str
    class_label: str
    made_by: str
    address: str | None
    place: str
    place_title: str
    owner: str
    state: str
    presence: str
    seen_at: datetime | None
    conflicts: int


def rows(session: Session, items: Sequence[Ci], _actor: Actor, _now: datetime) -> list[Row]:
    """What the cells show; four queries however many rows."""
    health = providers.health(session, items)
    places = _places(session, {one.location_id for one in items if one.location_id})
    groups = {one.owner_group_id for one in items if one.owner_group_id}
    named = session.execute(select(Group.id, Group.name).where(Group.id.in_(groups))) if groups else ()
    names = {row[0]: loc(row[1]) for row in named}
    classes = catalogue()
    return [
        Row(
            id=one.id,
            number=one.number,
            name=one.name,
            icon=classes.of(one.class_code).icon,
            health=health[one.id],
            class_label=loc(classes.of(one.class_code).label),
            made_by=" ".join(part for part in (one.vendor, one.model) if part),
            address=one.address,
            place=places.get(one.location_id, ("", ""))[0],
            place_title=places.get(one.location_id, ("", ""))[1],
            owner=names.get(one.owner_group_id or 0, ""),
            state=words.value("state", one.state),
            presence=str(one.presence.value),
            seen_at=one.seen_at,
            conflicts=one.conflicts,
        )
        for one in items
    ]


def _places(session: Session, ids: set[int]) -> dict[int | None, tuple[str, str]]:
    """The name of each place with the one around it, and the whole path for the tooltip."""
    if not ids:
        return {}
    above = Location.__table__.alias("above")
    upper = Location.__table__.alias("upper")
    query = (
        select(Location.id, Location.name, above.c.name, upper.c.name)
        .outerjoin(above, above.c.id == Location.parent_id)
        .outerjoin(upper, upper.c.id == above.c.parent_id)
        .where(Location.id.in_(ids))
    )
    said: dict[int | None, tuple[str, str]] = {}
    for place, name, around, beyond in session.execute(query):
        line = [loc(one) for one in (beyond, around, name) if one]
        said[place] = (" · ".join(line[-2:]), " · ".join(line))
    return said


def _classes(_session: Session, _actor: Actor) -> list[Choice]:
    classes = catalogue()
    branches = [
        Choice(code, classes.of(code).label, Ci.class_code.in_(classes.below(code))) for code in BRANCHES
    ]
    exact = [
        Choice(code, one.label)
        for code, one in classes.classes.items()
        if code not in BRANCHES and not one.abstract
    ]
    return branches + exact


def _rooms(session: Session, _actor: Actor) -> list[Choice]:
    """Places down to the room; each takes in what lies inside it."""
    found = session.execute(
        select(Location.id, Location.code, Location.name, Location.kind, Location.parent_id)
    ).all()
    children: dict[int | None, list[int]] = {}
    for row in found:
        children.setdefault(row.parent_id, []).append(row.id)
    choices = []
    for row in found:
        if row.kind in {"rack", "row"}:
            continue
        inside, queue = [row.id], [row.id]
        while queue:
            below = children.get(queue.pop(), [])
            inside += below
            queue += below
        choices.append(Choice(row.code, row.name, Ci.location_id.in_(inside)))
    return choices


def _groups(session: Session, _actor: Actor) -> list[Choice]:
    return [
        Choice(code, name, Ci.owner_group_id == group)
        for group, code, name in session.execute(
            select(Group.id, Group.code, Group.name).order_by(Group.code)
        )
    ]


def _all(_actor: Actor) -> Select[Any]:
    return select(Ci)


CIS = Listing(
    name="cis",
    url="/cis",
    title=N_("Configuration items"),
    statement=_all,
    key=Ci.id,
    sort="name",
    search=(Ci.search_text,),
    columns=(
        Column(
            "health", N_("Health"), kind="sev", label_hidden=True, width="narrow", phone="mark", csv=False
        ),
        Column("name", N_("Name"), kind="custom", sort=Ci.sort_name, phone="title"),
        Column("class_label", N_("Class"), sort=(Ci.class_code, Ci.sort_name), phone="meta"),
        Column("made_by", N_("Vendor and model"), sort=(Ci.vendor, Ci.sort_name)),
        Column("address", N_("Address"), kind="custom", sort=Ci.address),
        Column("place", N_("Location"), kind="custom"),
        Column("owner", N_("Owner group")),
        Column("seen_at", N_("Last seen"), kind="custom", sort=Ci.seen_at, phone="end"),
        Column("state", N_("Life cycle"), sort=(Ci.state, Ci.sort_name)),
        Column("number", N_("Number"), kind="id", sort=Ci.id),
    ),
    filters=(
        Filter("class", N_("Class"), "choice", Ci.class_code, choices=_classes),
        Filter("name", N_("Name"), "text", Ci.name),
        Filter("vendor", N_("Vendor"), "text", Ci.vendor),
        Filter("model", N_("Model"), "text", Ci.model),
        Filter("address", N_("Address"), "text", Ci.address),
        Filter("place", N_("Location"), "choice", choices=_rooms),
        Filter("group", N_("Owner group"), "choice", choices=_groups),
        Filter(
            "state",
            N_("Life cycle"),
            "choice",
            Ci.state,
            choices=tuple(Choice(one.value, words.STATES[one]) for one in CiState),
        ),
        Filter(
            "seen",
            N_("Seen"),
            "choice",
            Ci.presence,
            choices=tuple(Choice(one.value, words.PRESENCES_SHORT[one]) for one in Presence),
        ),
        Filter(
            "problem",
            N_("Data"),
            "choice",
            choices=(
                Choice("conflict", N_("with a conflict"), Ci.conflicts > 0),
                Choice("nowhere", N_("without a location"), Ci.location_id.is_(None)),
                Choice("ownerless", N_("without an owner"), Ci.owner_group_id.is_(None)),
            ),
        ),
    ),
    views=(
        View("all", N_("All"), "", sort="name"),
        View("environment", N_("Environment"), "class:environment", sort="name"),
        View("network", N_("Network"), "class:network,security", sort="name"),
        View("servers", N_("Servers"), "class:server,storage", sort="name"),
        View("services", N_("Services"), "class:service,application,system_software", sort="name"),
        View("conflicts", N_("Conflicts"), "problem:conflict", sort="name"),
        View("unseen", N_("Not seen"), "seen:missing,suspect", sort="seen_at"),
    ),
    prepare=rows,
    row_url=lambda row: f"/cis/{row.number}",
)


def lookup(session: Session, text: str, *, limit: int = 12) -> Sequence[Ci]:
    """Items whose name, number, address, model or serial has the text; those that begin with it first."""
    folded = text.strip().casefold()
    if not folded:
        return []
    pattern = folded.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    begins = or_(Ci.sort_name.startswith(folded, autoescape=True), Ci.address == folded)
    query = select(Ci).where(Ci.search_text.like(f"%{pattern}%", escape="\\"))
    return session.scalars(query.order_by(begins.desc(), Ci.sort_name).limit(limit)).all()
