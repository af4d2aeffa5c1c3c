"""What all devices of a run tell of their neighbours becomes relations; what nobody tells any more ends.

A link is told by both its ends, by one, or guessed from addresses that bridges learned: `rules.links` says
which. It ends when those who told it were asked in two runs one after the other, said all they know, and told
it in neither. What a person entered is confirmed, never changed and never ended.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

import msgspec
from sqlalchemy import select
from sqlalchemy.orm import Session

from rules import wire
from rules.links import INTRODUCED, End, Picture, merge
from rules.neighbours import Directory, Member, Neighbour, usable
from server.agents import service as agents
from server.cmdb import links as cmdb_links
from server.cmdb import service as cmdb
from server.cmdb.models import Ci, CiKey, Relation
from server.discovery.jobs import TOPIC, run_of
from server.discovery.models import Finding, Run, RunState
from server.kernel.events import emit

KINDS = {"macs": "macs", "address": "address", "name": "name", "fqdn": "name"}  # of CiKey, as links call them
Value = TypeVar("Value", int, str)
CHUNK = 5_000  # values of one question to the database
ASKED = frozenset({"snmp"})  # ways by which a device tells of its neighbours


class Words(msgspec.Struct):
    """Of a finding, what it tells of neighbours."""

    links: list[wire.ObservedLink] = []
    ports: dict[str, list[str]] = {}
    ways: dict[str, int] = {}
    truncated: bool = False

    @property
    def whole(self) -> bool:
        """Whether what it does not tell is not there."""
        return not self.truncated and bool(ASKED & self.ways.keys())


@dataclass(frozen=True)
class Settled:
    """What became of the links of a run; `conflicts` contradict what a person entered."""

    told: int
    new: int
    ended: int
    strangers: int
    conflicts: int


def settle(session: Session, run_id: int, *, now: datetime) -> Settled:
    """Bring the links of a run that has ended to the CMDB; the same again changes nothing."""
    run = run_of(session, run_id)
    at = run.ended_at or now
    words = _words(session, run.id)
    cables = _Cables(session, words)
    picture = cables.picture()
    source = f"discovery:{agents.agent_of(session, run.agent_id).name}"
    cis = _cis(session, {end.device for joint in picture.joints for end in (joint.one, joint.other)})
    new, living = 0, set()
    for joint in picture.joints:
        ends_of = (cis[joint.one.device], joint.one.port), (cis[joint.other.device], joint.other.port)
        relation, made = cmdb_links.join(
            session,
            ends_of,
            cmdb_links.Told(source, joint.confidence),
            sources=" ".join(joint.sources),
            tellers=frozenset(joint.tellers),
            at=at,
            now=now,
        )
        living.add(relation.id)
        new += made
    for pair in picture.confirmed:
        cmdb_links.seen(session, cables.entered[pair], at=at)
    untold = _untold(session, run, words, source)
    ended = [one.id for one in untold if one.id not in living]
    for number in ended:
        cmdb.end(session, number, now=now)
    emit(session, TOPIC, {"job": run.job_id, "run": run.id})
    told = len(picture.joints) + len(picture.confirmed)
    return Settled(told, new, len(ended), len(picture.strangers), len(picture.conflicts))


def settle_latest(session: Session, run_id: int, *, now: datetime) -> Settled | None:
    """As `settle`, unless a later run of the job has ended: its word counts, not this one's."""
    run = session.get(Run, run_id)
    if run is None or run.ended_at is None:
        return None
    later = select(Run.id).where(Run.job_id == run.job_id, Run.id > run.id, Run.ended_at.is_not(None))
    return settle(session, run_id, now=now) if session.scalar(later.limit(1)) is None else None


@dataclass(frozen=True)
class Heard:
    """A neighbour that a device tells of, and who that is: `known`, or one of `maybe`, or nobody."""

    link: wire.ObservedLink
    known: Ci | None
    maybe: Sequence[Ci] = ()


@dataclass(frozen=True)
class Against:
    """A link that was discovered against one that a person entered."""

    entered: Relation
    one: Ci
    one_port: str
    other: Ci
    other_port: str


@dataclass(frozen=True)
class Heardsay:
    """All that one device tells of its neighbours, and what of it contradicts a person."""

    heard: Sequence[Heard]
    against: Sequence[Against]


@dataclass(frozen=True)
class Outsider:
    """A neighbour that introduced itself to a device of a run and is no known item, or one of `maybe`."""

    teller: Ci
    port: str
    kind: str
    keys: Mapping[str, Sequence[str]]
    far_port: str
    maybe: Sequence[Ci]

    @property
    def address(self) -> str:
        """The address it tells, "" for none."""
        return next(iter(self.keys.get("address", ())), "")


@dataclass(frozen=True)
class RunLinks:
    """What all devices of a run tell together; `links` between known items, `outsiders` by their tellers."""

    links: int
    against: Sequence[Against]
    outsiders: Sequence[Outsider]


def of_run(session: Session, run_id: int) -> RunLinks:
    """The links of a run as its devices told them, with what nobody knows and what contradicts a person."""
    run = run_of(session, run_id)
    cables = _Cables(session, _words(session, run.id))
    picture = cables.picture()
    strangers = [one for one in picture.strangers if one.kind in INTRODUCED]
    wanted = {number for one in strangers for number in (one.seen_by.device, *one.candidates)}
    cis = _cis(session, wanted | _disputed(picture))
    outsiders = [
        Outsider(
            cis[one.seen_by.device],
            one.seen_by.port,
            one.kind,
            dict(one.keys),
            one.far_port,
            [cis[number] for number in one.candidates],
        )
        for one in strangers
    ]
    outsiders.sort(key=lambda one: (one.teller.sort_name, one.port))
    told = len(picture.joints) + len(picture.confirmed)
    return RunLinks(told, _against(picture, cables, cis), outsiders)


def _disputed(picture: Picture) -> set[int]:
    """The items at the ends of what contradicts a person."""
    ends = [end for one in picture.conflicts for end in (one.discovered.one, one.discovered.other)]
    return {end.device for end in ends}


def _against(picture: Picture, cables: "_Cables", cis: Mapping[int, Ci]) -> list[Against]:
    return [
        Against(cables.entered[one.entered], cis[first.device], first.port, cis[second.device], second.port)
        for one in picture.conflicts
        for first, second in [(one.discovered.one, one.discovered.other)]
    ]


def heard_by(session: Session, finding: Finding) -> Heardsay:
    """Who the neighbours are that a finding's device tells of."""
    mine = _read(finding.told)
    cables = _Cables(session, {finding.ci_id or 0: mine})
    find = cables.directory().find
    found = [(link, *find(link.keys)) for link in mine.links]
    picture = cables.picture() if finding.ci_id is not None else Picture((), (), (), ())
    wanted = {number for _, known, maybe in found for number in (known, *maybe) if number}
    cis = _cis(session, wanted | _disputed(picture))
    heard = [
        Heard(link, cis.get(known or 0), [cis[one] for one in maybe if one in cis])
        for link, known, maybe in found
    ]
    return Heardsay(heard, _against(picture, cables, cis))


class _Cables:
    """The devices that some words speak of or by, and what people entered between them."""

    def __init__(self, session: Session, words: Mapping[int, Words]) -> None:
        self.told = list(_useful(words))
        self.members = _members(session, words, [one for _, one in self.told])
        self.entered: dict[tuple[End, End], Relation] = {}
        for row in cmdb_links.cables(session, words):
            if cmdb_links.people(row.source):
                ports = [str(row.attributes.get(name) or "") for name in ("source_port", "target_port")]
                self.entered[End(row.from_id, ports[0]), End(row.to_id, ports[1])] = row

    def picture(self) -> Picture:
        """What follows from all words together."""
        return merge(self.told, self.members, self.entered)

    def directory(self) -> Directory:
        """Who is who among the devices."""
        found = Directory(self.members)
        found.learn(self.told)
        return found


def _useful(words: Mapping[int, Words]) -> Iterator[tuple[int, Neighbour]]:
    """All that is told; who has which address only of neighbours that somebody told by hardware address."""
    macs = {
        mac
        for said in words.values()
        for one in said.links
        if one.kind != "arp"
        for mac in one.keys.get("macs", ())
    }
    for ci_id, said in words.items():
        for one in said.links:
            if one.kind != "arp" or not macs.isdisjoint(one.keys.get("macs", ())):
                yield ci_id, Neighbour(one.kind, one.port, one.keys, one.far_port, one.confidence)


def _words(session: Session, run_id: int) -> dict[int, Words]:
    """What the devices of a run tell, by their item; of one found at several addresses the fullest."""
    rows = session.execute(
        select(Finding.ci_id, Finding.told)
        .where(Finding.run_id == run_id, Finding.ci_id.is_not(None))
        .order_by(Finding.sort_key)
        .execution_options(yield_per=200)
    )
    found: dict[int, Words] = {}
    for ci_id, told in rows:
        mine = _read(told)
        known = found.get(ci_id)
        if known is None or len(known.links) < len(mine.links):
            found[ci_id] = mine
    return found


def _read(told: Mapping[str, Any]) -> Words:
    return msgspec.convert(told, Words)


def _members(session: Session, words: Mapping[int, Words], told: Iterable[Neighbour]) -> list[Member]:
    """The devices that tell, and all other items that a neighbour's keys point to."""
    said: dict[str, set[str]] = defaultdict(set)
    for one in told:
        for kind, value in usable(one.keys):
            said[kind].add(value)
    ids = set(words)
    for kind, as_links in KINDS.items():
        for some in _pieces(said[as_links]):
            ids |= set(
                session.scalars(
                    select(CiKey.ci_id).where(CiKey.kind == kind, CiKey.value.in_(some)).distinct()
                )
            )
    keys: dict[int, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for some_ids in _pieces(ids):
        rows = session.execute(
            select(CiKey.ci_id, CiKey.kind, CiKey.value).where(
                CiKey.ci_id.in_(some_ids), CiKey.kind.in_(sorted(KINDS))
            )
        )
        for ci_id, kind, value in rows:
            keys[ci_id][KINDS[kind]].append(value)
    return [Member(one, keys[one], words[one].ports if one in words else {}) for one in sorted(ids)]


def _cis(session: Session, ids: Iterable[int]) -> dict[int, Ci]:
    return {
        one.id: one
        for some in _pieces(set(ids))
        for one in session.scalars(select(Ci).where(Ci.id.in_(some)))
    }


def _pieces(values: Collection[Value]) -> Iterator[Sequence[Value]]:
    """The values in pieces that a database takes in one question."""
    every = sorted(values)
    for start in range(0, len(every), CHUNK):
        yield every[start : start + CHUNK]


def _untold(session: Session, run: Run, words: Mapping[int, Words], source: str) -> list[Relation]:
    """Links of an agent's runs whose tellers told them neither in this run nor in the one before."""
    before = session.scalar(
        select(Run)
        .where(Run.job_id == run.job_id, Run.id < run.id, Run.state == RunState.DONE)
        .order_by(Run.id.desc())
        .limit(1)
    )
    if run.state is not RunState.DONE or before is None or before.ended_at is None:
        return []
    both = {ci for ci, one in _words(session, before.id).items() if one.whole}
    both &= {ci for ci, one in words.items() if one.whole}
    return [
        one
        for one in cmdb_links.cables(session, both)
        if one.source == source and one.seen_at < before.ended_at
        if (tellers := cmdb_links.tellers_of(one)) and tellers <= both
    ]
