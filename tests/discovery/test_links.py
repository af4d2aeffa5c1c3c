"""Links of a run in the CMDB: each once, with its sources; people's own untouched; ended after two runs."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import select
from sqlalchemy.orm import Session

from rules import wire
from server.cmdb import service as cmdb
from server.cmdb.models import Ci, Relation
from server.discovery import deciding, jobs, links
from server.discovery.links import Settled
from server.discovery.models import Finding, Item, Policy
from server.kernel.db import Database
from server.kernel.jobs import JobRow
from tests.discovery.place import NOON, Place, make

HOUR = timedelta(hours=1)
NAMES = {"alice": "10.20.8.1", "bob": "10.20.8.2", "charlie": "10.20.8.3"}
MACS = {name: f"02:00:00:00:00:{place:02x}" for place, name in enumerate(NAMES, 1)}


@pytest.fixture
def adding(db: Database) -> Place:
    return make(db, Policy.ADD)


def hears(
    port: str, far: str, far_port: str = "", kind: wire.LinkKind = "lldp", sure: float = 0.95
) -> wire.ObservedLink:
    keys = (
        {"macs": [MACS[far]]}
        if kind in {"bridge", "arp"}
        else {"name": [far], "address": [NAMES.get(far, "")]}
    )
    return wire.ObservedLink(kind, port, keys, far_port, sure)


def ran(
    place: Place,
    told: Mapping[str, Sequence[wire.ObservedLink]],
    at: datetime = NOON,
    *,
    state: wire.RunState = "done",
    cut: Iterable[str] = (),
) -> Settled:
    """A run in which these devices answered and told this, and what became of its links."""
    run = place.begin()
    place.report(
        at,
        findings=[
            place.found(run, NAMES[name], name=name, links=list(said), truncated=name in cut)
            for name, said in told.items()
        ],
    )
    place.report(at, progress=[wire.Progress(place.job_id, run, at.timestamp(), state, 3, 3, 3)])
    return place.db.run_now(links.settle, run, now=at)


def known(place: Place, *, ended: bool = False) -> list[tuple[str, str, str, str]]:
    """Living links by the names of their ends, in order, and their ports."""

    def read(session: Session) -> list[tuple[str, str, str, str]]:
        names = {one.id: one.name for one in session.scalars(select(Ci))}
        living = Relation.ended_at.is_not(None) if ended else Relation.ended_at.is_(None)
        out = []
        for one in session.scalars(select(Relation).where(living, Relation.kind == "connects_to")):
            words = one.attributes
            ends = [
                (names[one.from_id], words.get("source_port", "")),
                (names[one.to_id], words.get("target_port", "")),
            ]
            (first, mine), (second, theirs) = sorted(ends)
            out.append((first, mine, second, theirs))
        return sorted(out)

    return place.db.read_now(read)


def relation(place: Place) -> Relation:
    return place.db.read_now(lambda session: session.scalars(select(Relation)).one())


def enter(place: Place, one: str, other: str, ports: Mapping[str, str]) -> None:
    def write(session: Session) -> None:
        ids = {ci.name: ci.id for ci in session.scalars(select(Ci))}
        cmdb.relate(session, "connects_to", ids[one], ids[other], now=NOON, attributes=ports)

    place.db.run_now(write)


def test_what_both_ends_tell_is_one_link_with_both_ports_its_source_and_how_sure(adding: Place) -> None:
    told = {
        "alice": [hears("GigabitEthernet1/0/1", "bob", "Gi1/0/2")],
        "bob": [hears("GigabitEthernet1/0/2", "alice", "Gi1/0/1", "cdp")],
    }
    assert ran(adding, told) == Settled(1, 1, 0, 0, 0)
    assert known(adding) == [("alice", "GigabitEthernet1/0/1", "bob", "GigabitEthernet1/0/2")]
    one = relation(adding)
    assert (one.source, one.attributes["told_by"], one.attributes["tellers"]) == (
        "discovery:agent-b1", "cdp lldp", "from to",
    )  # fmt: skip
    assert 0.95 < one.confidence < 1
    assert ran(adding, told, NOON + HOUR) == Settled(1, 0, 0, 0, 0), "told again, it is confirmed"
    assert relation(adding).seen_at == NOON + HOUR


def test_a_port_that_is_told_by_its_address_or_description_is_that_port(adding: Place) -> None:
    run = adding.begin()
    ports = {"Gi1/0/2": ["GigabitEthernet1/0/2", "to the roof", "02:aa:00:00:00:02"]}
    for far in ("02:aa:00:00:00:02", "to the roof"):
        adding.report(
            findings=[
                adding.found(run, NAMES["alice"], name="alice", links=[hears("1", "bob", far)]),
                adding.found(
                    run, NAMES["bob"], name="bob", links=[hears("Gi1/0/2", "alice", "1")], ports=ports
                ),
            ]
        )
    adding.db.run_now(links.settle, run, now=NOON)
    assert known(adding) == [("alice", "1", "bob", "Gi1/0/2")]


def test_what_bridges_learned_counts_only_where_nothing_better_is_told(adding: Place) -> None:
    def give_macs(session: Session) -> None:
        from server.cmdb.models import CiKey

        for one in session.scalars(select(Ci)):
            session.add(CiKey(ci_id=one.id, kind="macs", value=MACS[one.name].replace(":", "")))

    ran(adding, {name: [] for name in NAMES})
    adding.db.run_now(give_macs)
    guess = [hears("1", "bob", kind="bridge", sure=0.8), hears("2", "charlie", kind="bridge", sure=0.8)]
    assert ran(adding, {"alice": [*guess, hears("2", "charlie", "9")], "charlie": []}).told == 2
    assert known(adding) == [("alice", "1", "bob", ""), ("alice", "2", "charlie", "9")]


def test_a_neighbour_that_is_no_item_is_told_with_the_finding_and_makes_no_link(adding: Place) -> None:
    stranger = wire.ObservedLink("lldp", "7", {"name": ["mallory"]}, "3", 0.95)
    assert ran(adding, {"alice": [stranger, hears("8", "bob", "1")], "bob": []}).strangers == 1

    def read(session: Session) -> links.Heardsay:
        return links.heard_by(session, session.scalars(select(Finding).order_by(Finding.id)).first())  # type: ignore[arg-type]

    said = adding.db.read_now(read)
    assert [(one.link.port, one.known.name if one.known else None) for one in said.heard] == [
        ("7", None),
        ("8", "bob"),
    ]
    assert (len(known(adding)), said.against) == (1, [])
    whole = adding.db.read_now(links.of_run, 1)
    assert (whole.links, whole.against) == (1, [])
    assert [(one.teller.name, one.port, one.keys, one.far_port) for one in whole.outsiders] == [
        ("alice", "7", {"name": ("mallory",)}, "3")
    ]


@pytest.mark.parametrize("state", ["done", "cut"])
def test_a_discovered_link_ends_when_two_whole_runs_in_a_row_do_not_tell_it(
    sqlite_db: Database, state: wire.RunState
) -> None:
    place = make(sqlite_db, Policy.ADD)
    silent: dict[str, list[wire.ObservedLink]] = {"alice": [], "bob": []}
    ran(place, {"alice": [hears("1", "bob", "2")], "bob": []})
    assert ran(place, silent, NOON + HOUR, state=state).ended == 0
    assert ran(place, silent, NOON + 2 * HOUR).ended == (state == "done")
    assert len(known(place, ended=True)) == (state == "done")
    assert ran(place, {"alice": [hears("1", "bob", "2")]}, NOON + 3 * HOUR).new == (state == "done")
    assert len(known(place)) == 1


def test_a_teller_that_did_not_answer_or_was_cut_short_ends_nothing(sqlite_db: Database) -> None:
    place = make(sqlite_db, Policy.ADD)
    ran(place, {"alice": [hears("1", "bob", "2")], "bob": []})
    for hour in range(1, 4):
        ran(place, {"bob": []}, NOON + hour * HOUR)
    for hour in range(4, 7):
        ran(place, {"alice": [], "bob": []}, NOON + hour * HOUR, cut=["alice"])
    assert len(known(place)) == 1
    assert known(place, ended=True) == []


def test_told_in_every_second_run_it_lives_on(sqlite_db: Database) -> None:
    place = make(sqlite_db, Policy.ADD)
    for hour in range(6):
        said = [hears("1", "bob", "2")] if hour % 2 == 0 else []
        ran(place, {"alice": said, "bob": []}, NOON + hour * HOUR)
    assert len(known(place)) == 1
    assert known(place, ended=True) == []


def test_what_a_person_entered_is_confirmed_but_never_changed_doubled_or_ended(adding: Place) -> None:
    ran(adding, {name: [] for name in NAMES})
    enter(adding, "alice", "bob", {"source_port": "A1", "target_port": "B1"})
    assert ran(adding, {"alice": [hears("a1", "bob")], "bob": [], "charlie": []}, NOON + HOUR).new == 0
    assert relation(adding).seen_at == NOON + HOUR
    against = ran(adding, {"alice": [hears("A1", "charlie", "C1")], "charlie": []}, NOON + 2 * HOUR)
    assert (against.conflicts, against.new) == (1, 0)

    def read(session: Session) -> links.Heardsay:
        newest = select(Finding).where(Finding.name == "alice").order_by(Finding.id.desc()).limit(1)
        return links.heard_by(session, session.scalars(newest).one())

    (told,) = adding.db.read_now(read).against
    assert (told.entered.source, {told.one.name, told.other.name}) == ("entered", {"alice", "charlie"})
    for hour in range(3, 6):
        assert ran(adding, {name: [] for name in NAMES}, NOON + hour * HOUR).ended == 0
    one = relation(adding)
    assert (one.source, one.attributes, one.ended_at, one.confidence) == (
        "entered", {"source_port": "A1", "target_port": "B1"}, None, 1.0,
    )  # fmt: skip


def test_the_end_of_a_run_and_a_decision_have_its_links_settled_once(sqlite_db: Database) -> None:
    place = make(sqlite_db)

    def waiting(session: Session) -> list[int]:
        return [
            one.payload["run"] for one in session.scalars(select(JobRow).where(JobRow.name == jobs.LINKS))
        ]

    ran(place, {"alice": [hears("1", "bob", "2")], "bob": []})
    (run,) = place.db.read_now(waiting)
    assert known(place) == [], "they wait for approval"
    for number in place.db.read_now(lambda session: list(session.scalars(select(Item.id)))):
        place.db.run_now(deciding.approve, number, poll=False, by=None, now=NOON)
    assert place.db.read_now(waiting) == [run]
    assert place.db.run_now(links.settle_latest, run, now=NOON) is not None
    assert known(place) == [("alice", "1", "bob", "2")]
    ran(place, {"alice": [], "bob": []}, NOON + HOUR)
    assert place.db.run_now(links.settle_latest, run, now=NOON + HOUR) is None, "a later run knows better"
    assert place.db.run_now(links.settle_latest, 99_999, now=NOON) is None


LINKS = st.lists(
    st.builds(
        hears,
        st.sampled_from(["1", "2", "Gi1/0/3", ""]).filter(bool),
        st.sampled_from([*NAMES]),
        st.sampled_from(["", "1", "2", "gigabitethernet1/0/3"]),
        st.sampled_from(["lldp", "cdp", "bridge", "arp", "route"]),
        st.floats(0, 1),
    ),
    max_size=5,
)


@pytest.fixture
def room(sqlite_db: Database) -> Place:
    return make(sqlite_db, Policy.ADD)


@settings(
    max_examples=10,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(told=st.fixed_dictionaries(dict.fromkeys(NAMES, LINKS)))
def test_whatever_is_told_telling_it_again_changes_nothing(
    room: Place, told: dict[str, list[wire.ObservedLink]]
) -> None:
    def clear(session: Session) -> None:
        for one in session.scalars(select(Relation)):
            session.delete(one)

    room.db.run_now(clear)
    ran(room, told)
    once = known(room)
    assert ran(room, told).new == 0
    assert known(room) == once
    assert all(first != second for first, _, second, _ in once)
