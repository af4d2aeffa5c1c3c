"""What a run found: each address once, known items updated, new ones by policy, the unknown to the inbox."""

from datetime import timedelta

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from agent.discover.answers import Learned, apply
from agent.discover.found import Found
from rules import wire
from server.agents import attempts
from server.agents import service as agents
from server.agents.models import Agent, Target
from server.cmdb.models import Ci
from server.discovery import deciding, inbox, jobs, words
from server.discovery.models import Answer, Finding, Item, ItemState, Outcome, Policy, RangeJob
from server.discovery.service import configured
from server.kernel.db import Database
from server.kernel.errors import ConflictError, InvalidError
from server.kernel.i18n import use_language
from tests.discovery.place import NOON, SYS, ZONE, Place, make
from tests.discovery.test_jobs import make_other


@pytest.fixture
def asking(db: Database) -> Place:
    return make(db)


@pytest.fixture
def adding(db: Database) -> Place:
    return make(db, Policy.ADD)


def outcomes(place: Place, run: int) -> dict[str, str]:
    def read(session: Session) -> dict[str, str]:
        rows = session.scalars(select(Finding).where(Finding.run_id == run))
        return {one.address: one.outcome.value for one in rows}

    return place.db.read_now(read)


def count(place: Place, model: type) -> int:
    return place.db.read_now(lambda session: session.scalar(select(func.count()).select_from(model)) or 0)


def entry(place: Place, address: str) -> Item:
    found = place.db.read_now(lambda session: session.scalar(select(Item).where(Item.address == address)))
    assert found is not None
    return found


def test_a_recognised_device_is_added_and_polled_at_once_or_waits_as_the_job_says(
    adding: Place, sqlite_db: Database
) -> None:
    run = adding.begin()
    assert adding.report(findings=[adding.found(run, "10.20.8.4")]).items == []
    assert outcomes(adding, run) == {"10.20.8.4": "new"}
    assert (count(adding, Ci), count(adding, Target), count(adding, Item)) == (1, 1, 0)
    if adding.db is not sqlite_db:
        asking = make(sqlite_db)
        run = asking.begin()
        asking.report(findings=[asking.found(run, "10.20.8.4")])
        assert outcomes(asking, run) == {"10.20.8.4": "waiting"}
        assert (count(asking, Ci), count(asking, Target), count(asking, Item)) == (0, 0, 1)


def test_the_same_finding_again_changes_nothing(adding: Place) -> None:
    run = adding.begin()
    told = adding.found(run, "10.20.8.4")
    for _ in range(3):
        assert adding.report(findings=[told, told]).items == []
    assert (count(adding, Finding), count(adding, Ci), count(adding, Target)) == (1, 1, 1)
    assert adding.db.read_now(jobs.run_of, run).counts == {"new": 1}


def test_another_device_at_an_address_is_another_item(adding: Place) -> None:
    for serial in ("OLD-1111", "NEW-2222"):
        run = adding.begin()
        adding.report(findings=[adding.found(run, "10.20.8.4", serial=serial, name=f"host-{serial}")])
        assert outcomes(adding, run) == {"10.20.8.4": "new"}
        adding.db.run_now(jobs.cancel, run, now=NOON)
    assert (count(adding, Ci), count(adding, Target)) == (2, 1), "what is polled there is the new one"


def test_the_next_run_tells_what_changed_and_what_did_not(adding: Place) -> None:
    first = adding.begin()
    same, other = "10.20.8.4", "10.20.8.5"
    adding.report(findings=[adding.found(first, one, attributes={"version": "1.0"}) for one in (same, other)])
    adding.db.run_now(jobs.cancel, first, now=NOON)
    second = adding.begin()
    later = {"at": NOON.timestamp() + 60}
    adding.report(
        NOON + timedelta(minutes=2),
        findings=[
            adding.found(second, same, attributes={"version": "1.0"}, **later),
            adding.found(second, other, attributes={"version": "2.0"}, **later),
        ],
    )
    assert outcomes(adding, second) == {same: "unchanged", other: "changed"}

    def changes(session: Session) -> dict[str, list[str | None]]:
        query = select(Finding.changes).where(Finding.run_id == second, Finding.address == other)
        found: dict[str, list[str | None]] = session.scalars(query).one()
        return found

    assert adding.db.read_now(changes) == {"version": ["1.0", "2.0"]}
    assert count(adding, Target) == 2, "what is polled already is not doubled"


def test_an_agent_speaks_only_of_its_own_runs_and_their_addresses(adding: Place) -> None:
    run = adding.begin()
    other = make_other(adding)
    for place, told in (
        (adding, adding.found(run, "10.99.0.1")),
        (adding, adding.found(run + 100, "10.20.8.4")),
        (other, adding.found(run, "10.20.8.4")),
        (adding, msgspec.structs.replace(adding.found(run, "10.20.8.4"), job=adding.job_id + 1)),
    ):
        assert [one.code for one in place.report(findings=[told]).items] == ["forbidden"]
    assert (count(adding, Finding), count(adding, Ci)) == (0, 0)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_whatever_is_found_in_whatever_order_each_device_is_one_item_at_most(
    sqlite_db: Database, data: st.DataObject
) -> None:
    """Addresses of three devices, each by its serial, told in any order and number over two runs."""
    place = another_job(sqlite_db)
    devices = {f"10.20.8.{number}": f"SERIAL-{place.job_id}-{number % 3}" for number in range(1, 8)}
    told = data.draw(st.lists(st.sampled_from(sorted(devices)), min_size=1, max_size=12))
    for _ in range(2):
        run = place.begin()
        for address in told:
            name = f"host-{devices[address]}"
            answer = place.report(findings=[place.found(run, address, serial=devices[address], name=name)])
            assert answer.items == []
        place.db.run_now(jobs.cancel, run, now=NOON)

    def serials(session: Session) -> list[str]:
        mine = select(Ci.serial).where(Ci.serial.startswith(f"SERIAL-{place.job_id}-"))
        return [str(one) for one in session.scalars(mine)]

    found = place.db.read_now(serials)
    assert sorted(found) == sorted({devices[address] for address in told})


def another_job(db: Database) -> Place:
    """The same agent with one more job, for the next example; its reports go on in their order."""

    def write(session: Session) -> tuple[int, int]:
        agent = session.scalar(select(Agent.id))
        if agent is None:
            token = agents.create_token(session, "agent-b1", now=NOON)
            agent = agents.enrol(session, wire.Enrol(token.token, "agent-b1", "h", "1"), now=NOON).agent_id
        name = f"job {len(session.scalars(select(RangeJob.id)).all())}"
        new = jobs.NewJob(name, agent, ("10.20.8.0/24",), policy=Policy.ADD)
        return agent, jobs.create(session, new, zone=ZONE, now=NOON).id

    agent_id, job_id = db.run_now(write)
    return Place(db, agent_id, job_id, sequence=job_id * 1_000)


def test_an_unsure_device_waits_with_its_guess_and_an_answer_teaches_all_agents(asking: Place) -> None:
    run = asking.begin()
    alike = ["10.20.8.7", "10.20.8.8", "10.20.8.9"]
    asking.report(
        findings=[
            asking.found(
                run,
                one,
                kind="environment_sensor",
                sure=0.4,
                facts={**SYS, "sysDescr": f"Acme Widget {n} v3.{n}"},
            )
            for n, one in enumerate(alike)
        ]
    )
    assert set(outcomes(asking, run).values()) == {"unsure"}
    assert count(asking, Ci) == 0
    said = deciding.Said("ups", "Acme", "Widget")
    made = asking.db.run_now(deciding.answer, entry(asking, alike[0]).id, said, by=None, now=NOON)
    assert len(made) == 3, "those that say the same are taken as well"
    assert {one.class_code for one in made} == {"ups"}
    assert {one.model for one in made} == {"Widget"}
    assert count(asking, Target) == 3

    learned: Learned = asking.db.read_now(configured, asking.agent_id, wire.Config("g")).learned
    next_one = Found("10.20.8.40", facts={**SYS, "sysDescr": "Acme Widget 77 v9.1"})
    assert apply(next_one, learned), "the agent uses it for the next one"
    assert next_one.value("device_class") == "ups"
    with pytest.raises(ConflictError):
        asking.db.run_now(deciding.answer, entry(asking, alike[0]).id, said, by=None, now=NOON)
    asking.db.run_now(deciding.forget, asking.db.read_now(deciding.answers)[0].id)
    assert asking.db.read_now(configured, asking.agent_id, wire.Config("g")).learned == {}


@pytest.mark.parametrize("kind", ["", "no-such-class", "device", "environment"])
def test_an_answer_names_a_class_of_device(sqlite_db: Database, kind: str) -> None:
    place = make(sqlite_db)
    run = place.begin()
    place.report(findings=[place.found(run, "10.20.8.7", kind="")])
    item = entry(place, "10.20.8.7")
    if kind == "environment":
        made = place.db.run_now(deciding.answer, item.id, deciding.Said(kind), by=None, now=NOON)
        assert made[0].class_code == kind, "a broad class is better than none"
        return
    with pytest.raises(InvalidError) as refused:
        place.db.run_now(deciding.answer, item.id, deciding.Said(kind), by=None, now=NOON)
    assert refused.value.field == "/class_code"
    with pytest.raises(InvalidError):
        place.db.run_now(deciding.approve, item.id, poll=True, by=None, now=NOON)


def test_approving_takes_it_as_it_was_recognised_and_merging_takes_it_as_a_known_item(asking: Place) -> None:
    run = asking.begin()
    asking.report(
        findings=[asking.found(run, "10.20.8.4"), asking.found(run, "10.20.8.5", serial="", name="x9")]
    )
    ci, *_ = asking.db.run_now(deciding.approve, entry(asking, "10.20.8.4").id, poll=False, by=None, now=NOON)
    assert (ci.class_code, count(asking, Target)) == ("switch", 0)
    same = asking.db.run_now(deciding.merge, entry(asking, "10.20.8.5").id, ci.number, by=None, now=NOON)
    assert same.id == ci.id
    assert count(asking, Ci) == 1
    assert entry(asking, "10.20.8.5").state is ItemState.DONE


def test_approving_those_alike_takes_them_all_but_one_that_may_be_several(asking: Place) -> None:
    run = asking.begin()
    asking.report(findings=[asking.found(run, f"10.20.8.{n}") for n in range(4, 9)])
    first = entry(asking, "10.20.8.4").id
    made = asking.db.run_now(deciding.approve, first, poll=True, alike=True, by=None, now=NOON)
    assert len(made) == count(asking, Ci) == count(asking, Target) == 5
    assert asking.db.read_now(inbox.count_open) == 0


def test_an_ignored_address_is_asked_no_more_until_it_is_taken_back(asking: Place) -> None:
    run = asking.begin()
    asking.report(findings=[asking.found(run, "10.20.8.4", kind="")])
    item = entry(asking, "10.20.8.4").id
    asking.db.run_now(deciding.move, item, ItemState.IGNORED, by=None, now=NOON)
    told = asking.db.read_now(configured, asking.agent_id, wire.Config("g"))
    assert told.jobs[0].exclusions == ["10.20.8.4"]
    asking.db.run_now(jobs.cancel, run, now=NOON)
    second = asking.begin()
    asking.report(findings=[asking.found(second, "10.20.8.4", kind="")])
    assert outcomes(asking, second) == {"10.20.8.4": "ignored"}
    asking.db.run_now(deciding.move, item, ItemState.OPEN, by=None, now=NOON)
    assert asking.db.read_now(inbox.count_open) == 1


def test_several_known_items_make_a_conflict_and_change_nothing(adding: Place) -> None:
    run = adding.begin()
    first = adding.found(run, "10.20.8.4", serial="AAAA-1111", name="one")
    second = adding.found(run, "10.20.8.5", serial="BBBB-2222", name="two")
    adding.report(findings=[first, second])
    both = adding.found(run, "10.20.8.6", serial="", name="three")
    assert both.observation is not None
    shared = msgspec.structs.replace(both.observation, keys={"macs": ["0a0b0c0d0e01", "0a0b0c0d0e02"]})

    def give(session: Session) -> None:
        from server.cmdb.models import CiKey

        ids = list(session.scalars(select(Ci.id).order_by(Ci.id)))
        for number, mac in zip(ids, ("0a0b0c0d0e01", "0a0b0c0d0e02"), strict=True):
            session.add(CiKey(ci_id=number, kind="macs", value=mac))

    adding.db.run_now(give)
    adding.report(findings=[msgspec.structs.replace(both, observation=shared)])
    assert outcomes(adding, run)["10.20.8.6"] == "conflict"
    assert count(adding, Ci) == 2
    assert entry(adding, "10.20.8.6").kind is Outcome.CONFLICT


@pytest.mark.parametrize(
    ("facts", "form"), [({"ssh_platform": "cisco_ios"}, "network-cli"), ({"ssh_banner": "x"}, "linux-ssh")]
)
def test_what_ssh_opened_is_polled_as_what_it_is(adding: Place, facts: dict[str, str], form: str) -> None:
    run = adding.begin()
    told = adding.found(run, "10.20.8.4", facts=facts)
    ways: dict[wire.Way, int] = {"icmp": 0, "ssh": 22}
    adding.report(findings=[msgspec.structs.replace(told, ways=ways, credentials={"ssh": 4})])
    made = adding.db.read_now(lambda session: session.scalars(select(Target)).one())
    assert (made.transport, made.profile) == ("ssh", form)


def test_what_was_tried_is_kept_by_device_and_credential(adding: Place) -> None:
    run = adding.begin()
    tried = [
        wire.Attempt("snmp", 3, "silent", "no answer"),
        wire.Attempt("snmp", 4, "answered"),
        wire.Attempt("ssh", 5, "held_back", "rests"),
        wire.Attempt("http", 0, "answered"),
    ]
    adding.report(findings=[adding.found(run, "10.20.8.4", attempts=tried)])
    adding.report(findings=[adding.found(run, "10.20.8.4", attempts=tried)])
    log = adding.db.read_now(attempts.of_address, adding.agent_id, "10.20.8.4")
    told = {
        (one.attempt.way, one.attempt.credential_id): (one.attempt.outcome, one.attempt.times) for one in log
    }
    assert told == {("snmp", 3): ("silent", 1), ("snmp", 4): ("answered", 1)}


def test_answers_are_kept_once_for_a_shape(asking: Place) -> None:
    run = asking.begin()
    asking.report(findings=[asking.found(run, "10.20.8.7", kind=""), asking.found(run, "10.20.8.8", kind="")])
    for address, kind in (("10.20.8.7", "ups"), ("10.20.8.8", "pdu")):
        said = deciding.Said(kind, alike=False)
        asking.db.run_now(deciding.answer, entry(asking, address).id, said, by=None, now=NOON)
    assert count(asking, Answer) == 1
    assert asking.db.read_now(deciding.answers)[0].class_code == "pdu"


@pytest.mark.parametrize(
    ("reason", "english", "chinese"),
    [
        ("lex descr:switch", "sysDescr speaks of: Switch", "“交换机”类用词见于：sysDescr"),
        ("descr:layer 3, gram:, sw", "sysDescr says “layer 3”; “, sw” stands in sysDescr",
         "sysDescr 中有“layer 3”；sysDescr 中出现“, sw”"),
        ("maker org:ups", "its maker's name names a maker known for: UPS",
         "主营“不间断电源”的厂商见于：厂商名称"),
        ("lex host:server", "a computer with Net-SNMP and no maker's subtree",
         "运行 Net-SNMP 的计算机，没有厂商子树"),
        ("nothing in particular", "nothing in particular speaks for it", "没有明显特征"),
        ("line elsewhere:ups", "line elsewhere:ups", "line elsewhere:ups"),
    ],
)  # fmt: skip
def test_what_speaks_for_a_class_is_said_in_sentences(reason: str, english: str, chinese: str) -> None:
    guess = wire.Guess("switch", 0.6, f"speaks for it: {reason}", "learned")
    for language, wanted in (("en", english), ("zh", chinese)):
        with use_language(language):
            assert words.why(guess) == wanted
