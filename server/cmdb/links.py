"""Relations: entered by people, observed by agents, ended but never erased."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import and_, func, or_, select, update
from sqlalchemy.orm import Session

from rules import identify
from rules.neighbours import same_port
from rules.wire import ObservedRelation
from server.cmdb.classes import catalogue
from server.cmdb.marks import touch_graph
from server.cmdb.models import Ci, CiKey, Relation
from server.kernel.errors import ConflictError, InvalidError, NotFoundError
from server.kernel.events import emit
from server.kernel.i18n import N_

PEOPLE = frozenset({"entered", "import", "change"})  # sources that an agent never overrules
TELLS = (
    ("serial", 0.98),
    ("macs", 0.95),
    ("source_key", 0.95),
    ("fqdn", 0.9),
    ("address", 0.85),
    ("name", 0.8),
)
# Nearer the core first; the rest is farther. Decides which end of an observed link depends on which.
NEAR = {"router": 0, "firewall": 1, "switch": 2, "fc_switch": 2, "wireless": 4}
FAR = 5
CHUNK = 5_000  # values of one question to the database


@dataclass(frozen=True)
class Neighbour:
    """A relation seen from one CI: `forward` when that CI is the dependent."""

    relation: Relation
    ci_id: int
    number: str
    name: str
    class_code: str
    forward: bool


@dataclass(frozen=True)
class Told:
    """Who tells of a link, and how sure the keys make us that it is that neighbour."""

    source: str
    confidence: float


def relate(
    session: Session,
    kind: str,
    from_id: int,
    to_id: int,
    *,
    now: datetime,
    source: str = "entered",
    slot: str = "",
    confidence: float = 1.0,
    attributes: Mapping[str, Any] | None = None,
    since_at: datetime | None = None,
) -> Relation:
    """Say that `from_id` depends on `to_id`; telling the same again confirms it.

    Raises:
        InvalidError: an unknown kind, or a CI related to itself.
        ConflictError: the kind allows one target and the CI has another.
    """
    form = catalogue().relations.get(kind)
    if form is None:
        raise InvalidError(N_("There is no kind of relation {kind}."), field="/kind", kind=kind)
    if from_id == to_id:
        raise InvalidError(N_("A configuration item cannot be related to itself."), field="/to")
    same_kind = _living(session, Relation.from_id == from_id, Relation.kind == kind)
    for known in same_kind:
        if known.to_id == to_id and known.slot == slot:
            return _confirm(session, known, source, attributes or {}, now=now)
    if form.one and same_kind:
        if any(people(one.source) for one in same_kind) or people(source):
            raise ConflictError(
                N_("It has such a relation already, and only one is possible."), field="/kind"
            )
        for one in same_kind:
            end(session, one.id, now=now)
    relation = Relation(
        kind=kind,
        from_id=from_id,
        to_id=to_id,
        slot=slot[:120],
        source=source,
        confidence=max(0.0, min(1.0, confidence)),
        attributes=dict(attributes or {}),
        since_at=since_at or now,
        recorded_at=now,
        seen_at=now,
    )
    session.add(relation)
    session.flush()
    _tell(session, from_id, to_id)
    return relation


def end(session: Session, relation_id: int, *, now: datetime) -> Relation:
    """End a relation: from now on it is history."""
    relation = session.get(Relation, relation_id)
    if relation is None or relation.ended_at is not None:
        raise NotFoundError(N_("There is no such relation."))
    relation.ended_at = now
    session.flush()
    _tell(session, relation.from_id, relation.to_id)
    return relation


def neighbours(session: Session, ci_id: int, *, at: datetime | None = None) -> list[Neighbour]:
    """Relations of a CI in both directions, by kind and the other's name; now or at a past moment."""
    mine = or_(Relation.from_id == ci_id, Relation.to_id == ci_id)
    living = (
        Relation.ended_at.is_(None)
        if at is None
        else and_(Relation.since_at <= at, or_(Relation.ended_at.is_(None), Relation.ended_at > at))
    )
    rows = session.execute(
        select(Relation, Ci.id, Ci.number, Ci.name, Ci.class_code)
        .join(
            Ci,
            or_(
                and_(Relation.from_id == ci_id, Ci.id == Relation.to_id),
                and_(Relation.to_id == ci_id, Ci.id == Relation.from_id),
            ),
        )
        .where(mine, living)
        .order_by(Relation.kind, Ci.sort_name, Relation.id)
    )
    return [
        Neighbour(relation, other, number, name, code, relation.from_id == ci_id)
        for relation, other, number, name, code in rows
    ]


def link_observed(
    session: Session,
    ci: Ci,
    relations: Iterable[ObservedRelation],
    source: str,
    *,
    at: datetime,
    now: datetime,
) -> int:
    """Turn what a device tells of its neighbours into relations; returns how many are new.

    A neighbour counts when its keys point to exactly one other CI. A link that a person entered is
    confirmed and never changed.
    """
    new = 0
    for observed in relations:
        found = find_by_keys(session, observed.keys, but=ci.id)
        if found is None or observed.kind not in catalogue().relations:
            continue
        other, confidence = found
        if observed.kind == "connects_to":
            new += _link_ports(session, (ci, other), observed, Told(source, confidence), now=now)
            continue
        kept = _living(session, Relation.from_id == ci.id, Relation.kind == observed.kind)
        if catalogue().relations[observed.kind].one and any(people(one.source) for one in kept):
            continue
        known = {(one.to_id, one.slot) for one in kept}
        slot = observed.attributes.get("feed") or observed.attributes.get("slot") or ""
        relate(
            session,
            observed.kind,
            ci.id,
            other.id,
            now=now,
            source=source,
            slot=slot,
            confidence=confidence,
            attributes=observed.attributes,
            since_at=at,
        )
        new += (other.id, slot) not in known
    return new


def join(
    session: Session,
    ends_of: tuple[tuple[Ci, str], tuple[Ci, str]],
    told: Told,
    *,
    sources: str,
    tellers: frozenset[int],
    at: datetime,
    now: datetime,
) -> tuple[Relation, bool]:
    """Bring a link that follows of many devices' words to its relation; whether that is new.

    What a person entered between the two is left as it is, and is for the caller to compare.

    Args:
        ends_of: the items with their ports, "" where it is not told which.
        sources: who tell it, as `cdp lldp`.
        tellers: the items whose word it is.
        at: when they told it.
    """
    (one, mine), (other, theirs) = ends_of
    pair = or_(
        and_(Relation.from_id == one.id, Relation.to_id == other.id),
        and_(Relation.from_id == other.id, Relation.to_id == one.id),
    )
    ports = {one.id: mine, other.id: theirs}
    for known in _living(session, Relation.kind == "connects_to", pair):
        has = [str(known.attributes.get(name) or "") for name in ("source_port", "target_port")]
        says = [ports[known.from_id], ports[known.to_id]]
        if people(known.source) or not all(map(same_port, has, says)):
            continue
        better = {name: text for name, text in zip(("source_port", "target_port"), says, strict=True) if text}
        words = {**better, "told_by": sources, "tellers": _tellers(known.from_id, tellers)}
        known.confidence = told.confidence
        _confirm(session, known, told.source, words, now=max(at, known.seen_at))
        return known, False
    from_, to = (other, one) if _distance(session, one) < _distance(session, other) else (one, other)
    named = {"source_port": ports[from_.id], "target_port": ports[to.id]}
    attributes = {name: port for name, port in named.items() if port}
    made = relate(
        session,
        "connects_to",
        from_.id,
        to.id,
        now=now,
        source=told.source,
        slot=f"{ports[from_.id]}>{ports[to.id]}"[:120] if attributes else "",
        confidence=told.confidence,
        attributes={**attributes, "told_by": sources, "tellers": _tellers(from_.id, tellers)},
        since_at=at,
    )
    return made, True


def tellers_of(relation: Relation) -> frozenset[int]:
    """The items on whose word a discovered link rests."""
    words = str(relation.attributes.get("tellers") or "").split()
    return frozenset({"from": relation.from_id, "to": relation.to_id}[word] for word in words)


def seen(session: Session, relation: Relation, *, at: datetime) -> None:
    """A link was seen again; nothing else of it changes."""
    _confirm(session, relation, "", {}, now=max(at, relation.seen_at))


def cables(session: Session, ci_ids: Iterable[int]) -> list[Relation]:
    """Living links between items of which at least one is one of these."""
    found: dict[int, Relation] = {}
    ids = sorted(set(ci_ids))
    for start in range(0, len(ids), CHUNK):
        some = ids[start : start + CHUNK]
        where = or_(Relation.from_id.in_(some), Relation.to_id.in_(some))
        found |= {one.id: one for one in _living(session, Relation.kind == "connects_to", where)}
    return [found[number] for number in sorted(found)]


def _tellers(from_id: int, tellers: frozenset[int]) -> str:
    """Which ends tell of a link, as it is kept with it."""
    far = bool(tellers - {from_id})
    return " ".join(word for word, tells in (("from", from_id in tellers), ("to", far)) if tells)


def find_by_keys(
    session: Session, keys: Mapping[str, Sequence[str]], *, but: int = 0
) -> tuple[Ci, float] | None:
    """The one CI that the keys point to, and how sure that kind of key makes us; None for none or several."""
    for kind, confidence in TELLS:
        values = {identify.normal(kind, one) for one in keys.get(kind, ())}
        if kind == "name":
            values |= {one.split(".", 1)[0] for one in values}
        good = [one for one in values if not identify.is_junk(kind, one)]
        if not good:
            continue
        hits = set(
            session.scalars(
                select(CiKey.ci_id).where(CiKey.kind == kind, CiKey.value.in_(good), CiKey.ci_id != but)
            )
        )
        if len(hits) == 1:
            return session.get_one(Ci, hits.pop()), confidence
    return None


def end_unseen(session: Session, before: datetime, *, now: datetime) -> int:
    """End the links that an agent told and has not confirmed since `before`."""
    rows = _living(session, Relation.seen_at < before, Relation.source.startswith("agent"))
    for relation in rows:
        end(session, relation.id, now=now)
    return len(rows)


def people(source: str) -> bool:
    """Whether a person stands behind a source."""
    return source.split(":", 1)[0] in PEOPLE


def _link_ports(
    session: Session, ends_of: tuple[Ci, Ci], observed: ObservedRelation, told: Told, *, now: datetime
) -> int:
    ci, other = ends_of
    words = observed.attributes
    mine = words.get("local_port") or words.get("source_port") or ""
    theirs = words.get("remote_port") or words.get("target_port") or ""
    pair = or_(
        and_(Relation.from_id == ci.id, Relation.to_id == other.id),
        and_(Relation.from_id == other.id, Relation.to_id == ci.id),
    )
    for known in _living(session, Relation.kind == "connects_to", pair):
        ends = ("source_port", "target_port") if known.from_id == ci.id else ("target_port", "source_port")
        stored = tuple(str(known.attributes.get(one) or "") for one in ends)
        if not any(stored) or mine in {"", stored[0]} or (theirs and theirs == stored[1]):
            ports = {} if people(known.source) else {ends[0]: mine} if mine else {}
            _confirm(session, known, told.source, ports, now=now)
            return 0
    from_, to, near, far = (ci, other, mine, theirs)
    if _distance(session, ci) < _distance(session, other):
        from_, to, near, far = (other, ci, theirs, mine)
    ports = {name: port for name, port in (("source_port", near), ("target_port", far)) if port}
    relate(
        session,
        "connects_to",
        from_.id,
        to.id,
        now=now,
        source=told.source,
        slot=f"{near}>{far}" if ports else "",
        confidence=told.confidence,
        attributes=ports,
    )
    return 1


def _distance(session: Session, ci: Ci) -> tuple[int, int, str]:
    """How far from the core an item stands: by its class, then by how many hang on it."""
    line = (ci.class_code, *catalogue().of(ci.class_code).ancestors)
    near = next((NEAR[code] for code in line if code in NEAR), FAR)
    hang = session.scalar(
        select(func.count()).where(
            Relation.to_id == ci.id, Relation.kind == "connects_to", Relation.ended_at.is_(None)
        )
    )
    return near, -(hang or 0), ci.sort_name


def _living(session: Session, *where: Any) -> Sequence[Relation]:
    return session.scalars(
        select(Relation).where(Relation.ended_at.is_(None), *where).order_by(Relation.id)
    ).all()


def _confirm(
    session: Session, relation: Relation, source: str, attributes: Mapping[str, Any], *, now: datetime
) -> Relation:
    """Seen again. A person's word is taken over an agent's, never the other way round."""
    if people(source) and not people(relation.source):
        relation.source, relation.confidence = source, 1.0
    wanted = {**relation.attributes, **attributes}
    if wanted != relation.attributes and (people(source) or not people(relation.source)):
        relation.attributes = wanted
        _tell(session, relation.from_id, relation.to_id)
    session.flush()
    table = Relation.__table__
    session.execute(update(table).where(table.c.id == relation.id).values(seen_at=now))  # type: ignore[arg-type]
    session.expire(relation, ["seen_at"])
    return relation


def _tell(session: Session, *ends: int) -> None:
    touch_graph(session)
    for number in session.scalars(select(Ci.number).where(Ci.id.in_(ends))):
        emit(session, f"ci:{number}", {"number": number})
