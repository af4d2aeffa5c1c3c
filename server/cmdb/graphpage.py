"""What the graph page shows: the picture, what stops if this stops, the table twin."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from rules.numbers import whole
from server.cmdb import graphs, picture, providers, service, words
from server.cmdb.classes import catalogue
from server.cmdb.impact import impact as impact_of
from server.cmdb.models import Ci, Presence
from server.kernel.errors import NotFoundError
from server.kernel.i18n import N_, _, loc

NAMED = 6  # items of one fate that are named
NAME_SIGNS, NOTE_SIGNS = 14, 16  # that fit into a box, Han signs count double; the whole is in the tooltip


@dataclass(frozen=True)
class Wish:
    """What the address asks for."""

    root: str
    way: picture.Way
    steps: int
    fold: int
    kinds: str = ""  # all, power, network; empty: what suits the root's class


@dataclass(frozen=True)
class Shown:
    """A box with its words."""

    box: picture.Box
    name: str
    title: str
    note: str
    icon: str
    url: str
    severity: str
    root: bool


@dataclass(frozen=True)
class Row:
    """A line of the table twin: who depends how on whom."""

    name: str
    url: str
    relation: str
    other: str
    other_url: str


@dataclass(frozen=True)
class Fate:
    """How many items one thing happens to, and the first of them."""

    count: int
    first: Sequence[Ci]


@dataclass(frozen=True)
class View:
    """All that the page shows; without a root only the question for one."""

    root: Ci | None
    kinds: str
    icon: str
    severity: str
    picture: picture.Picture | None
    shown: Sequence[Shown]
    rows: Sequence[Row]
    fates: Sequence[Fate]  # what stops, is cut off, is weakened, cannot be told
    starts: Sequence[Ci]


def view(session: Session, wish: Wish) -> View:
    """The graph around an item; without a root a few items to begin with."""
    if not wish.root:
        query = (
            select(Ci).where(Ci.state.not_in(graphs.ABSENT)).order_by(Ci.criticality, Ci.sort_name).limit(12)
        )
        return View(None, "all", "", "", None, (), (), (), session.scalars(query).all())
    number = whole(wish.root)
    root = service.ci(session, wish.root if number is None else number)
    kinds = wish.kinds or _suiting(root.class_code)
    known = graphs.graph(session)
    if root.id not in known:
        raise NotFoundError(N_("{number} is not in use and has no place in the graph."), number=root.number)
    severities = providers.alerts_of(session, list(known.nodes))
    drawn = picture.draw(
        known,
        root.id,
        way=wish.way,
        steps=wish.steps,
        fold=wish.fold,
        kinds=picture.SETS[kinds],
        tell_apart=lambda one: severities.get(one, ""),
    )
    impact = impact_of(known, root.id)
    fates = (impact.stops, impact.cut_off, impact.weakened, impact.unknown)
    wanted = {member for box in drawn.boxes for member in box.members}
    items = service.cis(session, wanted | {one for part in fates for one in part[:NAMED]})
    return View(
        root=root,
        kinds=kinds,
        icon=service.icon(root.class_code),
        severity=severities.get(root.id) or providers.of_presence(root.presence),
        picture=drawn,
        shown=[_shown(box, items, severities, root.id) for box in drawn.boxes],
        rows=[
            Row(
                items[edge.source].name,
                f"/cis/{items[edge.source].number}",
                words.relation(edge.kind, forward=True),
                items[edge.target].name,
                f"/cis/{items[edge.target].number}",
            )
            for edge in drawn.edges
        ],
        fates=[Fate(len(ids), [items[one] for one in ids[:NAMED] if one in items]) for ids in fates],
        starts=(),
    )


def _suiting(class_code: str) -> str:
    """Power devices are first asked about power, network devices about the network."""
    classes = catalogue()
    if classes.is_a(class_code, "environment"):
        return "power"
    return "network" if classes.is_a(class_code, "network") or classes.is_a(class_code, "security") else "all"


def _shown(box: picture.Box, items: dict[int, Ci], severities: dict[int, str], root: int) -> Shown:
    one = items[box.key]
    label = loc(catalogue().of(one.class_code).label)
    severity = severities.get(box.key) or providers.of_presence(one.presence)
    if box.folded:
        names = [items[member].name for member in box.members]
        text = _("{n} × {label}").format(n=len(names), label=label)
        return Shown(
            box,
            _cut(text, NAME_SIGNS + 2),
            ", ".join(names),
            _cut(names[0], NOTE_SIGNS - 2) + " …",
            service.icon(one.class_code),
            "",
            severity,
            root=False,
        )
    name = _cut(one.name, NAME_SIGNS)
    note = (
        label if one.presence in {Presence.ACTIVE, Presence.UNSEEN} else words.value("presence", one.presence)
    )
    return Shown(
        box,
        name,
        f"{one.name} · {label}",
        _cut(note, NOTE_SIGNS),
        service.icon(one.class_code),
        f"/graph?root={one.number}",
        severity,
        one.id == root,
    )


def _cut(text: str, signs: int) -> str:
    """The text, or its head with an ellipsis."""
    room = signs
    for index, sign in enumerate(text):
        room -= 2 if sign >= "\u2e80" else 1
        if room < 0:
            return f"{text[: max(1, index - 1)]}…"
    return text
